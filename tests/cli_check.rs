//! `cgwd check` of the real binary: every refused range at its edges, every source, agreement, and the ASN.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program that runs real processes")]

mod common;

use common::device::{ADDRESS, Device, Output, findings, has_finding, shape};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;

/// No cloud: `check` asks it nothing.
fn device() -> Device {
    Device::at("http://127.0.0.1:1")
}

#[track_caller]
fn check(device: &Device) -> (Output, Value) {
    let output = device.cgwd(&["check"]);
    let document = output.json();
    shape(&document, &["schema", "ok", "device", "address", "asn", "observations", "findings"]);
    for observation in document["observations"].as_array().unwrap() {
        shape(observation, &["source", "value", "error", "millis"]);
        assert!(observation["value"].is_null() != observation["error"].is_null(), "either a value or an error: {observation}");
        assert!(observation["millis"].is_u64());
    }
    if !document["address"].is_null() {
        shape(&document["address"], &["value", "source", "network", "settled"]);
    }
    if !document["asn"].is_null() {
        shape(&document["asn"], &["value", "dotted", "source"]);
    }
    let errors = findings(&document).iter().any(|finding| finding.starts_with("error "));
    assert_eq!(document["ok"], !errors, "{document:#}");
    assert_eq!(output.exit, Some(if errors { 3 } else { 0 }), "{document:#}");
    (output, document)
}

fn with_sources(sources: &[&str], more: &str) -> Device {
    let sources = json!(sources).to_string();
    device().with(|device| device.address = format!("sources = {sources}\n{more}"))
}

#[test]
fn each_refused_range_is_refused_up_to_its_edges() {
    let public = [
        ("99.255.255.255", ""),
        ("100.64.0.0", "error address.shared_space"),
        ("100.127.255.255", "error address.shared_space"),
        ("100.128.0.0", ""),
        ("126.255.255.255", ""),
        ("127.0.0.0", "error address.loopback"),
        ("127.255.255.255", "error address.loopback"),
        ("128.0.0.0", ""),
        ("169.253.255.255", ""),
        ("169.254.0.0", "error address.link_local"),
        ("169.254.255.255", "error address.link_local"),
        ("169.255.0.0", ""),
        ("223.255.255.255", ""),
        ("224.0.0.0", "error address.multicast"),
        ("239.255.255.255", "error address.multicast"),
        ("240.0.0.0", "error address.reserved"),
        ("254.255.255.255", "error address.reserved"),
        ("255.0.0.0", "error address.reserved"),
        ("255.255.255.255", "error address.reserved"),
        ("0.0.0.0", "error address.unspecified"),
        ("0.255.255.255", "error address.unspecified"),
        ("1.0.0.0", ""),
        ("9.255.255.255", ""),
        ("10.0.0.0", "error address.not_public"),
        ("10.255.255.255", "error address.not_public"),
        ("11.0.0.0", ""),
        ("172.15.255.255", ""),
        ("172.16.0.0", "error address.not_public"),
        ("172.31.255.255", "error address.not_public"),
        ("172.32.0.0", ""),
        ("191.255.255.255", ""),
        ("192.0.0.0", "error address.not_public"),
        ("192.0.0.255", "error address.not_public"),
        ("192.0.1.0", ""),
        ("192.167.255.255", ""),
        ("192.168.0.0", "error address.not_public"),
        ("192.168.255.255", "error address.not_public"),
        ("192.169.0.0", ""),
        ("198.17.255.255", ""),
        ("198.18.0.0", "error address.not_public"),
        ("198.19.255.255", "error address.not_public"),
        ("198.20.0.0", ""),
        ("192.0.2.0", "warning address.documentation"),
        ("192.0.2.255", "warning address.documentation"),
        ("192.0.3.0", ""),
        ("198.51.99.255", ""),
        ("198.51.100.0", "warning address.documentation"),
        ("198.51.101.0", ""),
        ("203.0.112.255", ""),
        ("203.0.113.255", "warning address.documentation"),
        ("203.0.114.0", ""),
    ];
    let device = device().with(|device| device.bgp = String::new());
    for (address, finding) in public {
        device.move_to(address);
        let (_, document) = check(&device);
        let expected: Vec<&str> = if finding.is_empty() { vec![] } else { vec![finding] };
        assert_eq!(findings(&document), expected, "{address}");
        assert_eq!(document["address"]["value"], address);
        assert_eq!(document["address"]["network"], "public");
        if finding.ends_with("not_public") {
            assert!(document["findings"][0]["remedy"].as_str().unwrap().contains("NAT"), "{document:#}");
        }
    }
    let private = [
        ("10.0.0.0", ""),
        ("172.31.255.255", ""),
        ("192.168.0.1", ""),
        ("192.169.0.0", "warning address.not_private"),
        ("100.64.0.1", "error address.shared_space"),
    ];
    let device = device.with(|device| device.address = format!("network = \"private\"\n{}", device.address));
    for (address, finding) in private {
        device.move_to(address);
        let (_, document) = check(&device);
        assert_eq!(document["address"]["network"], "private");
        let expected: Vec<&str> = if finding.is_empty() { vec![] } else { vec![finding] };
        assert_eq!(findings(&document), expected, "{address}");
    }
}

#[test]
fn an_ipv6_address_is_unusable() {
    let device = device();
    device.move_to("2001:db8::7");
    let (_, document) = check(&device);
    has_finding(&document, "error address.ipv6");
}

#[test]
fn a_file_that_is_no_address_is_no_reading() {
    let device = device();
    for (text, why) in [
        ("", "empty"),
        ("<html>1.0.1.1</html>", ""),
        ("203.0.113.7 203.0.113.8", ""),
        ("not an address", ""),
        ("203.0.113.07", ""),
        ("203.0.113.7/24", ""),
    ] {
        device.move_to(text);
        let (_, document) = check(&device);
        assert_eq!(document["address"], Value::Null, "{text:?}");
        has_finding(&document, "error address.missing");
        let error = document["observations"][0]["error"].as_str().unwrap();
        assert!(error.contains(why) && !error.is_empty(), "{text:?}: {error}");
    }
    device.move_to(&"203.0.113.7 ".repeat(10_000));
    has_finding(&check(&device).1, "error address.missing");
    std::fs::remove_file(device.dir.join("address")).unwrap();
    let (_, document) = check(&device);
    assert_eq!(document["observations"][0]["value"], Value::Null);
    has_finding(&document, "error address.missing");
    // Unknown is never "no address": nothing goes on to the cloud.
    let plan = device.cgwd(&["plan"]).expect(3).json();
    assert_eq!(plan["decision"], "blocked");
    has_finding(&plan, "error address.missing");
    device.cgwd(&["register"]).expect(3);
}

#[test]
fn each_kind_of_source_answers_or_says_why_not() {
    let (_, document) = check(&with_sources(&["static:203.0.113.9"], ""));
    assert_eq!(document["address"]["value"], "203.0.113.9");
    assert_eq!(document["address"]["source"], "static:203.0.113.9");

    let device = device();
    let works = device.program("works", "#!/bin/sh\necho 203.0.113.11\n");
    let fails = device.program("fails", "#!/bin/sh\necho it hurts >&2\nexit 3\n");
    let chatty = device.program("chatty", "#!/bin/sh\nyes 203.0.113.11\n");
    let silent = device.program("silent", "#!/bin/sh\n");
    let sources = [
        "file:/nonexistent/address".to_owned(),
        format!("command:{}", fails.display()),
        format!("command:{}", chatty.display()),
        format!("command:{}", silent.display()),
        "command:/nonexistent/program".to_owned(),
        "interface:nonexistent0".to_owned(),
        "https://127.0.0.1:1/".to_owned(),
        "interface:lo".to_owned(),
        "route:127.0.0.1".to_owned(),
        format!("command:{}", works.display()),
    ];
    let device = device.with(|device| device.address = format!("sources = {}", json!(sources)));
    let (_, document) = check(&device);
    let observations = document["observations"].as_array().unwrap();
    assert_eq!(observations.iter().map(|each| each["source"].as_str().unwrap()).collect::<Vec<_>>(), sources);
    let error = |at: usize| observations[at]["error"].as_str().unwrap_or_else(|| panic!("{}", observations[at]));
    assert!(error(0).contains("/nonexistent/address") || error(0).contains("exist"), "{}", error(0));
    assert!(error(1).contains("it hurts"), "{}", error(1));
    assert!(error(2).contains("bytes"), "{}", error(2));
    for at in 3..7 {
        assert!(error(at).len() > 10, "{}", error(at));
    }
    assert_eq!(observations[7]["value"], "127.0.0.1");
    assert_eq!(observations[8]["value"], "127.0.0.1");
    assert_eq!(observations[9]["value"], "203.0.113.11");
    // `first`: the first that answers decides, which differ are a warning.
    assert_eq!(document["address"]["source"], "interface:lo");
    has_finding(&document, "warning address.disagreement");
    has_finding(&document, "error address.loopback");
}

/// Answers every request with this, on a port of its own.
fn echo(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _request = stream.read(&mut [0; 4096]);
            let _sent = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn an_echo_service_must_be_https() {
    let url = echo(format!("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{ADDRESS}"));
    let output = with_sources(&[&url], "").cgwd(&["check"]);
    output.expect(2).json();
}

#[test]
fn sources_must_agree_as_configured() {
    let (a, b, c) = ("static:203.0.113.1", "static:203.0.113.2", "file:/nonexistent");
    let (_, document) = check(&with_sources(&[a, b], ""));
    assert_eq!(document["address"]["value"], "203.0.113.1");
    has_finding(&document, "warning address.disagreement");
    let (_, document) = check(&with_sources(&[c, b], ""));
    assert_eq!(document["address"]["value"], "203.0.113.2");
    let (_, document) = check(&with_sources(&[a, b], "agreement = \"all\""));
    assert_eq!(document["address"], Value::Null);
    has_finding(&document, "error address.disagreement");
    let (_, document) = check(&with_sources(&[a, c], "agreement = \"all\""));
    assert_eq!(document["address"], Value::Null);
    has_finding(&document, "error address.missing");

    let device = device();
    device.dir.write("one", "203.0.113.1\n");
    device.dir.write("two", "203.0.113.1\n");
    let files = [format!("file:{}", device.dir.join("one").display()), format!("file:{}", device.dir.join("two").display())];
    for agreement in ["agreement = \"all\"", "agreement = 2"] {
        let (_, document) = check(&with_sources(&[&files[0], &files[1]], agreement));
        assert_eq!(document["address"]["value"], "203.0.113.1", "{agreement}");
        let (_, document) = check(&with_sources(&[&files[0], b], agreement));
        assert_eq!(document["address"], Value::Null, "{agreement}");
        has_finding(&document, "error address.disagreement");
    }
    let (_, document) = check(&with_sources(&[&files[0], b, &files[1]], "agreement = 2"));
    assert_eq!(document["address"]["value"], "203.0.113.1");
    has_finding(&document, "warning address.disagreement");
    let (_, document) = check(&with_sources(&[&files[0], c], "agreement = 2"));
    assert_eq!(document["address"], Value::Null);
}

#[test]
fn settled_is_what_the_state_has_seen_hold() {
    let device = device().with(|device| device.address = device.address.replace("0s", "1h"));
    let (_, document) = check(&device);
    assert_eq!(document["address"]["settled"], false);
    let device = device.with(|device| device.address = device.address.replace("1h", "0s"));
    let (_, document) = check(&device);
    assert_eq!(document["address"]["settled"], true);
    assert!(!device.state().exists(), "check leaves nothing behind");
}

#[test]
fn the_configured_asn_is_judged_in_both_forms() {
    for (asn, value, found) in [
        ("1", 1u32, vec!["info asn.public"]),
        ("65001", 65001, vec![]),
        ("\"65001\"", 65001, vec![]),
        ("\"123.456\"", 8061384, vec!["info asn.public"]),
        ("64511", 64511, vec!["info asn.public"]),
        ("64512", 64512, vec![]),
        ("65534", 65534, vec![]),
        ("4199999999", 4199999999, vec!["info asn.public"]),
        ("4200000000", 4200000000, vec![]),
        ("4294967294", 4294967294, vec![]),
        ("\"65535.65534\"", 4294967294, vec![]),
        ("23456", 23456, vec!["warning asn.as_trans"]),
        ("65535", 65535, vec!["warning asn.reserved_by_rfc"]),
        ("4294967295", 4294967295, vec!["warning asn.reserved_by_rfc"]),
        ("45103", 45103, vec!["info asn.public"]),
        ("45105", 45105, vec!["info asn.public"]),
    ] {
        let device = device().with(|device| device.bgp = format!("asn = {asn}"));
        device.move_to("8.8.8.8");
        let (_, document) = check(&device);
        assert_eq!(document["asn"]["value"], value, "{asn}");
        assert_eq!(document["asn"]["dotted"], format!("{}.{}", value >> 16, value & 0xffff), "{asn}");
        assert_eq!(findings(&document), found, "{asn}");
    }
    for (asn, found) in [
        ("0", "asn.out_of_range"),
        ("\"0.0\"", "asn.out_of_range"),
        ("4294967296", "asn.out_of_range"),
        ("99999999999999999", "asn.out_of_range"),
        ("45104", "asn.reserved_by_cloud"),
        ("\"0.45104\"", "asn.reserved_by_cloud"),
        ("\"1.65536\"", "asn."),
        ("\"65536.1\"", "asn."),
        ("\"garbage\"", "asn.syntax"),
        ("\"\"", "asn.syntax"),
        ("\"1.2.3\"", "asn.syntax"),
        ("\"AS65001\"", "asn.syntax"),
        ("\"1.\"", "asn.syntax"),
        ("-1", "asn."),
    ] {
        let device = device().with(|device| device.bgp = format!("asn = {asn}"));
        let (_, document) = check(&device);
        let errors: Vec<String> = findings(&document).into_iter().filter(|finding| finding.starts_with("error ")).collect();
        assert!(errors.len() == 1 && errors[0].starts_with(&format!("error {found}")), "{asn}: {errors:?}");
        device.cgwd(&["plan"]).expect(3);
    }
}

/// A routing daemon's client that prints what was recorded, by what it is asked.
fn vtysh(device: &Device, summary: &str, configuration: &str, vrfs: &str) {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    device.program(
        "vtysh",
        &format!(
            "#!/bin/sh\nfor last; do :; done\ncase $last in\n  'show bgp summary json') cat {data}/{summary} ;;\n  \
             'show bgp vrf all summary json') cat {data}/{vrfs} ;;\n  'show running-config') {configuration} ;;\n  \
             *) echo \"unexpected: $last\" >&2; exit 1 ;;\nesac\n"
        ),
    );
}

#[test]
fn frr_tells_the_asn_through_vtysh() {
    let router = |line: &str| format!("printf '!\\n{line}\\n!\\n'");
    for (summary, configuration, vrfs, asn) in [
        ("frr/show-bgp-summary.json", router("router bgp 65010"), "frr/no-bgp-instance.json", None),
        ("frr/show-bgp-summary-established.json", router("router bgp 65010"), "frr/no-bgp-instance.json", None),
        ("frr/no-bgp-instance.json", router("router bgp 4200000123"), "frr/no-bgp-instance.json", Some(4200000123u32)),
        ("frr10/asdot.json", router("router bgp 1.10 as-notation dot"), "frr/no-bgp-instance.json", Some(65546)),
    ] {
        let device = device().with(|device| device.bgp = "source = \"frr\"".into());
        vtysh(&device, summary, &configuration, vrfs);
        let (_, document) = check(&device);
        assert_eq!(document["asn"]["source"], "frr", "{summary}: {document:#}");
        let recorded = std::fs::read_to_string(format!("{}/tests/data/{summary}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let recorded: Value = serde_json::from_str(&recorded).unwrap();
        let expected = asn.map(Value::from).unwrap_or_else(|| recorded["ipv4Unicast"]["as"].clone());
        assert_eq!(document["asn"]["value"], expected, "{summary}");
        assert_eq!(document["observations"].as_array().unwrap().len(), 2, "address and ASN");
    }
    let device = device().with(|device| device.bgp = "source = \"frr\"".into());
    vtysh(&device, "frr/no-bgp-instance.json", "echo frr version 8.4", "frr/no-bgp-instance.json");
    let (_, document) = check(&device);
    assert_eq!(document["asn"], Value::Null);
    has_finding(&document, "error asn.missing");
    device.program("vtysh", "#!/bin/sh\necho 'Exiting: failed to connect to any daemons.' >&2\nexit 1\n");
    let (_, document) = check(&device);
    has_finding(&document, "error asn.missing");
    assert!(document["observations"][1]["error"].as_str().unwrap().contains("not running"), "{document:#}");
    // With a configured one beside it the daemon's silence is a warning.
    let device = device.with(|device| device.bgp = "source = \"frr\"\nasn = 65001".into());
    let (_, document) = check(&device);
    assert_eq!(document["asn"]["value"], 65001);
    assert!(findings(&document).contains(&"warning asn.unknown".to_owned()), "{document:#}");
    vtysh(&device, "frr/show-bgp-summary.json", &router("router bgp 65010"), "frr/no-bgp-instance.json");
    has_finding(&check(&device).1, "error asn.mismatch");
}

#[test]
fn bird_tells_the_asn_through_birdc() {
    for sample in ["bird/show-protocols-all.txt", "bird3/show-protocols-all.txt", "bird/show-protocols-all-disabled.txt"] {
        let path = format!("{}/tests/data/{sample}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        let mut local: Vec<u64> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Local AS:").or_else(|| line.trim().strip_prefix("Local AS")))
            .map(|number| number.trim_matches(|c: char| c == ':' || c.is_whitespace()).parse().unwrap())
            .collect();
        local.dedup();
        let device = device().with(|device| device.bgp = "source = \"bird\"".into());
        device.program("birdc", &format!("#!/bin/sh\ncat {path}\n"));
        let (_, document) = check(&device);
        match local.as_slice() {
            [one] => assert_eq!(document["asn"]["value"], *one, "{sample}"),
            several => has_finding(&document, if several.is_empty() { "error asn.missing" } else { "error asn.mismatch" }),
        }
    }
    let device = device().with(|device| device.bgp = "source = \"bird\"".into());
    device.program("birdc", "#!/bin/sh\necho 'Unable to connect to server control socket (bird.ctl): No such file or directory'\nexit 1\n");
    let (_, document) = check(&device);
    has_finding(&document, "error asn.missing");
    assert!(document["observations"][1]["error"].as_str().unwrap().contains("not running"), "{document:#}");
}

#[test]
fn the_asn_from_a_file_or_a_program() {
    let device = device();
    let file = device.dir.write("asn", "123.456\n");
    let device = device.with(|device| device.bgp = format!("source = \"file:{}\"", file.display()));
    assert_eq!(check(&device).1["asn"]["value"], 8061384);
    device.dir.write("asn", "sixty-five thousand\n");
    let (_, document) = check(&device);
    assert_eq!(document["asn"], Value::Null);
    assert!(findings(&document).iter().any(|finding| finding.starts_with("error asn.")), "{document:#}");
    let program = device.program("asn-of", "#!/bin/sh\necho 65007\n");
    let device = device.with(|device| device.bgp = format!("source = \"command:{}\"\nasn = \"0.65007\"", program.display()));
    assert_eq!(check(&device).1["asn"]["value"], 65007);
}

#[test]
fn prefer_picks_one_of_several() {
    if !common::inside_a_network_of_its_own("prefer_picks_one_of_several") {
        return;
    }
    common::ip("link add g0 type veth peer name g1");
    for address in ["203.0.113.7/24", "198.51.100.7/24"] {
        common::ip(&format!("addr add {address} dev g0"));
    }
    let (_, document) = check(&with_sources(&["interface:g0"], ""));
    assert_eq!(document["address"], Value::Null);
    has_finding(&document, "error address.ambiguous");
    let (_, document) = check(&with_sources(&["interface:g0"], "prefer = \"198.51.100.0/24\""));
    assert_eq!(document["address"]["value"], "198.51.100.7");
    let (_, document) = check(&with_sources(&["interface:g0"], "prefer = \"192.0.2.0/24\""));
    assert_eq!(document["address"], Value::Null, "{document:#}");
}

#[test]
fn a_person_reads_it_too() {
    let device = device();
    let output = device.plain(&["check"]);
    output.expect(0);
    for words in ["branch-1", ADDRESS, "65001", "address.documentation", "what to do"] {
        assert!(output.stdout.contains(words), "no {words} in {}", output.stdout);
    }
    assert!(!output.stdout.contains('\u{1b}'), "no colours where nobody looks");
    device.move_to("10.0.0.1");
    let output = device.plain(&["check"]);
    output.expect(3);
    assert!(output.stdout.contains("address.not_public"), "{}", output.stdout);
}

/// A site whose policy for 0.0.0.0/0 takes along whatever has no exception of its own.
#[test]
fn a_question_that_would_leave_through_ipsec_is_told_with_its_bypass() {
    if !common::inside_a_network_of_its_own("a_question_that_would_leave_through_ipsec_is_told_with_its_bypass") {
        return;
    }
    for line in [
        "link add g0 type veth peer name i0",
        "link set g0 up",
        "link set i0 up",
        "addr add 203.0.113.7/24 dev g0",
        "route add default via 203.0.113.1",
    ] {
        common::ip(line);
    }
    let device = Device::at("https://198.51.100.81").with(|device| {
        device.address = format!("sources = {}", json!(["static:203.0.113.7", "https://198.51.100.80/ip?token=canary"]));
        device.cloud = "region = \"cn-shanghai\"\ntimeout = \"1s\"".into();
    });
    let told = |device: &Device| {
        let (output, document) = check(device);
        assert!(!output.stdout.contains("canary") && !output.stderr.contains("canary"), "{output:?}");
        let found = document["findings"].as_array().unwrap().clone();
        found.into_iter().filter(|finding| finding["code"] == "address.into_ipsec").collect::<Vec<Value>>()
    };
    assert_eq!(told(&device), Vec::<Value>::new());

    common::ip(
        "xfrm policy add src 0.0.0.0/0 dst 0.0.0.0/0 dir out priority 3000 tmpl src 203.0.113.7 dst 198.51.100.9 proto esp mode tunnel",
    );
    let both = told(&device);
    assert_eq!(both.len(), 2, "{both:#?}");
    let message = both[0]["message"].as_str().unwrap();
    assert!(message.starts_with("the address source 198.51.100.80 (198.51.100.80) would be asked through the IPsec policy"), "{message}");
    assert!(message.contains("0.0.0.0/0 -> 0.0.0.0/0 (priority 3000)"), "{message}");
    assert!(both[0]["remedy"].as_str().unwrap().contains("remote_ts = 198.51.100.80/32"), "{both:#?}");
    assert!(both[1]["message"].as_str().unwrap().starts_with("the cloud's API 198.51.100.81"), "{both:#?}");
    assert_eq!(both[1]["severity"], "warning");

    // The remedy, as it is told.
    common::ip("xfrm policy add dst 198.51.100.80/32 dir out priority 1");
    let one = told(&device);
    assert_eq!(one.len(), 1, "{one:#?}");
    assert!(one[0]["message"].as_str().unwrap().contains("198.51.100.81"), "{one:#?}");

    // Who may not see the policies is told so: nothing seen is not nothing there.
    let mut command = std::process::Command::new("setpriv");
    command.args(["--bounding-set=-all", "--inh-caps=-all", common::simulated::CGWD, "--config"]).arg(device.config_path()).arg("check");
    device.surround(&mut command);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("IPsec policies cannot be seen (Operation not permitted"), "{text}");
}
