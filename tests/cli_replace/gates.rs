//! Each gate refuses from outside: exit 5, outcome `blocked`, the gate by its name, and a cloud that is as it was.

use crate::common::device::{findings, has_finding};
use crate::replacing::estate::Estate;
use crate::replacing::wire::{Fate, Moment, Wire};
use crate::replacing::{NEW, OLD, Scene, THIRD, fault, gate, is_done, written};
use serde_json::{Value, json};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Runs `replace` and holds it against a refusal by this gate.
#[track_caller]
fn refused(scene: &Scene, arguments: &[&str], name: &str) -> Value {
    let before = scene.world();
    let document = scene.replace(arguments).expect(5).json();
    assert_eq!(document["outcome"], "blocked", "{document:#}");
    assert_eq!(document["decision"], "blocked", "{document:#}");
    assert_eq!(gate(&document, name)["passed"], false, "{document:#}");
    assert!(!gate(&document, name)["detail"].as_str().unwrap().is_empty());
    assert_eq!(scene.world(), before, "nothing was written");
    assert!(written(&scene.device).is_empty());
    document
}

/// The cloud says that the device is still where it was, whatever its sources say.
#[test]
fn a_tunnel_that_works() {
    let scene = Scene::of(Estate::new().dual().device_at(&[OLD]));
    let document = refused(&scene, &[], "working_tunnel");
    let detail = gate(&document, "working_tunnel")["detail"].as_str().unwrap();
    assert!(detail.contains("tun-d1") && detail.contains("tun-d2") && detail.contains("--planned"), "{detail}");
    // One of two is enough; a single-tunnel one counts likewise, where its health check does not say otherwise.
    let scene = Scene::of(Estate::new().single().device_at(&[OLD]));
    refused(&scene, &[], "working_tunnel");
    let sick = Estate::new().single().device_at(&[OLD]).with(|seed| seed["Devices"][0]["HealthGood"] = json!(false));
    let document = Scene::of(sick).device.cgwd(&["plan"]).expect(4).json();
    assert_eq!(gate(&document, "working_tunnel")["passed"], true, "established, but nobody answers in it");
}

#[test]
fn another_devices_customer_gateway_at_the_new_address() {
    for tags in [
        json!({"cgwd-device": "branch-2", "cgwd-owner": "0123456789abcdef0123456789abcdef.1"}),
        json!({"cgwd-device": "branch-1", "cgwd-owner": "0123456789abcdef0123456789abcdef.1"}),
    ] {
        let scene =
            Scene::of(Estate::new().dual().gateway(json!({"CustomerGatewayId": "cgw-x", "IpAddress": NEW, "Asn": 65001, "Tags": tags})));
        let document = refused(&scene, &["--planned"], "owner");
        assert!(findings(&document).contains(&"error owner.foreign".to_owned()), "{document:#}");
    }
    // Nobody's, with another ASN: it stands in the way all the same.
    let scene = Scene::of(Estate::new().dual().gateway(json!({"CustomerGatewayId": "cgw-x", "IpAddress": NEW, "Asn": 65002})));
    let before = scene.world();
    assert_eq!(scene.replace(&[]).expect(5).json()["outcome"], "blocked");
    assert_eq!(scene.world(), before);
    // Nobody's, as wanted but without the BGP key that the tunnels authenticate with: it stands in the way too.
    let scene = Scene::of(Estate::new().dual().gateway(json!({"CustomerGatewayId": "cgw-x", "IpAddress": NEW, "Asn": 65001})));
    assert_eq!(scene.replace(&[]).expect(5).json()["outcome"], "blocked");
    // Nobody's, exactly as wanted: it is taken.
    let wanted = json!({"CustomerGatewayId": "cgw-x", "IpAddress": NEW, "Asn": 65001, "AuthKey": crate::replacing::BGP_KEY});
    let scene = Scene::of(Estate::new().dual().gateway(wanted));
    let document = scene.replace(&[]).expect(0).json();
    is_done(&document);
    assert_eq!(document["new_customer_gateway_id"], "cgw-x");
    assert!(!written(&scene.device).contains(&"CreateCustomerGateway".to_owned()));
}

#[test]
fn a_masked_pre_shared_key() {
    for (masked, estate, connection, psk) in [
        ("stars", Estate::new().single(), "vco-single", "canary-psk-single-e5f6"),
        ("empty", Estate::new().single(), "vco-single", "canary-psk-single-e5f6"),
        ("stars", Estate::new().legacy(), "vco-legacy", "canary-psk-legacy-1a2b"),
    ] {
        let scene = Scene::of(estate.switch("MaskPsk", json!(masked)));
        let document = refused(&scene, &[], "snapshot");
        let detail = gate(&document, "snapshot")["detail"].as_str().unwrap();
        assert!(detail.contains(connection) && detail.contains("replacement.secret"), "{detail}");
        // Given by hand it is used, and right: the device at the other end knows it.
        let file = key_file(&scene, "psk", psk);
        let secret = format!("[[replacement.secret]]\nconnection = \"{connection}\"\npsk_file = \"{}\"\n", file.display());
        is_done(&scene.more(&secret).replace(&[]).expect(0).json());
    }
}

/// Readable for its owner alone, as cgwd wants it.
fn key_file(scene: &Scene, name: &str, psk: &str) -> PathBuf {
    let path = scene.device.dir.write(name, &format!("{psk}\n"));
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}

/// Each tunnel has a key of its own.
#[test]
fn masked_keys_of_two_tunnels() {
    let scene = Scene::of(Estate::new().dual().switch("MaskPsk", json!("stars")));
    let document = refused(&scene, &[], "snapshot");
    let detail = gate(&document, "snapshot")["detail"].as_str().unwrap();
    assert!(detail.contains("tun-d1") && detail.contains("tun-d2"), "{detail}");
    let secret = |tunnel: &str, psk: &str| {
        let file = key_file(&scene, tunnel, psk);
        format!("[[replacement.secret]]\nconnection = \"vco-dual\"\ntunnel = \"{tunnel}\"\npsk_file = \"{}\"\n", file.display())
    };
    let one = secret("tun-d1", "canary-psk-dual-1-a1b2");
    let both = one.clone() + &secret("tun-d2", "canary-psk-dual-2-c3d4");
    let scene = scene.more(&one);
    let document = refused(&scene, &[], "snapshot");
    assert!(!gate(&document, "snapshot")["detail"].as_str().unwrap().contains("tun-d1"), "{document:#}");
    let scene = scene.more(&both[one.len()..]);
    is_done(&scene.replace(&[]).expect(0).json());
}

/// What we do not know we cannot promise to restore.
#[test]
fn a_setting_that_nobody_knows() {
    let scene = Scene::of(Estate::new().single());
    let wire = Wire::to(&scene.sim, |call, moment, answer| {
        if call.action == "DescribeVpnConnection" && moment == Moment::After {
            *answer = answer.replacen('{', "{\"QuantumSafe\": \"enabled\", \"QuantumState\": \"fine\", \"Nothing\": \"\", ", 1);
        }
        Fate::Pass
    });
    let scene = scene.over(&wire.url());
    let document = refused(&scene, &[], "unknown_fields");
    let detail = gate(&document, "unknown_fields")["detail"].as_str().unwrap();
    assert!(detail.contains("QuantumSafe") && !detail.contains("QuantumState") && !detail.contains("Nothing"), "{detail}");
}

#[test]
fn a_trial_that_the_cloud_refuses() {
    for (code, status, name) in [("VpnGateway.FinancialLocked", 400, "dry_run"), ("Forbidden.RAM", 403, "rights")] {
        let refusal = format!("nth = 1\nkind = \"error_before\"\nstatus = {status}\ncode = \"{code}\"");
        let scene = Scene::with_faults(Estate::new().single(), &fault("CreateVpnConnection", &refusal));
        let document = refused(&scene, &[], name);
        assert!(gate(&document, name)["detail"].as_str().unwrap().contains(code), "{document:#}");
        // It is paid, or the right is given, meanwhile.
        is_done(&scene.replace(&[]).expect(0).json());
    }
}

/// A list and a description that contradict each other: on the word of one, a connection would be left behind or made anew for nobody.
#[test]
fn a_connection_that_is_listed_and_not_found() {
    let stale = "nth = 1\nkind = \"error_before\"\nstatus = 404\ncode = \"InvalidVpnConnectionInstanceId.NotFound\"";
    let scene = Scene::with_faults(Estate::new().dual(), &fault("DescribeVpnConnection", stale));
    let output = scene.replace(&[]);
    output.expect(1);
    assert!(output.stderr.contains("the list shows") && output.stderr.contains("bound otherwise or not at all"), "{}", output.stderr);
    assert_eq!(written(&scene.device), Vec::<String>::new());
    is_done(&scene.replace(&[]).expect(0).json());
}

/// Pointing elsewhere has no dry run: the first write proves the right, and hurts nobody.
#[test]
fn a_right_that_only_the_first_write_proves() {
    let refusal = fault("CreateCustomerGateway", "nth = 1\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"");
    let scene = Scene::with_faults(Estate::new().dual(), &refusal);
    let before = scene.world();
    let document = scene.replace(&[]).expect(5).json();
    assert_eq!((&document["outcome"], &document["decision"]), (&json!("blocked"), &json!("blocked")), "{document:#}");
    assert_eq!(gate(&document, "rights")["passed"], false, "{document:#}");
    assert!(gate(&document, "rights")["detail"].as_str().unwrap().contains("Forbidden.RAM"), "{document:#}");
    assert_eq!(scene.world(), before);
    assert_eq!(scene.device.status()["replacement"]["plan"], Value::Null, "a plan that did nothing does not linger");
    is_done(&scene.replace(&[]).expect(0).json());
}

/// What passes says nothing about rights or room: the replacement is open, writes nothing more, and goes on later.
#[test]
fn a_first_write_that_the_cloud_does_not_take_now() {
    for what in ["kind = \"throttle\"", "kind = \"error_before\"\nstatus = 400\ncode = \"InvalidSecurityToken.Expired\""] {
        let scene = Scene::with_faults(Estate::new().dual(), &fault("CreateCustomerGateway", &format!("count = 40\n{what}")));
        let before = scene.world();
        let document = scene.replace(&[]).expect(6).json();
        assert_eq!(document["outcome"], "interrupted", "{document:#}");
        assert_eq!(scene.world(), before);
        let status = scene.device.status();
        assert_eq!(status["replacement"]["phase"], "stopped", "{status:#}");
        assert!(document["reason"]["remedy"].as_str().unwrap().contains("--resume"), "{document:#}");
        let again = (0..5).map(|_| scene.replace(&["--resume"])).find(|output| output.exit != Some(6));
        is_done(&again.expect("the cloud takes it").expect(0).json());
    }
}

/// Without the key of this device nothing that is written down could be read again.
#[test]
fn a_key_that_seals_nothing() {
    let scene = Scene::of(Estate::new().single());
    let key = scene.device.state().join("journal.key");
    std::fs::create_dir_all(scene.device.state()).unwrap();
    std::fs::write(&key, "too short").unwrap();
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let before = scene.world();
    let output = scene.replace(&[]);
    output.expect(5);
    assert!(output.stderr.contains("journal.key"), "{}", output.stderr);
    assert_eq!(scene.world(), before, "nothing was written");
    std::fs::remove_file(&key).unwrap();
    is_done(&scene.replace(&[]).expect(0).json());
}

#[test]
fn as_many_as_a_day_allows() {
    let scene = Scene::of(Estate::new().dual().device_at(&[NEW, THIRD]));
    is_done(&scene.replace(&[]).expect(0).json());
    scene.device.move_to(THIRD);
    let before = scene.world();
    let document = scene.replace(&["--planned"]).expect(5).json();
    assert_eq!(document["outcome"], "blocked");
    assert_eq!(gate(&document, "daily_limit")["passed"], false, "{document:#}");
    assert_eq!(scene.world(), before);
    let scene = scene.set("max_per_day", "2");
    is_done(&scene.replace(&["--planned"]).expect(0).json());
    assert_eq!(scene.world().addresses(), [THIRD, "203.0.113.99"]);
}

#[test]
fn a_window_that_is_closed() {
    let today = jiff::Zoned::now().weekday();
    let name = |days: i8| {
        let day = today.wrapping_add(days);
        ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][usize::try_from(day.to_monday_zero_offset()).unwrap()]
    };
    let scene = Scene::of(Estate::new().dual()).set("window", &format!("\"{} 02:00-05:00\"", name(3)));
    let document = refused(&scene, &[], "window");
    assert!(gate(&document, "window")["detail"].as_str().unwrap().contains("opens at"), "{document:#}");
    // Two whole days around now, so that a midnight in between does not matter.
    let scene = scene.set("window", &format!("\"{},{},{} 00:00-24:00\"", name(-1), name(0), name(1)));
    is_done(&scene.replace(&[]).expect(0).json());
}

fn full() -> Estate {
    // The usual quota is 100; two are there.
    (0..98).fold(Estate::new().dual().single(), |estate, number| {
        estate.gateway(json!({"CustomerGatewayId": format!("cgw-{number}"), "IpAddress": format!("198.51.100.{number}")}))
    })
}

#[test]
fn a_full_quota_and_the_order_that_needs_none() {
    let scene = Scene::of(full());
    let before = scene.world();
    let document = scene.replace(&[]).expect(5).json();
    assert_eq!(document["outcome"], "blocked");
    assert_eq!(gate(&document, "quota")["passed"], false, "{document:#}");
    assert!(document["reason"]["remedy"].as_str().unwrap().contains("documented"), "{document:#}");
    assert_eq!(scene.world(), before);
    let scene = Scene::of(full()).set("order", "\"documented\"");
    let document = scene.replace(&[]).expect(0).json();
    is_done(&document);
    assert_eq!(gate(&document, "quota")["passed"], true);
}

/// A static route names the binding, which is another one when it is made again; the cloud would refuse in the middle.
#[test]
fn a_static_route_into_what_would_be_made_again() {
    let with_route = |seed: &mut Value| {
        seed["Regions"]["cn-hangzhou"]["TransitRouterRouteEntries"] = json!([{"ResourceId": "vco-attached",
            "TransitRouterRouteTableId": "vtb-custom", "TransitRouterRouteEntryDestinationCidrBlock": "192.168.66.0/24"}]);
    };
    let scene = Scene::of(Estate::new().attached().with(with_route)).set("strategy", "\"recreate\"");
    let document = refused(&scene, &[], "recreatable");
    let detail = gate(&document, "recreatable")["detail"].as_str().unwrap();
    assert!(detail.contains("tr-attach-1") && detail.contains("192.168.66.0/24 in vtb-custom"), "{detail}");
    // Pointed elsewhere in place it keeps the route.
    is_done(&scene.set("strategy", "\"auto\"").replace(&[]).expect(0).json());
}

/// A hundred were allowed in 2021. An account that may have more is asked about it and not turned away.
#[test]
fn an_account_that_may_have_more_than_usual() {
    let more = |seed: &mut Value| seed["Regions"]["cn-hangzhou"]["Quota"] = json!({"CustomerGateways": 200});
    let document = Scene::of(full().with(more)).replace(&[]).expect(0).json();
    is_done(&document);
    let detail = gate(&document, "quota")["detail"].as_str().unwrap();
    assert!(detail.starts_with("100 in use, and 100 were allowed in 2021"), "{detail}");
    has_finding(&document, "warning quota.full");
}

/// A quota that only the cloud knows is met by the first write, which hurts nobody.
#[test]
fn a_quota_that_only_the_cloud_knows() {
    let scene = Scene::of(Estate::new().dual().with(|seed| seed["Regions"]["cn-hangzhou"]["Quota"] = json!({"CustomerGateways": 2})));
    let before = scene.world();
    let document = scene.replace(&[]).expect(5).json();
    assert_eq!(document["outcome"], "blocked", "{document:#}");
    assert!(document["reason"]["message"].as_str().unwrap().contains("Quota"), "{document:#}");
    assert!(document["reason"]["remedy"].as_str().unwrap().contains("order = \"documented\""), "{document:#}");
    assert_eq!(gate(&document, "quota")["passed"], false, "{document:#}");
    assert_eq!(scene.world(), before);
    assert_eq!(written(&scene.device), ["CreateCustomerGateway"]);
    assert_eq!(scene.device.status()["replacement"]["plan"], Value::Null, "a plan that did nothing does not linger");
    // Room is made.
    scene.sim.delete_gateway("cgw-stranger");
    is_done(&scene.replace(&[]).expect(0).json());
}

/// The clock is worked around for signing, and stands in the way of anything that can hurt.
#[test]
fn a_clock_ten_minutes_off() {
    for seconds in ["600", "-600"] {
        let skew = format!("[[fault]]\nkind = \"clock_skew\"\nskew_seconds = {seconds}\n");
        let scene = Scene::with_faults(Estate::new().dual(), &skew);
        let document = scene.replace(&[]).expect(5).json();
        assert_eq!(gate(&document, "clock")["passed"], false, "{document:#}");
        assert_eq!(document["outcome"], "blocked");
        assert!(written(&scene.device).is_empty());
    }
    let scene = Scene::with_faults(Estate::new().dual(), "[[fault]]\nkind = \"clock_skew\"\nskew_seconds = 240\n");
    is_done(&scene.replace(&[]).expect(0).json());
}

#[test]
fn a_region_that_the_named_connection_is_not_in() {
    let mut scene = Scene::of(Estate::new().dual());
    scene.device.cloud = "region = \"cn-shanghai\"\nconnections = [\"vco-dual\"]".to_owned();
    scene.configure();
    let document = scene.replace(&[]).expect(5).json();
    assert_eq!(document["outcome"], "blocked");
    assert!(findings(&document).contains(&"error region.mismatch".to_owned()), "{document:#}");
    assert!(written(&scene.device).is_empty());
}

/// The reading must meet `agreement`.
#[test]
fn sources_that_disagree() {
    let mut scene = Scene::of(Estate::new().dual());
    let other = scene.device.dir.write("other", &format!("{THIRD}\n"));
    scene.device.address = format!(
        "sources = [\"file:{}\", \"file:{}\"]\nsettle = \"0s\"\nagreement = \"all\"",
        scene.device.dir.join("address").display(),
        other.display()
    );
    scene.configure();
    let document = scene.replace(&[]).json_of(&[3, 5]);
    assert_eq!(document["outcome"], "blocked");
    assert!(findings(&document).iter().any(|found| found == "error address.disagreement"), "{document:#}");
    assert!(written(&scene.device).is_empty());
    // With the first one's word it goes, and the gate says whose word that was.
    let mut scene = scene;
    scene.device.address = scene.device.address.replace("\"all\"", "\"first\"");
    scene.configure();
    let document = scene.replace(&[]).expect(0).json();
    assert!(gate(&document, "attested")["detail"].as_str().unwrap().contains("first of 2"), "{document:#}");
}

/// An address has to hold before it is acted on, also where no daemon has watched it.
#[test]
fn an_address_has_to_hold() {
    let mut scene = Scene::of(Estate::new().dual());
    scene.device.address = scene.device.address.replace("\"0s\"", "\"2s\"");
    scene.configure();
    let began = std::time::Instant::now();
    let output = scene.device.plain(&["replace", "--yes"]);
    output.expect(0);
    assert!(began.elapsed().as_secs() >= 2);
    assert!(output.stderr.contains("has held for 2 s"), "{}", output.stderr);
}
