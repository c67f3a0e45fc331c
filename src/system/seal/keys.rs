//! Where the device's key lies: delivered by systemd, or in the state directory.

use super::SealError;
use super::format::Key;
use crate::system::environment::Environment;
use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::{CWD, Gid, OFlags, RenameFlags, Uid, fchown, renameat_with};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

pub const FILE: &str = "journal.key";
pub const CREDENTIAL: &str = "journal-key";

/// Where systemd puts what it delivers to a running cgwd.service, and what it takes it from: only root can see either.
const DELIVERED: &str = "/run/credentials/cgwd.service";
const STORED: &str = "/etc/credstore/cgwd.journal-key";

const SHORTEST: usize = 32;
const LONGEST: usize = 4096;

/// The credential of this process. A person's command beside the service, which has none, uses the service's.
pub fn credential(environment: &Environment) -> Result<Option<Key>, SealError> {
    if let Some(directory) = environment.var("CREDENTIALS_DIRECTORY") {
        return secret(&Path::new(directory).join(CREDENTIAL));
    }
    let delivered = Path::new(DELIVERED);
    let path = if delivered.exists() { delivered.join(CREDENTIAL) } else { PathBuf::from(STORED) };
    match secret(&path) {
        Err(SealError::Unreadable { source, .. }) if source.kind() == ErrorKind::PermissionDenied => Ok(None),
        other => other,
    }
}

/// The key in the state directory, where nobody else may read it.
pub fn file(state_directory: &Path) -> Result<Option<Key>, SealError> {
    let path = state_directory.join(FILE);
    let unreadable = |source| SealError::Unreadable { path: path.clone(), source };
    // A link could lead to somebody else's file, and a named pipe would block for ever.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(unreadable)?,
    };
    let directory = std::fs::metadata(state_directory).map_err(unreadable)?;
    if let Some(why) = exposure(&file.metadata().map_err(unreadable)?, &directory) {
        return Err(SealError::Exposed { path, why });
    }
    let bytes = bounded(file).map_err(unreadable)?;
    match bytes.len() {
        SHORTEST => usable(&path, bytes).map(Some),
        _ => Err(SealError::Unusable { path, why: "has not the 32 bytes that it was made with" }),
    }
}

/// Makes the file: whole, on the disk and under its name before anybody uses it, and never over one that is there.
pub fn make(state_directory: &Path) -> Result<Key, SealError> {
    let path = state_directory.join(FILE);
    let mut bytes = Zeroizing::new(vec![0; SHORTEST]);
    let mut mark = [0; 4];
    let random = SystemRandom::new();
    random.fill(&mut bytes).and_then(|()| random.fill(&mut mark)).map_err(|_| SealError::Random)?;
    let fresh = state_directory.join(format!(".{FILE}.{:08x}", u32::from_be_bytes(mark)));
    let made = write(&fresh, &bytes, state_directory).and_then(|()| put_in_place(&fresh, &path, state_directory));
    if let Err(source) = made {
        let _gone = std::fs::remove_file(&fresh);
        return Err(SealError::NotMade { path, source });
    }
    // What counts is what can be read back.
    file(state_directory)?.ok_or(SealError::NoKey { path })
}

fn write(fresh: &Path, bytes: &[u8], state_directory: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(fresh)?;
    let (own, directory) = (file.metadata()?, std::fs::metadata(state_directory)?);
    // Root's command makes it for the service, which the directory belongs to.
    if rustix::process::geteuid().is_root() && own.uid() != directory.uid() {
        fchown(&file, Some(Uid::from_raw(directory.uid())), Some(Gid::from_raw(directory.gid())))?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

fn put_in_place(fresh: &Path, path: &Path, state_directory: &Path) -> io::Result<()> {
    match renameat_with(CWD, fresh, CWD, path, RenameFlags::NOREPLACE) {
        // Somebody was faster, and that key counts.
        Err(rustix::io::Errno::EXIST) => std::fs::remove_file(fresh),
        Err(error) => Err(error.into()),
        // The new name is in the directory.
        Ok(()) => File::open(state_directory)?.sync_all(),
    }
}

/// Why others could read or write it.
fn exposure(file: &Metadata, directory: &Metadata) -> Option<String> {
    let mode = file.mode() & 0o7777;
    let owners = [0, rustix::process::geteuid().as_raw(), directory.uid()];
    match () {
        () if !file.is_file() => Some("it is not a regular file".into()),
        () if mode & 0o077 != 0 => Some(format!("its mode is {mode:04o}")),
        () if !owners.contains(&file.uid()) => Some(format!("it belongs to the user {}", file.uid())),
        () => None,
    }
}

/// A secret as people make them: 32 bytes or more, 64 hexadecimal digits for 32 bytes, a line's end ignored.
fn secret(path: &Path) -> Result<Option<Key>, SealError> {
    let unreadable = |source| SealError::Unreadable { path: path.to_owned(), source };
    let bytes = match File::open(path).and_then(bounded) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        other => other.map_err(unreadable)?,
    };
    let why = match bytes.len() {
        length if length < SHORTEST => "has less than 32 bytes",
        length if length > LONGEST => "is too long for a key",
        // These may end in whatever they like: they are random.
        SHORTEST => return usable(path, bytes).map(Some),
        _ => {
            let text = Zeroizing::new(bytes.trim_ascii_end().to_vec());
            let key = from_hexadecimal(&text).unwrap_or(text);
            return usable(path, key).map(Some);
        }
    };
    Err(SealError::Unusable { path: path.to_owned(), why })
}

fn from_hexadecimal(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() != 2 * SHORTEST {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Zeroizing::new(Vec::with_capacity(SHORTEST));
    for pair in text.chunks_exact(2) {
        bytes.push(u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?);
    }
    Some(bytes)
}

/// A file system that lost power can leave zeros where the bytes were.
fn usable(path: &Path, bytes: Zeroizing<Vec<u8>>) -> Result<Key, SealError> {
    let why = match bytes.first() {
        _ if bytes.len() < SHORTEST => "has less than 32 bytes",
        Some(first) if bytes.iter().all(|byte| byte == first) => "is the same byte over and over",
        _ => return Ok(Key::new(bytes)),
    };
    Err(SealError::Unusable { path: path.to_owned(), why })
}

fn bounded(file: File) -> io::Result<Zeroizing<Vec<u8>>> {
    // In one piece from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    file.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
