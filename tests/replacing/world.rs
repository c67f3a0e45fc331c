//! The whole cloud as one value, so that two states of it can be compared: what is made by chance (ids, times) stands by its name.

use crate::common::simulated::{Cloud, REGION};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What the cloud holds: customer gateways by address, connections by name with all that hangs on them.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    pub all: Value,
    /// The id of each connection, by its name.
    pub ids: BTreeMap<String, String>,
}

/// No setting, and different in every cloud.
const BY_CHANCE: &[&str] = &["RequestId", "CreateTime", "CreationTime", "PageNumber", "PageSize", "TotalCount", "MaxResults"];

impl World {
    pub fn of(cloud: &impl Cloud) -> World {
        let rows = rows(cloud, "DescribeVpnConnections", "VpnConnections", "VpnConnection");
        let ids: BTreeMap<String, String> = rows.iter().map(|row| (text(&row["Name"]), text(&row["VpnConnectionId"]))).collect();
        assert_eq!(ids.len(), rows.len(), "two connections with one name: {rows:#?}");
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let gateways = cloud.gateways();
        for gateway in &gateways {
            names.insert(text(&gateway["CustomerGatewayId"]), format!("<{}>", text(&gateway["IpAddress"])));
        }
        let mut connections = Map::new();
        for (name, id) in &ids {
            let described = ask(cloud, "DescribeVpnConnection", &[("RegionId", REGION), ("VpnConnectionId", id)]);
            names.insert(id.clone(), format!("<{name}>"));
            for (at, tunnel) in tunnels(&described).iter().enumerate() {
                names.insert(text(&tunnel["TunnelId"]), format!("<{name}/{}>", at + 1));
            }
            connections.insert(name.clone(), described);
        }
        let attachments = attachments(cloud, &mut names);
        let all = json!({
            "gateways": by(gateways, "IpAddress"),
            "connections": connections,
            "routes": routes(cloud),
            "attachments": attachments,
        });
        World { all: normal(all, &names), ids }
    }

    pub fn connection(&self, name: &str) -> &Value {
        let found = &self.all["connections"][name];
        assert!(!found.is_null(), "no connection {name} in {:#}", self.all);
        found
    }

    pub fn tunnel(&self, name: &str, index: usize) -> &Value {
        &tunnels(self.connection(name))[index - 1]
    }

    pub fn gateway(&self, ip: &str) -> &Value {
        &self.all["gateways"][ip]
    }

    /// The addresses of all customer gateways, in order.
    pub fn addresses(&self) -> Vec<&str> {
        let mut addresses: Vec<&str> = self.all["gateways"].as_object().unwrap().keys().map(String::as_str).collect();
        addresses.sort_unstable();
        addresses
    }

    /// What differs, as `path: before -> after`; what is reported of a tunnel's state is left out.
    pub fn changes(&self, after: &World) -> Vec<String> {
        let (before, after) = (flat(&self.all), flat(&after.all));
        let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let show = |side: &BTreeMap<String, String>, name: &String| side.get(name).cloned().unwrap_or_else(|| "-".to_owned());
        let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name) && !is_report(name));
        changed.map(|name| format!("{name}: {} -> {}", show(&before, name), show(&after, name))).collect()
    }
}

fn is_report(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or_default();
    ["Status", "BgpStatus", "State"].contains(&name)
}

pub fn tunnels(connection: &Value) -> &[Value] {
    connection["TunnelOptionsSpecification"]["TunnelOptions"].as_array().map_or(&[], Vec::as_slice)
}

fn rows(cloud: &impl Cloud, action: &str, list: &str, item: &str) -> Vec<Value> {
    let answer = ask(cloud, action, &[("RegionId", REGION), ("PageSize", "50")]);
    answer[list][item].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

/// The routes of every VPN gateway and of every connection on a transit router.
fn routes(cloud: &impl Cloud) -> Value {
    let mut all = Map::new();
    for gateway in rows(cloud, "DescribeVpnGateways", "VpnGateways", "VpnGateway") {
        let id = text(&gateway["VpnGatewayId"]);
        let of = |action: &str| ask(cloud, action, &[("RegionId", REGION), ("VpnGatewayId", &id), ("PageSize", "50")]);
        all.insert(format!("{id} destination"), sorted(&of("DescribeVpnRouteEntries")["VpnRouteEntries"]["VpnRouteEntry"]));
        all.insert(format!("{id} policy"), sorted(&of("DescribeVpnPbrRouteEntries")["VpnPbrRouteEntries"]["VpnPbrRouteEntry"]));
    }
    for row in rows(cloud, "DescribeVpnConnections", "VpnConnections", "VpnConnection") {
        if row["AttachType"] == "CEN" {
            let id = text(&row["VpnConnectionId"]);
            let answer = ask(cloud, "DescribeVcoRouteEntries", &[("RegionId", REGION), ("VpnConnectionId", &id), ("PageSize", "50")]);
            all.insert(text(&row["Name"]), sorted(&answer["VpnRouteEntries"]));
        }
    }
    Value::Object(all)
}

/// How connections are bound to transit routers, each with the route tables that it is associated with and propagates to.
fn attachments(cloud: &impl Cloud, names: &mut BTreeMap<String, String>) -> Value {
    let most = [("RegionId", REGION), ("MaxResults", "50")];
    let bound = ask(cloud, "ListTransitRouterVpnAttachments", &most);
    let mut all = Map::new();
    for mut attachment in bound["TransitRouterAttachments"].as_array().cloned().unwrap_or_default() {
        let (id, vpn, router) = (&attachment["TransitRouterAttachmentId"], &attachment["VpnId"], text(&attachment["TransitRouterId"]));
        let name = names.get(vpn.as_str().unwrap()).cloned().unwrap_or_else(|| vpn.to_string());
        names.insert(text(id), format!("<attachment of {name}>"));
        let tables = ask(cloud, "ListTransitRouterRouteTables", &[&most[..], &[("TransitRouterId", &router)]].concat());
        let tables: Vec<String> =
            tables["TransitRouterRouteTables"].as_array().unwrap().iter().map(|table| text(&table["TransitRouterRouteTableId"])).collect();
        let ties = ["Associations", "Propagations"].map(|kind| {
            let of = |table: &&String| {
                let rows = ask(
                    cloud,
                    &format!("ListTransitRouterRouteTable{kind}"),
                    &[&most[..], &[("TransitRouterRouteTableId", table)]].concat(),
                );
                let rows = rows[format!("TransitRouter{kind}")].as_array().cloned().unwrap_or_default();
                rows.iter().any(|row| row["ResourceId"] == *vpn && row["Status"] == "Active")
            };
            tables.iter().filter(of).cloned().collect::<Vec<_>>()
        });
        [attachment["Associations"], attachment["Propagations"]] = ties.map(Value::from);
        all.insert(name, attachment);
    }
    Value::Object(all)
}

fn ask(cloud: &impl Cloud, action: &str, parameters: &[(&str, &str)]) -> Value {
    let answer = cloud.call(action, parameters);
    assert!(answer.get("Code").is_none(), "{action}: {answer}");
    answer
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn by(rows: Vec<Value>, key: &str) -> Value {
    rows.into_iter().map(|row| (text(&row[key]), row)).collect::<Map<_, _>>().into()
}

/// Lists have the order in which things were made; that is no setting. By destination, as what is made by chance decides nothing.
fn sorted(list: &Value) -> Value {
    let mut rows = list.as_array().cloned().unwrap_or_default();
    let key = |row: &Value| ["RouteDest", "RouteSource", "TransitRouterRouteTableId", "ResourceId"].map(|name| row[name].to_string());
    rows.sort_by_key(key);
    rows.into()
}

/// Ids become names, what is made by chance goes; tags become a table.
fn normal(value: Value, names: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => names.get(&text).cloned().unwrap_or(text).into(),
        Value::Array(items) if items.iter().all(|item| item.get("Key").is_some()) && !items.is_empty() => {
            items.into_iter().map(|tag| (text(&tag["Key"]), tag["Value"].clone())).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.into_iter().map(|item| normal(item, names)).collect(),
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, _)| !BY_CHANCE.contains(&name.as_str()));
            kept.map(|(name, value)| (name, normal(value, names))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

fn flat(value: &Value) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    flatten("", value, &mut all);
    all
}

fn flatten(path: &str, value: &Value, all: &mut BTreeMap<String, String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| flatten(&below(name), value, all)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| flatten(&below(&(at + 1).to_string()), value, all)),
        Value::String(text) => drop(all.insert(path.to_owned(), text.clone())),
        other => drop(all.insert(path.to_owned(), other.to_string())),
    }
}
