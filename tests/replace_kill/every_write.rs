//! SIGKILL right after the effect of each write, before it reaches the cloud, and after the first write of each process in turn.

use super::topology::{
    ASN, DOCUMENTED, DUAL, LATER, REMADE, ROUTER, SINGLE, SOME, Topology, is_connection, minutes_can_pass, resume, resuming, side_by_side,
};
use crate::common;
use crate::replacing::Scene;
use crate::replacing::stroke::{replace, signalled};
use crate::replacing::wire::Moment;
use rustix::process::Signal;
use std::time::Instant;

#[test]
fn a_single_tunnel_connection() {
    every_write(&SINGLE);
}

#[test]
fn a_dual_tunnel_connection() {
    every_write(&DUAL);
}

#[test]
fn connections_on_a_transit_router() {
    every_write(&ROUTER);
}

#[test]
fn a_connection_that_is_bound_to_its_transit_router_again() {
    every_write(&REMADE);
}

#[test]
fn the_documented_order() {
    if minutes_can_pass() {
        every_write(&DOCUMENTED);
    }
}

#[test]
fn a_change_of_the_asn_alone() {
    if minutes_can_pass() {
        every_write(&ASN);
    }
}

fn every_write(topology: &Topology) {
    let undisturbed = topology.undisturbed();
    let began = Instant::now();
    let courses: Vec<(Moment, usize)> = [Moment::After, Moment::Before]
        .into_iter()
        .flat_map(|moment| (1..=undisturbed.writes.len()).map(move |write| (moment, write)))
        .collect();
    // Whether a connection that nobody saw was made is not known for a quarter of an hour: a course of its own.
    let makes = |course: &(Moment, usize)| {
        course.0 == Moment::Before
            && undisturbed.writes[course.1 - 1].starts_with("CreateVpn")
            && is_connection(&undisturbed.writes[course.1 - 1])
    };
    let courses: Vec<(Moment, usize)> = courses.into_iter().filter(|course| !makes(course)).collect();
    // What never reached the cloud is believed to be absent when two looks a minute apart say so.
    let width = if topology.undoes { courses.len() } else { SOME };
    side_by_side(width, &courses, |(moment, write)| {
        let mut scene = topology.scene();
        killed_at(&mut scene, topology, *moment, *write);
        let course = format!("killed {moment:?} write {write}, {}", undisturbed.writes[*write - 1]);
        topology.comes_to_its_end(&scene, &undisturbed, if topology.undoes { LATER } else { 0 }, &course);
    });
    common::measured(&format!("{}: {} deaths", topology.name, courses.len()), began.elapsed());
}

/// The write of this number kills; where lanes run side by side, that can be another one than in the undisturbed course.
fn killed_at(scene: &mut Scene, topology: &Topology, moment: Moment, write: usize) {
    let (output, _) = signalled(scene, Signal::KILL, moment, move |call| call.write == write, replace(topology.arguments));
    assert_eq!(output.exit, None, "{} {moment:?} {write}: {output:?}", topology.name);
}

/// A device that reboots all the time: each process gets as far as one write.
#[test]
fn each_process_dies_after_its_first_write() {
    if !minutes_can_pass() {
        return;
    }
    side_by_side(SOME, &[&SINGLE, &DUAL, &ROUTER, &REMADE, &DOCUMENTED, &ASN], |topology| {
        let undisturbed = topology.undisturbed();
        let mut scene = topology.scene();
        killed_at(&mut scene, topology, Moment::After, 1);
        let mut deaths = 1;
        loop {
            let later = LATER * deaths;
            let (output, _) =
                signalled(&mut scene, Signal::KILL, Moment::After, |call| call.write == 1, move |scene| resuming(scene, later));
            if output.exit.is_some() {
                output.expect(0);
                break;
            }
            deaths += 1;
            let most = u32::try_from(undisturbed.writes.len()).unwrap() + 1;
            assert!(deaths <= most, "{}: {deaths} processes for {most} writes", topology.name);
        }
        topology.comes_to_its_end(&scene, &undisturbed, LATER * (deaths + 1), &format!("{deaths} deaths in a row"));
    });
}

/// The one call that must not be sent a second time on suspicion: a connection could be made twice.
#[test]
fn a_connection_that_may_have_been_made_is_not_made_twice() {
    if !minutes_can_pass() {
        return;
    }
    let courses = [Moment::Before, Moment::After];
    let undisturbed = SINGLE.undisturbed();
    side_by_side(SOME, &courses, |moment| {
        let mut scene = SINGLE.scene();
        let is_creation = |call: &crate::replacing::wire::Call| call.action == "CreateVpnConnection" && call.write > 0;
        let (output, _) = signalled(&mut scene, Signal::KILL, *moment, is_creation, replace(&[]));
        assert_eq!(output.exit, None, "{output:?}");
        SINGLE.comes_to_its_end(&scene, &undisturbed, LATER, &format!("killed {moment:?} the creation"));
    });
}

/// Nothing is open any more: to resume is nothing.
#[test]
fn after_the_last_write_there_is_nothing_to_do() {
    let undisturbed = DUAL.undisturbed();
    let mut scene = DUAL.scene();
    killed_at(&mut scene, &DUAL, Moment::After, undisturbed.writes.len());
    for _ in 0..2 {
        assert_eq!(resume(&scene, 0).expect(0).json()["outcome"], "done");
    }
    DUAL.comes_to_its_end(&scene, &undisturbed, 0, "killed at the end");
}
