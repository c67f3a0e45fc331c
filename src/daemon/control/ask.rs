//! The asking side of the control socket.

use super::{CONNECT_PATIENCE, Places, SOCKET};
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// Of one line. A plan for hundreds of connections has some hundred KiB.
const ANSWER_MOST: u64 = 1 << 20;
/// The daemon says at once that it has heard; who does not is stuck.
const HEARD_PATIENCE: Duration = Duration::from_secs(5);

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
    /// It ended, or was ended, before it had said how this ends.
    #[error("the daemon at {path} ended meanwhile")]
    BrokenOff { path: PathBuf },
}

/// Whom a path leads to.
enum Reached {
    Somebody(UnixStream),
    /// Nobody, or somebody else's.
    Nobody,
    Refused(AskError),
}

/// Asks the daemon of this state directory, and waits for its answer no longer than `patience`.
pub async fn ask(places: &Places, command: &str, patience: Duration) -> Result<Value, AskError> {
    let request = json!({"command": command, "state": places.state});
    let mut refused = None;
    for directory in places.all() {
        let path = directory.join(SOCKET);
        let stream = match reach(places, directory).await? {
            Reached::Somebody(stream) => stream,
            Reached::Nobody => continue,
            Reached::Refused(error) => {
                refused.get_or_insert(error);
                continue;
            }
        };
        let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
        match tokio::time::timeout(patience, converse(stream, &request)).await {
            Err(_) => return Err(AskError::Silent { path, pid }),
            Ok(Err(source)) if is_end(&source) => return Err(AskError::BrokenOff { path }),
            Ok(Err(source)) => return Err(AskError::Failed { path, source }),
            Ok(Ok(answer)) => match answer? {
                Some(answer) => return Ok(answer),
                None => continue,
            },
        }
    }
    Err(refused.unwrap_or_else(|| nobody(places)))
}

/// Asks about a replacement and gives every line of the answer to `on_line`, for as long as it takes. `request` has `go` and
/// what belongs to it; see the module.
///
/// # Errors
/// Where nobody answers, or where the answer breaks off before its last line.
pub async fn ask_stream(places: &Places, request: &Value, mut on_line: impl FnMut(&Value)) -> Result<(), AskError> {
    let mut request = request.clone();
    request["command"] = json!("replace");
    request["state"] = json!(places.state);
    let mut refused = None;
    for directory in places.all() {
        match reach(places, directory).await? {
            Reached::Somebody(stream) => match listen(stream, &request, &directory.join(SOCKET), &mut on_line).await? {
                Heard::Elsewhere => {}
                Heard::All => return Ok(()),
            },
            Reached::Nobody => {}
            Reached::Refused(error) => {
                refused.get_or_insert(error);
            }
        }
    }
    Err(refused.unwrap_or_else(|| nobody(places)))
}

fn nobody(places: &Places) -> AskError {
    AskError::NotRunning { path: places.directories.first().map(|directory| directory.join(SOCKET)).unwrap_or_default() }
}

async fn reach(places: &Places, directory: &PathBuf) -> Result<Reached, AskError> {
    let path = directory.join(SOCKET);
    match tokio::time::timeout(CONNECT_PATIENCE, UnixStream::connect(&path)).await {
        Ok(Ok(stream)) => Ok(Reached::Somebody(stream)),
        Ok(Err(error)) if is_nobody(&error) => Ok(Reached::Nobody),
        // The runtime directory of a service that runs as somebody else, most likely another one's.
        Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied && places.resort.as_ref() == Some(directory) => {
            Ok(Reached::Nobody)
        }
        // Its queue is full.
        Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Err(AskError::Silent { path, pid: None }),
        Err(_) => Err(AskError::Silent { path, pid: None }),
        Ok(Err(source)) => Ok(Reached::Refused(AskError::Failed { path, source })),
    }
}

/// No socket there, nobody behind it, or a path that is too long to have one.
fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput)
}

/// The daemon ended in the middle of it.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof)
}

/// `None`: it is the daemon of another state directory.
async fn converse(mut stream: UnixStream, request: &Value) -> io::Result<Result<Option<Value>, AskError>> {
    stream.write_all(format!("{request}\n").as_bytes()).await?;
    let mut text = String::new();
    stream.take(ANSWER_MOST).read_to_string(&mut text).await?;
    if text.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
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

enum Heard {
    /// It is the daemon of another state directory.
    Elsewhere,
    All,
}

async fn listen(mut stream: UnixStream, request: &Value, path: &Path, on_line: &mut impl FnMut(&Value)) -> Result<Heard, AskError> {
    let failed = |source| AskError::Failed { path: path.to_owned(), source };
    let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
    stream.write_all(format!("{request}\n").as_bytes()).await.map_err(failed)?;
    let mut reader = BufReader::new(stream);
    let first = tokio::time::timeout(HEARD_PATIENCE, next_line(&mut reader)).await;
    let first = first.map_err(|_| AskError::Silent { path: path.to_owned(), pid })?;
    let mut next = first.map_err(failed)?;
    let mut is_over = false;
    while let Some(text) = next {
        let line: Value = serde_json::from_str(&text).map_err(|error| AskError::Answer(error.to_string()))?;
        if line["elsewhere"] == true {
            return Ok(Heard::Elsewhere);
        }
        if line.get("accepted").is_none() {
            is_over = line.get("notice").is_none();
            on_line(&line);
        }
        next = next_line(&mut reader).await.map_err(failed)?;
    }
    if is_over { Ok(Heard::All) } else { Err(AskError::BrokenOff { path: path.to_owned() }) }
}

/// `None` at the end.
async fn next_line(reader: &mut BufReader<UnixStream>) -> io::Result<Option<String>> {
    let mut text = String::new();
    reader.take(ANSWER_MOST).read_line(&mut text).await?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}
