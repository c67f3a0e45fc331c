//! The profiles of the official command line, `~/.aliyun/config.json` (cloud/api.md 7; credentials-python
//! provider/cli_profile.py; aliyun-cli config/profile.go).

use super::login::Login;
use super::sts::{self, RoleRequest};
use super::{Credentials, ProviderError, Surroundings, external, files, metadata, uri};
use crate::model::Secret;
use serde::Deserialize;
use serde_json::Value;

/// More profiles in a chain than anybody has; a loop ends here.
const LONGEST_CHAIN: usize = 8;

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    current: String,
    #[serde(default)]
    profiles: Vec<Profile>,
}

/// One profile: the fields that some mode uses. No `Debug`: most are secret.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Profile {
    name: String,
    mode: String,
    access_key_id: String,
    access_key_secret: String,
    sts_token: String,
    sts_region: Option<String>,
    ram_role_name: String,
    ram_role_arn: String,
    ram_session_name: Option<String>,
    role_session_name: Option<String>,
    expired_seconds: Option<u64>,
    policy: Option<String>,
    external_id: Option<String>,
    enable_vpc: Option<bool>,
    source_profile: String,
    oidc_provider_arn: String,
    oidc_token_file: String,
    process_command: String,
    credentials_uri: String,
    #[serde(flatten)]
    login: Login,
}

pub async fn credentials(surroundings: &Surroundings) -> Result<Credentials, ProviderError> {
    if surroundings.flag("ALIBABA_CLOUD_CLI_PROFILE_DISABLED") {
        return Err(ProviderError::lasting("switched off by ALIBABA_CLOUD_CLI_PROFILE_DISABLED"));
    }
    let path = surroundings.home()?.join(".aliyun/config.json");
    let text = files::text(&path)?;
    let config = config(&text).ok_or_else(|| ProviderError::lasting(format!("{} is not the CLI's JSON", path.display())))?;
    let wanted = surroundings.environment.var("ALIBABA_CLOUD_PROFILE").unwrap_or(&config.current);
    let chain = chain(&config, wanted)?;
    of_chain(surroundings, &chain).await
}

/// Null counts as absent. serde's own message is not kept: it could repeat what it read.
fn config(text: &str) -> Option<Config> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    for profile in value.get_mut("profiles").and_then(Value::as_array_mut).into_iter().flatten() {
        profile.as_object_mut()?.retain(|_, field| !field.is_null());
    }
    serde_json::from_value(value).ok()
}

/// The wanted profile, preceded by the profiles that it builds on: the innermost first.
fn chain<'a>(config: &'a Config, wanted: &str) -> Result<Vec<&'a Profile>, ProviderError> {
    let mut chain: Vec<&Profile> = Vec::new();
    let mut wanted = wanted;
    loop {
        let profile = config.profiles.iter().find(|profile| !wanted.is_empty() && profile.name == wanted);
        let profile = profile.ok_or_else(|| ProviderError::lasting(format!("there is no profile `{wanted}`")))?;
        chain.insert(0, profile);
        if profile.mode != "ChainableRamRoleArn" {
            return Ok(chain);
        }
        if chain.len() >= LONGEST_CHAIN {
            return Err(ProviderError::lasting(format!("the source_profile chain of `{}` has no end", profile.name)));
        }
        wanted = &profile.source_profile;
    }
}

async fn of_chain(surroundings: &Surroundings, chain: &[&Profile]) -> Result<Credentials, ProviderError> {
    let Some((first, rest)) = chain.split_first() else { return Err(ProviderError::lasting("no profile is current")) };
    let mut credentials = first.credentials(surroundings).await?;
    for profile in rest {
        credentials = sts::assume_role(surroundings, &credentials, &profile.role(profile.ram_session_name.clone())).await?;
    }
    let name = chain.last().map_or("", |profile| &profile.name);
    Ok(Credentials { source: format!("CLI profile {name}"), ..credentials })
}

impl Profile {
    async fn credentials(&self, surroundings: &Surroundings) -> Result<Credentials, ProviderError> {
        match self.mode.as_str() {
            "AK" => self.keys(None),
            "StsToken" if self.sts_token.is_empty() => Err(self.lacks("sts_token")),
            "StsToken" => self.keys(Some(Secret::new(&self.sts_token))),
            "RamRoleArn" => {
                sts::assume_role(surroundings, &self.keys(self.stored_token())?, &self.role(self.ram_session_name.clone())).await
            }
            "EcsRamRole" => metadata::credentials(surroundings, Some(&self.ram_role_name)).await,
            "RamRoleArnWithRoleName" => {
                let instance = metadata::credentials(surroundings, Some(&self.ram_role_name)).await?;
                sts::assume_role(surroundings, &instance, &self.role(self.ram_session_name.clone())).await
            }
            "OIDC" => self.oidc(surroundings).await,
            "CloudSSO" => self.login.cloud_sso(surroundings).await,
            "OAuth" => self.login.oauth(surroundings, self.stored_session()).await,
            "External" => external::credentials(&self.process_command).await,
            "CredentialsURI" => uri::credentials(surroundings, &self.credentials_uri).await,
            mode => Err(self.refused(mode)),
        }
    }

    fn keys(&self, security_token: Option<Secret>) -> Result<Credentials, ProviderError> {
        if self.access_key_id.is_empty() {
            return Err(self.lacks("access_key_id"));
        }
        if self.access_key_secret.is_empty() {
            return Err(self.lacks("access_key_secret"));
        }
        Ok(Credentials { security_token, ..Credentials::lasting(&self.access_key_id, &self.access_key_secret, "CLI profile") })
    }

    fn stored_token(&self) -> Option<Secret> {
        (!self.sts_token.is_empty()).then(|| Secret::new(&self.sts_token))
    }

    /// Keys with a token; `None` where one is missing.
    fn stored_session(&self) -> Option<Credentials> {
        self.keys(Some(self.stored_token()?)).ok()
    }

    async fn oidc(&self, surroundings: &Surroundings) -> Result<Credentials, ProviderError> {
        let or_environment = |own: &str, name: &str| match own {
            "" => surroundings.needed(name).map(str::to_owned),
            own => Ok(own.to_owned()),
        };
        let provider_arn = or_environment(&self.oidc_provider_arn, "ALIBABA_CLOUD_OIDC_PROVIDER_ARN")?;
        let token_file = or_environment(&self.oidc_token_file, "ALIBABA_CLOUD_OIDC_TOKEN_FILE")?;
        let mut role = self.role(self.role_session_name.clone());
        role.role_arn = or_environment(&role.role_arn, "ALIBABA_CLOUD_ROLE_ARN")?;
        sts::assume_role_with_oidc(surroundings, &role, &provider_arn, token_file.as_ref()).await
    }

    fn role(&self, session_name: Option<String>) -> RoleRequest {
        RoleRequest {
            role_arn: self.ram_role_arn.clone(),
            session_name,
            // The CLI writes 0 where nothing was chosen.
            seconds: self.expired_seconds.filter(|seconds| *seconds > 0),
            policy: self.policy.clone(),
            external_id: self.external_id.clone(),
            sts_region: self.sts_region.clone().filter(|region| !region.is_empty()),
            inside_vpc: self.enable_vpc,
        }
    }

    fn lacks(&self, field: &str) -> ProviderError {
        ProviderError::lasting(format!("profile `{}` has no {field}", self.name))
    }

    /// What the official library refuses too (credentials-python provider/cli_profile.py), or what cannot sign a call.
    fn refused(&self, mode: &str) -> ProviderError {
        let why = match mode {
            "RsaKeyPair" => {
                "is one that the official libraries do not read from here; put the key pair into ~/.alibabacloud/credentials.ini, or use a RAM role"
            }
            "BearerToken" | "Anonymous" => "cannot sign the calls of this API; use a RAM role or an AccessKey",
            "" => "is missing",
            _ => "is not known",
        };
        ProviderError::lasting(format!("profile `{}`: mode {} {why}", self.name, super::session::printable(mode)))
    }
}
