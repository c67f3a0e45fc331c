//! A secret in a file of its own, which the configuration names.

use crate::model::Secret;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Ten times the longest key of the cloud's.
const LARGEST: u64 = 1024;
/// Read, write or execute for those who are neither the owner nor of the group.
const OTHERS: u32 = 0o007;

#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    #[error("{} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} may be read or written by everybody (mode {mode:04o})", path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("{} {why}", path.display())]
    Unusable { path: PathBuf, why: &'static str },
}

/// The file's one line, without the white space around it. `rule` says what is wrong with it, in words that follow a name.
pub fn read(path: &Path, rule: impl FnOnce(&str) -> Result<(), &'static str>) -> Result<Secret, SecretFileError> {
    let unreadable = |source| SecretFileError::Unreadable { path: path.to_owned(), source };
    let unusable = |why| SecretFileError::Unusable { path: path.to_owned(), why };
    // A named pipe would block for ever.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(unusable("is not a regular file"));
    }
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(SecretFileError::Open { path: path.to_owned(), mode });
    }
    // In one piece from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST as usize + 1));
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(unusable("is too long for a key"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| unusable("is not text"))?.trim();
    rule(text).map_err(unusable)?;
    Ok(Secret::new(text))
}

impl SecretFileError {
    pub fn remedy(&self) -> String {
        match self {
            SecretFileError::Unreadable { path, source } if source.kind() == io::ErrorKind::NotFound => {
                format!("write the key into {}, or name the right file", path.display())
            }
            SecretFileError::Unreadable { path, .. } | SecretFileError::Open { path, .. } => {
                format!("`chown root:cgwd {0}; chmod 0640 {0}`", path.display())
            }
            SecretFileError::Unusable { .. } => "write the key, and nothing else, into the file".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;
    use crate::facts::names;
    use std::fs::{self, Permissions};

    fn reading(bytes: &[u8], mode: u32) -> Result<Secret, SecretFileError> {
        let scratch = Scratch::new();
        let path = scratch.join("psk");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        read(&path, names::psk)
    }

    #[test]
    fn one_key_is_read_without_the_line_s_end() {
        for (bytes, mode) in [(&b"s3cret-psk"[..], 0o600), (b"s3cret-psk\n", 0o640), (b" s3cret-psk\r\n", 0o400)] {
            assert_eq!(reading(bytes, mode).unwrap().reveal(), "s3cret-psk");
        }
    }

    #[test]
    fn what_is_no_key_or_open_to_all_is_told_without_the_key() {
        let long = vec![b'x'; 2000];
        for (bytes, mode, words) in [
            (&b"canary"[..], 0o644, "everybody (mode 0644)"),
            (b"canary", 0o602, "everybody (mode 0602)"),
            (b"", 0o600, "must have 1-100 characters"),
            (b"canary two", 0o600, "without space"),
            (b"canary'", 0o600, "may hold printable ASCII"),
            (b"canary\xff", 0o600, "is not text"),
            (&long, 0o600, "is too long for a key"),
            (&long[..101], 0o600, "must have 1-100 characters"),
        ] {
            let error = reading(bytes, mode).unwrap_err();
            assert!(error.to_string().contains(words) && !error.remedy().is_empty(), "{error}");
            assert!(!format!("{error} {error:?} {}", error.remedy()).contains("canary"));
        }
        assert!(read(Path::new("/nonexistent"), names::psk).unwrap_err().remedy().contains("name the right file"));
        assert!(read(Path::new("/dev/null"), names::psk).unwrap_err().to_string().contains("not a regular file"));
    }
}
