//! The replacement by the daemon that runs: it plans, acts and goes on whatever becomes of this command; here is only the
//! person's word, and what is told.

use super::progress::Waiting;
use super::{ReplaceArgs, confirm, device, end_it_first, told_to_end};
use crate::cli::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, Tone};
use crate::cli::plan_text::plan_text;
use crate::config;
use crate::daemon::control::{self, AskError, Places};
use crate::daemon::replacement::policy::CHANGED_AGAIN;
use crate::execute::replacement::Kept;
use crate::journal::Journal;
use crate::model::{ReplacementPlan, Settings};
use crate::plan::replacement::AT_THE_BEGINNING;
use crate::system::signals::Signals;
use serde_json::{Value, json};

pub async fn run(context: &Context, settings: &Settings, mut arguments: ReplaceArgs, pid: Option<String>) -> Result<Exit, Failure> {
    context.output.progress(&format!("the daemon (process {}) does it", pid.as_deref().unwrap_or("unknown")));
    let places = Places::new(&context.environment, &settings.state_directory);
    let mut asker = Asker { context, places, pid, status: Value::Null, gives_up: arguments.abort };
    asker.status = control::ask(&asker.places, "status", PATIENCE).await.map_err(|error| asker.not_asked(&error))?;
    if arguments.abort {
        return asker.abort(Some(settings)).await;
    }
    let status = &asker.status;
    if status["replacement"]["plan"].is_string() {
        refuse_another(&arguments, &status["replacement"])?;
        let go = if status["replacement"]["phase"] == "stopped" { "resume" } else { "watch" };
        let last = match asker.go_on(go).await? {
            Some(last) => asker.away_from(last, &arguments).await?,
            None => None,
        };
        match last {
            Some(last) if !plans_anew(&last, &arguments) => return Ok(asker.conclude(Some(settings), &last, None).await),
            Some(_) => {
                asker.look_anew().await;
                arguments.resume = false;
            }
            None => {}
        }
    }
    let draft = asker.draft(&arguments, false).await?;
    if arguments.resume {
        return Ok(asker.nothing_pending(&draft));
    }
    asker.begin(settings, &arguments, draft).await
}

/// The daemon has given it up because the device has changed again, and what is wanted now is what is read. Where a person named the
/// address, that would only be given up once more.
fn plans_anew(last: &Value, arguments: &ReplaceArgs) -> bool {
    let ended = &last["ended"];
    ended["outcome"] == "abandoned" && ended["by_itself"] == true && !arguments.overrides()
}

/// Where the configuration cannot be used; `failure` says why.
pub async fn abort_in_its_words(context: &Context, failure: Failure) -> Result<Exit, Failure> {
    let Some(directory) = config::state_directory(&context.config_path, &context.environment, |_| true) else { return Err(failure) };
    let places = Places::new(&context.environment, &directory);
    let Ok(status) = control::ask(&places, "status", PATIENCE).await else { return Err(failure) };
    context.output.problem(&failure);
    context.output.progress("the daemon, which goes by the configuration that it has read before, does it");
    let pid = status["pid"].as_u64().map(|pid| pid.to_string());
    Asker { context, places, pid, status, gives_up: true }.abort(None).await
}

/// The daemon's code for it.
const NOTHING_OPEN: &str = "nothing_open";

/// That there is nothing to end is no failure: the answer has the shape of every other. `status`: what is known of the device.
pub(super) fn nothing_to_give_up(context: &Context, status: &Value) -> Exit {
    let (message, remedy) = ("no replacement is open", "`cgwd plan` says what is wanted");
    let mut document = document(status, &Value::Null, &json!({"outcome": null, "millis": 0}));
    document["decision"] = status["decision"].clone();
    document["reason"] = json!({"message": message, "remedy": remedy});
    context.output.result(&document, |_| format!("{message}: nothing to give up\n  what to do: {remedy}\n"));
    Exit::Done
}

/// Whoever asks for another address or ASN than the open replacement's does not mean to go on with it.
fn refuse_another(arguments: &ReplaceArgs, open: &Value) -> Result<(), Failure> {
    let (ip, asn) = (&open["new"]["ip"], &open["new"]["asn"]);
    let other_ip = arguments.to.is_some_and(|to| *ip != json!(to));
    let other_asn = arguments.asn.is_some_and(|wanted| *asn != json!(wanted.number()));
    if !other_ip && !other_asn {
        return Ok(());
    }
    let asn = asn.as_u64().and_then(|asn| u32::try_from(asn).ok());
    Err(end_it_first(open["plan"].as_str().unwrap_or_default(), ip.as_str().unwrap_or_default(), asn))
}

/// As `could_make_none_first`: in the documented order what is pointed elsewhere in place waits at the temporary one.
fn could_make_none_first(draft: &Value) -> bool {
    let waits = || draft["steps"].as_array().is_some_and(|steps| steps.iter().any(|step| step["strategy"] == "rebind"));
    draft["order"] == "new-first" || draft["steps"][0]["action"] == "CreateCustomerGateway" && !waits()
}

/// A status is there at once.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

struct Asker<'a> {
    context: &'a Context,
    places: Places,
    pid: Option<String>,
    /// What the daemon knew at the beginning.
    status: Value,
    /// That nothing is open any more is what was asked for.
    gives_up: bool,
}

impl Asker<'_> {
    async fn abort(&self, settings: Option<&Settings>) -> Result<Exit, Failure> {
        match self.ask(&json!({"go": "abort"})).await {
            Ok(last) => Ok(self.conclude(settings, &last, None).await),
            Err(failure) if failure.code.as_deref() == Some(NOTHING_OPEN) => Ok(nothing_to_give_up(self.context, &self.status)),
            Err(failure) => Err(failure),
        }
    }

    async fn draft(&self, arguments: &ReplaceArgs, documented: bool) -> Result<Value, Failure> {
        let request = json!({
            "go": "draft", "to": arguments.to, "asn": arguments.asn.map(|asn| asn.number()), "planned": arguments.planned,
            "documented": documented,
        });
        let last = self.ask(&request).await?;
        Ok(last["draft"].clone())
    }

    /// From what the daemon knows now.
    async fn look_anew(&mut self) {
        self.context.output.progress("the device has changed again: the open replacement was given up at a safe point and is planned anew");
        if let Ok(status) = control::ask(&self.places, "status", PATIENCE).await {
            self.status = status;
        }
    }

    /// How the open replacement ended; `None` where it was over before that was asked.
    async fn go_on(&self, go: &str) -> Result<Option<Value>, Failure> {
        match self.ask(&json!({"go": go})).await {
            Err(failure) if failure.code.as_deref() == Some("nothing_open") => Ok(None),
            asked => asked.map(Some),
        }
    }

    /// Where the device has changed again it goes only as far as where it can be given up, and then is.
    async fn away_from(&self, last: Value, arguments: &ReplaceArgs) -> Result<Option<Value>, Failure> {
        let has_changed = last["ended"]["stopped"]["reason"] == CHANGED_AGAIN;
        if has_changed && !arguments.overrides() { self.go_on("resume").await } else { Ok(Some(last)) }
    }

    /// To the end of whatever is planned: where the device changes meanwhile that is another plan.
    async fn begin(&mut self, settings: &Settings, arguments: &ReplaceArgs, mut draft: Value) -> Result<Exit, Failure> {
        let ended = loop {
            let ended = match self.confirmed(settings, arguments, &draft).await? {
                Ok(ended) => ended,
                Err(exit) => return Ok(exit),
            };
            match self.away_from(ended, arguments).await? {
                Some(ended) if !plans_anew(&ended, arguments) => break ended,
                Some(_) | None => {}
            }
            self.look_anew().await;
            draft = self.draft(arguments, false).await?;
        };
        // Only the cloud knows how many it allows: where its answer is the first to say so, the other order is offered now.
        let is_full = ended["ended"]["stopped"]["reason"] == "quota" && ended["ended"]["written"] == false;
        if !is_full || !could_make_none_first(&draft) || arguments.yes {
            return Ok(self.conclude(Some(settings), &ended, Some(&draft)).await);
        }
        self.leave_nothing_open(&ended["ended"]).await;
        confirm::documented_order(self.context).await?;
        draft = self.draft(arguments, true).await?;
        match self.confirmed(settings, arguments, &draft).await? {
            Ok(ended) => Ok(self.conclude(Some(settings), &ended, Some(&draft)).await),
            Err(exit) => Ok(exit),
        }
    }

    /// Shown, agreed to and done, to the last line of the answer; else the exit code of a plan that did not begin.
    async fn confirmed(&self, settings: &Settings, arguments: &ReplaceArgs, draft: &Value) -> Result<Result<Value, Exit>, Failure> {
        let refused = draft["gates"].as_array().is_some_and(|gates| gates.iter().any(|gate| gate["passed"] == false));
        let Some(plan) = draft["plan"].as_str().filter(|_| !refused && draft["decision"] == "replace") else {
            return Ok(Err(self.not_begun(draft.clone())));
        };
        let shown = document(&self.status, draft, &Value::Null);
        confirm::show(self.context, &plan_text(&self.context.output, &shown), arguments.yes);
        if !arguments.yes {
            confirm::by_name(self.context, &settings.device, "\nThe connections are replaced as shown above.").await?;
        }
        let last = self.ask(&json!({"go": "begin", "plan": plan})).await?;
        if let Some(refused) = last.get("refused") {
            return Ok(Err(self.not_begun(refused.clone())));
        }
        if last.get("changed").is_some() {
            return Err(Failure::new(
                Exit::Refused,
                "what would be done has changed since it was shown; nothing was begun",
                "run it again",
            ));
        }
        Ok(Ok(last))
    }

    fn nothing_pending(&self, draft: &Value) -> Exit {
        self.context.output.progress("no replacement is open: nothing to resume");
        let in_sync = draft["decision"] == "in_sync";
        self.show(draft, if in_sync { "done" } else { "blocked" });
        match draft["decision"].as_str() {
            Some("in_sync") => Exit::Done,
            Some("blocked") if draft["plan"].is_null() => of_blocked(draft),
            _ => Exit::ChangeNeeded,
        }
    }

    fn not_begun(&self, mut draft: Value) -> Exit {
        let exit = match draft["decision"].as_str() {
            Some("in_sync") => Exit::Done,
            Some("create" | "adopt") => Exit::ChangeNeeded,
            _ => of_blocked(&draft),
        };
        if exit == Exit::Refused {
            draft["decision"] = json!("blocked");
        }
        self.show(&draft, if exit == Exit::Done { "done" } else { "blocked" });
        exit
    }

    fn show(&self, draft: &Value, outcome: &str) {
        let document = document(&self.status, draft, &json!({"outcome": outcome, "millis": 0}));
        self.context.output.result(&document, |output| {
            plan_text(output, &document) + &output.paint(if outcome == "done" { Tone::Good } else { Tone::Bad }, "\nnot replaced\n")
        });
    }

    async fn conclude(&self, settings: Option<&Settings>, last: &Value, draft: Option<&Value>) -> Exit {
        let mut ended = last["ended"].clone();
        let exit = exit_of_end(&ended, draft.is_some(), self.gives_up);
        if exit == Exit::Refused {
            ended["outcome"] = json!("blocked");
            self.leave_nothing_open(&ended).await;
        }
        let told = match settings.filter(|_| !self.context.output.json) {
            Some(settings) => self.snippets(settings, &ended).await,
            None => String::new(),
        };
        let document = document(&self.status, draft.unwrap_or(&Value::Null), &ended);
        self.context.output.result(&document, |output| ended_text(output, &ended) + &told);
        exit
    }

    /// A plan that came to nothing does not linger; where the daemon has ended it already, there is nothing to end.
    async fn leave_nothing_open(&self, ended: &Value) {
        if ended["stopped"].is_object()
            && let Err(failure) = self.ask(&json!({"go": "abort", "came_to_nothing": true})).await
        {
            tracing::debug!(reason = failure.message, "nothing to give up");
        }
    }

    /// What to change on the device, read from the cloud by the command itself, as far as its own credentials go.
    async fn snippets(&self, settings: &Settings, ended: &Value) -> String {
        let moved: Vec<String> = ended["connections"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|moved| ended["outcome"] == "done" || moved["new_id"] != moved["old_id"])
            .filter_map(|moved| moved["new_id"].as_str().map(str::to_owned))
            .collect();
        let plan = plan_in_journal(settings, ended["plan"].as_str().unwrap_or_default());
        let (Some(plan), false) = (plan, moved.is_empty()) else { return String::new() };
        match self.context.client(settings) {
            Ok(client) => device::snippets(&client, &plan, &moved).await,
            Err(failure) => {
                format!("\nwhat to change on the device cannot be read from the cloud by this command: {}\n", failure.message)
            }
        }
    }

    /// The last line of the answer; what comes before it is told as it happens. A hang-up ends nothing; a person who has had
    /// enough may go, and the daemon goes on.
    async fn ask(&self, request: &Value) -> Result<Value, Failure> {
        let mut last = Value::Null;
        let output = &self.context.output;
        let mut signals = Signals::listen().map_err(Failure::system)?;
        let mut waiting = Waiting::default();
        let asked = control::ask_stream(&self.places, request, |line| match line.get("notice") {
            Some(notice) if notice["kind"] == "waits" && !waiting.is_news(&text_of(notice, "step"), &text_of(notice, "reason")) => {}
            Some(notice) => output.progress(&notice_text(notice)),
            None => last = line.clone(),
        });
        tokio::select! {
            asked = asked => if let Err(error) = asked {
                return Err(self.broke_off(request, &error).await);
            },
            () = told_to_end(&mut signals) => return Err(no_longer_watching()),
        }
        match last.get("error") {
            Some(error) if error["code"] == "failed" && self.has_open_plan().await => {
                Err(Failure { exit: Exit::Interrupted, ..of_daemon(error) })
            }
            Some(error) => Err(of_daemon(error)),
            None => Ok(last),
        }
    }

    async fn has_open_plan(&self) -> bool {
        let status = control::ask(&self.places, "status", PATIENCE).await.unwrap_or_default();
        status["replacement"]["plan"].is_string()
    }

    /// The daemon lets go of whoever reads too slowly, and it can end. What was begun goes on either way.
    async fn broke_off(&self, request: &Value, error: &AskError) -> Failure {
        let begins = request["go"] != "draft";
        if !begins || !matches!(error, AskError::BrokenOff { .. } | AskError::Failed { .. }) {
            return self.not_asked(error);
        }
        match control::ask(&self.places, "status", PATIENCE).await {
            Ok(_) => no_longer_watching(),
            Err(_) => Failure::new(
                Exit::Interrupted,
                crate::daemon::with_causes(error),
                "the journal has everything: it goes on when the daemon starts again, or with `cgwd replace --resume`",
            ),
        }
    }

    fn not_asked(&self, error: &AskError) -> Failure {
        let pid = self.pid.as_ref().map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
        Failure::new(
            Exit::Failed,
            format!("{pid} holds the state directory, and {}", crate::daemon::with_causes(error)),
            "wait for the other cgwd command to end, or stop the daemon (`systemctl stop cgwd`)",
        )
    }
}

fn no_longer_watching() -> Failure {
    Failure::new(
        Exit::Interrupted,
        "no longer watching; the daemon goes on",
        "`cgwd status --watch` shows how it stands, `cgwd replace --resume` watches again",
    )
}

fn plan_in_journal(settings: &Settings, id: &str) -> Option<ReplacementPlan> {
    let journal = Journal::open_to_read(&settings.state_directory).ok().flatten()?;
    let replacements = &journal.progress().replacements;
    let open = replacements.open.as_ref();
    let last = replacements.last.as_ref().map(|last| &*last.progress);
    open.into_iter().chain(last).map(|progress| &progress.plan).find(|plan| plan.id == id).cloned()
}

/// The same as without a daemon.
fn exit_of_end(ended: &Value, begun_here: bool, gives_up: bool) -> Exit {
    let changed_again = ended["stopped"]["reason"] == CHANGED_AGAIN && !begun_here;
    match ended["outcome"].as_str() {
        // What it was to do is still to be done.
        Some("abandoned") if !gives_up => Exit::ChangeNeeded,
        Some("done" | "abandoned") => Exit::Done,
        Some("rolled_back") => Exit::Failed,
        Some("not_safe") => Exit::Refused,
        _ if is_a_refusal(ended) && ended["written"] == false && !changed_again => Exit::Refused,
        _ => Exit::Interrupted,
    }
}

fn of_blocked(draft: &Value) -> Exit {
    let errors = draft["findings"].as_array().into_iter().flatten().filter(|finding| finding["severity"] == "error");
    let mut codes = errors.filter_map(|finding| finding["code"].as_str());
    if codes.any(|code| code.starts_with("address.") || code.starts_with("asn.")) { Exit::Unusable } else { Exit::Refused }
}

fn of_daemon(error: &Value) -> Failure {
    let text = |key: &str| error[key].as_str().map(str::to_owned);
    let exit = if text("code").as_deref() == Some(NOTHING_OPEN) { Exit::Done } else { Exit::Failed };
    let remedy = text("remedy").unwrap_or_else(|| "`cgwd status` and the journal tell more".to_owned());
    Failure { code: text("code"), request_id: text("request_id"), ..Failure::new(exit, text("message").unwrap_or_default(), remedy) }
}

fn is_a_refusal(ended: &Value) -> bool {
    let reason = ended["stopped"]["reason"].as_str().unwrap_or_default();
    super::alone::REFUSALS.contains(&reason)
}

/// The plan and how it ended, as one document.
fn document(status: &Value, draft: &Value, ended: &Value) -> Value {
    let known = |key: &str| status[key].clone();
    let mut document = json!({
        "schema": 1, "decision": "replace", "region": known("region"), "device": known("device"), "address": known("address"),
        "asn": known("asn"), "customer_gateway": known("customer_gateway"), "steps": [], "gates": [], "findings": [],
    });
    for key in ["decision", "region", "device", "address", "asn", "customer_gateway", "steps", "gates", "findings"] {
        if let Some(value) = draft.get(key).filter(|value| !value.is_null()) {
            document[key] = value.clone();
        }
    }
    if ended["outcome"] == "blocked" {
        document["decision"] = json!("blocked");
        refuse_gate(&mut document["gates"], &ended["stopped"]);
    }
    for key in ["outcome", "old_customer_gateway_id", "new_customer_gateway_id", "millis"] {
        document[key] = ended[key].clone();
    }
    document["connections"] = if ended["connections"].is_array() { ended["connections"].clone() } else { json!([]) };
    if let Some(leftover) = ended["leftover"].as_array().filter(|leftover| !leftover.is_empty()) {
        let ids: Vec<String> = leftover.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if let Some(findings) = document["findings"].as_array_mut() {
            let text = |key: &str| ended["kept"][key].as_str().map(str::to_owned);
            let kept = text("why").map(|why| Kept { why, remedy: text("remedy") });
            findings.push(json!(super::report::leftover(&ids, kept.as_ref())));
        }
    }
    if draft["steps"].is_null() && ended["steps"].is_array() {
        document["steps"] = ended["steps"].clone();
    }
    if draft.get("rewrites").is_some() {
        super::report::add_consequences(&mut document, draft);
    }
    if ended["why"].is_string() {
        document["reason"] = json!({"message": ended["why"], "remedy": ended["stopped"]["remedy"]});
    }
    if let Some(stays) = ended.get("stays") {
        document["stays"] = stays.clone();
    }
    document
}

/// A gate that refused when the replacement had begun.
fn refuse_gate(gates: &mut Value, stopped: &Value) {
    let (Some(gates), Some(reason)) = (gates.as_array_mut(), stopped["reason"].as_str()) else { return };
    if !AT_THE_BEGINNING.contains(&reason) {
        return;
    }
    let refused = json!({"name": reason, "passed": false, "detail": stopped["message"]});
    match gates.iter_mut().find(|gate| gate["name"] == reason) {
        Some(gate) => *gate = refused,
        None => gates.push(refused),
    }
}

fn text_of(notice: &Value, key: &str) -> String {
    notice[key].as_str().unwrap_or_default().to_owned()
}

fn notice_text(notice: &Value) -> String {
    let text = |key: &str| text_of(notice, key);
    let about = notice["connection"].as_str().unwrap_or("customer gateway");
    match text("kind").as_str() {
        "began" => format!("  {:>4}  {about}  {} {}", text("step"), text("action"), text("target")),
        "proven" => format!("  {:>4}  {about}  done", text("step")),
        "waits" => format!("  {:>4}  {about}  waits: {}", text("step"), text("reason")),
        "turned" => format!("going back: {}", text("why")),
        _ => format!("stopped: {}", notice["stopped"]["message"].as_str().unwrap_or_default()),
    }
}

fn ended_text(output: &Output, ended: &Value) -> String {
    let outcome = ended["outcome"].as_str().unwrap_or("interrupted");
    let tone = if ["done", "abandoned"].contains(&outcome) { Tone::Good } else { Tone::Bad };
    let mut text = format!("\n{}\n", output.paint(tone, outcome));
    if let Some(why) = ended["why"].as_str() {
        text += &format!("  {why}\n");
    }
    if let Some(remedy) = ended["stopped"]["remedy"].as_str() {
        text += &format!("  what to do: {remedy}\n");
    }
    for moved in ended["connections"].as_array().into_iter().flatten() {
        let verified = if moved["verified"] == true { "works" } else { "not seen to work" };
        let id = |key: &str| moved[key].as_str().unwrap_or_default().to_owned();
        text += &format!("  {} -> {} [{}] {verified}\n", id("old_id"), id("new_id"), id("strategy"));
    }
    let timeline = ended["timeline"].as_array().into_iter().flatten();
    text += &super::report::section("timeline", timeline.filter_map(Value::as_str).map(str::to_owned).collect());
    for line in ended["stays"].as_array().into_iter().flatten() {
        text += &format!("  {}\n", line.as_str().unwrap_or_default());
    }
    text
}
