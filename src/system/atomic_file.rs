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
