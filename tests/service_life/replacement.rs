//! Replacements that the service carries out: what becomes of one when the package is upgraded or removed in its middle, the key
//! that pre-shared keys are sealed with, and what its sandbox has to let through.

use crate::common;
use crate::common::simulated::Cloud;
use crate::gateway::{CONFIGURATION, deb};
use crate::machine::Machine;
use crate::packaged::{install_from, put_two_versions, upgrade_to_the_next};
use crate::replacing::estate::{Estate, PSKS};
use crate::replacing::world::World;
use crate::replacing::{NEW, OLD};
use serde_json::{Value, json};

/// By itself and at once, with no waits that a test would sit through.
pub const AUTO: &str = "policy = \"auto\"\nsettle = \"0s\"\nrecheck = \"0s\"\nmax_per_day = 100\n";
const SINGLE_PSK: &str = "canary-psk-single-e5f6";

/// What an installation without cgwd left in the cloud; a change of a VPN gateway takes so long.
pub fn left(estate: Estate, change_ms: u32) -> Estate {
    let unmarked = |seed: &mut Value| {
        seed["Regions"]["cn-hangzhou"]["CustomerGateways"][0]["Tags"] = json!({"site": "sh-01"});
        // The device is where its newest customer gateway says.
        seed.as_object_mut().unwrap().shift_remove("Devices");
    };
    estate.with(unmarked).switch("GatewayChangeMs", change_ms.into())
}

impl Machine {
    /// The installed service at the old address, in front of this estate, adopted.
    pub fn stand_before(&self, estate: &Estate, faults: &str, replacement: &str) {
        self.run("ip link add eth0 type veth peer name isp0; ip link set isp0 up; ip link set eth0 up");
        self.run(&format!("ip addr add {OLD}/24 dev eth0"));
        self.start_cloud_with(estate.seed(), faults);
        self.run("mkdir -p /etc/systemd/system/cgwd.service.d");
        self.configure(&replacing(replacement));
        self.store_key();
        self.run("systemctl daemon-reload; systemctl enable --now cgwd");
        self.await_in_sync();
        assert_eq!(self.alerts("registration.adopted").len(), 1);
    }

    /// The only customer gateway of ours has this address, and the service is content.
    pub fn await_replaced(&self, address: &str, times: usize) {
        self.eventually("the replacement's end", || (self.alerts("replacement.done").len() == times).then_some(()));
        let status = self.await_in_sync();
        assert_eq!((&status["customer_gateway"]["ip"], &status["replacement"]), (&address.into(), &Value::Null), "{status:#}");
        let ours: Vec<Value> = self.gateways().into_iter().filter(|gateway| gateway["Name"] == "shanghai").collect();
        assert_eq!(ours.len(), 1, "{ours:#?}");
        assert_eq!(ours[0]["IpAddress"], address);
    }

    /// So many steps are proven, and it runs.
    pub fn await_middle(&self, steps: u64) {
        self.await_status("the middle of a replacement", |status| status["replacement"]["done"].as_u64() >= Some(steps));
    }

    /// Once more, which a person has to say: the tunnels are up. The command need not last as long as what it began.
    pub fn move_on(&self, from: &str, to: &str) {
        self.renumber(from, to);
        self.await_status("the other address", |status| status["address"]["value"] == to && status["decision"] == "replace");
        self.run("systemd-run --quiet --collect --unit=person cgwd replace --planned --yes");
        self.await_middle(2);
        self.run("systemctl stop person");
    }

    pub fn writes(&self, action: &str) -> Vec<Value> {
        let entries = self.cgwd("history")["entries"].as_array().cloned().unwrap_or_default();
        entries.into_iter().filter(|entry| entry["action"] == action).collect()
    }
}

pub fn replacing(replacement: &str) -> String {
    format!("{CONFIGURATION}timeout = \"60s\"\n[bgp]\nasn = 65001\n[replacement]\n{replacement}")
}

#[test]
fn a_replacement_survives_an_upgrade_a_removal_and_a_purge_in_its_middle() {
    let Some(deb) = deb() else {
        return common::missing("an upgrade in the middle of a replacement", "CGWD_PACKAGES names no directory with packages");
    };
    let Some(machine) = Machine::boot() else { return };
    put_two_versions(&machine, &deb);
    install_from(&machine, "/opt/cgwd.deb");
    // The first creation is a mere trial; of the second the answer takes long.
    let slow = "[[fault]]\naction = \"CreateVpnConnection\"\nnth = 2\nkind = \"latency\"\nlatency_ms = 45000\n";
    machine.stand_before(&left(Estate::all(), 1500), slow, AUTO);
    let before = World::of(&machine);

    upgraded_while_a_connection_is_made_again(&machine);
    let there = World::of(&machine);
    crate::replacing::gateway_was_replaced(&before, &there, OLD, NEW);

    removed_and_installed_again(&machine);
    let back = World::of(&machine);
    assert_eq!(before.changes(&back), Vec::<String>::new(), "there and back again, and nothing is lost");

    purged_and_installed_again(&machine);
    crate::replacing::gateway_was_replaced(&before, &World::of(&machine), OLD, NEW);
    assert_eq!(machine.alerts("replacement.began").len(), 3, "each was begun once");
}

/// The old version leaves while the connection is gone and the call that makes it again has no answer yet.
fn upgraded_while_a_connection_is_made_again(machine: &Machine) {
    let old = machine.service("MainPID");
    machine.renumber(OLD, NEW);
    machine.eventually("the call", || (!machine.writes("CreateVpnConnection").is_empty()).then_some(()));
    upgrade_to_the_next(machine, &old);
    machine.await_replaced(NEW, 1);

    let by_the_old = |alerts: &[Value]| alerts.iter().filter(|alert| alert["_PID"] == old.as_str()).count();
    let (began, interrupted, done) =
        (machine.alerts("replacement.began"), machine.alerts("replacement.interrupted"), machine.alerts("replacement.done"));
    assert_eq!((by_the_old(&began), by_the_old(&interrupted), by_the_old(&done)), (1, 0, 0), "the old one began it, the new one ended it");
    assert_eq!((interrupted.len(), done.len()), (1, 1));
    assert!(began[0]["CGWD_PLAN_ID"].is_string() && began[0]["CGWD_PLAN_ID"] == done[0]["CGWD_PLAN_ID"], "{began:?} {done:?}");
    let said = machine.run(&format!("journalctl -u cgwd -o cat _PID={old}"));
    assert!(said.contains("it goes on at the next start"), "{said}");
    let explained = machine.run(&format!("journalctl -x -u cgwd --no-pager MESSAGE_ID={}", interrupted[0]["MESSAGE_ID"].as_str().unwrap()));
    assert!(explained.contains("Subject:") && explained.contains("What to do:"), "{explained}");
    let made = machine.writes("CreateVpnConnection");
    assert!(made.iter().all(|write| write["client_token"] == made[0]["client_token"]), "one intent, under one token: {made:#?}");
}

fn removed_and_installed_again(machine: &Machine) {
    machine.move_on(NEW, OLD);
    let said = machine.run("apt-get remove -q -y cgwd 2>&1");
    assert!(said.contains("a replacement is not finished") && said.contains("stays in /var/lib/cgwd"), "{said}");
    machine.refused("pgrep -x cgwd");
    assert_eq!(machine.alerts("replacement.done").len(), 1, "it was to be removed in the middle");
    install_from(machine, "/opt/cgwd.deb");
    machine.refused("ls /var/lib/cgwd/unfinished");
    machine.run("systemctl start cgwd");
    machine.await_replaced(OLD, 2);
}

/// The sealed snapshot is the only copy of what is deleted and not made again yet: a purge leaves it, says so, and the next
/// installation finishes what was begun.
fn purged_and_installed_again(machine: &Machine) {
    machine.put("/etc/cgwd/credentials/journal-key.cred", "a key's only copy may lie here");
    machine.move_on(OLD, NEW);
    // Under systemd this key says nothing: the state is where the unit has it.
    machine.run("printf '[state]\ndirectory = \"/data/cgwd\"\n' >>/etc/cgwd/config.toml");
    let said = machine.run("apt-get purge -q -y cgwd 2>&1");
    assert!(said.contains("KEPT /var/lib/cgwd") && said.contains("what is in the cloud stays"), "{said}");
    assert!(!said.contains("are removed"), "{said}");
    assert_eq!(machine.alerts("replacement.done").len(), 2, "it was to be purged in the middle");
    machine.run("ls /var/lib/cgwd/journal.db /var/lib/cgwd/journal.key /etc/cgwd/credentials/journal-key.cred");
    machine.refused("ls /etc/cgwd/config.toml");
    install_from(machine, "/opt/cgwd.deb");
    assert!(said.contains("put /var/lib/cgwd/config.toml.kept back as /etc/cgwd/config.toml"), "{said}");
    machine.run("mv /var/lib/cgwd/config.toml.kept /etc/cgwd/config.toml");
    // A person's commands do go by that key.
    machine.run("sed -i '/^\\[state\\]/,$d' /etc/cgwd/config.toml");
    machine.run("systemctl start cgwd");
    machine.await_replaced(NEW, 3);

    // Nothing is open now, and a purge is a purge.
    let said = machine.run("apt-get purge -q -y cgwd 2>&1");
    assert!(said.contains("configuration and state are removed") && !said.contains("KEPT"), "{said}");
    machine.refused("test -e /var/lib/cgwd -o -e /etc/cgwd");
}

#[test]
fn pre_shared_keys_are_sealed_with_the_key_that_systemd_delivers() {
    const FOLDER: &str = "/etc/cgwd/credentials";
    let Some(machine) = Machine::boot() else { return };
    machine.install();
    machine.run("mkdir -p -m 700 /etc/credstore; umask 077; head -c 32 /dev/urandom >/etc/credstore/cgwd.journal-key");
    machine.stand_before(&left(Estate::new().dual().single(), 700), "", AUTO);
    machine.renumber(OLD, NEW);
    machine.await_replaced(NEW, 1);
    nothing_secret_lies_about(&machine);

    // The same key, encrypted for this machine; without it nothing that it sealed can be opened, and with it everything goes on.
    machine.run(&format!("mkdir -m 700 {FOLDER}"));
    let encrypt = format!("systemd-creds encrypt --with-key=host --name=journal-key - {FOLDER}");
    machine.run(&format!("{encrypt}/mine.cred </etc/credstore/cgwd.journal-key; head -c 32 /dev/urandom | {encrypt}/other.cred"));
    machine.run("rm /etc/credstore/cgwd.journal-key");
    let deliver = |name: &str| {
        let drop_in = format!("[Service]\nLoadCredentialEncrypted=journal-key:{FOLDER}/{name}.cred\n");
        machine.put("/etc/systemd/system/cgwd.service.d/journal-key.conf", drop_in);
        machine.run("systemctl daemon-reload; systemctl restart cgwd");
    };
    deliver("mine");
    machine.await_in_sync();
    machine.move_on(NEW, OLD);
    deliver("other");
    let stopped = machine.eventually_alerts("replacement.stopped");
    let words = stopped[0]["MESSAGE"].as_str().unwrap();
    assert!(words.contains("sealed with the key") && words.contains("put that key back"), "{words}");
    deliver("mine");
    machine.await_replaced(OLD, 2);
    nothing_secret_lies_about(&machine);
}

/// Neither a key that cgwd made itself, nor a pre-shared key in the clear.
fn nothing_secret_lies_about(machine: &Machine) {
    machine.refused("ls /var/lib/cgwd/journal.key");
    for psk in PSKS {
        machine.holds_nowhere(psk, &["/var/lib/cgwd", "/run/cgwd", "/run/log/journal", "/var/log/journal"]);
        machine.refused(&format!("journalctl -o export | grep -a -e {psk}"));
    }
}

/// The clock on the wall, for `window`, and the file of a pre-shared key that the cloud masks.
#[test]
fn the_sandbox_lets_local_time_and_key_files_through() {
    let Some(machine) = Machine::boot() else { return };
    machine.install();
    machine.run("ln -sf /usr/share/zoneinfo/Asia/Shanghai /etc/localtime");
    machine.put("/etc/cgwd/psk", SINGLE_PSK);
    machine.run("getent group cgwd && chown root:cgwd /etc/cgwd/psk && chmod 0640 /etc/cgwd/psk");
    let secret = "[[replacement.secret]]\nconnection = \"vco-single\"\npsk_file = \"/etc/cgwd/psk\"\n";
    // It is 8 hours later in Shanghai than in UTC: the first is open there now, the second where the zone can't be read.
    let hour: u32 = machine.run("date +%H").parse().unwrap();
    let window = |from: u32, until: u32| format!("window = \"{:02}:00-{:02}:00\"\n{secret}", (hour + from) % 24, (hour + until) % 24);
    let (open, closed) = (window(23, 2), window(15, 18));
    let masked = left(Estate::new().single(), 20).switch("MaskPsk", json!("stars"));
    machine.stand_before(&masked, "", &format!("{AUTO}{closed}"));
    machine.renumber(OLD, NEW);
    let status = machine.await_status("the window", |status| status["replacement"]["waiting_for"].to_string().contains("opens at"));
    assert_eq!(status["decision"], "replace");

    machine.configure(&replacing(&format!("{AUTO}{open}")));
    machine.run("systemctl reload cgwd");
    // The other end has the old key: a tunnel that is up proves that it was kept.
    machine.await_replaced(NEW, 1);
}

/// A person's command, carried out by the service: nothing of it is left to the terminal.
#[test]
fn a_person_replaces_through_the_service() {
    let Some(machine) = Machine::boot() else { return };
    machine.install();
    machine.stand_before(&left(Estate::all(), 300), "", "recheck = \"0s\"\n");
    let before = World::of(&machine);
    machine.renumber(OLD, NEW);
    machine.await_status("that it waits", |status| status["replacement"]["phase"] == "waiting");
    let refused = machine.attempt("cgwd replace </dev/null");
    assert_eq!(refused.status.code(), Some(2), "{}", crate::machine::stderr(&refused));
    let document = machine.cgwd("replace --yes");
    crate::replacing::is_done(&document);
    machine.await_replaced(NEW, 1);
    crate::replacing::gateway_was_replaced(&before, &World::of(&machine), OLD, NEW);
    let began = machine.alerts("replacement.began");
    assert_eq!(began[0]["_SYSTEMD_UNIT"], "cgwd.service", "the service does it");
    assert_eq!(machine.run("find /var/lib/cgwd ! -user cgwd"), "");
}
