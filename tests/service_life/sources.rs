//! What the service asks beside the network interfaces, through the sandbox and the shipped drop-ins.

use crate::gateway::CONFIGURATION;
use crate::machine::Machine;

#[test]
fn routing_daemons_files_and_programs_answer_through_the_sandbox() {
    let Some(machine) = Machine::boot() else { return };
    machine.prepare();
    machine.put("/etc/systemd/system/cgwd.service.d/quick.conf", "[Service]\nRestartSec=100ms\n");

    frr(&machine);
    bird(&machine);
    files(&machine);
    programs(&machine);
}

fn frr(machine: &Machine) {
    machine.run("sed -i 's/^bgpd=no/bgpd=yes/' /etc/frr/daemons; printf 'router bgp 65010\\n bgp router-id 198.51.100.10\\n' >>/etc/frr/frr.conf; systemctl start frr");
    machine.configure(&format!("{CONFIGURATION}\n[bgp]\nsource = \"frr\"\n"));
    machine.run("systemctl start cgwd");
    // In the status at once; the alert has patience with a daemon that restarts.
    machine.await_status("what hinders it", |status| status["findings"].to_string().contains("group frrvty"));
    machine.drop_in("frr");
    machine.run("systemctl restart cgwd");
    let status = machine.await_in_sync();
    assert_eq!((&status["asn"]["value"], &status["asn"]["source"]), (&65010.into(), &"frr".into()));
    machine.run("systemctl stop frr");
}

fn bird(machine: &Machine) {
    machine.put("/etc/bird/bird.conf", "router id 198.51.100.10;\nprotocol device { }\nprotocol bgp cloud { local 198.51.100.10 as 65010; neighbor 198.51.100.1 as 45104; ipv4 { import none; export none; }; }\n");
    machine.run("systemctl start bird; rm /etc/systemd/system/cgwd.service.d/frr.conf");
    machine.drop_in("bird");
    machine.configure(&format!("{CONFIGURATION}\n[bgp]\nsource = \"bird\"\n"));
    machine.run("systemctl restart cgwd");
    machine.await_status("BIRD's ASN", |status| status["asn"]["source"] == "bird" && status["asn"]["value"] == 65010);
    machine.await_in_sync();
    machine.run("systemctl stop bird");
}

/// inotify works inside, also for a file that is replaced.
fn files(machine: &Machine) {
    machine.put("/etc/cgwd/address", "198.51.100.10\n");
    machine.configure(
        &CONFIGURATION.replace("interface:eth0", "file:/etc/cgwd/address").replace("settle = \"1s\"", "settle = \"1s\"\npoll = \"24h\""),
    );
    machine.run("systemctl restart cgwd");
    machine.await_status("the address from the file", |status| status["address"]["source"] == "file:/etc/cgwd/address");
    machine.run("echo 198.51.100.11 >/etc/cgwd/address.new; mv /etc/cgwd/address.new /etc/cgwd/address");
    machine.await_status("the address of the new file", |status| status["address"]["value"] == "198.51.100.11");
    assert!(machine.alerts("observation.degraded").is_empty());
}

/// Programs below /usr and /etc/cgwd can be run; elsewhere only with the drop-in.
fn programs(machine: &Machine) {
    for directory in ["/usr/local/bin", "/etc/cgwd", "/opt/site/bin"] {
        machine.put(&format!("{directory}/address-of"), "#!/bin/sh\nread -r address </etc/cgwd/told; echo \"$address\"\n");
        machine.run(&format!("chmod 755 {directory}/address-of"));
    }
    machine.put("/etc/cgwd/told", "198.51.100.10\n");
    let restarted_with = |directory: &str| {
        machine.configure(&CONFIGURATION.replace("interface:eth0", &format!("command:{directory}/address-of")));
        machine.run("systemctl restart cgwd");
        format!("command:{directory}/address-of")
    };
    for directory in ["/usr/local/bin", "/etc/cgwd"] {
        let source = restarted_with(directory);
        machine.await_status(&source, |status| {
            status["address"]["source"] == source && status["findings"].to_string().find("denied").is_none()
        });
    }
    restarted_with("/opt/site/bin");
    let hindered = |findings: String| findings.contains("/opt/site/bin/address-of") && findings.contains("ermission denied");
    machine.await_status("what hinders it", |status| hindered(status["findings"].to_string()));
    machine.drop_in("programs");
    let source = restarted_with("/opt/site/bin");
    machine.await_status(&source, |status| status["address"]["source"] == source && status["alerts"].as_array().is_some_and(Vec::is_empty));
}
