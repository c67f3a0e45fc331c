//! The cloud's two request signatures (cloud/api.md 5.2 and 5.3).
//!
//! V3 (ACS3-HMAC-SHA256) signs every API call. V1 (HMAC-SHA1) signs two calls of STS alone, because that is how
//! the official credential libraries send them.

use super::wire::{Parameters, percent_encoded};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};
use std::borrow::Cow;

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
        let signature = hex(hmac(hmac::HMAC_SHA256, access_key_secret, &self.string_to_sign()).as_ref());
        format!("ACS3-HMAC-SHA256 Credential={access_key_id},SignedHeaders={},Signature={signature}", self.signed_headers())
    }

    pub fn string_to_sign(&self) -> String {
        format!("ACS3-HMAC-SHA256\n{}", sha256_hex(self.canonical_request().as_bytes()))
    }

    pub fn canonical_request(&self) -> String {
        let path = if self.path.is_empty() { "/" } else { self.path };
        let (headers, names) = self.canonical();
        [self.method, path, self.query, &headers, &names, self.payload_hash].join("\n")
    }

    /// One `name:value\n` a name; several values of one name are sorted and joined by a comma.
    pub fn canonical_headers(&self) -> String {
        self.canonical().0
    }

    pub fn signed_headers(&self) -> String {
        self.canonical().1
    }

    /// The headers and their names.
    fn canonical(&self) -> (String, String) {
        let mut sorted: Vec<(Cow<'_, str>, &str)> = self.headers.iter().map(|(name, value)| (lower_case(name), value.trim())).collect();
        sorted.sort();
        let (mut headers, mut names) = (String::with_capacity(512), String::with_capacity(128));
        for values in sorted.chunk_by(|one, next| one.0 == next.0) {
            let Some((name, _)) = values.first() else { continue };
            if !names.is_empty() {
                names.push(';');
            }
            names.push_str(name);
            headers.push_str(name);
            for (place, (_, value)) in values.iter().enumerate() {
                headers.push(if place == 0 { ':' } else { ',' });
                headers.push_str(value);
            }
            headers.push('\n');
        }
        (headers, names)
    }
}

/// The `Signature` parameter of a V1 request: base64 of HMAC-SHA1 over all other parameters.
pub fn signature_v1(method: &str, parameters: &Parameters, access_key_secret: &str) -> String {
    let key = format!("{access_key_secret}&");
    STANDARD.encode(hmac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key, &string_to_sign_v1(method, parameters)).as_ref())
}

pub fn string_to_sign_v1(method: &str, parameters: &Parameters) -> String {
    format!("{method}&{}&{}", percent_encoded("/"), percent_encoded(&parameters.canonical()))
}

fn lower_case(name: &str) -> Cow<'_, str> {
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

fn hmac(algorithm: hmac::Algorithm, key: &str, text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), text.as_bytes())
}

/// Two digits a byte, in lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
