//! `cgwd replace`: the plan, its gates, a person's word, the work with its progress, and what came of it.
//!
//! Through the daemon where one runs, alone where not. What is done is in the journal either way: a session that breaks off
//! changes nothing, and the same command goes on.

mod alone;
mod confirm;
mod device;
mod going_on;
mod progress;
mod report;
mod settle;
mod through_daemon;

pub(super) use report::{add_consequences, consequences_text, remedy as remedy_alone};
pub(super) use settle::attested;

use super::Context;
use super::exit::{Exit, Failure};
use super::survey::Survey;
use crate::daemon::replacing::Wish;
use crate::model::Asn;
use crate::system::lock::{Lock, LockError};
use crate::system::signals::{Signal, Signals};
use std::net::Ipv4Addr;

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct ReplaceArgs {
    /// Address of the new customer gateway, in the place of the observed one
    #[arg(long, value_name = "IP", conflicts_with_all = ["resume", "abort"])]
    to: Option<Ipv4Addr>,
    /// ASN of the new customer gateway, plain or H.L, in the place of the observed one
    #[arg(long, value_name = "N", conflicts_with_all = ["resume", "abort"])]
    asn: Option<Asn>,
    /// Tunnels that work may be interrupted: a planned move, or a change of the ASN alone
    #[arg(long, conflicts_with_all = ["resume", "abort"])]
    planned: bool,
    /// Without asking
    #[arg(long)]
    yes: bool,
    /// Go on with the replacement that is open
    #[arg(long, conflicts_with = "abort")]
    resume: bool,
    /// Give the open replacement up, where nothing is lost by it
    #[arg(long)]
    abort: bool,
}

impl ReplaceArgs {
    fn wish(&self) -> Wish {
        Wish { to: self.to, asn: self.asn, planned: self.planned, documented: false }
    }

    /// A person said what the device is: what is read does not speak against that.
    fn overrides(&self) -> bool {
        self.to.is_some() || self.asn.is_some()
    }
}

pub async fn run(context: &Context, arguments: ReplaceArgs) -> Result<Exit, Failure> {
    let settings = match context.load() {
        Ok(loaded) => loaded.settings,
        // A daemon goes by what it has read before: through it a person can always stop.
        Err(failure) if arguments.abort => return through_daemon::abort_in_its_words(context, failure).await,
        Err(failure) => return Err(failure),
    };
    // What is open was confirmed when it began.
    let asks = !arguments.yes && !arguments.abort && !arguments.resume;
    if asks && !confirm::somebody_is_there() {
        return Err(confirm::nobody());
    }
    match Lock::take_for("replace", &settings.state_directory) {
        Ok(lock) => {
            let exit = unless_told_to_end(context, arguments, alone::run(context, settings, arguments)).await;
            drop(lock);
            exit
        }
        Err(LockError::Held { pid, command: None, .. }) => {
            through_daemon::run(context, &settings, arguments, pid.map(|pid| pid.to_string())).await
        }
        Err(error) => Err(Failure::new(Exit::Failed, crate::daemon::with_causes(&error), error.remedy())),
    }
}

/// A signal ends it wherever nothing in it answers to signals itself; what was sent is in the journal.
async fn unless_told_to_end(
    context: &Context,
    arguments: ReplaceArgs,
    work: impl Future<Output = Result<Exit, Failure>>,
) -> Result<Exit, Failure> {
    let mut signals = Signals::listen().map_err(Failure::system)?;
    let told = async {
        loop {
            told_to_end(&mut signals).await;
            if !context.heeds.get() {
                return;
            }
        }
    };
    let remedy = match arguments.abort {
        true => "`cgwd replace --abort` goes on with giving up",
        false => "`cgwd status` shows whether a replacement is open: `cgwd replace --resume` goes on with it; else run the command again",
    };
    tokio::select! {
        // What answers itself has the first word.
        biased;
        exit = work => exit,
        () = told => Err(Failure::new(Exit::Interrupted, "interrupted; everything is in the journal", remedy)),
    }
}

/// A hang-up is a session that broke off: the work goes on.
async fn told_to_end(signals: &mut Signals) {
    while signals.next().await == Signal::Reload {}
}

/// What a person gave on the command line counts as seen.
pub(super) fn is_observed(survey: &Survey, arguments: &ReplaceArgs) -> bool {
    arguments.to.is_none() && survey.examined.address.is_some()
}

/// What is asked for is not what the open replacement is for.
fn end_it_first(plan: &str, ip: &str, asn: Option<u32>) -> Failure {
    Failure::new(
        Exit::Refused,
        what_is_open(plan, ip, asn),
        "end it first: `cgwd replace --resume` goes on with it, `cgwd replace --abort` gives it up where nothing is lost by it",
    )
}

fn what_is_open(plan: &str, ip: &str, asn: Option<u32>) -> String {
    let asn = asn.map(|asn| format!(" with ASN {asn}")).unwrap_or_default();
    format!("replacement {plan} is open, and it is to {ip}{asn}")
}
