//! A planned move, both addresses live: tunnel by tunnel, without an outage where there are two.

use crate::common::device::{Output, writes};
use crate::common::simulated::{REGION, Sim};
use crate::replacing::estate::Estate;
use crate::replacing::{NEW, OLD, Scene, gateway_was_replaced, is_done, only_changed, pointed};
use jiff::Timestamp;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Looks at a dual-tunnel connection while something else goes on: the least number of tunnels that were up, and the looks.
fn least_tunnels_up(sim: &Sim, connection: &str, ended: &AtomicBool) -> (usize, usize) {
    let (mut least, mut looks) = (usize::MAX, 0);
    while !ended.load(Ordering::Relaxed) {
        let shown = sim.call("DescribeVpnConnection", &[("RegionId", REGION), ("VpnConnectionId", connection)]);
        let tunnels = crate::replacing::world::tunnels(&shown);
        least = least.min(tunnels.iter().filter(|tunnel| tunnel["Status"] == "ipsec_sa_established").count());
        looks += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    (least, looks)
}

/// The planned move, and what the look at it saw.
fn moved_under_watch(scene: &Scene) -> (Output, (usize, usize)) {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| least_tunnels_up(&scene.sim, "vco-dual", &ended));
        let output = scene.replace(&["--to", NEW, "--planned"]);
        ended.store(true, Ordering::Relaxed);
        (output, watching.join().unwrap())
    })
}

/// Somebody changes a tunnel beforehand, and the change is over: it negotiates anew. While it runs nothing would be planned.
fn change_tunnel(scene: &Scene, tunnel: &str, (field, value): (&str, &str)) {
    let option = format!("TunnelOptionsSpecification.{field}");
    let parameters = [("RegionId", REGION), ("VpnConnectionId", "vco-dual"), ("TunnelId", tunnel), (option.as_str(), value)];
    let answer = scene.sim.call("ModifyTunnelAttribute", &parameters);
    assert!(answer.get("Code").is_none(), "{answer}");
    let began = Instant::now();
    let state = || scene.sim.call("DescribeVpnConnection", &parameters[..2])["State"].clone();
    while state() != "active" {
        assert!(began.elapsed() < Duration::from_secs(5), "it is {}", state());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn at_no_moment_is_there_no_tunnel() {
    let scene = Scene::of(Estate::new().dual().device_at(&[OLD, NEW]).switch("NegotiationMs", json!(400)));
    scene.device.move_to(OLD);
    let before = scene.world();
    let (output, (least, looks)) = moved_under_watch(&scene);
    is_done(&output.expect(0).json());
    assert_eq!(least, 1, "one is down while it negotiates, never both; {looks} looks");
    assert!(looks > 20, "{looks}");
    let after = scene.world();
    only_changed(&before, &after, &[pointed("dual", 1), pointed("dual", 2)]);
    gateway_was_replaced(&before, &after, OLD, NEW);
    scene.device.move_to(NEW);
    assert_eq!(scene.device.cgwd(&["plan"]).expect(0).json()["decision"], "in_sync");
}

/// A tunnel that negotiates anew when the plan is drawn up is no dead one: the other keeps the traffic until it is up again.
#[test]
fn a_tunnel_that_is_just_negotiating_is_waited_for() {
    let scene = Scene::of(Estate::new().dual().device_at(&[OLD, NEW]).switch("NegotiationMs", json!(2000)));
    scene.device.move_to(OLD);
    change_tunnel(&scene, "tun-d2", ("EnableDpd", "true"));
    let (output, (least, _)) = moved_under_watch(&scene);
    let document = output.expect(0).json();
    is_done(&document);
    assert_eq!(document["not_asked_to_come_up"], json!([]), "both work");
    assert_eq!(least, 1, "never both");
}

/// The active tunnel is down and the standby carries everything: the active one is moved first, and has its time.
#[test]
fn the_tunnel_that_carries_everything_goes_last() {
    let scene = Scene::of(Estate::new().dual().device_at(&[OLD, NEW]).switch("NegotiationMs", json!(100))).set("verify_timeout", "\"1s\"");
    scene.device.move_to(OLD);
    change_tunnel(&scene, "tun-d1", ("TunnelIkeConfig.Psk", "another"));
    std::thread::sleep(Duration::from_millis(300));
    let up = |index| scene.world().tunnel("dual", index)["Status"] == "ipsec_sa_established";
    assert_eq!((up(1), up(2)), (false, true));
    is_done(&scene.replace(&["--to", NEW, "--planned"]).expect(0).json());
    assert_eq!((up(1), up(2)), (false, true), "as before");
    let history = scene.device.history();
    let moved = writes(&history).into_iter().filter(|write| write["action"] == "ModifyTunnelAttribute");
    let targets: Vec<&str> = moved.filter_map(|write| write["target"].as_str()).collect();
    assert_eq!(targets, ["tun-d1", "tun-d2"]);
}

/// When each tunnel went down and came back: the second after the first, and neither as late as it was believed.
#[test]
fn the_timeline_tells_each_tunnel() {
    let estate = Estate::new().dual().device_at(&[OLD, NEW]).switch("NegotiationMs", json!(300));
    let scene = Scene::of(estate).set("recheck", "\"4s\"");
    scene.device.move_to(OLD);
    let text = scene.device.plain(&["replace", "--yes", "--to", NEW, "--planned"]);
    let timeline: Vec<&str> = text.expect(0).stdout.lines().filter(|line| line.contains("down from ")).collect();
    let [first, second] = timeline[..] else { panic!("{}", text.stdout) };
    let times = |line: &str| -> (Timestamp, Timestamp) {
        let down = line.split_once("down from ").unwrap().1.split_once(',').unwrap().0;
        let up = line.split_once("works since ").unwrap().1.split_once(' ').unwrap().0;
        (down.parse().unwrap(), up.parse().unwrap())
    };
    assert!(first.contains("tunnel 1 of vco-dual") && second.contains("tunnel 2 of vco-dual"), "{timeline:?}");
    let ((active_down, active_up), (standby_down, standby_up)) = (times(first), times(second));
    assert!(standby_down < standby_up && standby_up < active_down && active_down < active_up, "{timeline:?}");
    for (down, up) in [(active_down, active_up), (standby_down, standby_up)] {
        assert!(up.duration_since(down).as_millis() < 3500, "it has to be up for four seconds, and was so before: {timeline:?}");
    }
}

/// Where the new address turns out not to work, the first tunnel goes back and the second was never touched.
#[test]
fn a_planned_move_that_fails_costs_nothing() {
    let estate = Estate::new().dual().device_at(&[OLD]).switch("NegotiationMs", json!(100));
    let scene = Scene::of(estate).set("verify_timeout", "\"1s\"");
    scene.device.move_to(OLD);
    let before = scene.world();
    let (output, (least, _)) = moved_under_watch(&scene);
    assert_eq!(output.expect(1).json()["outcome"], "rolled_back");
    assert_eq!(least, 1, "the other one kept the traffic");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(scene.world(), before, "as if nothing had been: up, too");
}

/// Everything that a device can have, moved on purpose.
#[test]
fn a_planned_move_of_everything() {
    let scene = Scene::of(Estate::all().device_at(&[OLD, NEW]));
    scene.device.move_to(OLD);
    let before = scene.world();
    is_done(&scene.replace(&["--to", NEW, "--planned"]).expect(0).json());
    let after = scene.world();
    let moved = [("dual", 1), ("dual", 2), ("attached", 1), ("attached", 2), ("legacy", 0), ("shared", 1), ("single", 0)];
    only_changed(&before, &after, &moved.map(|(name, index)| pointed(name, index)));
    gateway_was_replaced(&before, &after, OLD, NEW);
}
