//! The work itself, beside the loop: one job at a time.

use super::document::{Drafted, has_written};
use super::policy::{Seen, contradicts};
use crate::cloud::client::Client;
use crate::daemon::replacing::{self, Wish};
use crate::daemon::want::{Wanted, refused_gates};
use crate::daemon::{auth_key, owner};
use crate::execute::locate::{Located, locate};
use crate::execute::replacement::{Abandoned, Agreed, Calls, Draft, Ended, Leftover, Notice, Present, Replacer, Word};
use crate::execute::{ExecuteError, Executor, Want};
use crate::journal::{Journal, Record};
use crate::model::Settings;
use crate::plan::replacement::{AT_THE_BEGINNING, Evidence};
use crate::plan::{Decision, Owner, Step};
use crate::system::clock::Clock;
use crate::system::environment::Environment;
use crate::system::seal::SealKey;
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use tokio::sync::{mpsc, oneshot};

/// What every job works with. The settings are those of its beginning.
pub struct Tools {
    pub client: Rc<Client>,
    pub journal: Rc<RefCell<Journal>>,
    pub clock: Clock,
    pub settings: Settings,
    pub environment: Environment,
    pub seen: Rc<Cell<Seen>>,
    pub notices: mpsc::UnboundedSender<Notice>,
    pub calls: Rc<Calls>,
    /// Kept over the jobs of this process.
    pub agreed: Rc<Agreed>,
}

pub enum Job {
    /// A plan to look at; nothing is written.
    Draft(Box<Planned>),
    /// Planned afresh, and begun where no gate refuses. `agreed`: only with the steps that a person has seen.
    Begin {
        planned: Box<Planned>,
        agreed: Option<Vec<Step>>,
    },
    /// The open one, from wherever it is.
    CarryOn {
        resume: bool,
    },
    GiveUp(Word),
    /// Customer gateways that a replacement left behind, in this region.
    Retire {
        region: String,
        ids: Vec<String>,
    },
}

/// Which job it is, while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    Draft,
    Begin,
    CarryOn,
    GiveUp,
    Retire,
}

impl Job {
    pub fn kind(&self) -> JobKind {
        match self {
            Job::Draft(_) => JobKind::Draft,
            Job::Begin { .. } => JobKind::Begin,
            Job::CarryOn { .. } => JobKind::CarryOn,
            Job::GiveUp(_) => JobKind::GiveUp,
            Job::Retire { .. } => JobKind::Retire,
        }
    }
}

/// What a plan is made from.
pub struct Planned {
    pub wanted: Wanted,
    pub wish: Wish,
    /// `None`: asked for first.
    pub located: Option<Located>,
    pub evidence: Evidence,
}

/// What came of a job.
pub enum Ending {
    Drafted(Box<Drafted>),
    /// Not begun: a gate refuses, or nothing is to be replaced.
    Refused(Box<Drafted>),
    /// Not begun: it is no longer what the person has seen.
    Changed(Box<Drafted>),
    Ended(Ended),
    Abandoned(Abandoned),
    Retired(Vec<(String, Leftover)>),
    Failed(ExecuteError),
    /// Told to let go; the journal has all of it.
    LetGo,
}

/// Does the job until it is over or `let_go` speaks; a call that is under way then is heard to its answer, as far as one comes.
pub async fn run(tools: Tools, job: Job, let_go: oneshot::Receiver<()>) -> Ending {
    let (journal, calls, patience) = (Rc::clone(&tools.journal), Rc::clone(&tools.calls), tools.settings.cloud.timeout);
    let mut work = pin!(async { work(tools, job).await.unwrap_or_else(Ending::Failed) });
    tokio::select! {
        biased;
        _ = let_go => {}
        ending = work.as_mut() => return ending,
    }
    if let Some(ending) = calls.let_go(work, patience).await {
        return ending;
    }
    // What is under way still may have happened, as after a crash.
    journal.borrow_mut().progress_mut().begin();
    Ending::LetGo
}

async fn work(tools: Tools, job: Job) -> Result<Ending, ExecuteError> {
    match job {
        Job::Draft(planned) => tools.draft(&planned, false).await.map(|(drafted, _)| Ending::Drafted(Box::new(drafted))),
        Job::Begin { planned, agreed } => tools.begin(&planned, agreed).await,
        Job::CarryOn { resume } => {
            let replacer = tools.of_open()?;
            if resume {
                replacer.resume()?;
            }
            Ok(Ending::Ended(replacer.carry_on(None).await?))
        }
        Job::GiveUp(word) => Ok(Ending::Abandoned(match tools.of_open() {
            Ok(replacer) => replacer.abandon(word).await?,
            Err(ExecuteError::Seal(error)) if error.is_a_loss() => {
                tools.executor()?.abandon_unread(&tools.owner(), word, &error.to_string()).await?
            }
            Err(error) => return Err(error),
        })),
        Job::Retire { region, ids } => tools.retire(&region, &ids).await,
    }
}

impl Tools {
    async fn begin(self, planned: &Planned, agreed: Option<Vec<Step>>) -> Result<Ending, ExecuteError> {
        let (drafted, draft, want) = match self.draft(planned, true).await? {
            (drafted, Some((draft, want))) => (Box::new(drafted), draft, want),
            (drafted, None) => return Ok(Ending::Refused(Box::new(drafted))),
        };
        if agreed.is_some_and(|agreed| agreed != draft.decision.steps) {
            return Ok(Ending::Changed(drafted));
        }
        if draft.plan.is_none() || draft.refused().is_some() {
            return Ok(Ending::Refused(drafted));
        }
        let replacer = self.replacer(&want)?;
        let ended = replacer.begin(&draft).await?;
        if self.came_to_nothing(&ended) {
            replacer.abandon(Word::Nobodys).await?;
        }
        Ok(Ending::Ended(ended))
    }

    /// A gate has refused by the first write, which did not happen: nothing is left open for that.
    fn came_to_nothing(&self, ended: &Ended) -> bool {
        let is_a_gate = matches!(ended, Ended::Stopped(stopped) if AT_THE_BEGINNING.contains(&stopped.reason.as_str()));
        let journal = self.journal.borrow();
        is_a_gate && journal.progress().replacements.open.as_ref().is_some_and(|open| !has_written(open))
    }

    /// With the plan itself where there is a region to make it for. `writes`: the cloud is asked to try what it can try.
    async fn draft(&self, planned: &Planned, writes: bool) -> Result<(Drafted, Option<(Draft, Want)>), ExecuteError> {
        let located = match &planned.located {
            Some(located) => located.clone(),
            None => {
                let known = self.journal.borrow().progress().regions.clone();
                locate(&self.client, &self.settings.cloud, &known).await?
            }
        };
        let Some(region) = &located.region else { return Ok((self.nowhere(planned, &located), None)) };
        let executor = self.executor()?;
        let want = planned.wanted.in_region(&self.settings, &self.owner(), region, &located.evidence);
        let id = replacing::plan_id(&executor);
        let asked = replacing::asked(&self.settings, want.clone(), planned.wish, planned.evidence.clone(), id.clone(), writes)?;
        let draft = executor.draft(&asked).await?;
        let drafted = Drafted::of(&draft, id, region, planned.wish);
        Ok((drafted, Some((draft, want))))
    }

    /// Without a region there is nothing to plan on.
    fn nowhere(&self, planned: &Planned, located: &Located) -> Drafted {
        let findings = [planned.wanted.findings.as_slice(), &located.findings].concat();
        let gates = [planned.wanted.gates.clone(), refused_gates(&located.findings)].concat();
        Drafted::blocked(&Decision::blocked(findings, gates), self.settings.cloud.region.as_deref(), planned.wish)
    }

    async fn retire(&self, region: &str, ids: &[String]) -> Result<Ending, ExecuteError> {
        let registered = self.journal.borrow().progress().registered.clone();
        let ip = registered.as_ref().and_then(|known| ipv4(known.ip)).unwrap_or(std::net::Ipv4Addr::UNSPECIFIED);
        let wanted = Wanted { ip, asn: registered.and_then(|known| known.asn), findings: Vec::new(), gates: Vec::new() };
        let replacer = self.replacer(&wanted.in_region(&self.settings, &self.owner(), region, ""))?;
        // Also what has not settled yet, and what is registered in another region: it is a leftover's address that is asked for.
        let is_wanted = |ip: std::net::Ipv4Addr| {
            let journal = self.journal.borrow();
            let progress = journal.progress();
            let settled = progress.address.as_ref().map(|settled| settled.value);
            let registered = progress.registered.as_ref().map(|known| known.ip);
            self.seen.get().ip == Some(ip) || [settled, registered].contains(&Some(std::net::IpAddr::V4(ip)))
        };
        let mut retired = Vec::new();
        for id in ids {
            let became = replacer.retire_leftover(region, id, self.settings.replacement.recheck, &is_wanted).await?;
            retired.push((id.clone(), became));
        }
        Ok(Ending::Retired(retired))
    }

    /// For the plan in the journal: only the attributes of a customer gateway come from the configuration of now.
    fn of_open(&self) -> Result<Replacer, ExecuteError> {
        let (region, ip, asn) = {
            let journal = self.journal.borrow();
            let open = journal.progress().replacements.open.as_ref().ok_or(ExecuteError::NothingOpen)?;
            (open.plan.region.clone(), open.plan.new.ip, open.plan.new.asn)
        };
        let wanted = Wanted { ip, asn, findings: Vec::new(), gates: Vec::new() };
        self.replacer(&wanted.in_region(&self.settings, &self.owner(), &region, ""))
    }

    fn replacer(&self, want: &Want) -> Result<Replacer, ExecuteError> {
        // What is sealed needs the key that it was sealed with: another one made in its place would only hide that it is missing.
        let is_sealed = self.journal.borrow().progress().replacements.open.is_some();
        let load = if is_sealed { SealKey::load } else { SealKey::load_or_make };
        let seal = load(&self.settings.state_directory, &self.environment)?;
        let executor = self.executor()?;
        let watch = self.watch(&executor);
        let replacer = replacing::replacer(&executor, &self.owner(), &Rc::new(seal), &want.desired, self.present(), watch);
        Ok(Replacer { calls: Rc::clone(&self.calls), agreed: Rc::clone(&self.agreed), ..replacer })
    }

    fn executor(&self) -> Result<Executor, ExecuteError> {
        let (client, journal, clock) = (Rc::clone(&self.client), Rc::clone(&self.journal), self.clock.clone());
        Ok(Executor { client, journal, clock, auth_key: auth_key(&self.settings)? })
    }

    fn owner(&self) -> Owner {
        owner(&self.settings, &self.journal.borrow())
    }

    fn present(&self) -> Rc<dyn Fn() -> Present> {
        let (journal, seen) = (Rc::clone(&self.journal), Rc::clone(&self.seen));
        Rc::new(move || {
            let journal = journal.borrow();
            match (&journal.progress().replacements.open, seen.get()) {
                (Some(open), seen) if contradicts(&open.plan, seen) => Present::Is(seen.ip.unwrap_or(open.plan.new.ip), seen.asn),
                _ => Present::Unknown,
            }
        })
    }

    /// What had stopped and now goes on has not stopped any more.
    fn watch(&self, executor: &Executor) -> Rc<dyn Fn(Notice)> {
        let (notices, executor) = (self.notices.clone(), executor.clone());
        Rc::new(move |notice| {
            if matches!(notice, Notice::Proven { .. }) {
                goes_on(&executor);
            }
            let _nobody_is_left = notices.send(notice);
        })
    }
}

fn goes_on(executor: &Executor) {
    let stopped = {
        let journal = executor.journal.borrow();
        let open = journal.progress().replacements.open.as_ref();
        open.filter(|open| open.stopped.is_some()).map(|open| open.plan.id.clone())
    };
    if let Some(plan) = stopped
        && let Err(error) = executor.append(Record::ReplacementResumed { plan })
    {
        // The journal refuses everything from here on, so the next step does.
        tracing::debug!(%error, "the journal cannot be written");
    }
}

fn ipv4(address: std::net::IpAddr) -> Option<std::net::Ipv4Addr> {
    match address {
        std::net::IpAddr::V4(ip) => Some(ip),
        std::net::IpAddr::V6(_) => None,
    }
}
