//! Exactly one address in a text that somebody else wrote, or a reason why it is no reading.
//!
//! A dotted number somewhere in a text is not an address: readers that searched for one have set records to `1.0.1.1`
//! out of a banner and deleted a record after an HTML error page (reliability.md 2, faults 1-3). So the whole text counts.

use serde_json::Value;
use std::net::IpAddr;

/// No textual form of an address is longer (INET6_ADDRSTRLEN is 46).
const LONGEST: usize = 64;

/// Keys under which echo services give the address, in lower case and without `_` and `-`.
const KEYS: [&str; 10] = ["ip", "address", "query", "origin", "ipaddr", "ipaddress", "ipv4", "clientip", "yourip", "remoteaddr"];

/// Plain text (the trimmed whole is one address), or a JSON object that names one under a well-known key.
pub fn in_answer(bytes: &[u8]) -> Result<IpAddr, String> {
    let text = text(bytes)?;
    if text.starts_with('{') { in_json(text) } else { whole(text) }
}

/// Plain text alone.
pub fn in_text(bytes: &[u8]) -> Result<IpAddr, String> {
    whole(text(bytes)?)
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the answer is not text".to_owned())?.trim();
    if text.is_empty() { Err("the answer is empty".to_owned()) } else { Ok(text) }
}

fn whole(text: &str) -> Result<IpAddr, String> {
    if text.starts_with('<') {
        return Err("the answer is a web page, not an address; a captive portal or a proxy may stand in between".to_owned());
    }
    if text.len() <= LONGEST
        && let Some(address) = address(text)
    {
        return Ok(address);
    }
    let found = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).filter(|part| address(part).is_some()).count();
    match found {
        0 if text.len() > LONGEST => Err(format!("the answer is {} bytes of something else than one address", text.len())),
        0 => Err(format!("`{}` is not an address", printable(text))),
        1 => Err("the answer holds other text beside the address".to_owned()),
        _ => Err("the answer holds more than one address".to_owned()),
    }
}

fn in_json(text: &str) -> Result<IpAddr, String> {
    let object: serde_json::Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("the answer starts like JSON and is not: {error}"))?;
    let mut found: Option<IpAddr> = None;
    for (key, value) in object.iter().filter(|(key, _)| is_well_known(key)) {
        let here = value.as_str().and_then(|text| address(text.trim()));
        let here = here.ok_or_else(|| format!("`{key}` in the JSON answer is not one address"))?;
        if found.is_some_and(|other| other != here) {
            return Err("the JSON answer names more than one address".to_owned());
        }
        found = Some(here);
    }
    found.ok_or_else(|| "the JSON answer has no address under ip, address, query or origin".to_owned())
}

fn is_well_known(key: &str) -> bool {
    let plain: String = key.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect();
    KEYS.contains(&plain.as_str())
}

fn address(text: &str) -> Option<IpAddr> {
    // A dual-stack socket writes IPv4 as ::ffff:a.b.c.d.
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Somebody else's text goes into a log: no control characters.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '.' } else { c }).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_and_white_space_is_a_reading() {
        for text in ["203.0.113.7", "203.0.113.7\n", "  203.0.113.7\r\n\r\n", "::ffff:203.0.113.7"] {
            assert_eq!(in_answer(text.as_bytes()), Ok(ip("203.0.113.7")), "{text:?}");
        }
        assert_eq!(in_answer(b"2001:db8::1\n"), Ok(ip("2001:db8::1")));
    }

    #[test]
    fn json_of_the_known_services_is_a_reading() {
        for text in [
            r#"{"ip":"203.0.113.7"}"#,
            r#"{"ip":"203.0.113.7","country":"CN","cc":"CN"}"#,
            r#"{"origin": "203.0.113.7"}"#,
            r#"{"status":"success","query":"203.0.113.7"}"#,
            r#"{"ip_addr":"203.0.113.7","remote_host":"unavailable"}"#,
            r#"{"ip":"203.0.113.7","address":"203.0.113.7"}"#,
            r#"{"IPv4":"203.0.113.7"}"#,
        ] {
            assert_eq!(in_answer(text.as_bytes()), Ok(ip("203.0.113.7")), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_reading_and_says_why() {
        let page = format!("<html><body>{}203.0.113.7</body></html>", "x".repeat(900));
        let long = "7".repeat(900);
        for (text, why) in [
            ("", "empty"),
            (" \n\t ", "empty"),
            ("<!DOCTYPE html><title>Log in</title>", "web page"),
            (page.as_str(), "web page"),
            ("HTTP/1.0.1.1 OK", "not an address"),
            ("Server: relay 1.0.1.1", "other text"),
            ("1.0.1.1 ready", "other text"),
            ("203.0.113.7 198.51.100.9", "more than one"),
            ("203.0.113.7\n198.51.100.9\n", "more than one"),
            ("203.0.113.7, 198.51.100.9", "more than one"),
            ("203.0.113.7/24", "not an address"),
            ("203.0.113.7:500", "not an address"),
            ("203.0.113.07", "not an address"),
            ("203.0.113", "not an address"),
            ("256.1.1.1", "not an address"),
            ("0x7f.1", "not an address"),
            ("[203.0.113.7]", "not an address"),
            ("\"203.0.113.7\"", "not an address"),
            (long.as_str(), "900 bytes"),
            ("{", "starts like JSON"),
            ("{}", "no address under"),
            (r#"{"country":"1.0.1.1"}"#, "no address under"),
            (r#"{"ip":7}"#, "not one address"),
            (r#"{"ip":""}"#, "not one address"),
            (r#"{"origin":"203.0.113.7, 198.51.100.9"}"#, "not one address"),
            (r#"{"ip":"203.0.113.7","query":"198.51.100.9"}"#, "more than one"),
            (r#"{"ip":"203.0.113.7"} trailing"#, "starts like JSON"),
        ] {
            let reason = in_answer(text.as_bytes()).expect_err(text);
            assert!(reason.contains(why), "{text:?} gave {reason:?}");
        }
        assert!(in_answer(b"\xff\xfe203.0.113.7").unwrap_err().contains("not text"));
    }

    #[test]
    fn a_file_is_plain_text_only() {
        assert!(in_text(br#"{"ip":"203.0.113.7"}"#).is_err());
    }
}
