//! Kinds of estates, each with its own way through a replacement, and the end that every course of it must come to.

use crate::common::{self, device::Output};
use crate::replacing::estate::Estate;
use crate::replacing::wire::Wire;
use crate::replacing::world::World;
use crate::replacing::{OLD, Scene, secrets, tells_nothing};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Topology {
    pub name: &'static str,
    estate: fn() -> Estate,
    settings: &'static [(&'static str, &'static str)],
    pub arguments: &'static [&'static str],
    /// It has calls that could undo later ones: whoever resumes waits until no copy of them can arrive any more.
    pub undoes: bool,
}

pub const SINGLE: Topology = Topology { name: "single", estate: || Estate::new().single(), settings: &[], arguments: &[], undoes: false };
pub const DUAL: Topology = Topology { name: "dual", estate: || Estate::new().dual(), settings: &[], arguments: &[], undoes: false };
pub const ROUTER: Topology =
    Topology { name: "router", estate: || Estate::new().attached().legacy(), settings: &[], arguments: &[], undoes: false };
pub const REMADE: Topology = Topology {
    name: "remade",
    estate: || with_identities(Estate::new().attached()),
    settings: &[("strategy", "\"recreate\"")],
    arguments: &[],
    undoes: false,
};
pub const DOCUMENTED: Topology = Topology {
    name: "documented",
    estate: || Estate::new().single().legacy(),
    settings: &[("order", "\"documented\"")],
    arguments: &[],
    undoes: true,
};
/// Only the ASN changes.
pub const ASN: Topology = Topology {
    name: "asn",
    estate: || Estate::new().dual().legacy().device_at(&[OLD]).device_asn(65009),
    settings: &[],
    arguments: &["--planned"],
    undoes: true,
};

/// The device goes by a name of the cloud's side, which survives where its address does not.
fn with_identities(estate: Estate) -> Estate {
    estate.with(|seed| {
        for tunnel in [0, 1] {
            seed["Regions"]["cn-hangzhou"]["VpnConnections"][0]["TunnelOptionsSpecification"][tunnel]["TunnelIkeConfig"]["LocalId"] =
                json!("hub.example.com");
        }
    })
}

/// Minutes; longer than any request can live.
pub const LATER: u32 = 20;

/// At a time, where a course takes some seconds.
pub const SOME: usize = 8;

/// What a course without a death comes to.
pub struct Undisturbed {
    pub end: Value,
    pub writes: Vec<String>,
    pub took: Duration,
}

impl Topology {
    pub fn scene(&self) -> Scene {
        let mut scene = Scene::of((self.estate)());
        for (key, value) in self.settings {
            scene = scene.set(key, value);
        }
        if self.name == "asn" {
            scene = scene.asn("65009");
            scene.device.move_to(OLD);
        }
        scene
    }

    pub fn undisturbed(&self) -> Undisturbed {
        let scene = self.scene();
        let wire = Wire::listening(&scene.sim);
        let scene = scene.over(&wire.url());
        let began = Instant::now();
        let document = scene.replace(self.arguments).expect(0).json();
        assert_eq!(document["outcome"], "done", "{}: {document:#}", self.name);
        let (took, writes) = (began.elapsed(), wire.writes());
        common::measured(&format!("{}: {} writes", self.name, writes.len()), took);
        Undisturbed { end: end_of(&scene), writes, took }
    }

    /// Goes on until it is over, and holds the end against that of an undisturbed course. `later`: so many minutes have passed.
    #[track_caller]
    pub fn comes_to_its_end(&self, scene: &Scene, undisturbed: &Undisturbed, later: u32, course: &str) {
        tells_nothing_of_secrets(scene, course);
        let resumed = resume(scene, later);
        let output = match resumed.exit {
            // It had not begun, or was over.
            Some(4) => scene.replace(self.arguments),
            _ => resumed,
        };
        let said = format!("{} {course}:\n{}\n{}", self.name, output.stdout, output.stderr);
        assert_eq!(output.exit, Some(0), "{said}");
        assert_eq!(output.json()["outcome"], "done", "{said}");
        let end = end_of(scene);
        assert_eq!(end, undisturbed.end, "{said}");
        assert!(!end.to_string().contains("cgwd-plan"), "a mark of the replacement is left: {said}");
        assert_eq!(scene.device.status()["replacement"], Value::Null, "{said}");
    }
}

/// The cloud at the end; the addresses that it chose itself aside.
fn end_of(scene: &Scene) -> Value {
    fn without_chosen(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("InternetIp");
                fields.values_mut().for_each(without_chosen);
            }
            Value::Array(items) => items.iter_mut().for_each(without_chosen),
            _ => {}
        }
    }
    let mut all = World::of(&scene.sim).all;
    without_chosen(&mut all);
    all
}

/// `replace --resume`, after so many minutes: in a namespace whose clock since boot is ahead.
pub fn resume(scene: &Scene, later: u32) -> Output {
    let command = resuming(scene, later);
    Output::of(crate::common::device::spawned(command))
}

pub fn resuming(scene: &Scene, later: u32) -> Command {
    let cgwd = scene.device.command(&["replace", "--resume", "--yes", "--json"]);
    if later == 0 {
        return cgwd;
    }
    let mut command = Command::new("unshare");
    command.args(["--time", "--boottime", &(later * 60).to_string(), "--fork", "--kill-child", "--"]);
    command.arg(cgwd.get_program()).args(cgwd.get_args());
    scene.device.surround(&mut command);
    command
}

/// Calls that make what could be made twice.
pub fn is_connection(action: &str) -> bool {
    ["CreateVpnConnection", "CreateVpnAttachment"].contains(&action)
}

/// Whether minutes can be made to pass here; says so where they cannot.
pub fn minutes_can_pass() -> bool {
    static POSSIBLE: OnceLock<bool> = OnceLock::new();
    *POSSIBLE.get_or_init(|| {
        let tried = Command::new("unshare").args(["--time", "--boottime", "60", "--fork", "--", "true"]).output();
        let works = tried.as_ref().is_ok_and(|output| output.status.success());
        if !works {
            common::missing("a clock that is ahead (time namespaces)", &format!("unshare --time: {tried:?}"));
        }
        works
    })
}

#[track_caller]
fn tells_nothing_of_secrets(scene: &Scene, course: &str) {
    assert!(!secrets().is_empty());
    for (name, bytes) in scene.device.state_bytes() {
        tells_nothing(&format!("{name} after {course}"), &bytes);
    }
}

/// Several courses at a time: each mostly waits, some for a minute. All are run, then the first failure is told with the number of
/// all.
pub fn side_by_side<T: Sync + std::fmt::Debug>(width: usize, courses: &[T], run: impl Fn(&T) + Sync) {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..width {
            scope.spawn(|| {
                while let Some(course) = courses.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let began = Instant::now();
                    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(course)));
                    if began.elapsed() > Duration::from_secs(20) {
                        common::measured(&format!("a slow course, {course:?}"), began.elapsed());
                    }
                    if let Err(panic) = outcome {
                        let text = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic without a text".to_owned());
                        failed.lock().unwrap().push(text);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} courses fail; the first: {}", failed.len(), courses.len(), failed[0]);
}
