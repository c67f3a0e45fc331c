//! Temporary keys: AssumeRole and AssumeRoleWithOIDC (cloud/api.md 7).

use super::cloud::Cloud;
use super::door::AccessKey;
use super::request::Request;
use super::response::{ApiError, Reply};
use crate::model::{Secret, Timestamp};
use jiff::SignedDuration;
use serde_json::{Value, json};

pub fn answer(cloud: &mut Cloud, request: &Request, now: Timestamp) -> Reply {
    match request.action.as_str() {
        "AssumeRole" => assume(cloud, request, now),
        "AssumeRoleWithOIDC" => {
            let (provider, token) = (request.required("OIDCProviderArn")?.to_owned(), request.required("OIDCToken")?);
            if token.split('.').filter(|part| !part.is_empty()).count() != 3 {
                return Err(ApiError::new(400, "AuthenticationFail.OIDCToken.Invalid", "This OIDC token is invalid."));
            }
            let mut reply = assume(cloud, request, now)?;
            reply["OIDCTokenInfo"] = json!({"Subject": "simulated", "Issuer": provider, "ClientIds": "simulated"});
            Ok(reply)
        }
        action => Err(ApiError::no_such_api(action)),
    }
}

/// DurationSeconds at least 900, 3600 where not given; at most 12 hours.
fn assume(cloud: &mut Cloud, request: &Request, now: Timestamp) -> Reply {
    let role = request.required("RoleArn")?;
    let session = request.required("RoleSessionName")?;
    let seconds = request.integer("DurationSeconds")?.unwrap_or(3_600);
    if !(900..=43_200).contains(&seconds) {
        return Err(ApiError::new(400, "InvalidParameter.DurationSeconds", "The Min/Max value of DurationSeconds is 15min/12hr."));
    }
    if cloud.roles.as_ref().is_some_and(|roles| !roles.iter().any(|known| known == role)) {
        return Err(ApiError::new(404, "EntityNotExist.Role", "The role not exists."));
    }
    let expires = now + SignedDuration::from_secs(seconds);
    let (id, secret, token) = (format!("STS.{}", cloud.random.key(24)), cloud.random.key(44), cloud.random.key(96));
    let reply = json!({
        "AssumedRoleUser": {"Arn": format!("{role}/{session}"), "AssumedRoleId": format!("3{}:{session}", &cloud.account)},
        "Credentials": {
            "AccessKeyId": id, "AccessKeySecret": secret, "SecurityToken": token,
            "Expiration": Value::from(expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        },
    });
    cloud.door.admit(AccessKey { id, secret: Secret::new(secret), security_token: Some(Secret::new(token)), expires: Some(expires) });
    Ok(reply)
}
