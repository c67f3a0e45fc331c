//! VPN gateways (cloud/api.md 2.2): read only, they come from the seed.

use super::check;
use super::customer_gateway::shown_tags;
use super::objects::{Objects, VpnGateway};
use super::request::Request;
use super::response::{ApiError, Reply};
use crate::model::Timestamp;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

pub const NOT_FOUND: &str = "InvalidVpnGatewayInstanceId.NotFound";

pub fn describe(objects: &Objects, request: &Request, now: Timestamp) -> Reply {
    let gateway = objects.vpn_gateway(request.required("VpnGatewayId")?).ok_or_else(|| ApiError::not_found(NOT_FOUND))?;
    Ok(shown(gateway, now))
}

/// Whether a change of the gateway, its connections or its routes may begin.
pub fn changeable(gateway: &VpnGateway, now: Timestamp) -> Result<(), ApiError> {
    if gateway.business_status == "FinancialLocked" {
        return Err(ApiError::new(400, "VpnGateway.FinancialLocked", "The specified service is financial locked."));
    }
    if gateway.is_busy(now) {
        return Err(ApiError::new(400, "VpnGateway.Configuring", "The specified service is configuring."));
    }
    Ok(())
}

/// It is `updating` until then.
pub fn occupy(objects: &mut Objects, id: &str, until: Timestamp) {
    objects.vpn_gateways.iter_mut().filter(|own| own.id == id).for_each(|own| own.busy_until = Some(until));
}

pub fn list(objects: &Objects, request: &Request, now: Timestamp) -> Reply {
    let page = check::page(request)?;
    let is = |parameter: &str, value: &str| request.filter(parameter).is_none_or(|wanted| wanted == value);
    let wanted = |gateway: &&VpnGateway| {
        is("VpnGatewayId", &gateway.id)
            && is("VpcId", &gateway.vpc)
            && is("Status", gateway.status(now))
            && is("BusinessStatus", &gateway.business_status)
            && is("ResourceGroupId", &gateway.resource_group)
            && is("GatewayType", GATEWAY_TYPE)
            && check::bears(&gateway.tags, request)
    };
    let found: Vec<_> = objects.vpn_gateways.iter().filter(wanted).collect();
    let total = found.len();
    let shown: Vec<_> = page.of(found).into_iter().map(|gateway| shown(gateway, now)).collect();
    Ok(page.answer(total, "VpnGateways", "VpnGateway", shown))
}

const GATEWAY_TYPE: &str = "Traditional";

/// Gateways are prepaid or billed by use; ours end ten years after they were made.
const LIFE: SignedDuration = SignedDuration::from_hours(24 * 3652);

fn shown(gateway: &VpnGateway, now: Timestamp) -> Value {
    // `Tag` is JSON in a string (cloud/api.md 2.2).
    let details = json!({"VpnEnableBgp": gateway.bgp.to_string(), "VisuallySsl": "true", "PbrPriority": "true", "VpnNewImage": "true", "VpnVersion": "v1.2.1"});
    let mut fields = json!({
        "VpnGatewayId": gateway.id, "Name": gateway.name, "Description": gateway.description,
        "Status": gateway.status(now), "BusinessStatus": gateway.business_status,
        "NetworkType": gateway.network_type, "VpnType": gateway.vpn_type, "GatewayType": GATEWAY_TYPE,
        "InternetIp": gateway.internet_ip, "VpcId": gateway.vpc, "VSwitchId": gateway.vswitch,
        "Spec": gateway.spec, "IpsecVpn": "enable", "SslVpn": "disable", "SslMaxConnections": 0,
        "EnableBgp": gateway.bgp, "AutoPropagate": gateway.auto_propagate, "ChargeType": "POSTPAY",
        "CreateTime": gateway.created.as_millisecond(), "EndTime": gateway.created.saturating_add(LIFE).map_or(0, |end| end.as_millisecond()),
        "ResourceGroupId": gateway.resource_group, "Tag": details.to_string(),
        "Tags": {"Tag": shown_tags(&gateway.tags)}, "EniInstanceIds": {"EniInstanceId": []},
    });
    if let (Some(ip), Value::Object(fields)) = (&gateway.disaster_recovery_ip, &mut fields) {
        let second = Map::from_iter([
            ("DisasterRecoveryInternetIp".to_owned(), Value::from(ip.as_str())),
            ("DisasterRecoveryVSwitchId".to_owned(), Value::from(gateway.disaster_recovery_vswitch.as_deref().unwrap_or_default())),
        ]);
        fields.extend(second);
    }
    fields
}
