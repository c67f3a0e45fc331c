//! The configuration commands, usage errors, and what every command owes to the one who started it.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program that runs real processes")]

mod common;

use common::device::{Device, Output};
use common::simulated::CGWD;
use serde_json::{Value, json};
use std::process::{Command, Stdio};

fn device() -> Device {
    Device::at("http://127.0.0.1:1")
}

fn cgwd(arguments: &[&str]) -> Output {
    let child = Command::new(CGWD)
        .args(arguments)
        .env_clear()
        .env("CGWD_CONFIG", "/nonexistent/cgwd.toml")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    Output::of(child.unwrap())
}

/// The number of a line of the configuration that begins with this.
fn line_of(device: &Device, beginning: &str) -> usize {
    device.config_text().lines().position(|line| line.starts_with(beginning)).unwrap() + 1
}

#[test]
fn a_good_configuration_is_said_to_be_one() {
    let device = device();
    let output = device.cgwd(&["config", "check"]);
    assert_eq!(output.expect(0).json()["ok"], true);
    let output = device.plain(&["config", "check"]);
    output.expect(0);
    assert!(output.stderr.is_empty(), "{}", output.stderr);
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest() {
    let device = device().with(|device| device.address += "\nsetle = \"10s\"");
    let line = line_of(&device, "setle");
    for command in
        [vec!["config", "check"], vec!["config", "show"], vec!["check"], vec!["plan"], vec!["register"], vec!["run"], vec!["status"]]
    {
        let output = device.cgwd(&command);
        output.expect(2);
        let all = format!("{}{}", output.stdout, output.stderr);
        for words in ["setle", "settle", &line.to_string()] {
            assert!(all.contains(words), "{command:?}: no {words} in {all}");
        }
        output.json();
        let output = device.plain(&command);
        output.expect(2);
        assert!(format!("{}{}", output.stdout, output.stderr).contains("settle"));
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let device = device().with(|device| {
        device.address = "network = \"puplic\"\nsources = [\"carrier-pigeon:x\"]\nsettle = \"3 fortnights\"".into();
        device.rest = "[nonsense]\nx = 1\n[gateway]\nbgp_auth_key = \"secret-in-the-wrong-place\"".into();
        device.cloud = String::new();
    });
    let output = device.cgwd(&["config", "check"]);
    let document = output.expect(2).json();
    assert_eq!(document["ok"], false);
    for words in ["puplic", "carrier-pigeon", "fortnights", "nonsense", "bgp_auth_key", "region"] {
        assert!(output.stdout.contains(words), "no {words} in {document:#}");
    }
    assert!(!output.stdout.contains("secret-in-the-wrong-place"), "a value of an unknown key may be a secret: {document:#}");
}

#[test]
fn what_a_later_version_knows_is_refused_by_name() {
    for (rest, words) in [("[http]\nlisten = \"127.0.0.1:9817\"", "http"), ("[alerts]\ncommand = \"/bin/true\"", "alerts")] {
        let device = device().with(|device| device.rest = rest.into());
        let output = device.cgwd(&["config", "check"]);
        output.expect(2);
        assert!(output.stdout.contains(words), "{}", output.stdout);
    }
    for source in ["stun:stun.example.com:3478", "dns:myip.opendns.com@208.67.222.222", "strongswan"] {
        let device = device().with(|device| device.address = format!("sources = [\"{source}\"]"));
        let output = device.cgwd(&["config", "check"]);
        output.expect(2);
        assert!(output.stdout.contains(source.split(':').next().unwrap()), "{}", output.stdout);
    }
}

#[test]
fn show_tells_the_values_and_where_each_is_from() {
    let device = device();
    device.dir.write("config.d/10-first.toml", "[address]\nsettle = \"7s\"\n[gateway]\ntags = { a = \"1\" }\n");
    device.dir.write("config.d/20-second.toml", "[address]\nsettle = \"9s\"\n[gateway]\ntags = { b = \"2\" }\n");
    device.dir.write("config.d/ignored.txt", "nonsense = 1");
    let output = device.cgwd(&["config", "show"]);
    output.expect(0).json();
    assert!(output.stdout.contains("9s") && !output.stdout.contains("7s"), "the last one wins: {}", output.stdout);
    assert!(output.stdout.contains("20-second.toml") && output.stdout.contains("config.toml"), "{}", output.stdout);
    let text = device.plain(&["config", "show"]);
    text.expect(0);
    assert!(text.stdout.contains("9s") && text.stdout.contains("20-second.toml"), "{}", text.stdout);
    // A mistake in a drop-in is told with the drop-in's name and line.
    device.dir.write("config.d/30-bad.toml", "[address]\n\nsetle = \"9s\"\n");
    let output = device.cgwd(&["config", "check"]);
    output.expect(2);
    assert!(output.stdout.contains("30-bad.toml") && output.stdout.contains('3'), "{}", output.stdout);
}

#[test]
fn the_systemd_state_directory_wins() {
    let mut device = device();
    let elsewhere = device.dir.join("elsewhere");
    device.env("STATE_DIRECTORY", elsewhere.to_str().unwrap());
    let output = device.cgwd(&["config", "show"]);
    output.expect(0);
    assert!(output.stdout.contains("elsewhere"), "{}", output.stdout);
}

#[test]
fn the_example_is_valid_as_it_is() {
    let output = cgwd(&["config", "example"]);
    output.expect(0);
    let device = device();
    device.dir.write("config.toml", &output.stdout);
    device.cgwd(&["config", "check"]).expect(0);
    assert!(cgwd(&["config", "example", "--json"]).expect(0).json()["example"].is_string());
}

#[test]
fn the_configuration_is_found_where_it_is_said_to_be() {
    let device = device();
    let path = device.config_path();
    let run = |arguments: &[&str], variable: Option<&str>| {
        let mut command = Command::new(CGWD);
        device.surround(&mut command);
        command.args(arguments).envs(variable.map(|value| ("CGWD_CONFIG", value)));
        Output::of(command.spawn().unwrap())
    };
    run(&["check", "--json"], Some(path.to_str().unwrap())).expect(0);
    // The option wins over the variable, and stands before or after the command.
    run(&["--config", path.to_str().unwrap(), "check"], Some("/nonexistent")).expect(0);
    run(&["check", "--config", path.to_str().unwrap()], Some("/nonexistent")).expect(0);
    let missing = run(&["check", "--json"], Some("/nonexistent/cgwd.toml"));
    missing.expect(2).json();
    assert!(missing.stderr.contains("/nonexistent/cgwd.toml"), "{}", missing.stderr);
}

#[test]
fn json_is_one_document_whatever_happens() {
    let device = device();
    for command in [&["check"][..], &["status"], &["history"], &["config", "check"], &["config", "show"], &["config", "example"]] {
        let output = device.plain(&[command, &["--json"]].concat());
        output.expect(0).json();
    }
    // The cloud is not there.
    let device = device.with(|device| device.cloud += "\ntimeout = \"1s\"");
    for command in ["plan", "register", "deregister"] {
        let output = device.cgwd(&[command]);
        let document = output.expect(1).json();
        assert!(document["error"]["message"].is_string(), "{document:#}");
        assert!(!output.stderr.is_empty(), "errors are on stderr too");
    }
    for command in ["plan", "register"] {
        let output = device.plain(&[command]);
        output.expect(1);
        assert!(output.stdout.is_empty(), "nothing on stdout: {}", output.stdout);
        assert!(output.stderr.starts_with("cgwd: "), "{}", output.stderr);
    }
}

#[test]
fn usage_errors_are_2_and_on_stderr() {
    for arguments in
        [&["nonsense"][..], &[], &["check", "--nonsense"], &["config"], &["simulate", "--listen", "nowhere"], &["status", "extra"]]
    {
        let output = cgwd(arguments);
        output.expect(2);
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
    // With --json there is a document on stdout in this case too.
    let output = cgwd(&["check", "--nonsense", "--json"]);
    let document = output.expect(2).json();
    assert!(document["error"]["message"].as_str().unwrap().contains("--nonsense"), "{document:#}");
    // A likely slip is met with the right word.
    assert!(cgwd(&["chek"]).stderr.contains("check"));
}

#[test]
fn help_and_version_go_to_stdout() {
    let output = cgwd(&["--help"]);
    output.expect(0);
    for command in ["run", "check", "plan", "register", "deregister", "status", "history", "simulate", "config"] {
        let listed = output.stdout.lines().any(|line| line.trim_start().starts_with(&format!("{command} ")));
        assert!(listed, "no {command} in {}", output.stdout);
        let help = cgwd(&[command, "--help"]);
        help.expect(0);
        assert!(help.stdout.contains("Usage: cgwd"), "{}", help.stdout);
    }
    assert!(output.stdout.contains("Exit codes"), "{}", output.stdout);
    assert!(cgwd(&["--version"]).expect(0).stdout.starts_with("cgwd "));
}

#[test]
fn no_color_is_honoured_on_a_terminal() {
    if !std::path::Path::new("/usr/bin/script").exists() {
        return common::missing("a terminal", "script(1) is not installed");
    }
    let device = device();
    let command = format!("{CGWD} --config {} check", device.config_path().display());
    let on_terminal = |variables: &[(&str, &str)]| {
        let mut script = Command::new("script");
        device.surround(&mut script);
        script.args(["-qec", &command, "/dev/null"]).env("TERM", "xterm").envs(variables.iter().copied());
        Output::of(script.spawn().unwrap()).stdout
    };
    assert!(on_terminal(&[]).contains('\u{1b}'), "colours on a terminal");
    assert!(!on_terminal(&[("NO_COLOR", "1")]).contains('\u{1b}'));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let device = device();
    let mut command = device.command(&["config", "example"]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn documents_say_which_schema_they_have() {
    let device = device();
    let document: Value = serde_json::from_str(&device.cgwd(&["history"]).stdout).unwrap();
    assert_eq!(document, serde_json::json!({"schema": 1, "entries": []}));
}

/// What the daemon would refuse at its start is a problem here too.
#[test]
fn a_file_that_the_client_is_made_of_is_looked_into() {
    let device = device().with(|device| device.cloud += "\nca_file = \"/nonexistent.pem\"");
    let document = device.cgwd(&["config", "check"]).expect(2).json();
    let problem = &document["problems"][0];
    assert_eq!((&problem["key"], &problem["line"].is_u64()), (&json!("cloud.ca_file"), &true), "{document:#}");
    let message = problem["message"].as_str().unwrap();
    assert_eq!(message.matches("cannot be read as PEM").count(), 1, "{message}");
}
