//! The machine as a gateway: an address on eth0, a simulated cloud on loopback, cgwd installed.

use crate::common::simulated::{self, Cloud};
use crate::machine::{Machine, REPOSITORY, sh};
use serde_json::{Value, json};

pub const ADDRESS: &str = "198.51.100.10";
pub const CONFIGURATION: &str = r#"
[device]
name = "gateway-1"
[address]
network = "public"
sources = ["interface:eth0"]
settle = "1s"
[cloud]
region = "cn-hangzhou"
endpoint = "http://127.0.0.1:8080"
"#;

impl Machine {
    /// From the package that tests/run has just built, and without one by hand: a package that lies about may be of another
    /// source.
    pub fn install(&self) {
        let Some(deb) = deb() else { return self.install_by_hand() };
        self.put("/opt/cgwd.deb", std::fs::read(deb).unwrap());
        self.run("apt-get install -q -y /opt/cgwd.deb; rm /etc/cgwd/config.toml");
    }

    fn install_by_hand(&self) {
        self.put("/usr/bin/cgwd", std::fs::read(program()).unwrap());
        self.put_from("/usr/lib/systemd/system-generators/cgwd-generator", "systemd/cgwd-generator");
        self.run("chmod 755 /usr/lib/systemd/system-generators/cgwd-generator");
        for unit in ["cgwd.service", "cgwd-failed@.service"] {
            self.put_from(&format!("/usr/lib/systemd/system/{unit}"), format!("systemd/{unit}"));
        }
        self.put_from("/usr/lib/sysusers.d/cgwd.conf", "systemd/cgwd.sysusers");
        self.put_from("/usr/lib/tmpfiles.d/cgwd.conf", "systemd/cgwd.tmpfiles");
        for catalog in ["cgwd.catalog", "cgwd.zh_CN.catalog"] {
            self.put_from(&format!("/usr/lib/systemd/catalog/{catalog}"), format!("systemd/{catalog}"));
        }
        self.run("chmod 755 /usr/bin/cgwd; systemd-sysusers; systemd-tmpfiles --create cgwd.conf; journalctl --update-catalog; systemctl daemon-reload");
    }

    /// A gateway that has all it needs and has not been started.
    pub fn prepare(&self) {
        self.install();
        self.add_address();
        self.start_cloud("");
        self.configure(CONFIGURATION);
        self.store_key();
    }

    pub fn add_address(&self) {
        self.run("ip link add eth0 type veth peer name isp0");
        self.run(&format!("ip addr add {ADDRESS}/24 dev eth0; ip link set isp0 up; ip link set eth0 up"));
    }

    /// In this order: a primary address takes the secondary ones of its network with it.
    pub fn renumber(&self, old: &str, new: &str) {
        self.run(&format!("ip addr del {old}/24 dev eth0; ip addr add {new}/24 dev eth0"));
    }

    /// A cloud that holds nothing, with faults where there are any.
    pub fn start_cloud(&self, faults: &str) {
        self.start_cloud_with(&json!({"Regions": {"cn-hangzhou": {}}}), faults);
    }

    /// It lets in the key that lies in /etc/credstore, and the tests'.
    pub fn seed(&self, seed: &Value) -> String {
        let mut seed = seed.clone();
        seed["Credentials"] = json!([
            {"AccessKeyId": "LTAItest", "AccessKeySecret": "the-secret-of-the-test"},
            {"AccessKeyId": simulated::KEY_ID, "AccessKeySecret": simulated::SECRET},
        ]);
        seed.to_string()
    }

    pub fn start_cloud_with(&self, seed: &Value, faults: &str) {
        self.put("/run/cloud/seed.json", self.seed(seed));
        self.put("/run/cloud/faults.toml", faults);
        // A copy, so that removing the package under test leaves the cloud alone.
        self.run("[ -e /run/cloud/cloud ] || cp /usr/bin/cgwd /run/cloud/cloud");
        self.run("systemd-run --quiet --unit=cloud /run/cloud/cloud simulate --listen 127.0.0.1:8080 --seed /run/cloud/seed.json --faults /run/cloud/faults.toml");
        self.eventually("the simulated cloud", || {
            self.attempt("journalctl -u cloud -o cat | grep -q '^listening on'").status.success().then_some(())
        });
    }

    pub fn configure(&self, configuration: &str) {
        self.put("/etc/cgwd/config.toml", configuration);
    }

    pub fn store_key(&self) {
        self.run("mkdir -p -m 700 /etc/credstore; umask 077; printf LTAItest >/etc/credstore/cgwd.access-key-id; printf the-secret-of-the-test >/etc/credstore/cgwd.access-key-secret");
    }

    pub fn await_in_sync(&self) -> serde_json::Value {
        self.await_status("in sync", |status| status["decision"] == "in_sync")
    }

    /// The ids of the customer gateways that this device made in the cloud, as its own journal has them.
    pub fn created(&self) -> usize {
        let entries = self.cgwd("history")["entries"].as_array().cloned().unwrap_or_default();
        entries.iter().filter(|entry| entry["action"] == "CreateCustomerGateway").count()
    }
}

/// Somebody else's program on the machine.
impl Cloud for Machine {
    fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Value {
        let request =
            format!("GET {} HTTP/1.1\\r\\nHost: 127.0.0.1:8080\\r\\nConnection: close\\r\\n\\r\\n", simulated::signed(action, parameters));
        let talk = "exec 3<>/dev/tcp/127.0.0.1/8080; printf %b \"$1\" >&3; cat <&3";
        simulated::read(action, &self.run(&format!("bash -c '{talk}' talk '{request}'")))
    }
}

/// The package of this source, where `CGWD_PACKAGES` names the directory that holds it.
pub fn deb() -> Option<String> {
    package("cgwd_*_amd64.deb")
}

pub fn rpm() -> Option<String> {
    package("cgwd-*.x86_64.rpm")
}

fn package(name: &str) -> Option<String> {
    let directory = std::env::var("CGWD_PACKAGES").ok().filter(|directory| !directory.is_empty())?;
    let packages = sh(&format!("cd {REPOSITORY}; ls -d $(realpath {directory})/{name}"));
    assert_eq!(packages.lines().count(), 1, "{directory} has not one {name}: {packages}");
    Some(packages)
}

/// The program without its debugging information, which would fill the machine's memory.
pub fn program() -> String {
    let (built, small) = (env!("CARGO_BIN_EXE_cgwd"), format!("{REPOSITORY}/target/lab/cgwd"));
    sh(&format!("[ {small} -nt {built} ] || {{ strip -o {small}.new {built} && mv {small}.new {small}; }}"));
    small
}
