//! `cgwd --help`: the commands in the groups in which a person looks for them (product.md 5).

use clap::Command;

/// By what they are for, and whether they write to the cloud.
const GROUPS: &[(&str, &[&str])] = &[
    ("The daemon; writes to the cloud as far as its configuration lets it", &["run"]),
    ("Look; nothing is written to the cloud", &["check", "plan", "status", "history"]),
    ("Act on the cloud", &["register", "replace", "deregister"]),
    ("Rehearse, without a cloud", &["demo", "simulate"]),
    ("Set up", &["config", "completions", "man"]),
];

/// Wider than the longest name.
const COLUMN: usize = 13;

pub fn grouped(command: Command) -> Command {
    let template =
        format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}Options:\n{{options}}{{after-help}}", listed(&command));
    command.help_template(template)
}

fn listed(command: &Command) -> String {
    let mut text = String::new();
    for (heading, names) in GROUPS {
        text += &format!("{heading}:\n");
        for subcommand in names.iter().filter_map(|name| command.find_subcommand(name)) {
            let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
            text += &format!("  {:<COLUMN$}{about}\n", subcommand.get_name());
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command_line;

    #[test]
    fn every_command_is_in_one_group_and_on_one_line() {
        let command = command_line();
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let mut known: Vec<&str> = command.get_subcommands().map(Command::get_name).filter(|name| *name != "help").collect();
        known.sort_unstable();
        let mut sorted = grouped.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, known);
        for line in listed(&command).lines() {
            assert!(line.len() <= 100, "too wide for a terminal: {line}");
            assert!(line.is_empty() || line.ends_with(':') || line.len() > COLUMN + 10, "nothing is said of it: {line}");
        }
    }
}
