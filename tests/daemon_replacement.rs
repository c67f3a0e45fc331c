//! The daemon replaces the customer gateway: by policy, for a person, and on from where it was interrupted.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program that runs real processes")]

mod common;
#[path = "replacing/wire.rs"]
#[allow(dead_code, reason = "shared with the command's tests")]
mod wire;

use common::daemon::{Daemon, count};
use common::device::{ADDRESS, Device, Output, alerts, shape, writes};
use common::replaced::{AUTO, ELSEWHERE, OLD, PSK, THIRD, all_at, cloud, connections, device, section};
use common::simulated::{Sim, tag};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use wire::{Fate, Moment, Wire};

fn adopted(device: &Device) -> Daemon<'_> {
    let daemon = Daemon::start(device);
    daemon.wait_decision("in_sync");
    daemon
}

/// Every line of the answer to a request about replacing.
fn asked(device: &Device, request: &Value) -> Vec<Value> {
    lines(open(device, request)).collect()
}

fn open(device: &Device, request: &Value) -> UnixStream {
    let mut stream = UnixStream::connect(device.state().join("control.sock")).unwrap();
    let mut request = request.clone();
    request["command"] = json!("replace");
    writeln!(stream, "{request}").unwrap();
    stream
}

fn lines(stream: UnixStream) -> impl Iterator<Item = Value> {
    let lines = BufReader::new(stream).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap());
    lines.filter(|line: &Value| line.get("accepted").is_none())
}

fn story(history: &[Value]) -> Vec<String> {
    alerts(history)
        .into_iter()
        .filter(|alert| alert.contains("replacement.") || alert.contains("gateway.") || alert.contains("connection."))
        .collect()
}

#[test]
fn guided_waits_for_a_person_and_says_so() {
    let sim = Sim::start(&cloud(Value::Null), "");
    let device = device(&sim, "");
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("raised replacement.needed", 1);
    let status = daemon.wait_status("that it waits", |status| status["replacement"]["phase"] == "waiting");
    assert_eq!(status["decision"], "replace");
    assert_eq!(status["replacement"]["waiting_for"], "a person: `sudo cgwd replace`");
    assert!(status["replacement"]["total"].as_u64().unwrap() > 3, "{status:#}");
    let needed = status["alerts"].as_array().unwrap().iter().find(|alert| alert["code"] == "replacement.needed").unwrap();
    assert!(needed["remedy"].as_str().unwrap().contains("sudo cgwd replace"), "{needed:#}");
    assert!(device.plain(&["status"]).stdout.contains("waits for a person: `sudo cgwd replace`"));
    daemon.stop();
    let down = device.status();
    assert_eq!((down["daemon"].clone(), down["replacement"]["phase"].clone()), (json!("stopped"), json!("waiting")));
    assert_eq!(writes(&device.history()).len(), 1, "it was adopted, and nothing else was written");
    assert_eq!(sim.only_gateway()["IpAddress"], ADDRESS);
}

#[test]
fn alert_only_never_writes() {
    let sim = Sim::start(&cloud(Value::Null), "");
    let device = device(&sim, "policy = \"alert\"\nsettle = \"0s\"");
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("raised replacement.needed", 1);
    let status = daemon.wait_decision("replace");
    assert_eq!(status["replacement"], Value::Null, "nothing waits");
    daemon.signal(Signal::HUP);
    daemon.wait_decision("replace");
    daemon.stop();
    assert_eq!(writes(&device.history()).len(), 1);
    assert_eq!(sim.only_gateway()["CustomerGatewayId"], OLD);
}

#[test]
fn auto_replaces_by_itself_once_the_change_has_held() {
    let sim = Sim::start(&cloud(Value::Null), "");
    let device = device(&sim, "policy = \"auto\"\nsettle = \"3s\"");
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("raised replacement.needed", 1);
    daemon.wait_alert("occurred replacement.done", 1);
    let status = daemon.wait_status("the new one", |status| status["decision"] == "in_sync" && status["replacement"].is_null());
    assert!(all_at(&sim, ELSEWHERE), "{:#?}", connections(&sim));
    let new = sim.only_gateway();
    assert_eq!(status["customer_gateway"]["id"], new["CustomerGatewayId"]);
    assert_eq!((tag(&new, "cgwd-device"), tag(&new, "cgwd-plan")), (Some("branch-1"), None));
    daemon.wait_alert("cleared replacement.needed", 1);
    let history = device.history();
    let told = story(&history);
    assert_eq!(
        told,
        [
            "raised replacement.needed",
            "occurred replacement.began",
            "occurred replacement.step",
            "occurred replacement.step",
            "occurred replacement.done",
            "cleared replacement.needed"
        ]
    );
    let noticed = |code: &str| history.iter().find(|entry| entry["code"] == code).unwrap();
    let held = |entry: &Value| entry["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let waited = held(noticed("replacement.began")).duration_since(held(noticed("address.changed")));
    assert!(waited >= jiff::SignedDuration::from_millis(2900), "it began after {waited:?}");
    let moved: Vec<&Value> = history.iter().filter(|entry| entry["code"] == "replacement.step").map(|entry| &entry["fields"]).collect();
    for fields in &moved {
        shape(fields, &["plan_id", "step", "connection_id", "request_id", "device"]);
    }
    daemon.stop();
    assert_eq!(device.status()["replacement"], Value::Null);
}

#[test]
fn a_change_of_the_asn_alone_waits_for_a_person_also_under_auto() {
    let sim = Sim::start(&cloud(Value::Null), "");
    let device = device(&sim, AUTO);
    let mut daemon = adopted(&device);
    let device_now = std::fs::read_to_string(device.config_path()).unwrap().replace("asn = 65001", "asn = 65002");
    device.dir.write("config.toml", &device_now);
    daemon.signal(Signal::HUP);
    daemon.wait_alert("raised replacement.needed", 1);
    daemon.wait_alert("raised replacement.blocked", 1);
    let status = daemon.wait_status("the gate", |status| status["replacement"]["phase"] == "waiting");
    assert!(status["replacement"]["waiting_for"].as_str().unwrap().contains("only the ASN changes"), "{status:#}");
    daemon.stop();
    assert_eq!(writes(&device.history()).len(), 1);
}

#[test]
fn a_refused_gate_is_told_and_looked_at_again() {
    let sim = Sim::start(&cloud(Value::Null), "");
    let closed = format!("{AUTO}\nwindow = \"{}\"", closed_window());
    let device = device(&sim, &closed);
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("raised replacement.blocked", 1);
    let status = daemon.wait_status("the alert", |status| status["alerts"].as_array().is_some_and(|alerts| alerts.len() == 2));
    let blocked = status["alerts"].as_array().unwrap().iter().find(|alert| alert["code"] == "replacement.blocked").unwrap();
    assert_eq!((blocked["key"].clone(), blocked["severity"].clone()), (json!("window"), json!("warning")));
    assert!(status["replacement"]["waiting_for"].as_str().unwrap().contains("it opens at"), "{status:#}");
    assert_eq!(writes(&device.history()).len(), 1);
    // Whoever closed it opens it.
    device.dir.write("config.toml", &device.config_text().replace(&section(&closed), &section(AUTO)));
    daemon.signal(Signal::HUP);
    daemon.wait_alert("occurred replacement.done", 1);
    daemon.wait_alert("cleared replacement.blocked", 1);
    daemon.stop();
}

/// Whoever asks for a registration means that alone: what they see of a change that has not held begins nothing, and opens no gate.
#[test]
fn a_registration_that_a_person_asks_for_settles_no_change() {
    let sim = Sim::start(&cloud(Value::Null), "");
    let device = device(&sim, AUTO);
    let asn = device.dir.write("asn", "65001");
    let device = device.with(|device| device.bgp = format!("source = \"file:{}\"", asn.display()));
    adopted(&device).stop();
    let device = device.with(|device| device.address = device.address.replace("settle = \"0s\"", "settle = \"1h\""));
    let mut daemon = adopted(&device);
    let shown = |new: &str| {
        let shown = device.cgwd(&["register"]).expect(4).json();
        assert_eq!((&shown["decision"], &shown["changed"]), (&json!("replace"), &json!(false)), "{new}: {shown:#}");
    };
    device.dir.write("asn", "65002");
    daemon.wait_alert("occurred asn.changed", 1);
    shown("65002");
    device.move_to(ELSEWHERE);
    daemon.wait_alert("occurred address.changed", 1);
    shown(ELSEWHERE);
    let refused = device.cgwd(&["replace", "--yes"]).expect(5).json();
    let settled = refused["gates"].as_array().unwrap().iter().find(|gate| gate["name"] == "settled").unwrap();
    assert_eq!(settled["passed"], false, "{refused:#}");
    assert_eq!(daemon.wait_decision("in_sync")["address"]["settled"], false);
    daemon.stop();
    let down = device.status();
    assert_eq!((&down["address"]["value"], &down["asn"]["value"]), (&json!(ADDRESS), &json!(65001)), "{down:#}");
    let told = alerts(&device.history());
    assert!(!told.iter().any(|alert| alert.contains("settled") || alert.contains("replacement.")), "{told:?}");
    assert_eq!(sim.only_gateway()["CustomerGatewayId"], OLD);
}

/// Two hours on a day that is neither yesterday, today nor tomorrow.
fn closed_window() -> &'static str {
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let since_thursday = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86_400;
    let today = (since_thursday + 3) % 7;
    match days[((today + 3) % 7) as usize] {
        "Mon" => "Mon 02:00-04:00",
        "Tue" => "Tue 02:00-04:00",
        "Wed" => "Wed 02:00-04:00",
        "Thu" => "Thu 02:00-04:00",
        "Fri" => "Fri 02:00-04:00",
        "Sat" => "Sat 02:00-04:00",
        _ => "Sun 02:00-04:00",
    }
}

/// The cloud takes its time, so that there is a middle to break into.
fn slow() -> Value {
    let mut seed = cloud(Value::Null);
    seed["Switches"]["GatewayChangeMs"] = json!(1500);
    seed
}

#[test]
fn killed_in_the_middle_it_goes_on_at_the_next_start() {
    let sim = Sim::start(&slow(), "");
    let device = device(&sim, AUTO);
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    let status = daemon.wait_status("the middle", |status| status["replacement"]["done"].as_u64() > Some(1));
    let running = &status["replacement"];
    shape(running, &["phase", "done", "total", "waiting_for", "plan", "old", "new", "began"]);
    assert!(["running", "verifying"].contains(&running["phase"].as_str().unwrap()), "{running:#}");
    assert_eq!((running["old"][0]["id"].clone(), running["new"]["ip"].clone()), (json!(OLD), json!(ELSEWHERE)));
    assert_eq!(status["decision"], "replace");
    daemon.wait("words for the service manager", || daemon.heard().iter().any(|message| message.contains("STATUS=replacing cgw-old")));
    daemon.kill();
    let down = device.status();
    assert_eq!((down["daemon"].clone(), down["replacement"]["plan"].clone()), (json!("stopped"), running["plan"].clone()));
    assert!(down["replacement"]["waiting_for"].as_str().unwrap().contains("cgwd to be started"), "{down:#}");

    let mut daemon = Daemon::start(&device);
    daemon.wait_alert("occurred replacement.interrupted", 1);
    daemon.wait_alert("occurred replacement.done", 1);
    daemon.wait_decision("in_sync");
    assert!(all_at(&sim, ELSEWHERE), "{:#?}", connections(&sim));
    let history = device.history();
    assert_eq!(count(&alerts(&history), "occurred replacement.began"), 1, "{:?}", story(&history));
    let creations =
        writes(&history).into_iter().filter(|write| write["action"] == "CreateCustomerGateway" && write["outcome"] == "done").count();
    assert_eq!(creations, 1);
    daemon.stop();
}

#[test]
fn told_to_stop_it_lets_go_at_once_and_goes_on_later() {
    let sim = Sim::start(&slow(), "");
    let device = device(&sim, AUTO);
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_status("the middle", |status| status["replacement"]["done"].as_u64() > Some(0));
    let asked = std::time::Instant::now();
    let stderr = daemon.stop();
    assert!(asked.elapsed() < std::time::Duration::from_secs(30), "{:?}", asked.elapsed());
    assert!(stderr.contains("it goes on at the next start"), "{stderr}");
    let mut daemon = Daemon::start(&device);
    daemon.wait_alert("occurred replacement.done", 1);
    // Another configuration, while it ran, would have changed nothing of it; now it is over.
    daemon.signal(Signal::HUP);
    daemon.wait_decision("in_sync");
    daemon.stop();
}

#[test]
fn after_five_starts_without_progress_it_stops_and_says_so() {
    let sim = Sim::start(&slow(), "");
    let device = device(&sim, AUTO);
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_status("the middle", |status| status["replacement"]["done"].as_u64() > Some(0));
    daemon.kill();
    drop(sim);
    for start in 1..=5 {
        let mut daemon = Daemon::start(&device);
        daemon.wait_alert("occurred replacement.interrupted", start);
        daemon.kill();
    }
    let mut daemon = Daemon::start(&device);
    daemon.wait_alert("raised replacement.stopped", 1);
    let status = daemon.wait_status("that it has stopped", |status| status["replacement"]["phase"] == "stopped");
    assert!(status["replacement"]["waiting_for"].as_str().unwrap().contains("--resume"), "{status:#}");
    // Who asks for something else does not go on with this one.
    for other in [&["--to", THIRD][..], &["--asn", "65009"]] {
        let refused = device.cgwd(&[&["replace", "--planned", "--yes"], other].concat()).expect(5).json();
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains("is open, and it is to") && message.contains(ELSEWHERE), "{other:?}: {message}");
    }
    assert_eq!(device.status()["replacement"]["phase"], "stopped");
    daemon.stop();
    let told = alerts(&device.history());
    assert_eq!(count(&told, "occurred replacement.interrupted"), 5, "{told:?}");
}

#[test]
fn a_second_change_ends_the_first_replacement_and_is_planned_anew() {
    let sim = Sim::start(&cloud(json!([{"Name": "branch-1", "Address": THIRD}])), "");
    let device = device(&sim, AUTO);
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_status("tunnels that don't come up", |status| status["replacement"]["phase"] == "verifying");
    device.move_to(THIRD);
    daemon.wait_alert("occurred replacement.began", 2);
    daemon.wait_alert("occurred replacement.done", 1);
    daemon.wait_decision("in_sync");
    assert!(all_at(&sim, THIRD), "{:#?} {:#?}", sim.gateways(), connections(&sim));
    let ends: Vec<Value> = device.history().into_iter().filter(|entry| entry["phase"] == "ended").collect();
    let outcomes: Vec<&str> = ends.iter().map(|end| end["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["abandoned", "done"]);
    let single = connections(&sim).into_iter().find(|connection| connection["VpnGatewayId"] == "vpn-single").unwrap();
    assert_eq!(single["Tag"]["Tag"], json!([{"Key": "team", "Value": "network"}]), "exactly the tags that it had");
    daemon.stop();
}

/// As without a daemon: what is open for an earlier change is given up, and the same command goes on with a plan of what is there now.
#[test]
fn a_second_change_is_planned_anew_by_whoever_goes_on() {
    for (way, exit) in [(&["--yes"][..], 0), (&["--planned", "--yes"], 0), (&["--resume", "--yes"], 0), (&["--resume"], 2)] {
        let sim = Sim::start(&cloud(json!([{"Name": "branch-1", "Address": THIRD}])), "");
        let device = device(&sim, "strategy = \"recreate\"\nverify_timeout = \"1s\"");
        let mut daemon = adopted(&device);
        device.move_to(ELSEWHERE);
        daemon.wait_decision("replace");
        device.cgwd(&["replace", "--yes"]).expect(6);
        device.move_to(THIRD);
        let ended = device.cgwd(&[&["replace"], way].concat()).expect(exit).json();
        match exit {
            0 => {
                assert_eq!(ended["outcome"], "done", "{way:?}: {ended:#}");
                assert!(all_at(&sim, THIRD), "{way:?}: {:#?} {:#?}", sim.gateways(), connections(&sim));
                daemon.wait_decision("in_sync");
            }
            // Nobody is there to agree to the new plan, and it is still needed.
            _ => assert_eq!(device.cgwd(&["plan"]).expect(4).json()["decision"], "replace"),
        }
        daemon.stop();
    }
}

#[test]
fn a_session_goes_on_with_the_plan_for_a_second_change() {
    let sim = Sim::start(&cloud(json!([{"Name": "branch-1", "Address": THIRD}])), "");
    let device = device(&sim, "");
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_decision("replace");
    let session = device.command(&["replace", "--yes", "--json"]).spawn().unwrap();
    daemon.wait_status("tunnels that don't come up", |status| status["replacement"]["phase"] == "verifying");
    device.move_to(THIRD);
    let ended = Output::of(session).expect(0).json();
    assert_eq!((&ended["outcome"], &ended["address"]["value"]), (&json!("done"), &json!(THIRD)), "{ended:#}");
    assert!(all_at(&sim, THIRD), "{:#?} {:#?}", sim.gateways(), connections(&sim));
    daemon.stop();
}

/// Somebody else's word ends what was watched; what it was to do is still to be done.
#[test]
fn whoever_watches_what_is_given_up_is_not_told_that_it_is_done() {
    let sim = Sim::start(&slow(), "");
    let device = device(&sim, "");
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_decision("replace");
    let session = device.command(&["replace", "--yes", "--json"]).spawn().unwrap();
    daemon.wait_status("that it runs", |status| status["replacement"]["plan"].is_string());
    device.cgwd(&["replace", "--abort"]).expect(0);
    let ended = Output::of(session).expect(4).json();
    assert_eq!(ended["outcome"], "abandoned", "{ended:#}");
    daemon.stop();
}

#[test]
fn what_does_not_come_up_goes_back() {
    let sim = Sim::start(&cloud(json!([])), "");
    let device = device(&sim, &format!("{AUTO}\nverify_timeout = \"2s\"\nmax_per_day = 1"));
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("occurred replacement.rolled_back", 1);
    // Still needed, and not tried twice a day.
    daemon.wait_alert("raised replacement.blocked", 1);
    let dual = connections(&sim).into_iter().find(|connection| connection["VpnConnectionId"] == "vco-dual").unwrap();
    let tunnels = dual["TunnelOptionsSpecification"]["TunnelOptions"].as_array().unwrap();
    assert!(tunnels.iter().all(|tunnel| tunnel["CustomerGatewayId"] == OLD), "{dual:#}");
    let status = daemon.wait_status("the gate", |status| status["replacement"]["phase"] == "waiting");
    assert!(status["replacement"]["waiting_for"].as_str().unwrap().contains("daily_limit"), "{status:#}");
    daemon.stop();
}

#[test]
fn what_cannot_be_deleted_at_the_end_is_tried_again() {
    let refused =
        "[[fault]]\naction = \"DeleteCustomerGateway\"\nnth = 1\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"\n";
    let sim = Sim::start(&cloud(Value::Null), refused);
    let device = device(&sim, AUTO);
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("occurred replacement.done", 1);
    daemon.wait_alert("raised gateway.leftover", 1);
    daemon.wait_decision("in_sync");
    assert_eq!(sim.gateways().len(), 2);
    daemon.stop();
    let left = device.status()["alerts"][0].clone();
    assert_eq!(left["code"], "gateway.leftover");
    assert!(left["message"].as_str().unwrap().contains("Forbidden.RAM"), "{left:#}");
    assert!(left["remedy"].as_str().unwrap().contains("missing right") && !left["remedy"].to_string().contains("refers"), "{left:#}");
    // The first thing that the next process does.
    let mut daemon = Daemon::start(&device);
    daemon.wait_alert("cleared gateway.leftover", 1);
    assert!(all_at(&sim, ELSEWHERE), "{:#?}", sim.gateways());
    daemon.wait_status("that nothing stands", |status| status["alerts"] == json!([]));
    let told = alerts(&device.history());
    assert_eq!(count(&told, "raised gateway.duplicate"), 0, "it has an alert of its own: {told:?}");
    daemon.stop();
}

/// What may or may not have happened is told while it is not known, as for a registration.
#[test]
fn a_step_whose_outcome_is_not_known_is_told_until_it_is() {
    let sim = Sim::start(&cloud(Value::Null), "[[fault]]\naction = \"ModifyTunnelAttribute\"\ncount = 4\nkind = \"drop_before\"\n");
    let device = device(&sim, AUTO);
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("raised write.unconfirmed", 1);
    daemon.wait_alert("occurred replacement.done", 1);
    daemon.wait_alert("cleared write.unconfirmed", 1);
    daemon.stop();
    let history = device.history();
    let raised: Vec<&Value> = history.iter().filter(|entry| entry["code"] == "write.unconfirmed" && entry["phase"] == "raised").collect();
    assert_eq!(raised.len(), 1, "sending it again is the same matter: {raised:#?}");
    assert!(raised[0]["message"].as_str().unwrap().contains("could not confirm ModifyTunnelAttribute for tun-"), "{raised:#?}");
    assert!(raised[0]["fields"]["plan_id"].is_string(), "{raised:#?}");
}

/// With a daemon or without, a region that closes the gate is told in the same words and keys.
#[test]
fn a_wrong_region_closes_the_gate_of_a_replacement_through_the_daemon_too() {
    let sim = Sim::start(&cloud(Value::Null), "");
    let wrong =
        [("region = \"cn-nowhere\"", "region.unknown"), ("region = \"cn-shanghai\"\nvpn_gateway = \"vpn-dual\"", "region.mismatch")];
    for (text, code) in wrong {
        let device = device(&sim, "").with(|device| device.cloud = text.to_owned());
        let told = |document: &Value| {
            let keys: Vec<String> = document.as_object().unwrap().keys().filter(|key| *key != "millis").cloned().collect();
            let findings: Vec<Value> =
                document["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == code).cloned().collect();
            let gates = document["gates"].as_array().unwrap().iter().filter(|gate| gate["passed"] == false).cloned().collect::<Vec<_>>();
            assert_eq!((findings.len(), gates.len(), &gates[0]["name"]), (1, 1, &json!("region")), "{document:#}");
            (keys, findings, gates, document["decision"].clone(), document["region"].clone(), document["outcome"].clone())
        };
        let alone = device.cgwd(&["replace", "--yes"]).expect(5).json();
        let mut daemon = Daemon::start(&device);
        daemon.wait_decision("blocked");
        for way in ["--yes", "--resume"] {
            let through = device.cgwd(&["replace", way]).expect(5).json();
            let (alone, through) = (told(&alone), told(&through));
            assert!(alone.0.iter().all(|key| through.0.contains(key)), "{alone:?} {through:?}");
            assert_eq!((alone.1, alone.2, alone.3, alone.4, alone.5), (through.1, through.2, through.3, through.4, through.5), "{way}");
        }
        daemon.stop();
        assert!(writes(&device.history()).is_empty());
    }
}

/// From this one on, calls of one action that the cloud does not allow.
fn forbidden(action: &str, from: u32) -> String {
    format!("[[fault]]\naction = \"{action}\"\nfrom = {from}\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"\n")
}

#[test]
fn a_person_draws_up_begins_watches_and_gives_up() {
    let sim = Sim::start(&cloud(Value::Null), &forbidden("ModifyTunnelAttribute", 1));
    let device = device(&sim, "strategy = \"auto\"");
    let mut daemon = adopted(&device);
    assert_eq!(asked(&device, &json!({"go": "resume"}))[0]["error"]["code"], "nothing_open");
    assert_eq!(asked(&device, &json!({"go": "fly"}))[0]["error"]["code"], Value::Null);
    assert_eq!(asked(&device, &json!({"go": "begin", "plan": "0123456789abcdef"}))[0]["error"]["code"], "unknown_plan");
    device.move_to(ELSEWHERE);
    daemon.wait_decision("replace");

    let drafted = asked(&device, &json!({"go": "draft"}));
    assert_eq!(drafted.len(), 1, "{drafted:#?}");
    let plan = &drafted[0]["draft"];
    shape(plan, &["decision", "region", "customer_gateway", "steps", "gates", "findings", "plan", "new", "order", "rewrites", "losses"]);
    shape(plan, &["interruptions"]);
    assert_eq!((plan["decision"].clone(), plan["new"]["ip"].clone()), (json!("replace"), json!(ELSEWHERE)), "{plan:#}");
    assert!(plan["gates"].as_array().unwrap().iter().all(|gate| gate["passed"] == true), "{plan:#}");
    assert_eq!(writes(&device.history()).len(), 1, "a draft writes nothing");
    let id = plan["plan"].as_str().unwrap();
    assert_eq!(id.len(), 16);

    let told = asked(&device, &json!({"go": "begin", "plan": id}));
    let kinds: Vec<&str> = told.iter().filter_map(|line| line["notice"]["kind"].as_str()).collect();
    assert!(kinds.contains(&"began") && kinds.contains(&"proven") && kinds.contains(&"stopped"), "{told:#?}");
    let end = &told.last().unwrap()["ended"];
    assert_eq!(end["outcome"], "interrupted");
    shape(end, &["plan", "stopped", "old_customer_gateway_id", "new_customer_gateway_id", "connections", "leftover", "millis"]);
    assert_eq!((end["stopped"]["reason"].clone(), end["old_customer_gateway_id"].clone()), (json!("rights"), json!(OLD)));
    daemon.wait_alert("raised replacement.stopped", 1);
    let status = daemon.wait_status("that it has stopped", |status| status["replacement"]["phase"] == "stopped");
    assert!(status["replacement"]["waiting_for"].as_str().unwrap().starts_with("another try"), "{status:#}");
    assert_eq!(asked(&device, &json!({"go": "draft"}))[0]["error"]["code"], "open");

    // Somebody who watches sees what another sets going.
    let watching = open(&device, &json!({"go": "watch"}));
    let resumed = asked(&device, &json!({"go": "resume"}));
    assert_eq!(resumed.last().unwrap()["ended"]["outcome"], "interrupted");
    assert_eq!(lines(watching).last().unwrap()["ended"]["outcome"], "interrupted");

    let given_up = asked(&device, &json!({"go": "abort"}));
    let end = &given_up.last().unwrap()["ended"];
    assert_eq!(end["outcome"], "abandoned", "{given_up:#?}");
    assert!(!end["stays"].as_array().unwrap().is_empty(), "{end:#}");
    daemon.wait_alert("cleared replacement.stopped", 1);
    let said = format!("{drafted:?}{told:?}{resumed:?}{given_up:?}{:?}", device.history()) + &daemon.stop();
    assert!(!said.contains(PSK), "a pre-shared key was told");
    let kept = |bytes: &[u8]| bytes.windows(PSK.len()).any(|window| window == PSK.as_bytes());
    let leaks: Vec<String> = device.state_bytes().into_iter().filter(|(_, bytes)| kept(bytes)).map(|(name, _)| name).collect();
    assert!(leaks.is_empty(), "a pre-shared key lies in the clear in {leaks:?}");
}

/// Nothing that was sealed can be read any more; letting go needs nothing of it.
#[test]
fn a_replacement_whose_key_is_lost_is_given_up() {
    let sim = Sim::start(&cloud(Value::Null), &forbidden("ModifyTunnelAttribute", 1));
    let device = device(&sim, "strategy = \"auto\"");
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_decision("replace");
    let plan = asked(&device, &json!({"go": "draft"}))[0]["draft"]["plan"].clone();
    assert_eq!(asked(&device, &json!({"go": "begin", "plan": plan})).last().unwrap()["ended"]["outcome"], "interrupted");
    std::fs::remove_file(device.state().join("journal.key")).unwrap();
    let resumed = asked(&device, &json!({"go": "resume"}));
    assert!(resumed.last().unwrap()["error"]["remedy"].as_str().unwrap().contains("--abort"), "{resumed:#?}");
    let given_up = asked(&device, &json!({"go": "abort"}));
    let end = &given_up.last().unwrap()["ended"];
    assert_eq!(end["outcome"], "abandoned", "{given_up:#?}");
    assert!(end["stays"].to_string().contains(OLD), "{end:#}");
    daemon.stop();
}

/// With one customer gateway of this device's and a stranger's, there is no room for a third.
fn full_region() -> Sim {
    let mut seed = cloud(Value::Null);
    let region = &mut seed["Regions"]["cn-hangzhou"];
    region["Quota"] = json!({"CustomerGateways": 2});
    let stranger = json!({"CustomerGatewayId": "cgw-stranger", "IpAddress": "198.51.100.1"});
    region["CustomerGateways"].as_array_mut().unwrap().push(stranger);
    Sim::start(&seed, "")
}

/// The cloud's answer to the first write is the gate: nothing is open after it, the reason stands, and a person goes on once there is room.
#[test]
fn a_full_region_refuses_and_leaves_nothing_open() {
    let sim = full_region();
    let device = device(&sim, AUTO);
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("raised replacement.blocked", 1);
    let status =
        daemon.wait_status("why it waits", |status| status["replacement"]["waiting_for"].as_str().is_some_and(|why| why.contains("quota")));
    assert_eq!((&status["replacement"]["plan"], &status["replacement"]["phase"]), (&Value::Null, &json!("waiting")), "{status:#}");
    assert_eq!(sim.gateways().len(), 2, "nothing was touched");
    sim.delete_gateway("cgw-stranger");
    device.cgwd(&["replace", "--yes"]).expect(0);
    assert!(all_at(&sim, ELSEWHERE));
    daemon.wait_decision("in_sync");
    daemon.stop();
}

/// The pause after a refusal is for the address that was refused, and only that is named by its reason.
#[test]
fn a_refusal_for_one_address_does_not_hold_up_the_next() {
    let sim = full_region();
    let device = device(&sim, AUTO);
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("raised replacement.blocked", 1);
    sim.delete_gateway("cgw-stranger");
    device.move_to(THIRD);
    daemon.wait_alert("occurred replacement.done", 1);
    assert!(all_at(&sim, THIRD));
    daemon.stop();
}

#[test]
fn whoever_asked_may_go_away() {
    let sim = Sim::start(&slow(), "");
    let device = device(&sim, "");
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_decision("replace");
    let plan = asked(&device, &json!({"go": "draft"}))[0]["draft"]["plan"].clone();
    let session = open(&device, &json!({"go": "begin", "plan": plan}));
    daemon.wait_status("that it runs", |status| status["replacement"]["phase"] == "running");
    drop(session);
    let watched = asked(&device, &json!({"go": "watch"}));
    assert_eq!(watched.last().unwrap()["ended"]["outcome"], "done", "{watched:#?}");
    assert!(all_at(&sim, ELSEWHERE));
    daemon.wait_decision("in_sync");
    daemon.stop();
}

#[test]
fn a_plan_that_has_changed_since_is_shown_again() {
    let sim = Sim::start(&cloud(Value::Null), "");
    let device = device(&sim, "");
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_decision("replace");
    let plan = asked(&device, &json!({"go": "draft"}))[0]["draft"]["plan"].clone();
    let deleted = sim.call("DeleteVpnConnection", &[("RegionId", "cn-hangzhou"), ("VpnConnectionId", "vco-dual")]);
    assert!(deleted.get("Code").is_none(), "{deleted}");
    daemon.wait("its end", || connections(&sim).len() == 1);
    let told = asked(&device, &json!({"go": "begin", "plan": plan}));
    let changed = &told[0]["changed"];
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_ne!(changed["plan"], plan);
    let told = asked(&device, &json!({"go": "begin", "plan": changed["plan"]}));
    assert_eq!(told.last().unwrap()["ended"]["outcome"], "done", "{told:#?}");
    daemon.stop();
}

#[test]
fn a_connection_that_is_away_for_long_is_told_at_once_after_a_restart() {
    // The first one is only tried.
    let sim = Sim::start(&cloud(Value::Null), &forbidden("CreateVpnConnection", 2));
    let device = device(&sim, AUTO);
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("raised replacement.stopped", 1);
    assert_eq!(count(&alerts(&device.history()), "raised connection.down_long"), 0);
    daemon.stop();
    // Two minutes that the test does not sit through.
    let journal = rusqlite::Connection::open(device.state().join("journal.db")).unwrap();
    let earlier = journal
        .execute(
            "UPDATE record SET at = '2020-01-01T00:00:00Z' WHERE body LIKE '%write_intended%' AND body LIKE '%\"DeleteVpnConnection\"%'",
            [],
        )
        .unwrap();
    assert_eq!(earlier, 1);
    drop(journal);
    let mut daemon = Daemon::start(&device);
    daemon.wait_alert("raised connection.down_long", 1);
    let status = daemon.wait_status("the alert", |status| status["alerts"].as_array().is_some_and(|alerts| alerts.len() >= 2));
    let down = status["alerts"].as_array().unwrap().iter().find(|alert| alert["code"] == "connection.down_long").unwrap().clone();
    assert_eq!((down["key"].clone(), down["severity"].clone()), (json!("vco-single"), json!("error")));
    let refused = asked(&device, &json!({"go": "abort"}));
    assert_eq!(refused.last().unwrap()["ended"]["outcome"], "not_safe", "{refused:#?}");
    daemon.stop();
}

#[test]
fn a_person_moves_it_before_the_device_moves_and_auto_does_not_undo_that() {
    let sim = Sim::start(&cloud(json!([{"Name": "branch-1", "Address": [ADDRESS, ELSEWHERE]}])), "");
    let device = device(&sim, AUTO);
    let mut daemon = adopted(&device);
    let unplanned = &asked(&device, &json!({"go": "draft", "to": ELSEWHERE}))[0]["draft"];
    let refused: Vec<&str> = unplanned["gates"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|gate| gate["passed"] == false)
        .map(|gate| gate["name"].as_str().unwrap())
        .collect();
    assert_eq!(refused, ["attested", "working_tunnel"], "{unplanned:#}");
    let drafted = asked(&device, &json!({"go": "draft", "to": ELSEWHERE, "planned": true}));
    let told = asked(&device, &json!({"go": "begin", "plan": drafted[0]["draft"]["plan"]}));
    assert_eq!(told.last().unwrap()["ended"]["outcome"], "done", "{told:#?}");
    assert!(all_at(&sim, ELSEWHERE), "{:#?}", connections(&sim));
    daemon.wait_alert("raised replacement.needed", 1);
    let is_waiting = |status: &Value| status["replacement"]["phase"] == "waiting" && status["alerts"] != json!([]);
    let status = daemon.wait_status("that it waits", is_waiting);
    assert!(status["replacement"]["waiting_for"].as_str().unwrap().contains("this device to have 203.0.113.88"), "{status:#}");
    let [ahead] = status["alerts"].as_array().unwrap().as_slice() else { panic!("one alert says it all: {status:#}") };
    assert_eq!((&ahead["code"], &ahead["severity"]), (&json!("replacement.needed"), &json!("warning")));
    assert!(ahead["message"].as_str().unwrap().ends_with("was moved to 203.0.113.88 on purpose, and this device still has 203.0.113.7"));
    let remedy = ahead["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("give this device 203.0.113.88") && remedy.contains("replace --planned"), "{remedy}");
    // The next process knows it too, and so does the status of one that is down.
    daemon.stop();
    assert_eq!(device.status()["replacement"]["waiting_for"], status["replacement"]["waiting_for"]);
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("replace");
    device.move_to(ELSEWHERE);
    daemon.wait_decision("in_sync");
    daemon.wait_alert("cleared replacement.needed", 1);
    assert!(all_at(&sim, ELSEWHERE));
    daemon.stop();
    let told = alerts(&device.history());
    assert_eq!((count(&told, "occurred replacement.began"), count(&told, "raised replacement.blocked")), (1, 0), "{told:?}");
}

#[test]
fn what_a_person_gave_up_does_not_begin_by_itself() {
    let sim = Sim::start(&slow(), "");
    let device = device(&sim, AUTO);
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_status("the middle", |status| status["replacement"]["done"].as_u64() > Some(0));
    // Where a connection is deleted at this moment it goes on until that is made again.
    daemon.wait("that it can be given up", || asked(&device, &json!({"go": "abort"})).last().unwrap()["ended"]["outcome"] != "not_safe");
    daemon.wait_alert("raised replacement.blocked", 1);
    let status = daemon.wait_status("that it waits", |status| status["replacement"]["phase"] == "waiting");
    assert!(status["replacement"]["waiting_for"].as_str().unwrap().contains("given up before"), "{status:#}");
    // Another process remembers it, and another look at the cloud changes nothing.
    daemon.stop();
    let mut daemon = Daemon::start(&device);
    let waits = |status: &Value| status["replacement"]["waiting_for"].as_str().is_some_and(|why| why.contains("given up before"));
    daemon.wait_status("that it waits still", waits);
    // The last change before may still be under way in the cloud, and the next plan waits for that.
    let drafted = || asked(&device, &json!({"go": "draft"}))[0]["draft"].clone();
    let passes = |draft: &Value| draft["gates"].as_array().unwrap().iter().all(|gate| gate["passed"] == true);
    daemon.wait("that the last change is over", || passes(&drafted()));
    let told = asked(&device, &json!({"go": "begin", "plan": drafted()["plan"]}));
    assert_eq!(told.last().unwrap()["ended"]["outcome"], "done", "{told:#?}");
    daemon.wait_decision("in_sync");
    assert!(all_at(&sim, ELSEWHERE));
    daemon.stop();
}

/// The one who gives up hears the call that is under way to its answer: without it, it could take effect for a quarter of an hour, and
/// so long nothing could be given up.
#[test]
fn giving_up_waits_for_the_answer_that_is_under_way() {
    const ANSWER: Duration = Duration::from_secs(4);
    let sim = Sim::start(&cloud(Value::Null), "");
    let wire = Wire::to(&sim, |call, moment, _| {
        // After the cloud has done it.
        if call.action == "CreateCustomerGateway" && moment == Moment::After {
            std::thread::sleep(ANSWER);
        }
        Fate::Pass
    });
    let device = device(&sim, AUTO).with(|device| device.url = wire.url());
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait("the call", || wire.writes().contains(&"CreateCustomerGateway".to_owned()));
    let asked_at = Instant::now();
    // Twice: who asks again asks for the same.
    let impatient = open(&device, &json!({"go": "abort"}));
    let told = asked(&device, &json!({"go": "abort"}));
    let first = lines(impatient).last().unwrap();
    assert_eq!(first["ended"]["outcome"], "abandoned", "{first:#}");
    assert!(asked_at.elapsed() < ANSWER * 4, "{:?}", asked_at.elapsed());
    let second = told.last().unwrap();
    assert!(second["ended"]["outcome"] == "abandoned" || second["error"]["code"] == "nothing_open", "{second:#}");
    let history = device.history();
    let made: Vec<&Value> = writes(&history).into_iter().filter(|write| write["action"] == "CreateCustomerGateway").collect();
    let [made] = made.as_slice() else { panic!("sent once: {made:#?}") };
    assert_eq!(made["outcome"], "done", "its answer was heard: {made:#}");
    assert!(first["ended"]["stays"][0].as_str().unwrap().contains("stays"), "what it made is named: {first:#}");
    daemon.stop();
}

/// Nothing of it was done: with the wish the plan goes too, and nobody has to give it up.
#[test]
fn a_plan_that_came_to_nothing_goes_when_the_device_comes_back() {
    let mut full = cloud(Value::Null);
    full["Regions"]["cn-hangzhou"]["Quota"] = json!({"CustomerGateways": 1});
    let sim = Sim::start(&full, "");
    let device = device(&sim, AUTO);
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("raised replacement.blocked", 1);
    let status = daemon.wait_status("that it waits", |status| status["replacement"]["phase"] == "waiting");
    assert_eq!(status["replacement"]["plan"], Value::Null, "{status:#}");
    device.move_to(ADDRESS);
    daemon.wait_alert("cleared replacement.blocked", 1);
    let status = daemon.wait_decision("in_sync");
    assert_eq!(status["replacement"], Value::Null);
    // And what nobody gave up begins by itself when it is needed again.
    device.move_to(ELSEWHERE);
    daemon.wait_alert("occurred replacement.began", 2);
    daemon.stop();
    let ends: Vec<Value> = device.history().into_iter().filter(|entry| entry["phase"] == "ended").collect();
    assert!(!ends.is_empty() && ends.iter().all(|end| end["outcome"] == "abandoned"), "{ends:#?}");
    assert_eq!(sim.only_gateway()["CustomerGatewayId"], OLD);
}

/// What one replacement left behind is what the device has come back to: it is no leftover any more.
#[test]
fn what_was_left_behind_is_not_deleted_once_the_device_is_there_again() {
    let sim = Sim::start(&cloud(json!([{"Name": "branch-1", "Address": [ADDRESS, ELSEWHERE]}])), &forbidden("DeleteCustomerGateway", 1));
    let device = device(&sim, "");
    let mut daemon = adopted(&device);
    let drafted = asked(&device, &json!({"go": "draft", "to": ELSEWHERE, "planned": true}));
    device.move_to(ELSEWHERE);
    let told = asked(&device, &json!({"go": "begin", "plan": drafted[0]["draft"]["plan"]}));
    assert_eq!(told.last().unwrap()["ended"]["leftover"], json!([OLD]), "{told:#?}");
    daemon.wait_decision("in_sync");
    daemon.stop();
    drop(daemon);
    device.move_to(ADDRESS);
    // The first thing that the next process does is to look after what was left behind. What is read of the address has not settled.
    let wire = Wire::to(&sim, |_, _, _| Fate::Pass);
    let device = device.with(|device| {
        device.url = wire.url();
        device.address = device.address.replace("settle = \"0s\"", "settle = \"10m\"");
    });
    let mut daemon = Daemon::start(&device);
    daemon.wait("a look at it", || wire.calls().iter().filter(|call| call.action == "DescribeCustomerGateway").count() >= 1);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(wire.writes(), Vec::<String>::new(), "it is not even tried");
    daemon.stop();
    drop(daemon);
    // Once it has settled, it is what is registered.
    let device = device.with(|device| device.address = device.address.replace("settle = \"10m\"", "settle = \"0s\""));
    let mut daemon = Daemon::start(&device);
    daemon.wait_alert("cleared gateway.leftover", 1);
    daemon.wait_decision("replace");
    assert_eq!(wire.writes(), Vec::<String>::new());
    daemon.stop();
}

/// A process that dies between the record of the end and the alert: the next one tells.
#[test]
fn an_end_that_was_not_told_is_told_at_the_next_start() {
    let sim = Sim::start(&cloud(Value::Null), "");
    let device = device(&sim, AUTO);
    let mut daemon = adopted(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("occurred replacement.done", 1);
    daemon.wait_decision("in_sync");
    daemon.stop();
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    daemon.stop();
    assert_eq!(count(&alerts(&device.history()), "occurred replacement.done"), 1, "not twice");
    let journal = rusqlite::Connection::open(device.state().join("journal.db")).unwrap();
    let lost =
        journal.execute("DELETE FROM record WHERE body LIKE '%\"alert_occurred\"%' AND body LIKE '%\"replacement.done\"%'", []).unwrap();
    assert_eq!(lost, 1);
    drop(journal);
    let mut daemon = Daemon::start(&device);
    daemon.wait_alert("occurred replacement.done", 1);
    let plan = device.history().into_iter().find(|entry| entry["phase"] == "ended").unwrap()["plan"].clone();
    let told = device.history().into_iter().find(|entry| entry["code"] == "replacement.done").unwrap();
    assert_eq!(told["fields"]["plan_id"], plan);
    daemon.stop();
}

/// What works while all is well is kept for the day on which the address changes and nothing does.
#[test]
fn which_tunnels_work_is_looked_at_while_all_is_well() {
    let sim = Sim::start(&cloud(json!([{"Name": "branch-1", "Address": ADDRESS, "Tunnels": [{"VpnConnectionId": "vco-dual"}]}])), "");
    let device = device(&sim, "");
    let mut daemon = adopted(&device);
    daemon.stop();
    // As if an hour had passed.
    let journal = rusqlite::Connection::open(device.state().join("journal.db")).unwrap();
    let record = json!({"kind": "tunnels_worked", "worked": {"vco-dual": [], "vco-single": []}}).to_string();
    journal.execute("INSERT INTO record (at, body) VALUES ('2026-01-02T03:04:05Z', ?1)", [record]).unwrap();
    drop(journal);
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    let kept = || {
        let journal = rusqlite::Connection::open(device.state().join("journal.db")).unwrap();
        let found = "SELECT body FROM record WHERE body LIKE '%tunnels_worked%' ORDER BY seq DESC LIMIT 1";
        let body: String = journal.query_row(found, [], |row| row.get(0)).unwrap();
        serde_json::from_str::<Value>(&body).unwrap()["worked"].clone()
    };
    daemon.wait("the look", || kept() == json!({"vco-dual": [1, 2], "vco-single": []}));
    daemon.stop();
}
