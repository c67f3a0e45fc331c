//! One step at a time: what is done about each reading.

use super::replacement_gates::{Setting, dual, setting, single, tunnel_body};
use super::*;
use crate::journal::record::Sent;
use crate::journal::replay::{PendingWrite, ReplacementProgress, Sending, StepProgress};
use crate::model::{Op, PlannedStep, Slot, Verbatim};
use crate::plan::replacement::MARK_PLAN;
use crate::plan::replacement::next::{Act, Effect, Reads, Standing, View, effect, next};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) struct Scene {
    pub(super) setting: Setting,
    pub(super) progress: ReplacementProgress,
    pub(super) standing: Standing,
}

pub(super) fn scene(setting: Setting) -> Scene {
    let plan = setting.plan();
    let made = StepProgress { id: Some("new".into()), answered: true, proven: Some(now()), ..StepProgress::default() };
    let creates = plan.steps().find(|step| matches!(step.op, Op::CreateGateway { slot: Slot::New })).unwrap().id.clone();
    let steps = BTreeMap::from([(creates, made)]);
    let progress = ReplacementProgress {
        seq: 1,
        plan,
        sealed: String::new(),
        began: now(),
        steps,
        earlier: Vec::new(),
        turned: None,
        stopped: None,
        resumed_from: None,
    };
    let read_before = Some(uptime() - SignedDuration::from_secs(61));
    Scene {
        setting,
        progress,
        standing: Standing { agreed_since: read_before, looking_since: uptime(), shown_since: None, missing_since: None, changed: None },
    }
}

impl Scene {
    pub(super) fn step(&self, is: impl Fn(&Op) -> bool) -> PlannedStep {
        self.progress.plan.steps().find(|step| is(&step.op)).unwrap().clone()
    }

    pub(super) fn act(&self, step: &PlannedStep, reads: &Reads) -> Act {
        let view = View { progress: &self.progress, snapshot: &self.setting.snapshot, owner: &self.setting.desired.owner };
        let shown = effect(&view, step, reads);
        next(&view, step, reads, &shown, &self.standing, clocks())
    }

    pub(super) fn effect(&self, step: &PlannedStep, reads: &Reads) -> Effect {
        effect(&View { progress: &self.progress, snapshot: &self.setting.snapshot, owner: &self.setting.desired.owner }, step, reads)
    }

    pub(super) fn sent(&mut self, step: &PlannedStep, ago: SignedDuration) -> &mut PendingWrite {
        let sent = Sent { boot: "b".into(), uptime_ms: 0, cloud: None };
        let sending = Sending { at: now(), sent: Some(sent), uptime: Some(uptime() - ago) };
        let write = PendingWrite {
            intent: 7,
            action: "ModifyTunnelAttribute".into(),
            target: "vco-2".into(),
            region: REGION.into(),
            client_token: "token".into(),
            generation: 0,
            request_hash: "hash".into(),
            intended: sending.clone(),
            last_sent: sending,
            sent_before: None,
            resent: false,
            poisoned: false,
            unconfirmed: true,
            absent_since: None,
        };
        self.progress.steps.entry(step.id.clone()).or_default().open.insert(write)
    }
}

/// The standby tunnel of a dual-tunnel connection is about to be pointed at the new customer gateway.
pub(super) fn rebinding() -> (Scene, PlannedStep) {
    let scene = scene(setting(vec![dual("vco", ["old", "old"])]));
    let step = scene.step(|op| matches!(op, Op::RebindTunnel { index: 2, .. }));
    (scene, step)
}

pub(super) fn shown(gateway: &str, remote_id: &str, edit: impl Fn(&mut Value, &mut IpsecConnection)) -> Reads {
    let known = dual("vco", ["old", "old"]);
    let (mut shape, mut body) = (known.shape, Value::clone(&known.body.0));
    shape.tunnels[1].customer_gateway_id = gateway.into();
    body["TunnelOptionsSpecification"]["TunnelOptions"][1] = tunnel_body("vco-2", 2, gateway, remote_id);
    edit(&mut body, &mut shape);
    Reads { connection: Some(Some((shape, Verbatim::from(body)))), vpn_gateway: Some("active".into()), ..Reads::default() }
}

pub(super) fn before() -> Reads {
    shown("old", "203.0.113.8", |_, _| {})
}

pub(super) fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

#[test]
fn what_is_as_it_was_read_twice_is_sent() {
    let (mut scene, step) = rebinding();
    assert_eq!(scene.act(&step, &before()), Act::Send);
    scene.standing.agreed_since = None;
    assert_eq!(scene.act(&step, &before()), Act::Agreed(uptime() + seconds(60)), "the first reading");
    scene.standing.agreed_since = Some(uptime() - seconds(59));
    assert_eq!(scene.act(&step, &before()), Act::Wait(uptime() + seconds(1)), "too near to the first");
}

#[test]
fn its_effect_shown_proves_it_and_the_address_is_rewritten_with_it() {
    let (scene, step) = rebinding();
    assert_eq!(scene.act(&step, &shown("new", "203.0.113.7", |_, _| {})), Act::Prove(None));
    let left = scene.act(&step, &shown("new", "203.0.113.8", |_, _| {}));
    assert!(matches!(&left, Act::Stop(stopped) if stopped.message.contains("TunnelIkeConfig.RemoteId")), "{left:?}");
    let busy = shown("new", "203.0.113.7", |_, shape| shape.tunnels[1].state = "updating".into());
    assert!(matches!(scene.act(&step, &busy), Act::LookAgain(_)));
    assert!(
        matches!(scene.act(&step, &Reads { vpn_gateway: Some("updating".into()), ..before() }), Act::LookAgain(_)),
        "another change runs"
    );
}

#[test]
fn a_customer_gateway_of_an_earlier_plan_is_not_taken_for_this_one_s() {
    let mut scene = scene(setting(vec![dual("vco", ["old", "old"])]));
    let step = scene.step(|op| matches!(op, Op::CreateGateway { .. }));
    let shown = |id: &str, plan: &str| {
        let mut gateway = ours(id, IP);
        gateway.tags.insert(MARK_PLAN.into(), plan.into());
        Reads { customer_gateways: Some(vec![gateway]), ..Reads::default() }
    };
    let made = scene.progress.steps.insert(step.id.clone(), StepProgress::default()).unwrap();
    let own = scene.progress.plan.id.clone();
    assert_eq!(scene.act(&step, &shown("new", &own)), Act::Prove(Some("new".into())));
    let earlier = shown("deleted", "of an earlier plan");
    assert_eq!(scene.act(&step, &earlier), Act::LookAgain(uptime() + seconds(60)), "an old reading can show one that is deleted");
    scene.standing.shown_since = Some(uptime() - seconds(60));
    assert_eq!(scene.act(&step, &earlier), Act::Prove(Some("deleted".into())), "it is there");
    scene.progress.steps.insert(step.id.clone(), StepProgress { proven: None, ..made });
    assert_eq!(scene.effect(&step, &earlier), Effect::Missing, "the cloud has named another");
    assert_eq!(scene.effect(&step, &shown("new", &own)), Effect::Shown(Some("new".into())));
}

#[test]
fn what_goes_back_is_not_back_because_one_old_reading_shows_it() {
    let (mut scene, step) = rebinding();
    let happened = StepProgress { answered: true, proven: Some(now()), ..StepProgress::default() };
    scene.progress.steps.insert(step.id.clone(), happened.clone());
    let back = PlannedStep::back(&step.id, Op::RebindTunnel { connection: "vco".into(), index: 2, to: Slot::Old("old".into()) });
    let again = Act::LookAgain(uptime() + seconds(60));
    assert_eq!(scene.act(&back, &before()), again, "the reading can be older than the call that pointed it away");
    scene.standing.shown_since = Some(uptime() - seconds(60));
    assert_eq!(scene.act(&back, &before()), Act::Prove(None), "that call never came about");
    scene.sent(&back, seconds(5));
    scene.standing.shown_since = Some(uptime() - seconds(59));
    assert_eq!(scene.act(&back, &before()), Act::Resend, "so can all that there were since");
    scene.standing.shown_since = Some(uptime() - seconds(60));
    assert!(matches!(scene.act(&back, &before()), Act::Conclude { found: Some(_), .. }));
    scene.progress.steps.insert(back.id.clone(), StepProgress { proven: None, ..happened });
    scene.standing.shown_since = None;
    assert_eq!(scene.act(&back, &before()), Act::Prove(None), "the cloud has said so too");
}

#[test]
fn a_key_that_came_out_otherwise_is_seen() {
    let (scene, step) = rebinding();
    let random = shown("new", "203.0.113.7", |body, _| {
        body["TunnelOptionsSpecification"]["TunnelOptions"][1]["TunnelIkeConfig"]["Psk"] = json!("random");
    });
    let act = scene.act(&step, &random);
    assert!(matches!(&act, Act::Stop(stopped) if stopped.reason == "drift" && stopped.message.contains("Psk")), "{act:?}");
    assert!(!format!("{act:?}").contains("random"), "names, never values");
}

#[test]
fn somebody_else_s_hand_stops_it() {
    let (scene, step) = rebinding();
    let cases: [(Reads, &str); 4] = [
        (shown("theirs", "203.0.113.8", |_, _| {}), "theirs"),
        (Reads { connection: Some(None), ..before() }, "deleted it"),
        (shown("old", "fqdn.example", |_, _| {}), "RemoteId"),
        (
            shown("old", "203.0.113.8", |body, _| {
                body["TunnelOptionsSpecification"]["TunnelOptions"][1]["TunnelIpsecConfig"]["IpsecEncAlg"] = json!("des");
            }),
            "IpsecEncAlg",
        ),
    ];
    for (reads, what) in cases {
        let act = scene.act(&step, &reads);
        assert!(matches!(&act, Act::Stop(stopped) if stopped.reason == "drift" && stopped.message.contains(what)), "{what}: {act:?}");
    }
}

#[test]
fn a_tunnel_that_works_is_left_alone_unless_planned() {
    let (mut scene, step) = rebinding();
    let works = shown("old", "203.0.113.8", |_, shape| shape.tunnels[1].status = "ipsec_sa_established".into());
    assert!(matches!(scene.act(&step, &works), Act::Stop(stopped) if stopped.reason == "working_tunnel"));
    let other = shown("old", "203.0.113.8", |_, shape| shape.tunnels[0].status = "ipsec_sa_established".into());
    assert_eq!(scene.act(&step, &other), Act::Send);
    scene.progress.plan.planned = true;
    assert_eq!(scene.act(&step, &works), Act::Send);
}

#[test]
fn a_device_that_changed_again_is_noticed_before_the_next_thing_that_can_hurt() {
    let (mut scene, step) = rebinding();
    scene.standing.changed = Some("it has 203.0.113.9 now".into());
    assert!(matches!(scene.act(&step, &before()), Act::Stop(stopped) if stopped.reason == "changed_again"));
}

#[test]
fn an_unanswered_call_goes_out_again_under_its_token_and_is_proven_absent_late() {
    let (mut scene, step) = rebinding();
    scene.sent(&step, seconds(30));
    assert_eq!(scene.act(&step, &before()), Act::Resend);
    assert_eq!(
        scene.act(&step, &shown("new", "203.0.113.7", |_, _| {})),
        Act::Conclude { intent: 7, found: Some("vco-2".into()) },
        "it had happened"
    );
    scene.sent(&step, seconds(30)).poisoned = true;
    assert!(matches!(scene.act(&step, &before()), Act::LookAgain(_)), "its token is spent");
    scene.sent(&step, seconds(16 * 60 + 1)).absent_since = Some(uptime() - seconds(1));
    assert!(matches!(scene.act(&step, &before()), Act::Wait(_)), "one absence");
    scene.sent(&step, seconds(16 * 60 + 120)).absent_since = Some(uptime() - seconds(61));
    assert_eq!(scene.act(&step, &before()), Act::Conclude { intent: 7, found: None });
}

#[test]
fn what_makes_a_connection_is_never_sent_twice_while_a_copy_may_land() {
    let mut scene = scene(setting(vec![single("vco")]));
    let step = scene.step(|op| matches!(op, Op::CreateConnection { .. }));
    let reads = Reads { connections: Some(vec![]), vpn_gateway: Some("active".into()), ..Reads::default() };
    assert_eq!(scene.act(&step, &reads), Act::Send);
    scene.sent(&step, seconds(1));
    assert!(matches!(scene.act(&step, &reads), Act::LookAgain(_)));
    let mut made = single("vco-9").shape;
    made.tags.insert("cgwd-plan".into(), format!("0123456789abcdef.{}", step.id));
    let found = Reads { connections: Some(vec![made]), ..reads };
    assert_eq!(scene.act(&step, &found), Act::Conclude { intent: 7, found: Some("vco-9".into()) });
}

#[test]
fn a_replacement_by_hand_in_the_gap_is_not_doubled() {
    let scene = scene(setting(vec![single("vco")]));
    let step = scene.step(|op| matches!(op, Op::CreateConnection { .. }));
    let mut by_hand = single("vco-7").shape;
    by_hand.customer_gateway_id = "new".into();
    let reads = Reads { connections: Some(vec![by_hand]), vpn_gateway: Some("active".into()), ..Reads::default() };
    assert!(matches!(scene.act(&step, &reads), Act::Stop(stopped) if stopped.message.contains("by hand")));
}

#[test]
fn deleting_looks_at_everything_that_would_be_lost() {
    let scene = scene(setting(vec![single("vco")]));
    let step = scene.step(|op| matches!(op, Op::DeleteConnection { .. }));
    let known = single("vco");
    let reads = |shape: IpsecConnection, body: Value| Reads {
        connection: Some(Some((shape, Verbatim::from(body)))),
        vpn_gateway: Some("active".into()),
        routes: Some(vec![]),
        policies: Some(vec![]),
        ..Reads::default()
    };
    assert_eq!(scene.act(&step, &reads(known.shape.clone(), Value::clone(&known.body.0))), Act::Send);
    let mut edited = Value::clone(&known.body.0);
    edited["IkeConfig"]["Psk"] = json!("new key of the operator");
    let act = scene.act(&step, &reads(known.shape.clone(), edited));
    assert!(
        matches!(&act, Act::Stop(stopped) if stopped.message.contains("IkeConfig.Psk") && !stopped.message.contains("operator")),
        "{act:?}"
    );
    let mut tagged = known.shape.clone();
    tagged.tags.insert("team".into(), "net".into());
    assert!(matches!(scene.act(&step, &reads(tagged, Value::clone(&known.body.0))), Act::Stop(_)));
    let mut elsewhere = known.shape.clone();
    elsewhere.attachment = Attachment::TransitRouter("tr".into());
    let act = scene.act(&step, &reads(elsewhere, Value::clone(&known.body.0)));
    assert!(matches!(&act, Act::Stop(stopped) if stopped.message.contains("attachment")), "{act:?}");
    let route = crate::model::DestinationRoute {
        next_hop: "vco".into(),
        destination: "10.9.0.0/16".into(),
        weight: 100,
        published: true,
        unknown: vec![],
    };
    let with_route = Reads { routes: Some(vec![route]), ..reads(known.shape.clone(), Value::clone(&known.body.0)) };
    assert!(matches!(scene.act(&step, &with_route), Act::Stop(stopped) if stopped.message.contains("routes")));
    assert_eq!(
        scene.effect(&step, &Reads { connection: Some(None), vpn_gateway: Some("active".into()), ..Reads::default() }),
        Effect::Shown(None)
    );
    assert_eq!(
        scene.effect(&step, &Reads { connection: Some(None), vpn_gateway: Some("updating".into()), ..Reads::default() }),
        Effect::Settling
    );
}

#[test]
fn the_old_customer_gateway_goes_when_nobody_uses_it() {
    let scene = scene(setting(vec![dual("vco", ["old", "old"])]));
    let step = scene.step(|op| matches!(op, Op::DeleteGateway { .. }));
    let reads = |connections: Vec<IpsecConnection>| Reads {
        customer_gateway: Some(Some(ours("old", OTHER_IP))),
        connections: Some(connections),
        ..Reads::default()
    };
    assert_eq!(scene.act(&step, &reads(vec![])), Act::Send);
    let strangers = connection("vco-9", on_vpn_gateway(), &["old"]);
    assert!(matches!(scene.act(&step, &reads(vec![strangers])), Act::Stop(stopped) if stopped.reason == "in_use"));
    let own = connection("vco", on_vpn_gateway(), &["old", "new"]);
    assert!(matches!(scene.act(&step, &reads(vec![own])), Act::LookAgain(_)), "the list lags");
    let unmarked = Reads { customer_gateway: Some(Some(unmarked("old", OTHER_IP))), ..reads(vec![]) };
    assert!(matches!(scene.act(&step, &unmarked), Act::Stop(stopped) if stopped.reason == "owner"));
    assert_eq!(scene.act(&step, &Reads { customer_gateway: Some(None), ..reads(vec![]) }), Act::Prove(None));
}
