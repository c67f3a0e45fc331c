//! Reads what a step has to be judged by, and no more.

use super::super::Executor;
use crate::cloud::error::CloudError;
use crate::facts::states::VPN_GATEWAY_READY;
use crate::plan::replacement::next::{Need, Reads};
use jiff::SignedDuration;

/// An older reading tells nothing of what is there now.
const FRESH: SignedDuration = SignedDuration::from_secs(1);

/// What was read, what for, and when the oldest of it was, in time since boot.
#[derive(Debug)]
pub struct Reading {
    pub reads: Reads,
    needs: Vec<Need>,
    at: SignedDuration,
}

impl Reading {
    /// Takes over what it has of this; whether it has it.
    fn gives(&self, need: &Need, reads: &mut Reads) -> bool {
        if !self.needs.contains(need) {
            return false;
        }
        let known = &self.reads;
        match need {
            Need::Connection(_) => reads.connection.clone_from(&known.connection),
            Need::VpnGateway(_) => reads.vpn_gateway.clone_from(&known.vpn_gateway),
            Need::CustomerGateways => reads.customer_gateways.clone_from(&known.customer_gateways),
            Need::CustomerGateway(_) => reads.customer_gateway.clone_from(&known.customer_gateway),
            Need::Routes(_) => reads.routes.clone_from(&known.routes),
            Need::Policies(_) => reads.policies.clone_from(&known.policies),
            Need::ConnectionRoutes(_) => reads.connection_routes.clone_from(&known.connection_routes),
            Need::Attachment(..) => reads.attachment.clone_from(&known.attachment),
            Need::Connections => reads.connections.clone_from(&known.connections),
        }
        true
    }
}

impl Executor {
    pub(super) async fn look_for(&self, region: &str, needs: &[Need]) -> Result<Reads, CloudError> {
        Ok(self.look_further(region, needs.to_vec(), None).await?.reads)
    }

    /// Reads what `last` does not have, where that is still fresh: a whole reading that showed a change of ours to be over, with
    /// nothing of ours after it.
    pub(super) async fn look_further(&self, region: &str, needs: Vec<Need>, last: Option<&Reading>) -> Result<Reading, CloudError> {
        let now = self.clock.uptime();
        let last = last.filter(|last| now < last.at + FRESH);
        let mut reads = Reads::default();
        let missing: Vec<&Need> = needs.iter().filter(|need| !last.is_some_and(|last| last.gives(need, &mut reads))).collect();
        let at = last.filter(|_| missing.len() < needs.len()).map_or(now, |last| last.at);
        self.read_missing(region, &missing, &mut reads).await?;
        Ok(Reading { reads, needs, at })
    }

    async fn read_missing(&self, region: &str, needs: &[&Need], reads: &mut Reads) -> Result<(), CloudError> {
        // While a change runs there, nothing else is worth a call.
        for need in needs {
            if let Need::VpnGateway(id) = need {
                // A gateway that is gone took everything with it; the connection's own reading tells.
                reads.vpn_gateway = self.client.vpn_gateway(region, id).await?.map(|gateway| gateway.status);
                if reads.vpn_gateway.as_deref().is_some_and(|status| status != VPN_GATEWAY_READY) {
                    return Ok(());
                }
            }
        }
        for need in needs {
            match need {
                Need::Connection(id) => reads.connection = Some(self.client.whole_connection(region, id).await?),
                Need::VpnGateway(_) => {}
                Need::CustomerGateways => reads.customer_gateways = Some(self.client.customer_gateways(region).await?),
                Need::CustomerGateway(id) => reads.customer_gateway = Some(self.client.customer_gateway(region, id).await?),
                Need::Routes(gateway) => reads.routes = Some(self.client.destination_routes(region, gateway).await?),
                Need::Policies(gateway) => reads.policies = Some(self.client.policy_routes(region, gateway).await?),
                Need::ConnectionRoutes(id) => {
                    reads.connection_routes = Some(match self.client.connection_routes(region, id).await {
                        // A connection that is gone took them with it; its own reading tells.
                        Err(error) if error.is_not_found() => Vec::new(),
                        read => read?,
                    });
                }
                Need::Attachment(router, connection) => {
                    reads.attachment = Some(self.client.router_attachment(region, router, connection).await?);
                }
                Need::Connections => reads.connections = Some(self.client.ipsec_connections(region).await?),
            }
        }
        Ok(())
    }
}
