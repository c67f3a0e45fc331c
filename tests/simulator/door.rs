//! Requests signed here by hand, after cloud/api.md 5.2.

use crate::*;
use cgwd::model::Secret;
use cgwd::simulator::{AccessKey, ApiError, Door, Fault};
use jiff::SignedDuration;
use ring::{digest, hmac};

pub fn key(id: &str, token: Option<&str>) -> AccessKey {
    AccessKey { id: id.to_owned(), secret: Secret::new("secret"), security_token: token.map(Secret::new), expires: None }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A DescribeRegions, signed; `change` alters the headers before they are signed.
fn signed(nonce: &str, change: impl FnOnce(&mut Vec<(String, String)>)) -> RawRequest {
    let mut headers: Vec<(String, String)> = [
        ("host", "cloud.test"),
        ("x-acs-action", "DescribeRegions"),
        ("x-acs-content-sha256", &hex(digest::digest(&digest::SHA256, b"").as_ref())),
        ("x-acs-date", "2025-01-02T03:04:05Z"),
        ("x-acs-signature-nonce", nonce),
        ("x-acs-version", "2016-04-28"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    change(&mut headers);
    headers.sort();
    let names = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let payload = headers.iter().find(|(name, _)| name == "x-acs-content-sha256").map(|(_, value)| value.clone()).unwrap_or_default();
    let canonical = format!("POST\n/\n\n{lines}\n{names}\n{payload}");
    let to_sign = format!("ACS3-HMAC-SHA256\n{}", hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref()));
    let signature = hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"secret"), to_sign.as_bytes()).as_ref());
    headers.push(("authorization".to_owned(), format!("ACS3-HMAC-SHA256 Credential=ak,SignedHeaders={names},Signature={signature}")));
    RawRequest { method: "POST".to_owned(), path: "/".to_owned(), query: String::new(), headers, body: Vec::new() }
}

fn enter(raw: &RawRequest, clock: Timestamp) -> Result<(), ApiError> {
    let mut door = Door::default();
    door.admit(key("ak", None));
    door.enter(raw, clock, clock)
}

fn refusal(raw: &RawRequest) -> (u16, String) {
    let error = enter(raw, start()).unwrap_err();
    (error.status, error.code)
}

fn without(name: &str) -> impl FnOnce(&mut Vec<(String, String)>) + '_ {
    move |headers| headers.retain(|(key, _)| key != name)
}

#[test]
fn a_well_signed_request_enters() {
    enter(&signed("n", |_| {}), start()).unwrap();
}

#[test]
fn every_needed_header_is_missed() {
    for name in ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"] {
        assert_eq!(refusal(&signed("n", without(name))), (400, "MissingParameter".to_owned()), "{name}");
        let mut unsigned = signed("n", without(name));
        unsigned.headers.push((name.to_owned(), "x".to_owned()));
        assert_eq!(refusal(&unsigned), (400, "IncompleteSignature".to_owned()), "{name} sent but not signed");
    }
    let mut anonymous = signed("n", |_| {});
    anonymous.headers.retain(|(name, _)| name != "authorization");
    assert_eq!(refusal(&anonymous), (400, "MissingParameter".to_owned()));
}

#[test]
fn anything_changed_after_signing_is_noticed() {
    let tampered = [
        |raw: &mut RawRequest| raw.query = "RegionId=cn-hangzhou".to_owned(),
        |raw: &mut RawRequest| raw.method = "GET".to_owned(),
        |raw: &mut RawRequest| raw.path = "/x".to_owned(),
        |raw: &mut RawRequest| raw.headers[0].1 = "elsewhere".to_owned(),
    ];
    for change in tampered {
        let mut raw = signed("n", |_| {});
        change(&mut raw);
        assert_eq!(refusal(&raw), (403, "SignatureDoesNotMatch".to_owned()));
    }
    let mut body = signed("n", |_| {});
    body.body = b"TunnelOptionsSpecification.1.Role=master".to_vec();
    assert_eq!(refusal(&body), (400, "InvalidParameter".to_owned()), "the body is not the hashed one");
}

#[test]
fn the_message_shows_the_string_to_sign_and_no_secret() {
    let mut door = Door::default();
    door.admit(AccessKey { secret: Secret::new("another"), ..key("ak", None) });
    let error = door.enter(&signed("n", |_| {}), start(), start()).unwrap_err();
    assert_eq!(error.code, "SignatureDoesNotMatch");
    assert!(error.message.contains("ACS3-HMAC-SHA256\\n"), "{}", error.message);
    assert!(!error.message.contains("another") && !error.message.contains("secret"), "{}", error.message);
}

#[test]
fn a_date_may_be_15_minutes_off() {
    let off = |seconds: i64| {
        let clock = start() + SignedDuration::from_secs(seconds);
        enter(&signed("n", |_| {}), clock).err().map(|error| error.code).unwrap_or_default()
    };
    for near in [0, 900, -900] {
        assert_eq!(off(near), "", "{near}");
    }
    for far in [901, -901, 86_400] {
        assert_eq!(off(far), "InvalidTimeStamp.Expired", "{far}");
    }
    for wrong in ["yesterday", "2025-01-02T03:04:05+00:00", "2025-01-02 03:04:05Z", "2025-13-02T03:04:05Z"] {
        let raw = signed("n", |headers| {
            headers.iter_mut().filter(|(name, _)| name == "x-acs-date").for_each(|(_, date)| *date = wrong.to_owned())
        });
        assert_eq!(refusal(&raw), (400, "InvalidTimeStamp.Format".to_owned()), "{wrong}");
    }
}

#[test]
fn a_nonce_is_good_once_in_31_minutes() {
    let mut door = Door::default();
    door.admit(key("ak", None));
    let mut enter = |nonce: &str, minutes: i64| {
        let raw = signed(nonce, |_| {});
        door.enter(&raw, start(), start() + SignedDuration::from_mins(minutes)).err().map(|error| error.code).unwrap_or_default()
    };
    assert_eq!(enter("a", 0), "");
    assert_eq!(enter("a", 0), "SignatureNonceUsed");
    assert_eq!(enter("b", 1), "");
    assert_eq!(enter("a", 30), "SignatureNonceUsed");
    assert_eq!(enter("b", 62), "");
}

#[test]
fn a_failed_signature_uses_no_nonce_up() {
    let mut door = Door::default();
    door.admit(key("ak", None));
    let mut tampered = signed("n", |_| {});
    tampered.query = "x=1".to_owned();
    assert!(door.enter(&tampered, start(), start()).is_err());
    door.enter(&signed("n", |_| {}), start(), start()).unwrap();
}

#[test]
fn temporary_keys_need_their_token() {
    let with_token = |token: &'static str| signed("n", move |headers| headers.push(("x-acs-security-token".to_owned(), token.to_owned())));
    let mut door = Door::default();
    door.admit(AccessKey { expires: Some(at(60_000)), ..key("ak", Some("token")) });
    let mut enter = |raw: &RawRequest, now| door.enter(raw, start(), now).err().map(|error| error.code).unwrap_or_default();
    assert_eq!(enter(&signed("n", |_| {}), at(0)), "MissingSecurityToken");
    assert_eq!(enter(&with_token("other"), at(0)), "InvalidSecurityToken.MismatchWithAccessKey");
    assert_eq!(enter(&with_token("token"), at(60_000)), "InvalidSecurityToken.Expired");
    assert_eq!(enter(&with_token("token"), at(59_999)), "");
    let mut unsigned = signed("n", |_| {});
    unsigned.headers.push(("x-acs-security-token".to_owned(), "token".to_owned()));
    assert_eq!(enter(&unsigned, at(0)), "IncompleteSignature");
}

#[test]
fn the_cloud_stands_behind_its_door() {
    let mut cloud = cloud_with("", "");
    let answered = |cloud: &mut Cloud, nonce: &str| code(cloud.receive(&signed(nonce, |_| {}), start()));
    assert_eq!(answered(&mut cloud, "1"), "InvalidAccessKeyId.NotFound");
    cloud.admit(key("ak", None));
    assert_eq!(answered(&mut cloud, "1"), "");
    cloud.set_hook(|call| (call.number == 3).then(|| Fault::clock_skew(SignedDuration::from_mins(20))));
    assert_eq!(answered(&mut cloud, "2"), "InvalidTimeStamp.Expired");
    assert_eq!(answered(&mut cloud, "2"), "", "a refused request used no nonce up");
    cloud.door.revoke("ak");
    assert_eq!(answered(&mut cloud, "3"), "InvalidAccessKeyId.NotFound");
}
