//! Keeps the floors of the house: imports go down only, edge rooms don't import one another, the simulator agrees with nobody's
//! mistakes, pure rooms stay pure. It reads every path in `src`, in `use` lines and elsewhere, outside test modules.

#![allow(clippy::disallowed_methods, reason = "a test program reads the source as it is")]

mod source;

use source::{Path, paths};
use std::path::Path as File;

/// A room and its floor; the longest name that begins a module's path is its room.
struct Room {
    name: &'static str,
    floor: u8,
    pure: bool,
}

const ROOMS: &[Room] = &[
    Room { name: "model", floor: 0, pure: true },
    Room { name: "facts", floor: 0, pure: true },
    Room { name: "validate", floor: 1, pure: true },
    Room { name: "plan", floor: 1, pure: true },
    Room { name: "journal::record", floor: 1, pure: true },
    Room { name: "journal::replay", floor: 1, pure: true },
    Room { name: "journal::prune", floor: 1, pure: true },
    Room { name: "alert::catalogue", floor: 1, pure: true },
    Room { name: "alert::raise", floor: 1, pure: true },
    Room { name: "observe::settle", floor: 1, pure: true },
    Room { name: "observe::agree", floor: 1, pure: true },
    Room { name: "observe", floor: 2, pure: false },
    Room { name: "cloud", floor: 2, pure: false },
    Room { name: "alert", floor: 2, pure: false },
    Room { name: "system", floor: 2, pure: false },
    Room { name: "config", floor: 2, pure: false },
    Room { name: "journal", floor: 2, pure: false },
    Room { name: "simulator", floor: 2, pure: false },
    Room { name: "execute", floor: 3, pure: false },
    Room { name: "daemon", floor: 4, pure: false },
    Room { name: "cli", floor: 5, pure: false },
];

/// What a pure room may not name: async, clock, disk, net, environment, logging, randomness.
const IMPURE: &[&str] = &[
    "tokio",
    "tracing",
    "tracing_subscriber",
    "tracing_journald",
    "reqwest",
    "hyper",
    "hyper_util",
    "rustls",
    "rusqlite",
    "rustix",
    "if_addrs",
    "ring::rand",
    "std::env",
    "std::fs",
    "std::future",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "jiff::Timestamp::now",
    "jiff::Zoned",
    "crate::model::Timestamp::now",
    "Timestamp::now",
];

const MACROS_WITHOUT_A_PATH: &[&str] = &["println", "eprintln", "print", "eprint", "dbg"];

const SIMULATOR_SEES: &[&str] = &["simulator", "model", "facts", "cloud::wire", "cloud::transport"];
const SIMULATOR_IS_SEEN_BY: &[&str] = &["simulator", "cli::simulate", "cli::demo", "cli::rehearse"];

#[test]
fn the_floors_hold() {
    let source = File::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source::rust_files(&source, &mut files);
    assert!(files.len() > 10, "the source was not found in {}", source.display());
    let violations: Vec<String> = files.iter().flat_map(|file| check_file(&source, file)).collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

fn check_file(source: &File, file: &File) -> Vec<String> {
    let relative = file.strip_prefix(source).expect("it was found there");
    let module = source::module_of(relative);
    let text = std::fs::read_to_string(file).expect("a source file can be read");
    check(&module, &text).into_iter().map(|problem| format!("src/{}: {problem}", relative.display())).collect()
}

/// Everything wrong with a module, given its path below the crate (empty for lib.rs and main.rs) and its text.
fn check(module: &[&str], text: &str) -> Vec<String> {
    if module.is_empty() {
        return Vec::new();
    }
    let here = module.join("::");
    let Some(room) = room_of(&here) else {
        return vec![format!("`{here}` is in no room: give it a floor in tests/architecture.rs")];
    };
    let mut problems: Vec<String> =
        paths(module, text).iter().filter_map(|path| Some(format!("line {}: {}", path.line, judge(&here, room, path)?))).collect();
    if room.pure {
        problems.extend(source::tokens(text).windows(2).filter_map(|pair| impure_word(&here, &pair[0], &pair[1])));
    }
    problems
}

fn judge(here: &str, room: &Room, path: &Path) -> Option<String> {
    let name = path.segments.join("::");
    if room.pure && IMPURE.iter().any(|impure| begins(&name, impure)) {
        return Some(format!("`{here}` is pure and names `{name}`"));
    }
    let target = name.strip_prefix("crate::")?;
    if target.starts_with('*') {
        return Some(format!("`{here}` takes in the whole crate: name the room"));
    }
    let Some(other) = room_of(target) else {
        return Some(format!("`{here}` names `{name}`, which is in no room: give it a floor in tests/architecture.rs"));
    };
    if begins(here, "simulator") && !SIMULATOR_SEES.iter().any(|seen| begins(target, seen)) {
        return Some(format!("the simulator may not see `{name}`"));
    }
    if begins(target, "simulator") && !SIMULATOR_IS_SEEN_BY.iter().any(|seer| begins(here, seer)) {
        return Some(format!("`{here}` may not see the simulator (`{name}`)"));
    }
    if begins(here, "simulator") || same_house(here, target) && other.floor <= room.floor {
        return None;
    }
    if other.floor > room.floor {
        return Some(format!("`{here}` (floor {}) looks up to `{name}` (floor {})", room.floor, other.floor));
    }
    (room.floor == 2 && other.floor == 2 && other.name != "system")
        .then(|| format!("`{here}` and `{name}` are both edges: only `system` may be shared"))
}

/// `async fn`, `.await` and printing have no path of their own.
fn impure_word(here: &str, first: &source::Token, second: &source::Token) -> Option<String> {
    let asynchronous = first.text == "async" || first.text == "." && second.text == "await";
    let printing = second.text == "!" && MACROS_WITHOUT_A_PATH.contains(&first.text.as_str());
    (asynchronous || printing).then(|| format!("line {}: `{here}` is pure and has `{}{}`", first.line, first.text, second.text))
}

fn room_of(module: &str) -> Option<&'static Room> {
    ROOMS.iter().filter(|room| begins(module, room.name)).max_by_key(|room| room.name.len())
}

fn same_house(one: &str, other: &str) -> bool {
    one.split("::").next() == other.split("::").next()
}

/// Whether `path` is `start` or below it.
fn begins(path: &str, start: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

mod the_test_itself {
    use super::*;

    #[track_caller]
    fn caught(module: &str, text: &str, words: &str) {
        let module: Vec<&str> = module.split("::").collect();
        let problems = check(&module, text).join("\n");
        assert!(problems.contains(words), "expected `{words}` in `{problems}`");
    }

    #[track_caller]
    fn allowed(module: &str, text: &str) {
        let module: Vec<&str> = module.split("::").collect();
        assert_eq!(check(&module, text), Vec::<String>::new());
    }

    #[test]
    fn looking_up_is_caught() {
        caught("plan::token", "use crate::execute::Step;", "looks up to `crate::execute::Step`");
        caught("alert::raise", "use super::journald::emit;", "looks up to `crate::alert::journald::emit`");
        caught("cloud", "fn f() { crate::daemon::run() }", "looks up to `crate::daemon::run`");
        caught("observe::settle", "use super::*;", "looks up to `crate::observe::*`");
        allowed("execute", "use crate::{plan::Step, cloud::wire};");
        allowed("alert::journald", "use super::raise::Notice;");
    }

    #[test]
    fn edges_that_import_one_another_are_caught_also_in_groups() {
        caught(
            "config::raw",
            "use crate::{\n  model::Asn,\n  cloud::{self, wire::x as y},\n};",
            "line 3: `config::raw` and `crate::cloud::self`",
        );
        caught("observe", "type T = Vec<crate::config::Raw>;", "both edges");
        caught("system::lock", "use super::super::alert::journald;", "both edges");
        allowed("config", "use crate::system::environment::Environment;");
        allowed("config", "use crate::observe::agree::Verdict;");
        allowed("cloud::retry", "use super::error::CloudError;\nuse crate::cloud::wire;");
    }

    #[test]
    fn the_simulator_is_kept_apart() {
        caught("simulator::region", "use crate::plan::Decision;", "the simulator may not see");
        caught("simulator", "use crate::cloud::inventory;", "the simulator may not see");
        caught("simulator", "use crate::system::clock;", "the simulator may not see");
        caught("cli::register", "use crate::simulator::Region;", "may not see the simulator");
        caught("daemon", "use crate::simulator::Region;", "may not see the simulator");
        allowed("simulator::http", "use crate::{model::Asn, facts, cloud::transport::Transport};\nuse super::region;");
        allowed("cli::demo", "use crate::simulator::Region;");
    }

    #[test]
    fn impurity_is_caught() {
        caught("plan", "use std::fs;", "is pure and names `std::fs`");
        caught("plan", "use std::{collections::BTreeMap, time::{Duration, Instant}};", "`std::time::Instant`");
        caught("model", "fn f() { tracing::info!(\"x\") }", "`tracing::info`");
        caught("validate", "fn now() -> T { Timestamp::now() }", "`Timestamp::now`");
        caught("journal::replay", "async fn f() {}", "`asyncfn`");
        caught("journal::replay", "fn f() { g().await; }", "`.await`");
        caught("facts", "fn f() { println!(\"x\") }", "`println!`");
        allowed("plan", "use std::net::Ipv4Addr; use std::time::Duration; use ring::digest;");
        allowed("journal::store", "use std::fs; use rusqlite::Connection;");
    }

    #[test]
    fn a_room_without_a_floor_is_caught() {
        caught("attic::box", "", "`attic::box` is in no room");
        caught("cli", "use crate::attic::Box;", "in no room");
        caught("cli", "use crate::*;", "takes in the whole crate");
    }

    #[test]
    fn comments_strings_and_test_modules_say_nothing() {
        allowed("plan", "// use std::fs;\n/* crate::daemon /* nested */ std::fs */ const A: &str = \"crate::daemon::x\";");
        allowed("plan", "const A: &str = r#\"std::fs \" crate::daemon\"#; const B: char = '\"'; fn f<'a>(x: &'a str) {}");
        allowed("plan", "#[cfg(test)]\nmod tests { use std::fs; fn f() { if x { crate::daemon::run() } } }");
        allowed("plan", "#[cfg(test)]\nuse std::fs;\n#[cfg(test)]\nmod tests;");
        caught("plan", "#[cfg(test)]\nmod tests { }\nuse std::fs;", "line 3: `plan` is pure and names `std::fs`");
        caught("plan", "const A: char = '\\'';\nuse std::fs;", "line 2");
    }

    #[test]
    fn an_inner_module_s_super_is_its_file() {
        allowed("alert::raise", "mod inner { use super::Alert; }");
        caught("alert::raise", "mod inner { use super::super::journald; }", "looks up");
    }
}
