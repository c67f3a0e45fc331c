//! Who we are to the cloud: our own files and systemd's credentials, then the official default chain
//! (cloud/api.md 7; alibabacloud_credentials 1.0.12).

mod chain;
mod cli_profile;
mod environment;
mod external;
mod files;
mod ini;
mod login;
mod metadata;
mod provider;
mod session;
mod sts;
mod uri;

pub use chain::CredentialChain;

use super::cloud_time::CloudTime;
use super::endpoint::Endpoints;
use super::entropy::Entropy;
use super::error::{Certainty, CloudError, NO_CREDENTIALS, Retry};
use super::transport::Transport;
use crate::model::{Secret, Timestamp};
use crate::system::environment::Environment;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;

/// An access key, perhaps of a session.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key_id: String,
    pub access_key_secret: Secret,
    /// Only of a session.
    pub security_token: Option<Secret>,
    /// The cloud's time at which the session ends; `None` for keys that last.
    pub expires: Option<Timestamp>,
    /// A program made them, so they are not fetched anew for every call.
    pub costly: bool,
    /// Which provider they came from, e.g. `environment` or `CLI profile default`.
    pub source: String,
}

impl Credentials {
    /// Keys that last.
    pub fn lasting(access_key_id: &str, access_key_secret: &str, source: &str) -> Credentials {
        Credentials {
            access_key_id: access_key_id.to_owned(),
            access_key_secret: Secret::new(access_key_secret),
            security_token: None,
            expires: None,
            costly: false,
            source: source.to_owned(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials(from {})", self.source)
    }
}

/// What providers work with. Tests point the metadata service and the home directory (`HOME`) elsewhere.
#[derive(Clone)]
pub struct Surroundings {
    /// To STS.
    pub transport: Rc<dyn Transport>,
    /// To the metadata service and to credentials URIs: without the proxy.
    pub local_transport: Rc<dyn Transport>,
    pub endpoints: Endpoints,
    pub time: Rc<CloudTime>,
    pub entropy: Entropy,
    pub environment: Environment,
    pub metadata_base_url: String,
}

impl Surroundings {
    fn needed(&self, name: &str) -> Result<&str, ProviderError> {
        self.environment.var(name).ok_or_else(|| ProviderError::lasting(format!("{name} is not set")))
    }

    fn flag(&self, name: &str) -> bool {
        self.environment.var(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn home(&self) -> Result<PathBuf, ProviderError> {
        Ok(PathBuf::from(self.needed("HOME")?))
    }
}

/// Why one provider gave nothing. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ProviderError {
    pub reason: String,
    /// A network or server failure of a provider that is set up: later it may work.
    pub passing: bool,
}

/// No provider had credentials; every one that was asked, with its reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no credentials: {}", told(.tried))]
pub struct CredentialsError {
    pub tried: Vec<(String, ProviderError)>,
}

impl CredentialsError {
    /// As the error of the call that needed them. Nothing was sent.
    pub fn as_cloud_error(&self, action: &str) -> CloudError {
        let passing = self.tried.iter().any(|(_, error)| error.passing);
        CloudError {
            action: action.to_owned(),
            code: NO_CREDENTIALS.to_owned(),
            message: self.to_string(),
            status: 0,
            request_id: None,
            certainty: Certainty::DidNotHappen,
            retry: if passing { Retry::Transient } else { Retry::Never },
            remedy: "give the daemon an AccessKey: [cloud.credentials], or the systemd credentials access-key-id and access-key-secret, or one of the providers named".to_owned(),
        }
    }
}

fn told(tried: &[(String, ProviderError)]) -> String {
    let texts: Vec<String> = tried.iter().map(|(provider, error)| format!("{provider}: {error}")).collect();
    texts.join("; ")
}

impl ProviderError {
    /// Not set up, or set up wrongly: asking again changes nothing.
    fn lasting(reason: impl Into<String>) -> ProviderError {
        ProviderError { reason: reason.into(), passing: false }
    }

    fn passing(reason: impl Into<String>) -> ProviderError {
        ProviderError { reason: reason.into(), passing: true }
    }
}
