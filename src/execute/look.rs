//! Reading the region, and remembering what was missing.

use super::{ExecuteError, Executor};
use crate::cloud::error::CloudError;
use crate::model::Inventory;
use crate::plan::{LATE_EFFECT, Owner, effect_of};

impl Executor {
    /// One reading of the region. The gateway that we know as ours is asked for by its id where the list lacks it: a list
    /// can lag behind.
    pub async fn look(&self, region: &str, connections: bool) -> Result<Inventory, ExecuteError> {
        Ok(self.read(region, connections).await?)
    }

    async fn read(&self, region: &str, connections: bool) -> Result<Inventory, CloudError> {
        let mut customer_gateways = self.client.customer_gateways(region).await?;
        let known = self.journal.borrow().progress().registered.clone().filter(|known| known.region == region);
        if let Some(known) = known.filter(|known| customer_gateways.iter().all(|gateway| gateway.id != known.id)) {
            customer_gateways.extend(self.client.customer_gateway(region, &known.id).await?);
        }
        let listed = if connections { self.client.ipsec_connections(region).await? } else { Vec::new() };
        Ok(Inventory {
            region: region.to_owned(),
            read_at: self.clock.now(),
            customer_gateways,
            connections: listed,
            connections_read: connections,
        })
    }

    /// An absence counts only where it is seen twice; this is the first sight's time.
    pub(super) fn remember_absences(&self, owner: &Owner, inventory: &Inventory) {
        let now = self.clock.now();
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
            match (effect_of(pending, owner, inventory).is_some(), pending.absent_since) {
                (true, _) => pending.absent_since = None,
                // An absence before the request is dead proves nothing, so it does not start the count.
                (false, None) if now >= pending.last_sent + LATE_EFFECT => pending.absent_since = Some(now),
                (false, _) => {}
            }
        }
    }
}
