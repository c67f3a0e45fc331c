//! What the stories about replacements share: a device whose address has changed and its estate in the cloud, and ways to look at
//! both.

#![allow(dead_code, reason = "each test program uses its own part of it")]

pub mod estate;
pub mod stroke;
pub mod wire;
pub mod world;

use crate::common::device::{Device, Output, writes};
use crate::common::simulated::{SECRET, Sim, tag};
use estate::Estate;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use world::World;

pub const DEVICE: &str = "branch-1";
pub const OLD: &str = "203.0.113.10";
pub const NEW: &str = "203.0.113.11";
pub const THIRD: &str = "203.0.113.12";
pub const BGP_KEY: &str = "canary-bgp-key-7g8h";

/// The simulated cloud, and the device with its configuration and state.
pub struct Scene {
    pub sim: Sim,
    pub device: Device,
    replacement: BTreeMap<String, String>,
    /// Further lines of the configuration.
    pub more: String,
}

impl Scene {
    pub fn of(estate: Estate) -> Scene {
        Scene::with_faults(estate, "")
    }

    /// `faults` as `cgwd simulate --faults` takes them.
    pub fn with_faults(estate: Estate, faults: &str) -> Scene {
        let sim = Sim::start(estate.seed(), faults);
        let device = Device::new(&sim);
        device.move_to(NEW);
        let short = [("recheck", "\"0s\""), ("verify_timeout", "\"30s\"")];
        let replacement = short.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let mut scene = Scene { sim, device, replacement, more: String::new() };
        scene.configure();
        scene
    }

    /// A key of `[replacement]`, its value as TOML has it.
    pub fn set(mut self, key: &str, value: &str) -> Scene {
        self.replacement.insert(key.to_owned(), value.to_owned());
        self.configure();
        self
    }

    /// Lines after `[replacement]`, for other tables.
    pub fn more(mut self, lines: &str) -> Scene {
        self.more += lines;
        self.configure();
        self
    }

    pub fn asn(mut self, asn: &str) -> Scene {
        self.device.bgp = format!("asn = {asn}");
        self.configure();
        self
    }

    /// The device talks to the cloud over this from now on.
    pub fn over(mut self, url: &str) -> Scene {
        self.device.url = url.to_owned();
        self.configure();
        self
    }

    pub fn configure(&mut self) {
        let lines: String = self.replacement.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        self.device.rest = format!("[replacement]\n{lines}{}", self.more);
        self.device.configure();
    }

    /// `cgwd replace --yes --json`, to its end.
    pub fn replace(&self, arguments: &[&str]) -> Output {
        self.device.cgwd(&[&["replace", "--yes"], arguments].concat())
    }

    pub fn world(&self) -> World {
        World::of(&self.sim)
    }
}

/// The opaque id that this machine marks its customer gateways with, learned from one that it makes.
pub fn own_mark() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| {
        let sim = Sim::empty();
        Device::new(&sim).cgwd(&["register"]).expect(0);
        // Without a machine id it is random for each state directory.
        assert!(std::path::Path::new("/etc/machine-id").exists());
        tag(&sim.only_gateway(), "cgwd-owner").unwrap().to_owned()
    })
}

/// A fault of the simulated cloud for calls of this action; `what` is which and what, in TOML.
pub fn fault(action: &str, what: &str) -> String {
    format!("[[fault]]\naction = \"{action}\"\n{what}\n")
}

/// What the journal says of the writes: their actions, in the order of their intents.
pub fn written(device: &Device) -> Vec<String> {
    let history = device.history();
    writes(&history).into_iter().map(|write| write["action"].as_str().unwrap().to_owned()).collect()
}

/// The change list of a tunnel (1 or 2), or of a single-tunnel connection (0), that was pointed at the new customer gateway.
pub fn pointed(name: &str, index: usize) -> Vec<String> {
    let (place, ike) = match index {
        0 => (format!("connections.{name}"), "IkeConfig"),
        index => (format!("connections.{name}.TunnelOptionsSpecification.TunnelOptions.{index}"), "TunnelIkeConfig"),
    };
    vec![format!("{place}.CustomerGatewayId: <{OLD}> -> <{NEW}>"), format!("{place}.{ike}.RemoteId: {OLD} -> {NEW}")]
}

/// Beside the customer gateways exactly this has changed.
#[track_caller]
pub fn only_changed(before: &World, after: &World, expected: &[Vec<String>]) {
    let changes = before.changes(after);
    let found: Vec<&String> = changes.iter().filter(|change| !change.starts_with("gateways.")).collect();
    let mut expected: Vec<&String> = expected.iter().flatten().collect();
    expected.sort();
    assert_eq!(found, expected);
}

/// The new customer gateway is the old one under another address, and nobody else's has changed.
#[track_caller]
pub fn gateway_was_replaced(before: &World, after: &World, from: &str, to: &str) {
    let mut expected = before.all["gateways"].as_object().unwrap().clone();
    let mut moved = expected.shift_remove(from).unwrap();
    moved["IpAddress"] = to.into();
    moved["CustomerGatewayId"] = format!("<{to}>").into();
    expected.insert(to.to_owned(), moved);
    assert_eq!(after.all["gateways"], Value::Object(expected));
}

/// Everything that may be told to nobody.
pub fn secrets() -> Vec<&'static str> {
    estate::PSKS.iter().copied().chain([SECRET, BGP_KEY]).collect()
}

/// None of them, as they are, in a URL, in hexadecimal or as a list of numbers.
#[track_caller]
pub fn tells_nothing(place: &str, bytes: &[u8]) {
    for secret in secrets() {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let numbers: String = secret.bytes().map(|byte| format!("{byte}, ")).collect();
        for form in [secret, &hex, &numbers, &secret.replace('-', "%2D")] {
            let found = bytes.windows(form.len()).any(|window| window == form.as_bytes());
            assert!(!found, "`{form}` is in {place}:\n{}", String::from_utf8_lossy(bytes));
        }
    }
}

/// The gate of this name.
#[track_caller]
pub fn gate<'a>(document: &'a Value, name: &str) -> &'a Value {
    let gates = document["gates"].as_array().unwrap_or_else(|| panic!("no gates in {document:#}"));
    let found = gates.iter().find(|gate| gate["name"] == name);
    found.unwrap_or_else(|| panic!("no gate {name} in {document:#}"))
}

/// Done, and everything that was moved works.
#[track_caller]
pub fn is_done(document: &Value) {
    assert_eq!(document["outcome"], "done", "{document:#}");
    for connection in document["connections"].as_array().unwrap() {
        assert_eq!(connection["verified"], true, "{document:#}");
    }
}
