//! Pre-shared keys, the BGP key and the access key are planted where they belong, and looked for everywhere else.

use crate::common::device::Output;
use crate::replacing::estate::Estate;
use crate::replacing::stroke::{killed_in, replace, signalled};
use crate::replacing::wire::{Fate, Moment, Wire};
use crate::replacing::{Scene, THIRD, fault, secrets, tells_nothing};
use rustix::process::Signal;
use serde_json::json;
use std::path::Path;
use std::sync::{Arc, Mutex};

#[track_caller]
fn said_nothing(place: &str, output: &Output) {
    tells_nothing(&format!("stdout of {place}"), output.stdout.as_bytes());
    tells_nothing(&format!("stderr of {place}"), output.stderr.as_bytes());
}

/// Everything that a person can ask for, and every file that lies about.
#[track_caller]
fn nowhere_to_be_found(scene: &Scene) {
    for command in [&["plan"][..], &["status"], &["history"], &["check"], &["config", "show"]] {
        for form in [&["-vv"][..], &["-vv", "--json"]] {
            said_nothing(&command.join(" "), &scene.device.plain(&[command, form].concat()));
        }
    }
    let mut seen = 0;
    files_below(scene.device.dir.path(), &mut |path| {
        tells_nothing(&path.display().to_string(), &std::fs::read(path).unwrap());
        seen += 1;
    });
    assert!(seen > 4, "the state is among {seen} files");
}

fn files_below(directory: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files_below(&entry.path(), visit),
            kind if kind.is_file() => visit(&entry.path()),
            _ => {}
        }
    }
}

#[test]
fn a_replacement_of_everything_tells_none() {
    for form in [&["-vv"][..], &["-vv", "--json"]] {
        let scene = Scene::of(Estate::all());
        said_nothing("plan", &scene.device.plain(&[&["plan"], form].concat()));
        let output = scene.device.plain(&[&["replace", "--yes"], form].concat());
        output.expect(0);
        said_nothing("replace", &output);
        nowhere_to_be_found(&scene);
        // The keys are where they belong.
        let cloud = scene.world().all.to_string();
        assert!(secrets().iter().filter(|secret| secret.starts_with("canary")).all(|secret| cloud.contains(secret)), "{cloud}");
    }
}

/// In a gap the keys are on disk and nowhere else: sealed.
#[test]
fn what_is_sealed_tells_none() {
    let mut scene = Scene::of(Estate::all());
    killed_in(&mut scene, "DeleteVpnConnection");
    nowhere_to_be_found(&scene);
    said_nothing("abort", &scene.device.plain(&["replace", "--abort", "-vv"]));
    let output = scene.device.plain(&["replace", "--resume", "-vv"]);
    output.expect(0);
    said_nothing("resume", &output);
    nowhere_to_be_found(&scene);
}

/// What goes wrong is told with its reason, which holds no key.
#[test]
fn no_failure_tells_one() {
    for kind in [
        "kind = \"garbage_after\"",
        "kind = \"truncated_after\"",
        "kind = \"error_after\"",
        "kind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"",
    ] {
        let faults =
            [fault("Modify*", &format!("nth = 1\n{kind}")), fault("DescribeVpnConnection", "every = 3\nkind = \"truncated_after\"")];
        let scene = Scene::with_faults(Estate::new().dual().legacy().device_at(&[THIRD]), &faults.concat())
            .set("verify_timeout", "\"1s\"")
            // To go back would wait until no copy of a call can arrive any more.
            .set("rollback", "false");
        let output = scene.device.plain(&["replace", "--yes", "-vv"]);
        assert_ne!(output.exit, Some(0), "{output:?}");
        said_nothing(&format!("a failure with {kind}"), &output);
        nowhere_to_be_found(&scene);
    }
}

/// A key that differs is named by its field alone.
#[test]
fn a_key_that_somebody_changes_is_not_shown() {
    let mut scene = Scene::of(Estate::new().single());
    let change = [("RegionId", "cn-hangzhou"), ("VpnConnectionId", "vco-single"), ("IkeConfig", "{\"Psk\": \"canary-psk-legacy-1a2b\"}")];
    let cloud = std::net::SocketAddr::from(([127, 0, 0, 1], scene.sim.port()));
    let is = move |call: &crate::replacing::wire::Call| {
        if call.action == "CreateCustomerGateway" {
            crate::common::simulated::call(cloud, "ModifyVpnConnectionAttribute", &change);
        }
        false
    };
    let (output, _) = signalled(&mut scene, Signal::KILL, Moment::After, is, |scene| scene.device.command(&["replace", "--yes", "-vv"]));
    assert_ne!(output.exit, Some(0));
    assert!((output.stdout.clone() + &output.stderr).contains("Psk"), "{output:?}");
    said_nothing("a drift", &output);
    drop(replace(&[]));
}

#[test]
fn no_argument_list_tells_one() {
    let scene = Scene::of(Estate::new().single());
    let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let noted = seen.clone();
    // Of this process alone: others run beside it.
    let own = scene.device.config_path().display().to_string();
    let wire = Wire::to(&scene.sim, move |_, _, _| {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&arguments).contains(&own) {
                noted.lock().unwrap().push(arguments);
            }
        }
        Fate::Pass
    });
    let scene = scene.over(&wire.url());
    assert_eq!(scene.replace(&[]).expect(0).json()["outcome"], json!("done"));
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 20, "{}", seen.len());
    seen.iter().for_each(|arguments| tells_nothing("an argument list", arguments));
}

#[test]
#[should_panic(expected = "is in a log")]
fn what_is_looked_for_is_found() {
    tells_nothing("a log", format!("DEBUG Psk: {} and more", crate::replacing::estate::PSKS[0]).as_bytes());
}
