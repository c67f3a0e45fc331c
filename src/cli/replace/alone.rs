//! The replacement in this very process, where no daemon runs.

use super::going_on::{self, After};
use super::report::{Report, show_draft, show_drafted, show_report};
use super::{ReplaceArgs, confirm, device, is_observed, progress, settle, through_daemon, told_to_end};
use crate::cli::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::plan::exit_of;
use crate::cli::survey::Survey;
use crate::cloud::client::Client;
use crate::daemon::replacement::policy::{Seen, contradicts};
use crate::daemon::replacing::{self, Moved, Wish};
use crate::daemon::status::Status;
use crate::daemon::want::{Wanted, refused_gates};
use crate::daemon::{auth_key, owner};
use crate::execute::replacement::{Draft, Ended, Present, Replacer, Word};
use crate::execute::{ExecuteError, Executor, Want};
use crate::journal::Journal;
use crate::model::{Finding, Op, ReplacementPlan, Settings};
use crate::plan::replacement::{SNAPSHOT_READABLE, could_make_none_first};
use crate::plan::{Decision, DecisionKind};
use crate::system::machine;
use crate::system::seal::{SealError, SealKey};
use crate::system::signals::Signals;
use crate::system::zone::Zone;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// Between two looks at what the device is while a replacement runs.
const LOOK: Duration = Duration::from_secs(10);

/// Between two looks at what has been bound to a transit router again.
const NEW_ENDS: Duration = Duration::from_secs(2);

/// Everything that the command works with.
pub(super) struct Parts<'a> {
    pub context: &'a Context,
    pub arguments: ReplaceArgs,
    pub survey: Survey,
    pub wanted: Wanted,
    pub region: String,
    evidence: String,
    pub replacer: Replacer,
    /// What the device is, as far as it counts against a plan.
    pub seen: Rc<Cell<Seen>>,
}

pub async fn run(context: &Context, settings: Settings, mut arguments: ReplaceArgs) -> Result<Exit, Failure> {
    let journal = Journal::open_to_read(&settings.state_directory)?;
    let progress = journal.as_ref().map(Journal::progress);
    let is_open = progress.is_some_and(|progress| progress.replacements.open.is_some());
    if !is_open && arguments.abort {
        return Ok(through_daemon::nothing_to_give_up(context, &Status::of_journal(Some(&settings), progress).json()));
    }
    drop(journal);
    if is_open {
        match going_on::run(context, settings.clone(), arguments).await? {
            After::Over(exit) => return Ok(exit),
            After::Anew => arguments.resume = false,
        }
    }
    fresh(context, context.survey(settings).await?, arguments).await
}

/// With no plan open: from what is wanted.
async fn fresh(context: &Context, survey: Survey, arguments: ReplaceArgs) -> Result<Exit, Failure> {
    let survey = if is_observed(&survey, &arguments) { settle::held(context, survey).await? } else { survey };
    let wanted = match wanted(&survey, &arguments) {
        Ok(wanted) => wanted,
        Err(findings) => {
            let decision = Decision::blocked(findings.clone(), refused_gates(&findings));
            show_draft(context, &survey, &decision, survey.configured_region().as_deref(), None);
            return Ok(exit_of(&decision));
        }
    };
    let parts = match parts(context, survey, wanted, arguments).await? {
        Ok(parts) => parts,
        Err(exit) => return Ok(exit),
    };
    if is_observed(&parts.survey, &arguments) || parts.survey.is_settled() {
        parts.note_observed()?;
    }
    if arguments.resume { parts.nothing_pending().await } else { parts.anew(arguments.wish()).await }
}

/// A person's word stands for an observation, and is judged by the same rules; else the findings that forbid it.
fn wanted(survey: &Survey, arguments: &ReplaceArgs) -> Result<Wanted, Vec<Finding>> {
    let wish = arguments.wish();
    if !arguments.overrides() {
        return survey.wanted().ok_or_else(|| survey.examined.findings.clone());
    }
    let findings = replacing::findings_with(wish, &survey.settings, &survey.examined.findings);
    let read = survey.examined.address.as_ref();
    let ip = wish.to.map(IpAddr::V4).or(read.map(|read| read.value));
    let source = wish.to.map_or_else(|| read.map(|read| read.source.clone()).unwrap_or_default(), |_| "--to".to_owned());
    let asn = wish.asn.or(survey.examined.asn.as_ref().map(|asn| asn.asn));
    crate::daemon::want::wanted(ip, &source, asn, &findings).ok_or(findings)
}

async fn parts(context: &Context, survey: Survey, wanted: Wanted, arguments: ReplaceArgs) -> Result<Result<Parts<'_>, Exit>, Failure> {
    let settings = &survey.settings;
    let journal = Journal::open(&settings.state_directory, machine::device_id().ok().flatten())?;
    let client = context.client(settings)?;
    let located = context.locate(&client, settings, survey.progress.as_ref()).await?;
    let Some(region) = located.region.clone() else {
        let findings = [survey.examined.findings.as_slice(), &located.findings].concat();
        let decision = Decision::blocked(findings, [wanted.gates, refused_gates(&located.findings)].concat());
        show_draft(context, &survey, &decision, settings.cloud.region.as_deref(), None);
        return Ok(Err(exit_of(&decision)));
    };
    let parts = Parts::new(context, survey, wanted, (region, located.evidence.clone()), (client, journal), arguments)?;
    parts.executor().note_regions(&located)?;
    Ok(Ok(parts))
}

impl<'a> Parts<'a> {
    /// `place`: the region, and how it is known.
    fn new(
        context: &'a Context,
        survey: Survey,
        wanted: Wanted,
        place: (String, String),
        (client, journal): (Client, Journal),
        arguments: ReplaceArgs,
    ) -> Result<Parts<'a>, Failure> {
        let settings = &survey.settings;
        // What is sealed needs the key that it was sealed with: another one made in its place would only hide that it is missing.
        let is_sealed = journal.progress().replacements.open.is_some();
        let load = if is_sealed { SealKey::load } else { SealKey::load_or_make };
        let seal = load(&settings.state_directory, &context.environment).map_err(|error| unsealed(error, is_sealed))?;
        let owner = owner(settings, &journal);
        let auth_key = match auth_key(settings) {
            Err(_) if arguments.abort && !gives_up_with_a_gateway(&journal) => None,
            other => other?,
        };
        let journal = Rc::new(RefCell::new(journal));
        let executor = Executor { client: Rc::new(client), journal, clock: context.clock.clone(), auth_key };
        let (region, evidence) = place;
        let want = wanted.in_region(settings, &owner, &region, &evidence);
        let seen = Rc::new(Cell::new(if arguments.overrides() { Seen::default() } else { seen(&survey) }));
        let present = present(&executor, &seen);
        let replacer = replacing::replacer(&executor, &owner, &Rc::new(seal), &want.desired, present, progress::watcher(&context.output));
        Ok(Parts { context, arguments, survey, wanted, region, evidence, replacer, seen })
    }

    /// For the plan that the journal holds: what it is for and where is the plan's own, whatever can be read now.
    pub(super) fn of_open(context: &'a Context, survey: Survey, arguments: ReplaceArgs) -> Result<Parts<'a>, Failure> {
        let journal = Journal::open(&survey.settings.state_directory, machine::device_id().ok().flatten())?;
        let client = context.client(&survey.settings)?;
        let open = journal.progress().replacements.open.as_ref().ok_or(ExecuteError::NothingOpen)?;
        let wanted = Wanted { ip: open.plan.new.ip, asn: open.plan.new.asn, findings: Vec::new(), gates: Vec::new() };
        let place = (open.plan.region.clone(), "the open replacement's".to_owned());
        Parts::new(context, survey, wanted, place, (client, journal), arguments)
    }
}

/// Whether giving up may have to make the new customer gateway.
fn gives_up_with_a_gateway(journal: &Journal) -> bool {
    let open = journal.progress().replacements.open.as_ref();
    let deletes = |op: &Op| matches!(op, Op::DeleteGateway { .. });
    open.is_some_and(|open| open.plan.steps().any(|step| deletes(&step.op) && open.steps.contains_key(&step.id)))
}

/// Where nothing is open yet it is the gate that refuses: what is written down could not be read again.
fn unsealed(error: SealError, is_sealed: bool) -> Failure {
    let failure = Failure::from(ExecuteError::from(error));
    if is_sealed { failure } else { Failure { exit: Exit::Refused, code: Some(SNAPSHOT_READABLE.to_owned()), ..failure } }
}

/// What the device is now; a source that is silent says nothing.
pub(super) fn seen(survey: &Survey) -> Seen {
    let ip = survey.examined.address.as_ref().and_then(|address| match address.value {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    });
    let asn = survey.examined.asn.as_ref().filter(|_| !survey.examined.asn_unknown).map(|asn| asn.asn);
    Seen { ip, asn }
}

/// Only what contradicts the plan is told to it: the address that a planned move leaves does not.
fn present(executor: &Executor, seen: &Rc<Cell<Seen>>) -> Rc<dyn Fn() -> Present> {
    let (journal, seen) = (Rc::clone(&executor.journal), Rc::clone(seen));
    Rc::new(move || match (&journal.borrow().progress().replacements.open, seen.get()) {
        (Some(open), seen) if contradicts(&open.plan, seen) => Present::Is(seen.ip.unwrap_or(open.plan.new.ip), seen.asn),
        _ => Present::Unknown,
    })
}

impl Parts<'_> {
    pub(super) fn executor(&self) -> &Executor {
        &self.replacer.executor
    }

    fn want(&self) -> Want {
        self.wanted.in_region(&self.survey.settings, &self.replacer.owner, &self.region, &self.evidence)
    }

    pub(super) fn open_plan(&self) -> Option<ReplacementPlan> {
        let journal = self.executor().journal.borrow();
        journal.progress().replacements.open.as_ref().map(|open| open.plan.clone())
    }

    async fn draft(&self, wish: Wish, writes: bool) -> Result<Draft, Failure> {
        self.draft_as(replacing::plan_id(self.executor()), wish, writes).await
    }

    async fn draft_as(&self, id: String, wish: Wish, writes: bool) -> Result<Draft, Failure> {
        if let Some(pending) = self.pending_registration()
            && !self.executor().resolve_open_write(&self.replacer.owner).await?
        {
            return Err(Failure::new(
                Exit::Interrupted,
                format!("{pending} has no confirmed outcome yet and can still take effect"),
                "run the command again in some minutes: it looks what became of it first",
            ));
        }
        let settings = &self.survey.settings;
        let local = Zone::of_this_device().map(|zone| zone.local(self.context.clock.now()));
        let local = local.map_err(|error| Failure::new(Exit::Failed, crate::daemon::with_causes(&error), error.remedy()))?;
        let settled = match wish.to {
            Some(ip) => Ok(format!("{ip} is a person's word (`--to`)")),
            None => Ok(format!("{} has held for {} s", self.wanted.ip, settings.address.settle.as_secs())),
        };
        let attested = match wish.to {
            Some(to) => settle::attested_by_person(&self.survey, to, wish.planned),
            None => settle::attested(&self.survey),
        };
        let evidence = replacing::evidence(settings, settled, attested, local, true);
        let asked = replacing::asked(settings, self.want(), wish, evidence, id, writes)?;
        let draft = self.executor().draft(&asked).await?;
        self.note_decided(&draft.decision, false);
        Ok(draft)
    }

    /// What the device was seen to be, as the daemon would have noted it: `cgwd status` tells it where none runs.
    pub(super) fn note_observed(&self) -> Result<(), Failure> {
        let examined = &self.survey.examined;
        if let Some(address) = &examined.address {
            let asn = examined.asn.as_ref().map(|asn| (asn.asn, asn.source.as_str()));
            self.executor().note_settled(address.value, &address.source, asn)?;
        }
        Ok(())
    }

    /// A disk that is full just now is no reason not to tell what was decided, or how it ended: a gate refuses, or the journal has it.
    fn note_decided(&self, decision: &Decision, has_written: bool) {
        if let Err(error) = self.executor().note_decided(decision, has_written) {
            tracing::warn!(error = crate::daemon::with_causes(&error), "the decision could not be noted");
        }
    }

    /// What the replacement leaves to do. One that was given to another address or ASN than is read leaves the way back.
    fn note_left(&self, report: &Report) {
        let seen = seen(&self.survey);
        let is_so =
            |plan: &ReplacementPlan| seen.ip.is_none_or(|ip| ip == plan.new.ip) && seen.asn.is_none_or(|asn| plan.new.asn == Some(asn));
        let mut left = Decision::blocked(Vec::new(), Vec::new());
        let in_sync = report.is_done() && report.plan.as_ref().is_some_and(is_so);
        left.kind = if in_sync { DecisionKind::InSync } else { DecisionKind::Replace };
        self.note_decided(&left, true);
    }

    fn pending_registration(&self) -> Option<String> {
        let journal = self.executor().journal.borrow();
        journal.progress().pending.as_ref().map(|pending| format!("{} for {}", pending.action, pending.target))
    }

    async fn anew(&self, mut wish: Wish) -> Result<Exit, Failure> {
        let draft = self.draft(wish, true).await?;
        let report = match self.confirmed(draft, wish).await? {
            Ok(report) => report,
            Err(exit) => return Ok(exit),
        };
        // Only the cloud knows how many it allows: where its answer is the first to say so, the other order is offered now.
        if !offers_the_documented_order(&report, wish) || self.arguments.yes {
            return Ok(self.show(&report).await);
        }
        confirm::documented_order(self.context).await?;
        wish.documented = true;
        let draft = self.draft(wish, true).await?;
        match self.confirmed(draft, wish).await? {
            Ok(report) => Ok(self.show(&report).await),
            Err(exit) => Ok(exit),
        }
    }

    /// Shown, agreed to and done; else the exit code of a plan that did not begin.
    async fn confirmed(&self, mut draft: Draft, wish: Wish) -> Result<Result<Report, Exit>, Failure> {
        let Some(plan) = begins(&draft) else { return Ok(Err(self.not_begun(draft))) };
        self.show_draft(&draft);
        if !self.arguments.yes {
            let what = format!("\n{} connections are replaced as shown above.", plan.connections().len());
            confirm::by_name(self.context, &self.survey.settings.device, &what).await?;
            draft = self.as_agreed(&draft, wish).await?;
        }
        self.work(Some(draft)).await.map(Ok)
    }

    fn show_draft(&self, draft: &Draft) {
        confirm::show(
            self.context,
            &super::report::draft_text(&self.context.output, &self.survey, draft, &self.region),
            self.arguments.yes,
        );
    }

    /// A person takes their time: what they agreed to must still be what would be done.
    async fn as_agreed(&self, agreed: &Draft, wish: Wish) -> Result<Draft, Failure> {
        let changed = || {
            let message = "what would be done has changed since it was shown; nothing was begun";
            Failure::new(Exit::Refused, message, "run it again for a plan of what is there now")
        };
        let Some(plan) = &agreed.plan else { return Err(changed()) };
        if !self.arguments.overrides() {
            self.seen.set(seen(&self.context.survey(self.survey.settings.clone()).await?));
        }
        if contradicts(plan, self.seen.get()) {
            return Err(changed());
        }
        let now = self.draft_as(plan.id.clone(), wish, true).await?;
        let is_same = now.decision.steps == agreed.decision.steps && begins(&now).is_some();
        if is_same { Ok(now) } else { Err(changed()) }
    }

    /// Nothing to replace, or not now: said, with the exit code of the reason.
    fn not_begun(&self, mut draft: Draft) -> Exit {
        if draft.decision.kind == DecisionKind::Replace && draft.refused().is_some() {
            draft.decision.kind = DecisionKind::Blocked;
        }
        let outcome = if draft.decision.kind == DecisionKind::InSync { "done" } else { "blocked" };
        show_drafted(self.context, &self.survey, &draft, &self.region, outcome);
        match draft.decision.kind {
            DecisionKind::InSync => Exit::Done,
            DecisionKind::Create | DecisionKind::Adopt | DecisionKind::Replace => Exit::ChangeNeeded,
            DecisionKind::Blocked => exit_of(&draft.decision),
        }
    }

    async fn nothing_pending(&self) -> Result<Exit, Failure> {
        let draft = self.draft(self.arguments.wish(), false).await?;
        let outcome = if draft.decision.kind == DecisionKind::InSync { "done" } else { "blocked" };
        show_drafted(self.context, &self.survey, &draft, &self.region, outcome);
        self.context.output.progress("no replacement is open: nothing to resume");
        Ok(match draft.decision.kind {
            DecisionKind::InSync => Exit::Done,
            DecisionKind::Blocked if draft.plan.is_none() => exit_of(&draft.decision),
            _ => Exit::ChangeNeeded,
        })
    }

    /// The work itself, with an eye on the device and on signals.
    pub(super) async fn work(&self, draft: Option<Draft>) -> Result<Report, Failure> {
        let mut signals = Signals::listen().map_err(Failure::system)?;
        self.context.heeds.set(true);
        let began = self.context.clock.uptime();
        let work = async {
            match &draft {
                Some(draft) => self.replacer.begin(draft).await,
                None => self.replacer.carry_on(None).await,
            }
        };
        let ended = tokio::select! {
            ended = work => Some(ended.map_err(|error| self.broke_off(error))?),
            () = self.watch_the_device() => None,
            () = self.tell_new_ends() => None,
            () = told_to_end(&mut signals) => None,
        };
        // Whoever told it to end hears how it stands.
        self.context.heeds.set(ended.is_none());
        let millis = (self.context.clock.uptime() - began).as_millis();
        let report = Report::of(&self.executor().journal.borrow(), ended, draft.as_ref(), millis)?;
        self.note_left(&report);
        // A plan that came to nothing does not linger: what it is refused for is another plan's matter.
        if report.is_blocked() && self.open_plan().is_some() {
            self.replacer.abandon(Word::Nobodys).await.map_err(|error| self.broke_off(error))?;
        }
        Ok(report)
    }

    pub(super) fn broke_off(&self, error: ExecuteError) -> Failure {
        broke_off(error, self.open_plan().is_some(), "`cgwd replace --resume` goes on with the replacement that is open")
    }

    pub(super) async fn show(&self, report: &Report) -> Exit {
        // It is over: what is told of it comes to its end.
        self.context.heeds.set(true);
        // What was made again needs the device's other end changed before it can come up.
        let tells = |moved: &&Moved| report.is_done() || moved.new_id != moved.old_id;
        let ids: Vec<String> = report.connections.iter().filter(tells).map(|moved| moved.new_id.clone()).collect();
        let snippets = match &report.plan {
            Some(plan) if !self.context.output.json => device::snippets(&self.executor().client, plan, &ids).await,
            _ => String::new(),
        };
        show_report(self.context, &self.survey, report, &self.region, &snippets)
    }

    /// Never ends: what is bound to its transit router again has new cloud-side addresses, and comes up only once the device knows
    /// them; so they are told at once.
    async fn tell_new_ends(&self) {
        let mut told = BTreeSet::new();
        if self.context.output.json {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(NEW_ENDS).await;
            let open = self.executor().journal.borrow().progress().replacements.open.clone();
            let Some(open) = open else { continue };
            let news: Vec<String> = device::bound_again(&open).into_iter().filter(|id| told.insert(id.clone())).collect();
            if !news.is_empty() {
                self.context.output.progress(&device::snippets(&self.executor().client, &open.plan, &news).await);
            }
        }
    }

    /// Never ends: keeps up to date what the device is, so that a second change is noticed before the next step that can hurt.
    async fn watch_the_device(&self) {
        if self.arguments.overrides() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(LOOK).await;
            if let Ok(survey) = self.context.survey(self.survey.settings.clone()).await {
                self.seen.set(seen(&survey));
            }
        }
    }
}

/// An error that no step knows. With a plan open, the plan is as the journal has it and can go on; `again` says how.
pub(super) fn broke_off(error: ExecuteError, is_open: bool, again: &str) -> Failure {
    let passes = matches!(error, ExecuteError::Journal(_) | ExecuteError::NoSpace | ExecuteError::Cloud(_));
    let failure = Failure::from(error);
    if !passes || !is_open {
        return failure;
    }
    let remedy = match failure.remedy.is_empty() {
        true => again.to_owned(),
        false => format!("{}; then {again}", failure.remedy),
    };
    Failure { exit: Exit::Interrupted, remedy, ..failure }
}

/// The cloud would not make the new one, or the temporary one, nothing else was done, and there are old ones that could go first.
fn offers_the_documented_order(report: &Report, wish: Wish) -> bool {
    let has_another_way = report.plan.as_ref().is_some_and(could_make_none_first);
    report.is_blocked() && report.stopped.as_deref() == Some("quota") && has_another_way && !wish.documented
}

/// The plan, where nothing keeps it from beginning.
fn begins(draft: &Draft) -> Option<&ReplacementPlan> {
    draft.plan.as_ref().filter(|_| draft.refused().is_none() && draft.decision.kind == DecisionKind::Replace)
}

/// Why something stops that no waiting helps: a gate, or somebody else's hand.
pub(super) const REFUSALS: &[&str] =
    &["drift", "working_tunnel", "changed_again", "owner", "in_use", "address_taken", "gone", "quota", "rights", "snapshot_readable"];

/// For matching on how it ended.
pub(super) fn is_a_refusal(ended: &Ended) -> bool {
    matches!(ended, Ended::Stopped(stopped) if REFUSALS.contains(&stopped.reason.as_str()))
}
