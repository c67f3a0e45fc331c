//! Exit codes and documents, as scripts rely on them.

use crate::common::daemon::Daemon;
use crate::common::device::{Device, findings, plan_shape, shape};
use crate::common::simulated::Sim;
use crate::replacing::estate::Estate;
use crate::replacing::wire::Wire;
use crate::replacing::{NEW, OLD, Scene, fault, is_done, written};
use serde_json::{Value, json};

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

const PLAN: [&str; 10] = ["address", "asn", "customer_gateway", "decision", "device", "findings", "gates", "region", "schema", "steps"];
/// What it does beside its steps.
const CONSEQUENCES: [&str; 4] = ["interruptions", "losses", "not_asked_to_come_up", "rewrites"];
const ENDED: [&str; 5] = ["connections", "millis", "new_customer_gateway_id", "old_customer_gateway_id", "outcome"];

#[test]
fn the_document_has_the_plan_and_what_came_of_it_and_nothing_else() {
    let scene = Scene::of(Estate::all());
    let document = scene.replace(&[]).expect(0).json();
    plan_shape(&document);
    let mut all = [&PLAN[..], &CONSEQUENCES, &ENDED].concat();
    all.sort_unstable();
    assert_eq!(keys(&document), all);
    assert_eq!(keys(&document["customer_gateway"]), ["asn", "created", "id", "ip", "name"]);
    for step in document["steps"].as_array().unwrap() {
        assert_eq!(keys(step), ["action", "destructive", "id", "reason", "strategy", "target"]);
    }
    for gate in document["gates"].as_array().unwrap() {
        assert_eq!(keys(gate), ["detail", "name", "passed"]);
    }
    for rewrite in document["rewrites"].as_array().unwrap() {
        assert_eq!(keys(rewrite), ["after", "before", "connection", "field"]);
        assert_eq!((&rewrite["before"], &rewrite["after"]), (&json!(OLD), &json!(NEW)));
    }
    for interruption in document["interruptions"].as_array().unwrap() {
        assert_eq!(keys(interruption), ["connection", "interruption"]);
    }
    assert!(document["losses"].as_array().unwrap().iter().all(Value::is_string));
    for connection in document["connections"].as_array().unwrap() {
        assert_eq!(keys(connection), ["new_id", "old_id", "strategy", "verified"]);
        assert!(["rebind", "recreate"].contains(&connection["strategy"].as_str().unwrap()));
    }
    let world = scene.world();
    let new = scene.sim.gateways().into_iter().find(|gateway| gateway["IpAddress"] == NEW).unwrap();
    assert_eq!(document["old_customer_gateway_id"], "cgw-old");
    assert_eq!(document["new_customer_gateway_id"], new["CustomerGatewayId"]);
    let ids: Vec<&str> = document["connections"].as_array().unwrap().iter().map(|moved| moved["new_id"].as_str().unwrap()).collect();
    assert!(ids.contains(&world.ids["single"].as_str()));
    assert!(document["millis"].as_u64().is_some_and(|millis| millis > 0));
    findings(&document);
}

/// A plan of the same, made a moment before, names the same steps.
#[test]
fn what_is_done_is_what_plan_has_shown() {
    let scene = Scene::of(Estate::all());
    let planned = scene.device.cgwd(&["plan"]).expect(4).json();
    let done = scene.replace(&[]).expect(0).json();
    assert_eq!(planned["steps"], done["steps"]);
}

#[test]
fn nobody_there_to_confirm_is_a_usage_error() {
    let scene = Scene::of(Estate::new().dual());
    let before = scene.world();
    for arguments in [&["replace"][..], &["replace", "--planned"], &["replace", "--to", NEW]] {
        let output = scene.device.cgwd(arguments);
        assert!(output.expect(2).stderr.contains("--yes"), "{arguments:?}: {}", output.stderr);
    }
    assert_eq!(scene.world(), before);
    assert!(!scene.device.state().exists(), "and nothing is left on the device");
}

#[test]
fn arguments_that_contradict_one_another_are_usage_errors() {
    let device = Device::at("http://127.0.0.1:1");
    for arguments in [
        &["--resume", "--abort"][..],
        &["--resume", "--planned"],
        &["--abort", "--to", NEW],
        &["--resume", "--asn", "65009"],
        &["--to", "not-an-address"],
        &["--to", "2001:db8::1"],
        &["--asn", "65536.1"],
        &["--asn", "0"],
        &["--unheard-of"],
    ] {
        let output = device.plain(&[&["replace", "--yes"], arguments].concat());
        output.expect(2);
    }
}

/// What the cloud would refuse is refused here, before it is asked.
#[test]
fn an_unusable_target_is_named_with_its_rule() {
    let scene = Scene::of(Estate::new().dual());
    for (arguments, code) in [
        (&["--to", "100.64.0.1"][..], "error address.shared_space"),
        (&["--to", "10.0.0.1"], "error address.not_public"),
        (&["--to", "224.0.0.1"], "error address.multicast"),
        (&["--asn", "45104"], "error asn.reserved_by_cloud"),
    ] {
        let document = scene.replace(&[arguments, &["--planned"]].concat()).expect(3).json();
        assert!(findings(&document).iter().any(|found| found == code), "{arguments:?}: {document:#}");
        assert_eq!(document["outcome"], "blocked");
    }
    assert!(written(&scene.device).is_empty());
}

#[test]
fn in_sync_is_done_and_writes_nothing() {
    let scene = Scene::of(Estate::new().dual().device_at(&[OLD]));
    scene.device.move_to(OLD);
    let wire = Wire::listening(&scene.sim);
    let scene = scene.over(&wire.url());
    for arguments in [&[][..], &["--resume"], &["--planned"]] {
        let document = scene.replace(arguments).expect(0).json();
        assert_eq!((&document["decision"], &document["outcome"]), (&json!("in_sync"), &json!("done")));
        assert_eq!(document["connections"], json!([]));
    }
    assert!(wire.writes().is_empty());
}

/// `replace` replaces: it does not register.
#[test]
fn what_register_would_do_is_left_to_register() {
    let adoptable = json!([{"CustomerGatewayId": "cgw-x", "IpAddress": NEW, "Asn": 65001}]);
    for (gateways, decision) in [(json!([]), "create"), (adoptable, "adopt")] {
        let sim = Sim::with(json!({"CustomerGateways": gateways}));
        let device = Device::new(&sim);
        device.move_to(NEW);
        let before = sim.gateways();
        for arguments in [&[][..], &["--resume"]] {
            let document = device.cgwd(&[&["replace", "--yes"], arguments].concat()).expect(4).json();
            assert_eq!(document["decision"], decision);
            assert_ne!(document["outcome"], "done");
        }
        assert_eq!(sim.gateways(), before);
    }
}

#[test]
fn to_resume_where_nothing_is_pending_tells_whether_a_change_is_needed() {
    let scene = Scene::of(Estate::new().dual());
    let before = scene.world();
    let document = scene.replace(&["--resume"]).expect(4).json();
    assert_eq!(document["decision"], "replace");
    assert_eq!(scene.world(), before, "it resumes, it does not begin");
    is_done(&scene.replace(&[]).expect(0).json());
    let document = scene.replace(&["--resume"]).expect(0).json();
    assert_eq!(document["decision"], "in_sync");
}

#[test]
fn there_is_nothing_to_give_up_where_nothing_is_open() {
    let scene = Scene::of(Estate::new().dual());
    let output = scene.device.plain(&["replace", "--abort"]);
    output.expect(0);
    assert!(output.stdout.contains("no replacement is open") && output.stderr.is_empty(), "{output:?}");
    // The document is that of every other answer, with a daemon and without.
    is_no_error(&scene, Value::Null);
    let mut daemon = Daemon::start(&scene.device);
    daemon.wait_decision("replace");
    is_no_error(&scene, json!("replace"));
    daemon.stop();
}

fn is_no_error(scene: &Scene, decision: Value) {
    let document = scene.device.cgwd(&["replace", "--abort"]).expect(0).json();
    plan_shape(&document);
    shape(&document, &ENDED);
    let (outcome, reason) = (&document["outcome"], &document["reason"]);
    assert_eq!((outcome, &document["decision"], document.get("error")), (&Value::Null, &decision, None), "{document:#}");
    assert_eq!(reason["message"], "no replacement is open");
    assert!(reason["remedy"].is_string(), "{document:#}");
}

/// A mistake in the file does not keep a person from seeing and stopping what the daemon does by the one that it has read before.
#[test]
fn a_configuration_that_cannot_be_used_is_no_reason_not_to_look() {
    let refusal = fault("ModifyTunnelAttribute", "from = 2\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden\"");
    let scene = Scene::with_faults(Estate::new().dual(), &refusal);
    scene.replace(&[]).expect(6);
    let mut daemon = Daemon::start(&scene.device);
    daemon.wait_status("the daemon", |status| status["daemon"] == "running" && status["replacement"]["plan"].is_string());
    let text = scene.device.config_text();
    for broken in [format!("{text}\n[nonsense]\n"), format!("{text}\n[[[\n")] {
        scene.device.dir.write("config.toml", &broken);
        let output = scene.device.cgwd(&["status"]);
        let status = output.expect(0).json();
        assert!(status["daemon"] == "running" && status["replacement"]["plan"].is_string(), "{status:#}");
        assert!(output.stderr.contains("config.toml"), "what is wrong is said: {}", output.stderr);
        let entries = scene.device.cgwd(&["history"]).expect(0).json()["entries"].clone();
        assert!(!entries.as_array().unwrap().is_empty());
        scene.device.cgwd(&["plan"]).expect(2);
        scene.device.cgwd(&["replace", "--resume"]).expect(2);
    }
    let output = scene.device.cgwd(&["replace", "--abort"]);
    assert_eq!(output.expect(0).json()["outcome"], "abandoned");
    daemon.stop();

    // Without a daemon there is the database to look into, and nobody who gives up.
    let output = scene.device.cgwd(&["status"]);
    let status = output.expect(0).json();
    shape(&status, &["schema", "daemon", "decision", "address", "asn", "customer_gateway", "replacement", "alerts", "last_cloud_contact"]);
    assert_eq!((&status["daemon"], &status["address"]["value"]), (&json!("stopped"), &json!(NEW)), "{status:#}");
    scene.device.cgwd(&["replace", "--abort"]).expect(2);
    // A file that tells nothing is no word for the default.
    scene.device.dir.write("config.toml", "[[[\n");
    for command in ["status", "history"] {
        scene.device.cgwd(&[command]).expect(2);
    }
}

/// Where no daemon runs, `status` tells what the commands have seen and done.
#[test]
fn status_knows_what_a_replacement_without_a_daemon_has_seen() {
    let known = |scene: &Scene, decision: &str| {
        let status = scene.device.status();
        assert_eq!((&status["address"]["value"], &status["address"]["settled"]), (&json!(NEW), &json!(true)), "{status:#}");
        assert_eq!((&status["asn"]["value"], &status["decision"]), (&json!(65001), &json!(decision)), "{status:#}");
        assert!(status["last_cloud_contact"].is_string(), "{status:#}");
        status
    };
    // With nothing noted before, and with what `register` had noted.
    let scene = Scene::of(Estate::new().dual());
    is_done(&scene.replace(&[]).expect(0).json());
    known(&scene, "in_sync");
    let scene = Scene::of(Estate::new().dual());
    scene.device.move_to(OLD);
    scene.device.cgwd(&["register"]).expect(0);
    scene.device.move_to(NEW);
    is_done(&scene.replace(&[]).expect(0).json());
    assert_eq!(known(&scene, "in_sync")["customer_gateway"]["ip"], NEW);
    // While it is open, and after it went back.
    let refusal = fault("ModifyTunnelAttribute", "nth = 2\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden\"");
    let scene = Scene::with_faults(Estate::new().dual(), &refusal);
    scene.replace(&[]).expect(6);
    assert!(known(&scene, "replace")["replacement"]["plan"].is_string());
    let scene = Scene::of(Estate::new().dual().device_at(&[OLD])).set("verify_timeout", "\"1s\"");
    assert_eq!(scene.replace(&["--planned"]).expect(1).json()["outcome"], "rolled_back");
    known(&scene, "replace");
}

/// The auditor asks what was deleted and why: each line says it.
#[test]
fn history_tells_a_replacement_line_by_line() {
    let scene = Scene::of(Estate::new().dual().single());
    let done = scene.replace(&[]).expect(0).json();
    let text = scene.device.plain(&["history"]).expect(0).stdout.clone();
    println!("{text}");
    let lines: Vec<&str> = text.lines().filter_map(|line| line.split_once("  ")).map(|(_, what)| what).collect();
    let plan = lines[0..].iter().find_map(|line| line.strip_prefix("replacement ")?.split(' ').next()).unwrap();
    let said = |parts: &[&str]| assert!(lines.iter().any(|line| parts.iter().all(|part| line.contains(part))), "no {parts:?} in\n{text}");
    said(&[plan, "begins: cgw-old (203.0.113.10 AS65001) by 203.0.113.11 AS65001 for vco-dual, vco-single", "in the order new-first"]);
    let deletes = done["steps"].as_array().unwrap().iter().find(|step| step["action"] == "DeleteVpnConnection").unwrap();
    said(&["DeleteVpnConnection vco-single: done [RequestId ", plan, deletes["reason"].as_str().unwrap()]);
    said(&["step ", "DeleteVpnConnection vco-single", plan, "done, as a reading shows"]);
    said(&[plan, "has ended: done", done["new_customer_gateway_id"].as_str().unwrap()]);
    said(&["Verify tunnel 2 of vco-dual", plan]);
    for line in lines.iter().filter(|line| !line.starts_with("decision ")) {
        assert!(line.split(' ').count() > 3, "`{line}` says nothing");
    }

    let scene = Scene::of(Estate::new().dual().device_at(&[OLD])).set("verify_timeout", "\"1s\"");
    let why = scene.replace(&["--planned"]).expect(1).json()["reason"]["message"].as_str().unwrap().to_owned();
    let text = scene.device.plain(&["history"]).expect(0).stdout.clone();
    assert!(text.contains(&format!("goes back: {why}")) && text.contains("has ended: rolled back"), "{text}");
}

/// People read it: what happens goes to stderr line by line, the result to stdout.
#[test]
fn progress_goes_to_stderr_and_the_result_to_stdout() {
    let scene = Scene::of(Estate::new().dual().single());
    let output = scene.device.plain(&["replace", "--yes"]);
    output.expect(0);
    for line in
        ["vco-dual  ModifyTunnelAttribute tun-d2", "vco-single  DeleteVpnConnection vco-single", "vco-single  CreateVpnConnection", "done"]
    {
        assert!(output.stderr.contains(line), "no `{line}` in:\n{}", output.stderr);
    }
    assert!(!output.stdout.contains("vco-dual  ModifyTunnelAttribute tun-d2"), "{}", output.stdout);
    for line in ["replaced", "vco-dual [rebind] works", "timeline", "swanctl", "local_addrs = 203.0.113.11", "router bgp"] {
        assert!(output.stdout.contains(line), "no `{line}` in:\n{}", output.stdout);
    }
}

/// With `--json` one document is on stdout, and nothing but problems on stderr.
#[test]
fn a_program_reads_one_document() {
    let scene = Scene::of(Estate::new().dual());
    let output = scene.replace(&[]);
    is_done(&output.expect(0).json());
    assert_eq!(output.stderr, "");
}

/// A cloud that cannot be reached is a failure, not a refusal; nothing has begun.
#[test]
fn without_the_cloud_nothing_begins() {
    let scene = Scene::of(Estate::new().dual()).over("http://127.0.0.1:1");
    let document = scene.replace(&[]).expect(1).json();
    assert!(document["error"]["message"].is_string(), "{document:#}");
    assert!(written(&scene.device).is_empty());
}
