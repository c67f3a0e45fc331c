//! plan, register and deregister of the real binary against the simulated cloud over HTTP.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program that runs real processes")]

mod common;

use common::closed_port::ClosedPort;
use common::device::{ADDRESS, Device, alerts, findings, has_finding, plan_shape, shape, writes};
use common::simulated::{CGWD, REGION, Sim, tag};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;

/// The opaque id that this machine marks its customer gateways with, learned from one that it makes.
fn own_mark(device: &Device) -> String {
    let sim = Sim::empty();
    let other = Device::new(&sim);
    other.cgwd(&["register"]).expect(0);
    // Without a machine id it is random for each state directory.
    assert!(std::path::Path::new("/etc/machine-id").exists(), "{}", device.name);
    tag(&sim.only_gateway(), "cgwd-owner").unwrap().to_owned()
}

#[test]
fn what_is_missing_is_created_once() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let plan = device.cgwd(&["plan"]);
    let document = plan.expect(4).json();
    plan_shape(&document);
    assert_eq!(document["decision"], "create");
    assert_eq!(document["region"], REGION);
    assert_eq!(document["device"], "branch-1");
    assert_eq!(document["address"]["value"], ADDRESS);
    assert_eq!(document["address"]["network"], "public");
    assert_eq!(document["asn"], json!({"value": 65001, "dotted": "0.65001", "source": "config"}));
    assert_eq!(document["customer_gateway"], Value::Null);
    assert_eq!(document["steps"][0]["action"], "CreateCustomerGateway");
    assert_eq!(document["steps"][0]["destructive"], false);
    assert!(sim.gateways().is_empty(), "plan writes nothing");
    assert!(!device.state().exists(), "nor on this machine");

    let first = device.cgwd(&["register"]).expect(0).json();
    plan_shape(&first);
    assert_eq!(first["changed"], true);
    assert_eq!(first["decision"], "in_sync");
    let made = sim.only_gateway();
    assert_eq!(first["customer_gateway"]["id"], made["CustomerGatewayId"]);
    assert_eq!(first["customer_gateway"]["ip"], ADDRESS);
    assert_eq!(first["customer_gateway"]["asn"], 65001);
    assert_eq!(tag(&made, "cgwd-device"), Some("branch-1"));
    assert!(tag(&made, "cgwd-owner").is_some_and(|owner| owner.ends_with(".1")), "{made}");
    assert_eq!(made["Name"], "branch-1");

    let second = device.cgwd(&["register"]).expect(0).json();
    assert_eq!(second["changed"], false);
    assert_eq!(second["customer_gateway"]["id"], made["CustomerGatewayId"]);
    sim.only_gateway();
    let plan = device.cgwd(&["plan"]).expect(0).json();
    assert_eq!(plan["decision"], "in_sync");
    assert_eq!(plan["steps"], json!([]));

    let history = device.history();
    let writes = writes(&history);
    assert_eq!(writes.len(), 1, "{history:#?}");
    assert_eq!(writes[0]["action"], "CreateCustomerGateway");
    assert_eq!(writes[0]["outcome"], "done");
    assert_eq!(writes[0]["result"], made["CustomerGatewayId"]);
    assert!(writes[0]["request_id"].is_string() && writes[0]["client_token"].is_string());
    let times: Vec<&str> = history.iter().map(|entry| entry["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "newest last: {times:?}");
}

#[test]
fn status_of_a_stopped_daemon_knows_what_register_did() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let before = device.status();
    let keys = ["schema", "daemon", "decision", "address", "asn", "customer_gateway", "replacement", "alerts", "last_cloud_contact"];
    shape(&before, &keys);
    assert_eq!(before["daemon"], "stopped");
    assert_eq!(before["decision"], Value::Null);
    device.cgwd(&["register"]).expect(0);
    let after = device.status();
    shape(&after, &keys);
    assert_eq!(after["daemon"], "stopped");
    assert_eq!(after["decision"], "in_sync");
    assert_eq!(after["address"]["value"], ADDRESS);
    shape(&after["address"], &["value", "source", "network", "settled"]);
    assert_eq!(after["address"]["network"], "public");
    assert_eq!(after["asn"]["value"], 65001);
    assert_eq!(after["customer_gateway"]["id"], sim.only_gateway()["CustomerGatewayId"]);
    assert_eq!(after["customer_gateway"]["ip"], ADDRESS);
    assert_eq!(after["replacement"], Value::Null);
    assert_eq!(after["alerts"], json!([]));
    assert!(after["last_cloud_contact"].is_string(), "{after:#}");
}

#[test]
fn an_unmarked_one_with_this_address_and_asn_is_adopted() {
    let sim = Sim::with(json!({"CustomerGateways": [
        {"CustomerGatewayId": "cgw-there", "IpAddress": ADDRESS, "Asn": 65001, "Name": "by hand", "Tags": {"site": "sh-01"}},
    ]}));
    let device = Device::new(&sim);
    let plan = device.cgwd(&["plan"]).expect(4).json();
    plan_shape(&plan);
    assert_eq!(plan["decision"], "adopt");
    assert_eq!(plan["customer_gateway"]["id"], "cgw-there");
    assert_eq!(plan["steps"][0]["action"], "TagResources");
    let done = device.cgwd(&["register"]).expect(0).json();
    assert_eq!((done["changed"].clone(), done["decision"].clone()), (json!(true), json!("in_sync")));
    let gateway = sim.only_gateway();
    assert_eq!(tag(&gateway, "cgwd-device"), Some("branch-1"));
    assert_eq!(tag(&gateway, "site"), Some("sh-01"), "the user's own tags stay");
    assert_eq!(gateway["Name"], "by hand");
}

#[test]
fn where_policy_forbids_it_nothing_is_adopted_or_created() {
    let seed = json!({"CustomerGateways": [{"CustomerGatewayId": "cgw-there", "IpAddress": ADDRESS, "Asn": 65001}]});
    let sim = Sim::with(seed);
    let device = Device::new(&sim).with(|device| device.rest = "[registration]\nadopt = false".into());
    for command in ["plan", "register"] {
        let document = device.cgwd(&[command]).expect(5).json();
        assert_eq!(document["decision"], "blocked");
        has_finding(&document, "error registration.adopt_disabled");
    }
    assert_eq!(tag(&sim.only_gateway(), "cgwd-device"), None);

    let sim = Sim::empty();
    let device = Device::new(&sim).with(|device| device.rest = "[registration]\ncreate = false".into());
    for command in ["plan", "register"] {
        let document = device.cgwd(&[command]).expect(5).json();
        assert_eq!(document["decision"], "blocked");
        has_finding(&document, "error registration.create_disabled");
    }
    assert!(sim.gateways().is_empty());
}

/// One customer gateway of ours under every kind of connection, and a stranger's tunnel in one of them.
fn every_topology(mark: &str) -> Value {
    json!({
        "CustomerGateways": [
            {"CustomerGatewayId": "cgw-ours", "IpAddress": "203.0.113.99", "Asn": 65001, "Tags": {"cgwd-device": "branch-1", "cgwd-owner": mark}},
            {"CustomerGatewayId": "cgw-other", "IpAddress": "203.0.113.200", "Asn": 65002},
        ],
        "VpnGateways": [{"VpnGatewayId": "vpn-dual", "DualTunnel": true}, {"VpnGatewayId": "vpn-single"}],
        "TransitRouters": [{"TransitRouterId": "tr-1"}],
        "VpnConnections": [
            {"VpnConnectionId": "vco-dual", "VpnGatewayId": "vpn-dual", "TunnelOptionsSpecification": [
                {"TunnelId": "tun-d1", "CustomerGatewayId": "cgw-ours"}, {"TunnelId": "tun-d2", "CustomerGatewayId": "cgw-ours"}]},
            {"VpnConnectionId": "vco-single", "VpnGatewayId": "vpn-single", "CustomerGatewayId": "cgw-ours"},
            {"VpnConnectionId": "vco-attached", "TransitRouterId": "tr-1", "TunnelOptionsSpecification": [
                {"TunnelId": "tun-a1", "CustomerGatewayId": "cgw-ours"}, {"TunnelId": "tun-a2", "CustomerGatewayId": "cgw-other"}]},
            {"VpnConnectionId": "vco-legacy", "TransitRouterId": "tr-1", "CustomerGatewayId": "cgw-ours", "InternetIp": "47.96.3.1"},
            {"VpnConnectionId": "vco-unbound", "TunnelOptionsSpecification": [
                {"TunnelId": "tun-u1", "CustomerGatewayId": "cgw-ours"}, {"TunnelId": "tun-u2", "CustomerGatewayId": "cgw-ours"}]},
            {"VpnConnectionId": "vco-stranger", "VpnGatewayId": "vpn-single", "CustomerGatewayId": "cgw-other"},
        ],
    })
}

#[test]
fn a_replacement_is_shown_in_full_and_never_made() {
    let mark = own_mark(&Device::at("http://127.0.0.1:1"));
    let sim = Sim::with(every_topology(&mark));
    let device = Device::new(&sim);
    let before = sim.gateways();
    for command in ["plan", "register"] {
        let document = device.cgwd(&[command]).expect(4).json();
        plan_shape(&document);
        assert_eq!(document["decision"], "replace", "{document:#}");
        assert_eq!(document["customer_gateway"]["id"], "cgw-ours");
        let steps: Vec<String> = document["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| {
                let strategy = step["strategy"].as_str().unwrap_or("-");
                format!("{} {} {strategy} {}", step["action"].as_str().unwrap(), step["target"].as_str().unwrap(), step["destructive"])
            })
            .collect();
        println!("{steps:#?}");
        assert!(steps.first().unwrap().starts_with("CreateCustomerGateway 203.0.113.7 "), "new first: {steps:#?}");
        assert!(steps.last().unwrap().starts_with("DeleteCustomerGateway cgw-ours "), "the old one last: {steps:#?}");
        let of = |id: &str| steps.iter().filter(|step| step.contains(id)).cloned().collect::<Vec<_>>();
        let standby = steps.iter().position(|step| step.contains("tun-d2")).expect("the standby tunnel");
        let active = steps.iter().position(|step| step.contains("tun-d1")).expect("the active tunnel");
        assert!(standby < active, "standby first: {steps:#?}");
        assert!(steps[standby].starts_with("ModifyTunnelAttribute ") && steps[standby].contains(" rebind "), "{steps:#?}");
        assert!(of("vco-single").iter().all(|step| step.contains(" recreate ")), "{steps:#?}");
        assert!(of("vco-single").iter().any(|step| step.starts_with("DeleteVpnConnection ") && step.ends_with(" true")), "{steps:#?}");
        assert!(of("vco-single").iter().any(|step| step.starts_with("CreateVpnConnection ")), "{steps:#?}");
        assert!(of("tun-a1").iter().all(|step| step.starts_with("ModifyVpnAttachmentAttribute ") && step.contains(" rebind ")));
        assert_eq!(of("tun-a1").len(), 1, "{steps:#?}");
        assert!(of("tun-a2").is_empty(), "only the tunnels on our own customer gateway: {steps:#?}");
        assert_eq!(of("vco-legacy").len(), 1, "{steps:#?}");
        assert!(of("vco-legacy")[0].starts_with("ModifyVpnAttachmentAttribute "), "{steps:#?}");
        assert_eq!(of("tun-u").len(), 2, "{steps:#?}");
        assert!(of("vco-stranger").is_empty() && of("cgw-other").is_empty(), "{steps:#?}");
    }
    assert_eq!(sim.gateways(), before, "register never replaces");
    assert!(writes(&device.history()).is_empty());
    // Another ASN alone needs a replacement too.
    let device = device.with(|device| device.bgp = "asn = 65009".into());
    device.move_to("203.0.113.99");
    assert_eq!(device.cgwd(&["plan"]).expect(4).json()["decision"], "replace");
    assert_eq!(device.cgwd(&["register"]).expect(4).json()["changed"], false);
}

#[test]
fn a_strangers_customer_gateway_is_never_touched() {
    let foreign_name = json!({"cgwd-device": "branch-2", "cgwd-owner": "0123456789abcdef0123456789abcdef.1"});
    let foreign_owner = json!({"cgwd-device": "branch-1", "cgwd-owner": "0123456789abcdef0123456789abcdef.1"});
    for tags in [foreign_name, foreign_owner] {
        let sim =
            Sim::with(json!({"CustomerGateways": [{"CustomerGatewayId": "cgw-x", "IpAddress": ADDRESS, "Asn": 65001, "Tags": tags}]}));
        let device = Device::new(&sim);
        let before = sim.gateways();
        for command in ["plan", "register"] {
            let document = device.cgwd(&[command]).expect(5).json();
            plan_shape(&document);
            assert_eq!(document["decision"], "blocked");
            has_finding(&document, "error owner.foreign");
            assert!(document["gates"].as_array().unwrap().iter().any(|gate| gate["passed"] == false), "{document:#}");
        }
        device.cgwd(&["deregister", "--delete"]).expect(0);
        assert_eq!(sim.gateways(), before);
    }
}

#[test]
fn an_address_taken_with_another_asn_blocks() {
    let sim = Sim::with(json!({"CustomerGateways": [{"CustomerGatewayId": "cgw-x", "IpAddress": ADDRESS, "Asn": 65002}]}));
    let device = Device::new(&sim);
    let document = device.cgwd(&["register"]).expect(5).json();
    assert_eq!(document["decision"], "blocked");
    has_finding(&document, "error gateway.address_taken");
    assert_eq!(tag(&sim.only_gateway(), "cgwd-device"), None);
}

#[test]
fn a_full_quota_is_a_failure_with_its_code() {
    let sim = Sim::with(json!({"Quota": {"CustomerGateways": 1}, "CustomerGateways": [{"IpAddress": "203.0.113.50"}]}));
    let device = Device::new(&sim);
    let output = device.cgwd(&["register"]);
    let document = output.expect(1).json();
    shape(&document["error"], &["message", "remedy", "code", "request_id"]);
    assert!(document["error"]["code"].as_str().unwrap().contains("Quota"), "{document:#}");
    has_finding(&document, "error quota.full");
    assert!(!document["error"]["remedy"].as_str().unwrap().is_empty(), "{document:#}");
    let history = device.history();
    assert_eq!(writes(&history)[0]["outcome"], "refused");
    assert!(writes(&history)[0]["request_id"].is_string());
    sim.only_gateway();
    // Space is made: the refusal does not stand in the way.
    sim.delete_gateway(sim.only_gateway()["CustomerGatewayId"].as_str().unwrap());
    assert_eq!(device.cgwd(&["register"]).expect(0).json()["changed"], true);
    assert_eq!(sim.only_gateway()["IpAddress"], ADDRESS);
}

fn resources() -> Value {
    json!({"Regions": {
        "cn-hangzhou": {},
        "cn-shanghai": {
            "CustomerGateways": [{"CustomerGatewayId": "cgw-s", "IpAddress": "203.0.113.40"}],
            "VpnGateways": [{"VpnGatewayId": "vpn-s", "DualTunnel": true}],
            "TransitRouters": [{"TransitRouterId": "tr-s"}],
            "VpnConnections": [
                {"VpnConnectionId": "vco-s", "VpnGatewayId": "vpn-s", "TunnelOptionsSpecification": [
                    {"CustomerGatewayId": "cgw-s"}, {"CustomerGatewayId": "cgw-s"}]},
                {"VpnConnectionId": "vco-a", "TransitRouterId": "tr-s", "TunnelOptionsSpecification": [
                    {"CustomerGatewayId": "cgw-s"}, {"CustomerGatewayId": "cgw-s"}]},
            ],
        },
    }})
}

#[test]
fn the_region_is_found_from_what_the_configuration_names() {
    let sim = Sim::start(&resources(), "");
    let named =
        ["vpn_gateway = \"vpn-s\"", "transit_router = \"tr-s\"", "connections = [\"vco-s\"]", "connections = [\"vco-a\", \"vco-s\"]"];
    for cloud in named {
        let device = Device::new(&sim).with(|device| device.cloud = cloud.into());
        let plan = device.cgwd(&["plan"]).expect(4).json();
        assert_eq!((plan["region"].clone(), plan["decision"].clone()), (json!("cn-shanghai"), json!("create")), "{cloud}");
    }
    let device = Device::new(&sim).with(|device| device.cloud = named[0].into());
    assert_eq!(device.cgwd(&["register"]).expect(0).json()["region"], "cn-shanghai");
    assert!(sim.gateways().is_empty(), "nothing in another region");
    assert_eq!(sim.gateways_in("cn-shanghai").len(), 2);
}

#[test]
fn a_region_that_the_resource_is_not_in_blocks() {
    let sim = Sim::start(&resources(), "");
    for cloud in ["vpn_gateway = \"vpn-s\"", "transit_router = \"tr-s\"", "connections = [\"vco-s\"]"] {
        let device = Device::new(&sim).with(|device| device.cloud = format!("region = \"cn-hangzhou\"\n{cloud}"));
        for command in ["plan", "register"] {
            let document = device.cgwd(&[command]).expect(5).json();
            plan_shape(&document);
            assert_eq!(document["decision"], "blocked", "{cloud}");
            has_finding(&document, "error region.mismatch");
            let refused: Vec<_> = document["gates"].as_array().unwrap().iter().filter(|gate| gate["passed"] == false).collect();
            assert!(!refused.is_empty() && refused.iter().all(|gate| gate["name"] == "region"), "{document:#}");
        }
    }
    for cloud in ["vpn_gateway = \"vpn-nowhere\"", "transit_router = \"tr-nowhere\"", "connections = [\"vco-nowhere\"]"] {
        let device = Device::new(&sim).with(|device| device.cloud = cloud.into());
        for command in ["plan", "register"] {
            let document = device.cgwd(&[command]).expect(5).json();
            assert_eq!(document["decision"], "blocked", "{cloud}");
            has_finding(&document, "error region.unknown");
        }
        has_finding(&device.cgwd(&["deregister"]).expect(5).json(), "error region.unknown");
    }
    assert!(sim.gateways().is_empty());
}

/// A command that fails says so: exit 1, one JSON document with the error, words on stderr.
#[track_caller]
fn refused(device: &Device, command: &str, code: &str, kind: &str) -> Value {
    let output = device.cgwd(&[command]);
    let document = output.expect(1).json();
    let error = document["error"].clone();
    shape(&error, &["message", "remedy", "code", "request_id"]);
    if !code.is_empty() {
        assert_eq!(error["code"], code, "{document:#}");
    }
    assert!(!error["remedy"].as_str().unwrap().is_empty(), "{document:#}");
    has_finding(&document, &format!("error {kind}"));
    assert!(output.stderr.contains("cgwd: ") && output.stderr.contains("what to do: "), "{}", output.stderr);
    error
}

#[test]
fn credentials_that_do_not_do_say_so() {
    let sim = Sim::empty();
    let wrong = Device::new(&sim).with(|device| device.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "not-the-secret"));
    for command in ["plan", "register"] {
        refused(&wrong, command, "SignatureDoesNotMatch", "cloud.forbidden");
    }
    let unknown = Device::new(&sim).with(|device| device.env("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIunknown"));
    refused(&unknown, "plan", "InvalidAccessKeyId.NotFound", "cloud.forbidden");
    let none = Device::new(&sim).with(|device| {
        device.unset("ALIBABA_CLOUD_ACCESS_KEY_ID");
        device.unset("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    });
    let error = refused(&none, "register", "", "cloud.forbidden");
    assert!(error["message"].as_str().unwrap().to_lowercase().contains("credential"), "{error}");
    assert!(sim.gateways().is_empty());
}

#[test]
fn forbidden_is_never_not_found() {
    let faults =
        "[[fault]]\naction = \"DescribeCustomerGateways\"\nfrom = 1\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"\n";
    let sim = Sim::with_faults(faults);
    let device = Device::new(&sim);
    for command in ["plan", "register"] {
        let error = refused(&device, command, "Forbidden.RAM", "cloud.forbidden");
        assert!(error["request_id"].is_string());
        assert!(error["message"].as_str().unwrap().contains("DescribeCustomerGateways"), "{error}");
    }
    assert!(writes(&device.history()).is_empty());

    // The same while the region is searched: the resource is not "nowhere".
    let faults = "[[fault]]\naction = \"DescribeVpnGateway*\"\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"\n";
    let sim = Sim::with_faults(faults);
    let device = Device::new(&sim).with(|device| device.cloud = "vpn_gateway = \"vpn-x\"".into());
    refused(&device, "register", "Forbidden.RAM", "cloud.forbidden");
}

#[test]
fn a_cloud_that_is_down_is_a_failure_and_writes_nothing() {
    let nobody = ClosedPort::reserve();
    let device = Device::at(&nobody.url()).with(|device| device.cloud += "\ntimeout = \"1s\"");
    for command in ["plan", "register", "deregister"] {
        refused(&device, command, "", "cloud.unreachable");
    }
    assert!(writes(&device.history()).is_empty());
    assert!(alerts(&device.history()).is_empty());
}

#[test]
fn throttling_is_waited_out() {
    let faults = "[[fault]]\naction = \"Describe*\"\ncount = 2\nkind = \"throttle\"\nretry_after_ms = 100\n\
        [[fault]]\naction = \"CreateCustomerGateway\"\ncount = 2\nkind = \"throttle\"\nretry_after_ms = 100\n";
    let sim = Sim::with_faults(faults);
    let device = Device::new(&sim);
    assert_eq!(device.cgwd(&["register"]).expect(0).json()["changed"], true);
    sim.only_gateway();
}

#[test]
fn whatever_becomes_of_the_answer_there_is_one_customer_gateway() {
    for fault in [
        "kind = \"drop_before\"",
        "kind = \"drop_after\"",
        "kind = \"error_after\"\nstatus = 500",
        "kind = \"error_after\"\nstatus = 503\ncode = \"ServiceUnavailable\"",
        "kind = \"garbage_after\"",
        "kind = \"truncated_after\"",
        "kind = \"content_type_after\"",
        "kind = \"late\"\nafter_ms = 1500",
        "kind = \"error_before\"\nstatus = 500\ncode = \"InternalError\"",
    ] {
        let sim = Sim::with_faults(&format!("[[fault]]\naction = \"CreateCustomerGateway\"\nnth = 1\n{fault}\n"));
        let device = Device::new(&sim);
        let done = device.cgwd(&["register"]).expect(0).json();
        assert_eq!((done["decision"].clone(), done["changed"].clone()), (json!("in_sync"), json!(true)), "{fault}");
        let made = sim.only_gateway();
        assert_eq!(done["customer_gateway"]["id"], made["CustomerGatewayId"], "{fault}");
        let history = device.history();
        let writes = writes(&history);
        assert_eq!(writes.len(), 1, "one intent, one token for {fault}: {history:#?}");
        assert_eq!(writes[0]["outcome"], "done", "{fault}");
        assert_eq!(device.cgwd(&["register"]).expect(0).json()["changed"], false, "{fault}");
        sim.only_gateway();
    }
}

#[test]
fn lists_that_lag_behind_make_no_second_one() {
    let sim = Sim::with_faults("[[fault]]\naction = \"Describe*\"\ncount = 6\nkind = \"stale\"\nlag_reads = 3\n");
    let device = Device::new(&sim);
    assert_eq!(device.cgwd(&["register"]).expect(0).json()["decision"], "in_sync");
    device.cgwd(&["register"]).expect(0);
    sim.only_gateway();
}

#[test]
fn deleted_behind_our_back_is_said_and_mended() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    device.cgwd(&["register"]).expect(0);
    let old = sim.only_gateway()["CustomerGatewayId"].as_str().unwrap().to_owned();
    sim.delete_gateway(&old);
    let plan = device.cgwd(&["plan"]).expect(4).json();
    assert_eq!(plan["decision"], "create");
    has_finding(&plan, "warning gateway.drift");
    let done = device.cgwd(&["register"]).expect(0).json();
    assert_eq!(done["changed"], true);
    let new = sim.only_gateway();
    assert_ne!(new["CustomerGatewayId"], old);
    assert_eq!(done["customer_gateway"]["id"], new["CustomerGatewayId"]);
    // Two creates of the same thing, with two tokens.
    let history = device.history();
    let writes = writes(&history);
    assert_eq!(writes.len(), 2);
    assert_ne!(writes[0]["client_token"], writes[1]["client_token"]);
}

#[test]
fn a_mark_taken_off_is_said_and_put_back() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    device.cgwd(&["register"]).expect(0);
    let id = sim.only_gateway()["CustomerGatewayId"].as_str().unwrap().to_owned();
    sim.untag(&id, &["cgwd-device", "cgwd-owner"]);
    let plan = device.cgwd(&["plan"]).expect(4).json();
    assert_eq!(plan["decision"], "adopt");
    has_finding(&plan, "warning gateway.drift");
    device.cgwd(&["register"]).expect(0);
    assert_eq!(tag(&sim.only_gateway(), "cgwd-device"), Some("branch-1"));
    // One of the two alone is ours still, and completed.
    sim.untag(&id, &["cgwd-owner"]);
    device.cgwd(&["register"]).expect(0);
    assert!(tag(&sim.only_gateway(), "cgwd-owner").is_some());
}

#[test]
fn two_of_ours_are_told() {
    let mark = own_mark(&Device::at("http://127.0.0.1:1"));
    let tags = json!({"cgwd-device": "branch-1", "cgwd-owner": mark});
    let gateway = |ip: &str| json!({"IpAddress": ip, "Asn": 65001, "Tags": tags});
    // None fits: which one is meant cannot be told.
    let sim = Sim::with(json!({"CustomerGateways": [gateway("203.0.113.80"), gateway("203.0.113.81")]}));
    let device = Device::new(&sim);
    let document = device.cgwd(&["register"]).expect(5).json();
    assert_eq!(document["decision"], "blocked");
    has_finding(&document, "error gateway.duplicate");
    // One fits: the other is left over.
    let sim = Sim::with(json!({"CustomerGateways": [gateway(ADDRESS), gateway("203.0.113.81")]}));
    let device = Device::new(&sim);
    let document = device.cgwd(&["register"]).expect(0).json();
    assert_eq!(document["decision"], "in_sync");
    has_finding(&document, "warning gateway.duplicate");
    assert_eq!(sim.gateways().len(), 2);
}

#[test]
fn without_a_bgp_table_no_asn_is_registered() {
    let sim = Sim::empty();
    let device = Device::new(&sim).with(|device| device.bgp = String::new());
    let done = device.cgwd(&["register"]).expect(0).json();
    assert_eq!(done["asn"], Value::Null);
    assert_eq!(done["customer_gateway"]["asn"], Value::Null);
    let device = device.with(|device| device.bgp = "asn = 65001".into());
    assert_eq!(device.cgwd(&["plan"]).expect(4).json()["decision"], "replace", "an ASN cannot be added to it");
}

#[test]
fn attributes_of_the_gateway_reach_the_cloud() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let key = device.dir.write("bgp-key", "bgp-authentication-key\n");
    let gateway = format!(
        "[gateway]\nname = \"first line\"\ndescription = \"kept by cgwd\"\nbgp_auth_key_file = \"{}\"\nresource_group = \"rg-abc\"\ntags = {{ site = \"sh-01\" }}",
        key.display()
    );
    let device = device.with(|device| device.rest = gateway);
    device.cgwd(&["register"]).expect(0);
    let made = sim.only_gateway();
    assert_eq!(made["Name"], "first line");
    assert_eq!(made["Description"], "kept by cgwd");
    assert_eq!(made["AuthKey"], "bgp-authentication-key");
    assert_eq!(made["ResourceGroupId"], "rg-abc");
    assert_eq!(tag(&made, "site"), Some("sh-01"));
    // A name that somebody edits is drift, and no reason for a write.
    let id = made["CustomerGatewayId"].as_str().unwrap();
    sim.call("ModifyCustomerGatewayAttribute", &[("RegionId", REGION), ("CustomerGatewayId", id), ("Name", "edited")]);
    let plan = device.cgwd(&["plan"]).expect(0).json();
    assert_eq!(plan["decision"], "in_sync");
    has_finding(&plan, "warning gateway.drift");

    std::fs::remove_file(device.dir.join("bgp-key")).unwrap();
    sim.delete_gateway(id);
    let output = device.cgwd(&["register"]);
    output.expect(2);
    assert!(output.json()["error"]["message"].as_str().unwrap().contains("bgp-key"), "{}", output.stdout);
    assert!(sim.gateways().is_empty(), "without the key nothing is created");
}

#[test]
fn deregister_takes_the_mark_off_and_leaves_the_rest() {
    let sim = Sim::empty();
    let device = Device::new(&sim).with(|device| device.rest = "[gateway]\ntags = { site = \"sh-01\" }".into());
    device.cgwd(&["register"]).expect(0);
    let done = device.cgwd(&["deregister"]).expect(0).json();
    shape(&done, &["schema", "device", "region", "changed", "customer_gateways", "steps"]);
    assert_eq!(done["changed"], true);
    let gateway = sim.only_gateway();
    assert_eq!((tag(&gateway, "cgwd-device"), tag(&gateway, "cgwd-owner")), (None, None));
    assert_eq!(tag(&gateway, "site"), Some("sh-01"));
    let removed = device.history().into_iter().find(|entry| entry["code"] == "registration.removed").expect("it is told");
    assert_eq!(removed["fields"]["customer_gateway_id"], gateway["CustomerGatewayId"]);
    let status = device.status();
    assert_eq!(status["customer_gateway"], Value::Null, "{status:#}");
    assert_ne!(status["decision"], "in_sync", "{status:#}");
    assert_eq!(device.cgwd(&["deregister"]).expect(0).json()["changed"], false);
    // What was let go can be taken up again, without a word of drift.
    let plan = device.cgwd(&["plan"]).expect(4).json();
    assert_eq!(plan["decision"], "adopt");
    assert!(findings(&plan).iter().all(|finding| !finding.contains("drift")), "{plan:#}");
}

#[test]
fn deregister_delete_removes_it_unless_it_is_used() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    device.cgwd(&["register"]).expect(0);
    let done = device.cgwd(&["deregister", "--delete"]).expect(0).json();
    assert_eq!(done["changed"], true);
    assert_eq!(done["steps"][0]["action"], "DeleteCustomerGateway");
    assert!(sim.gateways().is_empty());
    assert_eq!(device.status()["customer_gateway"], Value::Null);
    assert_eq!(device.cgwd(&["deregister", "--delete"]).expect(0).json()["changed"], false);

    let mark = own_mark(&device);
    for connection in [
        json!({"VpnConnectionId": "vco-1", "VpnGatewayId": "vpn-s", "CustomerGatewayId": "cgw-ours"}),
        json!({"VpnConnectionId": "vco-1", "TunnelOptionsSpecification": [{"CustomerGatewayId": "cgw-x"}, {"CustomerGatewayId": "cgw-ours"}]}),
        json!({"VpnConnectionId": "vco-1", "TransitRouterId": "tr-1", "CustomerGatewayId": "cgw-ours", "InternetIp": "47.96.3.1"}),
    ] {
        let sim = Sim::with(json!({
            "CustomerGateways": [
                {"CustomerGatewayId": "cgw-ours", "IpAddress": ADDRESS, "Asn": 65001, "Tags": {"cgwd-device": "branch-1", "cgwd-owner": mark}},
                {"CustomerGatewayId": "cgw-x", "IpAddress": "203.0.113.90"},
            ],
            "VpnGateways": [{"VpnGatewayId": "vpn-s"}],
            "TransitRouters": [{"TransitRouterId": "tr-1"}],
            "VpnConnections": [connection],
        }));
        let device = Device::new(&sim);
        let output = device.cgwd(&["deregister", "--delete"]);
        let document = output.expect(5).json();
        assert!(document["error"]["message"].as_str().unwrap().contains("vco-1"), "{document:#}");
        assert_eq!(sim.gateways().len(), 2);
        device.cgwd(&["deregister"]).expect(0);
        assert_eq!(tag(&sim.gateways()[0], "cgwd-device"), None);
    }
}

#[test]
fn two_registers_at_once_make_one_customer_gateway() {
    let sim = Sim::with_faults("[[fault]]\naction = \"CreateCustomerGateway\"\nkind = \"latency\"\nlatency_ms = 1000\n");
    let device = Device::new(&sim);
    let both = [(); 2].map(|()| device.command(&["register", "--json"]).spawn().unwrap());
    let both = both.map(common::device::Output::of);
    let exits: Vec<Option<i32>> = both.iter().map(|output| output.exit).collect();
    // The one that comes second may do it too, or say who holds the state; it never makes another.
    assert!(exits.contains(&Some(0)), "{both:?}");
    for output in &both {
        output.json();
        assert!(matches!(output.exit, Some(0 | 1)), "{both:?}");
        if output.exit == Some(1) {
            assert!(output.stderr.contains("another command, `cgwd register` (process "), "{both:?}");
        }
    }
    sim.only_gateway();

    // Two state directories on one machine are two that know nothing of each other.
    let sim = Sim::with_faults("[[fault]]\naction = \"CreateCustomerGateway\"\nkind = \"latency\"\nlatency_ms = 1000\n");
    let devices = [Device::new(&sim), Device::new(&sim)];
    let both = devices.each_ref().map(|device| device.command(&["register", "--json"]).spawn().unwrap());
    for output in both.map(common::device::Output::of) {
        output.expect(0);
    }
    sim.only_gateway();
}

#[test]
fn killed_in_the_middle_the_next_register_finds_out() {
    for (fault, happened) in [("latency", true), ("late", false)] {
        let more = if happened { "latency_ms = 60000" } else { "after_ms = 3000\nlatency_ms = 60000" };
        let sim = Sim::with_faults(&format!("[[fault]]\naction = \"CreateCustomerGateway\"\nnth = 1\nkind = \"{fault}\"\n{more}\n"));
        let device = Device::new(&sim).with(|device| device.cloud += "\ntimeout = \"90s\"");
        let mut child = device.command(&["register", "--json"]).spawn().unwrap();
        common::journal::wait_for("the intent", || writes(&device.history()).len() == 1);
        if happened {
            common::journal::wait_for("the effect", || sim.gateways().len() == 1);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let history = device.history();
        assert_eq!(writes(&history)[0]["outcome"], "intended", "{history:#?}");
        let token = writes(&history)[0]["client_token"].clone();

        let done = device.cgwd(&["register"]).expect(0).json();
        assert_eq!(done["decision"], "in_sync", "{fault}");
        assert_eq!(done["customer_gateway"]["id"], sim.only_gateway()["CustomerGatewayId"]);
        let history = device.history();
        let writes = writes(&history);
        assert_eq!(writes.len(), 1, "{history:#?}");
        assert_eq!((writes[0]["outcome"].clone(), writes[0]["client_token"].clone()), (json!("done"), token), "{fault}");
    }
}

#[test]
fn a_write_that_was_left_open_in_another_region_is_looked_for_there() {
    let sim = Sim::with_faults("[[fault]]\naction = \"CreateCustomerGateway\"\nnth = 1\nkind = \"latency\"\nlatency_ms = 60000\n");
    let device = Device::new(&sim).with(|device| device.cloud += "\ntimeout = \"90s\"");
    let mut child = device.command(&["register", "--json"]).spawn().unwrap();
    common::journal::wait_for("the effect", || sim.gateways().len() == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let device = device.with(|device| device.cloud = "region = \"cn-shanghai\"".into());
    let done = device.cgwd(&["register"]).expect(0).json();
    assert_eq!((done["region"].clone(), done["decision"].clone()), (json!("cn-shanghai"), json!("in_sync")));
    assert_eq!(sim.gateways_in("cn-shanghai").len(), 1);
    let history = device.history();
    let writes = writes(&history);
    assert_eq!(writes.len(), 2, "{history:#?}");
    assert_eq!((writes[0]["region"].clone(), writes[0]["outcome"].clone()), (json!(REGION), json!("done")));
    assert_eq!(writes[0]["result"], sim.only_gateway()["CustomerGatewayId"]);
    assert_eq!(writes[1]["region"], "cn-shanghai");
}

#[test]
fn interrupted_it_is_resumable() {
    let sim = Sim::with_faults("[[fault]]\naction = \"CreateCustomerGateway\"\nnth = 1\nkind = \"latency\"\nlatency_ms = 60000\n");
    let device = Device::new(&sim).with(|device| device.cloud += "\ntimeout = \"90s\"");
    let child = device.command(&["register", "--json"]).spawn().unwrap();
    common::journal::wait_for("the effect", || sim.gateways().len() == 1);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = common::device::Output::of(child);
    output.expect(6).json();
    assert_eq!(device.cgwd(&["register"]).expect(0).json()["decision"], "in_sync");
    sim.only_gateway();
}

#[test]
fn the_simulator_is_a_tool_of_its_own() {
    let seed = Command::new(CGWD).args(["simulate", "--print-seed"]).output().unwrap();
    let seed: Value = serde_json::from_slice(&seed.stdout).unwrap();
    let sim = Sim::start(&seed, "");
    assert_eq!(sim.gateways().len(), 2);
    let refused = Command::new(CGWD).args(["simulate", "--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    // Without credentials in the environment it makes a pair and says so.
    let sim = Sim::empty();
    let gateways = sim.call("DescribeVpnGateways", &[("RegionId", REGION)]);
    assert_eq!(gateways["VpnGateways"]["VpnGateway"].as_array().unwrap().len(), 2, "{gateways}");
}

#[test]
fn a_region_that_does_not_exist_closes_the_gate() {
    let sim = Sim::empty();
    let device = Device::new(&sim).with(|device| device.cloud = "region = \"cn-nowhere\"".into());
    let mut remedies = BTreeSet::new();
    let mut said = |document: &Value| {
        has_finding(document, "error region.unknown");
        let unknown = document["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "region.unknown").unwrap();
        remedies.insert(unknown["remedy"].as_str().unwrap().to_owned());
    };
    let removal = device.cgwd(&["deregister"]).expect(5).json();
    said(&removal);
    assert!(removal["error"]["message"].as_str().unwrap().contains("cn-nowhere"), "{removal:#}");
    for command in [&["plan"][..], &["register"], &["replace", "--yes"]] {
        let document = device.cgwd(command).expect(5).json();
        plan_shape(&document);
        assert_eq!(document["decision"], "blocked");
        said(&document);
        let gates = document["gates"].as_array().unwrap();
        let regions: Vec<&Value> = gates.iter().filter(|gate| gate["name"] == "region").collect();
        assert_eq!((regions.len(), &regions[0]["passed"]), (1, &json!(false)), "{document:#}");
    }
    assert_eq!(remedies.len(), 1, "{remedies:?}");
    assert!(writes(&device.history()).is_empty());
}

/// A key may be good for some regions only, and an endpoint may be down.
#[test]
fn a_region_that_cannot_be_asked_does_not_end_the_search() {
    for fault in ["status = 403\ncode = \"Forbidden.RAM\"", "status = 503\ncode = \"ServiceUnavailable\""] {
        let faults = format!("[[fault]]\naction = \"DescribeVpnGateway\"\nregion = \"cn-beijing\"\nkind = \"error_before\"\n{fault}\n");
        let sim = Sim::start(&json!({"Regions": {"cn-beijing": {}, "us-west-1": {"VpnGateways": [{"VpnGatewayId": "vpn-w"}]}}}), &faults);
        let named = |id: &str| Device::new(&sim).with(|device| device.cloud = format!("vpn_gateway = \"{id}\"\ntimeout = \"2s\""));
        assert_eq!(named("vpn-w").cgwd(&["plan"]).expect(4).json()["region"], "us-west-1");
        // In none that could be asked: where it may be is told, and never that it is nowhere.
        let error = named("vpn-x").cgwd(&["plan"]).expect(1).json();
        assert!(findings(&error)[0].starts_with("error cloud."), "{error:#}");
    }
}

#[test]
fn an_interrupted_removal_is_resumable_and_says_so() {
    let faults = "[[fault]]\naction = \"UnTagResources\"\nnth = 1\nkind = \"latency\"\nlatency_ms = 8000\n";
    let sim = Sim::with_faults(faults);
    let device = Device::new(&sim);
    device.cgwd(&["register"]).expect(0);
    let mut command = device.command(&["deregister", "--json"]);
    let child = command.spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    rustix::process::kill_process(rustix::process::Pid::from_raw(child.id() as i32).unwrap(), rustix::process::Signal::INT).unwrap();
    let output = common::device::Output::of(child);
    let document = output.expect(6).json();
    assert!(document["error"]["remedy"].as_str().unwrap().contains("cgwd deregister"), "{document:#}");
    device.cgwd(&["deregister"]).expect(0);
    assert_eq!(tag(&sim.only_gateway(), "cgwd-device"), None);
}

#[test]
fn register_shows_a_replacement_as_plan_does() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    device.cgwd(&["register"]).expect(0);
    let device = device.with(|device| device.bgp = "asn = 65002".into());
    let planned = device.cgwd(&["plan"]).expect(4).json();
    let registered = device.cgwd(&["register"]).expect(4).json();
    for key in ["decision", "steps", "rewrites", "losses", "interruptions"] {
        assert_eq!(planned[key], registered[key], "{key}");
    }
    let gates = |document: &Value| {
        document["gates"].as_array().unwrap().iter().map(|gate| json!([gate["name"], gate["passed"]])).collect::<Vec<_>>()
    };
    assert_eq!(gates(&planned), gates(&registered));
    assert!(planned["gates"].as_array().unwrap().iter().any(|gate| gate["name"] == "planned" && gate["passed"] == false), "{planned:#}");
}
