//! What a person asks for over the control socket. One after the other; who waits for the same shares the answer.

use super::document::plan_json;
use super::jobs::error_json;
use super::policy::Course;
use super::task::{Job, Planned};
use crate::daemon::control::Replace;
use crate::daemon::replacing::Wish;
use crate::daemon::want::refused_gates;
use crate::daemon::{Daemon, Examined};
use crate::execute::replacement::Word;
use crate::plan::{Decision, Step};
use serde_json::{Value, json};
use std::net::IpAddr;
use tokio::sync::mpsc;

type Asker = mpsc::Sender<Value>;

impl Daemon {
    pub(in crate::daemon) fn take_asked(&mut self, replace: Replace, asker: Asker) {
        self.replacing.queue.push_back((replace, asker));
    }

    /// As far as it can be done now.
    pub(super) fn serve(&mut self, examined: &Examined) {
        while let Some((replace, asker)) = self.replacing.queue.pop_front() {
            if let Some(waits) = self.serve_one(replace, asker, examined) {
                self.replacing.queue.push_front(waits);
                return;
            }
        }
    }

    /// Gives it back where it has to wait for the job that runs.
    fn serve_one(&mut self, replace: Replace, asker: Asker, examined: &Examined) -> Option<(Replace, Asker)> {
        let (runs, is_open) = (self.background.job_kind().is_some(), self.replacement_is_open());
        let writes = !matches!(replace, Replace::Draft(_) | Replace::Watch);
        if let Some(why) = self.watch_only().filter(|_| writes) {
            let message = format!("the state cannot be written: {why}");
            refuse(&asker, &message, "make the state directory writable; cgwd notices within a minute", "watch_only");
            return None;
        }
        match (&replace, is_open) {
            (Replace::Resume | Replace::Watch | Replace::Abort(_), false) => {
                if runs {
                    return Some((replace, asker));
                }
                refuse(&asker, "no replacement is open", "`cgwd plan` says what is wanted", "nothing_open");
            }
            (Replace::Draft(_) | Replace::Begin(_), true) => {
                let remedy = "`sudo cgwd replace --resume` goes on with it, `--abort` gives it up where nothing is lost by it";
                refuse(&asker, "a replacement is open already", remedy, "open");
            }
            (Replace::Watch, true) => self.replacing.watchers.push(asker),
            (Replace::Resume, true) => {
                self.replacing.watchers.push(asker);
                if !runs {
                    self.replacing.retry.helped();
                    self.start(match self.replacing.course {
                        // The device is another by now: nothing of it is wanted any more.
                        Course::GiveUp => Job::GiveUp(Word::Nobodys),
                        _ => Job::CarryOn { resume: true },
                    });
                }
            }
            (Replace::Abort(_), true) if runs => {
                self.background.let_go();
                return Some((replace, asker));
            }
            (Replace::Abort(word), true) => {
                let word = *word;
                self.replacing.watchers.push(asker);
                self.replacing.asked_to_end = true;
                self.start(Job::GiveUp(word));
            }
            // A visit may be writing at this moment.
            (Replace::Draft(_) | Replace::Begin(_), false) if runs || self.background.cloud_is_busy() => return Some((replace, asker)),
            (Replace::Draft(wish), false) => self.draft_for(*wish, asker, examined, None),
            (Replace::Begin(id), false) => self.begin_for(id, asker, examined),
        }
        None
    }

    fn begin_for(&mut self, id: &str, asker: Asker, examined: &Examined) {
        match self.replacing.drafted.clone().filter(|drafted| drafted.id == id) {
            Some(drafted) => self.draft_for(drafted.wish, asker, examined, Some(drafted.steps)),
            None => refuse(
                &asker,
                "this plan is not known any more",
                "run `sudo cgwd replace` again for a plan of what is there now",
                "unknown_plan",
            ),
        }
    }

    /// `agreed`: begins, with these steps.
    fn draft_for(&mut self, wish: Wish, asker: Asker, examined: &Examined, agreed: Option<Vec<Step>>) {
        let wanted = match self.wanted_by(examined, wish) {
            Ok(wanted) => wanted,
            Err(findings) => {
                let located = self.cloud.report.as_ref().and_then(|report| report.located.region.clone());
                let region = located.or_else(|| self.settings.cloud.region.clone());
                let gates = refused_gates(&findings);
                let name = if agreed.is_some() { "refused" } else { "draft" };
                let document = plan_json(&Decision::blocked(findings, gates), region.as_deref());
                let _gone = asker.try_send(json!({name: document}));
                return;
            }
        };
        let located = self.cloud.report.as_ref().map(|report| report.located.clone()).filter(|located| located.region.is_some());
        let evidence = self.evidence(examined, wish, self.settled_for(wanted.ip, wish), true);
        let planned = Box::new(Planned { wanted, wish, located, evidence });
        self.replacing.watchers.push(asker);
        self.start(match agreed {
            None => Job::Draft(planned),
            Some(agreed) => Job::Begin { planned, agreed: Some(agreed) },
        });
    }

    /// For a person what has settled by `[address] settle` is enough.
    fn settled_for(&self, ip: std::net::Ipv4Addr, wish: Wish) -> Result<String, String> {
        if wish.to.is_some() {
            return Ok(format!("{ip} is a person's word (`--to`)"));
        }
        match self.address.settled() == Some(&IpAddr::V4(ip)) {
            true => Ok(format!("{ip} has held for {} s", self.settings.address.settle.as_secs())),
            false => Err(format!("{ip} is read and has not held for {} s yet", self.settings.address.settle.as_secs())),
        }
    }
}

fn refuse(asker: &Asker, message: &str, remedy: &str, code: &str) {
    let _gone = asker.try_send(error_json(message, remedy, code));
}
