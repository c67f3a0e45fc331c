//! Asking the daemon over its control socket, as `cgwd replace` and `cgwd status` do.

use super::sky::PATIENCE;
use super::stage::Stage;
use super::words::word;
use super::world::World;
use crate::cli::exit::{Exit, Failure};
use crate::daemon::control::{self, Places};
use crate::daemon::with_causes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::time::{Instant, timeout};

/// What the daemon tells of a replacement, shown as it comes.
pub struct Course<'a, 'b> {
    stage: &'a Stage<'b>,
    began: Instant,
    /// What each step that was begun is about.
    steps: BTreeMap<String, String>,
    proven: usize,
    total: u64,
    pub notices: Vec<Value>,
}

impl World<'_> {
    fn places(&self) -> Places {
        Places::below(&self.place.state)
    }

    /// What would be done; nothing is begun.
    pub async fn draft(&self) -> Result<Value, Failure> {
        let last = self.ask(&json!({"go": "draft"}), |_| {}).await?;
        let draft = last["draft"].clone();
        let refused = draft["gates"].as_array().into_iter().flatten().find(|gate| gate["passed"] == false);
        match (refused, draft["plan"].is_string()) {
            (None, true) => Ok(draft),
            (Some(gate), _) => Err(Failure::failed(format!("gate {} refuses: {}", word(&gate["name"]), word(&gate["detail"])))),
            (None, false) => Err(Failure::failed("the daemon finds nothing to replace")),
        }
    }

    /// How the drafted replacement ended, which is well.
    pub async fn begin(&self, draft: &Value, on_notice: impl FnMut(&Value)) -> Result<Value, Failure> {
        let last = self.ask(&json!({"go": "begin", "plan": draft["plan"]}), on_notice).await?;
        well_ended(&last)
    }

    /// How the replacement that runs ended, which is well.
    pub async fn watch(&self, on_notice: impl FnMut(&Value)) -> Result<Value, Failure> {
        well_ended(&self.ask(&json!({"go": "watch"}), on_notice).await?)
    }

    /// The status after a look at everything.
    pub async fn looked_again(&self) -> Result<Value, Failure> {
        let answer = control::ask(&self.places(), "refresh", PATIENCE).await;
        let answer = answer.map_err(|error| Failure::failed(with_causes(&error)))?;
        match answer["error"]["message"].as_str() {
            None => Ok(answer["status"].clone()),
            Some(why) => Err(Failure::failed(why)),
        }
    }

    /// The last line of the answer.
    async fn ask(&self, request: &Value, mut on_notice: impl FnMut(&Value)) -> Result<Value, Failure> {
        let places = self.places();
        let mut last = Value::Null;
        let asked = control::ask_stream(&places, request, |line| match line.get("notice") {
            Some(_) => on_notice(line),
            None => last = line.clone(),
        });
        match timeout(PATIENCE, asked).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Failure::failed(with_causes(&error))),
            Err(_) => return Err(Failure::failed(format!("the daemon did not come to an end within {} s", PATIENCE.as_secs()))),
        }
        match last.get("error") {
            Some(error) => Err(Failure::new(Exit::Failed, word(&error["message"]), word(&error["remedy"]))),
            None => Ok(last),
        }
    }
}

fn well_ended(last: &Value) -> Result<Value, Failure> {
    let ended = last["ended"].clone();
    let works = |connection: &Value| connection["verified"] == true;
    match ended["outcome"] == "done" && ended["connections"].as_array().is_some_and(|connections| connections.iter().all(works)) {
        true => Ok(ended),
        false => Err(Failure::failed(format!("the replacement ended otherwise than well: {last}"))),
    }
}

impl<'a, 'b> Course<'a, 'b> {
    pub fn new(stage: &'a Stage<'b>) -> Course<'a, 'b> {
        Course { stage, began: Instant::now(), steps: BTreeMap::new(), proven: 0, total: 0, notices: Vec::new() }
    }

    /// One line for each step that is proven.
    pub fn take(&mut self, line: &Value) {
        let (notice, after) = (&line["notice"], self.began.elapsed());
        let step = word(&notice["step"]);
        match notice["kind"].as_str() {
            Some("began") => {
                self.steps.insert(step, about(notice));
            }
            Some("proven") => {
                let about = self.steps.get(&step).map_or("", String::as_str);
                // With its last step the plan is no longer open, and the daemon has none to count.
                self.total = self.total.max(line["total"].as_u64().unwrap_or_default());
                self.proven += 1;
                let count = format!("{}/{}", self.proven, self.total);
                self.stage.line(&format!("+{:.2} s", after.as_secs_f32()), &format!("{count:>5}  {about}"));
            }
            _ => {}
        }
        let mut told = notice.clone();
        told["millis"] = json!(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        self.notices.push(told);
    }
}

fn about(notice: &Value) -> String {
    let (action, target) = (word(&notice["action"]), word(&notice["target"]));
    let connection = notice["connection"].as_str().filter(|id| *id != target).map(|id| format!(" of {id}")).unwrap_or_default();
    match action.as_str() {
        "Verify" => format!("{target}{connection} works: the cloud shows it established"),
        _ => format!("{action} {target}{connection}"),
    }
}
