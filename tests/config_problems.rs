//! Every mistake that a configuration can have: one problem each, in the right place, with words that help.
#![allow(clippy::unwrap_used)]

use cgwd::config::{self, ConfigError, Origin, Problem};
use cgwd::system::environment::Environment;
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory of its own for each test.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("config_problems").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn problems_of(name: &str, text: impl AsRef<[u8]>) -> Vec<Problem> {
    let path = directory(name).join("config.toml");
    fs::write(&path, text).unwrap();
    load(&path).map(|_| Vec::new()).unwrap_or_else(|error| error.problems)
}

fn load(path: &Path) -> Result<config::Loaded, ConfigError> {
    config::load(path, &Environment::default(), "branch-01")
}

/// A valid file with further keys in [address] and, after [cloud], whatever else.
fn file(address: &str, rest: &str) -> String {
    format!("[address]\nnetwork = \"public\"\nsources = [\"interface:eth0\"]\n{address}\n[cloud]\nregion = \"cn-hangzhou\"\n{rest}\n")
}

struct Case {
    text: String,
    /// The problem stands on the line that holds this; empty: on no line.
    on: &'static str,
    key: &'static str,
    message: &'static str,
    remedy: &'static str,
}

fn case(text: impl Into<String>, on: &'static str, key: &'static str, message: &'static str, remedy: &'static str) -> Case {
    Case { text: text.into(), on, key, message, remedy }
}

fn check(name: &str, cases: &[Case]) {
    for (index, case) in cases.iter().enumerate() {
        let problems = problems_of(&format!("{name}-{index}"), &case.text);
        let [problem] = problems.as_slice() else { panic!("{}: one problem expected in\n{}\nfound {problems:#?}", index, case.text) };
        let line = case.text.lines().position(|line| !case.on.is_empty() && line.contains(case.on)).map(|at| at + 1);
        assert_eq!(problem.line(), line, "{problem}");
        assert_eq!(problem.key.as_deref().unwrap_or_default(), case.key, "{problem}");
        assert!(problem.message.contains(case.message), "{problem}\nshould say {}", case.message);
        assert!(problem.remedy.contains(case.remedy), "{problem}\nshould advise {}", case.remedy);
        assert!(problem.file().unwrap().ends_with("config.toml"), "{problem}");
        assert!(!problem.message.contains('\n') && !problem.remedy.is_empty(), "{problem}");
    }
}

#[test]
fn the_file_that_the_cases_are_made_of_is_valid() {
    assert_eq!(problems_of("base", file("", "")), []);
}

#[test]
fn unknown_names() {
    check(
        "unknown",
        &[
            case(
                file("netwrok = \"public\"", ""),
                "netwrok",
                "address.netwrok",
                "unknown key in [address]: `netwrok`",
                "did you mean `network`?",
            ),
            case(file("source = \"frr\"", ""), "source =", "address.source", "unknown key", "`sources`, or `source` in [bgp]"),
            case(file("zebra = 1", ""), "zebra", "address.zebra", "unknown key", "valid keys: network, sources, agreement"),
            case(file("", "[adress]"), "[adress]", "adress", "unknown table: `adress`", "did you mean `address`?"),
            case(file("", "[[adress]]"), "[[adress]]", "adress", "unknown table: `adress`", "did you mean `address`?"),
            case(file("", "[zebra]"), "[zebra]", "zebra", "unknown table", "valid tables: device, address, bgp"),
            case(
                "region = \"x\"\n".to_owned() + &file("", ""),
                "region = \"x\"",
                "region",
                "outside of every table",
                "`region` in [cloud]",
            ),
            case(file("", "[cloud.credential]"), "[cloud.credential]", "cloud.credential", "unknown key in [cloud]", "`credentials`"),
            case(
                file("", "[cloud.credentials]\naccess_key_secret = \"x\""),
                "access_key_secret",
                "cloud.credentials.access_key_secret",
                "unknown key in [cloud.credentials]",
                "`access_key_secret_file`",
            ),
            case(file("", "[gateway.nmae]"), "nmae", "gateway.nmae", "unknown key in [gateway]", "`name`"),
            case(
                file("", "device = \"x\"").replace("region", "# region\nregion"),
                "device =",
                "cloud.device",
                "unknown key in [cloud]",
                "valid keys",
            ),
        ],
    );
}

#[test]
fn known_and_not_in_this_version() {
    let not_yet = "is not available in cgwd 0.1";
    let sources = "sources are not available in cgwd 0.1";
    let source = |source: &str| file("", "").replace("\"interface:eth0\"", &format!("\"{source}\""));
    check(
        "later",
        &[
            case(file("", "[http]\nlisten = \"127.0.0.1:9817\""), "[http]", "http", "[http] is not available in cgwd 0.1", "remove it"),
            case(file("", "[alerts]\ncommand = \"/x\""), "[alerts]", "alerts", "[alerts] is not available in cgwd 0.1", "remove it"),
            case(file("", "[[alerts.webhook]]\nformat = \"x\""), "[[alerts", "alerts", not_yet, "remove it"),
            case(
                source("stun:stun.example.com:3478"),
                "stun",
                "address.sources",
                "`stun:` sources are not available in cgwd 0.1",
                "`https:`",
            ),
            case(source("dns:myip.opendns.com@208.67.222.222"), "dns:", "address.sources", "`dns:` sources are not available", "`https:`"),
            case(source("strongswan"), "strongswan", "address.sources", "`strongswan` sources are not available", "`interface:`"),
            case(file("", "[bgp]\nsource = \"gobgp\""), "gobgp", "bgp.source", sources, "`asn = …`"),
            case(file("", "[bgp]\nsource = \"openbgpd\""), "openbgpd", "bgp.source", sources, "`frr`"),
        ],
    );
}

#[test]
fn missing_keys() {
    let whole = file("", "");
    check(
        "missing",
        &[
            case(
                whole.replace("network = \"public\"", ""),
                "[address]",
                "address.network",
                "`address.network` is required",
                "network = \"public\"",
            ),
            case(
                whole.replace("sources = ", "# "),
                "[address]",
                "address.sources",
                "`address.sources` is required",
                "[\"interface:eth0\"]",
            ),
            case(whole.replace("region", "# region"), "[cloud]", "cloud.region", "neither the region nor how to find it", "`connections`"),
            case(whole.replace("[cloud]", "").replace("region", "#"), "", "cloud.region", "neither the region", "`vpn_gateway`"),
            case(file("", "[bgp]"), "[bgp]", "bgp", "[bgp] has neither `source` nor `asn`", "remove the table"),
            case(
                whole.replace("interface:eth0", "route:vpn-gateway"),
                "route:vpn-gateway",
                "address.sources",
                "needs to know which connections",
                "in [cloud]",
            ),
            case(
                file("", "[cloud.credentials]\naccess_key_id_file = \"/a\""),
                "access_key_id_file",
                "cloud.credentials.access_key_id_file",
                "needs `access_key_secret_file` beside it",
                "both files, or neither",
            ),
            case(
                file("", "[cloud.credentials]\naccess_key_secret_file = \"/a\""),
                "access_key_secret_file",
                "cloud.credentials.access_key_secret_file",
                "needs `access_key_id_file` beside it",
                "both files, or neither",
            ),
        ],
    );
}

#[test]
fn wrong_types() {
    let network = |value: &str| file("", "").replace("\"public\"", value);
    let sources = |value: &str| file("", "").replace("[\"interface:eth0\"]", value);
    check(
        "types",
        &[
            case(network("1"), "network", "address.network", "is a number, and must be a string", "network = \"public\""),
            case(network("true"), "network", "address.network", "is true or false, and must be a string", "network"),
            case(network("1979-05-27"), "network", "address.network", "is a date", "network"),
            case(network("{}"), "network", "address.network", "is a table", "network"),
            case(
                sources("\"interface:eth0\""),
                "sources",
                "address.sources",
                "must be an array of strings",
                "sources = [\"interface:eth0\"]",
            ),
            case(sources("3"), "sources", "address.sources", "is a number, and must be an array", "sources = ["),
            case(sources("[\"interface:eth0\", 3]"), "sources", "address.sources", "one of its items is a number", "double quotes"),
            case(file("settle = 30", ""), "settle", "address.settle", "without a unit", "settle = \"30s\""),
            case(file("", "timeout = 10"), "timeout", "cloud.timeout", "without a unit", "timeout = \"10s\""),
            case(file("settle = 1.5", ""), "settle", "address.settle", "is a decimal fraction, and must be a string", "settle = \"30s\""),
            case(file("agreement = true", ""), "agreement", "address.agreement", "must be a number or a string", "agreement = \"first\""),
            case(file("", "[bgp]\nasn = 1.10"), "asn", "bgp.asn", "decimal fraction, in which 1.10 can lose digits", "asn = \"1.10\""),
            case(file("", "[bgp]\nasn = [1]"), "asn", "bgp.asn", "is an array, and must be a number or a string", "asn = 65001"),
            case(file("", "[registration]\ncreate = \"yes\""), "create", "registration.create", "must be true or false", "create = true"),
            case(file("", "[registration]\nadopt = 1"), "adopt", "registration.adopt", "must be true or false", "adopt = true"),
            case(file("", "[gateway]\ntags = \"x\""), "tags", "gateway.tags", "must be a table of strings", "{ site = \"sh-01\" }"),
            case(file("", "[gateway]\ntags = { a = 1 }"), "tags", "gateway.tags", "`a` is a number", "double quotes"),
            case(file("", "[[bgp]]\nasn = 1"), "[[bgp]]", "bgp", "can stand once only", "[bgp], not [[bgp]]"),
            case("bgp = 65001\n".to_owned() + &file("", ""), "bgp = ", "bgp", "`bgp` is a table", "write [bgp]"),
            case(file("", "[cloud.credentials]\nrole_arn = 5"), "role_arn", "cloud.credentials.role_arn", "must be a string", "acs:ram::"),
        ],
    );
}

#[test]
fn addresses_and_agreement() {
    let network = |value: &str| file("", "").replace("\"public\"", value);
    let sources = |value: &str| file("", "").replace("[\"interface:eth0\"]", value);
    let source = |value: &str| sources(&format!("[\"{value}\"]"));
    let key = "address.sources";
    check(
        "address",
        &[
            case(network("\"publik\""), "publik", "address.network", "`publik` is not a value", "did you mean `public`?"),
            case(network("\"\""), "network", "address.network", "is not a value", "public, private"),
            case(sources("[]"), "sources", key, "is empty", "interface:eth0"),
            case(sources("[\"interface:a\", \"interface:a\"]"), "sources", key, "`interface:a` stands twice", "remove one"),
            case(source("interfaec:eth0"), "eth0", key, "is not a kind of source", "did you mean `interface`?"),
            case(source("eth0"), "eth0", key, "`eth0` is not a kind of source", "valid kinds: interface, route"),
            case(source("198.51.100.7"), "198", key, "has no kind", "static:198.51.100.7"),
            case(source("interface:"), "interface", key, "says nothing after `interface:`", "interface:eth0"),
            case(source("interface"), "interface", key, "says nothing after", "interface:eth0"),
            case(source("interface:much-too-long-name"), "much", key, "can't be an interface's name", "ip link"),
            case(source("interface:a/b"), "a/b", key, "can't be an interface's name", "ip link"),
            case(source("interface:a b"), "a b", key, "can't be an interface's name", "ip link"),
            case(source("route:vpn-gatway"), "route", key, "neither an IPv4 address nor", "did you mean `vpn-gateway`?"),
            case(source("route:2001:db8::1"), "route", key, "is an IPv6 address", "IPv4"),
            case(source("static:1.2.3"), "static", key, "`1.2.3` is not an IP address", "static:203.0.113.7"),
            case(source("file:address"), "file", key, "not an absolute path", "starting with `/`"),
            case(source("command:whoami"), "command", key, "not an absolute path", "starting with `/`"),
            case(source("https:ip.example.com"), "https", key, "is not an http or https URL", "https:https://"),
            case(source("https://"), "https", key, "is not an http or https URL", "https:https://"),
            case(
                source("https:http://ip.example.com/"),
                "https",
                key,
                "plain http to a host that is not a loopback",
                "http://127.0.0.1:PORT",
            ),
            case(source("https:http://localhost:8080/"), "https", key, "plain http", "http://127.0.0.1:PORT"),
            case(source("http://127.0.0.1/"), "http", key, "is not a kind of source", "https:http://127.0.0.1"),
            case(source("https://user:pass@ip.example.com/"), "https", key, "user name or password", "no secrets"),
            case(source("https://ip.example.com/#x"), "https", key, "has a fragment", "leave out"),
            case(file("agreement = \"al\"", ""), "agreement", "address.agreement", "`al` is not a value", "did you mean `all`?"),
            case(file("agreement = \"1\"", ""), "agreement", "address.agreement", "`1` is not a value", "without quotes: 1"),
            case(file("agreement = 0", ""), "agreement", "address.agreement", "is 0, and must be at least 1", "a number from 1"),
            case(file("agreement = -1", ""), "agreement", "address.agreement", "is -1", "a number from 1"),
            case(file("agreement = 2", ""), "agreement", "address.agreement", "asks for 2 sources, and there are 1", "add sources"),
            case(
                file("", "").replace(
                    "sources = [\"interface:eth0\"]",
                    "sources = [\"https://a.example/x\", \"https://a.example/y\"]\nagreement = 2",
                ),
                "agreement",
                "address.agreement",
                "asks for 2 independent sources, and there are 1",
                "add a source elsewhere",
            ),
            case(file("agreement = 99999999999999999999999", ""), "agreement", "address.agreement", "is 9999", "a number from 1"),
            case(file("prefer = \"203.0.113.7\"", ""), "prefer", "address.prefer", "is not an IPv4 network", "203.0.113.7/32"),
            case(file("prefer = \"203.0.113.7/24\"", ""), "prefer", "address.prefer", "bits set beyond its length", "203.0.113.0/24"),
            case(file("prefer = \"203.0.113.0/33\"", ""), "prefer", "address.prefer", "is not an IPv4 network", "/24"),
            case(file("prefer = \"203.0.113.0/+24\"", ""), "prefer", "address.prefer", "is not an IPv4 network", "/24"),
            case(file("prefer = \"2001:db8::/32\"", ""), "prefer", "address.prefer", "is not an IPv4 network", "/24"),
        ],
    );
}

#[test]
fn durations() {
    let settle = |value: &str| file(&format!("settle = \"{value}\""), "");
    let key = "address.settle";
    check(
        "durations",
        &[
            case(settle("30"), "settle", key, "`30` has no unit", "\"30s\""),
            case(settle("s"), "settle", key, "has no number", "\"30s\""),
            case(settle(""), "settle", key, "is not a duration", "\"30s\""),
            case(settle("1 hour"), "settle", key, "is not a duration", "\"1h\""),
            case(settle("-1s"), "settle", key, "is not a duration", "\"30s\""),
            case(settle("1.5s"), "settle", key, "is not a duration", "whole number"),
            case(settle("25h"), "settle", key, "is outside 0s to 24h", "\"24h\""),
            case(settle("86400001ms"), "settle", key, "is outside 0s to 24h", "\"24h\""),
            case(settle("99999999999999999999s"), "settle", key, "is outside 0s to 24h", "\"24h\""),
            case(settle("18446744073709551615h"), "settle", key, "is outside 0s to 24h", "\"24h\""),
            case(file("poll = \"999ms\"", ""), "poll", "address.poll", "is outside 1s to 24h", "\"1s\""),
            case(file("poll = \"0s\"", ""), "poll", "address.poll", "is outside 1s to 24h", "\"1s\""),
            case(file("", "timeout = \"999ms\""), "timeout", "cloud.timeout", "is outside 1s to 2m", "\"2m\""),
            case(file("", "timeout = \"121s\""), "timeout", "cloud.timeout", "is outside 1s to 2m", "\"2m\""),
        ],
    );
}

#[test]
fn device_bgp_cloud_and_credentials() {
    let cloud = |line: &str| file("", line);
    let region = |value: &str| file("", "").replace("cn-hangzhou", value);
    let long = "a".repeat(65);
    check(
        "cloud",
        &[
            case(file("", "[device]\nname = \"\""), "name", "device.name", "must have 1-64 characters", "branch-shanghai-01"),
            case(file("", &format!("[device]\nname = \"{long}\"")), "name", "device.name", "must have 1-64 characters", "branch"),
            case(file("", "[device]\nname = \"a b\""), "name", "device.name", "may hold letters", "branch"),
            case(file("", "[bgp]\nsource = \"frrr\""), "source = \"f", "bgp.source", "is not a kind of source", "did you mean `frr`?"),
            case(file("", "[bgp]\nsource = \"frr:vty\""), "vty", "bgp.source", "not an absolute path", "starting with `/`"),
            case(file("", "[bgp]\nsource = \"bird:\""), "bird", "bgp.source", "not an absolute path", "starting with `/`"),
            case(file("", "[bgp]\nsource = \"file\""), "file", "bgp.source", "says nothing after `file:`", "file:/"),
            case(file("", "[bgp]\nsource = \"command:x\""), "command", "bgp.source", "not an absolute path", "starting with `/`"),
            case(region("CN-Hangzhou"), "region", "cloud.region", "must look like `cn-hangzhou`", "cn-hangzhou"),
            case(region("hangzhou"), "region", "cloud.region", "must look like `cn-hangzhou`", "cn-hangzhou"),
            case(region("cn-hangzhou.evil"), "region", "cloud.region", "must look like `cn-hangzhou`", "cn-hangzhou"),
            case(cloud("vpn_gateway = \"vgw-1\""), "vgw", "cloud.vpn_gateway", "can't be the id", "starts with `vpn-`"),
            case(cloud("vpn_gateway = \"vpn-\""), "vpn", "cloud.vpn_gateway", "can't be the id", "starts with `vpn-`"),
            case(cloud("transit_router = \"tr_1\""), "tr_", "cloud.transit_router", "can't be the id", "starts with `tr-`"),
            case(cloud("connections = [\"vco-1\", \"vpn-1\"]"), "vco", "cloud.connections", "`vpn-1` can't be", "starts with `vco-`"),
            case(cloud("connections = [\"vco-1\", \"vco-1\"]"), "vco", "cloud.connections", "`vco-1` stands twice", "remove one"),
            case(cloud("connections = []"), "connections", "cloud.connections", "is empty", "remove the key"),
            case(cloud("connections = \"vco-1\""), "connections", "cloud.connections", "must be an array", "connections = [\"vco-1\"]"),
            case(cloud("endpoint = \"vpc.aliyuncs.com\""), "endpoint", "cloud.endpoint", "is not an http or https URL", "https://"),
            case(cloud("endpoint = \"ftp://127.0.0.1\""), "endpoint", "cloud.endpoint", "is not an http or https URL", "https://"),
            case(cloud("endpoint = \"http://10.0.0.1\""), "endpoint", "cloud.endpoint", "plain http", "http://127.0.0.1:PORT"),
            case(cloud("endpoint = \"http://127.0.0.1.evil.com\""), "endpoint", "cloud.endpoint", "plain http", "http://127.0.0.1:PORT"),
            case(cloud("endpoint = \"https://a/b\""), "endpoint", "cloud.endpoint", "more than scheme, host and port", "`https://a`"),
            case(cloud("endpoint = \"https://a/?b\""), "endpoint", "cloud.endpoint", "more than scheme, host and port", "`https://a`"),
            case(cloud("endpoint = \"https://u@a/\""), "endpoint", "cloud.endpoint", "user name or password", "no secrets"),
            case(cloud("ca_file = \"ca.pem\""), "ca_file", "cloud.ca_file", "not an absolute path", "starting with `/`"),
            case(cloud("proxy = \"proxy:3128\""), "proxy", "cloud.proxy", "is not an http or https URL", "http://proxy.example.com"),
            case(cloud("proxy = \"http://u:p@proxy:3128\""), "proxy", "cloud.proxy", "user name or password", "no secrets"),
            case(cloud("proxy = \"http://proxy/x\""), "proxy", "cloud.proxy", "more than scheme, host and port", "http://proxy"),
            case(
                cloud("[cloud.credentials]\nrole_arn = \"acs:ram::x:role/a\""),
                "role_arn",
                "cloud.credentials.role_arn",
                "must look like",
                "RAM console",
            ),
            case(file("", "[state]\ndirectory = \"state\""), "directory", "state.directory", "not an absolute path", "starting with `/`"),
        ],
    );
}

#[test]
fn replacement() {
    let key = |line: &str| file("", &format!("[replacement]\n{line}"));
    check(
        "replacement",
        &[
            case(key("policy = \"alarm\""), "policy", "replacement.policy", "is not a value", "`alert`"),
            case(key("policy = \"manual\""), "policy", "replacement.policy", "is not a value", "alert, guided, auto"),
            case(key("strategy = \"recrate\""), "strategy", "replacement.strategy", "is not a value", "`recreate`"),
            case(key("strategy = \"rebind\""), "strategy", "replacement.strategy", "is not a value", "auto, recreate"),
            case(key("order = \"new_frist\""), "order", "replacement.order", "is not a value", "`new-first`"),
            case(key("settle = \"25h\""), "settle", "replacement.settle", "is outside 0s to 24h", "\"24h\""),
            case(key("recheck = \"61m\""), "recheck", "replacement.recheck", "is outside 0s to 1h", "\"1h\""),
            case(key("verify_timeout = \"0s\""), "verify", "replacement.verify_timeout", "is outside 1s to 24h", "\"1s\""),
            case(key("max_per_day = 0"), "max", "replacement.max_per_day", "is 0, and must be from 1 to 1000", "bounds"),
            case(key("max_per_day = -1"), "max", "replacement.max_per_day", "is -1, and must be from 1", "bounds"),
            case(key("max_per_day = 1001"), "max", "replacement.max_per_day", "is 1001", "bounds"),
            case(key("max_per_day = 99999999999999999999"), "max", "replacement.max_per_day", "is 9999", "bounds"),
            case(key("max_per_day = \"1\""), "max", "replacement.max_per_day", "is a string, and must be a whole number", "without quotes"),
            case(key("max_per_day = 1.5"), "max", "replacement.max_per_day", "is a decimal fraction", "max_per_day = 1"),
            case(key("rollback = \"no\""), "rollback", "replacement.rollback", "must be true or false", "rollback = true"),
            case(key("window = \"\""), "window", "replacement.window", "does not end in two times", "Sat,Sun 02:00-05:00"),
            case(key("window = \"Sut 02:00-05:00\""), "window", "replacement.window", "`Sut` is not a day of the week", "did you mean"),
            case(key("window = \"02:00-02:00\""), "window", "replacement.window", "ends when it begins", "00:00-24:00"),
            case(key("window = [\"02:00-03:00\"]"), "window", "replacement.window", "is an array, and must be a string", "Sat,Sun"),
            case(key("windows = \"02:00-03:00\""), "windows", "replacement.windows", "unknown key in [replacement]", "`window`"),
        ],
    );
}

#[test]
fn secrets_of_a_replacement() {
    let secret = |lines: &str| file("", &format!("[[replacement.secret]]\n{lines}"));
    let good = "connection = \"vco-1\"\npsk_file = \"/psk\"";
    let (connection, psk_file) = ("replacement.secret.1.connection", "replacement.secret.1.psk_file");
    check(
        "secret",
        &[
            case(secret("psk_file = \"/psk\""), "[[repl", connection, "is required", "in [[replacement.secret]]"),
            case(secret("connection = \"vco-1\""), "[[repl", psk_file, "is required", "psk_file = "),
            case(secret("connection = \"vpn-1\"\npsk_file = \"/psk\""), "vpn-1", connection, "can't be the id", "starts with `vco-`"),
            case(secret("connection = \"vco-1\"\npsk_file = \"psk\""), "psk_file", psk_file, "not an absolute path", "starting with `/`"),
            case(secret("connection = 1\npsk_file = \"/psk\""), "connection", connection, "is a number, and must be a string", "vco-"),
            case(
                secret(&format!("{good}\ntunnel = \"1\"")),
                "tunnel",
                "replacement.secret.1.tunnel",
                "can't be the id",
                "starts with `tun-`",
            ),
            case(
                secret(&format!("{good}\npsk = \"x\"")),
                "psk = ",
                "replacement.secret.1.psk",
                "unknown key in [[replacement.secret]]: `psk`",
                "psk_file",
            ),
            case(
                secret(&format!("{good}\n[[replacement.secret]] # again\n{good}")),
                "# again",
                "replacement.secret.2",
                "`vco-1` has two entries",
                "which `tunnel`",
            ),
            case(
                secret(&format!("{good}\ntunnel = \"tun-1\"\n[[replacement.secret]] # again\n{good}\ntunnel = \"tun-1\"")),
                "# again",
                "replacement.secret.2",
                "tunnel `tun-1` of `vco-1` has two entries",
                "remove one",
            ),
            case(
                file("", "[replacement.secret]\nconnection = \"x\""),
                "[repl",
                "replacement.secret",
                "stands once for each",
                "[[replacement.secret]]",
            ),
            case(file("", "[replacement]\nsecret = \"/psk\""), "secret =", "replacement.secret", "is a table", "[[replacement.secret]]"),
            case(file("", "[replacement]\nsecret = [\"/psk\"]"), "secret =", "replacement.secret", "one of its items is a string", "[["),
            case(file("", "[[replacement.secrets]]"), "[[repl", "replacement.secrets", "unknown key in [replacement]", "`secret`"),
        ],
    );
    for tunnels in [["", "tunnel = \"tun-1\""], ["tunnel = \"tun-1\"", "tunnel = \"tun-2\""]] {
        let text = tunnels.map(|tunnel| format!("[[replacement.secret]]\n{good}\n{tunnel}\n")).concat();
        assert_eq!(problems_of("secret-each", file("", &text)), []);
    }
}

#[test]
fn attributes_of_the_gateway() {
    let gateway = |line: &str| file("", &format!("[gateway]\n{line}"));
    let long = "名".repeat(101);
    let eighteen: Vec<String> = (0..18).map(|index| format!("k{index} = \"v\"")).collect();
    check(
        "gateway",
        &[
            case(gateway("name = \"\""), "name", "gateway.name", "must have 1-100 characters", "console"),
            case(gateway(&format!("name = \"{long}\"")), "name", "gateway.name", "must have 1-100 characters", "console"),
            case(gateway("name = \"http://x\""), "name", "gateway.name", "must not start with `http://`", "console"),
            case(gateway("description = \"HTTPS://x\""), "description", "gateway.description", "must not start with", "remove the key"),
            case(gateway("bgp_auth_key_file = \"x\""), "bgp_auth", "gateway.bgp_auth_key_file", "not an absolute path", "starting"),
            case(gateway("resource_group = \"default\""), "resource", "gateway.resource_group", "can't be the id", "`rg-`"),
            case(gateway("tags = { cgwd-device = \"x\" }"), "tags", "gateway.tags", "the key of tag `cgwd-device`", "rename"),
            case(gateway("tags = { aliyun = \"x\" }"), "tags", "gateway.tags", "must not start with `aliyun`", "rename"),
            case(gateway("tags = { \"\" = \"x\" }"), "tags", "gateway.tags", "must have 1-64 characters", "rename"),
            case(gateway("tags = { a = \"see http://x\" }"), "tags", "gateway.tags", "the value of tag `a` must not contain", "rename"),
            case(gateway(&format!("tags = {{ {} }}", eighteen.join(", "))), "tags", "gateway.tags", "at most 17 tags", "remove 1"),
        ],
    );
}

#[test]
fn the_host_name_and_the_environment_can_be_wrong_too() {
    let path = directory("environment").join("config.toml");
    fs::write(&path, file("", "")).unwrap();
    let environment = [("STATE_DIRECTORY", "relative")].into_iter().collect();
    let problems = config::load(&path, &environment, "no good name").unwrap_err().problems;
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert_eq!((&problems[0].origin, problems[0].line()), (&Origin::HostName, None));
    assert!(problems[0].message.contains("the host name `no good name` may hold letters"), "{}", problems[0]);
    assert_eq!(problems[0].remedy, "set `name` in [device]");
    assert_eq!(problems[1].origin, Origin::Environment("STATE_DIRECTORY"));
    assert!(problems[1].to_string().starts_with("environment STATE_DIRECTORY: `state.directory`: this is not an absolute path"));
}

#[test]
fn files_that_are_no_files() {
    let directory = directory("files");
    let missing = directory.join("none.toml");
    let problems = load(&missing).unwrap_err().problems;
    assert_eq!(problems.len(), 1, "nothing is said of keys that could not be read: {problems:#?}");
    assert_eq!(problems[0].message, "there is no configuration file");
    assert!(problems[0].remedy.contains(&format!("cgwd config example > {}", missing.display())), "{}", problems[0]);

    let problems = load(&directory).unwrap_err().problems;
    assert!(problems[0].message.contains("not a regular file"), "{}", problems[0]);

    let large = directory.join("large.toml");
    fs::write(&large, vec![b'#'; 256 * 1024 + 1]).unwrap();
    let problems = load(&large).unwrap_err().problems;
    assert!(problems.len() == 1 && problems[0].message.contains("larger than 256 KiB"), "{problems:#?}");
    let mut full = file("", "").into_bytes();
    full.resize(256 * 1024, b'\n');
    fs::write(&large, full).unwrap();
    load(&large).unwrap();

    let problems = problems_of("latin1", b"# one\n# two\nname = \"caf\xe9\"\n");
    assert_eq!((problems.len(), problems[0].line()), (1, Some(3)));
    assert!(problems[0].message.contains("line 3 is not UTF-8"), "{}", problems[0]);
}

#[cfg(unix)]
#[test]
fn a_named_pipe_does_not_block_and_a_link_is_fine() {
    let directory = directory("links");
    let real = directory.join("real");
    fs::write(&real, file("", "")).unwrap();
    let link = directory.join("config.toml");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    load(&link).unwrap();

    let pipe = directory.join("pipe.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    assert!(load(&pipe).unwrap_err().problems[0].message.contains("not a regular file"));

    fs::create_dir(directory.join("config.d")).unwrap();
    std::os::unix::fs::symlink(directory.join("nowhere"), directory.join("config.d/10-dangling.toml")).unwrap();
    let problems = load(&link).unwrap_err().problems;
    assert!(problems[0].message.contains("link to a file that is not there"), "{}", problems[0]);
}

#[test]
fn drop_ins_have_their_own_problems() {
    let directory = directory("drop-ins");
    let path = directory.join("config.toml");
    fs::write(&path, file("poll = 3", "")).unwrap();
    fs::create_dir(directory.join("config.d")).unwrap();
    fs::write(directory.join("config.d/20-b.toml"), "[cloud]\nregoin = \"x\"\n").unwrap();
    fs::write(directory.join("config.d/10-a.toml"), "\n\n[device]\nname = \"\"\n").unwrap();
    let problems = load(&path).unwrap_err().problems;
    let places: Vec<(String, Option<usize>)> = problems
        .iter()
        .map(|problem| (problem.file().unwrap().file_name().unwrap().to_string_lossy().into_owned(), problem.line()))
        .collect();
    let expected = [("config.toml", 4), ("10-a.toml", 4), ("20-b.toml", 2)].map(|(file, line)| (file.to_owned(), Some(line)));
    assert_eq!(places, expected, "{problems:#?}");

    fs::remove_dir_all(directory.join("config.d")).unwrap();
    fs::create_dir(directory.join("config.d")).unwrap();
    fs::write(&path, file("", "")).unwrap();
    for number in 0..65 {
        fs::write(directory.join(format!("config.d/{number}.toml")), "").unwrap();
    }
    let problems = load(&path).unwrap_err().problems;
    assert!(problems[0].message.contains("65 drop-ins, and at most 64"), "{}", problems[0]);
    fs::remove_file(directory.join("config.d/0.toml")).unwrap();
    load(&path).unwrap();
}

#[test]
fn a_file_with_many_mistakes_reports_them_all_by_line() {
    let text = r#"naem = 1
[device]
name = "a b"
[address]
network = "publik"
sources = ["stun:a:1", 3, "interfaec:eth0", "static:1.2.3"]
agreement = 9
settle = 30
poll = "1 hour"
prefer = "203.0.113.7/24"
[bgp]
source = "gobgp"
asn = 1.10
[cloud]
vpn_gateway = "x"
connections = ["y", 1]
endpoint = "http://10.0.0.1"
[cloud.credentials]
access_key_id_file = "/x"
[gateway]
tags = { cgwd-x = "1", a = 2 }
[registration]
create = "yes"
[replacement]
policy = "automatic"
order = "x"
[http]
[state]
directory = "x"
"#;
    let problems = problems_of("many", text);
    let lines: Vec<usize> = problems.iter().map(|problem| problem.line().unwrap()).collect();
    let expected = [1, 3, 5, 6, 6, 6, 6, 7, 8, 9, 10, 12, 13, 15, 16, 16, 17, 19, 21, 21, 23, 25, 26, 27, 29];
    assert_eq!(lines, expected, "{problems:#?}");
}

#[test]
fn what_is_not_toml_is_said_beside_the_rest_and_hides_no_key() {
    let problems = problems_of("syntax", "[address\nnetwork = public\nsources = []\n[cloud]\ntimeout = 10\nname = 'x'\nname = 'y'\n");
    assert!(problems.iter().any(|problem| problem.line() == Some(1) && problem.message.starts_with("this is not TOML")), "{problems:#?}");
    assert!(problems.iter().any(|problem| problem.line() == Some(5) && problem.message.contains("without a unit")), "{problems:#?}");
    assert!(problems.iter().any(|problem| problem.line() == Some(7) && problem.message.contains("duplicate key")), "{problems:#?}");
    assert!(
        !problems.iter().any(|problem| problem.message.contains("is required")),
        "what was not understood is not missing: {problems:#?}"
    );
}

#[test]
fn what_may_be_a_secret_is_never_repeated() {
    let canary = "LTAI5tCANARY";
    let texts = [
        file("", &format!("[cloud.credentials]\naccess_key_id_file = \"{canary}\"\naccess_key_secret_file = \"{canary}\"")),
        file("", &format!("[cloud.credentials]\naccess_key_secret = \"{canary}\"")),
        file("", &format!("[gateway]\nbgp_auth_key_file = \"{canary}\"")),
        file("", &format!("[[replacement.secret]]\nconnection = \"vco-1\"\npsk_file = \"{canary}\"")),
        file("", &format!("[[replacement.secret]]\nconnection = \"vco-1\"\npsk = \"{canary}\"")),
        file("", &format!("[replacement]\nsecret = [\"{canary}\"]")),
        file("", &format!("proxy = \"http://user:{canary}@proxy:1\"")),
        file("", &format!("proxy = \"socks5://user:{canary}@proxy:1\"")),
        file("", &format!("endpoint = \"https://{canary}@a b\"")),
        file("", "").replace("interface:eth0", &format!("htps://user:{canary}@x/")),
        file("", "").replace("interface:eth0", &format!("https://user:{canary}@x/")),
        file("", "").replace("interface:eth0", &format!("http://user:{canary}@x/")),
    ];
    for (index, text) in texts.iter().enumerate() {
        let path = directory(&format!("canary-{index}")).join("config.toml");
        fs::write(&path, text).unwrap();
        let outcome = load(&path);
        assert!(outcome.is_err(), "{text}");
        let told =
            config::check_text(&path, &outcome) + &config::check_json(&path, &outcome).to_string() + &outcome.unwrap_err().to_string();
        assert!(!told.contains(canary), "{told}");
    }
}

#[test]
fn what_stands_in_the_file_can_neither_flood_nor_paint_the_terminal() {
    let long = "x".repeat(100_000);
    for text in ["policy = \"\\u001b[31m\\r\\nalert\"".to_owned(), format!("policy = \"{long}\""), format!("\"{long}\\u001b\" = 1")] {
        let problems = problems_of("terminal", file("", &format!("[replacement]\n{text}")));
        assert_eq!(problems.len(), 1);
        let told = problems[0].to_string();
        assert!(told.len() < 1500 && !told.chars().any(char::is_control), "{told:?}");
    }
}

#[test]
fn check_tells_people_and_programs_the_same() {
    let path = directory("check").join("config.toml");
    fs::write(&path, file("settel = \"30s\"", "[http]")).unwrap();
    let outcome = load(&path);
    let shown = path.display();
    assert_eq!(
        config::check_text(&path, &outcome),
        format!(
            "error: {shown}:4:1: unknown key in [address]: `settel`\n    did you mean `settle`?\n\
             error: {shown}:7:2: [http] is not available in cgwd 0.1\n    remove it: `cgwd status --json` tells the state\n\
             2 problems in {shown}\n"
        )
    );
    let json = config::check_json(&path, &outcome);
    assert_eq!((&json["schema"], &json["ok"]), (&1.into(), &false.into()));
    assert_eq!(json["problems"].as_array().unwrap().len(), 2);
    let first = &json["problems"][0];
    assert_eq!((&first["line"], &first["column"], &first["key"]), (&4.into(), &1.into(), &"address.settel".into()));
    assert_eq!(first["file"], shown.to_string());
    assert_eq!(first["remedy"], "did you mean `settle`?");

    fs::write(&path, file("", "")).unwrap();
    let outcome = load(&path);
    assert_eq!(config::check_text(&path, &outcome), format!("{shown} is valid\n"));
    assert_eq!(config::check_json(&path, &outcome)["ok"], true);
}

/// Lines that look like a configuration, so that random files get past the first byte.
fn line() -> impl Strategy<Value = String> {
    let keys = "(address|cloud|bgp|gateway|tags|device|http|replacement|replacement.secret|secret|window|max_per_day|sources|settle|agreement|asn|prefer|endpoint|name|x)";
    let value = prop_oneof![
        r#""[ -~]{0,12}""#,
        "-?[0-9]{1,30}",
        "0x[0-9a-f]{1,40}",
        "[0-9]\\.[0-9]{1,3}",
        Just("true".to_owned()),
        Just("[\"interface:a\", 1, [2]]".to_owned()),
        Just("{ a = \"b\", c = 1 }".to_owned()),
        "[^\\n]{0,8}",
    ];
    prop_oneof![
        keys.prop_map(|table| format!("[{table}]")),
        keys.prop_map(|table| format!("[[{table}]]")),
        (keys, value).prop_map(|(key, value)| format!("{key} = {value}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic_the_loader(bytes in prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        "\\PC{0,200}".prop_map(String::into_bytes),
        proptest::collection::vec(line(), 0..20).prop_map(|lines| lines.join("\n").into_bytes()),
    ]) {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("config_problems_any.toml");
        fs::write(&path, &bytes).unwrap();
        let outcome = load(&path);
        let told = config::check_text(&path, &outcome);
        prop_assert!(!told.is_empty());
        match outcome {
            Ok(loaded) => drop(config::show_text(&loaded)),
            Err(error) => {
                prop_assert!(!error.problems.is_empty());
                prop_assert!(error.problems.iter().all(|problem| !problem.to_string().chars().any(char::is_control)));
            }
        }
    }
}
