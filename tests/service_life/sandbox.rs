//! What the unit forbids, tried from inside: the same unit with another program, and every shipped drop-in in force once.

use crate::machine::{Machine, REPOSITORY, stdout};
use std::collections::BTreeSet;

/// Each line: a name; what comes of it inside; what comes of it outside, where root runs the very same line; the settings of the
/// unit that it tries; a line of shell. What can't be done inside has to succeed outside: a trial that can never succeed proves
/// nothing. Where the outside is not asked there is a `-`. Nothing here does harm where it succeeds, but for the throw-away machine.
///
/// The folders called `open` may be written to by everybody, so that it is not the user's missing rights that are tried. Those rights
/// alone protect what `ExecPaths=` names: systemd (252 at least) mounts it read-write below `ProtectSystem=strict`, and takes no
/// `ReadOnlyPaths=` for it beside (<https://github.com/systemd/systemd/pull/18273>).
///
/// Taken out of the unit one by one, every setting that forbids something makes its trial come out otherwise, but for those that
/// others cover on this systemd: PrivateMounts (whatever needs mounts), ProtectKernelTunables (ProcSubset), RestrictRealtime
/// (SystemCallFilter), NoNewPrivileges (SystemCallFilter and PrivateUsers), AmbientCapabilities (nobody gives it any).
const TRIALS: &str = r#"
user             no  yes User,Group                   cat /etc/shadow
read_home        no  yes ProtectHome                  cat /home/person/secret
read_root        no  yes ProtectHome                  cat ~root/secret
write_usr        no  yes User,Group                   touch /usr/bin/new
write_config     no  yes User,Group                   touch /etc/cgwd/new
write_etc        no  yes ProtectSystem                touch /etc/open/new
write_var        no  yes ProtectSystem                touch /var/lib/open/new
write_srv        no  yes ProtectSystem                touch /srv/open/new
write_run        no  yes ReadOnlyPaths                touch /run/open/new
write_state      yes -   StateDirectory               touch /var/lib/cgwd/new
write_runtime    yes -   RuntimeDirectory             touch /run/cgwd/new
write_tmp        yes -   PrivateTmp                   touch /tmp/new
others_tmp       no  yes PrivateTmp                   cat /tmp/of-others /var/tmp/of-others
others_mounts    no  yes PrivateMounts                test $(readlink /proc/self/ns/mnt) = $(cat /srv/namespaces/mnt)
others_users     no  yes PrivateUsers                 test $(readlink /proc/self/ns/user) = $(cat /srv/namespaces/user)
others_ipc       no  yes PrivateIPC                   test $(readlink /proc/self/ns/ipc) = $(cat /srv/namespaces/ipc)
others_memory    no  yes PrivateIPC                   ipcs -m | grep 0x
others_read_it   no  yes UMask                        f=/tmp/mask; touch $f && test $(stat -c %a $f) != 600
read_config      yes -   ConfigurationDirectory       cat /etc/cgwd/config.toml
read_local_time  yes -   ProtectSystem                cat /etc/localtime
read_credential  yes -   LoadCredential               cat $CREDENTIALS_DIRECTORY/access-key-id
run_from_state   no  yes NoExecPaths                  cp /bin/true /var/lib/cgwd/true && /var/lib/cgwd/true
run_from_tmp     no  yes NoExecPaths                  cp /bin/true /tmp/true && /tmp/true
run_from_opt     no  yes NoExecPaths                  /opt/site/bin/true
run_from_usr     yes -   ExecPaths                    /bin/true
run_from_etc     yes -   ExecPaths                    /etc/cgwd/true
see_init         no  yes ProtectProc                  test -e /proc/1/status
see_kernel       no  yes ProcSubset                   test -e /proc/sys/kernel
see_devices      no  yes PrivateDevices               test -e /dev/net/tun
signal_others    no  yes User,CapabilityBoundingSet   kill -0 1
mount            no  yes SystemCallFilter             mount -t tmpfs tmpfs /tmp
strace           no  yes SystemCallFilter             strace -o /dev/null true
new_namespace    no  yes RestrictNamespaces           unshare --user true
change_host_name no  yes CapabilityBoundingSet        hostname other
others_name      no  yes ProtectHostname              test $(readlink /proc/self/ns/uts) = $(cat /srv/namespaces/uts)
control_groups   no  yes ProtectControlGroups         mkdir /sys/fs/cgroup/open/new
kernel_modules   no  yes ProtectKernelModules         ls /usr/lib/modules/of-this-kernel
kernel_settings  no  yes ProtectKernelTunables        echo 1 >/proc/sys/net/ipv4/ip_forward
personality      no  yes LockPersonality              setarch --addr-no-randomize true
write_and_run    no  yes MemoryDenyWriteExecute       perl -e 'exit(syscall(9, 0, 4096, 7, 0x22, -1, 0) < 0)'
real_time        no  yes RestrictRealtime             chrt -f 1 true
priority         no  yes SystemCallFilter             test $(nice -n -5 nice) = -5
other_calls      no  yes SystemCallArchitectures      /usr/open/of-32-bits
told_so          yes -   SystemCallErrorNumber        perl -e 'exit(syscall(165, 0, 0, 0, 0, 0) != -1 || $! != 1)'
set_uid_file     no  yes RestrictSUIDSGID             cp /bin/true /tmp/suid && chmod u+s /tmp/suid
become_root      no  yes NoNewPrivileges              test $(/usr/open/id-of-root -u) = 0
capabilities     no  yes CapabilityBoundingSet        grep 'CapBnd:.*[1-9a-f]' /proc/self/status
handed_on        yes -   AmbientCapabilities          grep 'CapAmb:.0000000000000000' /proc/self/status
core_dumps       no  yes LimitCORE                    ulimit -c 1
many_files       no  yes LimitNOFILE                  ulimit -n 1000
inet             yes -   RestrictAddressFamilies      perl -MSocket -e 'socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!'
inet6            yes -   RestrictAddressFamilies      perl -MSocket -e 'socket(my $s, PF_INET6, SOCK_STREAM, 0) or die $!'
unix             yes -   RestrictAddressFamilies      perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die $!'
netlink_route    yes -   RestrictAddressFamilies      perl -MSocket -e 'socket(my $s, 16, SOCK_RAW, 0) or die $!'
vsock            no  yes RestrictAddressFamilies      perl -MSocket -e 'socket(my $s, 40, SOCK_STREAM, 0) or die $!'
raw_ip           no  yes CapabilityBoundingSet        perl -MSocket -e 'socket(my $s, PF_INET, SOCK_RAW, 1) or die $!'
packet           no  yes RestrictAddressFamilies      perl -MSocket -e 'socket(my $s, 17, SOCK_RAW, 768) or die $!'
client_port      yes -   RestrictAddressFamilies      perl -MSocket -e 'socket(my $s, PF_INET, SOCK_DGRAM, 0) or die $!; bind($s, sockaddr_in(0, INADDR_ANY)) or die $!'
send_anywhere    yes -   RestrictAddressFamilies      SEND 203.0.113.80
send_to_proxy    yes -   RestrictAddressFamilies      SEND 192.0.2.80
names            yes -   RestrictAddressFamilies      getent hosts localhost
journal          yes -   RestrictAddressFamilies      printf 'MESSAGE=from inside\n' | logger --journald
frr_socket       no  yes SupplementaryGroups          test -w /run/frr/bgpd.vty
bird_socket      no  yes SupplementaryGroups          test -w /run/bird/bird.ctl
"#;

/// One packet of UDP to this address; the kernel says whether it may leave.
const SEND: &str =
    "perl -MSocket -e 'socket(my $s, PF_INET, SOCK_DGRAM, 0) or die $!; send($s, q(x), 0, sockaddr_in(9, inet_aton(q(TO)))) or die $!'";

/// The settings that no trial from inside can show in such a machine, and where else they are looked at.
const ELSEWHERE: &[(&str, &str)] = &[
    ("Type", "tests/service_life/life.rs"),
    ("NotifyAccess", "it is read from systemd by systemd-analyze alone"),
    ("ExecStart", "what the trial puts another program in the place of"),
    ("ExecReload", "tests/service_life/life.rs"),
    ("Restart", "tests/service_life/life.rs: the watchdog's part"),
    ("RestartSec", "tests/service_life/packaged.rs waits for longer"),
    ("RestartPreventExitStatus", "tests/service_life/packaged.rs: status 2 and status 5"),
    ("WatchdogSec", "tests/service_life/life.rs"),
    ("TimeoutStartSec", "tests/service_life/failing.rs"),
    ("TimeoutStopSec", "tests/service_life/life.rs: a stop takes less"),
    ("KillMode", "tests/service_life/life.rs: a stop takes less"),
    ("StateDirectoryMode", "tests/service_life/life.rs"),
    ("RuntimeDirectoryMode", "tests/service_life/life.rs"),
    ("TasksMax", "the machine's control groups have no such controller"),
    ("MemoryHigh", "the machine's control groups have no such controller; tests/service_life/embedded.rs measures the process"),
    ("MemoryMax", "the same"),
    ("MemorySwapMax", "the same"),
    ("OOMScoreAdjust", "the machine itself may not lower it"),
    ("SocketBindDeny", "Debian 12's systemd is built without it, which the trial asks; tests/service_life/versions.rs on Debian 13"),
    ("ProtectClock", "the machine itself may not set the clock"),
    ("ProtectKernelLogs", "the machine itself may not empty the log"),
    ("DevicePolicy", "the machine itself may not make devices"),
    ("KeyringMode", "a keyring of its own looks like no keyring"),
    ("RemoveIPC", "with PrivateIPC= there is nothing left to remove"),
];

/// A drop-in, and what is different with it; the settings that it brings are in force then.
const DROP_INS: &[(&str, &[(&str, &str)])] = &[
    ("no-user-namespaces", &[("others_users", "yes")]),
    ("programs", &[("run_from_opt", "yes")]),
    ("frr", &[("frr_socket", "yes")]),
    ("bird", &[("bird_socket", "yes")]),
    ("egress", &[("send_anywhere", "no")]),
    // Tried with real keys in tests/service_life/credentials.rs.
    ("credentials", &[]),
    ("credentials-encrypted", &[]),
];

#[test]
fn what_the_service_must_not_open_it_can_not() {
    let Some(machine) = Machine::boot() else { return };
    machine.prepare();

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
    assert!(machine.run("systemctl --version").contains("-BPF_FRAMEWORK"), "SocketBindDeny= can be tried now");

    lay_out(&machine);
    let outside = outcomes(&stdout(&machine.attempt(&format!("mkdir -p /run/cgwd; sh {TRIAL}"))));
    for trial in trials().filter(|trial| trial.outside != "-") {
        let found = outside.iter().find(|found| found.name == trial.name);
        assert!(found.is_some_and(|found| found.result == trial.outside), "outside, {}: {found:?}", trial.name);
    }
    // What root left behind there goes away: a file that is there already can't be made inside, for that reason alone.
    machine.run(AS_BEFORE);
    expect(&machine, "as it is", &[]);
    for (name, different) in DROP_INS.iter().filter(|(_, different)| !different.is_empty()) {
        machine
            .put_from(&format!("/etc/systemd/system/trial.service.d/{name}.conf"), format!("systemd/cgwd.service.d/{name}.conf.example"));
        expect(&machine, name, different);
        machine.run("rm -r /etc/systemd/system/trial.service.d");
    }
}

/// The unit that alerts when systemd gives cgwd up runs as root, and nothing that root could do is left to it.
#[test]
fn who_tells_a_failure_can_do_nothing_else() {
    const LINES: [(&str, &str); 11] = [
        ("write_usr", "touch /usr/bin/new"),
        ("write_etc", "touch /etc/new"),
        ("write_state", "touch /var/lib/cgwd/new"),
        ("write_run", "touch /run/new"),
        ("read_home", "cat ~root/secret"),
        ("signal_others", "kill -0 1"),
        ("mount", "mount -t tmpfs tmpfs /tmp"),
        ("change_host_name", "hostname other"),
        ("inet", "perl -MSocket -e 'socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!'"),
        ("links", "ip link show eth0"),
        ("new_namespace", "unshare --user true"),
    ];
    let Some(machine) = Machine::boot() else { return };
    machine.install();
    machine.add_address();
    machine.run("echo secret >~root/secret");
    machine.put(TRIAL, script(LINES.into_iter()));
    let unit = std::fs::read_to_string(format!("{REPOSITORY}/systemd/cgwd-failed@.service")).unwrap();
    let (before, rest) = unit.split_once("\nExecStart=").unwrap();
    let unit = format!("{before}\nExecStart=/bin/sh {TRIAL}\n{}", rest.split_once('\n').unwrap().1);
    machine.put("/etc/systemd/system/trial@.service", unit);
    machine.run("systemctl daemon-reload; systemctl start trial@cgwd.service.service; journalctl --sync");
    let inside = outcomes(&machine.run("journalctl -o cat -t cgwd _SYSTEMD_UNIT=trial@cgwd.service.service"));
    let outside = outcomes(&machine.run(&format!("sh {TRIAL}")));
    for (name, _) in LINES {
        let result = |found: &[Outcome]| found.iter().find(|found| found.name == name).map(|found| found.result.clone());
        assert_eq!(
            (result(&inside).as_deref(), result(&outside).as_deref()),
            (Some("no"), Some("yes")),
            "{name}: {inside:#?} {outside:#?}"
        );
    }
}

#[test]
fn every_setting_of_the_unit_is_tried() {
    let unit = std::fs::read_to_string(format!("{REPOSITORY}/systemd/cgwd.service")).unwrap();
    let service = unit.split("\n[Service]\n").nth(1).unwrap().split("\n[Install]\n").next().unwrap();
    let settings: BTreeSet<&str> =
        service.lines().filter(|line| !line.starts_with('#')).filter_map(|line| Some(line.split_once('=')?.0)).collect();
    let tried: BTreeSet<&str> =
        trials().flat_map(|trial| trial.settings.split(',')).filter(|setting| *setting != "SupplementaryGroups").collect();
    let elsewhere: BTreeSet<&str> = ELSEWHERE.iter().map(|(setting, _)| *setting).collect();
    assert_eq!(tried.intersection(&elsewhere).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(
        tried.union(&elsewhere).copied().collect::<BTreeSet<_>>(),
        settings,
        "left: tried or looked at elsewhere; right: in the unit"
    );

    let mut shipped: Vec<String> = std::fs::read_dir(format!("{REPOSITORY}/systemd/cgwd.service.d"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    shipped.sort();
    let mut in_force: Vec<String> = DROP_INS.iter().map(|(name, _)| format!("{name}.conf.example")).collect();
    in_force.sort();
    assert_eq!(in_force, shipped);
}

struct Trial {
    name: &'static str,
    inside: &'static str,
    outside: &'static str,
    settings: &'static str,
    command: String,
}

fn trials() -> impl Iterator<Item = Trial> {
    TRIALS.trim().lines().map(|line| {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap();
        let (name, inside, outside, settings) = (word(), word(), word(), word());
        let command = line.split_once(settings).unwrap().1.trim_start();
        let command = command.strip_prefix("SEND ").map_or(command.to_owned(), |to| SEND.replace("TO", to));
        Trial { name, inside, outside, settings, command }
    })
}

#[derive(Debug)]
struct Outcome {
    name: String,
    result: String,
    why: String,
}

/// A name, `yes` or `no`, and the complaint.
fn outcomes(said: &str) -> Vec<Outcome> {
    let lines = said.lines().filter_map(|line| {
        let mut words = line.splitn(3, ' ');
        let (name, result) = (words.next()?.to_owned(), words.next()?.to_owned());
        ["yes", "no"].contains(&result.as_str()).then(|| Outcome { name, result, why: words.next().unwrap_or_default().to_owned() })
    });
    lines.collect()
}

const TRIAL: &str = "/usr/local/libexec/trial";
const AS_BEFORE: &str = "umount /tmp; rm -rf /run/cgwd /tmp/new /tmp/true /tmp/suid /tmp/mask; rmdir /sys/fs/cgroup/open/new; hostname gateway; \
    rm -f /usr/bin/new /etc/cgwd/new /etc/open/new /var/lib/open/new /srv/open/new /run/open/new; echo 0 >/proc/sys/net/ipv4/ip_forward";

/// What the trials need, and the trial itself: the unit with another program.
fn lay_out(machine: &Machine) {
    machine.run(
        "mkdir -p /home/person /opt/site/bin /usr/open /etc/open /var/lib/open /srv/open /run/open /srv/namespaces /usr/lib/modules/of-this-kernel; \
         mkdir /sys/fs/cgroup/open; chmod 777 /etc/open /var/lib/open /srv/open /run/open /sys/fs/cgroup/open; \
         for f in /home/person/secret ~root/secret /tmp/of-others /var/tmp/of-others; do echo secret >$f; chmod 644 $f; done; chmod 755 ~root; \
         cp /bin/true /opt/site/bin/true; cp /bin/true /etc/cgwd/true; cp /usr/bin/id /usr/open/id-of-root; chmod 4755 /usr/open/id-of-root; \
         for namespace in mnt user ipc uts; do readlink /proc/1/ns/$namespace >/srv/namespaces/$namespace; done; ipcmk -M 10 >/dev/null; \
         ip addr add 192.0.2.80/32 dev isp0; ip addr add 203.0.113.80/32 dev isp0; \
         sed -i 's/^bgpd=no/bgpd=yes/' /etc/frr/daemons; systemctl start frr bird",
    );
    machine.put("/usr/open/of-32-bits", ends_at_once_in_32_bits());
    machine.run("chmod 755 /usr/open/of-32-bits; /usr/open/of-32-bits");
    let lines: Vec<Trial> = trials().collect();
    machine.put(TRIAL, script(lines.iter().map(|trial| (trial.name, trial.command.as_str()))));
    let unit = std::fs::read_to_string(format!("{REPOSITORY}/systemd/cgwd.service")).unwrap();
    let replaced = [
        ("ExecStart=/usr/bin/cgwd run", "ExecStart=/bin/sh -c 'sh /usr/local/libexec/trial >/var/lib/cgwd/outcomes'"),
        ("Type=notify", "Type=oneshot\nTimeoutStartSec=60"),
        ("Restart=always", "Restart=no"),
    ];
    let unit = replaced.iter().fold(unit, |unit, (from, to)| {
        assert!(unit.contains(&format!("\n{from}\n")), "{from}");
        unit.replace(&format!("\n{from}\n"), &format!("\n{to}\n"))
    });
    machine.put("/etc/systemd/system/trial.service", unit);
}

/// Tries each line, and says what came of it.
fn script<'a>(lines: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let tried = |(name, command): (&str, &str)| {
        format!("if why=$({{ {command}; }} 2>&1); then echo \"{name} yes \"; else echo \"{name} no $why\"; fi\n")
    };
    std::iter::once("#!/bin/sh\n".to_owned()).chain(lines.map(tried)).collect()
}

/// A program of another kind of system call: exit(0) by interrupt 0x80, the smallest that the kernel takes (elf(5)).
fn ends_at_once_in_32_bits() -> Vec<u8> {
    const AT: u32 = 0x0804_8000;
    let code = [0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80];
    let size = 52 + 32 + code.len() as u32;
    let mut elf = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0];
    elf.extend([1, AT + 84, 52, 0, 0].into_iter().flat_map(u32::to_le_bytes));
    elf.extend([52u16, 32, 1, 0, 0, 0].into_iter().flat_map(u16::to_le_bytes));
    elf.extend([1, 0, AT, AT, size, size, 5, 0x1000].into_iter().flat_map(u32::to_le_bytes));
    elf.extend(code);
    elf
}

/// Everything comes out inside as it stands in the table, but for what is different with this drop-in.
fn expect(machine: &Machine, with: &str, different: &[(&str, &str)]) {
    machine.run("rm -f /var/lib/cgwd/*; systemctl daemon-reload; systemctl start trial");
    let inside = outcomes(&machine.run("cat /var/lib/cgwd/outcomes"));
    for trial in trials() {
        let expected = different.iter().find(|(name, _)| *name == trial.name).map_or(trial.inside, |(_, expected)| expected);
        let found = inside.iter().find(|found| found.name == trial.name);
        let found = found.unwrap_or_else(|| panic!("{with}, {} was not tried: {inside:#?}", trial.name));
        assert_eq!(found.result, expected, "{with}, {} ({}): {}", trial.name, trial.settings, found.why);
    }
}
