//! What edge boxes are really like: a read-only root, a full or slow flash, little memory. How they boot, without a link, without
//! IPv6 and with their journal in memory, boot.rs tells.

use crate::gateway::{ADDRESS, deb};
use crate::machine::Machine;
use crate::replacement::{AUTO, left};
use crate::replacing::estate::Estate;
use crate::replacing::world::World;
use crate::replacing::{NEW, OLD};
use serde_json::json;
use std::time::Duration;

#[test]
fn a_read_only_root_needs_a_small_state_and_a_full_one_is_told() {
    let Some(machine) = Machine::boot() else { return };
    machine.prepare();
    // As an appliance has it: everything read-only but /run, and a small file system for the state.
    machine.run("mkdir -p /var/lib/cgwd; mount -t tmpfs -o size=4m,mode=700 tmpfs /var/lib/cgwd; chown cgwd:cgwd /var/lib/cgwd");
    machine.run("rm -rf /var/log/journal; systemctl restart systemd-journald; mount -o remount,ro,bind /");
    machine.refused("touch /var/tmp/new");
    machine.run("systemctl start cgwd");
    machine.await_in_sync();
    writes_nothing_while_nothing_changes(&machine);
    stays_small(&machine);

    // Full: it watches and tells, and writes nothing to the cloud.
    machine.run("systemctl stop cgwd; rm -f /var/lib/cgwd/*; dd if=/dev/zero of=/var/lib/cgwd/full bs=1k 2>/dev/null || true");
    machine.run("systemctl start cgwd");
    let told = machine.eventually_alerts("state.watch_only");
    assert_eq!(told.last().unwrap()["PRIORITY"], "3");
    let status = machine.await_in_sync();
    assert!(status["watch_only"].as_str().is_some_and(|why| why.contains("No space left")), "{status}");
    machine.renumber(ADDRESS, "198.51.100.20");
    let changed = machine.eventually("the change", || {
        machine.alerts("address.changed").into_iter().find(|alert| alert["CGWD_ADDRESS_NEW"] == "198.51.100.20")
    });
    assert_eq!(changed["CGWD_ADDRESS_OLD"], ADDRESS);
    assert_eq!(machine.alerts("registration.created").len(), 1, "nothing was written without a journal");

    // Room again: the next start works on.
    machine.renumber("198.51.100.20", ADDRESS);
    machine.run("rm /var/lib/cgwd/full; systemctl restart cgwd");
    let status = machine.await_in_sync();
    assert_eq!(status["watch_only"], serde_json::Value::Null);
    assert_eq!(machine.alerts("registration.created").len(), 1, "it found its own again");
}

/// The whole of it, with more connections than such a box usually has.
#[test]
fn a_small_read_only_box_replaces_within_its_memory_and_its_state() {
    let Some(machine) = Machine::boot() else { return };
    machine.install();
    machine.run("mkdir -p /var/lib/cgwd; mount -t tmpfs -o size=4m,mode=700 tmpfs /var/lib/cgwd; chown cgwd:cgwd /var/lib/cgwd");
    // Unlike MemoryMax= this one is enforced in every container, and it counts what is mapped and never touched too.
    machine.put("/etc/systemd/system/cgwd.service.d/small.conf", "[Service]\nLimitAS=64M\n");
    machine.stand_before(&left(hub(), 20), "", AUTO);
    let before = World::of(&machine);
    machine.run("systemctl stop cgwd; rm -rf /var/log/journal; systemctl restart systemd-journald; mount -o remount,ro,bind /");
    machine.refused("touch /var/tmp/new");
    machine.run("systemctl start cgwd");
    machine.await_in_sync();
    machine.renumber(OLD, NEW);
    machine.await_replaced(NEW, 1);
    crate::replacing::gateway_was_replaced(&before, &World::of(&machine), OLD, NEW);
    stays_small(&machine);
    let state: u64 = machine.run("du -sk /var/lib/cgwd | cut -f1").parse().unwrap();
    crate::common::measured(&format!("a state of {state} kB after a replacement"), Duration::ZERO);
    assert!(state < 2048, "{state} kB");
}

/// One connection of each kind, and a dozen that have to be made again.
fn hub() -> Estate {
    Estate::all().with(|seed| {
        let region = &mut seed["Regions"]["cn-hangzhou"];
        for branch in 1..=12 {
            let gateway = format!("vpn-hub-{}", branch % 4);
            if branch <= 4 {
                region["VpnGateways"].as_array_mut().unwrap().push(json!({"VpnGatewayId": gateway}));
            }
            region["VpnConnections"].as_array_mut().unwrap().push(json!({
                "VpnConnectionId": format!("vco-hub-{branch}"), "Name": format!("hub-{branch}"), "VpnGatewayId": gateway,
                "CustomerGatewayId": "cgw-old", "LocalSubnet": "10.0.0.0/8", "RemoteSubnet": format!("192.168.{}.0/24", 100 + branch),
                "IkeConfig": {"Psk": format!("a-key-of-branch-{branch}")},
            }));
        }
    })
}

/// Each write to it takes three seconds: the alert does not wait for its own record.
#[test]
fn a_busy_flash_delays_no_alert() {
    let Some(machine) = Machine::boot() else { return };
    machine.prepare();
    machine.run("systemctl start cgwd");
    machine.await_in_sync();
    let pid = machine.service("MainPID");
    let delayed = "-e trace=fsync,fdatasync -e inject=fsync,fdatasync:delay_enter=3000000";
    machine.run(&format!("systemd-run --quiet --unit=flash strace -f -o /run/flash {delayed} -p {pid}"));
    machine.eventually("a slow flash", || {
        machine.attempt(&format!("grep -q 'TracerPid:.[1-9]' /proc/{pid}/status")).status.success().then_some(())
    });
    let changed: u64 =
        machine.run(&format!("date +%s%6N; ip addr del {ADDRESS}/24 dev eth0; ip addr add 198.51.100.20/24 dev eth0")).parse().unwrap();
    let told = machine.eventually("the alert", || {
        machine.alerts("address.changed").into_iter().find(|alert| alert["CGWD_ADDRESS_NEW"] == "198.51.100.20")
    });
    let told: u64 = told["__REALTIME_TIMESTAMP"].as_str().unwrap().parse().unwrap();
    crate::common::measured("an alert beside a busy flash", Duration::from_micros(told - changed));
    assert!(told - changed < 2_000_000, "{} µs", told - changed);
    machine.eventually("the record of it", || {
        let history = machine.cgwd("history").to_string();
        (history.contains("198.51.100.20") && machine.run("cat /run/flash").contains("DELAYED")).then_some(())
    });
    assert_eq!((machine.service("MainPID"), machine.service("NRestarts")), (pid, "0".to_owned()));
}

/// Neither the flash of the state nor the journal, however often it looks.
fn writes_nothing_while_nothing_changes(machine: &Machine) {
    // The time of the last change to the nanosecond: what is written over with the same bytes shows too.
    let look = || (machine.run("stat -c '%n %s %y' /var/lib/cgwd/*"), machine.journal("-u cgwd").len());
    let before = look();
    for _ in 0..5 {
        // A person's look makes it read everything, the cloud too.
        assert_eq!(machine.cgwd("register")["decision"], "in_sync");
        std::thread::sleep(Duration::from_millis(400));
    }
    assert_eq!(look(), before);
}

/// The limit of the unit is not enforced in every container, so the process itself is measured.
fn stays_small(machine: &Machine) {
    let pid = machine.service("MainPID");
    let peak = machine.run(&format!("awk '/^VmHWM/ {{ print $2 }}' /proc/{pid}/status"));
    let peak: u64 = peak.parse().unwrap();
    crate::common::measured(&format!("peak memory {peak} kB"), Duration::ZERO);
    // A program for developing takes three times as much.
    let most = if deb().is_some() { 14 } else { 40 };
    assert!(peak < most * 1024, "{peak} kB: much more than the 8 MiB that the unit speaks of");
    assert_eq!(machine.service("MemoryMax"), (64 << 20).to_string());
}
