//! One step at a time: what is done about each reading.

use super::replacement_gates::{Setting, dual, setting, single, tunnel_body};
use super::*;
use crate::journal::record::Sent;
use crate::journal::replay::{PendingWrite, ReplacementProgress, Sending, StepProgress};
use crate::model::{ConnectionSnapshot, Op, Order, PlannedStep, Slot, Verbatim};
use crate::plan::replacement::half_in_use;
use crate::plan::replacement::next::{Act, Effect, Reads, Standing, View, edit_since_sent, effect, next};
use serde_json::{Value, json};
use std::collections::BTreeMap;

struct Scene {
    setting: Setting,
    progress: ReplacementProgress,
    standing: Standing,
}

fn scene(setting: Setting) -> Scene {
    let plan = setting.plan();
    let made = StepProgress { id: Some("new".into()), answered: true, proven: Some(now()), ..StepProgress::default() };
    let creates = plan.steps().find(|step| matches!(step.op, Op::CreateGateway { slot: Slot::New })).unwrap().id.clone();
    let steps = BTreeMap::from([(creates, made)]);
    let progress =
        ReplacementProgress { seq: 1, plan, sealed: String::new(), began: now(), steps, turned: None, stopped: None, resumed_from: None };
    let read_before = Some(uptime() - SignedDuration::from_secs(61));
    Scene {
        setting,
        progress,
        standing: Standing { agreed_since: read_before, looking_since: uptime(), shown_since: None, missing_since: None, changed: None },
    }
}

impl Scene {
    fn step(&self, is: impl Fn(&Op) -> bool) -> PlannedStep {
        self.progress.plan.steps().find(|step| is(&step.op)).unwrap().clone()
    }

    fn act(&self, step: &PlannedStep, reads: &Reads) -> Act {
        let view = View { progress: &self.progress, snapshot: &self.setting.snapshot, owner: &self.setting.desired.owner };
        let shown = effect(&view, step, reads);
        next(&view, step, reads, &shown, &self.standing, clocks())
    }

    fn effect(&self, step: &PlannedStep, reads: &Reads) -> Effect {
        effect(&View { progress: &self.progress, snapshot: &self.setting.snapshot, owner: &self.setting.desired.owner }, step, reads)
    }

    fn sent(&mut self, step: &PlannedStep, ago: SignedDuration) -> &mut PendingWrite {
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
fn rebinding() -> (Scene, PlannedStep) {
    let scene = scene(setting(vec![dual("vco", ["old", "old"])]));
    let step = scene.step(|op| matches!(op, Op::RebindTunnel { index: 2, .. }));
    (scene, step)
}

fn shown(gateway: &str, remote_id: &str, edit: impl Fn(&mut Value, &mut IpsecConnection)) -> Reads {
    let known = dual("vco", ["old", "old"]);
    let (mut shape, mut body) = (known.shape, Value::clone(&known.body.0));
    shape.tunnels[1].customer_gateway_id = gateway.into();
    body["TunnelOptionsSpecification"]["TunnelOptions"][1] = tunnel_body("vco-2", 2, gateway, remote_id);
    edit(&mut body, &mut shape);
    Reads { connection: Some(Some((shape, Verbatim::from(body)))), vpn_gateway: Some("active".into()), ..Reads::default() }
}

fn before() -> Reads {
    shown("old", "203.0.113.8", |_, _| {})
}

fn seconds(seconds: i64) -> SignedDuration {
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

/// A process that died while it made again what was deleted, in order to give the plan up: nothing is gone on with from there.
#[test]
fn a_giving_up_that_broke_off_is_not_mistaken_for_a_list_that_lags() {
    let mut setting = setting(vec![single("vco")]);
    setting.manner.order = Order::Documented;
    let mut scene = scene(setting);
    let makes = scene.step(|op| matches!(op, Op::CreateConnection { .. }));
    scene.progress.steps = BTreeMap::from([(makes.id, StepProgress { id: Some("vco-9".into()), ..StepProgress::default() })]);
    let step = scene.step(|op| matches!(op, Op::DeleteGateway { .. }));
    let at_the_old_one = connection("vco-9", on_vpn_gateway(), &["old"]);
    let reads = Reads { customer_gateway: Some(Some(ours("old", OTHER_IP))), connections: Some(vec![at_the_old_one]), ..Reads::default() };
    let act = scene.act(&step, &reads);
    assert!(matches!(&act, Act::Stop(stopped) if stopped.reason == "given_up" && stopped.remedy.contains("--abort")), "{act:?}");
}

/// In the documented order, with the connections deleted and nothing in their place yet.
fn all_are_away(connections: Vec<ConnectionSnapshot>) -> Scene {
    let mut setting = setting(connections);
    setting.manner.order = Order::Documented;
    let mut scene = scene(setting);
    let proven = || StepProgress { answered: true, proven: Some(now()), ..StepProgress::default() };
    let deletes = |step: &&PlannedStep| matches!(step.op, Op::DeleteConnection { .. });
    scene.progress.steps = scene.progress.plan.steps().filter(deletes).map(|step| (step.id.clone(), proven())).collect();
    scene
}

impl Scene {
    /// What giving up does for a connection that is deleted: the kinds of its first two steps.
    fn made_anew(&self, connection: &str) -> Result<[Op; 2], String> {
        let view = View { progress: &self.progress, snapshot: &self.setting.snapshot, owner: &self.setting.desired.owner };
        let lane = crate::plan::replacement::made_anew(&view, connection, clocks())?;
        Ok([lane.steps[0].op.clone(), lane.steps[1].op.clone()])
    }
}

/// A deletion of the old customer gateway that was concluded as not done counts for nothing once no copy of it can land.
#[test]
fn giving_up_makes_a_connection_again_where_the_old_customer_gateway_was_not_deleted() {
    let mut scene = all_are_away(vec![single("vco")]);
    let step = scene.step(|op| matches!(op, Op::DeleteGateway { .. }));
    let mut made = |ago| {
        scene.sent(&step, seconds(ago));
        let known = scene.progress.steps.get_mut(&step.id).unwrap();
        known.doubtful = known.open.take().map(|open| open.last_sent);
        scene.made_anew("vco")
    };
    let early = made(5 * 60);
    assert!(matches!(&early, Err(why) if why.contains("customer gateway of vco can still take effect")), "{early:?}");
    let late = made(17 * 60);
    assert!(matches!(&late, Ok([Op::CreateConnection { .. }, _])), "{late:?}");
    scene.sent(&step, seconds(17 * 60));
    let open = scene.made_anew("vco");
    assert!(!matches!(&open, Ok([Op::CreateConnection { .. }, _])), "what became of it is not known: {open:?}");
}

/// Of two old customer gateways one is gone and the other cannot go: each connection has its own way back.
#[test]
fn giving_up_makes_each_connection_again_where_it_has_a_place() {
    let mut lost = single("vco-lost");
    lost.shape.customer_gateway_id = "gone".into();
    let mut scene = all_are_away(vec![single("vco-kept"), lost]);
    let deletion = scene.step(|op| matches!(op, Op::DeleteGateway { .. }));
    let of_the_other = PlannedStep { id: "gone-1".into(), op: Op::DeleteGateway { id: "gone".into() } };
    let lane = scene.progress.plan.stages.iter_mut().flatten().find(|lane| lane.steps.contains(&deletion)).unwrap();
    lane.steps.push(of_the_other.clone());
    let proven = StepProgress { answered: true, proven: Some(now()), ..StepProgress::default() };
    scene.progress.steps.insert(of_the_other.id, proven);
    let kept = scene.made_anew("vco-kept");
    assert!(matches!(&kept, Ok([Op::CreateConnection { .. }, _])), "{kept:?}");
    let lost = scene.made_anew("vco-lost");
    assert!(matches!(&lost, Ok([Op::CreateGateway { slot: Slot::New }, Op::CreateConnection { .. }])), "{lost:?}");
}

/// While connections are away giving up needs the new customer gateway too: it is no way around what holds the address.
#[test]
fn what_holds_the_new_address_is_not_given_up_around_in_a_gap() {
    let remedy = |scene: &Scene| {
        let step = scene.step(|op| matches!(op, Op::CreateGateway { .. }));
        let mut other = ours("other", IP);
        other.asn = Asn::new(65_099);
        let reads = Reads { customer_gateways: Some(vec![other]), ..Reads::default() };
        match scene.effect(&step, &reads) {
            Effect::Contradiction(stopped) => stopped.remedy,
            other => panic!("{other:?}"),
        }
    };
    let away = remedy(&all_are_away(vec![single("vco")]));
    assert!(away.contains("--resume") && !away.contains("--abort"), "{away}");
    assert!(remedy(&scene(setting(vec![single("vco")]))).contains("--abort"));
}

/// What was taken off is put back once the call that took it has an outcome; how long that can take is said.
#[test]
fn giving_up_waits_for_a_call_that_can_still_change_the_connection() {
    let mut connection = single("vco");
    let (next_hop, destination) = ("vco".to_owned(), "10.9.0.0/16".to_owned());
    connection.routes = vec![crate::model::DestinationRoute { next_hop, destination, weight: 100, published: true, unknown: vec![] }];
    let mut scene = scene(setting(vec![connection]));
    let step = scene.step(|op| matches!(op, Op::DeleteRoute { .. }));
    let mut why = |ago| {
        scene.sent(&step, seconds(ago));
        crate::plan::replacement::what_is_unsafe(&scene.progress, &[], clocks()).unwrap()
    };
    let early = why(30);
    assert_eq!(early.passes_in, Some(seconds(16 * 60 - 30)));
    assert!(early.why.contains("lacks what was taken off it") && early.why.contains("930 s"), "{early:?}");
    let late = why(20 * 60);
    assert_eq!(late.passes_in, Some(SignedDuration::ZERO), "two looks tell");
    assert!(!late.why.contains("take effect"), "{late:?}");
}

/// What somebody has written on the old customer gateway goes to the next one, where that is still to be made; a key cannot.
#[test]
fn an_edit_of_the_old_customer_gateway_stops_only_where_it_would_be_lost() {
    let old = |edit: fn(&mut CustomerGateway)| {
        let mut gateway = ours("old", OTHER_IP);
        gateway.auth_key = Some(crate::model::Secret::new("key".to_owned()));
        edit(&mut gateway);
        gateway
    };
    let scene = |order| {
        let mut setting = setting(vec![single("vco")]);
        setting.manner.order = order;
        setting.snapshot.gateways = vec![(&old(|_| {})).into()];
        let mut scene = scene(setting);
        if order == Order::Documented {
            scene.progress.steps.clear();
        }
        scene
    };
    let act = |scene: &Scene, edit| {
        let step = scene.step(|op| matches!(op, Op::DeleteGateway { .. }));
        let reads = Reads { customer_gateway: Some(Some(old(edit))), connections: Some(vec![]), ..Reads::default() };
        scene.act(&step, &reads)
    };
    let is_refused = |act: &Act| matches!(act, Act::Stop(stopped) if stopped.reason == "owner" && stopped.remedy.contains("--abort"));
    let (new_first, documented) = (scene(Order::NewFirst), scene(Order::Documented));
    let edits: [fn(&mut CustomerGateway); 3] = [
        |gateway| gateway.name = "renamed".into(),
        |gateway| gateway.description = "moved".into(),
        |gateway| drop(gateway.tags.insert("team".into(), "net".into())),
    ];
    for edit in edits {
        assert!(is_refused(&act(&new_first, edit)), "the new one is made already");
        assert_eq!(act(&documented, edit), Act::Send);
    }
    let another_key = |gateway: &mut CustomerGateway| gateway.auth_key = Some(crate::model::Secret::new("another".to_owned()));
    let masked = |gateway: &mut CustomerGateway| gateway.auth_key = Some(crate::model::Secret::new("******".to_owned()));
    for scene in [&new_first, &documented] {
        assert!(is_refused(&act(scene, another_key)));
        assert_eq!(act(scene, masked), Act::Send, "the cloud does not show it");
    }
}

/// Of two old ones the first hands its words on; what somebody writes on the other one is asked about while that keeps nothing waiting.
#[test]
fn words_on_a_further_old_customer_gateway_are_not_taken_for_carried_over() {
    let second = Ipv4Addr::new(203, 0, 113, 10);
    let mut setting = setting(vec![single("vco")]);
    setting.manner.order = Order::Documented;
    setting.inventory.customer_gateways.push(ours("older", second));
    setting.snapshot.gateways = vec![(&ours("old", OTHER_IP)).into(), (&ours("older", second)).into()];
    let mut scene = scene(setting);
    scene.progress.steps.clear();
    let deletion = |scene: &Scene, which: &str| scene.step(|op| matches!(op, Op::DeleteGateway { id } if id == which));
    let (first, further) = (deletion(&scene, "old"), deletion(&scene, "older"));
    let renamed = |id: &str, ip| {
        let gateway = CustomerGateway { name: "renamed".into(), ..ours(id, ip) };
        Reads { customer_gateway: Some(Some(gateway)), connections: Some(vec![]), ..Reads::default() }
    };
    let proven = || StepProgress { answered: true, proven: Some(now()), ..StepProgress::default() };
    assert_eq!(scene.act(&first, &renamed("old", OTHER_IP)), Act::Send);
    scene.progress.steps.insert(first.id.clone(), proven());
    let act = scene.act(&further, &renamed("older", second));
    assert!(matches!(&act, Act::Stop(stopped) if stopped.reason == "owner" && stopped.remedy.contains("--abort")), "{act:?}");
    let deletes = scene.step(|op| matches!(op, Op::DeleteConnection { .. }));
    scene.progress.steps.insert(deletes.id, proven());
    assert_eq!(scene.act(&further, &renamed("older", second)), Act::Send, "a connection is away, and no place is left to give up from");
}

/// The first copy of a deletion was lost on its way, and somebody writes on what is still there before it goes out again.
#[test]
fn what_is_written_between_two_copies_of_a_deletion_is_noticed() {
    let mut setting = setting(vec![single("vco")]);
    setting.manner.order = Order::Documented;
    setting.snapshot.gateways = vec![(&ours("old", OTHER_IP)).into()];
    let mut scene = scene(setting);
    scene.progress.steps.clear();
    let step = scene.step(|op| matches!(op, Op::DeleteGateway { .. }));
    scene.sent(&step, seconds(30));
    let described = |text: &str| {
        let gateway = CustomerGateway { description: text.into(), ..ours("old", OTHER_IP) };
        Reads { customer_gateway: Some(Some(gateway)), connections: Some(vec![]), ..Reads::default() }
    };
    let mut resent_with = |text: &str| {
        assert_eq!(scene.act(&step, &described(text)), Act::Resend);
        let view = View { progress: &scene.progress, snapshot: &scene.setting.snapshot, owner: &scene.setting.desired.owner };
        let edited = edit_since_sent(&view, &step, &described(text));
        if edited.is_some() {
            scene.progress.steps.get_mut(&step.id).unwrap().edited.clone_from(&edited);
        }
        edited.map(|label| label.description)
    };
    assert_eq!(resent_with(""), None);
    assert_eq!(resent_with("moved").as_deref(), Some("moved"));
    assert_eq!(resent_with("moved"), None, "it is known");
    assert_eq!(resent_with("").as_deref(), Some(""), "it was taken back");
}

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
