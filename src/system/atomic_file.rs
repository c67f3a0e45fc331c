//! Replaces a file so that after a crash or a power cut it holds the old bytes or the new ones, never a part.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
#[error("could not {step} {}", path.display())]
pub struct WriteError {
    step: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Writes `bytes` to `path` with the permission bits `mode` (e.g. `0o600`, less the umask). When it returns, they are on the disk.
///
/// The bytes go to `.NAME.new` beside it first, so there is one writer for each path; what a crash leaves of it is overwritten.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), WriteError> {
    let failed = |step: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| WriteError { step, path, source }
    };
    let (directory, fresh) = beside(path).map_err(failed("name a file beside", path))?;
    remove_if_there(&fresh).map_err(failed("clear away", &fresh))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh).map_err(failed("create", &fresh))?;
    file.write_all(bytes).map_err(failed("write", &fresh))?;
    file.sync_all().map_err(failed("sync", &fresh))?;
    std::fs::rename(&fresh, path).map_err(failed("put in place", path))?;
    // The rename itself is in the directory.
    File::open(&directory).and_then(|directory| directory.sync_all()).map_err(failed("sync", &directory))
}

impl WriteError {
    pub fn is_disk_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    pub fn remedy(&self) -> &'static str {
        match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free space on that file system",
            io::ErrorKind::ReadOnlyFilesystem => "mount that file system writable",
            io::ErrorKind::PermissionDenied => "let the user that cgwd runs as write there",
            io::ErrorKind::NotFound => "create the directory",
            _ => "look at the disk with `dmesg`",
        }
    }
}

fn beside(path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is not a file's name"))?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    let mut fresh = std::ffi::OsString::from(".");
    fresh.push(name);
    fresh.push(".new");
    let fresh = directory.join(fresh);
    Ok((directory, fresh))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_made_and_replaced_with_its_mode() {
        let scratch = Scratch::new();
        let path = scratch.join("state");
        replace(&path, b"one", 0o600).unwrap();
        replace(&path, b"two", 0o600).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_a_crash_left_is_overwritten_and_a_planted_link_is_not_followed() {
        let scratch = Scratch::new();
        let precious = scratch.join("precious");
        std::fs::write(&precious, "old").unwrap();
        std::os::unix::fs::symlink(&precious, scratch.join(".state.new")).unwrap();
        replace(&scratch.join("state"), b"new", 0o600).unwrap();
        assert_eq!(std::fs::read(&precious).unwrap(), b"old");
        assert_eq!(std::fs::read(scratch.join("state")).unwrap(), b"new");
    }

    #[test]
    fn a_reader_sees_the_old_bytes_or_the_new_ones() {
        let scratch = Scratch::new();
        let path = scratch.join("state");
        let (old, new) = (vec![b'o'; 60_000], vec![b'n'; 60_000]);
        replace(&path, &old, 0o600).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| (0..50).for_each(|turn| replace(&path, if turn % 2 == 0 { &new } else { &old }, 0o600).unwrap()));
            while !writer.is_finished() {
                let seen = std::fs::read(&path).unwrap();
                assert!(seen == old || seen == new);
            }
        });
    }

    #[test]
    fn a_failure_names_the_step_and_the_way_out() {
        let missing = replace(Path::new("/nonexistent/state"), b"", 0o600).unwrap_err();
        assert_eq!(missing.to_string(), "could not create /nonexistent/.state.new");
        assert_eq!(missing.remedy(), "create the directory");
        let full = WriteError { step: "write", path: PathBuf::from("/x"), source: io::Error::from(io::ErrorKind::StorageFull) };
        assert!(full.is_disk_full() && !missing.is_disk_full());
        assert!(replace(Path::new("/"), b"", 0o600).is_err());
    }
}
