//! From the configuration and what was observed to a replacement that can be drafted and carried out: what the daemon and
//! `cgwd replace` share.

use super::want::Wanted;
use crate::execute::replacement::{Asked, Notice, Present, Replacer, SuppliedKey};
use crate::execute::{ExecuteError, Executor, Want};
use crate::journal::replay::ReplacementProgress;
use crate::model::{Asn, Finding, Op, Order, OrderChoice, Settings, StrategyChoice};
use crate::plan::replacement::{Evidence, Manner};
use crate::plan::{Desired, Owner};
use crate::system::seal::SealKey;
use crate::system::secret_file;
use crate::validate;
use jiff::SignedDuration;
use jiff::civil::DateTime;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

/// What a person adds to the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// In the place of what is observed.
    pub to: Option<Ipv4Addr>,
    pub asn: Option<Asn>,
    /// Tunnels that work may be interrupted.
    pub planned: bool,
    /// The documented order, whatever the configuration says, and also where nothing proves first that a customer gateway can be made.
    pub documented: bool,
}

impl Wish {
    /// Whether a person names the address or the ASN.
    pub fn is_named(&self) -> bool {
        self.to.is_some() || self.asn.is_some()
    }

    /// What is wanted, with the person's word in the place of what was observed.
    pub fn apply(&self, wanted: &Wanted) -> Wanted {
        let mut wanted = wanted.clone();
        if let Some(ip) = self.to {
            wanted.ip = ip;
        }
        wanted.asn = self.asn.or(wanted.asn);
        wanted
    }
}

/// What the rules say where a person has a word in it: what they name is held against the same rules as what was observed.
pub fn findings_with(wish: Wish, settings: &Settings, observed: &[Finding]) -> Vec<Finding> {
    let mut findings = observed.to_vec();
    if let Some(to) = wish.to {
        findings.retain(|finding| !finding.code.starts_with("address."));
        findings.extend(validate::address(to.into(), settings.address.network));
    }
    if let Some(asn) = wish.asn {
        findings.retain(|finding| !finding.code.starts_with("asn."));
        findings.extend(validate::asn(asn));
    }
    findings
}

pub fn manner(settings: &Settings, wish: Wish) -> Manner {
    let replacement = &settings.replacement;
    let documented = wish.documented || replacement.order == OrderChoice::Documented;
    Manner {
        order: if documented { Order::Documented } else { Order::NewFirst },
        recreate: replacement.strategy == StrategyChoice::Recreate,
        planned: wish.planned,
        unproven: wish.documented,
        rollback: replacement.rollback,
        recheck_ms: millis(replacement.recheck),
        verify_ms: millis(replacement.verify_timeout),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// `settled` and `attested` say how the address came to be believed, or why it is not; `local` is the device's local time.
pub fn evidence(
    settings: &Settings,
    settled: Result<String, String>,
    attested: Result<String, String>,
    local: DateTime,
    by_person: bool,
) -> Evidence {
    let window = settings.replacement.window.as_ref().map(|window| match window.allows(local) {
        true => Ok(format!("{window} is open")),
        false => Err(match window.next_opening(local) {
            Some(opens) => format!("{window} is closed; it opens at {opens} (local time)"),
            None => format!("{window} is closed"),
        }),
    });
    Evidence {
        settled,
        attested,
        max_per_day: settings.replacement.max_per_day,
        by_person,
        window,
        clock_offset: SignedDuration::ZERO,
        free_bytes: None,
        dry_run: None,
    }
}

pub fn asked(settings: &Settings, want: Want, wish: Wish, evidence: Evidence, id: String, writes: bool) -> Result<Asked, ExecuteError> {
    Ok(Asked { want, manner: manner(settings, wish), evidence, keys: keys(settings)?, id, dry_run: writes })
}

/// The pre-shared keys of `[[replacement.secret]]`, read where they lie. One of a tunnel counts before one of its connection.
fn keys(settings: &Settings) -> Result<Vec<SuppliedKey>, ExecuteError> {
    let mut secrets: Vec<_> = settings.replacement.secrets.iter().collect();
    secrets.sort_by_key(|secret| secret.tunnel.is_some());
    let read = secrets.into_iter().map(|secret| {
        let psk = secret_file::read(&secret.psk_file, crate::facts::names::psk)?;
        Ok(SuppliedKey { connection: secret.connection.clone(), tunnel: secret.tunnel.clone(), psk })
    });
    read.collect()
}

/// 16 hexadecimal digits that name a plan.
pub fn plan_id(executor: &Executor) -> String {
    let journal = executor.journal.borrow();
    let begun = journal.progress().replacements.begun.len();
    let text = format!("{}\n{}\n{}\n{begun}", journal.progress().journal_id, executor.clock.now(), executor.clock.uptime());
    crate::plan::client_token("plan", "", &text, 0).chars().skip("cgwd-".len()).take(16).collect()
}

/// The one who carries it out.
pub fn replacer(
    executor: &Executor,
    owner: &Owner,
    seal: &Rc<SealKey>,
    desired: &Desired,
    present: Rc<dyn Fn() -> Present>,
    watch: Rc<dyn Fn(Notice)>,
) -> Replacer {
    Replacer {
        executor: executor.clone(),
        owner: owner.clone(),
        seal: Rc::clone(seal),
        desired: Rc::new(desired.clone()),
        present,
        watch,
        calls: Rc::default(),
        agreed: Rc::default(),
    }
}

/// What has become of each connection of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub old_id: String,
    pub new_id: String,
    pub strategy: &'static str,
    pub verified: bool,
}

/// With those that an earlier plan has moved, and this one ends it.
pub fn moved(progress: &ReplacementProgress) -> Vec<Moved> {
    let earlier = progress.plan.moved_before.iter().map(|moved| Moved {
        old_id: moved.old_id.clone(),
        new_id: moved.new_id.clone(),
        strategy: if moved.new_id == moved.old_id { "rebind" } else { "recreate" },
        verified: moved.works,
    });
    progress.plan.connections().into_iter().map(|id| moved_one(progress, id)).chain(earlier).collect()
}

fn moved_one(progress: &ReplacementProgress, id: &str) -> Moved {
    let of_it = |op: &Op| op.connection() == Some(id);
    let steps = || progress.plan.steps().filter(|step| of_it(&step.op));
    let made = steps().find(|step| matches!(step.op, Op::CreateConnection { .. }));
    let verifies: Vec<_> = steps().filter(|step| matches!(step.op, Op::Verify { .. })).collect();
    let is_proven = |step: &crate::model::PlannedStep| progress.is_proven(&step.id);
    Moved {
        old_id: id.to_owned(),
        new_id: made.and_then(|step| progress.step(&step.id).id).unwrap_or_else(|| id.to_owned()),
        strategy: if made.is_some() { "recreate" } else { "rebind" },
        // What cannot come up, because it is bound to nothing, is verified by what the cloud shows of it.
        verified: if verifies.is_empty() { steps().all(is_proven) } else { verifies.into_iter().all(is_proven) && works(progress, id) },
    }
}

/// Whether a connection was seen to work with any of its tunnels. One that cannot come up, because it is bound to nothing, counts.
pub fn works(progress: &ReplacementProgress, connection: &str) -> bool {
    let verified = |op: &Op| match op {
        Op::Verify { connection: own, index } if own == connection => Some(*index),
        _ => None,
    };
    let mut indexes = progress.plan.steps().filter_map(|step| verified(&step.op)).peekable();
    indexes.peek().is_none() || indexes.any(|index| progress.came_up(connection, index))
}
