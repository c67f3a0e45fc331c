//! Reading the region, and remembering what was missing.

use super::{ExecuteError, Executor};
use crate::model::Inventory;
use crate::plan::{LATE_EFFECT, Owner, effect_of};

impl Executor {
    /// One reading of the region, with its connections where they are asked for. What the journal names and the list lacks is
    /// asked for by its id: the gateway that we know as ours, and what the open write is about. A list can lag behind, so it
    /// proves no absence.
    pub async fn look(&self, region: &str, connections: bool) -> Result<Inventory, ExecuteError> {
        let mut customer_gateways = self.client.customer_gateways(region).await?;
        for id in self.named_in(region) {
            if customer_gateways.iter().all(|gateway| gateway.id != id) {
                customer_gateways.extend(self.client.customer_gateway(region, &id).await?);
            }
        }
        let listed = if connections { self.client.ipsec_connections(region).await? } else { Vec::new() };
        self.place_sendings();
        Ok(Inventory {
            region: region.to_owned(),
            read_at: self.clock.now(),
            customer_gateways,
            connections: listed,
            connections_read: connections,
        })
    }

    /// Ids of customer gateways in this region that the journal relies on.
    fn named_in(&self, region: &str) -> Vec<String> {
        let journal = self.journal.borrow();
        let progress = journal.progress();
        let registered = progress.registered.iter().filter(|known| known.region == region).map(|known| &known.id);
        // That of a create is an address.
        let open = progress.pending.iter().filter(|open| open.region == region && open.action != "CreateCustomerGateway");
        let mut ids: Vec<String> = registered.chain(open.map(|open| &open.target)).cloned().collect();
        ids.dedup();
        ids
    }

    /// The answers have just told the cloud's time: enough to know how long ago the open write went out.
    fn place_sendings(&self) {
        let mut journal = self.journal.borrow_mut();
        let Some(pending) = &mut journal.progress_mut().pending else { return };
        for sending in [&mut pending.intended, &mut pending.last_sent] {
            sending.place(self.clock.boot(), self.clock.uptime(), self.client.cloud_time());
        }
    }

    /// An absence counts only where it is seen twice; this is the first sight's time.
    pub(super) fn remember_absences(&self, owner: &Owner, inventory: &Inventory) {
        let now = self.clock.uptime();
        let mut journal = self.journal.borrow_mut();
        let progress = journal.progress_mut();
        let shown = |id: &str| inventory.customer_gateways.iter().any(|gateway| gateway.id == id);
        let known = progress.registered.as_ref().filter(|known| known.region == inventory.region);
        if known.is_none_or(|known| shown(&known.id)) {
            progress.missing_since = None;
        } else if progress.missing_since.is_none() {
            progress.missing_since = Some(now);
        }
        if let Some(pending) = progress.pending.as_mut().filter(|pending| pending.region == inventory.region) {
            let is_dead = pending.last_sent.uptime.is_some_and(|sent| now >= sent + LATE_EFFECT);
            match (effect_of(pending, owner, inventory).is_some(), pending.absent_since) {
                (true, _) => pending.absent_since = None,
                // An absence before the request is dead proves nothing, so it does not start the count.
                (false, None) if is_dead => pending.absent_since = Some(now),
                (false, _) => {}
            }
        }
    }
}
