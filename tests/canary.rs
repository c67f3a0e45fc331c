//! Secrets are planted everywhere they can be, and looked for everywhere they must not be.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program that runs real processes")]

mod common;

use common::daemon::Daemon;
use common::device::{ADDRESS, Device, Output};
use common::journal::{self, Journald};
use common::simulated::{CGWD, KEY_ID, SECRET, Sim};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

const STS_ID: &str = "STS.CanaryKeyId";
const STS_SECRET: &str = "canary-sts-secret-5f6a7b8c9d";
const STS_TOKEN: &str = "canary-security-token-CAISxQJ1q6Ft5B2yfSjIr5fgQ8wsw3eFEr";
const BGP_KEY: &str = "canary-bgp-key-77aa";
const OIDC_TOKEN: &str = "canary-oidc-token-eyJhbGciOiJSUzI1NiJ9";
const LOGIN: &str = "canary-login-token-8e9f0a";
const PRIVATE_KEY: &str = "canary-private-key-MIIEvQIBADANBg";
const IN_URI: &str = "canary-in-the-uri-2b3c";
const PSKS: [&str; 3] = ["canary-psk-dual-1a2b", "canary-psk-single-3c4d", "canary-psk-attached-5e6f"];

fn secrets() -> Vec<&'static str> {
    [SECRET, STS_SECRET, STS_TOKEN, BGP_KEY, OIDC_TOKEN, LOGIN, PRIVATE_KEY, IN_URI].into_iter().chain(PSKS).collect()
}

/// None of them, as they are or as they would stand in a URL, in hexadecimal or in base64's usual neighbourhood.
#[track_caller]
fn clean(place: &str, bytes: &[u8]) {
    for secret in secrets() {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let spaced: String = secret.bytes().map(|byte| format!("{byte}, ")).collect();
        let encoded = secret.replace('-', "%2D");
        for form in [secret, &hex, &spaced, &encoded] {
            let found = bytes.windows(form.len()).any(|window| window == form.as_bytes());
            assert!(!found, "`{form}` is in {place}:\n{}", String::from_utf8_lossy(bytes));
        }
    }
}

fn seed() -> Value {
    json!({
        "Credentials": [{"AccessKeyId": STS_ID, "AccessKeySecret": STS_SECRET, "SecurityToken": STS_TOKEN}],
        "Regions": {"cn-hangzhou": {
            "CustomerGateways": [{"CustomerGatewayId": "cgw-x", "IpAddress": "203.0.113.90", "AuthKey": "other-bgp-key"}],
            "VpnGateways": [{"VpnGatewayId": "vpn-d", "DualTunnel": true}, {"VpnGatewayId": "vpn-s"}],
            "TransitRouters": [{"TransitRouterId": "tr-1"}],
            "VpnConnections": [
                {"VpnConnectionId": "vco-d", "VpnGatewayId": "vpn-d", "TunnelOptionsSpecification": [
                    {"CustomerGatewayId": "cgw-x", "TunnelIkeConfig": {"Psk": PSKS[0]}},
                    {"CustomerGatewayId": "cgw-x", "TunnelIkeConfig": {"Psk": PSKS[0]}}]},
                {"VpnConnectionId": "vco-s", "VpnGatewayId": "vpn-s", "CustomerGatewayId": "cgw-x", "IkeConfig": {"Psk": PSKS[1]}},
                {"VpnConnectionId": "vco-a", "TransitRouterId": "tr-1", "TunnelOptionsSpecification": [
                    {"CustomerGatewayId": "cgw-x", "TunnelIkeConfig": {"Psk": PSKS[2]}},
                    {"CustomerGatewayId": "cgw-x", "TunnelIkeConfig": {"Psk": PSKS[2]}}]},
            ],
        }},
    })
}

/// Every secret in use: the key in the environment (with its token where `sts`), the BGP key in a file.
fn device(sim: &Sim, sts: bool) -> Device {
    let device = Device::new(sim);
    let key = device.dir.write("bgp-key", &format!("{BGP_KEY}\n"));
    // The children that the daemon starts tell what they were given.
    let told = device.dir.join("told");
    let address = device.dir.join("address");
    let program = device.program(
        "source",
        &format!(
            "#!/bin/sh\n{{ tr '\\0' '\\n' </proc/$$/environ; tr '\\0' ' ' </proc/$$/cmdline; tr '\\0' ' ' </proc/$PPID/cmdline; }} >>{}\ncat {}\n",
            told.display(),
            address.display()
        ),
    );
    device.with(|device| {
        device.rest = format!("[gateway]\nbgp_auth_key_file = \"{}\"", key.display());
        device.cloud += "\nconnections = [\"vco-d\", \"vco-s\", \"vco-a\"]";
        device.address = format!("sources = [\"command:{}\"]\nsettle = \"0s\"\npoll = \"1s\"", program.display());
        if sts {
            device.env("ALIBABA_CLOUD_ACCESS_KEY_ID", STS_ID);
            device.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", STS_SECRET);
            device.env("ALIBABA_CLOUD_SECURITY_TOKEN", STS_TOKEN);
        }
    })
}

#[track_caller]
fn said_nothing(place: &str, output: &Output) {
    clean(&format!("stdout of {place}"), output.stdout.as_bytes());
    clean(&format!("stderr of {place}"), output.stderr.as_bytes());
}

fn every_command(device: &Device) {
    for command in [
        &["check"][..],
        &["plan"],
        &["register"],
        &["status"],
        &["history"],
        &["config", "check"],
        &["config", "show"],
        &["register"],
        &["deregister", "--delete"],
    ] {
        for json in [&["-vv"][..], &["-vv", "--json"]] {
            said_nothing(&command.join(" "), &device.plain(&[command, json].concat()));
        }
    }
}

fn everything_below(directory: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => everything_below(&entry.path(), visit),
            kind if kind.is_file() => visit(&entry.path()),
            _ => {}
        }
    }
}

#[test]
fn no_command_tells_a_secret() {
    for sts in [false, true] {
        let sim = Sim::start(&seed(), "");
        let device = device(&sim, sts);
        said_nothing("register", device.cgwd(&["register", "-vv"]).expect(0));
        let made = sim.gateways().into_iter().find(|gateway| gateway["IpAddress"] == ADDRESS).expect("it is registered");
        assert_eq!(made["AuthKey"], BGP_KEY, "the key reaches the cloud");
        every_command(&device);
        device.cgwd(&["register"]).expect(0);
        // A replacement reads the connections with their keys.
        device.move_to("203.0.113.66");
        assert_eq!(device.cgwd(&["plan"]).expect(4).json()["decision"], "replace");
        every_command(&device);
        in_no_file(&device);
    }
}

/// The state and whatever else lies about, but for the file that we put the key into.
fn in_no_file(device: &Device) {
    let mut seen = 0;
    everything_below(device.dir.path(), &mut |path| {
        if path.file_name().is_none_or(|name| name != "bgp-key") {
            clean(&path.display().to_string(), &std::fs::read(path).unwrap());
            seen += 1;
        }
    });
    assert!(seen > 4, "the state is among {seen} files");
}

/// A service next door that hands out credentials, to whoever knows the path.
fn credentials_service() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/{IN_URI}", listener.local_addr().unwrap());
    let body = json!({"Code": "Success", "AccessKeyId": STS_ID, "AccessKeySecret": STS_SECRET, "SecurityToken": STS_TOKEN,
        "Expiration": "2099-01-01T00:00:00Z"})
    .to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or(0);
            assert!(String::from_utf8_lossy(&request[..read]).starts_with(&format!("GET /{IN_URI} ")));
            let _gone = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        }
    });
    url
}

/// Each provider of the official chain, whether it works here or not.
#[test]
fn no_provider_of_credentials_tells_a_secret() {
    let sim = Sim::start(&seed(), "");
    let future = 4_000_000_000_u64;
    let profile = |mode: &str, fields: Value| {
        let mut profile = fields;
        profile["name"] = json!("p");
        profile["mode"] = json!(mode);
        (".aliyun/config.json", json!({"current": "p", "profiles": [profile]}).to_string())
    };
    let keys = json!({"access_key_id": KEY_ID, "access_key_secret": SECRET});
    let session = json!({"access_key_id": STS_ID, "access_key_secret": STS_SECRET, "sts_token": STS_TOKEN, "sts_expiration": future});
    let sso = json!({"cloud_sso_sign_in_url": sim.url(), "cloud_sso_account_id": "1", "cloud_sso_access_config": "ac", "access_token": LOGIN,
        "cloud_sso_access_token_expire": future});
    let oauth = json!({"oauth_access_token": LOGIN, "oauth_access_token_expire": future, "oauth_refresh_token": LOGIN});
    let ini = |text: String| (".alibabacloud/credentials.ini", format!("[default]\n{text}"));
    let none = || ("unused", String::new());
    let service = credentials_service();
    let oidc = vec![
        ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/r".to_owned()),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/p".to_owned()),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "HOME/oidc".to_owned()),
    ];
    for (name, works, variables, (path, text)) in [
        ("a profile's keys", true, vec![], profile("AK", keys.clone())),
        ("a profile's session", true, vec![], profile("StsToken", session.clone())),
        ("a login's stored session", true, vec![], profile("OAuth", session)),
        ("a login", false, vec![], profile("OAuth", oauth)),
        ("a login with single sign-on", false, vec![], profile("CloudSSO", sso)),
        (
            "a profile's role",
            true,
            vec![],
            profile("RamRoleArn", json!({"access_key_id": KEY_ID, "access_key_secret": SECRET, "ram_role_arn": "r"})),
        ),
        ("the credentials file", true, vec![], ini(format!("type = access_key\naccess_key_id = {KEY_ID}\naccess_key_secret = {SECRET}\n"))),
        ("a key pair", false, vec![], ini("type = rsa_key_pair\npublic_key_id = k\nprivate_key_file = HOME/private\n".to_owned())),
        ("OIDC", false, oidc, none()),
        ("a credentials URI", true, vec![("ALIBABA_CLOUD_CREDENTIALS_URI", service)], none()),
    ] {
        let device = device(&sim, false).with(|device| {
            let home = device.dir.path().display().to_string();
            device.unset("ALIBABA_CLOUD_ACCESS_KEY_ID");
            device.unset("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
            device.dir.write("oidc", OIDC_TOKEN);
            device.dir.write("private", PRIVATE_KEY);
            std::fs::create_dir_all(device.dir.join(path).parent().unwrap()).unwrap();
            device.dir.write(path, &text.replace("HOME", &home));
            for (name, value) in &variables {
                device.env(name, &value.replace("HOME", &home));
            }
        });
        let planned = device.cgwd(&["plan", "-vv"]);
        assert_eq!(planned.exit != Some(1), works, "{name}: {}{}", planned.stdout, planned.stderr);
        said_nothing(&format!("plan with {name}"), &planned);
        for command in [&["check"][..], &["plan"], &["status"], &["config", "show"]] {
            said_nothing(&format!("{} with {name}", command.join(" ")), &device.plain(&[command, &["-vv"]].concat()));
        }
    }
}

#[test]
fn the_simulated_cloud_and_the_demo_tell_no_secret() {
    let device = device(&Sim::start(&seed(), ""), true);
    said_nothing("demo", &device.plain(&["demo", "-vv"]));

    let seed = device.dir.write("seed.json", &seed().to_string());
    let mut simulate = device.command(&["simulate", "-vv", "--listen", "127.0.0.1:0", "--seed"]);
    let mut child = simulate.arg(seed).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    let asks = Device::at(first.trim().strip_prefix("listening on ").unwrap());
    let asks = asks.with(|asks| asks.environment.clone_from(&device.environment));
    asks.cgwd(&["register"]).expect(0);
    asks.cgwd(&["plan"]).expect(0);
    let wrong = asks.with(|asks| asks.env("ALIBABA_CLOUD_SECURITY_TOKEN", LOGIN));
    wrong.cgwd(&["plan"]).expect(1);
    child.kill().unwrap();
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).unwrap();
    child.stderr.take().unwrap().read_to_end(&mut rest).unwrap();
    child.wait().unwrap();
    clean("what the simulated cloud says", &[first.as_bytes(), &rest].concat());
}

#[test]
fn no_failure_tells_a_secret() {
    let faults =
        |kind: &str| format!("[[fault]]\naction = \"Describe*\"\nevery = 3\n{kind}\n[[fault]]\naction = \"Create*\"\nnth = 1\n{kind}\n");
    for kind in [
        "kind = \"garbage_after\"",
        "kind = \"truncated_after\"",
        "kind = \"content_type_after\"",
        "kind = \"drop_after\"",
        "kind = \"error_after\"",
        "kind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"",
        "kind = \"throttle\"",
    ] {
        let sim = Sim::start(&seed(), &faults(kind));
        let device = device(&sim, true);
        for command in [&["plan"][..], &["register"], &["plan"]] {
            said_nothing(&format!("{} with {kind}", command.join(" ")), &device.cgwd(&[command, &["-vv"]].concat()));
        }
        in_no_file(&device);
    }
    // The secret is refused; the key cannot be used; the file is put in the wrong place.
    let sim = Sim::start(&seed(), "");
    let wrong = device(&sim, true).with(|device| device.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET));
    said_nothing("a wrong secret", wrong.cgwd(&["register", "-vv"]).expect(1));
    let wrong = device(&sim, true).with(|device| device.env("ALIBABA_CLOUD_SECURITY_TOKEN", &format!("{STS_TOKEN}\n{BGP_KEY}")));
    said_nothing("a broken token", &wrong.cgwd(&["register", "-vv"]));
    let unusable = device(&sim, false);
    unusable.dir.write("bgp-key", &format!("{BGP_KEY} with a space? {BGP_KEY}"));
    said_nothing("an unusable key", unusable.cgwd(&["register", "-vv"]).expect(2));
    let inline = device(&sim, false).with(|device| {
        device.rest = format!("[gateway]\nbgp_auth_key = \"{BGP_KEY}\"\n[cloud.credentials]\naccess_key_secret = \"{SECRET}\"");
    });
    for command in [&["config", "check"][..], &["config", "show"], &["check"], &["run"]] {
        said_nothing("secrets in the configuration", inline.cgwd(&[command, &["-vv"]].concat()).expect(2));
    }
    let proxy = device(&sim, false).with(|device| device.cloud += &format!("\nproxy = \"http://user:{SECRET}@127.0.0.1:1\""));
    said_nothing("a password in the proxy", &proxy.cgwd(&["config", "check", "-vv"]));
    said_nothing("a password in the proxy", &proxy.cgwd(&["config", "show", "-vv"]));
    said_nothing("a password in the proxy", &proxy.cgwd(&["register", "-vv"]));
}

#[test]
fn the_daemon_and_the_journal_tell_no_secret() {
    if journal::outside("the_daemon_and_the_journal_tell_no_secret").is_some() {
        return;
    }
    journal::prepare();
    let _journald = Journald::start();
    let faults = "[[fault]]\naction = \"CreateCustomerGateway\"\nnth = 1\nkind = \"truncated_after\"\n\
        [[fault]]\naction = \"DescribeVpnConnection*\"\nnth = 2\nkind = \"truncated_after\"\n";
    let sim = Sim::start(&seed(), faults);
    let device = device(&sim, true);
    let mut daemon = Daemon::start_with(&device, |command| {
        command.arg("-v");
    });
    daemon.wait_decision("in_sync");
    device.move_to("203.0.113.66");
    daemon.wait_decision("replace");
    device.move_to("10.0.0.1");
    daemon.wait_alert("raised address.unusable", 1);
    said_nothing("status", &device.cgwd(&["status", "-vv"]));
    said_nothing("register through the daemon", &device.cgwd(&["register", "-vv"]));

    let proc = |name: &str| std::fs::read(format!("/proc/{}/{name}", daemon.pid())).unwrap();
    clean("the daemon's arguments", &proc("cmdline"));
    let limits = String::from_utf8(proc("limits")).unwrap();
    let core: Vec<&str> = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{limits}");
    let told = std::fs::read(device.dir.join("told")).unwrap();
    assert!(String::from_utf8_lossy(&told).contains("PATH="), "the child has told its environment");
    clean("a child's environment and arguments", &told);

    let stderr = daemon.stop();
    clean("the daemon's stderr", stderr.as_bytes());
    for message in daemon.heard() {
        clean("what the service manager hears", message.as_bytes());
    }
    assert!(journal::entries(3).len() >= 3);
    let export = Command::new("journalctl").args(["-o", "export", "--all"]).output().unwrap().stdout;
    assert!(String::from_utf8_lossy(&export).contains("CGWD_EVENT=address.unusable"));
    clean("the journal", &export);
    said_nothing("history", &device.cgwd(&["history", "-vv"]));
    in_no_file(&device);
}

#[test]
fn nobody_else_looks_into_the_process() {
    // Of a process that cannot be dumped the files below /proc belong to root, whoever runs it.
    if !rustix::process::geteuid().is_root() {
        return common::missing("another user", "this is not run as root");
    }
    let copy = common::simulated::tempdir::Dir::new();
    let program = copy.join("cgwd");
    std::fs::copy(CGWD, &program).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).args(["simulate", "--listen", "127.0.0.1:0"]);
    let mut child = command.env_clear().env("PATH", "/usr/bin:/bin").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    let owners = ["environ", "mem"].map(|name| std::fs::metadata(format!("/proc/{}/{name}", child.id())).unwrap().uid());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.starts_with("listening on "), "{line}");
    assert_eq!(owners, [0, 0]);
}

#[test]
#[should_panic(expected = "is in a log")]
fn what_is_looked_for_is_found() {
    clean("a log", format!("DEBUG Authorization: {STS_TOKEN} and more").as_bytes());
}
