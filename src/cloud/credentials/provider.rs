//! The providers in the order in which they are asked.

use super::{Credentials, ProviderError, Surroundings, environment};
use crate::model::CredentialSettings;
use crate::system::environment::Environment;

pub enum Provider {
    Environment,
}

impl Provider {
    pub fn in_order(_settings: &CredentialSettings, _environment: &Environment) -> Vec<Provider> {
        vec![Provider::Environment]
    }

    pub fn name(&self) -> &'static str {
        match self {
            Provider::Environment => "environment",
        }
    }

    /// Named in the configuration: where it fails nobody else is asked.
    pub fn is_explicit(&self) -> bool {
        false
    }

    pub async fn credentials(&self, surroundings: &Surroundings) -> Result<Credentials, ProviderError> {
        match self {
            Provider::Environment => environment::credentials(&surroundings.environment),
        }
    }
}
