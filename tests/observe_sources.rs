//! Files and programs as sources, all sources at once, and the wake when a file changes.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test: it writes files and measures real time")]

mod common;
mod lab;

use cgwd::model::{AddressSettings, AddressSource, Agreement, BgpSettings, BgpSource, Network, Observation, Reading};
use cgwd::observe::{EchoOptions, Observer, Wake, Watch};
use lab::{Scratch, eventually};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn settings(sources: Vec<AddressSource>) -> AddressSettings {
    AddressSettings {
        network: Network::Public,
        sources,
        agreement: Agreement::First,
        settle: Duration::ZERO,
        prefer: None,
        poll: Duration::from_secs(300),
    }
}

fn observer(sources: Vec<AddressSource>, bgp: Option<BgpSource>) -> Observer {
    let bgp = bgp.map(|source| BgpSettings { source: Some(source), asn: None });
    Observer::new(&settings(sources), bgp.as_ref(), EchoOptions { ca_file: None, proxy: None, timeout: Duration::from_secs(1) })
}

async fn address(source: AddressSource) -> Observation<IpAddr> {
    observer(vec![source], None).observe(&[]).await.addresses.remove(0).value
}

async fn command(path: &Path) -> Observation<IpAddr> {
    address(AddressSource::Command(path.to_owned())).await
}

async fn asn(source: BgpSource) -> Observation<String> {
    observer(Vec::new(), Some(source)).observe(&[]).await.asn.remove(0).value
}

fn known(address: &str) -> Observation<IpAddr> {
    Observation::Known(address.parse().unwrap())
}

fn reason<T: std::fmt::Debug>(observation: Observation<T>) -> String {
    match observation {
        Observation::Unknown(reason) => reason,
        other => panic!("{other:?} instead of a reason"),
    }
}

#[tokio::test]
async fn a_file_holds_one_address_or_none() {
    let scratch = Scratch::new("file");
    let read = async |content: &str| address(AddressSource::File(scratch.file("address", content))).await;
    assert_eq!(read("203.0.113.7\n").await, known("203.0.113.7"));
    assert_eq!(read("  203.0.113.7").await, known("203.0.113.7"));
    for (content, why) in [
        ("", "the file is empty"),
        ("# my address\n203.0.113.7\n", "other text"),
        ("203.0.113.7\n198.51.100.9\n", "more than one"),
        ("eth0", "not an address"),
        ("{\"ip\":\"203.0.113.7\"}", "not an address"),
    ] {
        let reason = reason(read(content).await);
        assert!(reason.contains(why), "{content:?}: {reason}");
    }
    assert!(reason(read(&"\n".repeat(2000)).await).contains("larger than 1024 bytes"));
}

#[tokio::test]
async fn what_is_not_a_readable_file_is_unknown_and_never_hangs() {
    let scratch = Scratch::new("nofile");
    let read = async |path: PathBuf| reason(address(AddressSource::File(path)).await);
    assert!(read(scratch.path().join("absent")).await.contains("does not exist"));
    assert!(read(scratch.path().to_owned()).await.contains("not a regular file"));
    assert!(read("/dev/zero".into()).await.contains("not a regular file"));
    let pipe = scratch.path().join("pipe");
    lab::sh(&format!("mkfifo {}", pipe.display()));
    assert!(read(pipe).await.contains("not a regular file"));
}

#[tokio::test]
async fn a_program_prints_one_address() {
    let scratch = Scratch::new("command");
    assert_eq!(command(&scratch.script("a", "echo 203.0.113.7")).await, known("203.0.113.7"));
    assert_eq!(command(&scratch.script("b", "echo '{\"ip\": \"203.0.113.7\"}'; echo noise >&2")).await, known("203.0.113.7"));
    for (body, why) in [
        ("", "the answer is empty"),
        ("echo 203.0.113.7; exit 3", "exit status: 3"),
        ("echo; echo 'no uplink' >&2; echo more >&2; exit 1", "(exit status: 1): no uplink"),
        ("kill -9 $$", "signal: 9"),
        ("echo 203.0.113.7 198.51.100.9", "more than one"),
        ("echo '<html>203.0.113.7</html>'", "web page"),
        ("cat /dev/zero", "printed more than 4096 bytes"),
        ("yes 203.0.113.7 >&2", "did not finish within 10 s"),
    ] {
        let reason = reason(command(&scratch.script("c", body)).await);
        assert!(reason.contains(why), "{body:?}: {reason}");
    }
    assert!(reason(command(Path::new("/nonexistent/program")).await).contains("does not exist"));
    assert!(reason(command(&scratch.file("plain", "echo 203.0.113.7")).await).contains("could not start"));
}

#[tokio::test]
async fn a_program_gets_no_input_no_shell_and_none_of_our_variables() {
    let scratch = Scratch::new("environment");
    let told = scratch.path().join("told");
    let script = scratch.script("a; echo $(x)", &format!("(cat; env; echo args=$#) > {}; echo 203.0.113.7", told.display()));
    assert_eq!(command(&script).await, known("203.0.113.7"));
    let told = std::fs::read_to_string(told).unwrap();
    // Cargo's own variables stand for whatever secret the daemon's environment holds.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(told.contains("LC_ALL=C") && told.contains("PATH=") && told.contains("args=0"), "{told}");
    assert!(!told.contains("CARGO"), "{told}");
}

/// Whether the process that wrote its number there still runs.
fn runs(file: &Path) -> bool {
    let id = std::fs::read_to_string(file).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    // Process 1 may not reap: a zombie has ended.
    !status.is_empty() && !status.contains(") Z ")
}

#[tokio::test]
async fn a_program_that_hangs_ends_with_all_that_it_started() {
    let scratch = Scratch::new("hang");
    let inner = scratch.path().join("inner");
    let script = scratch.script("hang", &format!("sleep 1000 & echo $! > {}; wait", inner.display()));
    let started = Instant::now();
    let why = reason(command(&script).await);
    assert!(why.contains("did not finish within 10 s and was stopped"), "{why}");
    assert!(started.elapsed() < Duration::from_secs(60));
    eventually("the end of the inner process", async || (!runs(&inner)).then_some(())).await;
}

#[tokio::test]
async fn a_dropped_observation_ends_what_it_started() {
    let scratch = Scratch::new("drop");
    let inner = scratch.path().join("inner");
    let script = scratch.script("hang", &format!("sleep 1000 & echo $! > {}; wait", inner.display()));
    {
        let asking = command(&script);
        tokio::pin!(asking);
        let started = eventually("the inner process", async || {
            tokio::select! {
                reading = &mut asking => panic!("{reading:?}"),
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
            std::fs::read_to_string(&inner).ok().filter(|id| !id.is_empty())
        });
        started.await;
        assert!(runs(&inner));
    }
    eventually("the end of the inner process", async || (!runs(&inner)).then_some(())).await;
}

#[tokio::test]
async fn an_asn_comes_as_it_is_written() {
    let scratch = Scratch::new("asn");
    assert_eq!(asn(BgpSource::File(scratch.file("asn", "1.10\n"))).await, Observation::Known("1.10".to_owned()));
    assert_eq!(asn(BgpSource::Command(scratch.script("asn.sh", "echo 65001"))).await, Observation::Known("65001".to_owned()));
    assert!(reason(asn(BgpSource::File(scratch.file("two", "65001 65002"))).await).contains("the file has 2 words"));
    assert!(reason(asn(BgpSource::Command(scratch.script("no.sh", "exit 1"))).await).contains("exit status: 1"));
    assert!(reason(asn(BgpSource::File("/nonexistent".into())).await).contains("does not exist"));
}

#[tokio::test]
async fn sources_are_asked_at_once_and_answer_in_order() {
    let scratch = Scratch::new("order");
    // Each answers once all four have begun: one after the other they would never.
    let begun = scratch.path().join("begun");
    let together = |says: &str| format!("echo >> {0}; while [ $(wc -l < {0}) -lt 4 ]; do sleep 0.02; done; echo {says}", begun.display());
    let slow = |name: &str, last: u8| AddressSource::Command(scratch.script(name, &together(&format!("203.0.113.{last}"))));
    let sources = vec![slow("a", 1), AddressSource::Static("203.0.113.2".parse().unwrap()), slow("b", 3), slow("c", 4)];
    let names: Vec<String> = sources.iter().map(ToString::to_string).collect();
    let observed = observer(sources, Some(BgpSource::Command(scratch.script("d", &together("65001"))))).observe(&[]).await;
    assert_eq!(observed.addresses.iter().map(|reading| reading.source.clone()).collect::<Vec<_>>(), names);
    let values: Vec<_> = observed.addresses.iter().map(|reading| reading.value.clone()).collect();
    assert_eq!(values, [known("203.0.113.1"), known("203.0.113.2"), known("203.0.113.3"), known("203.0.113.4")]);
    assert!(observed.addresses[0].took > observed.addresses[1].took, "a program takes longer than a constant");
    assert_eq!(observed.asn[0].value, Observation::Known("65001".to_owned()));
}

#[tokio::test]
async fn local_sources_are_refreshed_beside_the_slow_ones() {
    let scratch = Scratch::new("refresh");
    let file = scratch.file("address", "203.0.113.1");
    let sources = vec![
        AddressSource::Command(scratch.script("a", "echo 203.0.113.9")),
        AddressSource::File(file.clone()),
        AddressSource::Static("203.0.113.2".parse().unwrap()),
    ];
    let observer = observer(sources, Some(BgpSource::File(scratch.file("asn", "65001"))));
    let mut observed = observer.observe(&[]).await;
    scratch.file("address", "203.0.113.77");
    scratch.file("asn", "65002");
    let fresh = observer.observe_local(&[]);
    let sources: Vec<&str> = fresh.addresses.iter().map(|Reading { source, .. }| source.as_str()).collect();
    assert_eq!(sources, [format!("file:{}", file.display()), "static:203.0.113.2".to_owned()]);
    observed.refresh(fresh);
    let values: Vec<_> = observed.addresses.iter().map(|reading| reading.value.clone()).collect();
    assert_eq!(values, [known("203.0.113.9"), known("203.0.113.77"), known("203.0.113.2")]);
    assert_eq!(observed.asn[0].value, Observation::Known("65002".to_owned()));
}

async fn is_quiet(watch: &mut Watch) -> bool {
    tokio::time::timeout(Duration::from_millis(300), watch.changed()).await.is_err()
}

async fn wake(watch: &mut Watch) -> Wake {
    tokio::time::timeout(Duration::from_secs(30), watch.changed()).await.expect("no wake within 30 s")
}

#[test]
fn a_watched_file_wakes_however_it_is_changed() {
    lab::in_namespace("a_watched_file_wakes_however_it_is_changed", async || {
        let scratch = Scratch::new("watch");
        let file = scratch.path().join("address");
        let asn = scratch.path().join("asn");
        let bgp = BgpSettings { source: Some(BgpSource::File(asn.clone())), asn: None };
        let mut watch = Watch::new(&settings(vec![AddressSource::File(file.clone())]), Some(&bgp));
        assert!(is_quiet(&mut watch).await);

        for line in [
            "echo 203.0.113.7 > address",
            "echo 203.0.113.8 > new; mv new address",
            "chmod 600 address",
            "rm address",
            "echo 65001 > asn",
            "mv asn elsewhere",
        ] {
            lab::sh(&format!("cd {}; {line}", scratch.path().display()));
            assert_eq!(wake(&mut watch).await, Wake::Changed, "{line}");
            while !is_quiet(&mut watch).await {}
        }
        lab::sh(&format!("cd {}; echo 1 > other; rm other", scratch.path().display()));
        assert!(is_quiet(&mut watch).await, "another file woke us");
    });
}

#[test]
fn a_directory_that_goes_and_comes_back_is_watched_again() {
    lab::in_namespace("a_directory_that_goes_and_comes_back_is_watched_again", async || {
        let scratch = Scratch::new("gone");
        let directory = scratch.path().join("run");
        std::fs::create_dir(&directory).unwrap();
        let mut watch = Watch::new(&settings(vec![AddressSource::File(directory.join("address"))]), None);
        std::fs::remove_dir(&directory).unwrap();
        let Wake::Degraded(why) = wake(&mut watch).await else { panic!("nobody said that nothing is watched") };
        assert!(why.contains("changes of files are not announced") && why.contains("removed"), "{why}");
        assert_eq!(wake(&mut watch).await, Wake::Poll);
        std::fs::create_dir(&directory).unwrap();
        assert_eq!(wake(&mut watch).await, Wake::Restored);
        std::fs::write(directory.join("address"), "203.0.113.7").unwrap();
        assert_eq!(wake(&mut watch).await, Wake::Changed);
    });
}
