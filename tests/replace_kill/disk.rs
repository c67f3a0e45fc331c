//! A state that cannot be written: full at different moments, or read-only.

use super::topology::{SINGLE, Undisturbed};
use crate::common;
use crate::common::device::Output;
use crate::replacing::wire::{Fate, Moment, Wire};
use crate::replacing::{Scene, gate};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn mount(options: &str, at: &Path) {
    std::fs::create_dir_all(at).unwrap();
    let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).status().unwrap();
    assert!(status.success(), "mount {options}");
}

fn remount(options: &str, at: &Path) {
    let status = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(at).status().unwrap();
    assert!(status.success(), "remount {options}");
}

/// A scene whose state lies on a small file system of its own.
fn scene(options: &str) -> Scene {
    let scene = SINGLE.scene();
    mount(options, &scene.device.state());
    scene
}

/// Takes all the room that is left.
fn fill(state: &Path) -> PathBuf {
    let filler = state.join("filler");
    let mut size = 1 << 20;
    while size > 0 {
        let more = vec![b'x'; size];
        let appended = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&filler)
            .and_then(|mut file| std::io::Write::write_all(&mut file, &more));
        if appended.is_err() {
            size /= 2;
        }
    }
    filler
}

/// Runs `replace` and spoils the state at this moment; no write may follow the first record that could not be written.
fn spoilt(
    scene: Scene,
    is: impl Fn(&crate::replacing::wire::Call) -> bool + Send + Sync + 'static,
    spoil: impl Fn() + Send + Sync + 'static,
) -> (Scene, Output, Vec<String>) {
    let done = AtomicBool::new(false);
    let wire = Wire::to(&scene.sim, move |call, moment, _| {
        if moment == Moment::After && is(call) && !done.swap(true, Ordering::SeqCst) {
            spoil();
        }
        Fate::Pass
    });
    let url = scene.device.url.clone();
    let scene = scene.over(&wire.url());
    let output = scene.replace(&[]);
    (scene.over(&url), output, wire.writes())
}

#[track_caller]
fn says_what_is_wrong(output: &Output, words: &[&str]) {
    assert!(matches!(output.exit, Some(1 | 6)), "{output:?}");
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(words.iter().any(|word| said.contains(word)), "none of {words:?} in {said}");
}

fn full_in_the_middle(undisturbed: &Undisturbed, action: &'static str) {
    let scene = scene("size=6m");
    let state = scene.device.state();
    let (scene, output, writes) = spoilt(scene, move |call| call.action == action && call.write > 0, move || drop(fill(&state)));
    says_what_is_wrong(&output, &["disk is full", "disk is not full", "free space", "cannot be written"]);
    let at = writes.iter().position(|write| write == action).unwrap();
    assert!(writes.len() <= at + 2, "writes after the disk was full: {:?}", &writes[at..]);
    std::fs::remove_file(scene.device.state().join("filler")).unwrap();
    SINGLE.comes_to_its_end(&scene, undisturbed, 0, &format!("disk full at {action}"));
}

#[test]
fn a_full_disk_stops_it_and_room_lets_it_go_on() {
    if !common::inside_a_network_of_its_own("disk::a_full_disk_stops_it_and_room_lets_it_go_on") {
        return;
    }
    let undisturbed = SINGLE.undisturbed();
    for action in ["CreateCustomerGateway", "DeleteVpnRouteEntry", "DeleteVpnConnection", "CreateVpnRouteEntry", "DeleteCustomerGateway"] {
        full_in_the_middle(&undisturbed, action);
    }
}

/// Space is proven before anything begins.
#[test]
fn without_room_nothing_begins() {
    if !common::inside_a_network_of_its_own("disk::without_room_nothing_begins") {
        return;
    }
    // Less than the gate wants, enough to open the journal.
    let little = scene("size=700k");
    let document = little.replace(&[]).expect(5).json();
    assert_eq!(gate(&document, "disk")["passed"], false, "{document:#}");
    assert!(crate::replacing::written(&little.device).is_empty());
    // Filled up while everything is read.
    let scene = scene("size=6m");
    let before = scene.world();
    let state = scene.device.state();
    let (scene, output, writes) = spoilt(scene, |call| call.action == "DescribeVpnConnection", move || drop(fill(&state)));
    assert_eq!(gate(&output.expect(5).json(), "disk")["passed"], false);
    assert!(writes.is_empty(), "{writes:?}");
    assert_eq!(scene.world(), before);
}

#[test]
fn a_state_that_cannot_be_written_begins_nothing() {
    if !common::inside_a_network_of_its_own("disk::a_state_that_cannot_be_written_begins_nothing") {
        return;
    }
    let scene = scene("size=6m");
    let before = scene.world();
    remount("ro", &scene.device.state());
    let wire = Wire::listening(&scene.sim);
    let scene = scene.over(&wire.url());
    let output = scene.replace(&[]);
    says_what_is_wrong(&output, &["can't be written", "writable"]);
    assert!(wire.writes().is_empty());
    assert_eq!(scene.world(), before);
}

#[test]
fn a_state_that_becomes_read_only_stops_it() {
    if !common::inside_a_network_of_its_own("disk::a_state_that_becomes_read_only_stops_it") {
        return;
    }
    let undisturbed = SINGLE.undisturbed();
    let scene = scene("size=6m");
    let state = scene.device.state();
    // A file that is open for writing keeps the file system writable, so what stands in for it is a limit that is reached at once.
    let (scene, output, writes) = spoilt(
        scene,
        |call| call.action == "DeleteVpnConnection",
        move || {
            fill(&state);
        },
    );
    says_what_is_wrong(&output, &["disk is full", "disk is not full", "free space", "cannot be written"]);
    assert_eq!(writes.last().map(String::as_str), Some("DeleteVpnConnection"));
    std::fs::remove_file(scene.device.state().join("filler")).unwrap();
    remount("ro", &scene.device.state());
    // What was sent takes its time in the cloud.
    let sent = Instant::now();
    while !scene.world().ids.is_empty() {
        assert!(sent.elapsed() < Duration::from_secs(30), "it was deleted");
        std::thread::sleep(Duration::from_millis(100));
    }
    let output = super::topology::resume(&scene, 0);
    says_what_is_wrong(&output, &["can't be written", "writable"]);
    assert!(scene.world().ids.is_empty(), "nothing was made that could not be written down");
    remount("rw", &scene.device.state());
    SINGLE.comes_to_its_end(&scene, &undisturbed, 0, "read-only in the gap");
}
