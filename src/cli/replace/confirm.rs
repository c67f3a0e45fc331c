//! A person's word before anything that can hurt.

use crate::cli::Context;
use crate::cli::exit::{Exit, Failure};
use crate::system::signals::Signals;
use std::io::{BufRead, IsTerminal, stdin};
use std::os::fd::{AsFd, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

pub fn somebody_is_there() -> bool {
    stdin().is_terminal()
}

pub fn nobody() -> Failure {
    Failure::new(
        Exit::Usage,
        "nobody is there to confirm: standard input is not a terminal, and `--yes` was not given",
        "run it on a terminal, or add `--yes`; `cgwd plan` shows what would be done",
    )
}

/// What the person decides by, or has decided with `--yes`. With `--json` stdout is the document's alone.
pub fn show(context: &Context, text: &str, decided: bool) {
    match (context.output.json, decided) {
        (false, _) => context.output.text(text),
        (true, false) => context.output.question(text),
        (true, true) => {}
    }
}

/// The device's name, typed: nobody does that to another device by mistake.
pub async fn by_name(context: &Context, device: &str, what: &str) -> Result<(), Failure> {
    typed(context, device, &format!("{what}\nType the device's name ({device}) to go on: ")).await
}

/// The documented order leaves every connection deleted for a while: it wants a word of its own.
pub async fn documented_order(context: &Context) -> Result<(), Failure> {
    typed(
        context,
        "documented",
        "The region's quota of customer gateways is full, so none can be made before one goes.\n\
         The documented order deletes the connections and the old customer gateway before the new ones are made: nothing proves first\n\
         that they can be.\n\
         Type `documented` to plan it so: ",
    )
    .await
}

/// What only the snapshot could restore is let go: each connection's id has to be typed.
pub async fn lost_for_good(context: &Context, ids: &[String], known: &str) -> Result<(), Failure> {
    let ids = ids.join(" ");
    let question = format!(
        "{known}\n\
         Where the key is lost for good the replacement can end here; then cgwd restores nothing of this, and it has to be made by hand.\n\
         Type what is let go ({ids}) to end it so: "
    );
    typed(context, &ids, &question).await
}

async fn typed(context: &Context, wanted: &str, question: &str) -> Result<(), Failure> {
    let refused = || Failure::new(Exit::Refused, "not confirmed; nothing was written", "run the command again when it is to be done");
    // Only where the work turned out to begin anew: else that is asked for before anything is looked at.
    if !somebody_is_there() {
        return Err(nobody());
    }
    let mut signals = Signals::listen().map_err(Failure::system)?;
    context.output.question(question);
    let heeded = context.heeds.replace(true);
    let line = tokio::select! {
        line = line() => Some(line.map_err(Failure::system)?),
        // Who interrupts the question, or hangs up over it, has not agreed.
        _ = signals.next() => None,
    };
    context.heeds.set(heeded);
    let Some(line) = line else {
        context.output.question("\n");
        return Err(refused());
    };
    if line.trim() == wanted { Ok(()) } else { Err(refused()) }
}

/// A terminal gives whole lines: it is waited for without reading, so that a signal is heard meanwhile.
async fn line() -> std::io::Result<String> {
    let terminal = listening(stdin().as_fd().try_clone_to_owned()?)?;
    let _ready = terminal.readable().await?;
    let mut line = String::new();
    stdin().lock().read_line(&mut line)?;
    Ok(line)
}

// Its successor `register` is unsafe, because an object could close or swap its descriptor; an `OwnedFd` can't.
#[allow(deprecated)]
fn listening(terminal: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(terminal, Interest::READABLE)
}
