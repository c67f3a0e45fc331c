//! What the demo plays in: a directory of its own, and the real daemon.

use super::machine::{Bgp, Identity};
use super::sky::{DUAL_TUNNEL, PATIENCE, Sky};
use crate::alert::raise::{Notice, Phase};
use crate::cli::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cloud::entropy::Entropy;
use crate::daemon::control::{Places, SOCKET};
use crate::daemon::{Daemon, DaemonError, Start, with_causes};
use crate::facts::names;
use crate::journal::Journal;
use crate::model::{Severity, Timestamp};
use crate::system::atomic_file;
use crate::system::environment::Environment;
use crate::system::lock::Lock;
use crate::system::machine::device_id;
use crate::system::notify::Notify;
use serde_json::json;
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::Instant;

/// Long enough to be seen, short enough for a demo; product.md 3 has 30 s as the default.
pub const SETTLE: Duration = Duration::from_secs(1);
/// Between the two readings that a destructive call relies on; product.md 4 has 60 s as the default.
const RECHECK: Duration = Duration::from_millis(200);
/// The kernel takes shorter paths than this for a socket.
const LONGEST_SOCKET: usize = 108;

/// Everything that a scene plays with.
pub struct World<'a> {
    pub place: &'a Place,
    pub sky: Sky,
    /// The commands' own context, on the demo's files and its key.
    pub context: Context,
}

/// Where everything is written.
pub struct Place {
    pub directory: PathBuf,
    /// What the daemon reads the address from.
    pub address: PathBuf,
    pub config: PathBuf,
    pub state: PathBuf,
}

/// A change of the address that was told.
pub struct Change {
    pub from: Ipv4Addr,
    pub to: Ipv4Addr,
    /// When the file was written.
    pub began: Instant,
    pub at: Timestamp,
    pub noticed: Told,
    pub settled: Told,
    pub needed: Told,
}

/// An alert, with the moment it was told.
pub struct Told {
    pub notice: Notice,
    pub at: Instant,
}

/// The real daemon, as a task of this process.
pub struct Running {
    told: mpsc::UnboundedReceiver<Told>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), DaemonError>>,
    _lock: Lock,
}

impl World<'_> {
    /// The device has another address from now on, here and for whoever calls it; gives what the daemon told of it.
    pub async fn move_device(&self, to: Ipv4Addr, daemon: &mut Running) -> Result<Change, Failure> {
        let from = self.place.read_address()?;
        let (began, at) = (Instant::now(), self.context.clock.now());
        self.sky.move_device(to);
        self.place.write_address(to)?;
        let noticed = daemon.told("address.changed").await?;
        let settled = daemon.told("address.settled").await?;
        let needed = daemon.told("replacement.needed").await?;
        Ok(Change { from, to, began, at, noticed, settled, needed })
    }
}

impl Place {
    /// A fresh private directory under the system's directory for temporary files.
    pub fn make(environment: &Environment) -> Result<Place, Failure> {
        let parent = PathBuf::from(environment.var("TMPDIR").unwrap_or("/tmp"));
        let entropy = Entropy::system().map_err(Failure::system)?;
        let directory = parent.join(format!("cgwd-demo-{}", &entropy.hex128()[..8]));
        let state = directory.join("state");
        if state.join(SOCKET).as_os_str().as_bytes().len() >= LONGEST_SOCKET {
            let message = format!("{} is too long a path for the daemon's control socket below it", parent.display());
            return Err(Failure::new(Exit::Failed, message, "name another directory for temporary files: `TMPDIR=/tmp cgwd demo`"));
        }
        let make = |path: &Path| std::fs::DirBuilder::new().mode(0o700).create(path);
        make(&directory).and_then(|()| make(&state)).map_err(|error| {
            let message = format!("the demo cannot write in {}: {error}", parent.display());
            Failure::new(Exit::Failed, message, "name a directory for temporary files that you may write: `TMPDIR=… cgwd demo`")
        })?;
        Ok(Place { address: directory.join("address"), config: directory.join("config.toml"), state, directory })
    }

    pub fn write_address(&self, address: Ipv4Addr) -> Result<(), Failure> {
        write(&self.address, &format!("{address}\n"))
    }

    pub fn read_address(&self) -> Result<Ipv4Addr, Failure> {
        let text = std::fs::read_to_string(&self.address).map_err(Failure::system)?;
        text.trim().parse().map_err(Failure::system)
    }

    /// What a person would write on a real device, but for the source, the endpoint, the short times and a second replacement on
    /// one day.
    pub fn write_config(&self, identity: &Identity, host_name: &str, endpoint: &str) -> Result<String, Failure> {
        let device = if names::device_name(host_name).is_ok() { host_name } else { "demo" };
        let bgp = match &identity.bgp {
            Bgp::Source { source, .. } => format!("source = \"{source}\""),
            Bgp::StandIn { asn } => format!("asn = {asn}"),
        };
        let text = format!(
            "[device]\nname = \"{device}\"\n\
             [address]\nnetwork = \"{network}\"\nsources = [{source}]\nsettle = \"{settle}s\"\n\
             [bgp]\n{bgp}\n\
             [cloud]\nvpn_gateway = \"{DUAL_TUNNEL}\"\nendpoint = \"{endpoint}\"\n\
             [replacement]\nmax_per_day = 2\nrecheck = \"{recheck}ms\"\n\
             [state]\ndirectory = {state}\n",
            network = identity.network.name(),
            source = quoted(&format!("file:{}", self.address.display())),
            settle = SETTLE.as_secs(),
            recheck = RECHECK.as_millis(),
            state = quoted(&self.state.display().to_string()),
        );
        write(&self.config, &text)?;
        Ok(text)
    }

    /// Every file below, with its size in bytes.
    pub fn files(&self) -> Result<Vec<(PathBuf, u64)>, Failure> {
        let mut files = Vec::new();
        for directory in [&self.directory, &self.state] {
            for entry in std::fs::read_dir(directory).map_err(Failure::system)? {
                let entry = entry.map_err(Failure::system)?;
                let metadata = entry.metadata().map_err(Failure::system)?;
                if metadata.is_file() {
                    files.push((entry.path(), metadata.len()));
                }
            }
        }
        files.sort();
        Ok(files)
    }
}

impl Running {
    /// The daemon as `cgwd run` starts it, but for the service manager, which it is not to hear.
    pub fn start(context: &Context) -> Result<Running, Failure> {
        let loaded = context.load()?;
        let state = loaded.settings.state_directory.clone();
        let lock = Lock::take(&state).map_err(Failure::system)?;
        let journal = Journal::open(&state, device_id().ok().flatten())?;
        let daemon = Daemon::new(Start {
            config_path: context.config_path.clone(),
            loaded,
            environment: context.environment.clone(),
            host_name: context.host_name.clone(),
            clock: context.clock.clone(),
            notify: Notify::default(),
            journal,
            watch_only: None,
        });
        let daemon = match (daemon, &context.transport) {
            (Ok(daemon), Some(transport)) => daemon.through(Rc::clone(transport)),
            (daemon, _) => daemon,
        };
        let (sender, told) = mpsc::unbounded_channel();
        let listener = move |notice: &Notice| {
            // Nobody listens any more once the demo is over.
            let _over = sender.send(Told { notice: notice.clone(), at: Instant::now() });
        };
        let daemon = daemon.map_err(Failure::system)?.heard_by(Box::new(listener));
        let (stop, stopped) = oneshot::channel();
        let places = Places::below(&state);
        // Its tasks are its own, as those of a process are: they end with it.
        let task = spawn_local(async move {
            let life = daemon.run_until(places, async move {
                // A demo that is dropped wants its daemon to end as well.
                let _said = stopped.await;
            });
            LocalSet::new().run_until(life).await.map(|_ended| ())
        });
        Ok(Running { told, stop, task, _lock: lock })
    }

    /// The next alert of this code. Another of severity error that begins in its place is a failure.
    pub async fn told(&mut self, code: &str) -> Result<Told, Failure> {
        let waited = tokio::time::timeout(PATIENCE, async {
            while let Some(told) = self.told.recv().await {
                let (alert, begins) = (&told.notice.alert, matches!(told.notice.phase, Phase::Raised | Phase::Occurred));
                if begins && (alert.event.code == code || alert.severity == Severity::Error) {
                    return Some(told);
                }
            }
            None
        });
        let again = "run it again with -vv and report what it shows";
        match waited.await {
            Ok(Some(told)) if told.notice.alert.event.code == code => Ok(told),
            Ok(Some(other)) => {
                let alert = &other.notice.alert;
                Err(Failure::new(Exit::Failed, format!("{}: {}", alert.event.code, alert.message), alert.remedy.clone()))
            }
            Ok(None) => Err(Failure::new(Exit::Failed, format!("the daemon ended before it told `{code}`"), again)),
            Err(_) => Err(Failure::new(Exit::Failed, format!("the daemon did not tell `{code}` within {} s", PATIENCE.as_secs()), again)),
        }
    }

    /// As `kill -9` does: wherever it is, it goes no further and says nothing.
    pub async fn kill(self) {
        self.task.abort();
        let _killed = self.task.await;
    }

    /// Ends the daemon in good order.
    pub async fn end(self) -> Result<(), Failure> {
        // It has ended already where a signal told it to.
        let _ended = self.stop.send(());
        match self.task.await {
            Ok(ended) => ended.map_err(Failure::system),
            Err(error) => Err(Failure::failed(format!("the daemon broke off: {error}"))),
        }
    }
}

/// The commands' own context, on the demo's files, its key and nothing else of this process's environment.
pub fn context(outer: &Context, place: &Place, sky: &Sky) -> Result<Context, Failure> {
    Ok(Context {
        config_path: place.config.clone(),
        environment: sky.environment()?,
        host_name: outer.host_name.clone(),
        clock: outer.clock.clone(),
        verbose: outer.verbose,
        output: Output::clone(&outer.output),
        heeds: std::cell::Cell::new(false),
        transport: sky.memory.clone(),
    })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    atomic_file::replace(path, text.as_bytes(), 0o600).map_err(|error| Failure::new(Exit::Failed, with_causes(&error), error.remedy()))
}

/// JSON's and TOML's basic strings agree on what a path can hold.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}
