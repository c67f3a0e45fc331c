//! What a person's login with the official command line left in its profile: CloudSSO and OAuth (cloud/api.md 7;
//! credentials-python 1.0.12 provider/cloud_sso.py and provider/oauth.py). Each is exchanged for a session for as long as it
//! lasts. It is never prolonged here: that takes the refresh token out of the person's hands, and the next `aliyun` call of
//! theirs would have to log in again.

use super::{Credentials, ProviderError, Surroundings, session, uri};
use crate::cloud::transport::SignedRequest;
use crate::model::{Secret, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

/// Where OAuth tokens are exchanged, by the profile's `oauth_site_type`.
const OAUTH_SITES: &[(&str, &str)] = &[("CN", "https://oauth.aliyun.com"), ("INTL", "https://oauth.alibabacloud.com")];

const LOG_IN: &str = "log in again with `aliyun configure`, or use a RAM role or an AccessKey, which a daemon is better off with";

/// The fields of a profile that a login fills in. No `Debug`: most are secret.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Login {
    cloud_sso_sign_in_url: String,
    cloud_sso_account_id: String,
    cloud_sso_access_config: String,
    access_token: String,
    /// Seconds since 1970, as the next two.
    cloud_sso_access_token_expire: i64,
    oauth_site_type: String,
    oauth_access_token: String,
    oauth_access_token_expire: i64,
    sts_expiration: i64,
}

impl Login {
    pub async fn cloud_sso(&self, surroundings: &Surroundings) -> Result<Credentials, ProviderError> {
        let token = valid_token(surroundings, "CloudSSO", &self.access_token, self.cloud_sso_access_token_expire)?;
        for (field, value) in [
            ("cloud_sso_sign_in_url", &self.cloud_sso_sign_in_url),
            ("cloud_sso_account_id", &self.cloud_sso_account_id),
            ("cloud_sso_access_config", &self.cloud_sso_access_config),
        ] {
            if value.is_empty() {
                return Err(ProviderError::lasting(format!("the profile has no {field}")));
            }
        }
        let body = json!({"AccountId": self.cloud_sso_account_id, "AccessConfigurationId": self.cloud_sso_access_config});
        // Of the sign-in page's address only the host counts.
        let page = uri::request(&self.cloud_sso_sign_in_url)
            .ok_or_else(|| ProviderError::lasting("cloud_sso_sign_in_url is not an https:// URL"))?;
        let answer = exchanged(surroundings, page.base_url, "/cloud-credentials", &token, body.to_string()).await?;
        session::session(&answer["CloudCredential"], "CloudSSO")
    }

    /// `stored`: what the command line got for its token the last time, which is good until `sts_expiration`.
    pub async fn oauth(&self, surroundings: &Surroundings, stored: Option<Credentials>) -> Result<Credentials, ProviderError> {
        let now = surroundings.time.now();
        let stored_until = Timestamp::from_second(self.sts_expiration).ok().filter(|until| *until > now);
        if let (Some(stored), Some(until)) = (stored, stored_until) {
            return Ok(Credentials { expires: Some(until), ..stored });
        }
        let site = if self.oauth_site_type.is_empty() { "CN" } else { &self.oauth_site_type };
        let known = OAUTH_SITES.iter().find(|(name, _)| name.eq_ignore_ascii_case(site));
        let (_, public) = known.ok_or_else(|| ProviderError::lasting("oauth_site_type is neither CN nor INTL"))?;
        let base_url = surroundings.endpoints.fixed_base_url().unwrap_or(public).to_owned();
        let token = valid_token(surroundings, "OAuth", &self.oauth_access_token, self.oauth_access_token_expire)?;
        let answer = exchanged(surroundings, base_url, "/v1/exchange", &token, String::new()).await?;
        session::session(&answer, "OAuth")
    }
}

fn valid_token(surroundings: &Surroundings, what: &str, token: &str, expires: i64) -> Result<Secret, ProviderError> {
    if token.is_empty() || Timestamp::from_second(expires).map_or(true, |expires| expires <= surroundings.time.now()) {
        return Err(ProviderError::lasting(format!("the {what} login is over; {LOG_IN}")));
    }
    Ok(Secret::new(token))
}

async fn exchanged(
    surroundings: &Surroundings,
    base_url: String,
    path: &str,
    token: &Secret,
    body: String,
) -> Result<Value, ProviderError> {
    let request = SignedRequest {
        method: "POST",
        base_url,
        path: path.to_owned(),
        query: String::new(),
        headers: vec![
            ("accept".into(), "application/json".into()),
            ("content-type".into(), "application/json".into()),
            ("authorization".into(), format!("Bearer {}", token.reveal())),
        ],
        body: body.into_bytes(),
        action: "login".to_owned(),
    };
    // A token goes out over https, or to this device itself: the transport refuses everything else.
    let answer = surroundings.transport.send(request).await.map_err(|error| ProviderError::passing(error.to_string()))?;
    match answer.status {
        // The body can repeat the token.
        200 => serde_json::from_slice(&answer.body.bytes()).map_err(|_| ProviderError::lasting("the answer is not JSON")),
        401 | 403 => Err(ProviderError::lasting(format!("it answers HTTP {}: {LOG_IN}", answer.status))),
        status => Err(ProviderError { reason: format!("it answers HTTP {status}"), passing: status >= 500 }),
    }
}
