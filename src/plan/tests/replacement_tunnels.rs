//! How tunnels are waited for, and which may be taken.

use super::replacement_gates::{Setting, dual, setting, tunnel_body};
use super::replacement_next::{Scene, rebinding, scene, seconds, shown};
use super::*;
use crate::journal::replay::Sending;
use crate::model::{Op, Slot};
use crate::plan::replacement::half_in_use;
use crate::plan::replacement::next::Act;
use std::collections::BTreeMap;

#[test]
fn a_tunnel_has_its_time_and_no_more() {
    let (mut scene, _) = rebinding();
    let step = scene.step(|op| matches!(op, Op::Verify { index: 2, .. }));
    let down = shown("new", "203.0.113.7", |_, _| {});
    assert_eq!(scene.act(&step, &down), Act::BeginVerification);
    let began = |ago| Some(Sending { at: now(), sent: None, uptime: Some(uptime() - ago) });
    scene.progress.steps.entry(step.id.clone()).or_default().verifying = began(seconds(299));
    assert_eq!(scene.act(&step, &down), Act::LookAgain(uptime() + seconds(1)));
    scene.progress.steps.entry(step.id.clone()).or_default().verifying = began(seconds(300));
    assert_eq!(scene.act(&step, &down), Act::NotVerified);
    let up = shown("new", "203.0.113.7", |_, shape| shape.tunnels[1].status = "ipsec_sa_established".into());
    assert_eq!(scene.act(&step, &up), Act::Prove(None));
    let no_bgp = shown("new", "203.0.113.7", |_, shape| {
        shape.bgp_enabled = true;
        shape.tunnels[1].status = "ipsec_sa_established".into();
        shape.tunnels[1].bgp_status = "false".into();
    });
    assert_eq!(scene.act(&step, &no_bgp), Act::NotVerified, "BGP is on and down");
}

/// The same once its time is over, with tunnel 1 as it is told.
fn out_of_time(scene: &mut Scene, first: &str) -> Act {
    let step = scene.step(|op| matches!(op, Op::Verify { index: 2, .. }));
    let began = Some(Sending { at: now(), sent: None, uptime: Some(uptime() - seconds(300)) });
    scene.progress.steps.entry(step.id.clone()).or_default().verifying = began;
    let reads = shown("new", "203.0.113.7", |_, shape| {
        shape.tunnels[0].customer_gateway_id = "new".into();
        shape.tunnels[0].status = first.into();
    });
    scene.act(&step, &reads)
}

const UP: &str = "ipsec_sa_established";
const DOWN: &str = "ike_sa_not_established";

fn is_left_down(act: &Act) -> bool {
    *act == Act::Prove(Some(crate::model::NOT_UP.to_owned()))
}

#[test]
fn where_nobody_knows_what_worked_before_one_tunnel_is_enough() {
    let (mut scene, _) = rebinding();
    assert!(scene.progress.plan.worked.is_empty());
    assert!(is_left_down(&out_of_time(&mut scene, UP)));
    assert_eq!(out_of_time(&mut scene, DOWN), Act::NotVerified, "nothing of it works");
}

#[test]
fn a_tunnel_that_worked_before_has_to_come_up_and_one_that_was_down_is_not_waited_for() {
    let remembering = |up: Vec<u8>| {
        let mut setting = setting(vec![dual("vco", ["old", "old"])]);
        setting.remembered.insert("vco".into(), up);
        scene(setting)
    };
    assert_eq!(out_of_time(&mut remembering(vec![1, 2]), UP), Act::NotVerified);
    let mut scene = remembering(vec![1]);
    assert!(is_left_down(&out_of_time(&mut scene, DOWN)), "the first is judged by itself");
    let step = scene.step(|op| matches!(op, Op::Verify { index: 2, .. }));
    scene.progress.steps.remove(&step.id);
    assert!(is_left_down(&scene.act(&step, &shown("new", "203.0.113.7", |_, _| {}))), "at once");
    let up = shown("new", "203.0.113.7", |_, shape| shape.tunnels[1].status = UP.into());
    assert_eq!(scene.act(&step, &up), Act::Prove(None), "it may come up all the same");
    let first = scene.step(|op| matches!(op, Op::Verify { index: 1, .. }));
    assert_eq!(scene.act(&first, &shown("new", "203.0.113.7", |_, _| {})), Act::BeginVerification);
}

/// A planned move: the cloud shows what works, and a tunnel that worked in an earlier look may be negotiating in this one. Of a
/// connection that is down it shows nothing, whatever the others do: one of them may be an SA that the cloud has not given up yet.
#[test]
fn what_the_cloud_shows_of_a_connection_in_use_is_its_measure_beside_what_is_remembered() {
    let one_works = |id: &str| {
        let mut connection = dual(id, ["old", "old"]);
        connection.shape.tunnels[0].status = UP.into();
        connection
    };
    let connections = vec![one_works("vco"), one_works("half"), dual("dead", ["old", "old"]), dual("dark", ["old", "old"])];
    let mut setting = setting(connections);
    setting.manner.planned = true;
    setting.remembered.extend([("vco".into(), vec![2]), ("dead".into(), vec![])]);
    assert_eq!(half_in_use(&setting.subjects(), &setting.snapshot), ["vco", "half"], "these are looked at twice");
    let plan = setting.plan();
    assert_eq!(plan.worked, BTreeMap::from([("vco".into(), vec![1, 2]), ("half".into(), vec![1]), ("dead".into(), vec![])]));
    let told = crate::plan::replacement::not_asked_for(&plan);
    let down = |tunnel: &str| format!("{tunnel} was down before: it is moved, and need not come up");
    let mut named: Vec<String> = ["tunnel 2 of half", "tunnel 2 of dead", "tunnel 1 of dead"].map(down).into();
    named.push("dark: which of its tunnels worked before is not known, so one that comes up is enough".into());
    assert_eq!(told, named);
}

/// What is taken for dead has its time all the same, as long as the other one still carries the traffic.
#[test]
fn a_planned_move_waits_also_for_a_tunnel_that_was_down() {
    let mut setting = setting(vec![dual("vco", ["old", "old"])]);
    setting.snapshot.connections[0].shape.tunnels[0].status = UP.into();
    setting.manner.planned = true;
    let mut scene = scene(setting);
    assert_eq!(scene.progress.plan.worked, BTreeMap::from([("vco".into(), vec![1])]));
    let standby = scene.step(|op| matches!(op, Op::Verify { index: 2, .. }));
    let moved = || shown("new", "203.0.113.7", |_, shape| shape.tunnels[0].status = UP.into());
    assert_eq!(scene.act(&standby, &moved()), Act::BeginVerification);
    let move_active = scene.step(|op| matches!(op, Op::RebindTunnel { index: 1, .. }));
    scene.progress.steps.entry(move_active.id).or_default().proven = Some(now());
    assert!(is_left_down(&scene.act(&standby, &moved())), "nothing is left that could wait for it");
}

/// Without a tunnel that works nothing is won by moving one after the other.
#[test]
fn the_second_tunnel_waits_for_the_first_where_one_works() {
    let order = |setting: &Setting| -> Vec<String> {
        let plan = setting.plan();
        let own = plan.steps().filter(|step| step.op.connection().is_some());
        own.map(|step| match &step.op {
            Op::RebindTunnel { index, .. } => format!("move {index}"),
            Op::Verify { index, .. } => format!("verify {index}"),
            other => panic!("{other:?}"),
        })
        .collect()
    };
    let mut setting = setting(vec![dual("vco", ["old", "old"])]);
    assert_eq!(order(&setting), ["move 2", "move 1", "verify 2", "verify 1"]);
    setting.snapshot.connections[0].shape.tunnels[0].status = UP.into();
    setting.manner.planned = true;
    assert_eq!(order(&setting), ["move 2", "verify 2", "move 1", "verify 1"]);
    setting.snapshot.connections[0].shape.tunnels[0].status = DOWN.into();
    assert_eq!(order(&setting), ["move 2", "move 1", "verify 2", "verify 1"]);
    setting.remembered.insert("vco".into(), vec![1, 2]);
    assert_eq!(order(&setting), ["move 2", "verify 2", "move 1", "verify 1"], "both negotiate anew at this moment");
    setting.manner.planned = false;
    assert_eq!(order(&setting), ["move 2", "move 1", "verify 2", "verify 1"], "the device has moved, and all are down");
    setting.manner.planned = true;
    setting.snapshot.connections[0].shape.tunnels[1].status = UP.into();
    assert_eq!(order(&setting), ["move 1", "verify 1", "move 2", "verify 2"], "the standby carries everything");
    setting.snapshot.connections[0].shape.tunnels[0].status = UP.into();
    assert_eq!(order(&setting), ["move 2", "verify 2", "move 1", "verify 1"], "both work");
}

/// Both worked when the move was planned; then one of them goes down.
#[test]
fn a_planned_move_does_not_take_the_last_tunnel_that_works() {
    let planned = |worked: Vec<u8>| {
        let mut setting = setting(vec![dual("vco", ["old", "old"])]);
        setting.snapshot.connections[0].shape.tunnels[1].status = UP.into();
        setting.remembered.insert("vco".into(), worked);
        setting.manner.planned = true;
        scene(setting)
    };
    let of = |at: [&str; 2], status: [&str; 2]| {
        let identity = |at| if at == "new" { "203.0.113.7" } else { "203.0.113.8" };
        shown(at[1], identity(at[1]), |body, shape| {
            body["TunnelOptionsSpecification"]["TunnelOptions"][0] = tunnel_body("vco-1", 1, at[0], identity(at[0]));
            shape.tunnels[0].customer_gateway_id = at[0].into();
            (0..2).for_each(|place| shape.tunnels[place].status = status[place].into());
        })
    };
    let mut scene = planned(vec![1, 2]);
    let standby = scene.step(|op| matches!(op, Op::RebindTunnel { index: 2, to: Slot::New, .. }));
    assert_eq!(scene.act(&standby, &of(["old", "old"], [UP, UP])), Act::Send);
    let alone = of(["old", "old"], [DOWN, UP]);
    assert_eq!(scene.act(&standby, &alone), Act::LookAgain(uptime() + seconds(5)), "the other one may be negotiating anew");
    assert!(matches!(scene.act(&standby, &of(["new", "old"], [DOWN, UP])), Act::LookAgain(_)), "it had come up there and is down again");
    assert_eq!(scene.act(&standby, &of(["new", "old"], [UP, UP])), Act::Send);
    assert_eq!(scene.act(&standby, &of(["old", "old"], [DOWN, DOWN])), Act::Send, "nothing is taken from anybody");
    scene.standing.looking_since = uptime() - seconds(300);
    let stopped = scene.act(&standby, &alone);
    assert!(
        matches!(&stopped, Act::Stop(stopped) if stopped.reason == "last_tunnel" && stopped.passes && stopped.remedy.contains("--abort")),
        "{stopped:?}"
    );
    let one = planned(vec![2]);
    assert_eq!(one.act(&standby, &alone), Act::Send, "the other one is not asked to come up");
}
