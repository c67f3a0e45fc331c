//! The address has to hold before it is acted on, also where no daemon has watched it.

use super::alone::seen;
use crate::cli::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::survey::Survey;
use crate::daemon::replacement::policy::Seen;
use crate::model::{Agreement, Settings};
use std::net::Ipv4Addr;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(2);
/// Changes of mind that are waited out.
const RESTARTS: u32 = 10;

/// Reads the sources until they have given the same for `[address] settle`. A daemon that saw it hold has done that already.
pub async fn held(context: &Context, mut survey: Survey) -> Result<Survey, Failure> {
    let settle = survey.settings.address.settle;
    if survey.is_settled() || survey.wanted().is_none() {
        return Ok(survey);
    }
    for _ in 0..RESTARTS {
        let first = (survey.examined.address.as_ref().map(|address| address.value), survey.examined.asn.as_ref().map(|asn| asn.asn));
        let began = tokio::time::Instant::now();
        let address = first.0.map(|address| address.to_string()).unwrap_or_default();
        context.output.progress(&format!("waiting until {address} has held for {} s (`[address] settle`)", settle.as_secs()));
        loop {
            let left = settle.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(survey);
            }
            tokio::time::sleep(left.min(LOOK)).await;
            survey = context.survey(survey.settings).await?;
            let now = (survey.examined.address.as_ref().map(|address| address.value), survey.examined.asn.as_ref().map(|asn| asn.asn));
            if now != first {
                break;
            }
        }
    }
    Err(Failure::new(Exit::Refused, "the address does not hold still", "`cgwd check` shows what each source says"))
}

/// Whether what is read keeps speaking against something for `[address] settle`, and what was read last. What flickers does not.
pub async fn keeps(
    context: &Context,
    settings: &Settings,
    first: Seen,
    speaks_against: impl Fn(Seen) -> bool,
) -> Result<(bool, Seen), Failure> {
    let settle = settings.address.settle;
    let began = tokio::time::Instant::now();
    context
        .output
        .progress(&format!("the device reads otherwise than the open replacement; waiting {} s whether it stays so", settle.as_secs()));
    loop {
        let left = settle.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Ok((true, first));
        }
        tokio::time::sleep(left.min(LOOK)).await;
        let now = seen(&context.survey(settings.clone()).await?);
        if now != first || !speaks_against(now) {
            return Ok((false, now));
        }
    }
}

/// The same of an address that a person gave: where the device does not have it, only a planned move goes there.
pub fn attested_by_person(survey: &Survey, to: Ipv4Addr, planned: bool) -> Result<String, String> {
    let read = seen(survey).ip;
    if planned || read == Some(to) {
        return Ok(format!("{to} is a person's word (`--to`)"));
    }
    let read = read.map_or_else(|| "no address".to_owned(), |read| read.to_string());
    Err(format!("this device has {read} at this moment; `--planned` says that it is moved to {to}"))
}

/// How the address came to be believed, in words for a gate.
pub fn attested(survey: &Survey) -> Result<String, String> {
    let Some(address) = &survey.examined.address else { return Err("no source gave an address".to_owned()) };
    let sources = survey.settings.address.sources.len();
    Ok(match survey.settings.address.agreement {
        Agreement::First if sources == 1 => format!("{} from {} alone: a single source", address.value, address.source),
        Agreement::First => format!("{} from {}, the first of {sources} sources that answered", address.value, address.source),
        Agreement::All => format!("{} from all {sources} sources", address.value),
        Agreement::Quorum(least) => format!("{} from at least {least} of {sources} sources", address.value),
    })
}
