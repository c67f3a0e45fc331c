//! What must not lie on a disk in the clear, such as the pre-shared keys in a plan's snapshot: sealed under a key of this
//! device, for one plan.
//!
//! The key is the systemd credential `journal-key` where there is one: it can be encrypted for this machine and its TPM, and is no
//! part of a backup of the state directory. Else it is the file `journal.key` in the state directory, made at the first use. Where
//! there are both, the credential seals and either opens, so that a credential can be introduced while something is sealed.
//!
//! `format` has the sealed form byte by byte, `keys` where the keys come from.

mod format;
mod keys;

pub use format::KeyId;

use super::environment::Environment;
use format::Key;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// File name below the state directory.
pub const FILE: &str = keys::FILE;
/// Name of the systemd credential.
pub const CREDENTIAL: &str = keys::CREDENTIAL;

/// The keys of this device; wiped when dropped. `Debug` shows their ids only.
pub struct SealKey {
    /// The one that seals.
    first: Key,
    /// The file's, beside a credential.
    second: Option<Key>,
}

#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("this device has no key: neither the credential {CREDENTIAL} nor {}", path.display())]
    NoKey { path: PathBuf },
    #[error("the key {} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the key {} is not cgwd's alone: {why}", path.display())]
    Exposed { path: PathBuf, why: String },
    #[error("the key {} {why}", path.display())]
    Unusable { path: PathBuf, why: &'static str },
    #[error("the key {} could not be made", path.display())]
    NotMade { path: PathBuf, source: io::Error },
    #[error("no random number can be had")]
    Random,
    #[error("this was sealed with the key {sealed_with}, and this device has {}", listed(present))]
    OtherKey { sealed_with: KeyId, present: Vec<KeyId> },
    #[error("this was sealed for another plan than {plan}")]
    OtherPlan { plan: String },
    #[error("this was sealed in format {found}, and this cgwd knows format {}", format::VERSION)]
    Newer { found: u8 },
    #[error("the sealed data is damaged: {why}")]
    Damaged { why: &'static str },
}

impl SealKey {
    /// For sealing: makes the file where there is no key yet. The state directory must be there, and this process the only cgwd in it.
    pub fn load_or_make(state_directory: &Path, environment: &Environment) -> Result<SealKey, SealError> {
        match SealKey::load(state_directory, environment) {
            Err(SealError::NoKey { .. }) => Ok(SealKey { first: keys::make(state_directory)?, second: None }),
            other => other,
        }
    }

    /// For opening: a key that would have to be made opens nothing.
    pub fn load(state_directory: &Path, environment: &Environment) -> Result<SealKey, SealError> {
        let (credential, file) = (keys::credential(environment)?, keys::file(state_directory)?);
        match (credential, file) {
            (Some(first), second) => Ok(SealKey { first, second }),
            (None, Some(first)) => Ok(SealKey { first, second: None }),
            (None, None) => Err(SealError::NoKey { path: state_directory.join(FILE) }),
        }
    }

    /// Of the key that seals: says which one it is and nothing about it.
    pub fn key_id(&self) -> KeyId {
        self.first.id()
    }

    /// For this plan alone, under a salt and a nonce of its own.
    pub fn seal(&self, plan_id: &str, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        let (mut salt, mut nonce) = ([0; format::SALT], [0; format::NONCE]);
        let random = SystemRandom::new();
        random.fill(&mut salt).and_then(|()| random.fill(&mut nonce)).map_err(|_| SealError::Random)?;
        format::seal(&self.first, plan_id, plaintext, salt, nonce)
    }

    /// What was sealed, where not a bit of it has changed since and it is this plan's.
    pub fn open(&self, plan_id: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let sealed_with = format::key_id(sealed)?;
        match self.keys().find(|key| key.id() == sealed_with) {
            Some(key) => format::open(key, plan_id, sealed),
            None => Err(SealError::OtherKey { sealed_with, present: self.keys().map(Key::id).collect() }),
        }
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        [&self.first].into_iter().chain(&self.second)
    }
}

impl SealError {
    /// Whether only what is not on this device any more would open it; else its remedy does.
    pub fn is_a_loss(&self) -> bool {
        match self {
            SealError::NoKey { .. }
            | SealError::Unusable { .. }
            | SealError::OtherKey { .. }
            | SealError::OtherPlan { .. }
            | SealError::Damaged { .. } => true,
            SealError::Unreadable { .. }
            | SealError::Exposed { .. }
            | SealError::NotMade { .. }
            | SealError::Random
            | SealError::Newer { .. } => false,
        }
    }

    /// Whether the key that opens it may be somewhere that this process does not see: a credential of the service is there only while
    /// the service runs.
    pub fn may_be_elsewhere(&self) -> bool {
        matches!(self, SealError::NoKey { .. } | SealError::OtherKey { .. } | SealError::Unusable { .. })
    }

    /// What an operator can do.
    pub fn remedy(&self) -> String {
        const SECRETS: &str = "without it what was sealed cannot be read again: what is open can only be given up (`cgwd replace --abort`), and that where no connection is deleted at that moment";
        match self {
            SealError::NoKey { path } => {
                format!("put {} back from a backup, or the credential into /etc/credstore/cgwd.{CREDENTIAL}; {SECRETS}", path.display())
            }
            SealError::OtherKey { .. } => format!(
                "put that key back: the credential {CREDENTIAL} that the service had, or {FILE} from a backup of the state directory; {SECRETS}"
            ),
            SealError::Exposed { path, .. } => format!(
                "`chown --reference={0} {1}; chmod 0600 {1}`, and where somebody may have read it, change the pre-shared keys",
                path.parent().unwrap_or(Path::new("/")).display(),
                path.display()
            ),
            SealError::Unusable { path, .. } => {
                format!("put {} back from a backup, or replace it by 32 random bytes where nothing is sealed with it", path.display())
            }
            SealError::Unreadable { path, .. } => format!("let the user that cgwd runs as read {}", path.display()),
            SealError::NotMade { source, .. } if source.kind() == io::ErrorKind::NotFound => "create the state directory".into(),
            SealError::NotMade { .. } => "make the state directory writable, with space on its disk".into(),
            SealError::Random => "see why the kernel gives no random numbers (getrandom)".into(),
            SealError::OtherPlan { .. } => "plan again: what is stored under this plan belongs to another".into(),
            SealError::Newer { .. } => "install the newer cgwd again".into(),
            SealError::Damaged { .. } => {
                "look at the disk with `dmesg`; where nothing is deleted yet plan again, else take the pre-shared keys from a backup".into()
            }
        }
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys().map(Key::id)).finish()
    }
}

fn listed(ids: &[KeyId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests;
