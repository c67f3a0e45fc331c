//! A BGP autonomous system number (RFC 6793: 32 bits), plain or two-segment (RFC 5396 "asdot+").

use std::fmt;
use std::str::FromStr;

/// An autonomous system number from 1 to 4294967295.
///
/// Prints as a plain decimal number; [`Asn::dotted`] gives the two-segment form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asn(u32);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AsnError {
    /// Neither a decimal number nor `H.L` with two decimal parts of 0-65535.
    #[error("`{0}` is neither a number nor the two-segment form H.L with H and L from 0 to 65535")]
    Syntax(String),
    /// 0, or above 4294967295.
    #[error("{0} is outside 1-4294967295")]
    OutOfRange(String),
}

impl Asn {
    /// `None` for 0, which no speaker may use (RFC 7607).
    pub const fn new(number: u32) -> Option<Asn> {
        if number == 0 { None } else { Some(Asn(number)) }
    }

    pub const fn number(self) -> u32 {
        self.0
    }

    /// The two-segment form `H.L`: 8061384 is `123.456`.
    pub fn dotted(self) -> String {
        format!("{}.{}", self.0 >> 16, self.0 & 0xffff)
    }
}

impl FromStr for Asn {
    type Err = AsnError;

    fn from_str(text: &str) -> Result<Asn, AsnError> {
        let number = match text.split_once('.') {
            None => plain(text)?,
            Some((high, low)) => segment(high, text)? << 16 | segment(low, text)?,
        };
        Asn::new(number).ok_or_else(|| AsnError::OutOfRange(text.to_owned()))
    }
}

fn plain(text: &str) -> Result<u32, AsnError> {
    if !is_decimal(text) {
        return Err(AsnError::Syntax(text.to_owned()));
    }
    text.parse().map_err(|_| AsnError::OutOfRange(text.to_owned()))
}

fn segment(part: &str, whole: &str) -> Result<u32, AsnError> {
    let syntax = || AsnError::Syntax(whole.to_owned());
    if !is_decimal(part) {
        return Err(syntax());
    }
    part.parse::<u16>().map(u32::from).map_err(|_| syntax())
}

fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS{}", self.0)
    }
}

/// As a plain number.
impl serde::Serialize for Asn {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Asn {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Asn, D::Error> {
        Asn::new(u32::deserialize(deserializer)?).ok_or_else(|| serde::de::Error::custom("0 is not an ASN"))
    }
}
