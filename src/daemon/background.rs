//! What takes time, beside the loop: asking the slow sources, and talking to the cloud.

use super::replacement::task::{self, Ending, Job, JobKind, Tools};
use super::tunnels::at_work;
use super::want::Wanted;
use super::{DaemonError, with_causes};
use crate::cloud::client::Client;
use crate::cloud::error::CloudError;
use crate::cloud::transport::Transport;
use crate::execute::locate::{Located, locate};
use crate::execute::replacement::Notice;
use crate::execute::{ExecuteError, Executor, Registration};
use crate::journal::Journal;
use crate::model::{Secret, Settings, Timestamp, Worked};
use crate::observe::{Observed, Observer};
use crate::plan::{DecisionKind, Owner};
use crate::system::clock::Clock;
use crate::system::environment::Environment;
use jiff::SignedDuration;
use std::cell::RefCell;
use std::future::pending;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle, spawn_local};

/// How long a registration may wait for the cloud before the loop is told that it is held.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Background {
    client: Rc<Client>,
    /// Where not the network: for the client of a new configuration.
    transport: Option<Rc<dyn Transport>>,
    journal: Rc<RefCell<Journal>>,
    clock: Clock,
    observing: Option<JoinHandle<(Sources, Observed)>>,
    cloud: Option<JoinHandle<CloudReport>>,
    /// How many visits were begun.
    visits: u64,
    replacing: Option<Replacing>,
    heard: mpsc::UnboundedReceiver<Notice>,
    tell: mpsc::UnboundedSender<Notice>,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    All,
    /// Of the ASN alone.
    Asn,
}

/// A job of the replacement, beside the visit: at most one.
struct Replacing {
    kind: JobKind,
    ending: Option<JoinHandle<Ending>>,
    /// Sent once.
    let_go: Option<oneshot::Sender<()>>,
}

/// One visit to the cloud: where we are, and how the registration stands.
#[derive(Debug)]
pub struct CloudReport {
    /// Counts the visits of this process, from 1.
    pub number: u64,
    /// Of which configuration it is.
    pub generation: u32,
    /// `None`: only where we are was asked.
    pub wanted: Option<Wanted>,
    /// As in [`CloudTask`].
    pub by_word: bool,
    pub located: Located,
    pub result: Result<Option<Registration>, ExecuteError>,
    /// Which tunnels work, where that was looked at.
    pub worked: Option<Worked>,
    pub last_contact: Option<Timestamp>,
    pub clock_offset: SignedDuration,
}

/// What a visit is for.
#[derive(Clone, Debug)]
pub struct CloudTask {
    pub settings: Settings,
    /// Counts the configurations of this process.
    pub generation: u32,
    /// `None`: ask only where we are.
    pub wanted: Option<Wanted>,
    /// What is wanted has not settled: it holds for this registration alone, because a person asked for it.
    pub by_word: bool,
    /// `None`: ask again where we are.
    pub located: Option<Located>,
    /// Look, and write nothing.
    pub watch_only: bool,
    /// Nothing is wanted: see only whether the cloud answers.
    pub probe: bool,
    /// Where all is well, look also which tunnels work.
    pub tunnels: bool,
}

impl Background {
    pub fn connect(
        settings: &Settings,
        clock: &Clock,
        environment: &Environment,
        journal: &Rc<RefCell<Journal>>,
        transport: Option<Rc<dyn Transport>>,
    ) -> Result<Background, DaemonError> {
        let client = match &transport {
            None => Client::connect(&settings.cloud, clock.clone(), environment)?,
            Some(transport) => Client::connect_through(Rc::clone(transport), &settings.cloud, clock.clone(), environment)?,
        };
        let (tell, heard) = mpsc::unbounded_channel();
        Ok(Background {
            client: Rc::new(client),
            transport,
            journal: Rc::clone(journal),
            clock: clock.clone(),
            observing: None,
            cloud: None,
            visits: 0,
            replacing: None,
            heard,
            tell,
        })
    }

    pub fn transport(&self) -> Option<Rc<dyn Transport>> {
        self.transport.clone()
    }

    pub fn is_observing(&self) -> bool {
        self.observing.is_some()
    }

    /// Starts asking these sources; an asking that is under way goes on instead.
    pub fn observe(&mut self, sources: Sources, observer: &Rc<Observer>, cloud_addresses: &[Ipv4Addr]) {
        if self.observing.is_some() {
            return;
        }
        let (observer, cloud_addresses) = (Rc::clone(observer), cloud_addresses.to_vec());
        self.observing = Some(spawn_local(async move {
            let observed = match sources {
                Sources::All => observer.observe(&cloud_addresses).await,
                Sources::Asn => observer.observe_asn().await,
            };
            (sources, observed)
        }));
    }

    /// An answer to an earlier configuration's questions is of no use.
    pub fn forget_observation(&mut self) {
        if let Some(task) = self.observing.take() {
            task.abort();
        }
    }

    /// The next of them to finish, or to tell something; waits for ever where none runs. Cancel-safe.
    pub async fn next(&mut self) -> Finished {
        loop {
            tokio::select! {
                Some(notice) = self.heard.recv() => return Finished::Notice(notice),
                ending = job_ended(&mut self.replacing) => {
                    self.replacing = None;
                    match ending {
                        Ok(ending) => return Finished::Replacement(Box::new(ending)),
                        Err(error) => tracing::error!(%error, "the replacement broke off"),
                    }
                }
                answer = finished(&mut self.observing) => match answer {
                    Ok((sources, observed)) => return Finished::Observed(sources, observed),
                    Err(error) => tracing::error!(%error, "asking the sources broke off"),
                },
                answer = finished(&mut self.cloud) => match answer {
                    Ok(report) => return Finished::Cloud(Box::new(report)),
                    Err(error) => tracing::error!(%error, "the visit to the cloud broke off"),
                },
            }
        }
    }

    /// Takes over a new configuration's client. A visit that is under way is broken off, unless a write of it has no outcome
    /// yet: then it goes on to its end with the old one.
    pub fn replace(&mut self, new: Background) {
        self.forget_observation();
        if self.journal.borrow().progress().pending.is_none()
            && let Some(visit) = self.cloud.take()
        {
            visit.abort();
        }
        self.client = new.client;
    }

    pub fn cloud_is_busy(&self) -> bool {
        self.cloud.is_some()
    }

    pub fn visit_cloud(&mut self, task: CloudTask) {
        if self.cloud.is_some() {
            return;
        }
        self.visits += 1;
        let (client, journal, clock) = (Rc::clone(&self.client), Rc::clone(&self.journal), self.clock.clone());
        self.cloud = Some(spawn_local(visit(self.visits, client, journal, clock, task)));
    }

    pub fn client(&self) -> Rc<Client> {
        Rc::clone(&self.client)
    }

    /// Where a job tells what happens.
    pub fn notices(&self) -> mpsc::UnboundedSender<Notice> {
        self.tell.clone()
    }

    /// What was told and nobody has taken yet.
    pub fn heard_notices(&mut self) -> Vec<Notice> {
        std::iter::from_fn(|| self.heard.try_recv().ok()).collect()
    }

    pub fn job_kind(&self) -> Option<JobKind> {
        self.replacing.as_ref().map(|running| running.kind)
    }

    /// A job that is under way goes on instead. It keeps its client and its settings whatever is configured meanwhile.
    pub fn begin_job(&mut self, tools: Tools, job: Job) {
        if self.replacing.is_some() {
            return;
        }
        let kind = job.kind();
        let (let_go, told) = oneshot::channel();
        let ending = Some(spawn_local(task::run(tools, job, told)));
        self.replacing = Some(Replacing { kind, ending, let_go: Some(let_go) });
    }

    /// The job ends where it is; its ending says so.
    pub fn let_go(&mut self) {
        let let_go = self.replacing.as_mut().and_then(|running| running.let_go.take());
        if let Some(let_go) = let_go {
            let _over = let_go.send(());
        }
    }

    /// The job is dropped at the next moment at which it waits for something. The journal has all of it.
    pub fn drop_job(&mut self) {
        if let Some(task) = self.replacing.take().and_then(|running| running.ending) {
            task.abort();
        }
    }

    /// The number of the next visit to begin.
    pub fn next_visit(&self) -> u64 {
        self.visits + 1
    }

    /// The visit that is under way, to its end.
    pub async fn cloud_report(&mut self) -> CloudReport {
        loop {
            match finished(&mut self.cloud).await {
                Ok(report) => return report,
                Err(error) => tracing::error!(%error, "the visit to the cloud broke off"),
            }
        }
    }
}

/// What has come back.
pub enum Finished {
    Observed(Sources, Observed),
    Cloud(Box<CloudReport>),
    /// The replacement goes on.
    Notice(Notice),
    Replacement(Box<Ending>),
}

async fn job_ended(running: &mut Option<Replacing>) -> Result<Ending, JoinError> {
    match running {
        Some(running) => finished(&mut running.ending).await,
        None => pending().await,
    }
}

async fn finished<T>(task: &mut Option<JoinHandle<T>>) -> Result<T, JoinError> {
    let Some(running) = task else { return pending().await };
    let answer = running.await;
    *task = None;
    answer
}

/// Where is the device's business, and how does its registration stand?
async fn visit(number: u64, client: Rc<Client>, journal: Rc<RefCell<Journal>>, clock: Clock, task: CloudTask) -> CloudReport {
    let known = journal.borrow().progress().regions.clone();
    let located = match task.located.clone() {
        Some(located) => Ok(located),
        None => locate(&client, &task.settings.cloud, &known).await,
    };
    let (located, result) = match located {
        Err(error) => (Located::default(), Err(error.into())),
        Ok(located) => {
            let result = match (&located.region, &task.wanted) {
                (Some(region), Some(wanted)) => {
                    registration(&client, journal, clock, &task, wanted, region, &located.evidence).await.map(Some)
                }
                (Some(region), None) if task.probe => client.customer_gateways(region).await.map(|_| None).map_err(ExecuteError::from),
                _ => Ok(None),
            };
            (located, result)
        }
    };
    let worked = match &result {
        Ok(Some(registration)) if task.tunnels => tunnels_at_work(&client, registration, located.region.as_deref()).await,
        _ => None,
    };
    CloudReport {
        number,
        generation: task.generation,
        wanted: task.wanted,
        by_word: task.by_word,
        located,
        result,
        worked,
        last_contact: client.last_contact(),
        clock_offset: client.clock_offset(),
    }
}

/// Nothing waits for it: what cannot be read now is looked at another time.
async fn tunnels_at_work(client: &Client, registration: &Registration, region: Option<&str>) -> Option<Worked> {
    let is_well = registration.decision.kind == DecisionKind::InSync;
    let gateway = registration.customer_gateway.as_ref().filter(|_| is_well)?;
    match client.ipsec_connections(region?).await {
        Ok(connections) => Some(at_work(&connections, &gateway.id)),
        Err(error) => {
            tracing::debug!(error = with_causes(&error), "which tunnels work cannot be read");
            None
        }
    }
}

async fn registration(
    client: &Rc<Client>,
    journal: Rc<RefCell<Journal>>,
    clock: Clock,
    task: &CloudTask,
    wanted: &Wanted,
    region: &str,
    evidence: &str,
) -> Result<Registration, ExecuteError> {
    let owner = owner(&task.settings, &journal.borrow());
    let want = wanted.in_region(&task.settings, &owner, region, evidence);
    let executor = Executor { client: Rc::clone(client), journal, clock, auth_key: auth_key(&task.settings)? };
    if !task.watch_only {
        return executor.register(&want, PATIENCE).await;
    }
    Ok(Registration::looked(executor.preview(&want).await?))
}

/// Who this device is towards the cloud.
pub fn owner(settings: &Settings, journal: &Journal) -> Owner {
    Owner { device: settings.device.clone(), id: journal.device_id().to_owned(), epoch: journal.epoch() }
}

/// The BGP authentication key of a customer gateway that we create, read where it lies.
pub fn auth_key(settings: &Settings) -> Result<Option<Secret>, ExecuteError> {
    let Some(path) = &settings.gateway.bgp_auth_key_file else { return Ok(None) };
    let text = std::fs::read_to_string(path)
        .map(zeroize::Zeroizing::new)
        .map_err(|error| ExecuteError::AuthKey { path: path.clone(), why: with_causes(&error) })?;
    let key = text.trim();
    match crate::facts::names::auth_key(key) {
        Ok(()) => Ok(Some(Secret::new(key))),
        Err(why) => Err(ExecuteError::AuthKey { path: path.clone(), why: why.to_string() }),
    }
}

/// The cloud's own error under an execution's, where there is one.
pub fn cloud_error(error: &ExecuteError) -> Option<&CloudError> {
    match error {
        ExecuteError::Cloud(error) | ExecuteError::Hidden { refusal: error, .. } => Some(error),
        _ => None,
    }
}
