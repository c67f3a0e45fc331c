//! The role of an ECS instance, from its metadata service (cloud/api.md 7; credentials-python provider/ecs_ram_role.py):
//! version 2 with a token first, version 1 where that does not work and is not switched off.

use super::{Credentials, ProviderError, Surroundings, session};
use crate::cloud::transport::{SignedRequest, TransportError};
use crate::cloud::wire::percent_encoded;

const TOKEN_PATH: &str = "/latest/api/token";
const TOKEN_SECONDS: &str = "21600";
const ROLES_PATH: &str = "/latest/meta-data/ram/security-credentials/";

/// The session of a role, by default the instance's own.
pub async fn credentials(surroundings: &Surroundings, role: Option<&str>) -> Result<Credentials, ProviderError> {
    if surroundings.flag("ALIBABA_CLOUD_ECS_METADATA_DISABLED") {
        return Err(ProviderError::lasting("switched off by ALIBABA_CLOUD_ECS_METADATA_DISABLED"));
    }
    let role = role.filter(|role| !role.is_empty()).or_else(|| surroundings.environment.var("ALIBABA_CLOUD_ECS_METADATA"));
    let version_1_allowed = !surroundings.flag("ALIBABA_CLOUD_IMDSV1_DISABLED");
    let token = match token(surroundings).await {
        Ok(token) => Some(token),
        // Nobody there: version 1 would not answer either, and would only take another second to say so.
        Err(failure) if !version_1_allowed || failure.nobody_there => return Err(failure.into()),
        Err(_) => None,
    };
    match (session(surroundings, role, token.as_deref()).await, token) {
        (Err(_), Some(_)) if version_1_allowed => Ok(session(surroundings, role, None).await?),
        (result, _) => Ok(result?),
    }
}

/// Why the metadata service gave nothing.
struct Failure {
    reason: String,
    nobody_there: bool,
}

impl From<Failure> for ProviderError {
    fn from(failure: Failure) -> ProviderError {
        ProviderError::lasting(failure.reason)
    }
}

async fn token(surroundings: &Surroundings) -> Result<String, Failure> {
    let header = ("x-aliyun-ecs-metadata-token-ttl-seconds".to_owned(), TOKEN_SECONDS.to_owned());
    text(surroundings, "PUT", TOKEN_PATH, Some(header)).await
}

async fn session(surroundings: &Surroundings, role: Option<&str>, token: Option<&str>) -> Result<Credentials, Failure> {
    let header = || token.map(|token| ("x-aliyun-ecs-metadata-token".to_owned(), token.to_owned()));
    let role = match role {
        Some(role) => role.to_owned(),
        None => text(surroundings, "GET", ROLES_PATH, header()).await?,
    };
    let body = text(surroundings, "GET", &format!("{ROLES_PATH}{}", percent_encoded(&role)), header()).await?;
    session::with_code(body.as_bytes(), "instance role").map_err(|error| Failure { reason: error.reason, nobody_there: false })
}

async fn text(surroundings: &Surroundings, method: &'static str, path: &str, header: Option<(String, String)>) -> Result<String, Failure> {
    let failed = |reason: String| Failure { reason, nobody_there: false };
    let request = SignedRequest {
        method,
        base_url: surroundings.metadata_base_url.clone(),
        path: path.to_owned(),
        query: String::new(),
        headers: header.into_iter().collect(),
        body: Vec::new(),
        action: "metadata".to_owned(),
    };
    let answer = surroundings.local_transport.send(request).await.map_err(|error| Failure {
        reason: format!("this is no ECS instance, or its metadata service is off: {error}"),
        nobody_there: matches!(error, TransportError::NotSent { .. }),
    })?;
    if answer.status != 200 {
        return Err(failed(format!("the metadata service answers HTTP {}", answer.status)));
    }
    let text =
        String::from_utf8(answer.body.bytes().into_owned()).map_err(|_| failed("the metadata service answers no text".to_owned()))?;
    match text.trim() {
        "" => Err(failed("the metadata service answers nothing: the instance has no role".to_owned())),
        text => Ok(text.to_owned()),
    }
}
