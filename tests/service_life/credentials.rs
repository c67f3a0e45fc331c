//! How the AccessKey gets to the service.

use crate::machine::Machine;

const FOLDER: &str = "/etc/cgwd/credentials";

#[test]
fn keys_are_delivered_from_root_only_files_plain_and_encrypted() {
    let Some(machine) = Machine::boot() else { return };
    machine.prepare();
    machine.run("rm -r /etc/credstore");

    // No key anywhere: the service runs, watches, and says that it has none.
    machine.run("systemctl start cgwd");
    let refused = machine.eventually_alerts("cloud.refused");
    let words = refused[0]["MESSAGE"].as_str().unwrap();
    assert!(words.contains("no credentials") && words.contains("access-key-id"), "{words}");
    assert_eq!(machine.service("ActiveState"), "active");

    // Plain files that root alone may read.
    machine.run(&format!(
        "umask 077; mkdir {FOLDER}; printf LTAItest >{FOLDER}/access-key-id; printf the-secret-of-the-test >{FOLDER}/access-key-secret"
    ));
    machine.drop_in("credentials");
    machine.run("systemctl restart cgwd");
    machine.await_in_sync();
    only_the_service_has_them(&machine);
    assert_eq!(machine.cgwd("plan")["decision"], "in_sync", "a command of root's uses what the service was given");

    // Encrypted for this machine, with a key that only its root can read.
    for name in ["access-key-id", "access-key-secret"] {
        machine
            .run(&format!("systemd-creds encrypt --with-key=host --name={name} {FOLDER}/{name} {FOLDER}/{name}.cred; rm {FOLDER}/{name}"));
    }
    machine.run("rm /etc/systemd/system/cgwd.service.d/credentials.conf");
    machine.drop_in("credentials-encrypted");
    machine.run("systemctl restart cgwd");
    machine.await_in_sync();
    only_the_service_has_them(&machine);
    assert_eq!(machine.cgwd("plan")["decision"], "in_sync");
    machine.holds_nowhere("the-secret", &[FOLDER, "/var/lib/cgwd", "/run/cgwd"]);

    // A credential that can't be opened: our code never runs, and the alert comes all the same.
    machine.run(&format!(
        "echo spoilt >{FOLDER}/access-key-secret.cred; echo '[Service]\nRestartSec=50ms' >/etc/systemd/system/cgwd.service.d/quick.conf"
    ));
    // The starts by hand until now count too: systemd 252 forgets them when it is reloaded, 257 does not.
    machine.run("systemctl daemon-reload; systemctl reset-failed cgwd");
    machine.attempt("systemctl restart cgwd");
    let failed = machine.eventually_alerts("service.failed");
    let words = failed[0]["MESSAGE"].as_str().unwrap();
    assert!(words.contains("status 243"), "{words}");
    assert!(failed[0]["MESSAGE_ID"] == "8f0d3769669a4ff48d88f695a3d02b73" && failed[0]["PRIORITY"] == "3");
    assert_eq!(machine.service("NRestarts"), "10", "systemd gives up after ten starts");
}

fn only_the_service_has_them(machine: &Machine) {
    let pid = machine.service("MainPID");
    machine.refused(&format!("tr '\\0' '\\n' </proc/{pid}/environ /proc/{pid}/cmdline | grep -e LTAItest -e the-secret"));
    machine.refused("setpriv --reuid=nobody --regid=nogroup --clear-groups cat /run/credentials/cgwd.service/access-key-secret");
    machine.refused("journalctl -o export | grep -a the-secret-of");
}
