//! One step, from wherever it is to its proven effect: read, ask the planner, do what it says.

use super::outcome::Sent;
use super::{Course, ExecuteError, Present, Replacer};
use crate::cloud::error::CloudError;
use crate::journal::Record;
use crate::model::{Lane, Op, PlannedStep, Stopped};
use crate::plan::LATE_EFFECT;
use crate::plan::replacement::gaps;
use crate::plan::replacement::next::{Act, Effect, Reads, Standing, View, effect, needs, next};
use jiff::SignedDuration;
use std::time::Duration;

/// Bounds of the pause between two looks (product.md 4).
const POLL_FIRST: Duration = Duration::from_millis(200);
const POLL_MOST: Duration = Duration::from_secs(5);
/// So long a cloud that cannot be read, or refuses for a reason that passes, is waited for.
const READ_PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// Refusals of a kind that may pass, of one step.
const REFUSALS: u32 = 6;

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
    Proven,
    NotVerified(String),
    Stopped(Stopped),
}

/// The pause before the next look grows while nothing changes.
struct Pause(Duration);

impl Course<'_> {
    pub(super) async fn step(&self, lane: &Lane, step: &PlannedStep) -> Result<StepEnd, ExecuteError> {
        self.agree_before_the_turn(step).await?;
        let lock = self.lock_of(lane, step);
        // From the reading that it relies on until its effect is shown, nothing else of ours changes there.
        let _turn = match &lock {
            Some(lock) => Some(lock.lock().await),
            None => None,
        };
        let place = lane.lock.as_deref().filter(|_| lock.is_some()).unwrap_or_default();
        self.until_proven(step, place).await
    }

    /// `place`: what takes one change at a time.
    async fn until_proven(&self, step: &PlannedStep, place: &str) -> Result<StepEnd, ExecuteError> {
        let began = self.uptime();
        let mut answered = None;
        let mut pause = Pause(POLL_FIRST);
        let (mut refusals, mut trouble) = (0, None);
        self.notice(step, "began");
        loop {
            let reads = match self.read(step).await {
                Ok(reads) => reads,
                Err(error) => match self.bear(&error, &mut trouble, step) {
                    Some(stopped) => return Ok(StepEnd::Stopped(stopped)),
                    None => {
                        self.sleep(pause.grown()).await;
                        continue;
                    }
                },
            };
            trouble = None;
            let act = self.judge(step, &reads, began);
            tracing::debug!(step = step.id, ?act, "the next thing to do");
            match act {
                Act::Prove(id) => {
                    self.append(Record::StepProven { plan: self.plan.id.clone(), step: step.id.clone(), id })?;
                    self.notice(step, "proven");
                    self.remember_time(place, answered);
                    return Ok(StepEnd::Proven);
                }
                Act::Conclude { intent, found } => {
                    self.append(Record::WriteConcluded { intent, found })?;
                }
                Act::BeginVerification => {
                    let sent = self.replacer.executor.sent_now();
                    self.append(Record::VerificationBegan { plan: self.plan.id.clone(), step: step.id.clone(), sent })?;
                    self.replacer.place_sendings();
                }
                Act::NotVerified => return Ok(StepEnd::NotVerified(self.explain(step, &reads).await)),
                Act::Stop(stopped) => return Ok(StepEnd::Stopped(stopped)),
                Act::Agreed(until) => {
                    self.agree(step);
                    self.sleep_until(until, Duration::MAX).await;
                }
                Act::Wait(until) => self.sleep_until(until, Duration::MAX).await,
                Act::LookAgain(until) => self.sleep_until(until, pause.grown()).await,
                Act::Send | Act::Resend => match self.send(step, &reads).await? {
                    Sent::Done => {
                        answered = Some(self.uptime());
                        pause = Pause(POLL_FIRST);
                        self.sleep(self.usual_time(place)).await;
                    }
                    Sent::Unconfirmed => self.sleep(pause.grown()).await,
                    Sent::Busy => self.sleep(pause.grown()).await,
                    Sent::Look if self.uptime() > began + READ_PATIENCE => return Ok(StepEnd::Stopped(self.contradicts_itself(step))),
                    // The longer it takes, the rarer it is looked for.
                    Sent::Look => {
                        let age = Duration::try_from(self.uptime() - began).unwrap_or_default();
                        self.sleep(pause.grown().max(age / 8)).await;
                    }
                    Sent::Refused(error) => match self.refused(step, &error, &mut refusals) {
                        Some(stopped) => return Ok(StepEnd::Stopped(stopped)),
                        None => self.sleep(pause.grown()).await,
                    },
                },
            }
        }
    }

    /// Everything that decides about this step, put before the planner.
    fn judge(&self, step: &PlannedStep, reads: &Reads, began: SignedDuration) -> Act {
        self.replacer.place_sendings();
        let standing = Standing {
            agreed_since: self.agreed.borrow().get(&subject(&step.op)).copied(),
            looking_since: began,
            changed: self.changed().filter(|_| !self.is_half_way(step)),
        };
        let (shown, act) = {
            let journal = self.replacer.executor.journal.borrow();
            let Some(progress) = &journal.progress().replacements.open else { return Act::Stop(self.lost()) };
            let view = View { progress, snapshot: self.snapshot, owner: &self.replacer.owner };
            let shown = effect(&view, step, reads);
            let act = next(&view, step, reads, &shown, &standing, self.replacer.executor.now());
            (shown, act)
        };
        self.replacer.remember_absence(step, &shown);
        act
    }

    /// The first of the two readings need not wait for the lock: lanes of one VPN gateway would wait one after the other.
    async fn agree_before_the_turn(&self, step: &PlannedStep) -> Result<(), ExecuteError> {
        let known = self.agreed.borrow().contains_key(&subject(&step.op));
        if known || !step.op.is_destructive() || self.plan.recheck_ms == 0 || step.id.starts_with("back-") {
            return Ok(());
        }
        if let Ok(reads) = self.read(step).await
            && matches!(self.judge(step, &reads, self.uptime()), Act::Agreed(_))
        {
            self.agree(step);
        }
        Ok(())
    }

    fn agree(&self, step: &PlannedStep) {
        let now = self.uptime();
        self.agreed.borrow_mut().entry(subject(&step.op)).or_insert(now);
    }

    fn lock_of(&self, lane: &Lane, step: &PlannedStep) -> Option<std::rc::Rc<tokio::sync::Mutex<()>>> {
        if matches!(step.op, Op::Verify { .. }) {
            return None;
        }
        let name = lane.lock.as_ref()?;
        Some(self.locks.borrow_mut().entry(name.clone()).or_default().clone())
    }

    /// Changes at one place take about the same time: the shortest so far, a little less, is when to look first.
    fn usual_time(&self, place: &str) -> Duration {
        self.took.borrow().get(place).map_or(POLL_FIRST, |took| took.mul_f64(0.95).max(POLL_FIRST))
    }

    fn remember_time(&self, place: &str, answered: Option<SignedDuration>) {
        let Some(took) = answered.and_then(|answered| Duration::try_from(self.uptime() - answered).ok()) else { return };
        let mut known = self.took.borrow_mut();
        let shortest = known.entry(place.to_owned()).or_insert(took);
        *shortest = took.min(*shortest);
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

    /// A connection that is being deleted is deleted to its end, and then made again, whatever the device is now: anywhere in
    /// between it exists in the journal alone. In the documented order the old customer gateway goes in between.
    fn is_half_way(&self, step: &PlannedStep) -> bool {
        let journal = self.replacer.executor.journal.borrow();
        let Some(progress) = &journal.progress().replacements.open else { return false };
        let gaps = gaps(progress, self.replacer.executor.now());
        match step.op.connection() {
            Some(connection) => step.op.opens_a_gap() && gaps.iter().any(|(id, _)| id == connection),
            None => !gaps.is_empty(),
        }
    }

    /// Trouble with a reading passes, or does not.
    fn bear(&self, error: &CloudError, since: &mut Option<SignedDuration>, step: &PlannedStep) -> Option<Stopped> {
        let now = self.uptime();
        let began = *since.get_or_insert(now);
        self.notice_waiting(step, &format!("the cloud cannot be read: {error}"));
        (now >= began + READ_PATIENCE).then(|| Stopped {
            reason: if error.is_forbidden() || error.is_about_credentials() { "rights" } else { "unreachable" }.to_owned(),
            message: format!("step {} cannot go on: {error}", step.id),
            remedy: error.remedy.clone(),
            step: Some(step.id.clone()),
            passes: true,
        })
    }

    /// The cloud said that it did not do it.
    fn refused(&self, step: &PlannedStep, error: &CloudError, refusals: &mut u32) -> Option<Stopped> {
        *refusals += 1;
        let is_dependency = error.code.starts_with("DependencyViolation");
        if is_dependency && *refusals <= REFUSALS {
            return None;
        }
        let passes = error.is_forbidden()
            || error.is_about_credentials()
            || error.is_throttled()
            || error.retry != crate::cloud::error::Retry::Never;
        if passes && *refusals <= REFUSALS && !error.is_forbidden() {
            self.notice_waiting(step, &error.to_string());
            return None;
        }
        Some(Stopped {
            reason: if is_dependency {
                "in_use"
            } else if error.is_quota() {
                "quota"
            } else if passes {
                "rights"
            } else {
                "refused"
            }
            .to_owned(),
            message: error.to_string(),
            remedy: error.remedy.clone(),
            step: Some(step.id.clone()),
            passes,
        })
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

    async fn read(&self, step: &PlannedStep) -> Result<Reads, CloudError> {
        let wanted = {
            let journal = self.replacer.executor.journal.borrow();
            let open = journal.progress().replacements.open.as_ref();
            open.map(|progress| needs(&View { progress, snapshot: self.snapshot, owner: &self.replacer.owner }, &step.op))
                .unwrap_or_default()
        };
        self.replacer.executor.look_for(&self.plan.region, &wanted).await
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

impl Replacer {
    /// An absence counts only where it is seen twice, and the first time after the request is dead.
    pub(super) fn remember_absence(&self, step: &PlannedStep, shown: &Effect) {
        let now = self.executor.clock.uptime();
        let mut journal = self.executor.journal.borrow_mut();
        let open = journal.progress_mut().replacements.open.as_mut().and_then(|open| open.steps.get_mut(&step.id));
        let Some(write) = open.and_then(|step| step.open.as_mut()) else { return };
        let is_dead = write.last_sent.uptime.is_some_and(|sent| now >= sent + LATE_EFFECT);
        match (shown, write.absent_since) {
            (Effect::Missing, None) if is_dead => write.absent_since = Some(now),
            (Effect::Missing, _) => {}
            _ => write.absent_since = None,
        }
    }

    /// The answers have told the cloud's time: enough to know how long ago each open write went out.
    pub(super) fn place_sendings(&self) {
        let executor = &self.executor;
        let mut journal = executor.journal.borrow_mut();
        let Some(open) = &mut journal.progress_mut().replacements.open else { return };
        for step in open.steps.values_mut() {
            let written = step.open.as_mut().map(|open| [&mut open.intended, &mut open.last_sent]).into_iter().flatten();
            for sending in written.chain(&mut step.verifying).chain(&mut step.doubtful) {
                sending.place(executor.clock.boot(), executor.clock.uptime(), executor.client.cloud_time());
            }
        }
    }
}

/// What the two readings of a destructive call are about.
fn subject(op: &Op) -> String {
    match op {
        Op::DeleteGateway { id } => id.clone(),
        Op::DeleteMade { slot } => format!("{slot:?}"),
        other => other.connection().unwrap_or_default().to_owned(),
    }
}

impl Pause {
    fn grown(&mut self) -> Duration {
        let pause = self.0;
        // Gently: what is waited too long is the user's outage.
        self.0 = self.0.mul_f64(1.15).min(POLL_MOST);
        pause
    }
}
