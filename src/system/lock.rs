//! One cgwd for each state directory.

use rustix::fs::{FlockOperation, Mode, OFlags, flock, ftruncate, open};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Held while it lives; the kernel takes it back when the process dies, however it dies. The file stays: removing it would
/// let two processes lock two files of one name.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it; `None` where it has not written its id yet.
    #[error("another cgwd{} uses {}", in_words(*.pid), directory.display())]
    Held { pid: Option<u32>, directory: PathBuf },
    /// The directory can be read but not written.
    #[error("{} can't be written", directory.display())]
    NotWritable { directory: PathBuf, source: io::Error },
    #[error("could not lock {}", directory.display())]
    Io { directory: PathBuf, source: io::Error },
}

impl Lock {
    /// Locks `directory/lock`, which is made where it is missing. Does not wait.
    pub fn take(directory: &Path) -> Result<Lock, LockError> {
        let failed = |source| classify(directory, source);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut file = File::from(open(directory.join("lock"), flags, Mode::RUSR | Mode::WUSR).map_err(failed)?);
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Err(LockError::Held { pid: holder(&mut file), directory: directory.to_owned() }),
            other => other.map_err(failed)?,
        }
        ftruncate(&file, 0).map_err(failed)?;
        let written = writeln!(file, "{}", std::process::id());
        written.map_err(|source| classify_io(directory, source))?;
        Ok(Lock { _file: file })
    }
}

impl LockError {
    pub fn remedy(&self) -> &'static str {
        match self {
            LockError::Held { .. } => "use `cgwd status` to see the running one, or stop it with `systemctl stop cgwd`",
            LockError::NotWritable { .. } => "make the state directory writable for the user that cgwd runs as",
            LockError::Io { .. } => "see that the state directory exists and its file system is sound",
        }
    }
}

/// The process that holds the lock wrote its id there.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn classify(directory: &Path, errno: Errno) -> LockError {
    classify_io(directory, errno.into())
}

fn classify_io(directory: &Path, source: io::Error) -> LockError {
    let directory = directory.to_owned();
    match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied | io::ErrorKind::StorageFull => {
            LockError::NotWritable { directory, source }
        }
        _ => LockError::Io { directory, source },
    }
}

fn in_words(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}
