//! Runs a program and collects what it prints: no shell, no input, a time limit, a size limit.

use crate::system::environment::Environment;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// What a program may use up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub time: Duration,
    /// Of the standard output.
    pub bytes: usize,
}

/// A program of the operator's that prints one value.
pub const OF_THE_OPERATOR: Limits = Limits { time: Duration::from_secs(10), bytes: 4096 };

/// `vtysh` and `birdc`: they answer in milliseconds, with 1-3 kB for each BGP session.
pub const OF_A_ROUTING_DAEMON: Limits = Limits { time: Duration::from_secs(5), bytes: 8 << 20 };

/// Of what a program complains, only the first line is of use.
const COMPLAINT: usize = 4096;

/// After SIGKILL a process is gone at once, unless the kernel holds it in a call.
const REAPING: Duration = Duration::from_secs(1);

/// The variables that a program may see. Ours hold credentials and systemd's sockets, which are nobody else's business.
const INHERITED: [&str; 5] = ["PATH", "HOME", "USER", "TZ", "TMPDIR"];

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{program} does not exist")]
    Missing { program: String },
    #[error("could not start {program}: {source}")]
    Start { program: String, source: std::io::Error },
    #[error("could not read what {program} prints: {source}")]
    Read { program: String, source: std::io::Error },
    #[error("{program} did not finish within {} s and was stopped", .limit.as_secs_f32())]
    TooSlow { program: String, limit: Duration },
    #[error("{program} printed more than {limit} bytes and was stopped")]
    TooMuch { program: String, limit: usize },
    /// `stdout` is kept: some programs explain themselves there.
    #[error("{program} failed ({how}){}", complaint(.stderr))]
    Failed { program: String, how: String, stdout: String, stderr: String },
}

fn complaint(stderr: &str) -> String {
    let first = stderr.lines().map(str::trim).find(|line| !line.is_empty());
    first.map(|line| format!(": {}", line.chars().filter(|c| !c.is_control()).take(200).collect::<String>())).unwrap_or_default()
}

/// The standard output of the program once it has succeeded.
///
/// It runs in a process group of its own, which is killed when time is up or when this future is dropped.
pub async fn program(path: &Path, arguments: &[&OsStr], limits: Limits) -> Result<Vec<u8>, RunError> {
    let name = path.display().to_string();
    let mut group = Group(start(path, arguments).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => RunError::Missing { program: name.clone() },
        _ => RunError::Start { program: name.clone(), source },
    })?);
    let finished = timeout(limits.time, group.finish(&name, limits)).await;
    match finished {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            group.end().await;
            Err(error)
        }
        Err(_) => {
            group.end().await;
            Err(RunError::TooSlow { program: name, limit: limits.time })
        }
    }
}

fn start(path: &Path, arguments: &[&OsStr]) -> std::io::Result<Child> {
    let environment = Environment::of_this_process();
    let inherited = INHERITED.iter().filter_map(|name| Some((*name, environment.var(name)?)));
    Command::new(path)
        .args(arguments)
        .env_clear()
        .envs(inherited)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// A child and all that it starts.
struct Group(Child);

impl Group {
    /// The outer error is one after which the child may still run.
    async fn finish(&mut self, name: &str, limits: Limits) -> Result<Result<Vec<u8>, RunError>, RunError> {
        let cannot = |source| RunError::Read { program: name.to_owned(), source };
        // Reaped only after both pipes are at their end, so that until then the group's id can't be somebody else's.
        let (stdout, stderr) = (self.0.stdout.take(), self.0.stderr.take());
        let (stdout, stderr) = tokio::try_join!(bounded(stdout, limits.bytes), start_of(stderr)).map_err(cannot)?;
        if stdout.len() > limits.bytes {
            return Err(RunError::TooMuch { program: name.to_owned(), limit: limits.bytes });
        }
        let status = self.0.wait().await.map_err(cannot)?;
        if status.success() {
            return Ok(Ok(stdout));
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let how = status.to_string();
        Ok(Err(RunError::Failed { program: name.to_owned(), how, stdout: text(&stdout), stderr: text(&stderr) }))
    }

    async fn end(&mut self) {
        self.kill();
        // A process that the kernel holds is left to the runtime's own reaping.
        let _ = timeout(REAPING, self.0.wait()).await;
    }

    fn kill(&self) {
        // No id: it has been waited for.
        let Some(group) = self.0.id().and_then(|id| Pid::from_raw(id as i32)) else { return };
        // The only failure is that nobody is left in the group.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Up to one byte more than `limit`, so that the caller can tell.
async fn bounded(pipe: Option<impl AsyncRead + Unpin>, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(limit as u64 + 1).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// The first part; the rest is read and thrown away, or a talkative program would wait for us.
async fn start_of(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let Some(mut pipe) = pipe else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let read = pipe.read(&mut buffer).await?;
        if read == 0 {
            return Ok(kept);
        }
        let room = COMPLAINT.saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..read.min(room)]);
    }
}
