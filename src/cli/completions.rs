//! `cgwd completions SHELL`: the completion script, generated from the command line itself.

use super::Context;
use super::exit::{Exit, Failure};
use clap_complete::Shell;
use serde_json::json;

#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell that will read it
    shell: Shell,
}

pub fn run(context: &Context, arguments: &CompletionsArgs) -> Result<Exit, Failure> {
    let script = script(arguments.shell)?;
    context.output.result(&json!({"schema": 1, "shell": arguments.shell.to_string(), "script": script}), |_| script.clone());
    Ok(Exit::Done)
}

fn script(shell: Shell) -> Result<String, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command_line(), "cgwd", &mut script);
    String::from_utf8(script).map_err(Failure::system)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_completes_every_command() {
        let commands: Vec<String> = super::super::command_line().get_subcommands().map(|command| command.get_name().to_owned()).collect();
        assert!(commands.contains(&"run".to_owned()), "{commands:?}");
        for &shell in Shell::value_variants() {
            let script = script(shell).unwrap_or_else(|failure| panic!("{shell}: {}", failure.message));
            for command in &commands {
                assert!(script.contains(command), "{shell} does not complete `{command}`");
            }
        }
    }
}
