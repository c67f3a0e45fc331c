//! `cgwd demo` as a person or a script runs it: the real binary, everywhere it promises to run.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program runs programs and looks at files")]

mod common;

use serde_json::Value;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const SCENES: [&str; 9] = [
    "1. This machine",
    "2. The daemon starts, and registers the device",
    "3. The network team builds three connections on it",
    "4. The address changes",
    "5. What replacing it takes: `cgwd plan`",
    "6. The replacement: `cgwd replace`, carried out by the daemon",
    "7. The address changes back, and the process dies in the middle",
    "8. What was written, and where",
    "9. On a real device",
];

/// A directory for temporary files of its own, so that what a demo leaves is found and removed.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Temporary {
        let path = std::env::temp_dir().join(format!("cgwd-test-demo-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Temporary(path)
    }

    /// The demo's environment has this directory in it, also at the head of the search path, and keys that it must not take.
    fn demo(&self, program: &Path, before: &[&str], arguments: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap();
        let mut words = before.to_vec();
        words.push(program.to_str().unwrap());
        words.extend(arguments);
        Command::new(words[0])
            .args(&words[1..])
            .env_clear()
            .env("PATH", format!("{}:{path}", self.0.display()))
            .env("TMPDIR", &self.0)
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "key-of-the-user")
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret-of-the-user")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What demos left below.
    fn left(&self) -> Vec<PathBuf> {
        std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn cgwd() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cgwd"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The keys and pre-shared keys of the simulated cloud, and the user's own.
fn assert_no_secret(text: &str) {
    let seed: Value = serde_json::from_str(include_str!("../src/cli/demo/seed.json")).unwrap();
    let key = seed["Credentials"][0]["AccessKeySecret"].as_str().unwrap();
    let auth_key = seed["Regions"]["cn-hangzhou"]["CustomerGateways"][0]["AuthKey"].as_str().unwrap();
    for secret in [key, auth_key, "demo-psk-of", "-of-the-user"] {
        assert!(!text.contains(secret), "{secret} is shown");
    }
    let signature = text.split("Signature=").nth(1).expect("the signature is shown").chars().take_while(char::is_ascii_hexdigit);
    assert_eq!(signature.count(), 8, "only the beginning of the signature is shown");
}

#[test]
fn the_story_is_told_from_beginning_to_end() {
    let temporary = Temporary::new("text");
    let started = Instant::now();
    let output = temporary.demo(cgwd(), &[], &["demo"]);
    let took = started.elapsed();
    println!("the demo took {took:?} (the promise is 8 s where nothing else runs)");
    let shown = text(&output.stdout);
    assert_eq!(text(&output.stderr), "", "the daemon's logs stay out of the demo");
    assert!(output.status.success(), "{shown}");
    let mut rest = shown.as_str();
    for scene in SCENES {
        let at = rest.find(scene).unwrap_or_else(|| panic!("`{scene}` is missing, or in the wrong place:\n{shown}"));
        rest = &rest[at..];
    }
    for evidence in [
        "CreateCustomerGateway POST http://127.0.0.1:",
        "RequestId",
        "MESSAGE_ID=8f4f8839e4274ce9bb4fb1371d123326",
        "CGWD_EVENT=address.changed",
        "alert replacement.needed",
        "5 of 5 tunnels are down",
        "decision      replace",
        "working_tunnel: no tunnel on the old customer gateway works",
        "19/19  DeleteCustomerGateway",
        "3 connections, 5 tunnels and 2 routes are as before, keys included",
        "CreateVpnConnection has left, its answer has not arrived",
        "was interrupted; it goes on from the journal",
        "it was made, and is not made twice",
        "journalctl -u cgwd",
    ] {
        assert!(shown.contains(evidence), "`{evidence}` is missing:\n{shown}");
    }
    assert_eq!(shown.matches(": in_sync").count(), 2, "after each replacement:\n{shown}");
    assert!(!shown.contains('\u{1b}'), "no colours where nobody has a terminal");
    assert_no_secret(&shown);
    assert_what_is_left(&temporary, &shown);
}

/// The directory that was named, private, with the files that were named and no secret; other commands read it.
fn assert_what_is_left(temporary: &Temporary, shown: &str) {
    let left = temporary.left();
    let [directory] = left.as_slice() else { panic!("one directory was to be left: {left:?}") };
    assert!(shown.contains(&format!("rm -r {}", directory.display())));
    assert_eq!(std::fs::metadata(directory).unwrap().permissions().mode() & 0o777, 0o700);
    for file in ["config.toml", "address", "state/journal.db"] {
        let bytes = std::fs::read(directory.join(file)).unwrap();
        let content = String::from_utf8_lossy(&bytes);
        for secret in ["demo-device-secret", "demo-psk-of", "-of-the-user"] {
            assert!(!content.contains(secret), "{secret} is in {file}");
        }
        assert!(shown.contains(file), "{file} is not named");
    }
    // The daemon was ended in good order.
    assert!(!directory.join("state/control.sock").exists());
    assert!(!directory.join("state/journal.db-wal").exists());
    let config = directory.join("config.toml");
    let history = temporary.demo(cgwd(), &[], &["--json", "--config", config.to_str().unwrap(), "history"]);
    let history: Value = serde_json::from_slice(&history.stdout).unwrap();
    let write = history["entries"].as_array().unwrap().iter().find(|entry| entry["kind"] == "write").unwrap();
    assert_eq!((write["action"].as_str(), write["outcome"].as_str()), (Some("CreateCustomerGateway"), Some("done")));
}

#[test]
fn the_document_holds_everything() {
    let temporary = Temporary::new("json");
    let output = temporary.demo(cgwd(), &[], &["--json", "demo"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document and nothing else");
    assert_eq!(document["schema"], 1);
    let identity = &document["machine"]["goes_on_with"];
    let request = &document["registration"]["request"];
    assert_eq!(request["action"], "CreateCustomerGateway");
    assert_eq!(request["parameters"]["IpAddress"], identity["address"]);
    assert_eq!(request["parameters"]["Asn"], identity["asn"]);
    let (journal, answer) = (&document["registration"]["journal"], &document["registration"]["answer"]);
    assert_eq!(journal["client_token"], request["parameters"]["ClientToken"], "what was journaled is what was sent");
    assert_eq!(journal["request_id"], answer["request_id"]);
    assert_eq!(journal["result"], answer["customer_gateway_id"]);

    let change = &document["change"];
    let alerts = change["alerts"].as_array().unwrap();
    let codes: Vec<&str> = alerts.iter().map(|alert| alert["journal"]["CGWD_EVENT"].as_str().unwrap()).collect();
    assert_eq!(codes, ["address.changed", "address.settled", "replacement.needed"]);
    for alert in alerts {
        assert_eq!(alert["journal"]["MESSAGE_ID"].as_str().unwrap().len(), 32);
        assert!(alert["millis"].as_f64().unwrap() > 0.0);
    }
    assert_eq!(alerts[0]["journal"]["CGWD_ADDRESS_OLD"], change["from"]);
    assert_eq!(alerts[0]["journal"]["CGWD_ADDRESS_NEW"], change["to"]);

    let plan = &document["plan"];
    assert_eq!(plan["decision"], "replace");
    assert_eq!(plan["customer_gateway"]["id"], answer["customer_gateway_id"]);
    let strategies = |name: &str| plan["steps"].as_array().unwrap().iter().filter(|step| step["strategy"] == name).count();
    assert_eq!((strategies("rebind"), strategies("recreate")), (4, 6), "four tunnels, and a connection with two routes");
    assert_eq!(document["connections"].as_array().unwrap().len(), 3);
    assert!(plan["gates"].as_array().unwrap().iter().all(|gate| gate["passed"] == true));
    assert_replaced(&document["replacement"], change);
    assert_survived(&document["survival"], change);
    let writes = document["history"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "write");
    assert_eq!(writes.filter(|write| write["outcome"] != "done").count(), 0, "no write is left without an outcome");
    assert_no_secret(&text(&output.stdout));
    println!("address.changed was told {} ms after the change", alerts[0]["millis"]);
}

/// Carried out step by step, in the order that keeps the outage short, with nothing of the old customer gateway left.
fn assert_replaced(replacement: &Value, change: &Value) {
    let ended = &replacement["ended"];
    assert_eq!(ended["outcome"], "done");
    let connections = ended["connections"].as_array().unwrap();
    assert!(connections.iter().all(|connection| connection["verified"] == true), "{connections:?}");
    let made_again: Vec<&Value> = connections.iter().filter(|connection| connection["strategy"] == "recreate").collect();
    let [single] = made_again.as_slice() else { panic!("one connection cannot be pointed elsewhere: {connections:?}") };
    assert_ne!(single["old_id"], single["new_id"]);
    assert_eq!(
        proven(replacement, &single["old_id"]),
        [
            "DeleteVpnRouteEntry",
            "DeleteVpnRouteEntry",
            "DeleteVpnConnection",
            "CreateVpnConnection",
            "CreateVpnRouteEntry",
            "CreateVpnRouteEntry",
            "UnTagResources",
            "Verify"
        ]
    );
    let away = replacement["away"].as_array().unwrap();
    for rebound in connections.iter().filter(|connection| connection["strategy"] == "rebind") {
        let action = proven(replacement, &rebound["old_id"])[0].clone();
        assert_eq!(proven(replacement, &rebound["old_id"]), [&action, &action, "Verify", "Verify"], "neither waits for the other");
        let tunnels: Vec<u64> =
            away.iter().filter(|away| away["connection"] == rebound["old_id"]).map(|away| away["tunnel"].as_u64().unwrap()).collect();
        assert_eq!(tunnels, [2, 1], "the standby comes back first");
    }
    assert_eq!(away.len(), 5);
    for tunnel in away {
        let (away, touched) = (tunnel["away_seconds"].as_f64().unwrap(), tunnel["touched_seconds"].as_f64().unwrap());
        assert!(0.0 < touched && touched < away, "{tunnel}");
    }
    assert_in_sync(replacement, &change["to"]);
}

/// What was proven of a connection, in order.
fn proven(replacement: &Value, connection: &Value) -> Vec<String> {
    let notices = replacement["notices"].as_array().unwrap();
    let of_it = |kind: &'static str| notices.iter().filter(move |notice| notice["kind"] == kind && notice["connection"] == *connection);
    let began = |step: &Value| of_it("began").find(|notice| notice["step"] == *step).unwrap()["action"].as_str().unwrap().to_owned();
    of_it("proven").map(|notice| began(&notice["step"])).collect()
}

/// Died between a write and its answer; the next process looked, and made nothing twice.
fn assert_survived(survival: &Value, change: &Value) {
    assert_eq!((&survival["from"], &survival["to"]), (&change["to"], &change["from"]));
    let (done, total) = (survival["done_at_death"].as_u64().unwrap(), survival["total"].as_u64().unwrap());
    assert!(0 < done && done < total, "{done} of {total} steps were done");
    let (write, concluded) = (&survival["write"], &survival["concluded"]);
    assert_eq!((&write["action"], &write["outcome"]), (&"CreateVpnConnection".into(), &"intended".into()));
    assert_eq!((&concluded["outcome"], &concluded["concluded_by"]), (&"done".into(), &"looking".into()));
    assert_eq!(concluded["client_token"], write["client_token"]);
    let made = survival["ended"]["connections"].as_array().unwrap().iter().filter(|connection| connection["new_id"] == concluded["result"]);
    assert_eq!((made.count(), &survival["made"]), (1, &1.into()), "it was made once");
    assert_eq!(survival["ended"]["plan"], survival["plan"]);
    assert_in_sync(survival, &change["from"]);
}

fn assert_in_sync(scene: &Value, address: &Value) {
    let (ended, status) = (&scene["ended"], &scene["status"]);
    let gateways = scene["customer_gateways"].as_array().unwrap();
    assert!(!gateways.contains(&ended["old_customer_gateway_id"]) && gateways.contains(&ended["new_customer_gateway_id"]));
    assert_eq!(status["decision"], "in_sync");
    assert_eq!(status["customer_gateway"]["id"], ended["new_customer_gateway_id"]);
    assert_eq!(&status["customer_gateway"]["ip"], address);
    assert_eq!(status["replacement"], Value::Null);
    assert_eq!(scene["established"], 5, "every tunnel");
}

#[test]
fn a_place_whose_paths_no_socket_takes_is_refused() {
    let temporary = Temporary::new("deep");
    let deep = temporary.0.join("a-name-that-fills-what-the-kernel-takes-for-the-path-of-a-socket-of-a-daemon");
    std::fs::create_dir(&deep).unwrap();
    let output = Command::new(cgwd()).arg("demo").env("TMPDIR", &deep).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("TMPDIR=/tmp cgwd demo"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_dir(&deep).unwrap().count(), 0, "nothing is written before it is refused");
}

#[test]
fn nobody_to_press_enter_is_a_usage_error() {
    let temporary = Temporary::new("step");
    for arguments in [&["demo", "--step"][..], &["--json", "demo", "--step"]] {
        let output = temporary.demo(cgwd(), &[], arguments);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("--step waits for Enter"));
    }
    assert!(temporary.left().is_empty(), "nothing is written before it is refused");
}

#[test]
fn an_interrupt_ends_it_at_once_and_in_good_order() {
    let temporary = Temporary::new("interrupt");
    let mut demo =
        Command::new(cgwd()).arg("demo").env("TMPDIR", &temporary.0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The daemon runs once its control socket is there; the demo then waits a second for the address to settle.
    let socket = || temporary.left().first().is_some_and(|directory| directory.join("state/control.sock").exists());
    let deadline = Instant::now() + Duration::from_secs(60);
    while !socket() {
        assert!(Instant::now() < deadline, "the daemon did not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap().success());
    let interrupted = Instant::now();
    assert_eq!(demo.wait().unwrap().code(), Some(6));
    println!("ended {:?} after the interrupt", interrupted.elapsed());
    let mut stderr = String::new();
    std::io::Read::read_to_string(&mut demo.stderr.take().unwrap(), &mut stderr).unwrap();
    let directory = temporary.left().pop().unwrap();
    assert!(stderr.contains("interrupted") && stderr.contains(&format!("rm -r {}", directory.display())), "{stderr}");
    assert!(!directory.join("state/control.sock").exists(), "the daemon was ended in good order");
}

#[test]
fn a_machine_without_a_network_is_told_so_and_goes_on() {
    let temporary = Temporary::new("namespace");
    if !Command::new("unshare").args(["-rn", "true"]).output().is_ok_and(|output| output.status.success()) {
        return common::missing("the demo without a network", "`unshare -rn` is not allowed here");
    }
    // A new namespace has a loopback interface that is down.
    for (prepare, through) in [("true", "memory"), ("ip link set lo up", "http")] {
        let script = format!("{prepare} && exec \"$0\" \"$@\"");
        let output = temporary.demo(cgwd(), &["unshare", "-rn", "sh", "-c", &script], &["--json", "demo"]);
        assert!(output.status.success(), "{prepare}: {}", text(&output.stderr));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["registration"]["request"]["through"], through);
        assert_eq!(document["machine"]["goes_on_with"]["of_this_machine"], false);
        assert!(document["machine"]["route"]["error"].as_str().unwrap().contains("no route"));
        if through == "http" {
            assert_eq!(document["machine"]["verdict"]["public"][0]["code"], "address.loopback");
            assert_eq!(document["machine"]["verdict"]["private"][0]["code"], "address.loopback");
        }
        assert_eq!(document["plan"]["decision"], "replace");
        assert_survived(&document["survival"], &document["change"]);
    }
}

#[test]
fn a_private_address_is_refused_for_the_internet_and_registered_on_a_private_line() {
    let temporary = Temporary::new("private");
    let script = "ip link set lo up && ip link add lan0 type veth peer name lan1 && ip link set lan1 up && ip addr add 10.20.30.40/24 dev lan0 && ip link set lan0 up \
                  && ip route add default dev lan0 && exec \"$0\" \"$@\"";
    let probe = Command::new("unshare").args(["-rn", "ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        return common::missing("the demo on a private line", "`unshare -rn ip link add lan0 type veth` is not possible here");
    }
    let output = temporary.demo(cgwd(), &["unshare", "-rn", "sh", "-c", script], &["--json", "demo"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let machine = &document["machine"];
    assert_eq!(machine["route"]["value"], "10.20.30.40");
    assert_eq!(machine["verdict"]["public"][0]["code"], "address.not_public");
    assert_eq!(machine["verdict"]["private"].as_array().unwrap().len(), 0);
    assert_eq!((&machine["goes_on_with"]["network"], &machine["goes_on_with"]["of_this_machine"]), (&"private".into(), &true.into()));
    assert_eq!(document["change"]["to"], "10.20.30.41");
    assert_eq!(document["plan"]["findings"].as_array().unwrap().len(), 0);
}

#[test]
fn anybody_can_run_it_from_anywhere() {
    let temporary = Temporary::new("nobody");
    let probe = Command::new("setpriv").args(["--reuid", "65534", "--clear-groups", "true"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        return common::missing("the demo as nobody", "`setpriv --reuid 65534` is not allowed here");
    }
    // The build directory may be closed to others.
    let binary = temporary.0.join("cgwd");
    std::fs::copy(cgwd(), &binary).unwrap();
    std::fs::set_permissions(&temporary.0, Permissions::from_mode(0o777)).unwrap();
    let script = "cd /proc && exec \"$0\" \"$@\"";
    let output = temporary.demo(&binary, &["setpriv", "--reuid", "65534", "--clear-groups", "sh", "-c", script], &["demo"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("9. On a real device"));
}

#[test]
fn the_asn_of_this_machines_bgp_daemon_is_registered() {
    let temporary = Temporary::new("bgp");
    // As FRR's own vtysh answers: a BGP instance without neighbours is in the configuration alone.
    let vtysh = "#!/bin/sh\ncase \"$*\" in *running-config*) echo 'router bgp 4200000001' ;; *) echo '{}' ;; esac\n";
    let path = temporary.0.join("vtysh");
    std::fs::write(&path, vtysh).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let output = temporary.demo(cgwd(), &[], &["--json", "demo"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["registration"]["config"].as_str().unwrap().contains("source = \"frr\""));
    assert_eq!(document["registration"]["request"]["parameters"]["Asn"], "4200000001");
    assert_eq!(document["plan"]["asn"]["source"], "frr");
}
