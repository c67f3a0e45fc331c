//! The daemon: one loop that waits for something to happen, and one round that looks at everything and acts.
//!
//! Whatever takes time (asking echo services, talking to the cloud) runs beside the loop and reports back, so that a
//! change of address is told, the watchdog is fed and a stop is heard at any moment.

mod asking;
mod background;
pub mod conditions;
pub mod control;
pub mod examine;
mod heal;
mod overruns;
mod refresh;
mod reload;
pub mod replacement;
pub mod replacing;
mod round;
mod sources;
pub mod status;
mod tell;
mod tunnels;
pub mod want;

pub use background::{CloudReport, CloudTask, auth_key, owner};
pub use examine::{Examined, examine};

use crate::alert::raise::{Alert, AlertBook, Notice};
use crate::cloud::entropy::Entropy;
use crate::cloud::transport::Transport;
use crate::config::Loaded;
use crate::execute::replacement::Notice as StepNotice;
use crate::journal::{Journal, JournalError, Progress, Record};
use crate::model::{Asn, Settings, Timestamp};
use crate::observe::{EchoOptions, Observed, Observer, Settle, Wake, Watch};
use crate::system::alarm::Alarm;
use crate::system::clock::Clock;
use crate::system::environment::Environment;
use crate::system::notify::Notify;
use crate::system::signals::{Signal, Signals};
use crate::system::wake::{ClockWatch, Instants, since_boot};
use asking::Asking;
use background::{Background, Finished, Sources};
use control::{Places, Request, Server};
use overruns::Overruns;
use refresh::Refresh;
use replacement::Replacing;
use replacement::task::Ending;
use status::Status;
use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tunnels::Tunnels;

/// How long a call that is under way may go on after a stop was asked for. Its intent is on disk; what it became is found
/// out at the next start. systemd is promised 5 s in all.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// For whoever watches a replacement to be told that it is interrupted.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// What is due and could not be done is tried again after this, so that nothing makes the loop spin.
const SOON: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error("signals cannot be received")]
    Signals(#[source] std::io::Error),
    #[error("no timer can be had")]
    Timer(#[source] std::io::Error),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the cloud client cannot be made")]
    Cloud(#[from] crate::cloud::client::ConnectError),
}

/// What the daemon is started with.
pub struct Start {
    pub config_path: PathBuf,
    pub loaded: Loaded,
    pub environment: Environment,
    pub host_name: String,
    pub clock: Clock,
    pub notify: Notify,
    pub journal: Journal,
    /// Why the journal cannot be written; then `journal` is what can be read of it.
    pub watch_only: Option<String>,
}

/// How a daemon's life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Stopped,
    /// The state can be written again: cgwd begins anew.
    Healed,
}

pub struct Daemon {
    config_path: PathBuf,
    settings: Settings,
    environment: Environment,
    host_name: String,
    clock: Clock,
    notify: Notify,
    state: State,

    observer: Rc<Observer>,
    watch: Watch,
    /// `None` until every source was asked once: a fallback must not pass for a change while the preferred source is slow.
    observed: Option<Observed>,
    /// Why kernel events are not to be had, while they are not.
    deaf: Option<String>,
    overruns: Overruns,
    address: Settle<IpAddr>,
    asn: Settle<Option<Asn>>,
    /// A new reading waits to settle until this time since boot.
    settles_at: Option<Duration>,
    next_poll: Duration,
    next_asn: Duration,
    /// While only watching: when to try whether the state can be written again.
    heal_at: Option<Duration>,
    asking: Asking,
    /// The first asking whose answers may be acted on.
    trusted_from: u64,
    /// When the service manager has to hear from us, where it waits for that.
    next_alive: Option<Duration>,
    clock_watch: ClockWatch,
    alarm: Alarm,

    background: Background,
    cloud: CloudView,
    book: AlertBook,
    /// Who else in this process hears every alert as it is told.
    listener: Option<Listener>,
    occurrences: Vec<Alert>,
    /// What was noticed in this round and is not in the journal yet.
    unwritten: Vec<Record>,
    /// What the journal did not take, and when it was.
    missed: Vec<(Timestamp, Record)>,
    config_problem: Option<String>,
    refreshes: Vec<Refresh>,
    replacing: Replacing,
    status: Rc<RefCell<Status>>,
    status_words: String,
    started: Timestamp,
    entropy: Entropy,
}

/// Called with every alert, right after it was told.
pub type Listener = Box<dyn Fn(&Notice)>;

/// The journal, and the reason for only watching where it cannot be written.
enum State {
    Writable(Rc<RefCell<Journal>>),
    WatchOnly { why: String, journal: Rc<RefCell<Journal>> },
}

/// What is known of the cloud.
#[derive(Default)]
struct CloudView {
    /// Counts the configurations of this process: what a visit for an earlier one found is no news.
    generation: u32,
    report: Option<CloudReport>,
    /// When to look again, in time since boot; `None`: now.
    next: Option<Duration>,
    /// When to wake for that; `None` while a visit is under way or there is nothing to look for.
    wake: Option<Duration>,
    /// Something asked for another look while one was under way.
    again: bool,
    failures: u32,
    /// What the last look was for: another want needs another look.
    looked_for: Option<want::Wanted>,
    last_contact: Option<Timestamp>,
    /// The number of the last visit that came back.
    seen: u64,
    /// Cloud-side addresses of the configured resources, as they were last known.
    addresses: Vec<Ipv4Addr>,
    tunnels: Tunnels,
}

impl Daemon {
    pub fn new(start: Start) -> Result<Daemon, DaemonError> {
        let settings = start.loaded.settings;
        let progress = start.journal.progress().clone();
        let journal = Rc::new(RefCell::new(start.journal));
        let state = match start.watch_only {
            None => State::Writable(journal),
            Some(why) => State::WatchOnly { why, journal },
        };
        let address = progress.address.as_ref().map(|settled| settled.value);
        let asn = progress.asn.as_ref().map(|settled| settled.value.and_then(Asn::new));
        let standing = conditions::standing(&progress);
        let observer = Rc::new(observer(&settings));
        let watch = Watch::new(&settings.address, settings.bgp.as_ref());
        let background = Background::connect(&settings, &start.clock, &start.environment, state.journal(), None)?;
        let started = start.clock.now();
        let status = Status::starting(&settings, &progress, started);
        let replacing = Replacing::new(&settings, &progress).with_untold_end(&state.journal().borrow());
        Ok(Daemon {
            config_path: start.config_path,
            environment: start.environment,
            host_name: start.host_name,
            notify: start.notify,
            observed: None,
            observer,
            watch,
            deaf: None,
            overruns: Overruns::default(),
            address: Settle::restored(address),
            asn: Settle::restored(asn),
            settles_at: None,
            next_poll: Duration::ZERO,
            next_asn: Duration::ZERO,
            heal_at: None,
            asking: Asking::default(),
            trusted_from: 0,
            next_alive: None,
            clock_watch: ClockWatch::default(),
            alarm: Alarm::new().map_err(DaemonError::Timer)?,
            background,
            cloud: CloudView { last_contact: progress.last_cloud_contact, ..CloudView::default() },
            book: AlertBook::restore(standing),
            listener: None,
            occurrences: Vec::new(),
            unwritten: Vec::new(),
            missed: Vec::new(),
            config_problem: None,
            refreshes: Vec::new(),
            replacing,
            status: Rc::new(RefCell::new(status)),
            status_words: String::new(),
            started,
            entropy: Entropy::system().map_err(crate::cloud::client::ConnectError::from)?,
            clock: start.clock,
            settings,
            state,
        })
    }

    /// Lets somebody in this process hear every alert.
    pub fn heard_by(self, listener: Listener) -> Daemon {
        Daemon { listener: Some(listener), ..self }
    }

    /// Reaches the cloud through this instead of the network.
    ///
    /// # Errors
    /// Where no client can be made of the settings.
    pub fn through(self, transport: Rc<dyn Transport>) -> Result<Daemon, DaemonError> {
        let journal = self.state.journal();
        let background = Background::connect(&self.settings, &self.clock, &self.environment, journal, Some(transport))?;
        Ok(Daemon { background, ..self })
    }

    /// Runs until SIGTERM or SIGINT. Must be called inside a `LocalSet`. The control socket goes to `places`, as far as they
    /// can be written.
    pub async fn run(self, places: Places) -> Result<Ended, DaemonError> {
        self.run_until(places, std::future::pending()).await
    }

    /// As [`Daemon::run`], and no longer than until `stop` is ready.
    pub async fn run_until(mut self, places: Places, stop: impl Future<Output = ()>) -> Result<Ended, DaemonError> {
        let mut stop = pin!(stop);
        let mut signals = Signals::listen().map_err(DaemonError::Signals)?;
        let mut server = Server::listen(&places).await;
        self.asking.at_once(since_boot());
        self.round();
        self.tell_ready();
        let mut wake_at = self.next_wake();
        let ended = loop {
            let event = tokio::select! {
                biased;
                () = &mut stop => Event::Stop,
                event = self.next_event(&mut signals, server.as_mut(), wake_at) => event,
            };
            match event {
                Event::Stop | Event::Signal(Signal::Terminate | Signal::Interrupt) => break Ended::Stopped,
                Event::Signal(Signal::Reload) => self.reload(),
                Event::Wake(wake) => self.woken(wake),
                Event::Observed(Sources::All, observed) => self.take_observed(observed),
                Event::Observed(Sources::Asn, observed) => self.take_asn(observed),
                Event::Cloud(report) => {
                    self.take_report(*report);
                    // `route:vpn-gateway` asks for the way to where the cloud is.
                    self.read_local();
                }
                Event::Notice(notice) => self.take_notice(&notice),
                Event::Replacement(ending) => self.take_ending(*ending),
                Event::Request(Request::Refresh(reply)) => self.begin_refresh(reply),
                Event::Request(Request::Replace(replace, lines)) => self.take_asked(replace, lines),
                Event::Request(Request::Status(reply)) => {
                    let _gone = reply.send(self.status.borrow().json());
                    // However often it is asked for: what is due is done at its time.
                    if since_boot() < wake_at {
                        continue;
                    }
                }
                Event::Timer => {}
            }
            if self.is_healed() {
                tracing::info!("the state can be written again; beginning anew");
                return Ok(Ended::Healed);
            }
            self.poll_if_due();
            self.round();
            wake_at = self.next_wake();
        };
        self.stop().await;
        Ok(ended)
    }

    async fn next_event(&mut self, signals: &mut Signals, server: Option<&mut Server>, wake_at: Duration) -> Event {
        tokio::select! {
            biased;
            signal = signals.next() => Event::Signal(signal),
            wake = self.watch.changed() => Event::Wake(wake),
            done = self.background.next() => match done {
                Finished::Observed(sources, observed) => Event::Observed(sources, observed),
                Finished::Cloud(report) => Event::Cloud(report),
                Finished::Notice(notice) => Event::Notice(notice),
                Finished::Replacement(ending) => Event::Replacement(ending),
            },
            request = control::next_request(server) => Event::Request(request),
            () = self.alarm.until(wake_at) => Event::Timer,
        }
    }

    /// Why nothing is written, where that is so: the state cannot be kept, or a write to it failed in between.
    fn watch_only(&self) -> Option<String> {
        match &self.state {
            State::WatchOnly { why, .. } => Some(why.clone()),
            State::Writable(journal) if journal.borrow().is_broken() => Some(JournalError::Broken.to_string()),
            State::Writable(_) => None,
        }
    }

    /// At the cloud, as soon as can be.
    fn look_again(&mut self) {
        self.cloud.next = None;
        self.cloud.again = self.background.cloud_is_busy();
    }

    /// The earliest thing to do without being woken, after a round that did everything else.
    fn next_wake(&mut self) -> Duration {
        let now = since_boot();
        let alert = self.book.wake_at().map(|at| now + Duration::try_from(at.duration_since(self.clock.now())).unwrap_or_default());
        let alert = alert.map(|at| at.max(now + SOON));
        let cloud = self.cloud.wake.map(|at| at.max(now + SOON));
        let owed = self.notify.is_behind().then(|| now + SOON);
        let heal = self.next_heal();
        let asking = self.asking.due().filter(|_| !self.background.is_observing());
        let asn = Some(self.next_asn).filter(|_| self.observer.asks_for_asn() && !self.background.is_observing());
        [Some(self.next_poll), asn, self.next_settling(), asking, alert, cloud, heal, owed, self.replacing.wake(), self.next_alive]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(now + Duration::from_secs(60))
    }

    fn tell_ready(&self) {
        if let Err(error) = self.notify.ready(&self.status_words) {
            tracing::warn!(%error, "the service manager could not be told that cgwd is ready");
        }
    }

    async fn stop(mut self) {
        if let Err(error) = self.notify.stopping("stopping") {
            tracing::debug!(%error, "the service manager could not be told");
        }
        if self.leave_replacement() {
            tokio::time::sleep(LAST_WORDS).await;
        }
        if self.background.cloud_is_busy()
            && let Ok(report) = tokio::time::timeout(STOP_PATIENCE, self.background.cloud_report()).await
        {
            self.take_report(report);
            self.tell_of_the_end();
        }
        let last_cloud_contact = self.cloud.last_contact;
        if let State::Writable(journal) = &self.state {
            let mut journal = journal.borrow_mut();
            if journal.progress().last_cloud_contact != last_cloud_contact
                && let Err(error) = journal.append(self.clock.now(), Record::CloudContact { last_cloud_contact })
            {
                tracing::warn!(error = with_causes(&error), "the time of the last contact with the cloud could not be kept");
            }
        }
        tracing::info!("stopped");
    }
}

enum Event {
    /// Whoever started it wants it to end.
    Stop,
    Signal(Signal),
    Wake(Wake),
    Observed(Sources, Observed),
    Cloud(Box<CloudReport>),
    Notice(StepNotice),
    Replacement(Box<Ending>),
    Request(Request),
    Timer,
}

impl State {
    fn journal(&self) -> &Rc<RefCell<Journal>> {
        match self {
            State::Writable(journal) | State::WatchOnly { journal, .. } => journal,
        }
    }

    fn progress<T>(&self, of: impl Fn(&Progress) -> T) -> T {
        of(self.journal().borrow().progress())
    }
}

fn observer(settings: &Settings) -> Observer {
    Observer::new(&settings.address, settings.bgp.as_ref(), echo_options(settings))
}

/// Echo services are reached like the cloud.
pub fn echo_options(settings: &Settings) -> EchoOptions {
    EchoOptions { ca_file: settings.cloud.ca_file.clone(), proxy: settings.cloud.proxy.clone(), timeout: settings.cloud.timeout }
}

/// An error and what lies under it, on one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn instants(clock: &Clock) -> Instants {
    Instants::now(clock.now())
}
