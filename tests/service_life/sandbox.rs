//! What the unit forbids, tried from inside: the same unit with another program.

use crate::machine::{Machine, REPOSITORY, stdout};

/// Nothing here may do harm where it succeeds, for the same lines run outside the sandbox too (settimeofday(2), call 164, with
/// two null pointers sets nothing).
///
/// Each line: a name, what is expected, and a line of shell.
const TRIALS: &str = r#"
read_shadow      no  cat /etc/shadow
read_home        no  cat /home/person/secret
read_root        no  cat /root/secret
write_usr        no  touch /usr/bin/new
write_etc        no  touch /etc/cgwd/new
write_var        no  touch /var/lib/new
write_root       no  touch /new
write_state      yes touch /var/lib/cgwd/new
write_runtime    yes touch /run/cgwd/new
write_tmp        yes touch /tmp/new
read_config      yes cat /etc/cgwd/config.toml
read_local_time  yes cat /etc/localtime
read_credential  yes cat $CREDENTIALS_DIRECTORY/access-key-id
run_from_state   no  cp /bin/true /var/lib/cgwd/true && /var/lib/cgwd/true
run_from_tmp     no  cp /bin/true /tmp/true && /tmp/true
run_from_opt     no  /opt/true
run_from_usr     yes /bin/true
run_from_etc     yes /etc/cgwd/true
see_init         no  test -e /proc/1/status
see_kernel       no  test -e /proc/kcore -o -e /proc/sys/kernel
see_disks        no  test -e /dev/vda -o -e /dev/kmsg -o -e /dev/mem
signal_others    no  kill -0 1
mount            no  mount -t tmpfs tmpfs /tmp
new_namespace    no  unshare --user true
change_host_name no  hostname other
set_the_clock    no  perl -e 'exit(syscall(164, 0, 0) != 0)'
raise_priority   no  nice -n -5 true && chrt -f 1 true
set_uid_file     no  cp /bin/true /var/lib/cgwd/suid && chmod u+s /var/lib/cgwd/suid
core_dumps       no  test "$(ulimit -c)" != 0
inet             yes perl -MSocket -e 'socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!'
inet6            yes perl -MSocket -e 'socket(my $s, PF_INET6, SOCK_STREAM, 0) or die $!'
unix             yes perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die $!'
netlink_route    yes perl -MSocket -e 'socket(my $s, 16, SOCK_RAW, 0) or die $!'
raw_ip           no  perl -MSocket -e 'socket(my $s, PF_INET, SOCK_RAW, 1) or die $!'
packet           no  perl -MSocket -e 'socket(my $s, 17, SOCK_RAW, 768) or die $!'
vsock            no  perl -MSocket -e 'socket(my $s, 40, SOCK_STREAM, 0) or die $!'
crypto_sockets   no  perl -MSocket -e 'socket(my $s, 38, SOCK_SEQPACKET, 0) or die $!'
bluetooth        no  perl -MSocket -e 'socket(my $s, 31, SOCK_RAW, 1) or die $!'
names            yes getent hosts localhost
client_port      yes perl -MSocket -e 'socket(my $s, PF_INET, SOCK_DGRAM, 0) or die $!; bind($s, sockaddr_in(0, INADDR_ANY)) or die $!'
journal          yes printf 'MESSAGE=from inside\n' | logger --journald
"#;

/// eBPF programs of a container's control group, which not every kernel lets it have.
const OF_THE_KERNEL: &str = r#"
server_port      no  perl -MSocket -e 'socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!; bind($s, sockaddr_in(8099, INADDR_ANY)) or die $!'
"#;

#[test]
fn what_the_service_must_not_open_it_can_not() {
    let Some(machine) = Machine::boot() else { return };
    machine.prepare();
    machine.run(
        "mkdir -p /home/person /opt; for f in /home/person/secret /root/secret; do echo secret >$f; chmod 644 $f; done; chmod 755 /root",
    );
    machine.run("cp /bin/true /opt/true; cp /bin/true /etc/cgwd/true");

    // The real service first: what the kernel says of its process.
    machine.run("systemctl start cgwd");
    machine.await_in_sync();
    let pid = machine.service("MainPID");
    let status = machine.run(&format!("cat /proc/{pid}/status"));
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    for capabilities in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(capabilities), "0000000000000000", "{capabilities}");
    }
    assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), ("1".to_owned(), "2".to_owned()));
    assert_eq!(field("Uid:").split_whitespace().next(), Some(machine.run("id -u cgwd").as_str()));
    assert!(machine.run(&format!("grep core /proc/{pid}/limits")).contains("0                    0"));
    machine.run("systemctl stop cgwd");

    // Then everything it should not do, and what it has to be able to do.
    let results = tried(&machine, TRIALS);
    for line in TRIALS.trim().lines() {
        let mut words = line.split_whitespace();
        let (name, expected) = (words.next().unwrap(), words.next().unwrap());
        let found = results.iter().find(|(tried, _, _)| tried == name).unwrap_or_else(|| panic!("{name} was not tried: {results:?}"));
        assert_eq!(found.1, expected, "{name}: {}", found.2);
    }
    for (name, found, why) in tried(&machine, OF_THE_KERNEL) {
        if found == "yes" {
            crate::common::measured(&format!("{name} is not enforced on this kernel ({why})"), std::time::Duration::ZERO);
        }
    }
    // Unconfined, most of it works: a trial that can never succeed would prove nothing.
    let script = machine.run("sh /usr/local/libexec/free 2>/dev/null | cut -d' ' -f2 | sort | uniq -c | tr -s ' \\n' ' '");
    let free = script.split("yes").next().and_then(|text| text.split_whitespace().last()).and_then(|count| count.parse::<usize>().ok());
    assert!(free.is_some_and(|free| free >= 30), "outside the sandbox these succeed: {script}");
}

/// Name, `yes` or `no`, and the complaint.
fn tried(machine: &Machine, trials: &str) -> Vec<(String, String, String)> {
    let mut script = String::from("#!/bin/sh\n");
    for line in trials.trim().lines() {
        let (name, rest) = line.split_once(' ').unwrap();
        let command = rest.trim_start().split_once(' ').unwrap().1.trim_start();
        script += &format!("if why=$({{ {command}; }} 2>&1); then echo \"{name} yes \"; else echo \"{name} no $why\"; fi\n");
    }
    machine.put("/usr/local/libexec/trial", &script);
    if trials == TRIALS {
        machine.put("/usr/local/libexec/free", script.replace("$CREDENTIALS_DIRECTORY/access-key-id", "/etc/passwd"));
    }
    let unit = std::fs::read_to_string(format!("{REPOSITORY}/systemd/cgwd.service")).unwrap();
    let replaced = [
        ("ExecStart=/usr/bin/cgwd run", "ExecStart=/bin/sh /usr/local/libexec/trial"),
        ("Type=notify", "Type=oneshot"),
        ("Restart=always", "Restart=no"),
    ];
    let unit = replaced.iter().fold(unit, |unit, (from, to)| {
        assert!(unit.contains(&format!("\n{from}\n")), "{from}");
        unit.replace(&format!("\n{from}\n"), &format!("\n{to}\n"))
    });
    machine.put("/etc/systemd/system/trial.service", unit);
    machine.run("systemctl daemon-reload; systemctl start trial");
    let said =
        stdout(&machine.attempt(
            "journalctl --sync; journalctl -u trial -o cat _TRANSPORT=stdout; journalctl --rotate --vacuum-time=1s -q 2>/dev/null",
        ));
    let results = said.lines().filter_map(|line| {
        let mut words = line.splitn(3, ' ');
        let (name, result) = (words.next()?, words.next()?);
        ["yes", "no"].contains(&result).then(|| (name.to_owned(), result.to_owned(), words.next().unwrap_or_default().to_owned()))
    });
    results.collect()
}
