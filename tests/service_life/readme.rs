//! README.md's own lines, typed: from the package and from source to a device in sync, as they stand there.

use crate::common;
use crate::gateway::deb;
use crate::machine::{Machine, REPOSITORY, sh};
use crate::packaged::put_two_versions;

/// What the README cannot know: where the simulated cloud is, and that nobody waits for 30 s.
const HERE: &str = "[address]\nsettle = \"1s\"\n[cloud]\nendpoint = \"http://127.0.0.1:8080\"\n";

/// Where the lines are typed.
pub const CHECKOUT: &str = "/srv/checkout";

#[test]
fn the_readme_s_lines_install_and_configure_the_package() {
    let Some(deb) = deb() else {
        return common::missing("the README's install section", "CGWD_PACKAGES names no directory with packages");
    };
    let Some(machine) = Machine::boot() else { return };
    let name = deb.rsplit('/').next().unwrap();
    put_two_versions(&machine, &deb);
    machine.run(&format!("mkdir -p {CHECKOUT}/target/packages; mv /opt/cgwd.deb {CHECKOUT}/target/packages/{name}"));
    machine.run(&in_checkout(&apt_line(0)));
    machine.refused("systemctl is-enabled cgwd");
    is_configured_and_watched(&machine);
    is_upgraded_and_removed(&machine, name);
}

/// A newer source was built.
fn is_upgraded_and_removed(machine: &Machine, name: &str) {
    let configured = machine.run("cat /etc/cgwd/config.toml");
    machine.run(&format!("cd {CHECKOUT}/target/packages; rm {name}; mv /opt/next.deb cgwd_99.0_amd64.deb"));
    machine.run(&in_checkout(&apt_line(2)));
    assert_eq!(machine.run("dpkg-query -W -f '${Version}' cgwd"), "99.0");
    assert_eq!(machine.run("cat /etc/cgwd/config.toml"), configured);
    machine.run("ls /etc/cgwd/config.toml.dpkg-dist");
    machine.await_in_sync();
    let [remove, purge] = &block("## Install", 3)[..] else { panic!("two lines were expected") };
    machine.run(&answered(remove, "y"));
    machine.run("ls /etc/cgwd/config.toml /var/lib/cgwd/journal.db");
    machine.run(&answered(purge, "y"));
    for gone in ["/etc/cgwd", "/var/lib/cgwd"] {
        machine.refused(&format!("ls -d {gone}"));
    }
}

fn apt_line(number: usize) -> String {
    install_line(number, "apt-get")
}

/// The other lines of the block are for other machines: one that builds, and one with the other package manager.
pub fn install_line(number: usize, manager: &str) -> String {
    let lines = block("## Install", number);
    let mut here = lines.iter().filter(|line| line.contains(manager));
    let line = here.next().unwrap_or_else(|| panic!("{lines:?}")).clone();
    assert_eq!(here.next(), None, "{lines:?}");
    line
}

#[test]
fn the_readme_s_lines_install_and_configure_from_source() {
    let Some(machine) = Machine::boot() else { return };
    machine.put_from(&format!("{CHECKOUT}/config.example.toml"), "config.example.toml");
    for directory in ["systemd", "systemd/cgwd.service.d"] {
        for entry in std::fs::read_dir(format!("{REPOSITORY}/{directory}")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let path = format!("{directory}/{}", entry.file_name().to_str().unwrap());
                machine.put_from(&format!("{CHECKOUT}/{path}"), &path);
            }
        }
    }
    for line in block("## Install", 1) {
        if line.starts_with("cargo build ") {
            // The machine has no Rust. The other stories need the processor more.
            sh(&format!("cd {REPOSITORY}; nice -n 19 {line}"));
            machine.put_from(&format!("{CHECKOUT}/target/release/cgwd"), "target/release/cgwd");
        } else {
            machine.run(&in_checkout(&line));
        }
    }
    is_configured_and_watched(&machine);
}

fn is_configured_and_watched(machine: &Machine) {
    machine.add_address();
    machine.start_cloud("");
    machine.run("sed -i 's/^bgpd=no/bgpd=yes/' /etc/frr/daemons; printf 'router bgp 65001\\n bgp router-id 198.51.100.10\\n' >>/etc/frr/frr.conf; systemctl start frr");
    machine.configure(&fenced("## First configuration", "toml", 0));
    machine.put("/etc/cgwd/config.d/here.toml", HERE);
    let mut typed = ["LTAItest", "the-secret-of-the-test"].into_iter();
    for number in 0..3 {
        for line in block("## First configuration", number) {
            let input = if line.contains("cat >") { typed.next().unwrap() } else { "" };
            let code = machine.attempt(&answered(&line, input)).status.code();
            // `plan` says by its code that something is to be done: 4.
            assert_eq!(code, Some(if line.contains("cgwd plan") { 4 } else { 0 }), "{line}");
        }
    }
    assert_eq!(typed.next(), None, "both keys were asked for");
    for line in block("### Credentials", 0) {
        machine.run(&in_checkout(&line));
    }
    let status = machine.await_in_sync();
    assert_eq!((&status["asn"]["value"], &status["asn"]["source"]), (&65001.into(), &"frr".into()));
    assert_eq!(status["device"], "branch-shanghai-01");
    assert_eq!(machine.created(), 1, "the daemon and `cgwd register` make one together");
    for line in block("## Reading the alerts", 0) {
        machine.run(&in_checkout(&line));
    }
}

pub fn in_checkout(line: &str) -> String {
    format!("cd {CHECKOUT}; {line}")
}

fn answered(line: &str, input: &str) -> String {
    format!("{} <<'END'\n{input}\nEND", in_checkout(line))
}

/// The lines of the section's `sh` block of this number, without their comments.
fn block(section: &str, number: usize) -> Vec<String> {
    let text = fenced(section, "sh", number);
    text.lines().map(|line| line.split("  #").next().unwrap_or_default().trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// The section ends with the next heading.
fn fenced(section: &str, language: &str, number: usize) -> String {
    let readme = std::fs::read_to_string(format!("{REPOSITORY}/README.md")).unwrap();
    let body = readme.split_once(&format!("\n{section}\n")).unwrap_or_else(|| panic!("no section {section}")).1;
    let end = body.find("\n## ").into_iter().chain(body.find("\n### ")).min().unwrap_or(body.len());
    let fence = format!("```{language}\n");
    let mut blocks = body[..end].split(&fence).skip(1);
    let found = blocks.nth(number).unwrap_or_else(|| panic!("{section} has no block {number} of {language}"));
    found.split("```").next().unwrap_or_default().to_owned()
}
