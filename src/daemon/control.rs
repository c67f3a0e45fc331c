//! The control socket: one JSON request on a line, the answer in JSON lines, then the connection ends.
//!
//! Only root and the service's own user can reach it: it lies in a private directory. Every request names the state directory
//! whose daemon is meant (`"state"`); another's daemon answers `{"elsewhere": true}`.
//!
//! | request | answer |
//! | --- | --- |
//! | `{"command": "status"}` | the status document, at once |
//! | `{"command": "refresh"}` | one line, when everything was looked at: `{done, error, held_until, status}` |
//! | `{"command": "replace", "go": …}` | `{"accepted": true}` at once, then the lines below; the last one is not a `notice` |
//!
//! | `go` | with | lines |
//! | --- | --- | --- |
//! | `draft` | `to`, `asn`, `planned`, `documented`, each optional | `{"draft": plan}`: what would be done; nothing is written |
//! | `begin` | `plan`: the id of such a draft | `{"notice": …}` for everything that happens, then `{"ended": …}`. `{"changed": plan}` where the steps are no longer those of the draft, `{"refused": plan}` where a gate refuses: then nothing was begun |
//! | `resume` | | the open replacement goes on: as for `begin` |
//! | `watch` | | as for `begin`, of what runs already |
//! | `abort` | `came_to_nothing`, optional: no person's decision | what runs is let go, and given up where nothing is lost by it: `{"ended": …}` |
//!
//! A *plan* is what `cgwd plan` shows, with `plan` (its id; null where nothing is to be replaced), `new`, `order`, `planned`,
//! `rewrites`, `losses`, `interruptions` and `not_asked_to_come_up`. An *ended* has `outcome`: `done`, `rolled_back`,
//! `interrupted` (`stopped` says why, and whether the daemon goes on by itself), `abandoned` (`stays`: what it leaves; `by_itself`: nobody asked for that) or
//! `not_safe` (`why`), and `plan`, `old_customer_gateway_id`, `new_customer_gateway_id`, `connections`, `leftover`
//! (with `kept`: `why` and `remedy`), `timeline`,
//! `steps` (of the plan, as it was made),
//! `written` (whether it did anything to the cloud, or may have), `millis`.
//! A *notice* has `kind`: `began`, `waits`, `proven`, `turned` or `stopped`. What cannot be done at all is
//! `{"error": {"message", "remedy", "code"}}`. Whoever asked may go away: what was begun goes on.

mod ask;

pub use ask::{AskError, ask, ask_stream};

use super::replacing::Wish;
use crate::execute::replacement::Word;
use crate::model::Asn;
use crate::system::environment::Environment;
use serde_json::{Value, json};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

/// File name below each of the [`Places`].
pub const SOCKET: &str = "control.sock";
/// Where systemd puts the runtime directory of the packaged unit. A command looks there whatever its own environment says.
const RUNTIME: &str = "/run/cgwd";
/// A request is one short line.
const REQUEST_MOST: u64 = 4096;
/// Lines that wait for somebody who reads slowly; then they are let go.
const LINES: usize = 256;
/// So long one line may take to be read.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
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
    /// Answered by lines, until the sender is dropped.
    Replace(Replace, mpsc::Sender<Value>),
}

/// What is asked for about a replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replace {
    Draft(Wish),
    /// The plan that was drafted under this id.
    Begin(String),
    Resume,
    Watch,
    Abort(Word),
}

pub struct Server {
    requests: mpsc::Receiver<Request>,
    paths: Vec<PathBuf>,
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
        Some("replace") => return serve_replace(&asked, write, &requests).await,
        _ => return write.write_all(b"{\"error\":\"unknown command\"}\n").await,
    };
    if requests.send(request).await.is_err() {
        return Ok(());
    }
    let answer = answer.await.unwrap_or_else(|_| json!({"error": "the daemon is stopping"}));
    write.write_all(format!("{answer}\n").as_bytes()).await
}

async fn serve_replace(asked: &Value, mut write: OwnedWriteHalf, requests: &mpsc::Sender<Request>) -> io::Result<()> {
    let (sender, mut lines) = mpsc::channel(LINES);
    match replace(asked) {
        Ok(replace) => {
            write_line(&mut write, &json!({"accepted": true})).await?;
            if requests.send(Request::Replace(replace, sender)).await.is_err() {
                return Ok(());
            }
        }
        Err(why) => {
            let remedy = "the request has a mistake; the daemon may be of another version than the command";
            return write_line(&mut write, &json!({"error": {"message": why, "remedy": remedy, "code": null}})).await;
        }
    }
    while let Some(line) = lines.recv().await {
        write_line(&mut write, &line).await?;
    }
    Ok(())
}

async fn write_line(write: &mut OwnedWriteHalf, line: &Value) -> io::Result<()> {
    let text = format!("{line}\n");
    tokio::time::timeout(WRITE_PATIENCE, write.write_all(text.as_bytes())).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

fn replace(asked: &Value) -> Result<Replace, String> {
    match asked["go"].as_str() {
        Some("draft") => Ok(Replace::Draft(wish(asked)?)),
        Some("begin") => match asked["plan"].as_str() {
            Some(plan) => Ok(Replace::Begin(plan.to_owned())),
            None => Err("`begin` wants the id of a draft in `plan`".to_owned()),
        },
        Some("resume") => Ok(Replace::Resume),
        Some("watch") => Ok(Replace::Watch),
        // A command that tidies up after a plan that came to nothing says so: that is nobody's decision against the next one.
        Some("abort") if asked["came_to_nothing"] == true => Ok(Replace::Abort(Word::Nobodys)),
        Some("abort") => Ok(Replace::Abort(Word::APersons)),
        _ => Err("`go` is none of draft, begin, resume, watch and abort".to_owned()),
    }
}

fn wish(asked: &Value) -> Result<Wish, String> {
    let to = match &asked["to"] {
        Value::Null => None,
        to => Some(to.as_str().and_then(|to| to.parse().ok()).ok_or_else(|| format!("`to` is no IPv4 address: {to}"))?),
    };
    let asn = match &asked["asn"] {
        Value::Null => None,
        Value::String(text) => Some(text.parse::<Asn>().map_err(|error| error.to_string())?),
        number => Some(asn_of(number).ok_or_else(|| format!("`asn` is no ASN: {number}"))?),
    };
    let is = |name: &str| asked[name].as_bool().unwrap_or(false);
    Ok(Wish { to, asn, planned: is("planned"), documented: is("documented") })
}

fn asn_of(number: &Value) -> Option<Asn> {
    Asn::new(u32::try_from(number.as_u64()?).ok()?)
}
