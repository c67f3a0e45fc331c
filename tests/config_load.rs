//! A configuration that holds: what it comes to, where each value came from, and how that is shown.
#![allow(clippy::unwrap_used)]

use cgwd::config::{self, Loaded, Origin, schema};
use cgwd::model::{
    AddressSource, Agreement, BgpSource, Network, OrderChoice, Prefix, ReplacementPolicy, ReplacementSecret, RouteTarget, StrategyChoice,
};
use cgwd::system::environment::Environment;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const MINIMAL: &str = "[address]\nnetwork = \"public\"\nsources = [\"interface:eth0\"]\n[cloud]\nregion = \"cn-hangzhou\"\n";

fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("config_load").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn written(name: &str, text: &str) -> PathBuf {
    let path = directory(name).join("config.toml");
    fs::write(&path, text).unwrap();
    path
}

fn load(path: &Path) -> Loaded {
    config::load(path, &Environment::default(), "branch-01").unwrap_or_else(|error| panic!("{error}"))
}

fn loaded(name: &str, text: &str) -> Loaded {
    load(&written(name, text))
}

fn line(path: &Path, line: usize, column: usize) -> Origin {
    Origin::Line { file: path.to_owned(), line, column }
}

#[test]
fn defaults_are_those_of_the_contract() {
    let Loaded { settings, origins, warnings, .. } = loaded("defaults", MINIMAL);
    assert_eq!(settings.device, "branch-01");
    assert_eq!(settings.address.network, Network::Public);
    assert_eq!(settings.address.agreement, Agreement::First);
    assert_eq!(settings.address.settle, Duration::from_secs(30));
    assert_eq!(settings.address.prefer, None);
    assert_eq!(settings.address.poll, Duration::from_secs(300));
    assert!(settings.bgp.is_none());
    assert_eq!(settings.cloud.timeout, Duration::from_secs(10));
    assert!(settings.cloud.connections.is_empty() && settings.cloud.endpoint.is_none() && settings.cloud.proxy.is_none());
    assert!(settings.gateway.name.is_none() && settings.gateway.tags.is_empty());
    assert!(settings.registration.create && settings.registration.adopt);
    let replacement = &settings.replacement;
    assert_eq!(replacement.policy, ReplacementPolicy::Guided);
    assert_eq!((replacement.strategy, replacement.order), (StrategyChoice::Auto, OrderChoice::NewFirst));
    assert_eq!((replacement.settle, replacement.verify_timeout), (Duration::from_secs(300), Duration::from_secs(300)));
    assert_eq!((replacement.recheck, replacement.max_per_day, replacement.rollback), (Duration::from_secs(60), 1, true));
    assert!(replacement.window.is_none() && replacement.secrets.is_empty());
    assert_eq!(settings.state_directory, Path::new("/var/lib/cgwd"));
    assert_eq!(warnings, []);
    assert_eq!(origins["device.name"], Origin::HostName);
    for (key, row) in schema::keys() {
        if row.default != schema::Default::Required && key != "cloud.region" && key != "device.name" && !key.starts_with("bgp.") {
            assert_eq!(origins.get(&key), Some(&Origin::Default), "{key}");
        }
    }
}

#[test]
fn every_key_is_read_and_its_place_is_known() {
    let text = r#"
[device]
name = "Branch_1.sh"
[address]
network = "private"
sources = ["interface:ppp0", "route:192.0.2.1", "route:vpn-gateway", "https://ip.example.com/me?x=1", "https:https://b.example.com",
  "https:http://127.0.0.1:8080/ip", "https:http://[::1]:8080/ip", "file:/run/address", "command:/usr/bin/address", "static:203.0.113.7",
  "static:2001:db8::1", "interface:eth0:1"]
agreement = 3
settle = "0s"
prefer = "203.0.113.0/24"
poll = "1h"
[bgp]
source = "frr:/run/frr/vtysh"
asn = "123.456"
[cloud]
region = "ap-southeast-1"
vpn_gateway = "vpn-bp1q8bgx4xnkm"
transit_router = "tr-bp1su1ytdx"
connections = ["vco-bp15oes1py4i66rmd", "vco-2"]
endpoint = "http://127.0.0.1:8080/"
ca_file = "/etc/ca.pem"
proxy = "http://10.0.0.1:3128"
timeout = "1500ms"
[cloud.credentials]
access_key_id_file = "/etc/id"
access_key_secret_file = "/etc/secret"
role_arn = "acs:ram::1234567890123456:role/cgwd"
[gateway]
name = "上海 branch"
description = "d"
bgp_auth_key_file = "/etc/key"
resource_group = "rg-acfmzs372yg2xyz"
tags = { site = "sh-01", empty = "" }
[registration]
create = false
adopt = false
[replacement]
policy = "auto"
strategy = "recreate"
order = "documented"
settle = "0s"
window = "Sat,Sun 02:00-05:00; 23:30-01:00"
max_per_day = 3
recheck = "0s"
verify_timeout = "90s"
rollback = false
[[replacement.secret]]
connection = "vco-bp15oes1py4i66rmd"
psk_file = "/etc/psk"
[[replacement.secret]]
tunnel = "tun-opsqc4d97wni27"
connection = "vco-2"
psk_file = "/etc/psk-2"
[state]
directory = "/srv/cgwd"
"#;
    let path = written("every", text);
    let Loaded { settings, origins, warnings, files } = load(&path);
    assert_eq!(warnings, []);
    assert_eq!(files, std::slice::from_ref(&path));
    assert_eq!(settings.device, "Branch_1.sh");
    let address = &settings.address;
    assert_eq!(address.network, Network::Private);
    let https = |written: &str, url: &str| AddressSource::Https { written: written.to_owned(), url: url.to_owned() };
    let expected = [
        AddressSource::Interface("ppp0".to_owned()),
        AddressSource::Route(RouteTarget::Address([192, 0, 2, 1].into())),
        AddressSource::Route(RouteTarget::VpnGateway),
        https("https://ip.example.com/me?x=1", "https://ip.example.com/me?x=1"),
        https("https:https://b.example.com", "https://b.example.com/"),
        https("https:http://127.0.0.1:8080/ip", "http://127.0.0.1:8080/ip"),
        https("https:http://[::1]:8080/ip", "http://[::1]:8080/ip"),
        AddressSource::File("/run/address".into()),
        AddressSource::Command("/usr/bin/address".into()),
        AddressSource::Static("203.0.113.7".parse().unwrap()),
        AddressSource::Static("2001:db8::1".parse().unwrap()),
        AddressSource::Interface("eth0:1".to_owned()),
    ];
    assert_eq!(address.sources, expected);
    assert_eq!(address.agreement, Agreement::Quorum(3));
    assert_eq!((address.settle, address.poll), (Duration::ZERO, Duration::from_secs(3600)));
    assert_eq!(address.prefer, Some(Prefix { network: [203, 0, 113, 0].into(), length: 24 }));
    let bgp = settings.bgp.unwrap();
    assert_eq!((bgp.source, bgp.asn.as_deref()), (Some(BgpSource::Frr(Some("/run/frr/vtysh".into()))), Some("123.456")));
    let cloud = &settings.cloud;
    assert_eq!(cloud.region.as_deref(), Some("ap-southeast-1"));
    assert_eq!((cloud.vpn_gateway.as_deref(), cloud.transit_router.as_deref()), (Some("vpn-bp1q8bgx4xnkm"), Some("tr-bp1su1ytdx")));
    assert_eq!(cloud.connections, ["vco-bp15oes1py4i66rmd", "vco-2"]);
    assert_eq!(cloud.endpoint.as_deref(), Some("http://127.0.0.1:8080"), "without a trailing slash");
    assert_eq!((cloud.ca_file.as_deref(), cloud.proxy.as_deref()), (Some(Path::new("/etc/ca.pem")), Some("http://10.0.0.1:3128")));
    assert_eq!(cloud.timeout, Duration::from_millis(1500));
    assert_eq!(cloud.credentials.access_key_id_file.as_deref(), Some(Path::new("/etc/id")));
    assert_eq!(cloud.credentials.access_key_secret_file.as_deref(), Some(Path::new("/etc/secret")));
    assert_eq!(cloud.credentials.role_arn.as_deref(), Some("acs:ram::1234567890123456:role/cgwd"));
    assert_eq!((settings.gateway.name.as_deref(), settings.gateway.description.as_deref()), (Some("上海 branch"), Some("d")));
    assert_eq!(settings.gateway.bgp_auth_key_file.as_deref(), Some(Path::new("/etc/key")));
    assert_eq!(settings.gateway.resource_group.as_deref(), Some("rg-acfmzs372yg2xyz"));
    assert_eq!(json!(settings.gateway.tags), json!({ "site": "sh-01", "empty": "" }));
    assert!(!settings.registration.create && !settings.registration.adopt);
    let replacement = &settings.replacement;
    assert_eq!(replacement.policy, ReplacementPolicy::Auto);
    assert_eq!((replacement.strategy, replacement.order), (StrategyChoice::Recreate, OrderChoice::Documented));
    assert_eq!(
        (replacement.settle, replacement.recheck, replacement.verify_timeout),
        (Duration::ZERO, Duration::ZERO, Duration::from_secs(90))
    );
    assert_eq!((replacement.max_per_day, replacement.rollback), (3, false));
    assert_eq!(replacement.window.as_ref().map(ToString::to_string).as_deref(), Some("Sat,Sun 02:00-05:00; 23:30-01:00"));
    let secret = |connection: &str, tunnel: Option<&str>, psk_file: &str| ReplacementSecret {
        connection: connection.to_owned(),
        tunnel: tunnel.map(str::to_owned),
        psk_file: psk_file.into(),
    };
    let expected = [secret("vco-bp15oes1py4i66rmd", None, "/etc/psk"), secret("vco-2", Some("tun-opsqc4d97wni27"), "/etc/psk-2")];
    assert_eq!(replacement.secrets, expected);
    assert_eq!(origins["replacement.secret.1.psk_file"], line(&path, 50, 12));
    assert_eq!(origins["replacement.secret.2.tunnel"], line(&path, 52, 10));
    assert_eq!(origins["replacement.secret.1.tunnel"], Origin::Default);
    assert_eq!(settings.state_directory, Path::new("/srv/cgwd"));
    for (key, _) in schema::keys() {
        assert!(matches!(&origins[&key], Origin::Line { file, .. } if *file == path), "{key}: {:?}", origins[&key]);
    }
    assert_eq!(origins["device.name"], line(&path, 3, 8));
    assert_eq!(origins["gateway.tags.site"], line(&path, 34, 10));
}

#[test]
fn bgp_sources_and_every_way_to_write_an_asn() {
    let bgp = |index: usize, lines: &str| loaded(&format!("bgp-{index}"), &format!("{MINIMAL}[bgp]\n{lines}\n")).settings.bgp.unwrap();
    let sources = [
        ("frr", BgpSource::Frr(None)),
        ("bird", BgpSource::Bird(None)),
        ("bird:/run/bird/bird.ctl", BgpSource::Bird(Some("/run/bird/bird.ctl".into()))),
        ("file:/run/asn", BgpSource::File("/run/asn".into())),
        ("command:/usr/bin/asn", BgpSource::Command("/usr/bin/asn".into())),
    ];
    for (index, (text, expected)) in sources.into_iter().enumerate() {
        let bgp = bgp(index, &format!("source = \"{text}\""));
        assert_eq!((bgp.source, bgp.asn), (Some(expected), None));
    }
    // What is out of range stays as it is written: `check` has findings for that, with an exit code of their own.
    let asns = [
        ("65001", "65001"),
        ("65_001", "65001"),
        ("0xfde9", "65001"),
        ("0", "0"),
        ("4294967296", "4294967296"),
        ("-5", "-5"),
        ("99999999999999999999999999999999999999999999", "99999999999999999999999999999999999999999999"),
        ("\"1.10\"", "1.10"),
        ("\"soon\"", "soon"),
    ];
    for (index, (text, expected)) in asns.into_iter().enumerate() {
        let bgp = bgp(100 + index, &format!("asn = {text}"));
        assert_eq!((bgp.source, bgp.asn.as_deref()), (None, Some(expected)));
    }
}

#[test]
fn drop_ins_merge_in_name_order_key_by_key() {
    let path = written("drop-ins", &format!("{MINIMAL}connections = [\"vco-1\"]\n[gateway]\ntags = {{ a = \"main\", b = \"main\" }}\n"));
    let drop_ins = path.parent().unwrap().join("config.d");
    fs::create_dir(&drop_ins).unwrap();
    let add = |name: &str, text: &str| fs::write(drop_ins.join(name), text).unwrap();
    add(
        "20-b.toml",
        "[gateway.tags]\nb = \"twenty\"\nc = \"twenty\"\n[cloud]\nconnections = [\"vco-2\", \"vco-3\"]\n[address]\nsettle = \"2m\"\n",
    );
    add("10-a.toml", "[gateway.tags]\nb = \"ten\"\n[address]\nsettle = \"1m\"\npoll = \"10s\"\n[bgp]\nasn = 65001\n");
    add("30-note.txt", "not read");
    add(".hidden.toml", "not = toml = at all");
    add("40.toml~", "nor this");
    add("50.toml.dpkg-old", "nor this");

    let Loaded { settings, origins, warnings, files } = load(&path);
    assert_eq!(json!(settings.gateway.tags), json!({ "a": "main", "b": "twenty", "c": "twenty" }));
    assert_eq!(settings.cloud.connections, ["vco-2", "vco-3"], "arrays are replaced");
    assert_eq!(settings.cloud.region.as_deref(), Some("cn-hangzhou"));
    assert_eq!((settings.address.settle, settings.address.poll), (Duration::from_secs(120), Duration::from_secs(10)));
    assert_eq!(settings.bgp.unwrap().asn.as_deref(), Some("65001"));
    assert_eq!(origins["gateway.tags.a"], line(&path, 8, 10));
    assert_eq!(origins["gateway.tags.b"], line(&drop_ins.join("20-b.toml"), 2, 1));
    assert_eq!(origins["address.settle"], line(&drop_ins.join("20-b.toml"), 7, 10));
    assert_eq!(origins["address.poll"], line(&drop_ins.join("10-a.toml"), 5, 8));
    assert_eq!(files, [path.clone(), drop_ins.join("10-a.toml"), drop_ins.join("20-b.toml")]);
    let [warning] = warnings.as_slice() else { panic!("{warnings:#?}") };
    assert_eq!(warning.file(), Some(drop_ins.join("30-note.txt").as_path()));
    assert!(warning.message.contains("does not end in .toml"));
}

/// Two entries, inline.
const SECRETS: [&str; 2] =
    ["{ connection = \"vco-1\", psk_file = \"/one\" }", "{ connection = \"vco-1\", tunnel = \"tun-2\", psk_file = \"/two\" }"];

#[test]
fn repeated_tables_add_up_over_the_files_and_are_shown_one_by_one() {
    let main = format!("{MINIMAL}[[replacement.secret]]\nconnection = \"vco-1\"\npsk_file = \"/one\"\n");
    let path = written("repeated", &main);
    let drop_in = path.parent().unwrap().join("config.d/10-a.toml");
    fs::create_dir(drop_in.parent().unwrap()).unwrap();
    fs::write(&drop_in, "[[replacement.secret]]\nconnection = \"vco-2\"\ntunnel = \"tun-2\"\npsk_file = \"/two\"\n").unwrap();
    let loaded = load(&path);
    let files: Vec<&Path> = loaded.settings.replacement.secrets.iter().map(|secret| secret.psk_file.as_path()).collect();
    assert_eq!(files, [Path::new("/one"), Path::new("/two")]);
    assert_eq!(loaded.origins["replacement.secret.2.psk_file"], line(&drop_in, 4, 12));

    let text = config::show_text(&loaded);
    let headers: Vec<&str> = text.lines().filter(|line| line.contains("replacement.secret")).collect();
    assert_eq!(headers, ["[[replacement.secret]]", "[[replacement.secret]]"]);
    assert!(text.contains("\n# tunnel              # not set: every tunnel of it"), "{text}");
    let shown = &config::show_json(&loaded)["settings"]["replacement"]["secret"];
    let place = json!({ "kind": "file", "file": drop_in.display().to_string(), "line": 3, "column": 10 });
    assert_eq!(shown[1]["tunnel"], json!({ "value": "tun-2", "origin": place }));
    assert_eq!(shown[0]["tunnel"], json!({ "value": null, "origin": { "kind": "default" } }));

    let none = self::loaded("repeated-none", &format!("{MINIMAL}[replacement]\nsecret = []\n"));
    assert!(config::show_text(&none).contains("\n# [[replacement.secret]]\n"));
    assert_eq!(config::show_json(&none)["settings"]["replacement"]["secret"], json!([]));
}

#[test]
fn the_state_directory_of_the_service_manager_wins() {
    let path = written("state", &format!("{MINIMAL}[state]\ndirectory = \"/srv/cgwd\"\n"));
    let with = |value: &str| {
        let environment = [("STATE_DIRECTORY", value)].into_iter().collect();
        config::load(&path, &environment, "branch-01").unwrap()
    };
    let loaded = with("/run/one:/run/two");
    assert_eq!(loaded.settings.state_directory, Path::new("/run/one"));
    assert_eq!(loaded.origins["state.directory"], Origin::Environment("STATE_DIRECTORY"));
    assert_eq!(with("").settings.state_directory, Path::new("/srv/cgwd"));
    let shown = config::show_json(&loaded);
    let expected = json!({ "value": "/run/one", "origin": { "kind": "environment", "variable": "STATE_DIRECTORY" } });
    assert_eq!(shown["settings"]["state"]["directory"], expected);
}

#[test]
fn oddities_are_warnings() {
    let odd = MINIMAL.replace("interface:eth0", "static:203.0.113.7\"]\nprefer = \"203.0.113.0/24\"\n#").replace("#\"]", "#");
    let path = written("warnings", &format!("{odd}[gateway]\nbgp_auth_key_file = \"/etc/key\"\n"));
    let outcome = config::load(&path, &Environment::default(), "localhost");
    let told: Vec<(String, Option<usize>)> =
        outcome.as_ref().unwrap().warnings.iter().map(|warning| (warning.key.clone().unwrap(), warning.line())).collect();
    let expected = [("address.prefer", Some(4)), ("gateway.bgp_auth_key_file", Some(9)), ("device.name", None)];
    assert_eq!(told, expected.map(|(key, line)| (key.to_owned(), line)));
    let text = config::check_text(&path, &outcome);
    assert!(text.starts_with("warning: ") && text.ends_with("config.toml is valid\n"), "{text}");
    assert_eq!(config::check_json(&path, &outcome)["warnings"].as_array().unwrap().len(), 3);
}

#[test]
fn bounds_are_inclusive() {
    for (table, key, values) in
        [("address", "settle", ["0s", "24h"]), ("address", "poll", ["1s", "24h"]), ("cloud", "timeout", ["1s", "120s"])]
    {
        for value in values {
            let text = MINIMAL.replace(&format!("[{table}]"), &format!("[{table}]\n{key} = \"{value}\""));
            loaded(&format!("bounds-{key}-{value}"), &text);
        }
    }
    for (key, values) in [
        ("settle", ["\"0s\"", "\"24h\""]),
        ("recheck", ["\"0s\"", "\"1h\""]),
        ("verify_timeout", ["\"1s\"", "\"24h\""]),
        ("max_per_day", ["1", "1_000"]),
    ] {
        for (index, value) in values.into_iter().enumerate() {
            loaded(&format!("bounds-replacement-{key}-{index}"), &format!("{MINIMAL}[replacement]\n{key} = {value}\n"));
        }
    }
    let seventeen: Vec<String> = (0..17).map(|index| format!("k{index} = \"v\"")).collect();
    let text = format!("{MINIMAL}[gateway]\ntags = {{ {} }}\n", seventeen.join(", "));
    assert_eq!(loaded("tags", &text).settings.gateway.tags.len(), 17);
    let name = "n".repeat(64);
    assert_eq!(loaded("name", &format!("{MINIMAL}[device]\nname = \"{name}\"\n")).settings.device, name);
    assert_eq!(loaded("all", &MINIMAL.replace("[cloud]", "agreement = \"all\"\n[cloud]")).settings.address.agreement, Agreement::All);
    assert_eq!(loaded("one", &MINIMAL.replace("[cloud]", "agreement = 1\n[cloud]")).settings.address.agreement, Agreement::Quorum(1));
}

/// `#key = …` and `#[table]` become settings; prose has a space after its `#`.
fn uncommented(example: &str) -> String {
    example.lines().map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned() + "\n").collect()
}

#[test]
fn the_example_is_valid_as_it_is_and_with_every_key() {
    let as_it_is = loaded("example", &config::example());
    assert_eq!(as_it_is.warnings, []);
    assert!(as_it_is.settings.bgp.is_none());

    let path = written("example-full", &uncommented(&config::example()));
    let full = load(&path);
    assert_eq!(full.warnings, []);
    for (key, row) in schema::keys() {
        assert!(matches!(full.origins[&key], Origin::Line { .. }), "{key} is not read from the example");
        assert_ne!((row.shown)(&full.settings), Value::Null, "{key} is not shown");
    }
    for table in schema::TABLES.iter().filter(|table| table.repeated) {
        for row in table.rows {
            let key = format!("{}.1.{}", table.path, row.key);
            assert!(matches!(full.origins[&key], Origin::Line { .. }), "{key} is not read from the example");
            assert!((row.shown)(&full.settings)[0].is_string(), "{key} is not shown");
        }
    }
}

#[test]
fn the_example_explains_every_key() {
    let example = config::example();
    for (key, row) in schema::TABLES.iter().flat_map(|table| table.rows.iter().map(|row| (format!("{}.{}", table.path, row.key), row))) {
        assert!(example.lines().any(|line| line.trim_start_matches('#') == format!("{} = {}", row.key, row.example)), "{key}");
        assert!(row.meaning.lines().all(|line| example.contains(&format!("# {line}\n"))), "{key}");
        assert!(row.meaning.len() > 10 || matches!(row.kind, schema::Kind::Flag), "{key}");
    }
    assert!(example.lines().all(|line| line.chars().count() <= 140));
}

/// What stands as the default in the table is what holds when nothing is written.
#[test]
fn the_defaults_of_the_table_hold() {
    let settings = loaded("table", MINIMAL).settings;
    for (key, row) in schema::keys() {
        let shown = (row.shown)(&settings);
        match row.default {
            schema::Default::Text(text) => assert_eq!(shown, json!(text), "{key}"),
            schema::Default::Flag(flag) => assert_eq!(shown, json!(flag), "{key}"),
            schema::Default::Count(count) => assert_eq!(shown, json!(count), "{key}"),
            schema::Default::Unset(_) if key == "device.name" || key == "cloud.region" => {}
            schema::Default::Unset(_) => assert!(shown.is_null() || shown == json!({}), "{key}: {shown}"),
            schema::Default::Required => assert!(!shown.is_null(), "{key}"),
        }
    }
}

#[test]
fn the_example_in_the_repository_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let current = fs::read_to_string(path).unwrap_or_default();
    assert!(current == config::example(), "config.example.toml is old: run `cargo run -- config example > config.example.toml`");
}

#[test]
fn what_is_shown_loads_again_to_the_same() {
    let texts = [
        MINIMAL.to_owned(),
        uncommented(&config::example()),
        format!("{MINIMAL}[gateway]\ndescription = \"a \\\"b\\\" \\\\ \\u007f \\n é\"\ntags = {{ \"a b\" = \"x\", c = \"\" }}\n"),
        MINIMAL.replace("[cloud]", "agreement = 1\n[cloud]"),
        format!("{MINIMAL}[replacement]\nsecret = [{}, {}]\n", SECRETS[0], SECRETS[1]),
    ];
    for (index, text) in texts.iter().enumerate() {
        let first = loaded(&format!("shown-{index}"), text);
        let shown = config::show_text(&first);
        let again = loaded(&format!("shown-again-{index}"), &shown);
        for row in schema::TABLES.iter().flat_map(|table| table.rows) {
            assert_eq!((row.shown)(&first.settings), (row.shown)(&again.settings), "{} in\n{shown}", row.key);
        }
    }
}

#[test]
fn show_says_where_each_value_came_from() {
    let path = written("show", &format!("{MINIMAL}[gateway.tags]\nsite = \"sh-01\"\n"));
    let loaded = load(&path);
    let (text, file) = (config::show_text(&loaded), path.display());
    for expected in [
        "name = \"branch-01\"  # host name".to_owned(),
        format!("network = \"public\"            # {file}:2"),
        "settle = \"30s\"                # default".to_owned(),
        format!("tags.\"site\" = \"sh-01\"  # {file}:7"),
        "# prefer                      # not set: several addresses on an interface are ambiguous".to_owned(),
        "# [bgp]".to_owned(),
    ] {
        assert!(text.lines().any(|line| line == expected), "{expected}\nis not in\n{text}");
    }
    let shown = config::show_json(&loaded);
    assert_eq!((&shown["schema"], &shown["files"]), (&json!(1), &json!([file.to_string()])));
    let settings = &shown["settings"];
    assert_eq!(settings["address"]["poll"], json!({ "value": "5m", "origin": { "kind": "default" } }));
    let place = json!({ "kind": "file", "file": file.to_string(), "line": 2, "column": 11 });
    assert_eq!(settings["address"]["network"], json!({ "value": "public", "origin": place }));
    assert_eq!(settings["gateway"]["tags"]["site"]["value"], "sh-01");
    assert_eq!(settings["cloud"]["credentials"]["role_arn"], json!({ "value": null, "origin": { "kind": "default" } }));
    assert_eq!(settings["device"]["name"]["origin"], json!({ "kind": "host_name" }));
}

#[test]
fn nothing_is_nothing_in_every_unit() {
    for (index, zero) in ["\"0\"", "0", "\"0s\"", "\"0ms\"", "\"0h\""].iter().enumerate() {
        let text = MINIMAL.replace("[cloud]", &format!("settle = {zero}\n[cloud]"));
        assert_eq!(load(&written(&format!("zero-{index}"), &text)).settings.address.settle, Duration::ZERO, "{zero}");
    }
}
