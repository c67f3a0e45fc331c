//! A device: its own directory with configuration, state, address file and programs, and `cgwd` run on it.

use super::simulated::{CGWD, KEY_ID, SECRET, Sim, tempdir::Dir};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub const ADDRESS: &str = "203.0.113.7";

pub struct Device {
    pub dir: Dir,
    pub url: String,
    pub name: String,
    /// Text of each table: `[address]`, …
    pub address: String,
    pub bgp: String,
    pub cloud: String,
    pub rest: String,
    pub environment: Vec<(String, String)>,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Output {
    pub exit: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Device {
    /// One that reads its address from a file, settles at once, and has a configured ASN.
    pub fn new(sim: &Sim) -> Device {
        Device::at(&sim.url())
    }

    pub fn at(url: &str) -> Device {
        let dir = Dir::new();
        let address = format!("sources = [\"file:{}\"]\nsettle = \"0s\"", dir.join("address").display());
        let device = Device {
            dir,
            url: url.to_owned(),
            name: "branch-1".to_owned(),
            address,
            bgp: "asn = 65001".to_owned(),
            cloud: "region = \"cn-hangzhou\"".to_owned(),
            rest: String::new(),
            environment: vec![
                ("ALIBABA_CLOUD_ACCESS_KEY_ID".into(), KEY_ID.into()),
                ("ALIBABA_CLOUD_ACCESS_KEY_SECRET".into(), SECRET.into()),
                // No instance metadata is looked for on the network.
                ("ALIBABA_CLOUD_ECS_METADATA_DISABLED".into(), "true".into()),
            ],
        };
        device.move_to(ADDRESS);
        device.configure();
        device
    }

    /// The address that the device's file source tells from now on.
    pub fn move_to(&self, address: &str) {
        let new = self.dir.write("address.new", &format!("{address}\n"));
        std::fs::rename(new, self.dir.join("address")).unwrap();
    }

    pub fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    pub fn config_path(&self) -> PathBuf {
        self.dir.join("config.toml")
    }

    pub fn config_text(&self) -> String {
        let bgp = if self.bgp.is_empty() { String::new() } else { format!("[bgp]\n{}\n", self.bgp) };
        let network = if self.address.contains("network") { "" } else { "network = \"public\"\n" };
        format!(
            "[device]\nname = \"{}\"\n[address]\n{network}{}\n{bgp}[cloud]\nendpoint = \"{}\"\n{}\n[state]\ndirectory = \"{}\"\n{}\n",
            self.name,
            self.address,
            self.url,
            self.cloud,
            self.state().display(),
            self.rest
        )
    }

    /// Writes the configuration as the fields have it.
    pub fn configure(&self) {
        self.dir.write("config.toml", &self.config_text());
        // What a test looks with, also while it has spoilt the other.
        self.dir.write("looking.toml", &self.config_text());
    }

    /// Changes and writes.
    pub fn with(mut self, change: impl FnOnce(&mut Device)) -> Device {
        change(&mut self);
        self.configure();
        self
    }

    pub fn env(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// A program on this device's PATH.
    pub fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.dir.write(&format!("bin/{name}"), script);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(CGWD);
        command.arg("--config").arg(self.config_path()).args(arguments);
        self.surround(&mut command);
        command
    }

    /// Environment and standard streams.
    pub fn surround(&self, command: &mut Command) {
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.dir.join("bin").display());
        command.env_clear().env("PATH", path).env("HOME", self.dir.path()).envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    }

    /// Runs it with `--json` to its end.
    pub fn cgwd(&self, arguments: &[&str]) -> Output {
        self.plain(&[arguments, &["--json"]].concat())
    }

    /// Runs it to its end, for a person's eyes.
    pub fn plain(&self, arguments: &[&str]) -> Output {
        Output::of(self.command(arguments).spawn().unwrap())
    }

    /// The same by a user who is nobody here; `None` where this user cannot become another.
    pub fn as_nobody(&self, arguments: &[&str]) -> Option<Output> {
        if !rustix::process::geteuid().is_root() {
            super::missing("another user", "this is not run as root");
            return None;
        }
        // Where another may not look, it is not to be run either.
        let program = self.dir.join("cgwd");
        std::fs::copy(CGWD, &program).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
        command.arg("--config").arg(self.config_path()).args(arguments).arg("--json");
        self.surround(&mut command);
        Some(Output::of(command.spawn().unwrap()))
    }

    pub fn history(&self) -> Vec<Value> {
        self.look("history")["entries"].as_array().unwrap().clone()
    }

    pub fn status(&self) -> Value {
        self.look("status")
    }

    fn look(&self, command: &str) -> Value {
        let mut looking = Command::new(CGWD);
        looking.arg("--config").arg(self.dir.join("looking.toml")).args([command, "--json"]);
        self.surround(&mut looking);
        Output::of(looking.spawn().unwrap()).expect(0).json()
    }

    /// Everything that is in the state directory, by name.
    pub fn state_bytes(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(self.state())
            .map(|entries| entries.map(|entry| entry.unwrap()).collect::<Vec<_>>())
            .unwrap_or_default()
            .iter()
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    }
}

impl Output {
    pub fn of(child: Child) -> Output {
        let output = child.wait_with_output().unwrap();
        Output {
            exit: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The exit code, or everything that was said.
    #[track_caller]
    pub fn expect(&self, exit: i32) -> &Output {
        assert_eq!(self.exit, Some(exit), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The document of a command that may end with any of these.
    #[track_caller]
    pub fn json_of(&self, exits: &[i32]) -> Value {
        assert!(self.exit.is_some_and(|exit| exits.contains(&exit)), "{:?}\nstdout:\n{}\nstderr:\n{}", self.exit, self.stdout, self.stderr);
        self.json()
    }

    /// The one document on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        let document: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON document: {error}\nstdout:\n{}\nstderr:\n{}", self.stdout, self.stderr));
        assert_eq!(document["schema"], 1, "{document:#}");
        document
    }
}

/// A process of its own.
pub fn spawned(mut command: Command) -> Child {
    command.spawn().unwrap_or_else(|error| panic!("{:?} cannot be started: {error}", command.get_program()))
}

/// The codes of findings, as `severity code`.
pub fn findings(document: &Value) -> Vec<String> {
    let all = document["findings"].as_array().unwrap_or_else(|| panic!("no findings in {document:#}"));
    all.iter()
        .map(|finding| {
            shape(finding, &["code", "severity", "message", "remedy"]);
            format!("{} {}", finding["severity"].as_str().unwrap(), finding["code"].as_str().unwrap())
        })
        .collect()
}

#[track_caller]
pub fn has_finding(document: &Value, finding: &str) {
    assert!(findings(document).iter().any(|found| found == finding), "no `{finding}` in {document:#}");
}

/// The object has at least these keys.
#[track_caller]
pub fn shape(value: &Value, keys: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    for key in keys {
        assert!(object.contains_key(*key), "no `{key}` in {value:#}");
    }
}

/// The keys of a `plan` (product.md 5).
#[track_caller]
pub fn plan_shape(plan: &Value) {
    shape(plan, &["schema", "decision", "region", "device", "address", "asn", "customer_gateway", "steps", "gates", "findings"]);
    if !plan["address"].is_null() {
        shape(&plan["address"], &["value", "source", "network", "settled"]);
    }
    if !plan["asn"].is_null() {
        shape(&plan["asn"], &["value", "dotted", "source"]);
    }
    if !plan["customer_gateway"].is_null() {
        shape(&plan["customer_gateway"], &["id", "ip", "asn", "name", "created"]);
    }
    for step in plan["steps"].as_array().unwrap() {
        shape(step, &["id", "action", "target", "strategy", "reason", "destructive"]);
    }
    for gate in plan["gates"].as_array().unwrap() {
        shape(gate, &["name", "passed", "detail"]);
    }
    findings(plan);
}

/// Of entries of the history, the cloud writes.
pub fn writes(history: &[Value]) -> Vec<&Value> {
    let writes: Vec<&Value> = history.iter().filter(|entry| entry["kind"] == "write").collect();
    for write in &writes {
        shape(write, &["at", "action", "target", "request_id", "client_token", "outcome"]);
    }
    writes
}

/// Of entries of the history, the alerts as `phase code`.
pub fn alerts(history: &[Value]) -> Vec<String> {
    let alerts = history.iter().filter(|entry| entry["kind"] == "alert");
    alerts.map(|alert| format!("{} {}", alert["phase"].as_str().unwrap(), alert["code"].as_str().unwrap())).collect()
}
