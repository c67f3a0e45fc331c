//! SIGKILL at random moments, the same ones each time as far as a clock can say so: between intent and call, in the middle of a
//! record, while it reads.

use super::topology::{
    ASN, DOCUMENTED, DUAL, LATER, REMADE, ROUTER, SINGLE, SOME, Topology, is_connection, minutes_can_pass, side_by_side,
};
use crate::common;
use crate::common::device::{Output, writes};
use crate::replacing::Scene;
use std::time::{Duration, Instant};

const SEEDS: std::ops::Range<u64> = 0..30;

/// A part of the whole between nothing and one, from a seed.
fn part(seed: u64) -> f64 {
    let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

fn killed_at_random(topology: &Topology) {
    if !minutes_can_pass() {
        return;
    }
    let undisturbed = topology.undisturbed();
    let began = Instant::now();
    let seeds: Vec<u64> = SEEDS.collect();
    side_by_side(if topology.undoes { seeds.len() } else { SOME }, &seeds, |seed| {
        let scene = topology.scene();
        let mut child = scene.device.command(&[&["replace", "--yes", "--json"], topology.arguments].concat()).spawn().unwrap();
        let after = undisturbed.took.mul_f64(part(*seed));
        std::thread::sleep(after);
        child.kill().unwrap();
        let output = Output::of(child);
        assert!(output.exit.is_none_or(|exit| exit == 0), "{output:?}");
        let later = if topology.undoes || makes_a_connection(&scene) { LATER } else { 0 };
        topology.comes_to_its_end(&scene, &undisturbed, later, &format!("seed {seed}: killed after {after:?}"));
    });
    common::measured(&format!("{}: {} random deaths", topology.name, SEEDS.end), began.elapsed());
}

/// Whether it died while a connection was being made: nobody makes a second one before the first can no longer come.
fn makes_a_connection(scene: &Scene) -> bool {
    let history = scene.device.history();
    let last = writes(&history).last().copied();
    last.is_some_and(|write| write["outcome"] == "intended" && is_connection(write["action"].as_str().unwrap()))
}

/// Of two deaths the second is within what the first left.
#[test]
fn twice() {
    if !minutes_can_pass() {
        return;
    }
    let undisturbed = SINGLE.undisturbed();
    side_by_side(SOME, &(0..8).collect::<Vec<u64>>(), |seed| {
        let scene = SINGLE.scene();
        for (death, later) in [(0, 0), (1, LATER)] {
            let command = match death {
                0 => scene.device.command(&["replace", "--yes", "--json"]),
                _ => super::topology::resuming(&scene, later),
            };
            let mut child = common::device::spawned(command);
            std::thread::sleep(undisturbed.took.mul_f64(part(seed * 2 + death) * 0.6).max(Duration::from_millis(50)));
            child.kill().unwrap();
            Output::of(child);
        }
        SINGLE.comes_to_its_end(&scene, &undisturbed, 2 * LATER, &format!("seed {seed}: killed twice"));
    });
}

#[test]
fn a_single_tunnel_connection() {
    killed_at_random(&SINGLE);
}

#[test]
fn a_dual_tunnel_connection() {
    killed_at_random(&DUAL);
}

#[test]
fn connections_on_a_transit_router() {
    killed_at_random(&ROUTER);
}

#[test]
fn a_connection_that_is_bound_to_its_transit_router_again() {
    killed_at_random(&REMADE);
}

#[test]
fn the_documented_order() {
    killed_at_random(&DOCUMENTED);
}

#[test]
fn a_change_of_the_asn_alone() {
    killed_at_random(&ASN);
}
