//! `cgwd simulate` as its users start it.

use cgwd::cli::simulate::{SimulateArgs, SimulateError, run};
use cgwd::system::environment::Environment;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

fn args() -> SimulateArgs {
    SimulateArgs { listen: "127.0.0.1:0".parse().unwrap(), seed: None, faults: None, print_seed: false, print_faults: false }
}

/// A file of this test's own, gone with the value.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, text: &str) -> TempFile {
        let path = std::env::temp_dir().join(format!("cgwd-simulate-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        TempFile(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

async fn printed(args: SimulateArgs) -> (Result<(), SimulateError>, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = run(&args, &Environment::default(), &mut out, &mut err).await;
    (ended, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[tokio::test]
async fn the_examples_are_printed_and_valid() {
    let (ended, out, err) = printed(SimulateArgs { print_seed: true, ..args() }).await;
    assert!(ended.is_ok() && err.is_empty());
    cgwd::simulator::Seed::parse(&out).unwrap();
    let (ended, out, _) = printed(SimulateArgs { print_faults: true, ..args() }).await;
    assert!(ended.is_ok());
    cgwd::simulator::Script::parse(&out).unwrap();
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_with_its_place() {
    let elsewhere = SimulateArgs { listen: "0.0.0.0:0".parse().unwrap(), ..args() };
    let (ended, out, _) = printed(elsewhere).await;
    assert!(matches!(ended, Err(ref error @ SimulateError::NotLoopback(_)) if error.is_usage() && error.remedy().contains("127.0.0.1")));
    assert_eq!(out, "");

    let seed = TempFile::new("seed", "{\n  \"Regions\": {\"r\": {\"Foo\": 1}}\n}");
    let problem = printed(SimulateArgs { seed: Some(seed.0.clone()), ..args() }).await.0.unwrap_err().to_string();
    assert!(problem.contains(seed.0.to_str().unwrap()) && problem.contains("`Foo`") && problem.contains("line 2"), "{problem}");

    let faults = TempFile::new("faults", "[[fault]]\nkind = \"x\"\n");
    let problem = printed(SimulateArgs { faults: Some(faults.0.clone()), ..args() }).await.0.unwrap_err().to_string();
    assert!(problem.contains(faults.0.to_str().unwrap()) && problem.contains("line 2"), "{problem}");

    let missing = SimulateArgs { seed: Some("/nowhere/seed.json".into()), ..args() };
    assert!(matches!(printed(missing).await.0, Err(SimulateError::Unreadable { .. })));
}

fn start(environment: &[(&str, &str)]) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cgwd"));
    for name in ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"] {
        command.env_remove(name);
    }
    let mut child = command
        .args(["simulate", "--listen", "127.0.0.1:0"])
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

/// Ends it with SIGTERM; its exit code, and what else it said on stdout and on stderr.
fn end(mut child: Child) -> (Option<i32>, String, String) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    (child.wait().unwrap().code(), out, err)
}

#[test]
fn one_line_on_stdout_and_a_made_key_on_stderr() {
    let (child, line) = start(&[]);
    let address = line.strip_prefix("listening on http://").unwrap().trim_end().to_owned();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let (code, out, err) = end(child);
    assert_eq!((code, out.as_str()), (Some(0), ""), "SIGTERM is an orderly end");
    assert!(err.starts_with("export ALIBABA_CLOUD_ACCESS_KEY_ID=LTAI") && err.contains(" ALIBABA_CLOUD_ACCESS_KEY_SECRET="), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}

#[test]
fn a_key_of_the_environment_is_taken_and_not_shown() {
    let (child, _) = start(&[("ALIBABA_CLOUD_ACCESS_KEY_ID", "ak"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "sk")]);
    assert_eq!(end(child), (Some(0), String::new(), String::new()));
}
