//! The control socket: one JSON request on a line, one JSON answer, then the connection ends.
//!
//! Only root and the service's own user can reach it: it lies in a private directory.

use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

/// File name below the runtime directory.
pub const SOCKET: &str = "control.sock";
/// A request is one short line.
const REQUEST_MOST: u64 = 4096;
const ANSWER_MOST: u64 = 1 << 20;
const REQUEST_PATIENCE: Duration = Duration::from_secs(5);

/// What a client asks for, with the way to answer.
pub enum Request {
    Status(oneshot::Sender<Value>),
    /// Look at everything now; answered when the look is over.
    Refresh(oneshot::Sender<Value>),
}

pub struct Server {
    requests: mpsc::Receiver<Request>,
    path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens there.
    #[error("no daemon answers at {path}")]
    NotRunning { path: PathBuf },
    #[error("the daemon at {path} cannot be asked")]
    Failed { path: PathBuf, source: io::Error },
    #[error("the daemon's answer cannot be read: {0}")]
    Answer(String),
}

impl Server {
    /// `None`, with a log line, where the socket cannot be made: the daemon works without it.
    pub fn listen(directory: &Path) -> Option<Server> {
        let path = directory.join(SOCKET);
        // The lock says that no other daemon lives here; a socket left behind by a dead one is in the way.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => tracing::debug!(%error, path = %path.display(), "old control socket"),
            _ => {}
        }
        let listener = match UnixListener::bind(&path) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "no control socket; `cgwd status` will show the journal's state only");
                return None;
            }
        };
        let (sender, requests) = mpsc::channel(16);
        spawn_local(accept(listener, sender));
        Some(Server { requests, path })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.path);
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

async fn accept(listener: UnixListener, requests: mpsc::Sender<Request>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let requests = requests.clone();
                spawn_local(async move {
                    if let Err(error) = serve(stream, requests).await {
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

async fn serve(stream: UnixStream, requests: mpsc::Sender<Request>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(read.take(REQUEST_MOST));
    tokio::time::timeout(REQUEST_PATIENCE, reader.read_line(&mut line)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let command = serde_json::from_str::<Value>(&line).ok().and_then(|request| request["command"].as_str().map(str::to_owned));
    let (reply, answer) = oneshot::channel();
    let request = match command.as_deref() {
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

/// Asks the daemon that listens in one of `directories`.
pub async fn ask(directories: &[PathBuf], command: &str) -> Result<Value, AskError> {
    let mut refused = None;
    for directory in directories {
        let path = directory.join(SOCKET);
        match UnixStream::connect(&path).await {
            Ok(stream) => return converse(stream, command).await.map_err(|source| AskError::Failed { path, source })?,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {}
            Err(source) => refused = Some(AskError::Failed { path, source }),
        }
    }
    let path = directories.first().map(|directory| directory.join(SOCKET)).unwrap_or_default();
    Err(refused.unwrap_or(AskError::NotRunning { path }))
}

async fn converse(mut stream: UnixStream, command: &str) -> io::Result<Result<Value, AskError>> {
    stream.write_all(format!("{}\n", json!({"command": command})).as_bytes()).await?;
    let mut text = String::new();
    stream.take(ANSWER_MOST).read_to_string(&mut text).await?;
    let answer = serde_json::from_str::<Value>(&text).map_err(|error| AskError::Answer(error.to_string()));
    Ok(answer.and_then(|answer| match answer["error"].as_str().filter(|_| answer.get("status").is_none()) {
        Some(error) => Err(AskError::Answer(error.to_owned())),
        None => Ok(answer),
    }))
}
