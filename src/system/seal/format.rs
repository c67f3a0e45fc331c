//! The sealed form, and the way there and back: pure functions, with the randomness as an argument.
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 8 | `CGWDSEAL` |
//! | 8 | 1 | version: 1 |
//! | 9 | 4 | id of the key: SHA-256(`cgwd key id` ‖ key), its first bytes |
//! | 13 | 8 | mark of the plan: SHA-256(`cgwd plan mark` ‖ plan id), its first bytes |
//! | 21 | 32 | salt, random |
//! | 53 | 12 | nonce, random |
//! | 65 | n | the plaintext under ChaCha20-Poly1305 (RFC 8439) |
//! | 65 + n | 16 | its tag |
//!
//! The cipher's key is HKDF-SHA256 (RFC 5869) of the device's key with that salt and the info `cgwd seal 1` ‖ plan id, 32 bytes. So
//! each message has a key of its own, and no nonce can ever come twice under one. Associated data: the 65 bytes of the header ‖
//! plan id. The cipher is fast without hardware for AES, which small devices lack, and takes the same time whatever the key.

use super::SealError;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::{digest, hkdf};
use std::fmt;
use zeroize::Zeroizing;

pub const VERSION: u8 = 1;
pub const SALT: usize = 32;
pub const NONCE: usize = 12;
const MAGIC: &[u8; 8] = b"CGWDSEAL";
const TAG: usize = 16;
const HEADER: usize = 8 + 1 + 4 + 8 + SALT + NONCE;
const KEY_LABEL: &[u8] = b"cgwd key id";
const PLAN_LABEL: &[u8] = b"cgwd plan mark";
const SEAL_LABEL: &[u8] = b"cgwd seal 1";

/// 32 bytes or more that nobody can guess; wiped when dropped.
pub struct Key(Zeroizing<Vec<u8>>);

/// Which key it is: eight hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; 4]);

impl Key {
    /// The caller has seen to it that it is long enough.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Key {
        Key(bytes)
    }

    pub fn id(&self) -> KeyId {
        KeyId(prefix_of_hash(KEY_LABEL, &self.0))
    }
}

pub fn seal(key: &Key, plan_id: &str, plaintext: &[u8], salt: [u8; SALT], nonce: [u8; NONCE]) -> Result<Vec<u8>, SealError> {
    let header = header(key.id(), plan_id, salt, nonce);
    let mut sealed = Vec::with_capacity(HEADER + plaintext.len() + TAG);
    sealed.extend(header);
    sealed.extend(plaintext);
    let cipher = cipher(key, plan_id, &salt)?;
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = cipher.seal_in_place_separate_tag(nonce, associated(&header, plan_id), &mut sealed[HEADER..]);
    sealed.extend(tag.map_err(|_| SealError::Damaged { why: "there is too much of it" })?.as_ref());
    Ok(sealed)
}

/// The key that opens it, where it looks like something sealed at all.
pub fn key_id(sealed: &[u8]) -> Result<KeyId, SealError> {
    Parts::of(sealed).map(|parts| parts.key_id)
}

/// With the key that [`key_id`] names.
pub fn open(key: &Key, plan_id: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let parts = Parts::of(sealed)?;
    if parts.plan_mark != plan_mark(plan_id) {
        return Err(SealError::OtherPlan { plan: plan_id.to_owned() });
    }
    let cipher = cipher(key, plan_id, &parts.salt)?;
    let mut opened = Zeroizing::new(parts.ciphertext.to_vec());
    let nonce = Nonce::assume_unique_for_key(parts.nonce);
    let length = cipher
        .open_in_place(nonce, associated(parts.header, plan_id), &mut opened)
        .map_err(|_| SealError::Damaged { why: "its tag does not fit" })?
        .len();
    opened.truncate(length);
    Ok(opened)
}

struct Parts<'a> {
    header: &'a [u8],
    key_id: KeyId,
    plan_mark: [u8; 8],
    salt: [u8; SALT],
    nonce: [u8; NONCE],
    /// With its tag.
    ciphertext: &'a [u8],
}

impl Parts<'_> {
    fn of(sealed: &[u8]) -> Result<Parts<'_>, SealError> {
        const SHORT: SealError = SealError::Damaged { why: "it is cut short" };
        let (header, ciphertext) = sealed.split_at_checked(HEADER).ok_or(SHORT)?;
        let mut rest = header;
        if take(&mut rest) != Some(*MAGIC) {
            return Err(SealError::Damaged { why: "it does not begin as something sealed does" });
        }
        match take(&mut rest) {
            Some([VERSION]) => {}
            Some([found]) if found > VERSION => return Err(SealError::Newer { found }),
            _ => return Err(SealError::Damaged { why: "it has no version" }),
        }
        let (key_id, plan_mark) = (take(&mut rest).ok_or(SHORT)?, take(&mut rest).ok_or(SHORT)?);
        let (salt, nonce) = (take(&mut rest).ok_or(SHORT)?, take(&mut rest).ok_or(SHORT)?);
        if ciphertext.len() < TAG {
            return Err(SHORT);
        }
        Ok(Parts { header, key_id: KeyId(key_id), plan_mark, salt, nonce, ciphertext })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

fn header(key_id: KeyId, plan_id: &str, salt: [u8; SALT], nonce: [u8; NONCE]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let parts = [&MAGIC[..], &[VERSION], &key_id.0, &plan_mark(plan_id), &salt, &nonce];
    for (place, byte) in header.iter_mut().zip(parts.into_iter().flatten()) {
        *place = *byte;
    }
    header
}

fn cipher(key: &Key, plan_id: &str, salt: &[u8]) -> Result<LessSafeKey, SealError> {
    let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(&key.0);
    let info = [SEAL_LABEL, plan_id.as_bytes()];
    // It fails for outputs of more than 255 hashes only.
    let expanded = derived.expand(&info, &CHACHA20_POLY1305).map_err(|_| SealError::Damaged { why: "no key can be derived" })?;
    Ok(LessSafeKey::new(UnboundKey::from(expanded)))
}

fn associated(header: &[u8], plan_id: &str) -> Aad<Vec<u8>> {
    Aad::from([header, plan_id.as_bytes()].concat())
}

fn plan_mark(plan_id: &str) -> [u8; 8] {
    prefix_of_hash(PLAN_LABEL, plan_id.as_bytes())
}

fn prefix_of_hash<const N: usize>(label: &[u8], bytes: &[u8]) -> [u8; N] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(label);
    context.update(bytes);
    let mut prefix = [0; N];
    prefix.iter_mut().zip(context.finish().as_ref()).for_each(|(place, byte)| *place = *byte);
    prefix
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
