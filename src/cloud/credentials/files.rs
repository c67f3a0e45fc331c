//! Keys in files of their own: those that our configuration names, and those that systemd delivers
//! (`LoadCredential=`, reliability.md 4.3).

use super::{Credentials, ProviderError};
use crate::model::Secret;
use std::io::Read;
use std::path::{Path, PathBuf};

/// No key, token or profile is longer.
const MAX_FILE: u64 = 256 * 1024;

const SYSTEMD_ID: &str = "access-key-id";
const SYSTEMD_SECRET: &str = "access-key-secret";
const SYSTEMD_TOKEN: &str = "security-token";

/// Where systemd's credentials lie: `directory/{prefix}access-key-id` and its neighbours.
pub struct SystemdKeys {
    directory: PathBuf,
    prefix: &'static str,
}

pub fn configured(id: Option<&Path>, secret: Option<&Path>) -> Result<Credentials, ProviderError> {
    match (id, secret) {
        (Some(id), Some(secret)) => pair(id, secret, "[cloud.credentials] files"),
        (Some(_), None) => Err(ProviderError::lasting("access_key_id_file is set and access_key_secret_file is not")),
        (None, _) => Err(ProviderError::lasting("access_key_secret_file is set and access_key_id_file is not")),
    }
}

impl SystemdKeys {
    pub fn new(directory: impl Into<PathBuf>, prefix: &'static str) -> SystemdKeys {
        SystemdKeys { directory: directory.into(), prefix }
    }

    /// For a person's commands beside the service: what the running service was given, or what it would be given from
    /// systemd's store (systemd/cgwd.service). Only root can see either.
    pub fn of_the_service() -> Option<SystemdKeys> {
        let places = [("/run/credentials/cgwd.service", ""), ("/etc/credstore", "cgwd.")];
        places.map(|(directory, prefix)| SystemdKeys::new(directory, prefix)).into_iter().find(SystemdKeys::are_there)
    }

    /// Whether there is a key at all: the directory may hold other credentials alone.
    pub fn are_there(&self) -> bool {
        self.path(SYSTEMD_ID).exists() || self.path(SYSTEMD_SECRET).exists()
    }

    pub fn credentials(&self) -> Result<Credentials, ProviderError> {
        let credentials = pair(&self.path(SYSTEMD_ID), &self.path(SYSTEMD_SECRET), "systemd credentials")?;
        let token = self.path(SYSTEMD_TOKEN);
        let security_token = if token.exists() { Some(Secret::new(one_value(&token)?)) } else { None };
        Ok(Credentials { security_token, ..credentials })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{}{name}", self.prefix))
    }
}

/// The whole of a small text file.
pub fn text(path: &Path) -> Result<String, ProviderError> {
    let failed = |error: std::io::Error| ProviderError::lasting(format!("cannot read {}: {}", path.display(), error.kind()));
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE {
        return Err(ProviderError::lasting(format!("{} is too long", path.display())));
    }
    Ok(text)
}

/// The one value that a file holds, without the white space around it.
pub fn one_value(path: &Path) -> Result<String, ProviderError> {
    let text = text(path)?;
    match text.trim() {
        "" => Err(ProviderError::lasting(format!("{} is empty", path.display()))),
        value if value.contains(char::is_whitespace) => {
            Err(ProviderError::lasting(format!("{} holds more than one value", path.display())))
        }
        value => Ok(value.to_owned()),
    }
}

fn pair(id: &Path, secret: &Path, source: &str) -> Result<Credentials, ProviderError> {
    Ok(Credentials::lasting(&one_value(id)?, &one_value(secret)?, source))
}
