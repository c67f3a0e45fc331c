use cgwd::cli::simulate::{self, SimulateArgs};
use cgwd::system::environment::Environment;
use clap::{Parser, Subcommand};
use std::io::{self, Write};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cgwd", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the simulated cloud as a server
    Simulate(SimulateArgs),
}

fn main() -> ExitCode {
    let Command::Simulate(args) = Cli::parse().command;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("no runtime: {error}"), "", 1),
    };
    let environment = Environment::of_this_process();
    match runtime.block_on(simulate::run(&args, &environment, &mut io::stdout(), &mut io::stderr())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.to_string(), error.remedy(), if error.is_usage() { 2 } else { 1 }),
    }
}

fn failed(message: &str, remedy: &str, code: u8) -> ExitCode {
    // Where stderr is gone too, the exit code is all that is left to tell.
    let _told = writeln!(io::stderr(), "cgwd: {message}\n{remedy}");
    ExitCode::from(code)
}
