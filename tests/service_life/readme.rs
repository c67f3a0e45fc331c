//! README.md's own lines, typed: from the package and from source to a device in sync, as they stand there.

use crate::common;
use crate::gateway::deb;
use crate::machine::{Machine, REPOSITORY};

/// What the README cannot know: where the simulated cloud is, and that nobody waits for 30 s.
const HERE: &str = "[address]\nsettle = \"1s\"\n[cloud]\nendpoint = \"http://127.0.0.1:8080\"\n";

#[test]
fn the_readme_s_lines_install_and_configure_the_package() {
    let Some(deb) = deb() else {
        return common::missing("the README's install section", "CGWD_PACKAGES names no directory with packages");
    };
    let Some(machine) = Machine::boot() else { return };
    let name = deb.rsplit('/').next().unwrap();
    machine.put(&format!("/root/target/packages/{name}"), std::fs::read(&deb).unwrap());
    let lines = block("## Install", 0);
    let is_here = |line: &&String| line.contains("apt-get");
    assert_eq!(lines.iter().filter(is_here).count(), 1, "{lines:?}");
    lines.iter().filter(is_here).for_each(|line| drop(machine.run(&in_home(line))));
    machine.refused("systemctl is-enabled cgwd");
    is_configured_and_watched(&machine);
}

#[test]
fn the_readme_s_lines_install_and_configure_from_source() {
    let Some(machine) = Machine::boot() else { return };
    machine.put("/root/target/release/cgwd", std::fs::read(crate::gateway::program()).unwrap());
    machine.put_from("/root/config.example.toml", "config.example.toml");
    for directory in ["systemd", "systemd/cgwd.service.d"] {
        for entry in std::fs::read_dir(format!("{REPOSITORY}/{directory}")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let path = format!("{directory}/{}", entry.file_name().to_str().unwrap());
                machine.put_from(&format!("/root/{path}"), &path);
            }
        }
    }
    for line in block("## Install", 1) {
        if !line.starts_with("cargo build ") {
            machine.run(&in_home(&line));
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
    for line in block("### Credentials", 0) {
        let input = if line.contains("cat >") { typed.next().unwrap() } else { "" };
        machine.run(&format!("{} <<'END'\n{input}\nEND", in_home(&line)));
    }
    assert_eq!(typed.next(), None, "both keys were asked for");
    for line in block("### Credentials", 1) {
        machine.run(&in_home(&line));
    }
    for line in block("## First configuration", 0) {
        // `plan` says by its code that something is to be done: 4.
        let code = machine.attempt(&in_home(&line)).status.code();
        assert_eq!(code, Some(if line.starts_with("cgwd plan") { 4 } else { 0 }), "{line}");
    }
    let status = machine.await_in_sync();
    assert_eq!((&status["asn"]["value"], &status["asn"]["source"]), (&65001.into(), &"frr".into()));
    assert_eq!(status["device"], "branch-shanghai-01");
    for line in block("## Reading the alerts", 0) {
        machine.run(&in_home(&line));
    }
}

fn in_home(line: &str) -> String {
    format!("cd /root; {line}")
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
