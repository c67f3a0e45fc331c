//! The control socket: one JSON request on a line, one JSON answer, then the connection ends.
//!
//! Only root and the service's own user can reach it: it lies in a private directory.

use crate::system::environment::Environment;
use serde_json::{Value, json};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

/// File name below each of the [`Places`].
pub const SOCKET: &str = "control.sock";
/// Where systemd puts the runtime directory of the packaged unit. A command looks there whatever its own environment says.
const RUNTIME: &str = "/run/cgwd";
/// A request is one short line.
const REQUEST_MOST: u64 = 4096;
const ANSWER_MOST: u64 = 1 << 20;
const REQUEST_PATIENCE: Duration = Duration::from_secs(5);
/// What is there and does not take a connection within this time is stuck.
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);

/// Where the socket can lie; the daemon and whoever asks it make the list by the same rule.
#[derive(Clone, Debug)]
pub struct Places {
    /// `RUNTIME_DIRECTORY`, then the state directory: the daemon listens in all that it can write.
    directories: Vec<PathBuf>,
    /// Where the daemon goes when none of them can be written.
    resort: Option<PathBuf>,
    /// Whose daemon is meant: several can share a runtime directory.
    state: PathBuf,
}

/// What a client asks for, with the way to answer.
pub enum Request {
    Status(oneshot::Sender<Value>),
    /// Look at everything now; answered when the look is over.
    Refresh(oneshot::Sender<Value>),
}

pub struct Server {
    requests: mpsc::Receiver<Request>,
    paths: Vec<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens there.
    #[error("no daemon answers at {path}")]
    NotRunning { path: PathBuf },
    /// Somebody listens, and says nothing.
    #[error("the daemon{} does not answer at {path}", .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Silent { path: PathBuf, pid: Option<i32> },
    #[error("the daemon at {path} cannot be asked")]
    Failed { path: PathBuf, source: io::Error },
    #[error("the daemon's answer cannot be read: {0}")]
    Answer(String),
}

impl Places {
    pub fn new(environment: &Environment, state: &Path) -> Places {
        let runtime = environment.var("RUNTIME_DIRECTORY").unwrap_or_default();
        let runtime = runtime.split(':').filter(|path| !path.is_empty()).map(PathBuf::from);
        Places { directories: runtime.chain([state.to_owned()]).collect(), ..Places::below(state) }
    }

    /// In the state directory alone.
    pub fn below(state: &Path) -> Places {
        Places { directories: vec![state.to_owned()], resort: Some(PathBuf::from(RUNTIME)), state: state.to_owned() }
    }

    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.directories.iter().chain(&self.resort)
    }

    /// Two names of one directory are one.
    fn is_of(&self, state: &str) -> bool {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.state == Path::new(state) || real(&self.state) == real(Path::new(state))
    }
}

impl Server {
    /// `None`, with a log line, where no socket can be made: the daemon works without it.
    pub async fn listen(places: &Places) -> Option<Server> {
        let mut made = Vec::new();
        for directory in &places.directories {
            made.extend(listener(directory).await);
        }
        if made.is_empty()
            && let Some(directory) = &places.resort
        {
            // Only root can make it; where it exists, it is as private as systemd made it.
            let _exists = std::fs::DirBuilder::new().mode(0o700).create(directory);
            made.extend(listener(directory).await);
        }
        if made.is_empty() {
            tracing::warn!("no control socket; `cgwd status` will show the journal's state only");
            return None;
        }
        let (sender, requests) = mpsc::channel(16);
        let places = Rc::new(places.clone());
        let mut paths = Vec::new();
        for (path, listener) in made {
            paths.push(path);
            spawn_local(accept(listener, sender.clone(), Rc::clone(&places)));
        }
        Some(Server { requests, paths })
    }
}

async fn listener(directory: &Path) -> Option<(PathBuf, UnixListener)> {
    let path = directory.join(SOCKET);
    // A socket left behind by a dead one is in the way; one that somebody listens at is not ours.
    match tokio::time::timeout(CONNECT_PATIENCE, UnixStream::connect(&path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            let _then_binding_fails = std::fs::remove_file(&path);
        }
        _ => {}
    }
    match UnixListener::bind(&path) {
        Ok(listener) => Some((path, listener)),
        Err(error) => {
            tracing::info!(%error, path = %path.display(), "no control socket here");
            None
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for path in &self.paths {
            let _gone = std::fs::remove_file(path);
        }
    }
}

/// The next request; waits for ever where there is no server.
pub async fn next_request(server: Option<&mut Server>) -> Request {
    match server {
        Some(server) => match server.requests.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

async fn accept(listener: UnixListener, requests: mpsc::Sender<Request>, places: Rc<Places>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (requests, places) = (requests.clone(), Rc::clone(&places));
                spawn_local(async move {
                    if let Err(error) = serve(stream, requests, &places).await {
                        tracing::debug!(%error, "a control connection ended early");
                    }
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a control connection could not be accepted");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn serve(stream: UnixStream, requests: mpsc::Sender<Request>, places: &Places) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(read.take(REQUEST_MOST));
    tokio::time::timeout(REQUEST_PATIENCE, reader.read_line(&mut line)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let asked = serde_json::from_str::<Value>(&line).unwrap_or_default();
    if asked["state"].as_str().is_some_and(|state| !places.is_of(state)) {
        return write.write_all(b"{\"elsewhere\":true}\n").await;
    }
    let (reply, answer) = oneshot::channel();
    let request = match asked["command"].as_str() {
        Some("status") => Request::Status(reply),
        Some("refresh") => Request::Refresh(reply),
        _ => return write.write_all(b"{\"error\":\"unknown command\"}\n").await,
    };
    if requests.send(request).await.is_err() {
        return Ok(());
    }
    let answer = answer.await.unwrap_or_else(|_| json!({"error": "the daemon is stopping"}));
    write.write_all(format!("{answer}\n").as_bytes()).await
}

/// Asks the daemon of this state directory, and waits for its answer no longer than `patience`.
pub async fn ask(places: &Places, command: &str, patience: Duration) -> Result<Value, AskError> {
    let mut refused = None;
    for directory in places.all() {
        let path = directory.join(SOCKET);
        let stream = match tokio::time::timeout(CONNECT_PATIENCE, UnixStream::connect(&path)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if is_nobody(&error) => continue,
            // The runtime directory of a service that runs as somebody else, most likely another one's.
            Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied && places.resort.as_ref() == Some(directory) => continue,
            // Its queue is full.
            Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return Err(AskError::Silent { path, pid: None }),
            Err(_) => return Err(AskError::Silent { path, pid: None }),
            Ok(Err(source)) => {
                refused.get_or_insert(AskError::Failed { path, source });
                continue;
            }
        };
        let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
        match tokio::time::timeout(patience, converse(stream, command, &places.state)).await {
            Err(_) => return Err(AskError::Silent { path, pid }),
            Ok(Err(source)) => return Err(AskError::Failed { path, source }),
            Ok(Ok(answer)) => match answer? {
                Some(answer) => return Ok(answer),
                None => continue,
            },
        }
    }
    let path = places.directories.first().map(|directory| directory.join(SOCKET)).unwrap_or_default();
    Err(refused.unwrap_or(AskError::NotRunning { path }))
}

/// No socket there, nobody behind it, or a path that is too long to have one.
fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput)
}

/// `None`: it is the daemon of another state directory.
async fn converse(mut stream: UnixStream, command: &str, state: &Path) -> io::Result<Result<Option<Value>, AskError>> {
    stream.write_all(format!("{}\n", json!({"command": command, "state": state})).as_bytes()).await?;
    let mut text = String::new();
    stream.take(ANSWER_MOST).read_to_string(&mut text).await?;
    let answer = match serde_json::from_str::<Value>(&text) {
        Ok(answer) => answer,
        Err(error) => return Ok(Err(AskError::Answer(error.to_string()))),
    };
    if answer["elsewhere"] == true {
        return Ok(Ok(None));
    }
    Ok(match answer["error"].as_str().filter(|_| answer.get("status").is_none()) {
        Some(error) => Err(AskError::Answer(error.to_owned())),
        None => Ok(Some(answer)),
    })
}
