//! One cgwd for each state directory.

use super::access::{AS_ROOT, is_anothers};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, ftruncate, open};
use rustix::io::Errno;
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Held while it lives; the kernel takes it back when the process dies, however it dies. The file stays: removing it would
/// let two processes lock two files of one name.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it; `None` where it has not written its id yet. `command`: what it was started as, where that is a
    /// command and not the daemon.
    #[error("{} uses {}", in_words(.command.as_deref(), *.pid), directory.display())]
    Held { pid: Option<u32>, command: Option<String>, directory: PathBuf },
    /// The directory can be read but not written.
    #[error("{} can't be written", directory.display())]
    NotWritable { directory: PathBuf, source: io::Error },
    #[error("the disk of {} is full", directory.display())]
    Full { directory: PathBuf, source: io::Error },
    #[error("could not lock {}", directory.display())]
    Io { directory: PathBuf, source: io::Error },
}

impl Lock {
    /// Locks `directory/lock`, which is made where it is missing, as is the directory: only root and the own user look
    /// inside. Does not wait.
    pub fn take(directory: &Path) -> Result<Lock, LockError> {
        Lock::taken(directory, String::new())
    }

    /// The same for a command, whose name others are told.
    pub fn take_for(command: &str, directory: &Path) -> Result<Lock, LockError> {
        Lock::taken(directory, format!(" {command}"))
    }

    fn taken(directory: &Path, command: String) -> Result<Lock, LockError> {
        let failed = |source| classify(directory, source);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|source| classify_io(directory, source))?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut file = File::from(open(directory.join("lock"), flags, Mode::RUSR | Mode::WUSR).map_err(failed)?);
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {
                let (pid, command) = holder(&mut file);
                return Err(LockError::Held { pid, command, directory: directory.to_owned() });
            }
            other => other.map_err(failed)?,
        }
        ftruncate(&file, 0).map_err(failed)?;
        let written = writeln!(file, "{}{command}", std::process::id());
        written.map_err(|source| classify_io(directory, source))?;
        Ok(Lock { _file: file })
    }

    /// The command that works in `directory` at this moment, by its id and name; `None` where none does, or a daemon. Takes no lock:
    /// whoever looks must not be in the way of one who takes it.
    pub fn command_at_work(directory: &Path) -> Option<(u32, String)> {
        let (pid, command) = holder(&mut File::open(directory.join("lock")).ok()?);
        let (pid, command) = (pid?, command?);
        let locks = std::fs::read_to_string("/proc/locks").ok()?;
        let is_its = |line: &str| {
            let mut words = line.split_whitespace().skip(1);
            words.next() == Some("FLOCK") && words.nth(2).and_then(|word| word.parse().ok()) == Some(pid)
        };
        locks.lines().any(is_its).then_some((pid, command))
    }
}

impl LockError {
    pub fn remedy(&self) -> &'static str {
        match self {
            LockError::Held { command: Some(_), .. } => {
                "wait for it to end, or end it with Ctrl-C (SIGINT): what it did is in the journal, and `cgwd status` shows how it stands"
            }
            LockError::Held { .. } => "use `cgwd status` to see the running one, or stop it with `systemctl stop cgwd`",
            LockError::NotWritable { directory, .. } if is_anothers(directory) => AS_ROOT,
            LockError::NotWritable { .. } => "make the state directory writable for the user that cgwd runs as",
            LockError::Full { .. } => "free space there, then restart cgwd",
            LockError::Io { .. } => "see that the state directory exists and its file system is sound",
        }
    }
}

/// The process that holds the lock wrote its id there, and its name where it is a command.
fn holder(file: &mut File) -> (Option<u32>, Option<String>) {
    let mut text = String::new();
    let read = file.take(32).read_to_string(&mut text);
    let mut words = text.split_whitespace();
    let pid = words.next().filter(|_| read.is_ok()).and_then(|word| word.parse().ok());
    (pid, words.next().filter(|_| pid.is_some()).map(str::to_owned))
}

fn classify(directory: &Path, errno: Errno) -> LockError {
    classify_io(directory, errno.into())
}

fn classify_io(directory: &Path, source: io::Error) -> LockError {
    let directory = directory.to_owned();
    match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => LockError::NotWritable { directory, source },
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LockError::Full { directory, source },
        _ => LockError::Io { directory, source },
    }
}

fn in_words(command: Option<&str>, pid: Option<u32>) -> String {
    let pid = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
    match command {
        None => format!("another cgwd{pid}"),
        Some(command) => format!("another command, `cgwd {command}`{pid},"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_second_is_refused_and_told_who_holds_it() {
        let scratch = Scratch::new();
        let first = Lock::take(scratch.path()).unwrap();
        let refused = Lock::take(scratch.path()).unwrap_err();
        assert!(matches!(refused, LockError::Held { pid: Some(pid), .. } if pid == std::process::id()));
        let words = format!("another cgwd (process {}) uses {}", std::process::id(), scratch.path().display());
        assert_eq!(refused.to_string(), words);
        drop(first);
        Lock::take(scratch.path()).unwrap();
    }

    #[test]
    fn a_command_is_told_from_the_daemon() {
        let scratch = Scratch::new();
        assert_eq!(Lock::command_at_work(scratch.path()), None);
        let daemon = Lock::take(scratch.path()).unwrap();
        assert_eq!(Lock::command_at_work(scratch.path()), None);
        drop(daemon);
        let own = std::process::id();
        let command = Lock::take_for("replace", scratch.path()).unwrap();
        assert_eq!(Lock::command_at_work(scratch.path()), Some((own, "replace".to_owned())));
        let refused = Lock::take(scratch.path()).unwrap_err();
        let words = format!("another command, `cgwd replace` (process {own}), uses {}", scratch.path().display());
        assert_eq!(refused.to_string(), words);
        assert!(refused.remedy().contains("Ctrl-C") && !refused.remedy().contains("systemctl"), "{}", refused.remedy());
        drop(command);
        assert_eq!(Lock::command_at_work(scratch.path()), None, "what it wrote stays, and it does not");
    }

    #[test]
    fn what_a_dead_process_left_does_not_lock() {
        let scratch = Scratch::new();
        std::fs::write(scratch.join("lock"), "4294967295999 a longer text than a process id").unwrap();
        let _held = Lock::take(scratch.path()).unwrap();
        assert_eq!(std::fs::read_to_string(scratch.join("lock")).unwrap(), format!("{}\n", std::process::id()));
    }

    #[test]
    fn a_holder_that_has_not_written_its_id_is_still_a_holder() {
        let scratch = Scratch::new();
        let _held = Lock::take(scratch.path()).unwrap();
        std::fs::write(scratch.join("lock"), "").unwrap();
        let refused = Lock::take(scratch.path()).unwrap_err();
        assert!(matches!(refused, LockError::Held { pid: None, .. }));
        assert!(refused.to_string().starts_with("another cgwd uses "));
    }

    #[test]
    fn a_missing_directory_is_made_for_its_owner_alone() {
        let scratch = Scratch::new();
        let missing = scratch.join("var/cgwd");
        let _held = Lock::take(&missing).unwrap();
        assert_eq!(std::fs::metadata(&missing).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_directory_that_can_not_be_written_is_told_from_what_is_no_directory() {
        let scratch = Scratch::new();
        std::fs::write(scratch.join("file"), "").unwrap();
        let file = Lock::take(&scratch.join("file")).unwrap_err();
        assert!(matches!(file, LockError::Io { .. }));
        // Nobody, not even root, makes a file there.
        let refused = Lock::take(Path::new("/sys")).unwrap_err();
        assert!(matches!(refused, LockError::NotWritable { .. }), "{refused:?}");
        assert_eq!(refused.to_string(), "/sys can't be written");
        let directory = Path::new("/x");
        for errno in [Errno::ROFS, Errno::ACCESS] {
            assert!(matches!(classify(directory, errno), LockError::NotWritable { .. }), "{errno}");
        }
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        for errno in [Errno::NOSPC, Errno::DQUOT] {
            let full = classify(Path::new("/x"), errno);
            assert!(matches!(full, LockError::Full { .. }), "{errno}");
            assert_eq!((full.to_string().as_str(), full.remedy()), ("the disk of /x is full", "free space there, then restart cgwd"));
        }
    }
}
