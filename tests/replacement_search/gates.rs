//! What the gates say of a plan that no schedule of faults brings about.

use super::course::{Course, Runner};
use super::schedule::Schedule;
use super::topology::REGION;
use super::world::{World, seed_of};
use cgwd::execute::replacement::{Abandoned, Word};
use cgwd::journal::replay::Replacements;
use cgwd::model::{Inventory, Snapshot};
use cgwd::plan::Now;
use cgwd::plan::replacement::{Case, Evidence, gates};
use std::time::Duration;

/// What the gates of a plan are asked about.
pub struct Judged {
    pub snapshot: Snapshot,
    pub inventory: Inventory,
    pub evidence: Evidence,
}

impl Runner {
    /// The gates that refuse the plan of this schedule where something of it is otherwise.
    pub fn refusing(&mut self, schedule: &Schedule, otherwise: fn(&mut Judged)) -> Result<Vec<&'static str>, String> {
        let (seed, seal) = (seed_of(schedule), &self.seal);
        self.runtime.block_on(async {
            let mut course = Course::of(World::new(schedule, &seed, seal));
            let executor = course.world.process()?.executor;
            let asked = course.asked_for();
            let draft = executor.draft(&asked).await.map_err(|error| error.to_string())?;
            let inventory = executor.look(REGION, true).await.map_err(|error| error.to_string())?;
            let mut judged = Judged { snapshot: draft.snapshot, inventory, evidence: asked.evidence };
            otherwise(&mut judged);
            let Some(plan) = draft.plan else { return Err("nothing is to be replaced".to_owned()) };
            let (desired, subjects) = (&asked.want.desired, &draft.subjects);
            let case = Case { plan: &plan, desired, subjects, snapshot: &judged.snapshot, inventory: &judged.inventory, may_adopt: true };
            let now = Now { wall: executor.clock.now(), uptime: executor.clock.uptime() };
            let all = gates(case, &Replacements::default(), &judged.evidence, now);
            Ok(all.into_iter().filter(|gate| !gate.passed).map(|gate| gate.name).collect())
        })
    }

    /// The gate that keeps the next plan from beginning where one was given up when its tunnels had gone to where nobody answers.
    pub fn given_up_where_nobody_answers(&mut self, schedule: &Schedule) -> Result<Option<&'static str>, String> {
        let (mut seed, seal) = (seed_of(schedule), &self.seal);
        seed.devices = Some(Vec::new());
        self.runtime.block_on(async {
            let mut course = Course::of(World::new(schedule, &seed, seal));
            let replacer = course.world.process()?;
            let draft = replacer.executor.draft(&course.asked_for()).await.map_err(|error| error.to_string())?;
            // Longer than both readings take, and shorter than the tunnels are waited for.
            let ended = tokio::time::timeout(Duration::from_secs(90), replacer.begin(&draft)).await;
            let given_up = replacer.abandon(Word::APersons).await.map_err(|error| error.to_string())?;
            let next = replacer.executor.draft(&course.asked_for()).await.map_err(|error| error.to_string())?;
            match (ended, given_up) {
                (Err(_), Abandoned::Yes { .. }) => Ok(next.refused().map(|gate| gate.name)),
                (ended, given_up) => Err(format!("{ended:?}, {given_up:?}")),
            }
        })
    }
}
