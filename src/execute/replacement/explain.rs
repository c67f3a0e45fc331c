//! Why a tunnel does not come up, in one sentence with what to do: the cloud's own diagnosis, its log, and what we can see.

use super::Course;
use crate::cloud::peer::Diagnosis;
use crate::model::{Op, PlannedStep};
use crate::plan::replacement::next::{Reads, View};
use std::fmt::Write;

/// Minutes of the connection's log that are read (cloud/api.md 2.8: at most 10).
const MINUTES: u8 = 10;

impl Course<'_> {
    /// Never fails: what cannot be read is left out.
    pub(super) async fn explain(&self, step: &PlannedStep, reads: &Reads) -> String {
        let Op::Verify { connection, index } = &step.op else { return String::new() };
        let (id, tunnel) = self.names(connection, *index, reads);
        let what = tunnel.as_ref().map_or_else(|| id.clone(), |tunnel| format!("tunnel {tunnel} of {id}"));
        let state = reads.connection.as_ref().and_then(Option::as_ref).map(|(shape, _)| match *index {
            0 => shape.status.clone(),
            index => shape.tunnels.iter().find(|tunnel| tunnel.index == index).map(|tunnel| tunnel.status.clone()).unwrap_or_default(),
        });
        let seconds = self.plan.verify_ms / 1000;
        let mut text = format!("{what} did not come up within {seconds} s (the cloud says {})", state.as_deref().unwrap_or("nothing"));
        let client = &self.replacer.executor.client;
        match client.diagnosis(&self.plan.region, &id, tunnel.as_deref()).await {
            Ok(found) => found.first().into_iter().for_each(|diagnosis| told(&mut text, diagnosis)),
            Err(error) => tracing::debug!(%error, "no diagnosis"),
        }
        match client.connection_logs(&self.plan.region, &id, tunnel.as_deref(), MINUTES).await {
            Ok(lines) => {
                if let Some(line) = lines.iter().rev().find(|line| is_telling(line)) {
                    let _ = write!(text, "; its log says: {}", line.trim());
                }
            }
            Err(error) => tracing::debug!(%error, "no log"),
        }
        text
    }

    fn names(&self, connection: &str, index: u8, reads: &Reads) -> (String, Option<String>) {
        let id = {
            let journal = self.replacer.executor.journal.borrow();
            let progress = journal.progress().replacements.open.as_ref();
            let view = progress.map(|progress| View { progress, snapshot: self.snapshot, owner: &self.replacer.owner });
            view.map_or_else(|| connection.to_owned(), |view| view.connection_id(connection))
        };
        let shown = reads.connection.as_ref().and_then(Option::as_ref).map(|(shape, _)| shape);
        let tunnel = shown.and_then(|shape| shape.tunnels.iter().find(|tunnel| tunnel.index == index)).map(|tunnel| tunnel.id.clone());
        (id, tunnel)
    }
}

fn told(text: &mut String, diagnosis: &Diagnosis) {
    let reason = if diagnosis.reason.is_empty() { &diagnosis.code } else { &diagnosis.reason };
    if !reason.is_empty() {
        let _ = write!(text, ": {}", reason.trim_end_matches('.'));
    }
    if !diagnosis.local.is_empty() || !diagnosis.remote.is_empty() {
        let _ = write!(text, " (cloud: {}, device: {})", diagnosis.local, diagnosis.remote);
    }
    if let Some(remedy) = remedy(&diagnosis.code) {
        let _ = write!(text, "; {remedy}");
    }
}

/// What the device's side can do, by the family of the cloud's code. The codes are not documented, so their words decide.
fn remedy(code: &str) -> Option<&'static str> {
    let code = code.to_ascii_lowercase();
    let families = [
        ("localid", "the device expects another identity of the cloud's side: give it the cloud's present address as peer and identity"),
        ("psk", "compare the pre-shared key on the device with the cloud's"),
        ("id", "the device calls itself otherwise than the cloud's RemoteId says: set its local identity"),
        ("response", "the cloud reaches nobody at the new address: check UDP 500 and 4500 and that the device listens there"),
        ("timeout", "the cloud reaches nobody at the new address: check UDP 500 and 4500 and that the device listens there"),
        ("proposal", "the two sides share no proposal: compare the IKE and IPsec algorithms"),
        ("algorithm", "the two sides share no proposal: compare the IKE and IPsec algorithms"),
    ];
    families.iter().find(|(family, _)| code.contains(family)).map(|(_, remedy)| *remedy)
}

fn is_telling(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["fail", "no response", "mismatch", "error", "refus", "retransmit", "giving up"].iter().any(|word| line.contains(word))
}
