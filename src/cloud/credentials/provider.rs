//! The providers, in the order in which they are asked.

use super::files::SystemdKeys;
use super::sts::RoleRequest;
use super::{Credentials, ProviderError, Surroundings, cli_profile, environment, files, ini, metadata, sts, uri};
use crate::model::CredentialSettings;
use crate::system::environment::Environment;
use std::path::PathBuf;

/// Someone who may have credentials for us.
pub enum Provider {
    /// `[cloud.credentials] access_key_id_file` and `access_key_secret_file`.
    Files {
        id: Option<PathBuf>,
        secret: Option<PathBuf>,
    },
    /// `access-key-id` and its neighbours, as systemd delivers or keeps them.
    Systemd(SystemdKeys),
    Environment,
    /// With the settings' role, or the environment's.
    Oidc {
        role_arn: Option<String>,
    },
    CliProfile,
    Ini,
    Instance,
    Uri,
}

impl Provider {
    /// Ours first, then the official chain (cloud/api.md 7).
    pub fn in_order(settings: &CredentialSettings, environment: &Environment) -> Vec<Provider> {
        let mut providers = Vec::new();
        if settings.access_key_id_file.is_some() || settings.access_key_secret_file.is_some() {
            let (id, secret) = (settings.access_key_id_file.clone(), settings.access_key_secret_file.clone());
            providers.push(Provider::Files { id, secret });
        }
        let delivered = environment.var("CREDENTIALS_DIRECTORY").map(|directory| SystemdKeys::new(directory, ""));
        providers.extend(delivered.or_else(SystemdKeys::of_the_service).map(Provider::Systemd));
        let oidc =
            environment.var("ALIBABA_CLOUD_OIDC_PROVIDER_ARN").is_some() && environment.var("ALIBABA_CLOUD_OIDC_TOKEN_FILE").is_some();
        if oidc && settings.role_arn.is_some() {
            providers.push(Provider::Oidc { role_arn: settings.role_arn.clone() });
        }
        providers.push(Provider::Environment);
        if oidc && settings.role_arn.is_none() && environment.var("ALIBABA_CLOUD_ROLE_ARN").is_some() {
            providers.push(Provider::Oidc { role_arn: None });
        }
        providers.extend([Provider::CliProfile, Provider::Ini, Provider::Instance]);
        if environment.var("ALIBABA_CLOUD_CREDENTIALS_URI").is_some() {
            providers.push(Provider::Uri);
        }
        providers
    }

    pub fn name(&self) -> &'static str {
        match self {
            Provider::Files { .. } => "[cloud.credentials] files",
            Provider::Systemd(_) => "systemd credentials",
            Provider::Environment => "environment",
            Provider::Oidc { .. } => "OIDC",
            Provider::CliProfile => "CLI profile",
            Provider::Ini => "credentials file",
            Provider::Instance => "instance role",
            Provider::Uri => "credentials URI",
        }
    }

    /// Named in our own configuration: where it fails nobody else is asked, who might be another identity.
    pub fn is_explicit(&self) -> bool {
        match self {
            Provider::Files { .. } => true,
            Provider::Systemd(keys) => keys.are_there(),
            Provider::Oidc { role_arn } => role_arn.is_some(),
            _ => false,
        }
    }

    /// Credentials for the settings' role: OIDC gives them itself, the others' are exchanged.
    pub async fn credentials(&self, surroundings: &Surroundings, role_arn: Option<&str>) -> Result<Found, ProviderError> {
        let own = self.own_credentials(surroundings).await?;
        let Some(role_arn) = role_arn.filter(|_| !matches!(self, Provider::Oidc { .. })) else { return Ok(Found::Usable(own)) };
        match sts::assume_role(surroundings, &own, &RoleRequest::of(role_arn)).await {
            Ok(credentials) => Ok(Found::Usable(credentials)),
            Err(error) => Ok(Found::WithoutRole(error)),
        }
    }

    async fn own_credentials(&self, surroundings: &Surroundings) -> Result<Credentials, ProviderError> {
        match self {
            Provider::Files { id, secret } => files::configured(id.as_deref(), secret.as_deref()),
            Provider::Systemd(keys) => keys.credentials(),
            Provider::Environment => environment::credentials(&surroundings.environment),
            Provider::Oidc { role_arn } => oidc(surroundings, role_arn.as_deref()).await,
            Provider::CliProfile => cli_profile::credentials(surroundings).await,
            Provider::Ini => ini::credentials(surroundings).await,
            Provider::Instance => metadata::credentials(surroundings, None).await,
            Provider::Uri => uri::credentials(surroundings, surroundings.needed("ALIBABA_CLOUD_CREDENTIALS_URI")?).await,
        }
    }
}

/// What came of asking a provider that has keys.
pub enum Found {
    Usable(Credentials),
    /// The keys are there, but the role cannot be had with them.
    WithoutRole(ProviderError),
}

async fn oidc(surroundings: &Surroundings, role_arn: Option<&str>) -> Result<Credentials, ProviderError> {
    let role_arn = match role_arn {
        Some(role_arn) => role_arn,
        None => surroundings.needed("ALIBABA_CLOUD_ROLE_ARN")?,
    };
    let provider_arn = surroundings.needed("ALIBABA_CLOUD_OIDC_PROVIDER_ARN")?;
    let token_file = surroundings.needed("ALIBABA_CLOUD_OIDC_TOKEN_FILE")?;
    sts::assume_role_with_oidc(surroundings, &RoleRequest::of(role_arn), provider_arn, token_file.as_ref()).await
}
