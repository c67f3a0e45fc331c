//! What the demo plays in: a directory of its own, the simulated cloud with its HTTP door, and the real daemon.

use super::machine::{Bgp, Identity};
use crate::alert::raise::Notice;
use crate::cli::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cloud::entropy::Entropy;
use crate::cloud::transport::Transport;
use crate::daemon::control::Places;
use crate::daemon::{Daemon, DaemonError, Start, with_causes};
use crate::facts::names;
use crate::journal::Journal;
use crate::model::{Severity, Timestamp};
use crate::simulator::seed::Seed;
use crate::simulator::{Cloud, InMemory, Request, server};
use crate::system::atomic_file;
use crate::system::clock::Clock;
use crate::system::environment::Environment;
use crate::system::lock::Lock;
use crate::system::machine::device_id;
use crate::system::notify::Notify;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::Instant;

const SEED: &str = include_str!("seed.json");
pub const REGION: &str = "cn-hangzhou";
pub const DUAL_TUNNEL: &str = "vpn-demo-dual";
pub const SINGLE_TUNNEL: &str = "vpn-demo-single";
pub const TRANSIT_ROUTER: &str = "tr-demo";
/// Long enough to be seen, short enough for a demo; product.md 3 has 30 s as the default.
pub const SETTLE: Duration = Duration::from_secs(1);
/// Everything that the demo waits for takes a second or two; longer means that it does not come.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where everything is written.
pub struct Place {
    pub directory: PathBuf,
    /// What the daemon reads the address from.
    pub address: PathBuf,
    pub config: PathBuf,
    pub state: PathBuf,
}

/// The simulated cloud and the way to it.
pub struct Sky {
    pub cloud: Rc<RefCell<Cloud>>,
    pub endpoint: String,
    /// Calls go through memory where this machine's loopback interface is down.
    pub memory: Option<Rc<dyn Transport>>,
    clock: Clock,
    server: JoinHandle<std::io::Result<()>>,
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

impl Place {
    /// A fresh private directory under the system's directory for temporary files.
    pub fn make(environment: &Environment) -> Result<Place, Failure> {
        let parent = PathBuf::from(environment.var("TMPDIR").unwrap_or("/tmp"));
        let entropy = Entropy::system().map_err(Failure::system)?;
        let directory = parent.join(format!("cgwd-demo-{}", &entropy.hex128()[..8]));
        let state = directory.join("state");
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

    /// What a person would write on a real device, but for the source, the endpoint and the short settle time.
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
             [state]\ndirectory = {state}\n",
            network = identity.network.name(),
            source = quoted(&format!("file:{}", self.address.display())),
            settle = SETTLE.as_secs(),
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

impl Sky {
    /// Other people's customer gateways give way where the device happens to have their address.
    pub async fn open(clock: &Clock, own: [Ipv4Addr; 2]) -> Result<Sky, Failure> {
        let unusable = |error| Failure::failed(format!("the demo's seed: {error}"));
        let mut seed = Seed::parse(SEED).map_err(unusable)?;
        for region in seed.regions.values_mut() {
            region.customer_gateways.retain(|gateway| own.iter().all(|own| gateway.ip_address != own.to_string()));
        }
        let cloud = Rc::new(RefCell::new(Cloud::new(&seed, clock.now()).map_err(unusable)?));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Failure::system)?;
        let address = listener.local_addr().map_err(Failure::system)?;
        let now: Rc<dyn Fn() -> Timestamp> = {
            let clock = clock.clone();
            Rc::new(move || clock.now())
        };
        let memory = match is_reached(address).await {
            true => None,
            false => Some(Rc::new(InMemory::new(Rc::clone(&cloud), Rc::clone(&now))) as Rc<dyn Transport>),
        };
        let server = spawn_local(server::serve(listener, Rc::clone(&cloud), now));
        Ok(Sky { cloud, endpoint: format!("http://{address}"), memory, clock: clock.clone(), server })
    }

    /// The key that the device calls with; it opens nothing but this simulated cloud.
    pub fn environment(&self) -> Result<Environment, Failure> {
        let seed: Value = serde_json::from_str(SEED).map_err(Failure::system)?;
        let key = |name: &str| seed["Credentials"][0][name].as_str().unwrap_or_default().to_owned();
        Ok(Environment::from_iter([
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", key("AccessKeyId")),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", key("AccessKeySecret")),
        ]))
    }

    /// A call of somebody else, here the network team: past the door, with the cloud's own rules.
    pub fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Value, Failure> {
        let response = self.cloud.borrow_mut().handle(&Request::of(action, parameters), self.clock.now());
        match response.is_success() {
            true => Ok(response.body),
            false => {
                Err(Failure::failed(format!("the simulated cloud refused {action}: {} {}", response.code(), response.body["Message"])))
            }
        }
    }
}

impl Drop for Sky {
    fn drop(&mut self) {
        self.server.abort();
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
        let task = spawn_local(daemon.run_until(Places::below(&state), async move {
            // A demo that is dropped wants its daemon to end as well.
            let _said = stopped.await;
        }));
        Ok(Running { told, stop, task, _lock: lock })
    }

    /// The next alert of this code. Another of severity error in its place is a failure.
    pub async fn told(&mut self, code: &str) -> Result<Told, Failure> {
        let waited = tokio::time::timeout(PATIENCE, async {
            while let Some(told) = self.told.recv().await {
                let event = told.notice.alert.event;
                if event.code == code || event.severity == Severity::Error {
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
        transport: sky.memory.clone(),
    })
}

async fn is_reached(address: SocketAddr) -> bool {
    matches!(tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(address)).await, Ok(Ok(_)))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    atomic_file::replace(path, text.as_bytes(), 0o600).map_err(|error| Failure::new(Exit::Failed, with_causes(&error), error.remedy()))
}

/// JSON's and TOML's basic strings agree on what a path can hold.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}
