//! One step, from wherever it is to its proven effect: read, ask the planner, do what it says.

use super::look::Reading;
use super::outcome::Sent;
use super::rhythm::{Rhythm, What};
use super::{Course, ExecuteError, NOT_VERIFIED, Present};
use crate::cloud::error::CloudError;
use crate::journal::Record;
use crate::journal::replay::ReplacementProgress;
use crate::model::{Lane, Op, Order, PlannedStep, Slot, Stopped, Timestamp};
use crate::plan::Now;
use crate::plan::replacement::next::{Act, Effect, Reads, Standing, View, effect, needs, next};
use crate::plan::replacement::{could_make_none_first, gaps};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::time::Duration;

/// So long a cloud that cannot be read, or refuses for a reason that passes, is waited for.
const READ_PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// Refusals of a kind that may pass, of one step.
const REFUSALS: u32 = 6;
/// So long somebody else's change is waited for.
const BUSY_PATIENCE: SignedDuration = SignedDuration::from_mins(30);

/// Something that happened, for the person who watches.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    Began {
        step: String,
        connection: Option<String>,
        action: &'static str,
        target: String,
    },
    /// It was sent; the cloud answered or did not.
    Waits {
        step: String,
        connection: Option<String>,
        reason: String,
    },
    Proven {
        step: String,
        connection: Option<String>,
    },
    Turned(String),
    Stopped(Stopped),
}

/// How a step ended.
pub(super) enum StepEnd {
    /// By this reading.
    Proven(Box<Reading>),
    /// It, or an earlier one of its lane, has to be done anew.
    Undone,
    NotVerified(String),
    Stopped(Stopped),
}

/// What this process has seen of a step so far, in time since boot.
struct Seen {
    began: SignedDuration,
    shown_since: Option<SignedDuration>,
    /// The same by this device's wall clock: for people.
    shown_at: Option<Timestamp>,
    missing_since: Option<SignedDuration>,
    busy_since: Option<SignedDuration>,
}

impl Seen {
    /// The longer it takes, the rarer it is looked for, or tried again: of a call that is refused each try is two records.
    fn eighth(&self, now: SignedDuration) -> Duration {
        Duration::try_from(now - self.began).unwrap_or_default() / 8
    }

    fn nothing(began: SignedDuration) -> Seen {
        Seen { began, shown_since: None, shown_at: None, missing_since: None, busy_since: None }
    }
}

impl Course<'_> {
    fn was_not_verified(&self) -> bool {
        let journal = self.replacer.executor.journal.borrow();
        journal.progress().replacements.open.as_ref().is_some_and(|open| open.resumed_from.as_deref() == Some(NOT_VERIFIED))
    }

    /// With the lane's turn in hand where the step [takes one](takes_a_turn). `last` is what the step before was proven by, where
    /// the turn was not given away since.
    pub(super) async fn step(&self, lane: &Lane, step: &PlannedStep, mut last: Option<Box<Reading>>) -> Result<StepEnd, ExecuteError> {
        let mut seen = Seen::nothing(self.uptime());
        let mut beside = BTreeMap::new();
        let mut rhythm = Rhythm::new(&self.times, waits_for(lane, step, self.was_not_verified()));
        let (mut refusals, mut trouble) = (0, None);
        self.notice(step, "began");
        loop {
            let reading = match self.read(step, last.take().as_deref()).await {
                Ok(reading) => reading,
                Err(error) => match self.bear(&error, &mut trouble, step) {
                    Some(stopped) => return Ok(StepEnd::Stopped(stopped)),
                    None => {
                        let since = trouble.and_then(|since| Duration::try_from(self.uptime() - since).ok()).unwrap_or_default();
                        let pause = if is_about_rights(&error) { rhythm.until_mended(since) } else { rhythm.trouble() };
                        self.sleep(pause).await;
                        continue;
                    }
                },
            };
            let reads = &reading.reads;
            trouble = None;
            let act = self.judge(step, reads, &mut seen);
            tracing::debug!(step = step.id, ?act, "the next thing to do");
            // What has to stay up for a while had come up before.
            if is_verification(step) && seen.shown_since.is_some() {
                rhythm.end(self.uptime());
            }
            if !matches!(act, Act::Prove(_)) {
                self.prove_beside(lane, step, reads, &mut beside)?;
            }
            match act {
                Act::Prove(id) => {
                    self.prove(step, id, &seen)?;
                    self.prove_beside(lane, step, reads, &mut beside)?;
                    rhythm.end(self.uptime());
                    return Ok(StepEnd::Proven(Box::new(reading)));
                }
                Act::Conclude { intent, found } => {
                    self.append(Record::WriteConcluded { intent, found })?;
                }
                Act::BeginVerification => {
                    self.begin_verifications(lane, step)?;
                    self.place_sendings();
                    let now = self.uptime();
                    self.sleep_until(now.saturating_add(self.verify_time()), rhythm.begin(now)).await;
                }
                Act::Undo(from) => {
                    self.undo(lane, from)?;
                    return Ok(StepEnd::Undone);
                }
                Act::NotVerified => return Ok(StepEnd::NotVerified(self.explain(step, reads).await)),
                Act::Stop(stopped) => {
                    self.replacer.agreed.forget(&subject(&step.op));
                    return Ok(StepEnd::Stopped(stopped));
                }
                Act::Agreed(until) => {
                    self.agree(step);
                    self.sleep_until(until, Duration::MAX).await;
                }
                Act::Wait(until) => self.sleep_until(until, Duration::MAX).await,
                Act::LookAgain(until) => self.sleep_until(until, rhythm.next(self.uptime())).await,
                Act::Send | Act::Resend => match self.send(step, reads).await? {
                    Sent::Done => self.sleep(rhythm.begin(self.uptime())).await,
                    Sent::NotYet => {}
                    Sent::Unconfirmed => {
                        self.notice_waiting(step, "it is not known what became of the call; looking again");
                        self.sleep(rhythm.trouble()).await;
                    }
                    Sent::Busy => match self.busy(step, &mut seen) {
                        Some(stopped) => return Ok(StepEnd::Stopped(stopped)),
                        None => self.sleep(rhythm.trouble()).await,
                    },
                    Sent::Look if self.uptime() > seen.began + READ_PATIENCE => return Ok(StepEnd::Stopped(self.contradicts_itself(step))),
                    Sent::Look => self.sleep(rhythm.trouble().max(seen.eighth(self.uptime()))).await,
                    Sent::Refused(error) => match self.refused(step, &error, &seen, &mut refusals) {
                        Some(stopped) => return Ok(StepEnd::Stopped(stopped)),
                        None => self.sleep(rhythm.trouble().max(seen.eighth(self.uptime()))).await,
                    },
                },
            }
        }
    }

    fn prove(&self, step: &PlannedStep, id: Option<String>, seen: &Seen) -> Result<(), ExecuteError> {
        let waited = is_verification(step) && seen.shown_since.is_some_and(|since| self.uptime() >= since + SignedDuration::from_secs(1));
        let since = seen.shown_at.filter(|_| waited);
        self.append(Record::StepProven { plan: self.plan.id.clone(), step: step.id.clone(), id, since })?;
        self.notice(step, "proven");
        Ok(())
    }

    /// Tunnels that come up are proven as soon as they do: one that is waited for holds up no other that has its time already.
    fn prove_beside(
        &self,
        lane: &Lane,
        step: &PlannedStep,
        reads: &Reads,
        beside: &mut BTreeMap<String, Seen>,
    ) -> Result<(), ExecuteError> {
        if !is_verification(step) {
            return Ok(());
        }
        let later = lane.steps.iter().skip_while(|own| own.id != step.id).skip(1).take_while(|own| is_verification(own));
        for other in later.filter(|other| !self.is_proven(&other.id)) {
            let seen = beside.entry(other.id.clone()).or_insert_with(|| Seen::nothing(self.uptime()));
            if self.judge(other, reads, seen) == Act::Prove(None) {
                self.notice(other, "began");
                self.prove(other, None, seen)?;
            }
        }
        Ok(())
    }

    /// Everything that decides about this step, put before the planner.
    fn judge(&self, step: &PlannedStep, reads: &Reads, seen: &mut Seen) -> Act {
        self.place_sendings();
        let (shown, act) = {
            let journal = self.replacer.executor.journal.borrow();
            let Some(progress) = &journal.progress().replacements.open else { return Act::Stop(self.lost()) };
            let view = View { progress, snapshot: self.snapshot, owner: &self.replacer.owner };
            let shown = effect(&view, step, reads);
            self.keep(seen, &shown, reads);
            let standing = Standing {
                agreed_since: self.replacer.agreed.since(&subject(&step.op)),
                looking_since: seen.began,
                shown_since: seen.shown_since,
                missing_since: seen.missing_since,
                changed: self.changed().filter(|_| !is_half_way(progress, step, self.replacer.executor.now())),
            };
            let act = next(&view, step, reads, &shown, &standing, self.replacer.executor.now());
            (shown, act)
        };
        self.replacer.executor.remember_absence_of_step(&step.id, &shown);
        act
    }

    /// Since when everything read has shown the effect, or has not.
    fn keep(&self, seen: &mut Seen, shown: &Effect, reads: &Reads) {
        let now = self.uptime();
        let is_gone = matches!(reads.connection, Some(None));
        let is_shown = matches!(shown, Effect::Shown(_));
        seen.shown_since = is_shown.then(|| seen.shown_since.unwrap_or(now));
        seen.shown_at = is_shown.then(|| seen.shown_at.unwrap_or_else(|| self.replacer.executor.clock.now()));
        seen.missing_since = (*shown == Effect::Missing || is_gone).then(|| seen.missing_since.unwrap_or(now));
    }

    /// Of this tunnel, and of those after it that nothing but their own verification waits for: they have the same time.
    fn begin_verifications(&self, lane: &Lane, step: &PlannedStep) -> Result<(), ExecuteError> {
        let from = lane.steps.iter().skip_while(|own| own.id != step.id);
        for own in from.take_while(|own| is_verification(own)) {
            let begins = own.id == step.id || self.is_untouched(&own.id);
            if begins {
                let sent = self.replacer.executor.sent_now();
                self.append(Record::VerificationBegan { plan: self.plan.id.clone(), step: own.id.clone(), sent })?;
            }
        }
        Ok(())
    }

    /// Neither its time has begun nor its end was seen.
    fn is_untouched(&self, step: &str) -> bool {
        let journal = self.replacer.executor.journal.borrow();
        let known = journal.progress().replacements.open.as_ref().map(|open| open.step(step)).unwrap_or_default();
        known.verifying.is_none() && known.proven.is_none()
    }

    /// It, and what was done after it in its lane, is done anew.
    fn undo(&self, lane: &Lane, from: String) -> Result<(), ExecuteError> {
        let after = lane.steps.iter().skip_while(|step| step.id != from).skip(1);
        let later = after.filter(|step| self.is_proven(&step.id)).map(|step| step.id.clone()).collect();
        self.append(Record::StepUndone { plan: self.plan.id.clone(), step: from, later }).map(drop)
    }

    /// Somebody else's change is waited for, and told when it takes long.
    fn busy(&self, step: &PlannedStep, seen: &mut Seen) -> Option<Stopped> {
        let now = self.uptime();
        let since = *seen.busy_since.get_or_insert(now);
        self.notice_waiting(step, "another change is running there");
        (now >= since + BUSY_PATIENCE).then(|| Stopped {
            reason: "busy".to_owned(),
            message: format!("what step {} is about has been changing for half an hour", step.id),
            remedy: "look at its state in the cloud's console; it is tried again by itself".to_owned(),
            step: Some(step.id.clone()),
            passes: true,
        })
    }

    /// The first of the two readings need not wait for the lock: lanes of one VPN gateway would wait one after the other.
    pub(super) async fn agree_before_the_turn(&self, step: &PlannedStep) {
        let known = self.replacer.agreed.since(&subject(&step.op)).is_some();
        if known || !step.op.is_destructive() || self.plan.recheck_ms == 0 || step.goes_back() {
            return;
        }
        let mut seen = Seen::nothing(self.uptime());
        if let Ok(reading) = self.read(step, None).await
            && matches!(self.judge(step, &reading.reads, &mut seen), Act::Agreed(_))
        {
            self.agree(step);
        }
    }

    fn agree(&self, step: &PlannedStep) {
        self.replacer.agreed.read(&subject(&step.op), self.uptime());
    }

    pub(super) fn lock_of(&self, lane: &Lane) -> std::rc::Rc<tokio::sync::Mutex<()>> {
        match &lane.lock {
            Some(name) => self.locks.borrow_mut().entry(name.clone()).or_default().clone(),
            None => std::rc::Rc::default(),
        }
    }

    fn verify_time(&self) -> SignedDuration {
        SignedDuration::from_millis(i64::try_from(self.plan.verify_ms).unwrap_or(i64::MAX))
    }

    /// What the device is now, where that is not what the plan was made for.
    fn changed(&self) -> Option<String> {
        match (self.replacer.present)() {
            Present::Is(ip, asn) if ip != self.plan.new.ip || asn.is_some_and(|asn| self.plan.new.asn != Some(asn)) => {
                let asn = asn.map_or_else(String::new, |asn| format!(" with ASN {asn}"));
                Some(format!("it has {ip}{asn} now, and the plan is for {}", self.plan.new.ip))
            }
            Present::Is(..) | Present::Unknown => None,
        }
    }

    /// Trouble with a reading passes, or does not.
    fn bear(&self, error: &CloudError, since: &mut Option<SignedDuration>, step: &PlannedStep) -> Option<Stopped> {
        let now = self.uptime();
        let began = *since.get_or_insert(now);
        self.notice_waiting(step, &format!("the cloud cannot be read: {}", error.to_wait_for()));
        (now >= began + READ_PATIENCE).then(|| Stopped {
            reason: if is_about_rights(error) { "rights" } else { "unreachable" }.to_owned(),
            message: format!("step {} cannot go on: {error}", step.id),
            remedy: error.remedy.clone(),
            step: Some(step.id.clone()),
            passes: true,
        })
    }

    /// The cloud said that it did not do it.
    fn refused(&self, step: &PlannedStep, error: &CloudError, seen: &Seen, refusals: &mut u32) -> Option<Stopped> {
        *refusals += 1;
        let is_dependency = error.is_in_use();
        // At the very end nothing waits for it; in the middle everything does, and the cloud's own count can lag.
        let patient = !self.is_in_last_stage(step) && self.uptime() < seen.began + READ_PATIENCE;
        if is_dependency && (*refusals <= REFUSALS || patient) {
            return None;
        }
        let passes = error.is_forbidden()
            || error.is_about_credentials()
            || error.is_throttled()
            || error.retry != crate::cloud::error::Retry::Never;
        if passes && *refusals <= REFUSALS && !error.is_forbidden() {
            self.notice_waiting(step, &error.to_wait_for());
            return None;
        }
        Some(Stopped {
            reason: if is_dependency {
                "in_use"
            } else if error.is_quota() {
                "quota"
            } else if error.is_forbidden() {
                "rights"
            } else if passes {
                "unavailable"
            } else {
                "refused"
            }
            .to_owned(),
            message: error.to_string(),
            remedy: if error.is_quota() { self.way_around_the_quota(step) } else { error.remedy.clone() },
            step: Some(step.id.clone()),
            passes: passes || is_dependency,
        })
    }

    /// Where the old ones could go first.
    fn way_around_the_quota(&self, step: &PlannedStep) -> String {
        let room = "delete one that nobody uses, or have the quota raised";
        match (&step.op, self.plan.order) {
            (Op::CreateGateway { slot: Slot::New }, Order::NewFirst) if !self.plan.old.is_empty() => format!(
                "{room}; or set `[replacement] order = \"documented\"`: then the old one goes before the new one comes, and everything is away meanwhile (`cgwd replace` on a terminal offers that)"
            ),
            // The configuration's word alone leaves out no proof.
            (Op::CreateGateway { slot: Slot::Temporary }, _) if could_make_none_first(&self.plan) => format!(
                "{room}; or run `cgwd replace --planned` on a terminal: it offers to go without a temporary one, where nothing proves that the new one can be made before everything is deleted"
            ),
            _ if self.is_in_a_gap() => format!("{room}; then `cgwd replace --resume` goes on"),
            _ => room.to_owned(),
        }
    }

    fn contradicts_itself(&self, step: &PlannedStep) -> Stopped {
        Stopped {
            reason: "hidden".to_owned(),
            message: format!("the cloud says of step {} that it is so already, and shows otherwise", step.id),
            remedy: "readings can lag behind: `cgwd replace --resume` looks again".to_owned(),
            step: Some(step.id.clone()),
            passes: true,
        }
    }

    fn lost(&self) -> Stopped {
        Stopped {
            reason: "ended".to_owned(),
            message: format!("replacement {} is no longer open", self.plan.id),
            remedy: "`cgwd plan` says what is wanted now".to_owned(),
            step: None,
            passes: false,
        }
    }

    async fn read(&self, step: &PlannedStep, last: Option<&Reading>) -> Result<Reading, CloudError> {
        let wanted = {
            let journal = self.replacer.executor.journal.borrow();
            let open = journal.progress().replacements.open.as_ref();
            open.map(|progress| needs(&View { progress, snapshot: self.snapshot, owner: &self.replacer.owner }, &step.op))
                .unwrap_or_default()
        };
        self.replacer.executor.look_further(&self.plan.region, wanted, last).await
    }

    fn place_sendings(&self) {
        self.replacer.executor.place_sendings_of_steps();
    }

    pub(super) fn notice(&self, step: &PlannedStep, what: &str) {
        let connection = step.op.connection().map(str::to_owned);
        let shown = crate::plan::replacement::describe(&self.plan, self.snapshot, step);
        (self.replacer.watch)(match what {
            "proven" => Notice::Proven { step: step.id.clone(), connection },
            _ => Notice::Began { step: step.id.clone(), connection, action: shown.action.name(), target: shown.target },
        });
    }

    pub(super) fn notice_waiting(&self, step: &PlannedStep, reason: &str) {
        let connection = step.op.connection().map(str::to_owned);
        (self.replacer.watch)(Notice::Waits { step: step.id.clone(), connection, reason: reason.to_owned() });
    }

    pub(super) fn uptime(&self) -> SignedDuration {
        self.replacer.executor.clock.uptime()
    }

    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }

    /// Until then, in time since boot, and for `most` at most.
    pub(super) async fn sleep_until(&self, until: SignedDuration, most: Duration) {
        let wait = Duration::try_from(until - self.uptime()).unwrap_or_default();
        tokio::time::sleep(wait.min(most).max(Duration::from_millis(50))).await;
    }
}

/// A connection that is being deleted is deleted to its end, and then made again, whatever the device is now: anywhere in between it
/// exists in the journal alone. In the documented order the old customer gateway goes in between.
fn is_half_way(progress: &ReplacementProgress, step: &PlannedStep, now: Now) -> bool {
    let gaps = gaps(progress, now);
    match step.op.connection() {
        Some(connection) => step.op.opens_a_gap() && gaps.iter().any(|(id, _)| id == connection),
        None => !gaps.is_empty(),
    }
}

/// Only a person can mend it.
fn is_about_rights(error: &CloudError) -> bool {
    error.is_forbidden() || error.is_about_credentials()
}

/// What the two readings of a destructive call are about.
fn subject(op: &Op) -> String {
    match op {
        Op::DeleteGateway { id } => id.clone(),
        Op::DeleteMade { slot } => format!("{slot:?}"),
        other => other.connection().unwrap_or_default().to_owned(),
    }
}

/// Whether it changes what takes one change at a time. Tags are no part of that.
pub(super) fn takes_a_turn(op: &Op) -> bool {
    !matches!(op, Op::Verify { .. } | Op::UnmarkConnection { .. })
}

fn is_verification(step: &PlannedStep) -> bool {
    matches!(step.op, Op::Verify { .. })
}

/// What takes about the same time as it did before.
fn waits_for(lane: &Lane, step: &PlannedStep, again: bool) -> Option<What> {
    match &step.op {
        Op::Verify { .. } if again => Some(What::AnotherNegotiation),
        Op::Verify { .. } => Some(What::Negotiation),
        op => lane.lock.clone().filter(|_| takes_a_turn(op)).map(What::Change),
    }
}
