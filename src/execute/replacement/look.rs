//! Reads what a step has to be judged by, and no more.

use super::super::Executor;
use crate::cloud::error::CloudError;
use crate::facts::states::VPN_GATEWAY_READY;
use crate::plan::replacement::next::{Need, Reads};

impl Executor {
    pub(super) async fn look_for(&self, region: &str, needs: &[Need]) -> Result<Reads, CloudError> {
        let mut reads = Reads::default();
        // While a change runs there, nothing else is worth a call.
        for need in needs {
            if let Need::VpnGateway(id) = need {
                // A gateway that is gone took everything with it; the connection's own reading tells.
                reads.vpn_gateway = self.client.vpn_gateway(region, id).await?.map(|gateway| gateway.status);
                if reads.vpn_gateway.as_deref().is_some_and(|status| status != VPN_GATEWAY_READY) {
                    return Ok(reads);
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
        Ok(reads)
    }
}
