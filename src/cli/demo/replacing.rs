//! The scenes in which the replacement is planned and carried out. The daemon does it; the demo asks for it as `cgwd replace`
//! does, shows what is told, and believes only what the simulated cloud holds in the end.

use super::sky::Kept;
use super::stage::Stage;
use super::talk::Course;
use super::timeline::{Away, away};
use super::words::{filled, in_short, word};
use super::world::{Change, Running, World};
use crate::cli::exit::Failure;
use crate::cli::output::Tone;
use crate::cli::plan::{Decided, decide};
use crate::journal::Journal;
use crate::model::Timestamp;
use crate::plan::{Decision, DecisionKind};
use serde_json::{Value, json};

/// Of a dozen gates, those whose evidence a reader would ask for first.
const TOLD_GATES: &[&str] = &["attested", "working_tunnel", "snapshot", "quota"];

pub async fn planned(world: &World<'_>, stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("What replacing it takes: `cgwd plan`").await?;
    let context = &world.context;
    let survey = context.survey(context.load()?.settings).await?;
    let Decided { decision, region, .. } = decide(context, &survey).await?;
    if let Some(gate) = decision.gates.iter().find(|gate| !gate.passed) {
        return Err(Failure::failed(format!("gate {} refuses: {}", gate.name, gate.detail)));
    }
    if decision.kind != DecisionKind::Replace {
        return Err(Failure::failed(format!("the decision was to be replace, and is {}", decision.kind.name())));
    }
    stage.line("decision", &stage.output.paint(Tone::Caution, decision.kind.name()));
    stage.line("steps", &in_short(&decision.steps));
    stage.line("gates", &gates(&decision));
    stage.note("plan", survey.plan_document(&decision, region.as_deref()));
    Ok(())
}

fn gates(decision: &Decision) -> String {
    let names = filled(decision.gates.iter().map(|gate| gate.name.to_owned()));
    let told = decision.gates.iter().filter(|gate| TOLD_GATES.contains(&gate.name));
    let told: String = told.map(|gate| format!("\n{}: {}", gate.name, gate.detail)).collect();
    format!("all {} pass:\n{names}{told}", decision.gates.len())
}

pub async fn carried_out(world: &World<'_>, daemon: &mut Running, change: &Change, stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("The replacement: `cgwd replace`, carried out by the daemon").await?;
    let before = world.sky.to_be_kept();
    let draft = world.draft().await?;
    let mut course = Course::new(stage);
    let ended = world.begin(&draft, |line| course.take(line)).await?;
    let notices = course.notices;
    daemon.told("replacement.done").await?;
    let away = timeline(world, change.at)?;
    let shown: Vec<String> = away.iter().map(Away::words).collect();
    stage.line("away", &format!("since the address changed:\n{}", shown.join("\n")));
    let status = ends_well(world, &ended, &before, stage).await?;
    stage.note(
        "replacement",
        json!({
            "draft": draft, "notices": notices, "ended": ended, "away": away.iter().map(Away::json).collect::<Vec<_>>(),
            "customer_gateways": world.sky.customer_gateways(), "established": world.sky.established().0, "status": status,
        }),
    );
    Ok(())
}

fn timeline(world: &World<'_>, since: Timestamp) -> Result<Vec<Away>, Failure> {
    let journal = Journal::open_to_read(&world.place.state)?;
    let last = journal.as_ref().and_then(|journal| journal.progress().replacements.last.as_ref());
    let away = last.and_then(|last| away(&last.progress, since));
    away.ok_or_else(|| Failure::failed("the journal does not tell when each tunnel came back"))
}

/// Everything is as it was, at the new customer gateway; gives the status after another look at the cloud.
pub async fn ends_well(world: &World<'_>, ended: &Value, before: &Kept, stage: &Stage<'_>) -> Result<Value, Failure> {
    let tunnels = world.sky.until_all_are_established().await?;
    let after = world.sky.to_be_kept();
    if after != *before {
        return Err(Failure::failed("the simulated cloud holds other settings, keys or routes than before the replacement"));
    }
    let (connections, routes) = (after.connections.len(), after.routes.len());
    let status = world.looked_again().await?;
    let (old, new) = (word(&ended["old_customer_gateway_id"]), word(&ended["new_customer_gateway_id"]));
    if world.sky.customer_gateways().contains(&old) {
        return Err(Failure::failed(format!("the old customer gateway {old} is still there")));
    }
    if status["decision"] != "in_sync" || status["customer_gateway"]["id"] != new {
        return Err(Failure::failed(format!("the cloud was to be in sync, and is not: {status}")));
    }
    stage.line(
        "compared",
        &format!("{connections} connections, {tunnels} tunnels and {routes} routes are as before, keys included, but for the address"),
    );
    let decision = stage.output.paint(Tone::Good, "in_sync");
    stage.line("in the end", &format!("{old} is gone, and {new} holds {}: {decision}", word(&status["customer_gateway"]["ip"])));
    Ok(status)
}
