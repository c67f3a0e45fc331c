//! DownloadVpnConnectionConfig: what the device has to be configured with, seen from the device (cloud/api.md 2.3).

use super::{NOT_FOUND, parse};
use crate::simulator::device::{End, ends};
use crate::simulator::objects::{Ike, Objects};
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use serde_json::{Value, json};

/// Shows the pre-shared keys whatever the switch `MaskPsk` says, which is about other calls.
pub fn config(objects: &Objects, request: &Request) -> Reply {
    let connection = objects.connection(request.required("VpnConnectionId")?).ok_or_else(|| ApiError::not_found(NOT_FOUND))?;
    let own: Vec<End<'_>> = ends(objects).filter(|end| end.connection.id == connection.id).collect();
    let bgp: Vec<_> = own.iter().filter(|end| end.bgp.enable_bgp).map(bgp).collect();
    let mut config = match own.as_slice() {
        [single] if single.index == 0 => side(single),
        tunnels => {
            let tunnel = |end: &End<'_>| {
                let mut shown = side(end);
                shown["TunnelId"] = json!(end.id);
                shown
            };
            json!({"TunnelsConfig": {"TunnelConfig": tunnels.iter().map(tunnel).collect::<Vec<_>>()}})
        }
    };
    config["BgpConfigs"] = json!({"BgpConfig": bgp});
    config["LocalSubnet"] = json!(connection.remote_subnet);
    config["RemoteSubnet"] = json!(connection.local_subnet);
    Ok(json!({"VpnConnectionConfig": config}))
}

fn side(end: &End<'_>) -> Value {
    let ike = Ike { local_id: end.ike.remote_id.clone(), remote_id: end.local_id().to_owned(), ..end.ike.clone() };
    json!({
        "Local": end.customer.map(|customer| &customer.ip), "Remote": end.internet_ip,
        "IkeConfig": ike, "IpsecConfig": end.ipsec,
    })
}

fn bgp(end: &End<'_>) -> Value {
    json!({
        "LocalAsn": end.customer.and_then(|customer| customer.asn).map(|asn| asn.to_string()), "PeerAsn": end.bgp.local_asn.to_string(),
        "LocalBgpIp": parse::peer_bgp_ip(end.bgp), "PeerBgpIp": end.bgp.local_bgp_ip,
        "TunnelCidr": end.bgp.tunnel_cidr, "TunnelId": if end.index == 0 { "" } else { end.id },
    })
}
