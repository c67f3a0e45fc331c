//! The machine is switched on again: an enabled service comes up with it, asked by nobody, and waits for nothing.

use crate::common::simulated::Cloud;
use crate::gateway::{ADDRESS, CONFIGURATION};
use crate::machine::{Machine, Reboot};
use serde_json::{Value, json};

/// Something on the machine wants the network before it starts, as there often is, and somebody holds the boot up until the link
/// is there, as systemd-networkd-wait-online does.
const WAITS_FOR_THE_LINK: &str = "[Unit]\nBefore=network-online.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutStartSec=infinity\n\
    ExecStart=/bin/sh -c 'until ip link show eth0 up 2>/dev/null | grep -q eth0; do sleep 0.1; done'\n[Install]\nWantedBy=network-online.target\n";
const NEEDS_THE_NETWORK: &str = "[Unit]\nWants=network-online.target\nAfter=network-online.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\n\
    ExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n";

#[test]
fn an_enabled_service_comes_up_with_the_machine() {
    let Some(mut machine) = Machine::boot() else { return };
    machine.install();
    machine.configure(CONFIGURATION);
    machine.store_key();
    machine.put("/etc/systemd/journald.conf.d/volatile.conf", "[Journal]\nStorage=volatile\n");
    machine.put("/etc/sysctl.d/no-ipv6.conf", "net.ipv6.conf.all.disable_ipv6=1\nnet.ipv6.conf.default.disable_ipv6=1\n");
    machine.put("/etc/systemd/system/waits-for-the-link.service", WAITS_FOR_THE_LINK);
    machine.put("/etc/systemd/system/needs-the-network.service", NEEDS_THE_NETWORK);
    machine.run("rm -rf /var/log/journal; systemctl enable -q waits-for-the-link needs-the-network");
    // Enabled and never started: the next boot is its first start.
    machine.run("systemctl enable -q cgwd");
    assert_eq!(machine.service("ActiveState"), "inactive");

    without_a_link(&mut machine);
    from_a_read_only_root(&mut machine);
}

fn without_a_link(machine: &mut Machine) {
    let boot = machine.run("cat /proc/sys/kernel/random/boot_id; systemctl show -P UserspaceTimestampMonotonic");
    machine.reboot(&Reboot::AsBefore);
    assert_ne!(machine.run("cat /proc/sys/kernel/random/boot_id; systemctl show -P UserspaceTimestampMonotonic"), boot);
    machine.eventually("a start at boot", || (machine.service("ActiveState") == "active").then_some(()));

    // The machine itself is not up yet: others wait for the link, and cgwd does not.
    machine.refused("ip link show eth0");
    assert_eq!(machine.run("systemctl show waits-for-the-link -P ActiveState"), "activating");
    assert_eq!(machine.attempt("systemctl is-active network-online.target").status.code(), Some(3));
    // It says that it sees nothing: in the journal, and to who asks systemd.
    let blind = machine.eventually_alerts("observation.blind");
    assert!(blind[0]["MESSAGE"].as_str().unwrap().contains("eth0"), "{}", blind[0]["MESSAGE"]);
    let shown = machine.run("systemctl status --no-pager cgwd");
    assert!(shown.contains("Status: \"looking for this device's address"), "{shown}");
    let pid = machine.service("MainPID");
    keeps_its_journal_in_memory(machine);

    // The link comes: what waited for it goes on, and cgwd registers. It is the very process that came up with the machine.
    machine.start_cloud("");
    machine.add_address();
    let status = machine.await_in_sync();
    assert_eq!(status["address"]["value"], ADDRESS);
    assert_eq!(machine.run("cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6"), "1");
    assert_eq!(machine.eventually_alerts("registration.created").len(), 1);
    assert!(machine.alerts("observation.blind").iter().any(|alert| alert["CGWD_PHASE"] == "cleared"));
    machine.eventually("the boot's end", || machine.attempt("systemctl is-active multi-user.target").status.success().then_some(()));
    assert_eq!((machine.service("MainPID"), machine.service("NRestarts")), (pid, "0".to_owned()));
    let entered = |unit: &str| machine.run(&format!("systemctl show {unit} -P ActiveEnterTimestampMonotonic")).parse::<u64>().unwrap();
    assert!(entered("cgwd") < entered("network-online.target"), "it was there before the network");
    assert_eq!(machine.run("systemctl show cgwd -P ActiveExitTimestampMonotonic"), "0", "it was never down since the boot");
}

/// The same device as an appliance: nothing can be written but a flash that is empty, as after it was replaced.
fn from_a_read_only_root(machine: &mut Machine) {
    let id = machine.await_in_sync()["customer_gateway"]["id"].clone();
    there_after_a_reboot(machine);
    machine.reboot(&Reboot::ReadOnlyBut("/var/lib/cgwd"));
    machine.refused("touch /etc/new /var/lib/new /var/tmp/new");
    // cgwd begins anew, and knows its own again by the mark.
    let status = machine.await_in_sync();
    assert_eq!(status["customer_gateway"]["id"], id);
    assert_eq!((machine.created(), machine.service("NRestarts")), (0, "0".to_owned()));
    assert_eq!(machine.alerts("registration.adopted").len() + machine.alerts("registration.created").len(), 0, "it is ours already");
    keeps_its_journal_in_memory(machine);

    // What it writes from now on is there after the next boot.
    let history = |machine: &Machine| machine.cgwd("history")["entries"].as_array().cloned().unwrap_or_default();
    let before = history(machine);
    assert!(!before.is_empty());
    machine.reboot(&Reboot::ReadOnlyBut("/var/lib/cgwd"));
    assert_eq!(machine.await_in_sync()["customer_gateway"]["id"], id);
    assert_eq!(history(machine)[..before.len()], before, "the history goes on");
    assert_eq!(machine.service("NRestarts"), "0");
    assert_eq!(machine.run("stat -c '%U %a' /var/lib/cgwd"), "cgwd 700");
    assert_eq!(machine.run("systemctl is-failed cgwd || true"), "active");
}

/// What is not this machine's business and yet lives on it: the line, and the cloud as it stands.
fn there_after_a_reboot(machine: &Machine) {
    let gateways: Vec<Value> = machine.gateways().iter().map(seeded).collect();
    machine.put("/srv/cloud/seed.json", machine.seed(&json!({"Regions": {"cn-hangzhou": {"CustomerGateways": gateways}}})));
    machine.run("cp /run/cloud/cloud /srv/cloud/");
    machine.put(
        "/etc/systemd/system/outside.service",
        "[Unit]\nBefore=network.target\n[Service]\nExecStart=/srv/cloud/cloud simulate --listen 127.0.0.1:8080 --seed /srv/cloud/seed.json\n\
         ExecStartPre=/bin/sh -c 'ip link add eth0 type veth peer name isp0; ip addr add 198.51.100.10/24 dev eth0; ip link set isp0 up; ip link set eth0 up'\n\
         [Install]\nWantedBy=multi-user.target\n",
    );
    machine.run("systemctl enable -q outside");
}

/// A customer gateway as the cloud shows it, as a seed has it.
fn seeded(shown: &Value) -> Value {
    json!({
        "CustomerGatewayId": shown["CustomerGatewayId"], "IpAddress": shown["IpAddress"], "Name": shown["Name"],
        "Description": shown["Description"], "CreateTime": shown["CreateTime"], "Tags": shown["Tags"]["Tag"],
    })
}

fn keeps_its_journal_in_memory(machine: &Machine) {
    assert!(machine.run("ls /run/log/journal/*/").contains("system.journal"));
    assert_eq!(machine.run("find /var/log/journal -type f"), "");
    assert!(!machine.journal("-b -u cgwd").is_empty());
}
