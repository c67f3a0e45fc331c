//! cgwd(8): every command on one page, as a person searches it.

use super::{bold, item, marked, paragraphs, placeholder, roman, section, see_also, titled};
use crate::cli::exit::Exit;
use crate::config::DEFAULT_PATH;
use clap::{Arg, Command};
use roff::{Inline, Roff};

pub fn page(command: &Command) -> Roff {
    let mut page = titled("CGWD", "8", "System administration");
    section(&mut page, "NAME");
    page.text([roman("cgwd - customer gateway daemon for Alibaba Cloud VPN appliances")]);
    section(&mut page, "SYNOPSIS");
    page.text([bold("cgwd"), roman(" ["), placeholder("OPTIONS"), roman("] "), placeholder("COMMAND"), roman(" ...")]);
    description(&mut page);
    section(&mut page, "COMMANDS");
    for subcommand in command.get_subcommands() {
        commands(&mut page, "cgwd", subcommand);
    }
    section(&mut page, "OPTIONS");
    paragraphs(&mut page, &["Every command takes these:"]);
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        option(&mut page, argument);
    }
    exit_status(&mut page);
    surroundings(&mut page);
    page
}

fn description(page: &mut Roff) {
    section(page, "DESCRIPTION");
    paragraphs(
        page,
        &[
            "`cgwd` runs on an on-premises VPN appliance and keeps Alibaba Cloud's record of it true: the customer gateway, which holds \
         the appliance's IPv4 address and BGP ASN and can't be edited. It notices a change at once, says what is wrong and what to do, \
         and creates or adopts the customer gateway where none is registered.",
            "`cgwd run` is the daemon; systemd starts it as `cgwd.service`. Every other command is for people and scripts. What the daemon \
         did and why is in the journal (`journalctl -u cgwd`; `journalctl -x` explains each alert) and in `cgwd history`.",
            "`cgwd check`, `plan`, `status`, `history` and `config` never write to the cloud.",
        ],
    );
}

/// A command that does something itself has its own heading; one that only groups others lends them its name.
fn commands(page: &mut Roff, parent: &str, command: &Command) {
    if command.is_hide_set() || command.get_name() == "help" {
        return;
    }
    let name = format!("{parent} {}", command.get_name());
    if command.has_subcommands() {
        for subcommand in command.get_subcommands() {
            commands(page, &name, subcommand);
        }
        return;
    }
    let own: Vec<&Arg> = command.get_arguments().filter(|argument| !argument.is_global_set() && is_own(argument)).collect();
    page.control("SS", [usage(&name, &own).as_str()]);
    if let Some(about) = command.get_about() {
        page.text(marked(&sentence(&about.to_string())));
    }
    for argument in own {
        option(page, argument);
    }
}

fn is_own(argument: &Arg) -> bool {
    !argument.is_hide_set() && !matches!(argument.get_id().as_str(), "help" | "version")
}

/// `cgwd history [--last COUNT]`
fn usage(name: &str, arguments: &[&Arg]) -> String {
    let mut usage = name.to_owned();
    for argument in arguments {
        let word = [argument.get_long().map(|long| format!("--{long}")), value_of(argument)].into_iter().flatten().collect::<Vec<_>>();
        let word = word.join(" ");
        usage += &if argument.is_required_set() { format!(" {word}") } else { format!(" [{word}]") };
    }
    usage
}

fn value_of(argument: &Arg) -> Option<String> {
    let takes_one = argument.get_num_args().is_some_and(|range| range.takes_values());
    let names = || argument.get_value_names().map(|names| names.join(" "));
    takes_one.then(|| names().unwrap_or_else(|| argument.get_id().as_str().to_uppercase()))
}

fn option(page: &mut Roff, argument: &Arg) {
    let mut term: Vec<Inline> = Vec::new();
    let names = [argument.get_short().map(|short| format!("-{short}")), argument.get_long().map(|long| format!("--{long}"))];
    for name in names.into_iter().flatten() {
        if !term.is_empty() {
            term.push(roman(", "));
        }
        term.push(bold(name));
    }
    if let Some(value) = value_of(argument) {
        if !term.is_empty() {
            term.push(roman(" "));
        }
        term.push(placeholder(&value));
    }
    item(page, term, &meaning(argument));
}

fn meaning(argument: &Arg) -> String {
    let mut meaning = argument.get_help().map(|help| sentence(&help.to_string())).unwrap_or_default();
    let values = argument.get_possible_values();
    if values.len() > 2 || values.iter().any(|value| value.get_help().is_some()) {
        let lines = values.iter().map(|value| match value.get_help() {
            Some(help) => format!("  {}  {help}\n", value.get_name()),
            None => format!("  {}\n", value.get_name()),
        });
        meaning = format!("{meaning}\n{}", lines.collect::<String>());
    }
    match argument.get_default_values() {
        [] => meaning,
        _ if !argument.get_action().takes_values() => meaning,
        defaults => {
            let defaults: Vec<_> = defaults.iter().map(|value| value.to_string_lossy()).collect();
            format!("{}\nDefault: {}", meaning.trim_end(), defaults.join(" "))
        }
    }
}

fn sentence(text: &str) -> String {
    if text.ends_with(['.', ']', ':']) { text.to_owned() } else { format!("{text}.") }
}

fn exit_status(page: &mut Roff) {
    section(page, "EXIT STATUS");
    for exit in [Exit::Done, Exit::Failed, Exit::Usage, Exit::Unusable, Exit::ChangeNeeded, Exit::Refused, Exit::Interrupted] {
        let meaning = match exit {
            Exit::Done => "Done, or in sync.",
            Exit::Failed => "Failed: the cloud or the system refused.",
            Exit::Usage => "Wrong usage, or a configuration that does not hold.",
            Exit::Unusable => "This device's address or ASN is unusable.",
            Exit::ChangeNeeded => "A change is needed and was not made.",
            Exit::Refused => "Refused by a gate or by the person.",
            Exit::Interrupted => "Interrupted; the same command goes on where it stopped.",
        };
        item(page, vec![bold((exit as u8).to_string())], meaning);
    }
}

const ENVIRONMENT: &[(&str, &str)] = &[
    ("CGWD_CONFIG", "The configuration file, where `--config` is not given."),
    ("STATE_DIRECTORY", "The directory of the state database, as systemd sets it; wins over `[state] directory`."),
    ("RUNTIME_DIRECTORY", "The directory of the daemon's control socket, as systemd sets it."),
    ("CREDENTIALS_DIRECTORY", "The directory of the credentials that systemd delivers."),
    (
        "ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET, ALIBABA_CLOUD_SECURITY_TOKEN",
        "Credentials; the first of the official chain of sources, which holds where the configuration and systemd give none.",
    ),
    ("JOURNAL_STREAM", "Where it names stderr, logs go to the journal with their fields."),
    ("NO_COLOR", "Where it is set, no colours."),
];

fn surroundings(page: &mut Roff) {
    section(page, "ENVIRONMENT");
    for (name, meaning) in ENVIRONMENT {
        item(page, vec![bold(*name)], meaning);
    }
    section(page, "FILES");
    item(page, vec![bold(DEFAULT_PATH)], "The configuration; see `cgwd.toml`(5).");
    item(page, vec![bold("/etc/cgwd/config.d/*.toml")], "Drop-ins, merged over it in name order.");
    item(
        page,
        vec![bold("/var/lib/cgwd")],
        "The state: what is registered, what was observed and written, and `journal.key`, which seals pre-shared keys where systemd \
         delivers no credential `journal-key`. Removed only by purging the package.",
    );
    item(page, vec![bold("/run/cgwd")], "The daemon's control socket.");
    section(page, "SIGNALS");
    item(page, vec![bold("SIGHUP")], "The daemon reads its configuration again; one that does not hold changes nothing and is alerted.");
    item(
        page,
        vec![bold("SIGTERM, SIGINT")],
        "The daemon ends. Nothing is lost: the next start looks what became of a call that was under way.",
    );
    section(page, "EXAMPLES");
    for (command, meaning) in [
        (
            "cgwd config check && cgwd check && cgwd plan",
            "Whether the configuration holds, what this device sees of itself, and what cgwd would do about it.",
        ),
        ("journalctl -u cgwd -p warning -x", "What needed a person, with explanations."),
        ("cgwd history --json", "Every observation, alert and cloud write with its RequestId, for an auditor."),
    ] {
        item(page, vec![bold(command)], meaning);
    }
    see_also(page, &[("cgwd.toml", "5"), ("journalctl", "1"), ("systemctl", "1"), ("systemd-creds", "1"), ("systemd.exec", "5")]);
}
