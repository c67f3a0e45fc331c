//! The command line: one file for each command. Here errors become text and exit codes, and nowhere else.

mod check;
mod completions;
mod config;
mod demo;
mod deregister;
mod document;
mod exit;
mod help;
mod history;
mod man;
mod output;
mod plan;
mod plan_text;
mod register;
mod replace;
mod run;
pub mod simulate;
mod status;
mod survey;
mod ways_out;

pub use exit::{Exit, Failure};

use crate::cloud::transport::Transport;
use crate::system::clock::Clock;
use crate::system::environment::Environment;
use crate::system::logging::Logging;
use crate::system::machine;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use output::Output;
use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;

/// Keeps Alibaba Cloud's record of this VPN appliance true: its customer gateway.
#[derive(Debug, Parser)]
#[command(name = "cgwd", version, propagate_version = true, max_term_width = 100, disable_help_subcommand = true, after_help = EXIT_CODES)]
struct Arguments {
    /// Configuration file
    #[arg(long, global = true, value_name = "PATH", help = "Configuration file [env: CGWD_CONFIG] [default: /etc/cgwd/config.toml]")]
    config: Option<PathBuf>,
    /// One JSON document on stdout and nothing else there
    #[arg(long, global = true)]
    json: bool,
    /// More about what happens, on stderr; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done or in sync, 1 failed, 2 usage or configuration, 3 this device's address or ASN is unusable, \
4 a change is needed and was not made, 5 refused by a gate or by the person, 6 interrupted and resumable.";

#[derive(Debug, Subcommand)]
enum Command {
    /// The daemon: watches, registers, alerts
    Run,
    /// Observe and validate this device's address and ASN; asks the cloud nothing
    Check,
    /// Compare with the cloud and show what would be done, and why; writes nothing
    Plan,
    /// Create or adopt the customer gateway; never replaces
    Register,
    /// Replace the customer gateway: plan, gates, confirmation, progress, timeline
    Replace(replace::ReplaceArgs),
    /// Take this device's mark off its customer gateway
    Deregister(deregister::DeregisterArgs),
    /// What the daemon knows, also when it is down
    Status(status::StatusArgs),
    /// Observations, alerts and every cloud write with its RequestId
    History(history::HistoryArgs),
    /// Check, show or begin a configuration
    Config(config::ConfigArgs),
    /// All of it on this machine: no account, no root, no configuration
    Demo(demo::DemoArgs),
    /// The simulated cloud as a server, for tests and rehearsals
    Simulate(simulate::SimulateArgs),
    /// Print the script that completes this command line in a shell
    Completions(completions::CompletionsArgs),
    /// Print a manual page
    Man(man::ManArgs),
}

/// What every command is given.
pub struct Context {
    config_path: PathBuf,
    environment: Environment,
    host_name: String,
    clock: Clock,
    verbose: u8,
    output: Output,
    /// Whether what goes on at this moment answers to signals itself, or has to come to its end.
    heeds: Cell<bool>,
    /// How the cloud is reached where not over the network.
    transport: Option<Rc<dyn Transport>>,
}

/// Parses the process's arguments, runs the command, and gives the exit code.
pub fn main() -> std::process::ExitCode {
    let environment = Environment::of_this_process();
    crate::system::logging::abort_on_panic(&environment);
    let parsed = help::grouped(Arguments::command()).try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(answer) => return not_run(&answer, &environment),
    };
    let mut context = Context::new(&arguments, environment);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return context.fail(Failure::failed(format!("the runtime cannot start: {error}"))),
    };
    let local = tokio::task::LocalSet::new();
    let result = runtime.block_on(local.run_until(dispatch(arguments.command, &mut context)));
    // A lookup of a name can hang in the C library; nobody waits for it.
    drop(local);
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => context.fail(failure),
    }
}

/// Help and version, or a mistake on the command line; a script that asked for JSON gets the mistake as a document too.
fn not_run(answer: &clap::Error, environment: &Environment) -> std::process::ExitCode {
    let wants_json = std::env::args_os().take_while(|argument| argument != "--").any(|argument| argument == "--json");
    if answer.use_stderr() && wants_json {
        let text = answer.to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        Output::new(true, environment).failure_document(&Failure::new(Exit::Usage, message, "`cgwd --help` shows what there is"));
    }
    // Where stdout or stderr is gone there is nobody left to tell.
    let _gone = answer.print();
    if answer.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}

async fn dispatch(command: Command, context: &mut Context) -> Result<Exit, Failure> {
    let logging = match command {
        Command::Run => Some(Logging::daemon(context.verbose)),
        // It shows what its daemon tells; the same as log lines only where somebody asks.
        Command::Demo(_) if context.verbose == 0 => None,
        _ => Some(Logging::command(context.verbose)),
    };
    if let Some(logging) = logging {
        logging.start(&context.environment).map_err(Failure::system)?;
    }
    crate::system::hardening::protect_memory().map_err(Failure::system)?;
    crate::system::hardening::keep_files_private();
    match command {
        Command::Run => run::run(context).await,
        Command::Check => check::run(context).await,
        Command::Plan => plan::run(context).await,
        Command::Register => register::run(context).await,
        Command::Replace(arguments) => replace::run(context, arguments).await,
        Command::Deregister(arguments) => deregister::run(context, arguments).await,
        Command::Status(arguments) => status::run(context, arguments).await,
        Command::History(arguments) => history::run(context, arguments),
        Command::Config(arguments) => config::run(context, arguments),
        Command::Demo(arguments) => demo::run(context, &arguments).await,
        Command::Simulate(arguments) => {
            simulate::run(&arguments, &context.environment, &mut std::io::stdout(), &mut std::io::stderr()).await?;
            Ok(Exit::Done)
        }
        Command::Completions(arguments) => completions::run(context, &arguments),
        Command::Man(arguments) => man::run(context, &arguments),
    }
}

/// The whole command line as clap knows it, for what is generated from it.
fn command_line() -> clap::Command {
    let mut command = Arguments::command();
    command.build();
    command
}

impl Context {
    fn new(arguments: &Arguments, environment: Environment) -> Context {
        let from_environment = environment.var("CGWD_CONFIG").map(PathBuf::from);
        let config_path = arguments.config.clone().or(from_environment).unwrap_or_else(|| PathBuf::from(crate::config::DEFAULT_PATH));
        Context {
            config_path,
            host_name: machine::host_name().unwrap_or_default(),
            clock: Clock::system(),
            verbose: arguments.verbose,
            output: Output::new(arguments.json, &environment),
            heeds: Cell::new(false),
            transport: None,
            environment,
        }
    }

    fn fail(&mut self, failure: Failure) -> std::process::ExitCode {
        self.output.failure(&failure);
        failure.exit.into()
    }
}
