//! How often calls may come: per account, region and operation in 60 seconds (cloud/api.md 3.1).
//!
//! How the cloud counts is not documented; here a call is let in while fewer than the limit were let in during the
//! 60 seconds before it.

use super::response::ApiError;
use crate::model::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

const PERIOD: Duration = Duration::from_secs(60);

/// The calls of the last minute, by operation.
#[derive(Clone, Default)]
pub struct Rates(BTreeMap<String, VecDeque<Timestamp>>);

impl Rates {
    /// Counts a call, or tells how long to wait.
    pub fn admit(&mut self, action: &str, now: Timestamp) -> Result<(), Duration> {
        let Some(limit) = per_minute(action) else { return Ok(()) };
        let calls = self.0.entry(action.to_owned()).or_default();
        while calls.front().is_some_and(|oldest| *oldest + PERIOD <= now) {
            calls.pop_front();
        }
        if let Some(oldest) = calls.front().filter(|_| calls.len() >= limit) {
            return Err((*oldest + PERIOD).duration_since(now).try_into().unwrap_or(PERIOD));
        }
        calls.push_back(now);
        Ok(())
    }
}

pub fn throttled() -> ApiError {
    ApiError::new(400, "Throttling.User", "Request was denied due to user flow control.")
}

/// `None` where the help page has no row that was seen.
fn per_minute(action: &str) -> Option<usize> {
    match action {
        "CreateCustomerGateway"
        | "DeleteCustomerGateway"
        | "ModifyCustomerGatewayAttribute"
        | "ModifyTunnelAttribute"
        | "ModifyVpnRouteEntryWeight"
        | "ModifyVpnPbrRouteEntryWeight"
        | "ModifyVcoRouteEntryWeight"
        | "GetVpnGatewayDiagnoseResult" => Some(120),
        "DescribeCustomerGateways"
        | "DescribeVpnConnection"
        | "DescribeVpnConnections"
        | "DescribeVpnGateway"
        | "DescribeVpnAttachments"
        | "DescribeVcoRouteEntries"
        | "DescribeVpnPbrRouteEntries"
        | "DescribeVpnConnectionLogs" => Some(600),
        "CreateVpnPbrRouteEntry" | "PublishVpnRouteEntry" | "DeleteVpnRouteEntry" | "DeleteVcoRouteEntry" | "CreateVpnGateway" => Some(60),
        "ListTagResources" | "UnTagResources" => Some(300),
        "DownloadVpnConnectionConfig" => Some(30),
        _ => None,
    }
}
