//! Who may come in: access keys, temporary keys, dates and nonces.

use super::request::RawRequest;
use super::response::ApiError;
use super::signature::{self, Claim};
use crate::model::{Secret, Timestamp};
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// A request's date may be this far from the cloud's (cloud/api.md 3, InvalidTimeStamp.Expired).
const DATE_TOLERANCE: SignedDuration = SignedDuration::from_mins(15);
/// A nonce may not return within this time (a support answer of the vendor, developer.aliyun.com/ask/561619).
const NONCE_MEMORY: SignedDuration = SignedDuration::from_mins(31);

#[derive(Clone, Debug)]
pub struct AccessKey {
    pub id: String,
    pub secret: Secret,
    /// A temporary key is good only together with its token.
    pub security_token: Option<Secret>,
    pub expires: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub struct Door {
    keys: Vec<AccessKey>,
    nonces: BTreeMap<(String, String), Timestamp>,
}

impl Door {
    /// Lets the holder of this key in; a key of the same id is replaced.
    pub fn admit(&mut self, key: AccessKey) {
        self.keys.retain(|known| known.id != key.id);
        self.keys.push(key);
    }

    pub fn revoke(&mut self, access_key_id: &str) {
        self.keys.retain(|known| known.id != access_key_id);
    }

    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Checks the signature with either protocol, and uses the nonce up. `clock` judges the request's date, `now`
    /// the life of keys and nonces.
    pub fn enter(&mut self, raw: &RawRequest, clock: Timestamp, now: Timestamp) -> Result<(), ApiError> {
        let claim = signature::claim(raw)?;
        in_time(&claim.date, clock)?;
        let key = self.key_of(&claim, now)?;
        if !claim.is_signed_with(key.secret.reveal()) {
            let message = format!(
                "The request signature does not conform to Aliyun standards. server string to sign is:{}",
                claim.string_to_sign.replace('\n', "\\n")
            );
            return Err(ApiError::new(403, "SignatureDoesNotMatch", message));
        }
        self.use_up(claim, now)
    }

    fn key_of(&self, claim: &Claim, now: Timestamp) -> Result<&AccessKey, ApiError> {
        let unknown = || ApiError::new(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.");
        let key = self.keys.iter().find(|key| key.id == claim.access_key_id).ok_or_else(unknown)?;
        let token = |code: &str| ApiError::new(400, code, "The specified SecurityToken cannot be used with this access key.");
        match (&key.security_token, &claim.security_token) {
            (None, None) => {}
            (Some(_), None) => return Err(token("MissingSecurityToken")),
            (Some(own), Some(given)) if own.reveal() == given => {}
            (None, Some(_)) | (Some(_), Some(_)) => return Err(token("InvalidSecurityToken.MismatchWithAccessKey")),
        }
        if key.expires.is_some_and(|expires| expires <= now) {
            return Err(ApiError::new(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."));
        }
        Ok(key)
    }

    fn use_up(&mut self, claim: Claim, now: Timestamp) -> Result<(), ApiError> {
        self.nonces.retain(|_, used| now.duration_since(*used) < NONCE_MEMORY);
        if self.nonces.insert((claim.access_key_id, claim.nonce), now).is_some() {
            return Err(ApiError::new(400, "SignatureNonceUsed", "Specified signature nonce was used already."));
        }
        Ok(())
    }
}

fn in_time(date: &str, clock: Timestamp) -> Result<(), ApiError> {
    let format = || ApiError::new(400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.");
    // The library would also take a space for the `T`, and fractions.
    if date.len() != 20 || date.as_bytes().get(10) != Some(&b'T') || !date.ends_with('Z') {
        return Err(format());
    }
    let date: Timestamp = date.parse().map_err(|_| format())?;
    if date.duration_since(clock).abs() > DATE_TOLERANCE {
        return Err(ApiError::new(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."));
    }
    Ok(())
}
