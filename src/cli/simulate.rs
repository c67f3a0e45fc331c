//! `cgwd simulate`: the simulated cloud as a server on this machine, for tests and for other tools.

use crate::model::Secret;
use crate::simulator::seed::{self, Seed, SeedError};
use crate::simulator::{AccessKey, Cloud, Script, script, server};
use crate::system::clock::Clock;
use crate::system::environment::Environment;
use clap::Args;
use ring::rand::{SecureRandom, SystemRandom};
use std::cell::RefCell;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Args, Clone, Debug)]
pub struct SimulateArgs {
    /// Loopback address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// What the cloud holds to begin with (JSON, see --print-seed)
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,
    /// What goes wrong (TOML or JSON, see --print-faults)
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Print a full example of a seed and exit
    #[arg(long, conflicts_with = "print_faults")]
    pub print_seed: bool,
    /// Print a full example of a faults file and exit
    #[arg(long)]
    pub print_faults: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error("{0} is no loopback address")]
    NotLoopback(SocketAddr),
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// `problem` names the line, or the path inside the seed.
    #[error("{}: {problem}", path.display())]
    Seed { path: PathBuf, problem: SeedError },
    #[error("{}: {problem}", path.display())]
    Faults { path: PathBuf, problem: script::ScriptError },
    #[error("the built-in seed: {0}")]
    DefaultSeed(SeedError),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("no randomness to make an access key from")]
    NoRandomness,
    #[error("cannot write the output")]
    Output(#[source] io::Error),
    #[error("the server stopped")]
    Server(#[source] io::Error),
}

impl SimulateError {
    /// What the operator can do about it; empty where the message says it all.
    pub fn remedy(&self) -> &'static str {
        match self {
            SimulateError::NotLoopback(_) => {
                "the simulated cloud speaks plain http and holds keys: listen on 127.0.0.1 or [::1], and reach it from elsewhere through ssh -L"
            }
            SimulateError::Unreadable { .. } => "check the path and its permissions",
            SimulateError::Seed { .. } => "`cgwd simulate --print-seed` shows every key",
            SimulateError::Faults { .. } => "`cgwd simulate --print-faults` shows every key",
            SimulateError::Listen { .. } => "choose another port, or 0 for a free one",
            SimulateError::DefaultSeed(_) | SimulateError::NoRandomness | SimulateError::Output(_) | SimulateError::Server(_) => "",
        }
    }

    /// Whether the command line or a file of the user is at fault, rather than the system.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            SimulateError::NotLoopback(_) | SimulateError::Unreadable { .. } | SimulateError::Seed { .. } | SimulateError::Faults { .. }
        )
    }
}

/// Serves until SIGTERM or SIGINT. stdout gets one line, `listening on http://ADDR:PORT`; where neither the
/// environment nor the seed has an access key, stderr gets a made pair as `export` lines.
pub async fn run(
    args: &SimulateArgs,
    environment: &Environment,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> Result<(), SimulateError> {
    if args.print_seed {
        return write(stdout, seed::EXAMPLE);
    }
    if args.print_faults {
        return write(stdout, script::EXAMPLE);
    }
    if !args.listen.ip().is_loopback() {
        return Err(SimulateError::NotLoopback(args.listen));
    }
    let clock = Clock::system();
    let mut cloud = cloud(args, &clock)?;
    let made = admit(&mut cloud, environment)?;
    let listen = |source| SimulateError::Listen { address: args.listen, source };
    let listener = TcpListener::bind(args.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    // Before the line that tells others to go ahead: a signal from then on is an orderly end.
    let mut terminate = signal(SignalKind::terminate()).map_err(SimulateError::Server)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(SimulateError::Server)?;
    if let Some(lines) = made {
        write(stderr, &lines)?;
    }
    write(stdout, &format!("listening on http://{address}\n"))?;
    let now = Rc::new(move || clock.now());
    tokio::select! {
        ended = server::serve(listener, Rc::new(RefCell::new(cloud)), now) => ended.map_err(SimulateError::Server),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

fn cloud(args: &SimulateArgs, clock: &Clock) -> Result<Cloud, SimulateError> {
    let mut cloud = match &args.seed {
        Some(path) => {
            let text = read(path)?;
            let made = Seed::parse(&text).and_then(|seed| Cloud::new(&seed, clock.now()));
            made.map_err(|problem| SimulateError::Seed { path: path.clone(), problem })?
        }
        None => Cloud::new(&Seed::default_cloud(), clock.now()).map_err(SimulateError::DefaultSeed)?,
    };
    if let Some(path) = &args.faults {
        let script = Script::parse(&read(path)?).map_err(|problem| SimulateError::Faults { path: path.clone(), problem })?;
        cloud.set_script(script);
    }
    Ok(cloud)
}

fn read(path: &Path) -> Result<String, SimulateError> {
    std::fs::read_to_string(path).map_err(|source| SimulateError::Unreadable { path: path.to_owned(), source })
}

/// Lets the environment's key in; where there is none at all, makes one and gives the lines that export it.
fn admit(cloud: &mut Cloud, environment: &Environment) -> Result<Option<String>, SimulateError> {
    let id = environment.var("ALIBABA_CLOUD_ACCESS_KEY_ID");
    let secret = environment.var("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    if let (Some(id), Some(secret)) = (id, secret) {
        let security_token = environment.var("ALIBABA_CLOUD_SECURITY_TOKEN").map(Secret::new);
        cloud.admit(AccessKey { id: id.to_owned(), secret: Secret::new(secret), security_token, expires: None });
        return Ok(None);
    }
    if cloud.door.has_keys() {
        return Ok(None);
    }
    let (id, secret) = (format!("LTAI{}", random_text(10)?), random_text(15)?);
    cloud.admit(AccessKey { id: id.clone(), secret: Secret::new(secret.clone()), security_token: None, expires: None });
    Ok(Some(format!("export ALIBABA_CLOUD_ACCESS_KEY_ID={id} ALIBABA_CLOUD_ACCESS_KEY_SECRET={secret}\n")))
}

fn random_text(bytes: usize) -> Result<String, SimulateError> {
    let mut random = vec![0; bytes];
    SystemRandom::new().fill(&mut random).map_err(|_| SimulateError::NoRandomness)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn write(stream: &mut dyn Write, text: &str) -> Result<(), SimulateError> {
    stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).map_err(SimulateError::Output)
}
