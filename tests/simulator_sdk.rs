//! The simulated cloud answers the official Python SDK: its signatures, its wire form, its typed models.
//!
//! Needs a Python with the packages of tests/requirements.txt: `CGWD_TEST_PYTHON`, else target/test-venv.
//! Without one the tests say so and pass, or fail where `CGWD_REQUIRE_ALL=1`.

#![allow(clippy::disallowed_methods, reason = "a test program starts processes and reads the environment as it likes")]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The simulator as its users start it; ended when dropped.
struct Simulator {
    process: Child,
    address: String,
}

impl Simulator {
    fn start() -> Simulator {
        let mut process = Command::new(env!("CARGO_BIN_EXE_cgwd"))
            .args(["simulate", "--listen", "127.0.0.1:0", "--seed"])
            .arg(root().join("tests/data/simulator/sdk_seed.json"))
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "sdk-test-key")
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "sdk-test-secret")
            .env_remove("ALIBABA_CLOUD_SECURITY_TOKEN")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().expect("stdout is piped")).read_line(&mut line).expect("it prints a line");
        let address = line.trim_end().strip_prefix("listening on http://").expect("the line tells the address").to_owned();
        Simulator { process, address }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.process.kill().expect("it still runs");
        self.process.wait().expect("it ends");
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(script: &str) {
    let Some(python) = common::python() else {
        let remedy = "python3 -m venv target/test-venv && target/test-venv/bin/pip install -r tests/requirements.txt";
        return common::missing(&format!("tests/sdk/{script}"), &format!("there is no Python with the cloud's SDK; make one: {remedy}"));
    };
    let simulator = Simulator::start();
    let ran = Command::new(python)
        .arg(root().join("tests/sdk").join(script))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CGWD_TEST_ENDPOINT", &simulator.address)
        .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "sdk-test-key")
        .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "sdk-test-secret")
        .env_remove("ALIBABA_CLOUD_SECURITY_TOKEN")
        .env("no_proxy", "127.0.0.1")
        .output()
        .expect("python runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "tests/sdk/{script} failed:\n{said}");
    assert!(!said.contains("Ran 0 tests"), "tests/sdk/{script} tested nothing:\n{said}");
}

#[test]
fn customer_gateways() {
    run("customer_gateways.py");
}

#[test]
fn connections() {
    run("connections.py");
}

#[test]
fn routes() {
    run("routes.py");
}

#[test]
fn transit_routers() {
    run("transit_routers.py");
}

#[test]
fn door() {
    run("door.py");
}
