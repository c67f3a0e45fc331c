//! Sessions from STS 2015-04-01: AssumeRole and GenerateSessionAccessKey (signed with V1, by GET, as the official libraries
//! do) and AssumeRoleWithOIDC (not signed: the token speaks for itself). cloud/api.md 7; credentials-python
//! provider/ram_role_arn.py, provider/rsa_key_pair.py and provider/oidc.py.

use super::{Credentials, ProviderError, Surroundings, files, session};
use crate::cloud::cloud_time::wire_time;
use crate::cloud::error::{CallContext, CloudError, Retry};
use crate::cloud::retry::{Tries, WRITE};
use crate::cloud::signature::signature_v1;
use crate::cloud::transport::{RawResponse, SignedRequest};
use crate::cloud::wire::Parameters;
use crate::facts::endpoints::{CENTRAL_REGION, Product};
use crate::model::Secret;
use serde_json::Value;
use std::path::Path;

/// The libraries' default; a role's own maximum is at least this.
const DEFAULT_SECONDS: u64 = 3600;
/// STS refuses shorter sessions.
const LEAST_SECONDS: u64 = 900;

/// Which role, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleRequest {
    pub role_arn: String,
    /// Default: `ALIBABA_CLOUD_ROLE_SESSION_NAME`, else `cgwd`.
    pub session_name: Option<String>,
    pub seconds: Option<u64>,
    /// Narrows the role's rights further; JSON.
    pub policy: Option<String>,
    pub external_id: Option<String>,
    /// Another STS endpoint than the environment's.
    pub sts_region: Option<String>,
    pub inside_vpc: Option<bool>,
}

impl RoleRequest {
    pub fn of(role_arn: &str) -> RoleRequest {
        RoleRequest { role_arn: role_arn.to_owned(), ..RoleRequest::default() }
    }

    fn parameters(&self, surroundings: &Surroundings, action: &str) -> Result<Parameters, ProviderError> {
        if self.role_arn.is_empty() {
            return Err(ProviderError::lasting("the role's ARN is missing"));
        }
        let seconds = self.seconds.unwrap_or(DEFAULT_SECONDS);
        if seconds < LEAST_SECONDS {
            return Err(ProviderError::lasting("a role's session lasts 900 seconds at least"));
        }
        let session_name = self.session_name.as_deref().filter(|name| !name.is_empty());
        let session_name = session_name.or_else(|| surroundings.environment.var("ALIBABA_CLOUD_ROLE_SESSION_NAME")).unwrap_or("cgwd");
        let not_empty = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Ok(call(surroundings, action, seconds)
            .with("RoleArn", &self.role_arn)
            .with("RoleSessionName", session_name)
            .with_some("Policy", not_empty(&self.policy))
            .with_some("ExternalId", not_empty(&self.external_id)))
    }
}

/// Exchanges keys for a session of a role.
///
/// # Errors
/// Where STS refuses, is not reached, or the role is not well described.
pub async fn assume_role(surroundings: &Surroundings, base: &Credentials, role: &RoleRequest) -> Result<Credentials, ProviderError> {
    let action = "AssumeRole";
    let secrets: Vec<Secret> = [base.access_key_secret.clone()].into_iter().chain(base.security_token.clone()).collect();
    let parameters = || {
        let token = base.security_token.as_ref().map(Secret::reveal);
        let unsigned = role.parameters(surroundings, action)?.with_some("SecurityToken", token);
        Ok(signed(surroundings, unsigned, &base.access_key_id, &base.access_key_secret))
    };
    let call = Call { action, role, secrets: &secrets, grant: &OF_ROLE, source: &format!("role over {}", base.source) };
    call.ask(surroundings, parameters).await
}

/// Exchanges a key pair for a session. The libraries sign with the text of the private key's file as it is.
///
/// # Errors
/// As [`assume_role`], and where the file cannot be read.
pub async fn session_of_key_pair(surroundings: &Surroundings, public_key_id: &str, key_file: &Path) -> Result<Credentials, ProviderError> {
    let action = "GenerateSessionAccessKey";
    let private_key = Secret::new(files::text(key_file)?);
    if private_key.reveal().trim().is_empty() {
        return Err(ProviderError::lasting(format!("{} is empty", key_file.display())));
    }
    let parameters = || Ok(signed(surroundings, call(surroundings, action, DEFAULT_SECONDS), public_key_id, &private_key));
    let secrets = std::slice::from_ref(&private_key);
    let call = Call { action, role: &RoleRequest::default(), secrets, grant: &OF_KEY_PAIR, source: "key pair" };
    call.ask(surroundings, parameters).await
}

/// Exchanges an OIDC token, read anew from its file, for a session of a role.
///
/// # Errors
/// As [`assume_role`], and where the file cannot be read.
pub async fn assume_role_with_oidc(
    surroundings: &Surroundings,
    role: &RoleRequest,
    oidc_provider_arn: &str,
    token_file: &Path,
) -> Result<Credentials, ProviderError> {
    let action = "AssumeRoleWithOIDC";
    let token = Secret::new(files::one_value(token_file)?);
    let parameters =
        || Ok(role.parameters(surroundings, action)?.with("OIDCProviderArn", oidc_provider_arn).with("OIDCToken", token.reveal()));
    let call = Call { action, role, secrets: std::slice::from_ref(&token), grant: &OF_ROLE, source: "OIDC" };
    call.ask(surroundings, parameters).await
}

/// Where an answer holds the session, and how it is read.
struct Grant {
    field: &'static str,
    read: fn(&Value, &str) -> Result<Credentials, ProviderError>,
}

const OF_ROLE: Grant = Grant { field: "Credentials", read: session::session };
const OF_KEY_PAIR: Grant = Grant { field: "SessionAccessKey", read: session::session_of_key_pair };

fn call(surroundings: &Surroundings, action: &str, seconds: u64) -> Parameters {
    Parameters::new()
        .with("Action", action)
        .with("Format", "JSON")
        .with("Version", Product::Sts.version())
        .with("Timestamp", wire_time(surroundings.time.now()))
        .with("DurationSeconds", seconds)
}

fn signed(surroundings: &Surroundings, unsigned: Parameters, key_id: &str, key: &Secret) -> Parameters {
    let unsigned = unsigned
        .with("SignatureMethod", "HMAC-SHA1")
        .with("SignatureVersion", "1.0")
        .with("SignatureNonce", surroundings.entropy.uuid())
        .with("AccessKeyId", key_id);
    let signature = signature_v1("GET", &unsigned, key.reveal());
    unsigned.with("Signature", signature)
}

struct Call<'a> {
    action: &'a str,
    /// Its endpoint's region counts.
    role: &'a RoleRequest,
    secrets: &'a [Secret],
    grant: &'a Grant,
    source: &'a str,
}

impl Call<'_> {
    async fn ask(
        &self,
        surroundings: &Surroundings,
        parameters: impl Fn() -> Result<Parameters, ProviderError>,
    ) -> Result<Credentials, ProviderError> {
        let Call { action, role, secrets, grant, source } = *self;
        let context = CallContext { action, secrets };
        let endpoints = surroundings.endpoints.for_role(role.sts_region.as_deref(), role.inside_vpc);
        let base_url = endpoints
            .and_then(|endpoints| endpoints.base_url(Product::Sts, CENTRAL_REGION))
            .map_err(|error| ProviderError::lasting(error.to_string()))?;
        let mut tries = Tries::new(WRITE);
        let started = tokio::time::Instant::now();
        loop {
            // Time, nonce and signature are new in every try; a clock error has taught us the offset by then.
            let request = SignedRequest {
                method: "GET",
                base_url: base_url.clone(),
                path: "/".into(),
                query: parameters()?.canonical(),
                headers: vec![("accept".into(), "application/json".into())],
                body: Vec::new(),
                action: action.to_owned(),
            };
            let error = match surroundings.transport.send(request).await {
                Err(error) => context.unanswered(&error),
                Ok(answer) => {
                    surroundings.time.learn(&answer);
                    match granted(&answer, grant) {
                        Some(session) => return (grant.read)(&session, source),
                        None => refusal(&context, &answer, grant),
                    }
                }
            };
            match tries.after(error.retry, false, surroundings.entropy.fraction(), started.elapsed()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(failure(&error)),
            }
        }
    }
}

fn granted(answer: &RawResponse, grant: &Grant) -> Option<Value> {
    let (_, body) = answer.body.json().filter(|_| answer.status == 200)?;
    body.get(grant.field).cloned()
}

fn refusal(context: &CallContext<'_>, answer: &RawResponse, grant: &Grant) -> CloudError {
    match context.accepted(answer) {
        Err(error) => error,
        Ok(accepted) => context
            .unreadable(&crate::cloud::wire::FieldError { field: grant.field.to_owned(), problem: "is missing" }, &accepted.request_id),
    }
}

fn failure(error: &CloudError) -> ProviderError {
    let passing = matches!(error.retry, Retry::Transient | Retry::Throttled(_) | Retry::Busy);
    ProviderError { reason: format!("{error}; {}", error.remedy), passing }
}
