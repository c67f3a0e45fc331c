//! The server's side of both signatures, written from cloud/api.md 5.2 and 5.3 alone: what the client lists and
//! sends is canonicalised again and compared. Pure: keys, nonces and the judgement of dates are the door's.

use super::encoding::{base64, canonical_query, encode, hex};
use super::request::RawRequest;
use super::response::ApiError;
use ring::{digest, hmac};

/// What a well-formed signed request says of itself, before anything is believed.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    pub access_key_id: String,
    pub security_token: Option<String>,
    /// As written, `yyyy-MM-ddTHH:mm:ssZ`.
    pub date: String,
    pub nonce: String,
    /// The server's own string to sign; holds no secret.
    pub string_to_sign: String,
    signature: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    V1,
    V3,
}

/// Headers without which, signed, a V3 request proves nothing.
const MUST_SIGN: [&str; 6] = ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"];

pub fn claim(raw: &RawRequest) -> Result<Claim, ApiError> {
    if raw.is_v1() { claim_v1(raw) } else { claim_v3(raw) }
}

impl Claim {
    /// Whether this secret made the signature.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let text = self.string_to_sign.as_bytes();
        let made = match self.kind {
            Kind::V3 => hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text).as_ref()),
            Kind::V1 => {
                let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, format!("{secret}&").as_bytes());
                base64(hmac::sign(&key, text).as_ref())
            }
        };
        made == self.signature
    }
}

fn claim_v3(raw: &RawRequest) -> Result<Claim, ApiError> {
    let required = |name: &str| raw.header(name).filter(|value| !value.is_empty()).ok_or_else(|| ApiError::missing(name));
    let incomplete = |what: &str| {
        ApiError::new(400, "IncompleteSignature", format!("The request signature does not conform to Aliyun standards: {what}."))
    };
    let authorization = raw.header("authorization").ok_or_else(|| ApiError::missing("Authorization"))?;
    for name in MUST_SIGN {
        required(name)?;
    }
    let Some(parts) = authorization.strip_prefix("ACS3-HMAC-SHA256 ") else {
        return Err(ApiError::new(400, "InvalidSignatureMethod", "The specified signature method is not supported."));
    };
    let part = |name: &str| {
        let found = parts.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        found.filter(|value| !value.is_empty()).ok_or_else(|| incomplete(&format!("no {name}")))
    };
    let (access_key_id, signed_headers, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
    let listed: Vec<&str> = signed_headers.split(';').collect();
    let token_unsigned = raw.header("x-acs-security-token").is_some() && !listed.contains(&"x-acs-security-token");
    if token_unsigned || MUST_SIGN.iter().any(|name| !listed.contains(name)) {
        return Err(incomplete("host and every x-acs header must be signed"));
    }
    if let Some(absent) = listed.iter().find(|name| raw.header(name).is_none()) {
        return Err(incomplete(&format!("signed header {absent} was not sent")));
    }
    let payload = hex(digest::digest(&digest::SHA256, &raw.body).as_ref());
    if required("x-acs-content-sha256")? != payload {
        return Err(ApiError::new(400, "InvalidParameter", "x-acs-content-sha256 is not the hash of the body."));
    }
    let canonical = format!(
        "{}\n{}\n{}\n{}\n{signed_headers}\n{payload}",
        raw.method,
        raw.path,
        canonical_query(&raw.query_pairs()),
        canonical_headers(raw, &listed),
    );
    let hashed = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    Ok(Claim {
        access_key_id: access_key_id.to_owned(),
        security_token: raw.header("x-acs-security-token").map(str::to_owned),
        date: required("x-acs-date")?.to_owned(),
        nonce: required("x-acs-signature-nonce")?.to_owned(),
        string_to_sign: format!("ACS3-HMAC-SHA256\n{hashed}"),
        signature: signature.to_owned(),
        kind: Kind::V3,
    })
}

/// `name:value\n` per listed header, sorted by name; several values of one name sorted and joined by commas.
fn canonical_headers(raw: &RawRequest, listed: &[&str]) -> String {
    let mut names = listed.to_vec();
    names.sort_unstable();
    names.dedup();
    let line = |name: &&str| {
        let mut values: Vec<&str> = raw.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.trim()).collect();
        values.sort_unstable();
        format!("{name}:{}\n", values.join(","))
    };
    names.iter().map(line).collect()
}

fn claim_v1(raw: &RawRequest) -> Result<Claim, ApiError> {
    let mut pairs: Vec<_> = raw.query_pairs().into_iter().chain(raw.form_pairs()).collect();
    let required = |name: &str| {
        let found = pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        found.filter(|value| !value.is_empty()).ok_or_else(|| ApiError::missing(name))
    };
    if required("SignatureMethod")? != "HMAC-SHA1" || required("SignatureVersion")? != "1.0" {
        return Err(ApiError::new(400, "InvalidSignatureMethod", "The specified signature method is not supported."));
    }
    let (access_key_id, date, nonce) = (required("AccessKeyId")?, required("Timestamp")?, required("SignatureNonce")?);
    let (signature, security_token) = (required("Signature")?, required("SecurityToken").ok());
    pairs.retain(|(key, _)| key != "Signature");
    let string_to_sign = format!("{}&{}&{}", raw.method, encode("/"), encode(&canonical_query(&pairs)));
    Ok(Claim { access_key_id, security_token, date, nonce, string_to_sign, signature, kind: Kind::V1 })
}
