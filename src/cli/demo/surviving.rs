//! The scene in which a replacement outlives its process.

use super::replacing::ends_well;
use super::stage::Stage;
use super::words::word;
use super::world::{Running, World};
use crate::cli::exit::Failure;
use crate::cli::history::history;
use crate::journal::Journal;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use tokio::time::Instant;

/// The write in whose middle the process dies: at that moment the connection exists in the journal alone, and it must not be made
/// twice.
const LAST_WRITE: &str = "CreateVpnConnection";

/// The device moves back, and the process that replaces dies between a write and its answer. The next one takes its place.
pub async fn survived(world: &World<'_>, running: &mut Option<Running>, back: Ipv4Addr, stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("The address changes back, and the process dies in the middle").await?;
    let Some(mut daemon) = running.take() else { return Err(Failure::failed("the daemon has ended before its time")) };
    let (before, made) = (world.sky.to_be_kept(), world.sky.effects(LAST_WRITE));
    let change = world.move_device(back, &mut daemon).await?;
    dies_in_the_middle(world, daemon).await?;
    let died = Instant::now();
    let left = Left::read(world)?;
    let Left { plan, done, total, write } = &left;
    stage.line("killed", &format!("as by `kill -9` in replacement {plan}: {LAST_WRITE} has left, its answer has not arrived"));
    let token = word(&write["client_token"]);
    stage.line("on disk", &format!("{done} of {total} steps are done; the snapshot, sealed; what was sent, and its ClientToken {token}"));

    let next = running.insert(Running::start(&world.context)?);
    let interrupted = next.told("replacement.interrupted").await?;
    stage.line("started anew", &interrupted.notice.alert.message);
    let ended = world.watch(|_| {}).await?;
    next.told("replacement.done").await?;
    let (concluded, made) = (concluded(world, write)?, world.sky.effects(LAST_WRITE) - made);
    if made != 1 {
        return Err(Failure::failed(format!("{LAST_WRITE} took effect {made} times")));
    }
    let after = died.elapsed().as_secs_f32();
    stage.line(
        "looked",
        &format!("the cloud shows {} with the plan's mark: it was made, and is not made twice", word(&concluded["result"])),
    );
    stage.line("done", &format!("{after:.1} s after the death, without anybody's help"));
    let status = ends_well(world, &ended, &before, stage).await?;
    stage.note(
        "survival",
        json!({
            "from": change.from, "to": change.to, "plan": plan, "done_at_death": done, "total": total, "write": write,
            "concluded": concluded, "made": made, "ended": ended, "customer_gateways": world.sky.customer_gateways(),
            "established": world.sky.established().0, "status": status,
        }),
    );
    Ok(())
}

async fn dies_in_the_middle(world: &World<'_>, daemon: Running) -> Result<(), Failure> {
    let draft = world.draft().await?;
    let underway = world.sky.hold_answer_of(LAST_WRITE);
    tokio::select! {
        Ok(()) = underway => {}
        ended = world.begin(&draft, |_| {}) => return Err(Failure::failed(format!("it ended without {LAST_WRITE}: {}", ended?))),
    }
    daemon.kill().await;
    Ok(())
}

/// What the dead process left in the journal.
struct Left {
    plan: String,
    done: usize,
    total: usize,
    /// The one that has an intent and no outcome.
    write: Value,
}

impl Left {
    fn read(world: &World<'_>) -> Result<Left, Failure> {
        let journal = Journal::open_to_read(&world.place.state)?;
        let open = journal.as_ref().and_then(|journal| journal.progress().replacements.open.as_ref());
        let open = open.ok_or_else(|| Failure::failed("the journal has no open replacement"))?;
        let write = writes(world)?.into_iter().find(|write| write["action"] == LAST_WRITE && write["outcome"] == "intended");
        let write = write.ok_or_else(|| Failure::failed(format!("the journal has no intent of {LAST_WRITE}")))?;
        let (done, total) = open.count();
        Ok(Left { plan: open.plan.id.clone(), done, total, write })
    }
}

/// The same write, once looking has told what became of it.
fn concluded(world: &World<'_>, write: &Value) -> Result<Value, Failure> {
    let concluded = writes(world)?.into_iter().find(|other| other["client_token"] == write["client_token"]);
    let concluded = concluded.filter(|other| other["outcome"] == "done" && other["concluded_by"] == "looking");
    concluded.ok_or_else(|| Failure::failed(format!("the journal does not tell what became of {LAST_WRITE}")))
}

fn writes(world: &World<'_>) -> Result<Vec<Value>, Failure> {
    let journal = Journal::open_to_read(&world.place.state)?;
    let mut entries = history(&journal.as_ref().map(Journal::entries).transpose()?.unwrap_or_default());
    entries.retain(|entry| entry["kind"] == "write");
    Ok(entries)
}
