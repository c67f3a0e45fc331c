//! The cloud's two request signatures (cloud/api.md 5.2 and 5.3).
//!
//! V3 (ACS3-HMAC-SHA256) signs every API call. V1 (HMAC-SHA1) signs two calls of STS alone, because that is how
//! the official credential libraries send them.

use super::wire::{Parameters, percent_encoded};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};

/// Hex SHA-256, as `x-acs-content-sha256` wants it.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// What is signed of a request. `headers` are the ones to sign, in any order and case; `query` is canonical already.
pub struct Signable<'a> {
    pub method: &'a str,
    /// Empty counts as `/`.
    pub path: &'a str,
    pub query: &'a str,
    pub headers: &'a [(String, String)],
    /// Hex SHA-256 of the body.
    pub payload_hash: &'a str,
}

impl Signable<'_> {
    /// The value of the `Authorization` header.
    pub fn authorization(&self, access_key_id: &str, access_key_secret: &str) -> String {
        let signature = hex(&hmac(hmac::HMAC_SHA256, access_key_secret, &self.string_to_sign()));
        format!("ACS3-HMAC-SHA256 Credential={access_key_id},SignedHeaders={},Signature={signature}", self.signed_headers())
    }

    pub fn string_to_sign(&self) -> String {
        format!("ACS3-HMAC-SHA256\n{}", sha256_hex(self.canonical_request().as_bytes()))
    }

    pub fn canonical_request(&self) -> String {
        let path = if self.path.is_empty() { "/" } else { self.path };
        format!("{}\n{path}\n{}\n{}\n{}\n{}", self.method, self.query, self.canonical_headers(), self.signed_headers(), self.payload_hash)
    }

    /// One `name:value\n` a name; several values of one name are sorted and joined by a comma.
    pub fn canonical_headers(&self) -> String {
        let mut text = String::new();
        for (name, values) in self.grouped() {
            text.push_str(&format!("{name}:{}\n", values.join(",")));
        }
        text
    }

    pub fn signed_headers(&self) -> String {
        let names: Vec<String> = self.grouped().into_iter().map(|(name, _)| name).collect();
        names.join(";")
    }

    fn grouped(&self) -> Vec<(String, Vec<&str>)> {
        let mut sorted: Vec<(String, &str)> = self.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.trim())).collect();
        sorted.sort();
        let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
        for (name, value) in sorted {
            match groups.last_mut() {
                Some((last, values)) if *last == name => values.push(value),
                _ => groups.push((name, vec![value])),
            }
        }
        groups
    }
}

/// The `Signature` parameter of a V1 request: base64 of HMAC-SHA1 over all other parameters.
pub fn signature_v1(method: &str, parameters: &Parameters, access_key_secret: &str) -> String {
    let key = format!("{access_key_secret}&");
    STANDARD.encode(hmac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key, &string_to_sign_v1(method, parameters)))
}

pub fn string_to_sign_v1(method: &str, parameters: &Parameters) -> String {
    format!("{method}&{}&{}", percent_encoded("/"), percent_encoded(&parameters.canonical()))
}

fn hmac(algorithm: hmac::Algorithm, key: &str, text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
