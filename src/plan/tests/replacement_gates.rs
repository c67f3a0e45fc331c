//! Each gate of a replacement, passing and refusing.

use super::*;
use crate::journal::replay::Replacements;
use crate::model::{Begun, ConnectionSnapshot, Order, ReplacementOutcome, ReplacementPlan, SNAPSHOT_FORMAT, Snapshot, Worked};
use crate::plan::replacement::{Case, Evidence, Manner, NotTried, Subjects, could_make_none_first, draft, gates, refused_later};
use serde_json::{Value, json};

pub(super) struct Setting {
    pub desired: Desired,
    pub inventory: Inventory,
    pub snapshot: Snapshot,
    pub manner: Manner,
    pub evidence: Evidence,
    pub replacements: Replacements,
    pub remembered: Worked,
    pub may_adopt: bool,
}

pub(super) fn tunnel_body(id: &str, index: u8, gateway: &str, remote_id: &str) -> Value {
    json!({
        "TunnelId": id, "TunnelIndex": index, "Role": if index == 1 { "master" } else { "slave" }, "CustomerGatewayId": gateway,
        "State": "active", "Status": "ike_sa_not_established", "InternetIp": format!("47.0.0.{index}"),
        "EnableDpd": "true", "EnableNatTraversal": "true",
        "TunnelIkeConfig": {"Psk": format!("key-{id}"), "RemoteId": remote_id, "LocalId": format!("47.0.0.{index}"), "IkeVersion": "ikev2"},
        "TunnelIpsecConfig": {"IpsecEncAlg": "aes256", "IpsecLifetime": "86400"},
        "TunnelBgpConfig": {},
    })
}

pub(super) fn dual(id: &str, gateways: [&str; 2]) -> ConnectionSnapshot {
    let tunnels: Vec<Value> =
        (1..).zip(gateways).map(|(index, gateway)| tunnel_body(&format!("{id}-{index}"), index, gateway, "203.0.113.8")).collect();
    let mut shape = connection(id, on_vpn_gateway(), &gateways);
    shape.tunnels.iter_mut().for_each(|tunnel| tunnel.status = "ike_sa_not_established".into());
    let body = json!({
        "VpnConnectionId": id, "VpnGatewayId": "vpn-1", "State": "active", "LocalSubnet": "10.0.0.0/8", "RemoteSubnet": "192.168.0.0/16",
        "EnableTunnelsBgp": false, "TunnelOptionsSpecification": {"TunnelOptions": tunnels},
    });
    snapshot_of(shape, body)
}

pub(super) fn single(id: &str) -> ConnectionSnapshot {
    let body = json!({
        "VpnConnectionId": id, "VpnGatewayId": "vpn-1", "CustomerGatewayId": "old", "State": "active", "Status": "ike_sa_not_established",
        "LocalSubnet": "10.0.0.0/8", "RemoteSubnet": "192.168.0.0/16", "IkeConfig": {"Psk": "key", "RemoteId": "203.0.113.8"},
    });
    snapshot_of(connection(id, on_vpn_gateway(), &["old"]), body)
}

fn snapshot_of(shape: IpsecConnection, body: Value) -> ConnectionSnapshot {
    ConnectionSnapshot {
        id: shape.id.clone(),
        shape,
        body: body.into(),
        description: None,
        routes: vec![],
        policies: vec![],
        connection_routes: vec![],
        attachment: None,
        authorizations: vec![],
    }
}

pub(super) fn setting(connections: Vec<ConnectionSnapshot>) -> Setting {
    let inventory = Inventory {
        connections: connections.iter().map(|connection| connection.shape.clone()).collect(),
        connections_read: true,
        ..inventory(vec![ours("old", OTHER_IP), foreign("theirs", Ipv4Addr::new(203, 0, 113, 99))])
    };
    Setting {
        desired: desired(),
        snapshot: Snapshot { format: SNAPSHOT_FORMAT, region: REGION.into(), taken_at: now(), gateways: vec![], connections },
        inventory,
        manner: Manner::default(),
        evidence: Evidence {
            settled: Ok("held".into()),
            attested: Ok("one source".into()),
            max_per_day: 1,
            by_person: false,
            window: None,
            clock_offset: SignedDuration::ZERO,
            free_bytes: Some(1 << 30),
            dry_run: Some(Ok("tried".into())),
        },
        replacements: Replacements::default(),
        remembered: Worked::new(),
        may_adopt: true,
    }
}

impl Setting {
    pub fn subjects(&self) -> Subjects {
        Subjects::find(&self.desired, &self.inventory)
    }

    pub fn plan(&self) -> ReplacementPlan {
        draft("0123456789abcdef", &self.desired, &self.subjects(), &self.snapshot, &self.inventory, self.manner, &self.remembered)
    }

    fn refused(&self) -> Vec<(&'static str, String)> {
        self.gates().into_iter().filter(|gate| !gate.passed).map(|gate| (gate.name, gate.detail)).collect()
    }

    /// Its evidence.
    fn gate(&self, name: &str) -> String {
        self.gates().into_iter().find(|gate| gate.name == name).unwrap().detail
    }

    fn gates(&self) -> Vec<Gate> {
        let (plan, subjects) = (self.plan(), self.subjects());
        let case = Case {
            plan: &plan,
            desired: &self.desired,
            subjects: &subjects,
            snapshot: &self.snapshot,
            inventory: &self.inventory,
            may_adopt: self.may_adopt,
        };
        gates(case, &self.replacements, &self.evidence, clocks())
    }

    fn refuses(&self, name: &str, because: &str) {
        let refused = self.refused();
        assert!(refused.len() == 1 && refused[0].0 == name && refused[0].1.contains(because), "{refused:?}");
    }
}

#[test]
fn where_all_is_well_every_gate_passes() {
    for connections in [vec![], vec![dual("vco", ["old", "old"])], vec![single("vco"), dual("two", ["old", "other"])]] {
        assert_eq!(setting(connections).refused(), []);
    }
}

#[test]
fn an_address_that_has_not_settled_or_is_not_attested_waits() {
    let mut setting = setting(vec![dual("vco", ["old", "old"])]);
    setting.evidence.settled = Err("for 3 s of 30 s".into());
    setting.refuses("settled", "3 s of 30 s");
    setting.evidence.settled = Ok(String::new());
    setting.evidence.attested = Err("two sources disagree".into());
    setting.refuses("attested", "disagree");
}

#[test]
fn a_tunnel_that_works_contradicts_the_change_unless_it_is_planned() {
    let mut connection = dual("vco", ["old", "other"]);
    connection.shape.tunnels[1].status = "ipsec_sa_established".into();
    assert_eq!(setting(vec![connection.clone()]).refused(), [], "the other's tunnel says nothing");
    connection.shape.tunnels[0].status = "ipsec_sa_established".into();
    let mut working = setting(vec![connection]);
    working.refuses("working_tunnel", "vco-1");
    working.manner.planned = true;
    assert_eq!(working.refused(), []);

    let mut sick = single("vco");
    sick.shape.status = "ipsec_sa_established".into();
    setting(vec![sick.clone()]).refuses("working_tunnel", "vco");
    (sick.shape.health_enabled, sick.shape.health_status) = (true, "failed".into());
    assert_eq!(setting(vec![sick]).refused(), [], "established, and nobody answers: the cloud has not noticed yet");
}

#[test]
fn a_change_of_the_asn_alone_needs_a_person() {
    let mut setting = setting(vec![dual("vco", ["old", "old"])]);
    setting.inventory.customer_gateways[0] = with_asn(Some(65_002), ours("old", IP));
    setting.refuses("planned", "--planned");
    setting.manner.planned = true;
    assert_eq!(setting.refused(), []);
}

/// Without a word of a person's own nothing is deleted before the cloud has made one customer gateway, however many there are.
#[test]
fn a_change_of_the_asn_alone_proves_that_one_can_be_made() {
    let mut setting = setting(vec![single("vco")]);
    setting.inventory.customer_gateways[0] = with_asn(Some(65_002), ours("old", IP));
    setting
        .inventory
        .customer_gateways
        .extend((0..100).map(|number| unmarked(&format!("cgw-{number}"), Ipv4Addr::new(198, 51, 100, number))));
    for order in [Order::NewFirst, Order::Documented] {
        setting.manner.order = order;
        assert!(setting.gate("rights").contains("a temporary customer gateway is made first"), "{order:?}");
        assert!(setting.gate("quota").contains("refuses the first write"), "{order:?}");
    }
    assert!(could_make_none_first(&setting.plan()));
    setting.manner.unproven = true;
    assert!(setting.gate("rights").contains("not proven before the old one is deleted"));
    assert!(setting.plan().temporary.is_none() && !could_make_none_first(&setting.plan()));
    let mut setting = self::setting(vec![dual("vco", ["old", "theirs"])]);
    setting.inventory.customer_gateways[0] = with_asn(Some(65_002), ours("old", IP));
    setting.manner.order = Order::Documented;
    assert!(!could_make_none_first(&setting.plan()), "a tunnel of it is somebody else's, so it waits");
}

#[test]
fn a_foreign_holder_of_the_new_address_and_one_with_another_asn_are_in_the_way() {
    let mut setting = setting(vec![dual("vco", ["old", "old"])]);
    setting.inventory.customer_gateways.push(foreign("theirs-too", IP));
    setting.refuses("owner", "another device's mark");
    setting.inventory.customer_gateways[2] = with_asn(Some(65_003), unmarked("hand", IP));
    setting.refuses("owner", "another ASN");
    setting.inventory.customer_gateways[2] = unmarked("hand", IP);
    assert_eq!(setting.refused(), [], "one that fits is adopted");
}

#[test]
fn a_key_that_is_masked_or_missing_is_asked_for_by_name() {
    for masked in ["****", "", "ab********yz"] {
        let mut connection = dual("vco", ["old", "old"]);
        connection.body.edit()["TunnelOptionsSpecification"]["TunnelOptions"][1]["TunnelIkeConfig"]["Psk"] = json!(masked);
        setting(vec![connection]).refuses("snapshot", "vco-2");
    }
    let mut theirs = dual("vco", ["old", "other"]);
    theirs.body.edit()["TunnelOptionsSpecification"]["TunnelOptions"][1]["TunnelIkeConfig"]["Psk"] = json!("****");
    assert_eq!(setting(vec![theirs]).refused(), [], "somebody else's tunnel is not sent back");
    let mut single = single("vco");
    single.body.edit()["IkeConfig"] = json!({});
    setting(vec![single]).refuses("snapshot", "[[replacement.secret]]");
}

#[test]
fn a_field_that_nobody_knows_stops_the_plan() {
    let at_the_top = |value: Value| {
        let mut connection = single("vco");
        connection.body.edit()["QuantumSafe"] = value;
        setting(vec![connection])
    };
    at_the_top(json!(true)).refuses("unknown_fields", "vco QuantumSafe");
    for nothing in [json!(null), json!(""), json!([]), json!({})] {
        assert_eq!(at_the_top(nothing).refused(), []);
    }
    let mut deep = dual("vco", ["old", "old"]);
    deep.body.edit()["TunnelOptionsSpecification"]["TunnelOptions"][0]["TunnelIkeConfig"]["Ppk"] = json!("x");
    setting(vec![deep]).refuses("unknown_fields", "TunnelOptions[1].TunnelIkeConfig.Ppk");
    let mut report = single("vco");
    report.body.edit()["LastFailureReason"] = json!("none");
    assert_eq!(setting(vec![report]).refused(), [], "a report is no setting");
}

#[test]
fn what_this_account_could_not_make_again_is_not_deleted() {
    let mut bound = dual("vco", ["old", "old"]);
    bound.shape.attachment = Attachment::TransitRouter("tr-1".into());
    let mut setting = setting(vec![bound]);
    setting.manner.recreate = true;
    setting.refuses("recreatable", "another account");
}

#[test]
fn what_the_cloud_would_not_make_refuses_and_what_it_does_not_allow() {
    let mut setting = setting(vec![single("vco")]);
    setting.evidence.dry_run = Some(Err(NotTried::Refused("it would not".into())));
    setting.refuses("dry_run", "would not");
    setting.evidence.dry_run = Some(Err(NotTried::Forbidden("not from this address".into())));
    setting.refuses("rights", "not from this address");
    setting.evidence.dry_run = None;
    assert_eq!(setting.refused(), [], "nothing is tried before it begins");
}

/// Some can only be told by a call that hurts nobody, or by what is on the disk then.
#[test]
fn a_gate_may_refuse_when_it_has_begun() {
    let mut gates = vec![crate::plan::Gate::passed("rights", "reads"), crate::plan::Gate::passed("quota", "2 in use")];
    refused_later(&mut gates, "rights", "Forbidden.RAM");
    refused_later(&mut gates, "snapshot_readable", "wrong key");
    refused_later(&mut gates, "drift", "no gate's business");
    let told: Vec<_> = gates.iter().map(|gate| (gate.name, gate.passed, gate.detail.as_str())).collect();
    assert_eq!(told, [("rights", false, "Forbidden.RAM"), ("quota", true, "2 in use"), ("snapshot_readable", false, "wrong key")]);
}

#[test]
fn the_daily_limit_counts_what_was_begun_and_not_given_up() {
    let mut setting = setting(vec![dual("vco", ["old", "old"])]);
    let begun = |hours, outcome| Begun { plan: "p".into(), at: now() - SignedDuration::from_hours(hours), outcome };
    let done = Some(ReplacementOutcome::Done);
    setting.replacements.begun = vec![begun(25, done)];
    assert_eq!(setting.refused(), []);
    setting.replacements.begun = vec![begun(25, done), begun(23, done)];
    setting.refuses("daily_limit", "1 in the last 24 hours");
    setting.replacements.begun = vec![begun(1, Some(ReplacementOutcome::Abandoned))];
    assert_eq!(setting.refused(), []);
    setting.replacements.begun = vec![begun(1, Some(ReplacementOutcome::RolledBack))];
    setting.refuses("daily_limit", "1 in the last 24 hours");
    setting.evidence.by_person = true;
    assert_eq!(setting.refused(), [], "a person corrected the device and tries again");
}

#[test]
fn window_clock_and_disk_refuse_with_their_numbers_and_a_full_region_is_said() {
    let mut setting = setting(vec![dual("vco", ["old", "old"])]);
    setting.evidence.window = Some(Err("opens on Saturday".into()));
    setting.refuses("window", "Saturday");
    setting.evidence.window = Some(Ok("open".into()));
    setting.evidence.clock_offset = SignedDuration::from_secs(-301);
    setting.refuses("clock", "301 s");
    setting.evidence.clock_offset = SignedDuration::from_secs(300);
    setting.evidence.free_bytes = Some((1 << 20) - 1);
    setting.refuses("disk", "1 MiB");
    setting.evidence.free_bytes = None;
    let address = |number: u8| Ipv4Addr::new(198, 51, 100, number);
    setting.inventory.customer_gateways.extend((0..98).map(|number| unmarked(&format!("cgw-{number}"), address(number))));
    assert_eq!(setting.refused(), [], "the cloud may allow this account more, and its answer comes before anything that hurts");
    assert!(setting.gate("quota").contains("100 in use") && setting.gate("quota").contains("refuses the first write"));
    setting.manner.order = Order::Documented;
    assert!(!setting.gate("quota").contains("first write"), "it deletes before it makes");
}

fn tags(count: usize) -> Tags {
    (0..count).map(|number| (format!("tag-{number:02}"), String::new())).collect()
}

#[test]
fn twenty_tags_leave_no_room_for_the_marks() {
    let with = |count| {
        let mut connection = single("vco");
        connection.shape.tags = tags(count);
        setting(vec![connection])
    };
    assert_eq!(with(19).refused(), []);
    with(20).refuses("recreatable", "take one tag off");
    let mut rebound = dual("vco", ["old", "old"]);
    rebound.shape.tags = tags(20);
    assert_eq!(setting(vec![rebound]).refused(), [], "it is not made again");

    let carrying = |count| {
        let mut setting = setting(vec![dual("vco", ["old", "old"])]);
        setting.snapshot.gateways = vec![(&gateway("old", OTHER_IP, tags(count))).into()];
        setting
    };
    assert_eq!(carrying(17).refused(), []);
    carrying(18).refuses("quota", "take 1 off old");
    let mut adopting = setting(vec![dual("vco", ["old", "old"])]);
    adopting.inventory.customer_gateways.push(gateway("hand", IP, tags(19)));
    adopting.refuses("quota", "take 1 off");
}

#[test]
fn what_is_adopted_is_allowed_to_be_and_speaks_bgp_as_the_old_one() {
    let adopting = |asn, old_key: Option<&str>, key: Option<&str>| {
        let secret = |key: Option<&str>| key.map(crate::model::Secret::new);
        let mut setting = setting(vec![dual("vco", ["old", "old"])]);
        let old = CustomerGateway { auth_key: secret(old_key), ..ours("old", OTHER_IP) };
        setting.snapshot.gateways = vec![(&old).into()];
        let hand = CustomerGateway { auth_key: secret(key), ..with_asn(Some(asn), unmarked("hand", IP)) };
        setting.inventory.customer_gateways.push(hand);
        setting
    };
    assert_eq!(adopting(65_001, Some("k"), Some("k")).refused(), []);
    assert_eq!(adopting(65_001, None, Some("k")).refused(), []);
    adopting(65_001, Some("k"), None).refuses("owner", "BGP authentication would break");
    adopting(65_001, Some("k"), Some("other")).refuses("owner", "BGP authentication would break");
    let mut forbidden = adopting(65_001, None, None);
    forbidden.may_adopt = false;
    forbidden.refuses("owner", "adopt = true");
    let mut unmanaged = adopting(65_002, None, None);
    unmanaged.desired.asn = None;
    unmanaged.refuses("owner", "ASN 65001 carries over");
}

#[test]
fn a_bgp_key_that_is_masked_is_asked_for() {
    for (key, masked) in [("****", true), ("ab***", true), ("*", true), ("key", false)] {
        let mut setting = setting(vec![dual("vco", ["old", "old"])]);
        let old = CustomerGateway { auth_key: Some(crate::model::Secret::new(key)), ..ours("old", OTHER_IP) };
        setting.snapshot.gateways = vec![(&old).into()];
        match masked {
            true => setting.refuses("snapshot", "bgp_auth_key_file"),
            false => assert_eq!(setting.refused(), []),
        }
    }
}

#[test]
fn a_change_that_is_under_way_is_waited_for() {
    for state in ["updating", "attaching", "detaching", "provisioning", "upgrading", "financialLocked", "deleted"] {
        let mut connection = single("vco");
        connection.shape.state = state.into();
        setting(vec![connection]).refuses("snapshot", "wait until");
    }
    let mut tunnel = dual("vco", ["old", "old"]);
    tunnel.shape.tunnels[1].state = "updating".into();
    let busy = setting(vec![tunnel]);
    busy.refuses("snapshot", "vco-2 (updating)");
    let gate = Gate::refused("snapshot", busy.refused()[0].1.clone());
    assert!(crate::plan::replacement::opens_by_itself(&gate));
}

#[test]
fn unknown_fields_of_what_is_made_again_with_a_connection_stop_the_plan_too() {
    let mut connection = single("vco");
    let route = |unknown| crate::model::DestinationRoute {
        next_hop: "vco".into(),
        destination: "10.9.0.0/16".into(),
        weight: 100,
        published: true,
        unknown,
    };
    connection.routes = vec![route(vec![])];
    assert_eq!(setting(vec![connection.clone()]).refused(), []);
    connection.routes = vec![route(vec!["Metric".into()])];
    setting(vec![connection]).refuses("unknown_fields", "route to 10.9.0.0/16: Metric");
    let mut setting = setting(vec![dual("vco", ["old", "old"])]);
    setting.snapshot.gateways = vec![(&ours("old", OTHER_IP)).into()];
    setting.snapshot.gateways[0].unknown = vec!["Bandwidth".into()];
    setting.refuses("unknown_fields", "old Bandwidth");
}

/// What the cloud spells out or not, in whatever order, and what no call can set, is no difference.
#[test]
fn descriptions_differ_only_in_what_can_be_set() {
    use crate::plan::replacement::body::differences;
    let both = |fields: Value, other: Value| {
        let with = |fields: Value| {
            let mut body = Value::clone(&single("vco").body.0);
            body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            body
        };
        differences(&with(fields), &with(other))
    };
    let off = json!({"VcoHealthCheck": {"Enable": "false", "Dip": "", "Interval": 3, "Retry": "3", "Policy": "revoke_route"}});
    let spelt = json!({"EnableDpd": true, "EnableNatTraversal": "true", "EffectImmediately": false, "VpnBgpConfig": {"EnableBgp": "false", "LocalAsn": 45104}});
    for (one, other) in [(off, json!({})), (spelt, json!({}))] {
        assert_eq!((both(one.clone(), other.clone()), both(other, one)), (vec![], vec![]));
    }
    assert_eq!(both(json!({"VcoHealthCheck": {"Enable": "false", "Dip": "10.0.0.1"}}), json!({})), ["VcoHealthCheck.Dip"]);
    assert_eq!(both(json!({"EnableDpd": "false"}), json!({})), ["EnableDpd"]);
    assert_eq!(both(json!({"VcoHealthCheck": {"Policy": "reserve_route"}}), json!({})), [""; 0], "not to be set on a VPN gateway");
    let dual = Value::clone(&dual("vco", ["old", "old"]).body.0);
    let mut swapped = dual.clone();
    swapped["TunnelOptionsSpecification"]["TunnelOptions"].as_array_mut().unwrap().swap(0, 1);
    swapped["IkeConfig"] = json!({"IkeVersion": "ikev1"});
    assert_eq!(differences(&dual, &swapped), [""; 0]);
    swapped["TunnelOptionsSpecification"]["TunnelOptions"][0]["TunnelIkeConfig"]["Psk"] = json!("other");
    assert_eq!(differences(&dual, &swapped), ["TunnelOptionsSpecification.2.TunnelIkeConfig.Psk"]);
}
