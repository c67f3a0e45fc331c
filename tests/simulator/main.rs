//! The simulated cloud, rule by rule, through its public interface. tests/simulator_sdk.rs adds the official SDK.

#![allow(clippy::disallowed_methods, reason = "a test program starts processes and writes files as it likes")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authorizations;
mod automatic_routes;
mod command;
mod connection_routes;
mod connections;
mod customer_gateways;
mod dangling_routes;
mod destination_routes;
mod devices;
mod diagnosis;
mod door;
mod faults;
mod in_memory;
mod limits;
mod modify;
mod policy_routes;
mod roles;
mod seeds;
mod server;
mod tags;
mod tokens;
mod transit_routers;
mod vectors;
mod whole_life;

use cgwd::model::Timestamp;
use cgwd::simulator::{Cloud, Outcome, Plain, RawRequest, Request, Response, Seed, Sight};
use std::time::Duration;

const REGION: &str = "cn-hangzhou";

type Parameters<'a> = Vec<(&'a str, &'a str)>;

fn start() -> Timestamp {
    "2025-01-02T03:04:05Z".parse().unwrap()
}

/// A time so many milliseconds after the start.
fn at(millis: u64) -> Timestamp {
    start() + Duration::from_millis(millis)
}

/// A cloud without signatures, with these regions.
fn cloud(regions: &str) -> Cloud {
    cloud_with(r#""CheckSignatures": false"#, regions)
}

fn cloud_with(switches: &str, regions: &str) -> Cloud {
    let seed = format!(r#"{{"Switches": {{{switches}}}, "Regions": {{{regions}}}}}"#);
    Cloud::new(&Seed::parse(&seed).unwrap(), start()).unwrap()
}

/// An answer without door, faults and record.
fn ask(cloud: &mut Cloud, now: Timestamp, action: &str, parameters: &[(&str, &str)]) -> Response {
    let mut all = vec![("RegionId", REGION)];
    all.extend(parameters.iter().filter(|(name, _)| *name != "RegionId"));
    if let Some(region) = parameters.iter().find(|(name, _)| *name == "RegionId") {
        all[0] = *region;
    }
    cloud.handle(&Request::of(action, &all), now)
}

fn succeed(cloud: &mut Cloud, now: Timestamp, action: &str, parameters: &[(&str, &str)]) -> Response {
    let response = ask(cloud, now, action, parameters);
    assert!(response.is_success(), "{action}: {response:?}");
    response
}

fn create(cloud: &mut Cloud, ip: &str) -> String {
    text(&succeed(cloud, start(), "CreateCustomerGateway", &[("IpAddress", ip)]), "CustomerGatewayId")
}

fn text(response: &Response, field: &str) -> String {
    response.body[field].as_str().unwrap_or_else(|| panic!("no text {field}: {:?}", response.body)).to_owned()
}

/// The raw form of a V3 call whose parameters are all in the query.
fn raw(action: &str, parameters: &[(&str, &str)]) -> RawRequest {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let query: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    RawRequest {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        query: query.join("&"),
        headers: vec![header("host", "cloud.test"), header("x-acs-action", action), header("x-acs-version", "2016-04-28")],
        body: Vec::new(),
    }
}

/// A call as it comes in, with faults and record, in the region of the tests.
fn call(cloud: &mut Cloud, now: Timestamp, action: &str, parameters: &[(&str, &str)]) -> Outcome {
    let mut all = vec![("RegionId", REGION)];
    all.extend(parameters);
    cloud.receive(&raw(action, &all), now)
}

fn whole(outcome: Outcome) -> Plain {
    match outcome.sight {
        Sight::Whole(plain) => plain,
        other => panic!("not a whole answer: {other:?}"),
    }
}

/// The error code of a whole answer; empty for a success, though some of those bear a `Code` too.
fn code(outcome: Outcome) -> String {
    let plain = whole(outcome);
    if plain.status == 200 {
        return String::new();
    }
    let body: serde_json::Value = serde_json::from_slice(&plain.body.bytes()).unwrap();
    body["Code"].as_str().unwrap_or_default().to_owned()
}

/// The addresses that a list shows, with faults.
fn listed(cloud: &mut Cloud, now: Timestamp) -> Vec<String> {
    let plain = whole(call(cloud, now, "DescribeCustomerGateways", &[]));
    let body: serde_json::Value = serde_json::from_slice(&plain.body.bytes()).unwrap();
    let rows = body["CustomerGateways"]["CustomerGateway"].as_array().unwrap();
    rows.iter().map(|row| row["IpAddress"].as_str().unwrap().to_owned()).collect()
}
