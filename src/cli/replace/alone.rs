//! The replacement in this very process, where no daemon runs.

use super::report::{Report, show_draft, show_report};
use super::{ReplaceArgs, confirm, device, is_observed, progress, settle};
use crate::cli::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::plan::exit_of;
use crate::cli::survey::Survey;
use crate::daemon::replacement::policy::{Seen, contradicts};
use crate::daemon::replacing::{self, Wish};
use crate::daemon::want::{self, Wanted, refused_gates};
use crate::daemon::{auth_key, owner};
use crate::execute::replacement::{Abandoned, Draft, Ended, Present, Replacer};
use crate::execute::{ExecuteError, Executor, Want};
use crate::journal::Journal;
use crate::model::Finding;
use crate::plan::{Decision, DecisionKind};
use crate::system::machine;
use crate::system::seal::SealKey;
use crate::system::signals::{Signal, Signals};
use crate::system::zone::Zone;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// Between two looks at what the device is while a replacement runs.
const LOOK: Duration = Duration::from_secs(10);

/// Everything that the command works with.
struct Parts<'a> {
    context: &'a Context,
    arguments: ReplaceArgs,
    survey: Survey,
    wanted: Wanted,
    region: String,
    evidence: String,
    replacer: Replacer,
    present: Rc<Cell<Present>>,
    /// Whether this device's address could be read.
    is_observed: bool,
}

pub async fn run(context: &Context, survey: Survey, arguments: ReplaceArgs) -> Result<Exit, Failure> {
    let survey = if is_observed(&survey, &arguments) && !arguments.abort { settle::held(context, survey).await? } else { survey };
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
    let open = parts.open_plan();
    match (arguments.abort, open) {
        (true, None) => Err(Failure::new(Exit::Done, "no replacement is open", "`cgwd plan` says what is wanted")),
        (true, Some(_)) => parts.abandon().await,
        (false, Some(_)) => parts.go_on().await,
        (false, None) if arguments.resume => parts.nothing_pending().await,
        (false, None) => parts.anew(arguments.wish()).await,
    }
}

/// A person's word stands for an observation. A replacement that is open needs neither: it is for what it was planned for.
fn wanted(survey: &Survey, arguments: &ReplaceArgs) -> Result<Wanted, Vec<Finding>> {
    let wish = arguments.wish();
    let findings = replacing::findings_with(wish, &survey.settings, &survey.examined.findings);
    let asn = wish.asn.or_else(|| survey.examined.asn.as_ref().map(|asn| asn.asn));
    let wanted = match wish.to {
        Some(ip) => want::wanted(Some(ip.into()), "--to", asn, &findings),
        None => survey.examined.address.as_ref().and_then(|address| {
            let settled = if survey.is_settled() { "settled" } else { "seen now" };
            want::wanted(Some(address.value), &format!("{}, {settled}", address.source), asn, &findings)
        }),
    };
    let open = || survey.progress.as_ref().and_then(|progress| progress.replacements.open.as_ref()).filter(|_| !wish.is_named());
    let planned = || open().map(|open| Wanted { ip: open.plan.new.ip, asn: open.plan.new.asn, findings: Vec::new(), gates: Vec::new() });
    wanted.or_else(planned).ok_or(findings)
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
    let seal = SealKey::load_or_make(&settings.state_directory, &context.environment).map_err(ExecuteError::from)?;
    let owner = owner(settings, &journal);
    let journal = Rc::new(RefCell::new(journal));
    let executor = Executor { client: Rc::new(client), journal, clock: context.clock.clone(), auth_key: auth_key(settings)? };
    executor.note_regions(&located)?;
    let want = wanted.in_region(settings, &owner, &region, &located.evidence);
    let is_observed = survey.wanted().is_some();
    let present = Rc::new(Cell::new(Present::Unknown));
    let told = Rc::clone(&present);
    let replacer = replacing::replacer(
        &executor,
        &owner,
        &Rc::new(seal),
        &want.desired,
        Rc::new(move || told.get()),
        progress::watcher(&context.output),
    );
    Ok(Ok(Parts { context, arguments, survey, wanted, region, evidence: located.evidence, replacer, present, is_observed }))
}

impl Parts<'_> {
    fn executor(&self) -> &Executor {
        &self.replacer.executor
    }

    fn want(&self) -> Want {
        self.wanted.in_region(&self.survey.settings, &self.replacer.owner, &self.region, &self.evidence)
    }

    /// Address and ASN that the open plan is for.
    fn open_plan(&self) -> Option<(std::net::Ipv4Addr, Option<crate::model::Asn>)> {
        let journal = self.executor().journal.borrow();
        journal.progress().replacements.open.as_ref().map(|open| (open.plan.new.ip, open.plan.new.asn))
    }

    async fn draft(&self, wish: Wish, writes: bool) -> Result<Draft, Failure> {
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
        let attested = if wish.to.is_some() { settled.clone() } else { settle::attested(&self.survey) };
        let evidence = replacing::evidence(settings, settled, attested, local, true);
        let asked = replacing::asked(settings, self.want(), wish, evidence, replacing::plan_id(self.executor()), writes)?;
        Ok(self.executor().draft(&asked).await?)
    }

    fn pending_registration(&self) -> Option<String> {
        let journal = self.executor().journal.borrow();
        journal.progress().pending.as_ref().map(|pending| format!("{} for {}", pending.action, pending.target))
    }

    async fn anew(&self, wish: Wish) -> Result<Exit, Failure> {
        let mut draft = self.draft(wish, true).await?;
        let only_quota = draft.plan.is_some() && draft.decision.gates.iter().filter(|gate| !gate.passed).all(|gate| gate.name == "quota");
        if only_quota && draft.refused().is_some() && !self.arguments.yes {
            confirm::documented_order(self.context)?;
            draft = self.draft(Wish { documented: true, ..wish }, true).await?;
        }
        let Some(plan) = draft.plan.clone().filter(|_| draft.refused().is_none() && draft.decision.kind == DecisionKind::Replace) else {
            return Ok(self.not_begun(draft));
        };
        if !self.arguments.yes {
            self.context.output.text(&super::report::draft_text(&self.context.output, &self.survey, &draft, &self.region));
            let what = format!("\n{} connections are replaced as shown above.", plan.connections().len());
            confirm::by_name(self.context, &self.survey.settings.device, &what)?;
        }
        let report = self.work(Some(draft)).await?;
        Ok(self.tell(&report).await)
    }

    /// Nothing to replace, or not now: said, with the exit code of the reason.
    fn not_begun(&self, mut draft: Draft) -> Exit {
        if draft.decision.kind == DecisionKind::Replace && draft.refused().is_some() {
            draft.decision.kind = DecisionKind::Blocked;
        }
        let outcome = if draft.decision.kind == DecisionKind::InSync { "done" } else { "blocked" };
        show_draft(self.context, &self.survey, &draft.decision, Some(&self.region), Some(outcome));
        match draft.decision.kind {
            DecisionKind::InSync => Exit::Done,
            DecisionKind::Create | DecisionKind::Adopt | DecisionKind::Replace => Exit::ChangeNeeded,
            DecisionKind::Blocked => exit_of(&draft.decision),
        }
    }

    async fn nothing_pending(&self) -> Result<Exit, Failure> {
        let draft = self.draft(self.arguments.wish(), false).await?;
        let outcome = if draft.decision.kind == DecisionKind::InSync { "done" } else { "blocked" };
        show_draft(self.context, &self.survey, &draft.decision, Some(&self.region), Some(outcome));
        self.context.output.progress("no replacement is open: nothing to resume");
        Ok(match draft.decision.kind {
            DecisionKind::InSync => Exit::Done,
            DecisionKind::Blocked if draft.plan.is_none() => exit_of(&draft.decision),
            _ => Exit::ChangeNeeded,
        })
    }

    async fn abandon(&self) -> Result<Exit, Failure> {
        match self.replacer.abandon().await? {
            Abandoned::Yes { stays } => {
                let document = serde_json::json!({"schema": 1, "outcome": "abandoned", "stays": stays});
                self.context.output.result(&document, |_| {
                    let lines: String = stays.iter().map(|line| format!("  {line}\n")).collect();
                    format!("the replacement is given up; nothing was written to the cloud for it\n{lines}`cgwd replace` plans anew from there\n")
                });
                Ok(Exit::Done)
            }
            Abandoned::NotSafe(why) => {
                Err(Failure::new(Exit::Refused, format!("not given up: {why}"), "`cgwd replace --resume` goes on with it"))
            }
        }
    }

    /// The open plan to its end; or, where the device has changed again, away from it at a safe point and anew.
    async fn go_on(&self) -> Result<Exit, Failure> {
        let is_for_now = self.is_for_now();
        if !is_for_now && self.is_given_up().await? {
            self.context.output.progress("the device has changed again: the open replacement is given up at a safe point and planned anew");
            return self.anew(self.arguments.wish()).await;
        }
        self.context.output.progress("going on with the replacement that is open");
        self.replacer.resume()?;
        let report = self.work(None).await?;
        let goes_on = !is_for_now && !report.broke_off && (self.open_plan().is_none() || self.is_given_up().await?);
        if !goes_on {
            return Ok(self.tell(&report).await);
        }
        self.context.output.progress("the device has changed since: planning anew");
        self.anew(self.arguments.wish()).await
    }

    /// Whether the open plan is for what the person says, or for what the device is.
    fn is_for_now(&self) -> bool {
        let journal = self.executor().journal.borrow();
        let Some(open) = &journal.progress().replacements.open else { return false };
        let new = &open.plan.new;
        match self.arguments.wish().is_named() {
            true => new.ip == self.wanted.ip && self.wanted.asn.is_none_or(|asn| new.asn == Some(asn)),
            false => !self.is_observed || !contradicts(&open.plan, seen(&self.wanted)),
        }
    }

    async fn is_given_up(&self) -> Result<bool, Failure> {
        Ok(match self.replacer.abandon().await? {
            Abandoned::Yes { .. } => true,
            Abandoned::NotSafe(why) => {
                self.context.output.progress(&format!("not given up yet: {why}"));
                false
            }
        })
    }

    /// The work itself, with an eye on the device and on signals.
    async fn work(&self, draft: Option<Draft>) -> Result<Report, Failure> {
        let mut signals = Signals::listen().map_err(Failure::system)?;
        let began = self.context.clock.uptime();
        let decision = draft.as_ref().map(|draft| draft.decision.clone());
        self.note_present(Some(&self.wanted));
        let work = async {
            match &draft {
                Some(draft) => self.replacer.begin(draft).await,
                None => self.replacer.carry_on(None).await,
            }
        };
        let ended = tokio::select! {
            ended = work => Some(ended?),
            () = self.watch_the_device() => None,
            () = told_to_end(&mut signals) => None,
        };
        let millis = (self.context.clock.uptime() - began).as_millis();
        Report::of(&self.executor().journal.borrow(), ended, decision, millis)
    }

    async fn tell(&self, report: &Report) -> Exit {
        let new_ids: Vec<String> = report.connections.iter().map(|moved| moved.new_id.clone()).collect();
        let snippets = match (&report.plan, report.is_done() && !self.context.output.json) {
            (Some(plan), true) => device::snippets(&self.executor().client, plan, &new_ids).await,
            _ => String::new(),
        };
        show_report(self.context, &self.survey, report, &self.region, &snippets)
    }

    /// What the device is, as far as it speaks against the plan that is open.
    fn note_present(&self, now: Option<&Wanted>) {
        let journal = self.executor().journal.borrow();
        let open = journal.progress().replacements.open.as_ref();
        self.present.set(match (now, open) {
            (Some(now), Some(open)) if self.is_observed && contradicts(&open.plan, seen(now)) => Present::Is(now.ip, now.asn),
            _ => Present::Unknown,
        });
    }

    /// Never ends: keeps up to date what the device is, so that a second change is noticed before the next step that can hurt.
    async fn watch_the_device(&self) {
        if self.arguments.to.is_some() || self.arguments.asn.is_some() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(LOOK).await;
            if let Ok(survey) = self.context.survey(self.survey.settings.clone()).await {
                self.note_present(survey.wanted().as_ref());
            }
        }
    }
}

fn seen(wanted: &Wanted) -> Seen {
    Seen { ip: Some(wanted.ip), asn: wanted.asn }
}

/// A hang-up is a session that broke off: the work goes on.
async fn told_to_end(signals: &mut Signals) {
    while signals.next().await == Signal::Reload {}
}

/// Why something stops that no waiting helps: a gate, or somebody else's hand.
pub(super) const REFUSALS: &[&str] = &["drift", "working_tunnel", "changed_again", "owner", "in_use", "address_taken", "gone", "quota"];

/// For matching on how it ended.
pub(super) fn is_a_refusal(ended: &Ended) -> bool {
    matches!(ended, Ended::Stopped(stopped) if REFUSALS.contains(&stopped.reason.as_str()))
}
