//! Two processes at once: the second keeps out.

use crate::replacing::estate::Estate;
use crate::replacing::wire::{Fate, Moment, Wire};
use crate::replacing::{Scene, is_done};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

#[test]
fn the_second_is_refused_and_told_who_holds_it() {
    let scene = Scene::of(Estate::new().single());
    let (reached, at_the_deletion) = channel::<()>();
    let (go_on, goes_on) = channel::<()>();
    let (reached, goes_on) = (Mutex::new(reached), Arc::new(Mutex::new(goes_on)));
    let wire = Wire::to(&scene.sim, move |call, moment, _| {
        if call.action == "DeleteVpnConnection" && moment == Moment::After {
            reached.lock().unwrap().send(()).unwrap();
            goes_on.lock().unwrap().recv().unwrap();
        }
        Fate::Pass
    });
    let scene = scene.over(&wire.url());
    let first = scene.device.command(&["replace", "--yes", "--json"]).spawn().unwrap();
    let holder = first.id().to_string();
    at_the_deletion.recv().unwrap();
    let sent = wire.writes();
    for arguments in
        [&["replace", "--yes"][..], &["replace", "--resume", "--yes"], &["replace", "--abort"], &["register"], &["deregister", "--delete"]]
    {
        let output = scene.device.cgwd(arguments);
        assert_eq!(output.exit, Some(1), "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(&holder), "{arguments:?} does not name {holder}: {}", output.stderr);
    }
    // To look is not to touch.
    assert_eq!(scene.device.status()["replacement"]["done"], 5, "{:#}", scene.device.status());
    assert!(!scene.device.history().is_empty());
    assert_eq!(wire.writes(), sent, "nobody else wrote");
    go_on.send(()).unwrap();
    is_done(&crate::common::device::Output::of(first).expect(0).json());
}
