//! A person asked for a look at everything: the sources afresh, then the cloud, then the answer.

use super::background::cloud_error;
use super::{CloudReport, Daemon};
use crate::execute::ExecuteError;
use crate::system::wake::since_boot;
use serde_json::{Value, json};
use tokio::sync::oneshot;

pub struct Refresh {
    reply: oneshot::Sender<Value>,
    /// The number of the asking that it began.
    asking: u64,
    /// The number of the visit to the cloud that followed; `None` while the sources are being asked.
    visit: Option<u64>,
}

impl Daemon {
    pub(super) fn begin_refresh(&mut self, reply: oneshot::Sender<Value>) {
        self.refreshes.push(Refresh { reply, asking: self.asking.next(), visit: None });
        self.asking.at_once(since_boot());
    }

    /// The sources were asked for it; the cloud comes next.
    pub(super) fn refresh_cloud(&mut self) {
        let next = self.background.next_visit();
        let mut looked = false;
        for refresh in self.refreshes.iter_mut().filter(|refresh| refresh.visit.is_none() && self.asking.is_over(refresh.asking)) {
            refresh.visit = Some(next);
            looked = true;
        }
        if looked {
            self.look_again();
        }
    }

    /// Whether a person waits for the visit that begins next.
    pub(super) fn is_waited_for(&self) -> bool {
        let next = self.background.next_visit();
        self.refreshes.iter().any(|refresh| refresh.visit == Some(next))
    }

    /// To be called when the status says what the round found.
    pub(super) fn answer_refreshes(&mut self) {
        let over = |refresh: &Refresh| match refresh.visit {
            None => false,
            // Where none is under way there was nothing to look for.
            Some(visit) => !self.background.cloud_is_busy() || self.cloud.seen >= visit,
        };
        let (over, waiting): (Vec<Refresh>, Vec<Refresh>) = std::mem::take(&mut self.refreshes).into_iter().partition(over);
        self.refreshes = waiting;
        for refresh in over {
            // The last report is of a visit that the person waited for, or says nothing to them.
            let report = self.cloud.report.as_ref().filter(|_| refresh.visit.is_some_and(|visit| self.cloud.seen >= visit));
            let _gone = refresh.reply.send(self.refresh_answer(report));
        }
    }

    /// Whoever waited for this visit hears what it found.
    pub(super) fn answer_for(&mut self, report: &CloudReport) {
        let waited = |refresh: &Refresh| refresh.visit.is_some_and(|visit| visit <= report.number);
        let (over, waiting): (Vec<Refresh>, Vec<Refresh>) = std::mem::take(&mut self.refreshes).into_iter().partition(waited);
        self.refreshes = waiting;
        for refresh in over {
            let _gone = refresh.reply.send(self.refresh_answer(Some(report)));
        }
    }

    fn refresh_answer(&self, report: Option<&CloudReport>) -> Value {
        let result = report.map(|report| &report.result);
        let registration = result.and_then(|result| result.as_ref().ok()).and_then(Option::as_ref);
        let done = registration.map_or(0, |registration| registration.done.len());
        let held = registration.and_then(|registration| registration.held.as_ref()).map(|hold| hold.until.to_string());
        let error = result.and_then(|result| result.as_ref().err()).map(error_json);
        json!({"done": done, "error": error, "held_until": held, "status": self.status.borrow().json()})
    }
}

fn error_json(error: &ExecuteError) -> Value {
    let cloud = cloud_error(error);
    json!({
        "message": super::with_causes(error),
        "remedy": cloud.map(|error| &error.remedy),
        "code": cloud.map(|error| &error.code).filter(|code| !code.is_empty()),
        "request_id": cloud.and_then(|error| error.request_id.as_ref()),
        "resumable": matches!(error, ExecuteError::Unconfirmed { .. }),
    })
}
