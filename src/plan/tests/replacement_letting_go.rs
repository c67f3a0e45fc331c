//! What is given up, and what of an old customer gateway goes with it when it is deleted.

use super::replacement_gates::{setting, single};
use super::replacement_next::{Scene, scene, seconds};
use super::*;
use crate::journal::replay::StepProgress;
use crate::model::{ConnectionSnapshot, Op, Order, PlannedStep, Slot};
use crate::plan::replacement::next::{Act, Effect, Reads, View, edit_since_sent};
use std::collections::BTreeMap;

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
