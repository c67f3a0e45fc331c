//! Sessions from STS 2015-04-01: AssumeRole (signed with V1, by GET, as the official libraries do) and
//! AssumeRoleWithOIDC (not signed: the token speaks for itself). cloud/api.md 7; credentials-python
//! provider/ram_role_arn.py and provider/oidc.py.

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
        Ok(Parameters::new()
            .with("Action", action)
            .with("Format", "JSON")
            .with("Version", Product::Sts.version())
            .with("Timestamp", wire_time(surroundings.time.now()))
            .with("DurationSeconds", seconds)
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
        let unsigned = role
            .parameters(surroundings, action)?
            .with("SignatureMethod", "HMAC-SHA1")
            .with("SignatureVersion", "1.0")
            .with("SignatureNonce", surroundings.entropy.uuid())
            .with("AccessKeyId", &base.access_key_id)
            .with_some("SecurityToken", base.security_token.as_ref().map(Secret::reveal));
        let signature = signature_v1("GET", &unsigned, base.access_key_secret.reveal());
        Ok(unsigned.with("Signature", signature))
    };
    ask(surroundings, action, role, &secrets, parameters, &format!("role over {}", base.source)).await
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
    ask(surroundings, action, role, std::slice::from_ref(&token), parameters, "OIDC").await
}

async fn ask(
    surroundings: &Surroundings,
    action: &str,
    role: &RoleRequest,
    secrets: &[Secret],
    parameters: impl Fn() -> Result<Parameters, ProviderError>,
    source: &str,
) -> Result<Credentials, ProviderError> {
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
                match granted(&answer) {
                    Some(credentials) => return session::session(&credentials, source),
                    None => refusal(&context, &answer),
                }
            }
        };
        match tries.after(error.retry, false, surroundings.entropy.fraction(), started.elapsed()) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(failure(&error)),
        }
    }
}

fn granted(answer: &RawResponse) -> Option<Value> {
    let body: Value = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200)?;
    body.get("Credentials").cloned()
}

fn refusal(context: &CallContext<'_>, answer: &RawResponse) -> CloudError {
    match context.accepted(answer) {
        Err(error) => error,
        Ok(accepted) => context
            .unreadable(&crate::cloud::wire::FieldError { field: "Credentials".to_owned(), problem: "is missing" }, &accepted.request_id),
    }
}

fn failure(error: &CloudError) -> ProviderError {
    let passing = matches!(error.retry, Retry::Transient | Retry::Throttled(_) | Retry::Busy);
    ProviderError { reason: format!("{error}; {}", error.remedy), passing }
}
