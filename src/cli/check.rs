//! `cgwd check`: what this device is, and whether the cloud would have it.

use super::Context;
use super::exit::{Exit, Failure};
use super::output::{Output, Tone};
use super::plan_text::{findings_text, heading};
use super::survey::Survey;
use super::ways_out::WaysOut;
use crate::model::{Finding, Observation, Reading};
use serde_json::{Value, json};
use std::fmt::Display;

pub async fn run(context: &Context) -> Result<Exit, Failure> {
    let survey = context.survey(context.load()?.settings).await?;
    let ways = WaysOut::look(&survey).await;
    let findings = [survey.examined.findings.as_slice(), &ways.findings].concat();
    let ok = !findings.iter().any(Finding::is_error);
    let addresses = survey.observed.addresses.iter().map(observation);
    let observations: Vec<Value> = addresses.chain(survey.observed.asn.iter().map(observation)).collect();
    let document = json!({
        "schema": 1,
        "ok": ok,
        "device": survey.settings.device,
        "address": survey.address_document(),
        "asn": survey.asn_document(),
        "observations": observations,
        "findings": findings,
    });
    context.output.result(&document, |output| {
        let unseen = ways.unseen.as_ref().map_or_else(String::new, |why| {
            format!("\nIPsec policies cannot be seen ({why}), so whether one takes the sources along is not known; root sees them\n")
        });
        text(output, &survey, &document, ok) + &unseen
    });
    Ok(if ok { Exit::Done } else { Exit::of_blocked(&findings) })
}

fn observation<T: Display>(reading: &Reading<T>) -> Value {
    let (value, error) = match &reading.value {
        Observation::Known(value) => (Some(value.to_string()), None),
        Observation::Unknown(why) => (None, Some(why.clone())),
        Observation::Conflicting(values) => (None, Some(format!("several values: {}", list(values)))),
    };
    json!({"source": reading.source, "value": value, "error": error, "millis": reading.took.as_millis() as u64})
}

fn list<T: Display>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

fn text(output: &Output, survey: &Survey, document: &Value, ok: bool) -> String {
    let mut text = heading(output, document);
    text += "\nsources\n";
    for reading in &survey.observed.addresses {
        text += &line(output, reading);
    }
    for reading in &survey.observed.asn {
        text += &line(output, reading);
    }
    text += &findings_text(output, &document["findings"]);
    text += &match ok {
        true => output.paint(Tone::Good, "\nusable: the cloud would accept this device\n"),
        false => output.paint(Tone::Bad, "\nnot usable as it is: see the errors above\n"),
    };
    text
}

fn line<T: Display>(output: &Output, reading: &Reading<T>) -> String {
    let says = match &reading.value {
        Observation::Known(value) => output.paint(Tone::Good, &value.to_string()),
        Observation::Unknown(why) => output.paint(Tone::Caution, why),
        Observation::Conflicting(values) => output.paint(Tone::Bad, &format!("several values: {}", list(values))),
    };
    format!("  {:<32} {says} ({} ms)\n", reading.source, reading.took.as_millis())
}
