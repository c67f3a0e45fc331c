//! A person at a terminal: the plan is shown, and the device's name has to be typed.

use crate::common;
use crate::common::daemon::Daemon;
use crate::common::device::Output;
use crate::common::simulated::CGWD;
use crate::replacing::estate::Estate;
use crate::replacing::stroke::killed_after;
use crate::replacing::{NEW, OLD, Scene, THIRD, fault, gate, written};
use serde_json::json;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

/// `cgwd replace` on a terminal of its own, where this is typed; `None` where this machine has no script(1).
fn at_a_terminal(scene: &Scene, typed: &[&str]) -> Option<Output> {
    told_at_a_terminal(scene, "replace", typed)
}

fn told_at_a_terminal(scene: &Scene, words: &str, typed: &[&str]) -> Option<Output> {
    let mut command = Command::new("script");
    let told = format!("{CGWD} --config {} {words}", scene.device.config_path().display());
    command.args(["--quiet", "--return", "--echo", "never", "--command", &told, "/dev/null"]);
    scene.device.surround(&mut command);
    command.env("TERM", "dumb").stdin(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            common::missing("a terminal", &format!("script: {error}"));
            return None;
        }
    };
    let mut keyboard = child.stdin.take().unwrap();
    let lines: Vec<String> = typed.iter().map(|line| format!("{line}\n")).collect();
    std::thread::spawn(move || {
        for line in lines {
            let _gone = keyboard.write_all(line.as_bytes());
        }
        // A terminal does not end because nobody types.
        std::thread::sleep(Duration::from_secs(60));
    });
    Some(Output::of(child))
}

#[test]
fn the_devices_name_is_the_confirmation() {
    let scene = Scene::of(Estate::new().dual().single());
    let Some(output) = at_a_terminal(&scene, &["branch-1"]) else { return };
    output.expect(0);
    for shown in [
        "Type the device's name (branch-1)",
        "fields that hold the old address",
        "203.0.113.10 becomes 203.0.113.11",
        "interruption",
        "gates",
        "replaced",
    ] {
        assert!(output.stdout.contains(shown), "no `{shown}` in:\n{}", output.stdout);
    }
    crate::replacing::tells_nothing("the terminal", output.stdout.as_bytes());
    assert_eq!(scene.world().addresses(), [NEW, "203.0.113.99"]);
}

#[test]
fn anything_else_is_a_refusal() {
    for typed in ["", "yes", "branch-2", "BRANCH-1"] {
        let scene = Scene::of(Estate::new().dual());
        let before = scene.world();
        let Some(output) = at_a_terminal(&scene, &[typed]) else { return };
        output.expect(5);
        assert!(output.stdout.contains("nothing was written"), "{}", output.stdout);
        assert_eq!(scene.world(), before);
        assert!(written(&scene.device).is_empty());
    }
}

/// The keyboard's interrupt at the question is an answer like any other.
#[test]
fn an_interrupt_at_the_question_is_a_refusal() {
    let scene = Scene::of(Estate::new().dual());
    let before = scene.world();
    // A shell in between would be interrupted too.
    let told = format!("exec {CGWD} --config {} replace", scene.device.config_path().display());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--flush", "--echo", "never", "--command", &told, "/dev/null"]);
    scene.device.surround(&mut command);
    let Ok(mut child) = command.env("TERM", "dumb").stdin(Stdio::piped()).spawn() else {
        return common::missing("a terminal", "script(1) cannot be started");
    };
    let mut keyboard = child.stdin.take().unwrap();
    let mut screen = child.stdout.take().unwrap();
    let mut shown = String::new();
    let mut bytes = [0; 4096];
    while !shown.contains("to go on: ") {
        let count = screen.read(&mut bytes).unwrap();
        assert!(count > 0, "it ended before it asked: {shown}");
        shown += &String::from_utf8_lossy(&bytes[..count]);
    }
    keyboard.write_all(b"\x03").unwrap();
    screen.read_to_string(&mut shown).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5), "{shown}");
    assert!(shown.contains("not confirmed; nothing was written"), "{shown}");
    assert_eq!(scene.world(), before);
    assert!(written(&scene.device).is_empty());
}

/// What a second change of the device gives up is asked for before it is given up.
#[test]
fn the_open_replacement_is_not_given_up_where_the_person_refuses() {
    let mut scene = Scene::of(Estate::new().dual().device_at(&[THIRD]));
    killed_after(&mut scene, "CreateCustomerGateway", &[]);
    let open = scene.device.status()["replacement"]["plan"].clone();
    scene.device.move_to(THIRD);
    let Some(output) = told_at_a_terminal(&scene, "replace --resume", &["no"]) else { return };
    output.expect(5);
    assert!(output.stdout.contains(&format!("this device is {THIRD}")), "{}", output.stdout);
    assert_eq!(scene.device.status()["replacement"]["plan"], open);
    let Some(output) = told_at_a_terminal(&scene, "replace --resume", &["branch-1", "branch-1"]) else { return };
    output.expect(0);
    assert_eq!(scene.world().addresses(), [THIRD, "203.0.113.99"]);
}

/// Where only the cloud knows that the quota is full, its refusal is where the other order is offered.
#[test]
fn a_quota_that_only_the_cloud_knows_leads_to_the_documented_order() {
    let full = || Estate::new().single().with(|seed| seed["Regions"]["cn-hangzhou"]["Quota"] = json!({"CustomerGateways": 2}));
    let scene = Scene::of(full());
    let Some(output) = at_a_terminal(&scene, &["branch-1", "no"]) else { return };
    output.expect(5);
    assert!(output.stdout.contains("Type `documented`"), "{}", output.stdout);
    assert_eq!(written(&scene.device), ["CreateCustomerGateway"], "refused, and nothing else");
    let scene = Scene::of(full());
    let Some(output) = at_a_terminal(&scene, &["branch-1", "documented", "branch-1"]) else { return };
    output.expect(0);
    let actions = written(&scene.device);
    let last = |action: &str| actions.iter().rposition(|write| write == action).unwrap();
    assert!(last("DeleteCustomerGateway") < last("CreateCustomerGateway"), "{actions:?}");
}

/// Where only the ASN changes, the temporary customer gateway is what proves that there is room. Its refusal hurts nobody, and only a
/// word of its own goes on without that proof.
#[test]
fn an_asn_that_changes_in_a_full_region_takes_a_word_of_its_own() {
    let full = || {
        let estate = Estate::new().single().with(|seed| seed["Regions"]["cn-hangzhou"]["Quota"] = json!({"CustomerGateways": 2}));
        let scene = Scene::of(estate.device_at(&[OLD]).device_asn(65009)).asn("65009");
        scene.device.move_to(OLD);
        scene
    };
    for (order, runs) in [("new-first", false), ("documented", false), ("new-first", true), ("documented", true)] {
        let scene = full().set("order", &format!("\"{order}\""));
        let before = scene.world();
        let daemon = runs.then(|| Daemon::start(&scene.device));
        if let Some(daemon) = &daemon {
            daemon.wait_decision("replace");
        }
        let document = scene.replace(&["--planned"]).expect(5).json();
        assert_eq!(gate(&document, "quota")["passed"], false, "{document:#}");
        assert!(document["reason"]["remedy"].as_str().unwrap().contains("on a terminal"), "{document:#}");
        assert_eq!((written(&scene.device), scene.world()), (vec!["CreateCustomerGateway".to_owned()], before), "{order}");
        let Some(output) = told_at_a_terminal(&scene, "replace --planned", &["branch-1", "documented", "branch-1"]) else { return };
        output.expect(0);
        let actions = written(&scene.device);
        let last = |action: &str| actions.iter().rposition(|write| write == action).unwrap();
        assert!(last("DeleteCustomerGateway") < last("CreateCustomerGateway"), "{actions:?}");
        assert_eq!(scene.world().gateway(OLD)["Asn"], 65009);
        daemon.into_iter().for_each(|mut daemon| drop(daemon.stop()));
    }
}

/// A full quota takes the documented order, and that a word of its own.
#[test]
fn the_documented_order_takes_a_word_of_its_own() {
    let full = || {
        (0..98).fold(Estate::new().single(), |estate, number| {
            estate.gateway(json!({"CustomerGatewayId": format!("cgw-{number}"), "IpAddress": format!("198.51.100.{number}")}))
        })
    };
    let scene = Scene::of(full());
    let Some(output) = at_a_terminal(&scene, &["branch-1", "no"]) else { return };
    output.expect(5);
    assert!(output.stdout.contains("Type `documented`"), "{}", output.stdout);
    let scene = Scene::of(full());
    let Some(output) = at_a_terminal(&scene, &["branch-1", "documented", "branch-1"]) else { return };
    output.expect(0);
    let actions = written(&scene.device);
    let at = |action: &str| actions.iter().rposition(|write| write == action).unwrap();
    assert!(
        at("DeleteVpnConnection") < at("DeleteCustomerGateway") && at("DeleteCustomerGateway") < at("CreateCustomerGateway"),
        "{actions:?}"
    );
    // The quota is still full: 99 of others, and ours.
    assert_eq!(scene.sim.call("DescribeCustomerGateways", &[("RegionId", "cn-hangzhou")])["TotalCount"], 100);
}

/// Where the key is lost for good only a person can end it, who types what is let go.
#[test]
fn a_key_that_is_lost_for_good_takes_a_word_for_each_connection() {
    // The first call is the trial.
    let refusal = fault("CreateVpnConnection", "nth = 2\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden\"");
    let scene = Scene::with_faults(Estate::new().single(), &refusal);
    scene.replace(&[]).expect(6);
    std::fs::remove_file(scene.device.state().join("journal.key")).unwrap();
    let Some(output) = told_at_a_terminal(&scene, "replace --abort", &["yes"]) else { return };
    output.expect(5);
    assert!(output.stdout.contains("systemctl start cgwd.service"), "{}", output.stdout);
    assert!(scene.device.status()["replacement"].is_object(), "it is still open");
    let Some(output) = told_at_a_terminal(&scene, "replace --abort --yes", &["vco-single"]) else { return };
    output.expect(5);
    let Some(output) = told_at_a_terminal(&scene, "replace --abort", &["vco-single"]) else { return };
    output.expect(0);
    for shown in ["Type what is let go (vco-single)", "not restored: vco-single is deleted", "CreateVpnRouteEntry 192.168.50.0/24"] {
        assert!(output.stdout.contains(shown), "no `{shown}` in:\n{}", output.stdout);
    }
    assert_eq!(scene.device.status()["replacement"]["plan"], json!(null));
}
