//! A signal at a chosen moment of a replacement: in the middle of a call, or between two.

use super::Scene;
use super::wire::{Call, Fate, Moment, Wire};
use crate::common::device::Output;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

/// Runs a command of this device and sends it the signal at this moment of every call that is looked for; the caller gets no answer
/// to it. The actions of the writes that went out are told too.
pub fn signalled(
    scene: &mut Scene,
    signal: Signal,
    moment: Moment,
    is: impl Fn(&Call) -> bool + Send + Sync + 'static,
    command: impl FnOnce(&Scene) -> Command,
) -> (Output, Vec<String>) {
    let process = Arc::new(AtomicI32::new(0));
    let victim = process.clone();
    let wire = Wire::to(&scene.sim, move |call, at, _| {
        if at != moment || !is(call) {
            return Fate::Pass;
        }
        // It may be faster than we are in noting who it is.
        while victim.load(Ordering::SeqCst) == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        kill_process(Pid::from_raw(victim.load(Ordering::SeqCst)).unwrap(), signal).unwrap();
        Fate::Cut
    });
    let url = std::mem::replace(&mut scene.device.url, wire.url());
    scene.device.configure();
    let child = command(scene).spawn().unwrap();
    process.store(i32::try_from(child.id()).unwrap(), Ordering::SeqCst);
    let output = Output::of(child);
    scene.device.url = url;
    scene.device.configure();
    (output, wire.writes())
}

/// `replace` with these further arguments.
pub fn replace(arguments: &[&str]) -> impl FnOnce(&Scene) -> Command {
    let arguments: Vec<String> = ["replace", "--yes", "--json"].iter().chain(arguments).map(|word| (*word).to_owned()).collect();
    move |scene| scene.device.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// In the middle of this call: the cloud has done it, and nobody has heard.
pub fn killed_in(scene: &mut Scene, action: &'static str) {
    let is = move |call: &Call| call.action == action && call.write > 0;
    let (output, _) = signalled(scene, Signal::KILL, Moment::After, is, replace(&[]));
    assert_eq!(output.exit, None, "{output:?}");
}

/// While it looks what became of this call, whose answer it has.
pub fn killed_after(scene: &mut Scene, action: &'static str, arguments: &[&str]) {
    let answered = AtomicBool::new(false);
    let looks = move |call: &Call| match call.write {
        0 => answered.load(Ordering::SeqCst),
        _ => {
            answered.fetch_or(call.action == action, Ordering::SeqCst);
            false
        }
    };
    let (output, _) = signalled(scene, Signal::KILL, Moment::After, looks, replace(arguments));
    assert_eq!(output.exit, None, "{output:?}");
}
