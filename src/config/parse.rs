//! Single values: a text in, a value or a complaint out.

use super::nearest::suggestion;
use super::schema::{LATER_ADDRESS_SOURCES, LATER_BGP_SOURCES, this_version};
use crate::model::{AddressSource, BgpSource, Prefix, RouteTarget};
use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a text can't be the value, to follow the key's name, and what to write instead.
pub(super) struct Complaint {
    pub message: String,
    pub remedy: String,
}

pub(super) type Parsed<T> = Result<T, Complaint>;

pub(super) fn complaint<T>(message: impl Into<String>, remedy: impl Into<String>) -> Parsed<T> {
    Err(Complaint { message: message.into(), remedy: remedy.into() })
}

const ADDRESS_KINDS: &[&str] = &["interface", "route", "https", "file", "command", "static"];
const BGP_KINDS: &[&str] = &["frr", "bird", "file", "command"];
/// IFNAMSIZ less the terminating zero (linux/if.h).
const LONGEST_INTERFACE_NAME: usize = 15;

/// `500ms`, `30s`, `5m`, `1h`.
pub(super) fn duration(text: &str, least: Duration, most: Duration) -> Parsed<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis_per_unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "" if number == "0" => 1,
        "" if digits > 0 => {
            return complaint(format!("`{text}` has no unit"), format!("write \"{text}s\" for seconds; the units are ms, s, m, h"));
        }
        _ => {
            return complaint(
                format!("`{text}` is not a duration"),
                "write a whole number and a unit: \"500ms\", \"30s\", \"5m\" or \"1h\"",
            );
        }
    };
    if digits == 0 {
        return complaint(format!("`{text}` has no number"), "write a whole number and a unit: \"500ms\", \"30s\", \"5m\" or \"1h\"");
    }
    let value = number.parse::<u64>().ok().and_then(|number| number.checked_mul(millis_per_unit)).map(Duration::from_millis);
    match value {
        Some(value) if (least..=most).contains(&value) => Ok(value),
        _ => complaint(
            format!("`{text}` is outside {} to {}", duration_text(least), duration_text(most)),
            format!("write a duration from \"{}\" to \"{}\"", duration_text(least), duration_text(most)),
        ),
    }
}

/// In the largest unit that loses nothing, as [`duration`] reads it.
pub fn duration_text(value: Duration) -> String {
    let (millis, seconds) = (value.as_millis(), value.as_secs());
    match () {
        () if !millis.is_multiple_of(1000) => format!("{millis}ms"),
        () if seconds == 0 || !seconds.is_multiple_of(60) => format!("{seconds}s"),
        () if !seconds.is_multiple_of(3600) => format!("{}m", seconds / 60),
        () => format!("{}h", seconds / 3600),
    }
}

/// The complaint does not repeat the text: somebody may have written the secret itself instead of its file.
pub(super) fn absolute_path(text: &str) -> Parsed<PathBuf> {
    if text.contains('\0') {
        return complaint("there is a zero byte in it", "write the absolute path of a file");
    }
    if !Path::new(text).is_absolute() {
        return complaint("this is not an absolute path", "write the whole path, starting with `/`");
    }
    Ok(PathBuf::from(text))
}

/// An IPv4 prefix without host bits.
pub(super) fn prefix(text: &str) -> Parsed<Prefix> {
    let parts = text.split_once('/').and_then(|(network, length)| {
        let digits = !length.is_empty() && length.len() <= 2 && length.bytes().all(|byte| byte.is_ascii_digit());
        Some((network.parse::<Ipv4Addr>().ok()?, length.parse::<u8>().ok().filter(|length| digits && *length <= 32)?))
    });
    let Some((network, length)) = parts else {
        return complaint(
            format!("`{text}` is not an IPv4 network"),
            "write it as \"203.0.113.0/24\"; a single address as \"203.0.113.7/32\"",
        );
    };
    let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
    let base = Ipv4Addr::from(u32::from(network) & mask);
    if base != network {
        return complaint(format!("`{text}` has bits set beyond its length"), format!("write \"{base}/{length}\", or \"{network}/32\""));
    }
    Ok(Prefix { network, length })
}

/// `kind:argument`, or a bare `https://…`.
pub(super) fn address_source(text: &str) -> Parsed<AddressSource> {
    if text.starts_with("https://") {
        return https(text, text);
    }
    let (kind, argument) = text.split_once(':').unwrap_or((text, ""));
    if LATER_ADDRESS_SOURCES.contains(&kind) {
        return not_yet(kind, text, "use `interface:`, `route:`, `https:`, `file:`, `command:` or `static:`");
    }
    if !ADDRESS_KINDS.contains(&kind) {
        return unknown_address_source(kind, text);
    }
    if argument.is_empty() {
        return complaint(format!("`{text}` says nothing after `{kind}:`"), format!("write `{}`", address_example(kind)));
    }
    match kind {
        "interface" => interface(argument),
        "route" => route(argument),
        "https" => https(text, argument),
        "file" => absolute_path(argument).map(AddressSource::File),
        "command" => absolute_path(argument).map(AddressSource::Command),
        _ => fixed(argument),
    }
}

fn unknown_address_source(kind: &str, text: &str) -> Parsed<AddressSource> {
    if kind == "http" {
        return complaint(
            format!("`{}` is not a kind of source", without_user(text)),
            "write `https:https://…`; plain http is for loopback: `https:http://127.0.0.1:8080/`",
        );
    }
    if text.parse::<IpAddr>().is_ok() {
        return complaint(format!("`{text}` has no kind"), format!("write `static:{text}`"));
    }
    complaint(format!("`{}` is not a kind of source", without_user(text)), suggestion(kind, ADDRESS_KINDS, "valid kinds"))
}

fn address_example(kind: &str) -> &'static str {
    match kind {
        "interface" => "interface:eth0",
        "route" => "route:vpn-gateway",
        "https" => "https:https://ip.example.com/",
        "file" => "file:/run/address",
        "command" => "command:/usr/local/bin/address",
        _ => "static:203.0.113.7",
    }
}

fn interface(name: &str) -> Parsed<AddressSource> {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
    if name.len() > LONGEST_INTERFACE_NAME || !name.bytes().all(allowed) || name == "." || name == ".." {
        return complaint(format!("`{name}` can't be an interface's name"), "write a name that `ip link` shows, e.g. `interface:eth0`");
    }
    Ok(AddressSource::Interface(name.to_owned()))
}

fn route(target: &str) -> Parsed<AddressSource> {
    const GATEWAY: &str = "vpn-gateway";
    if target == GATEWAY {
        return Ok(AddressSource::Route(RouteTarget::VpnGateway));
    }
    match target.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => Ok(AddressSource::Route(RouteTarget::Address(address))),
        Ok(IpAddr::V6(_)) => complaint(format!("`{target}` is an IPv6 address"), "write an IPv4 address, or `route:vpn-gateway`"),
        Err(_) => complaint(
            format!("`{target}` is neither an IPv4 address nor `{GATEWAY}`"),
            suggestion(target, &[GATEWAY], "write an IPv4 address such as `route:192.0.2.1`, or"),
        ),
    }
}

fn fixed(argument: &str) -> Parsed<AddressSource> {
    match argument.parse::<IpAddr>() {
        Ok(address) => Ok(AddressSource::Static(address)),
        Err(_) => complaint(format!("`{argument}` is not an IP address"), "write four numbers, e.g. `static:203.0.113.7`"),
    }
}

fn https(written: &str, url: &str) -> Parsed<AddressSource> {
    let url = web_url(url, "https:https://ip.example.com/")?;
    if url.fragment().is_some() {
        return complaint(format!("`{written}` has a fragment"), "leave out `#` and what follows it");
    }
    Ok(AddressSource::Https { written: written.to_owned(), url: url.to_string() })
}

/// `frr`, `frr:DIRECTORY`, `bird`, `bird:SOCKET`, `file:PATH`, `command:PATH`.
pub(super) fn bgp_source(text: &str) -> Parsed<BgpSource> {
    let (kind, argument) = match text.split_once(':') {
        Some((kind, argument)) => (kind, Some(argument)),
        None => (text, None),
    };
    if LATER_BGP_SOURCES.contains(&kind) {
        return not_yet(kind, text, "use `frr`, `bird`, `file:` or `command:`, or write `asn = …`");
    }
    match (kind, argument) {
        ("frr", argument) => argument.map(absolute_path).transpose().map(BgpSource::Frr),
        ("bird", argument) => argument.map(absolute_path).transpose().map(BgpSource::Bird),
        ("file", Some(argument)) => absolute_path(argument).map(BgpSource::File),
        ("command", Some(argument)) => absolute_path(argument).map(BgpSource::Command),
        ("file" | "command", None) => complaint(format!("`{text}` says nothing after `{kind}:`"), format!("write `{kind}:/absolute/path`")),
        _ => complaint(format!("`{text}` is not a kind of source"), suggestion(kind, BGP_KINDS, "valid kinds")),
    }
}

fn not_yet<T>(kind: &str, text: &str, remedy: &str) -> Parsed<T> {
    let shown = if text.contains(':') { format!("`{kind}:`") } else { format!("`{kind}`") };
    complaint(format!("{shown} sources are not available in cgwd {}", this_version()), remedy)
}

/// One base URL, without a trailing slash.
pub(super) fn endpoint(text: &str) -> Parsed<String> {
    const EXAMPLE: &str = "https://vpc.cn-hangzhou.aliyuncs.com";
    let url = web_url(text, EXAMPLE)?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return complaint(
            format!("`{text}` is more than scheme, host and port"),
            format!("write `{}`", url.origin().ascii_serialization()),
        );
    }
    Ok(url.origin().ascii_serialization())
}

/// An HTTP proxy, without a trailing slash.
pub(super) fn proxy(text: &str) -> Parsed<String> {
    const EXAMPLE: &str = "http://proxy.example.com:3128";
    let url = any_url(text, EXAMPLE)?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return complaint(format!("`{text}` is more than scheme, host and port"), format!("write `{EXAMPLE}`"));
    }
    Ok(url.origin().ascii_serialization())
}

/// https, or plain http to a loopback address.
fn web_url(text: &str, example: &str) -> Parsed<Url> {
    let url = any_url(text, example)?;
    if url.scheme() == "http" && !is_loopback(&url) {
        return complaint(
            format!("`{text}` is plain http to a host that is not a loopback address"),
            "write https://…, or for a service on this machine http://127.0.0.1:PORT",
        );
    }
    Ok(url)
}

fn any_url(text: &str, example: &str) -> Parsed<Url> {
    let parsed = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let Some(url) = parsed.filter(|_| clean) else {
        return complaint(format!("`{}` is not an http or https URL", without_user(text)), format!("write for example `{example}`"));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return complaint(
            "has a user name or password in its URL",
            "leave them out: the configuration holds no secrets, only paths of files",
        );
    }
    Ok(url)
}

/// The text without what stands before an `@`, where a password can be.
fn without_user(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => text.to_owned(),
    }
}

/// Names are refused: what `localhost` resolves to is not ours to know.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
