//! DeleteVpnConnection and DeleteVpnAttachment.

use super::{begin, idle};
use crate::model::Timestamp;
use crate::simulator::objects::{Carrier, Objects, Pending, Then};
use crate::simulator::region::Region;
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use crate::simulator::routes;
use crate::simulator::switches::DanglingRoutes;
use serde_json::json;

/// Asynchronous; keeps its VPN gateway `updating` meanwhile.
pub fn on_vpn_gateway(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let connection = idle(region.objects(), request)?;
    let Carrier::VpnGateway(carrier) = connection.carrier.clone() else {
        return Err(ApiError::illegal("VpnConnectionId"));
    };
    if region.objects().vpn_gateway(&carrier).is_some_and(|gateway| gateway.is_busy(now)) {
        return Err(ApiError::new(400, "VpnGateway.Configuring", "The specified service is configuring."));
    }
    let until = now + region.switches.gateway_change();
    let id = connection.id.clone();
    routes::may_be_orphaned(region, &id)?;
    let objects = region.change(now);
    for connection in objects.connections.iter_mut().filter(|connection| connection.id == id) {
        begin(connection, "updating", "deleting", Pending { until, then: Then::Gone });
    }
    objects.vpn_gateways.iter_mut().filter(|own| own.id == carrier).for_each(|own| own.busy_until = Some(until));
    Ok(json!({}))
}

/// At once, but only where no transit router holds it.
pub fn attachment(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let connection = idle(region.objects(), request)?;
    match connection.carrier {
        Carrier::VpnGateway(_) => return Err(ApiError::illegal("VpnConnectionId")),
        Carrier::TransitRouter(_) => {
            let message = "The IPsec connection is attached to a transit router.";
            return Err(ApiError::new(400, "DependencyViolation.TransitRouter", message));
        }
        Carrier::Unbound => {}
    }
    let (id, dangling) = (connection.id.clone(), region.switches.dangling_routes);
    routes::may_be_orphaned(region, &id)?;
    let objects = region.change(now);
    objects.connections.retain(|connection| connection.id != id);
    outlive(objects, dangling);
    Ok(json!({"Code": "200", "Success": true, "Message": "successful"}))
}

/// What is left of its surroundings once a connection is gone.
pub fn outlive(objects: &mut Objects, dangling: DanglingRoutes) {
    routes::outlive(objects, dangling);
    let Objects { connections, authorizations, .. } = objects;
    authorizations.retain(|own| connections.iter().any(|connection| connection.id == own.connection));
}
