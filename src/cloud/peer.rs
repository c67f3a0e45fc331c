//! What the cloud says about the other side of a connection: its diagnosis, its log, and how a device is to be configured
//! (cloud/api.md 2.3, 2.8).

use super::client::{Client, readable};
use super::error::{CloudError, printable};
use super::pages::{List, PAGE_SIZE};
use super::wire::{FieldError, Fields, Parameters};
use crate::facts::endpoints::Product;
use crate::model::Secret;

/// Why the cloud thinks that a tunnel does not come up. Texts are the cloud's, without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    pub code: String,
    pub reason: String,
    pub severity: String,
    /// What the cloud's side has where the two differ.
    pub local: String,
    /// What the device's side has there.
    pub remote: String,
    /// The line of the log that tells it.
    pub log: String,
}

/// How the device is to be configured, as DownloadVpnConnectionConfig says it: local is the device's side and remote the cloud's,
/// the other way round than in the connection itself (Go SDK vpc-20160428, download_vpn_connection_config_response_body_model.go,
/// 2026-08, which says so of a single-tunnel connection; of tunnels and of BGP it says nothing).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerConfiguration {
    /// Behind the device; several are separated by commas.
    pub local_subnet: String,
    /// Behind the cloud's side.
    pub remote_subnet: String,
    /// Two for a dual-tunnel connection, else one.
    pub tunnels: Vec<PeerTunnel>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTunnel {
    /// Empty for a single-tunnel connection.
    pub id: String,
    /// The device's address, as the customer gateway has it.
    pub local: String,
    /// Address of the cloud's side.
    pub remote: String,
    pub ike_version: String,
    pub ike_mode: String,
    pub ike_encryption: String,
    pub ike_authentication: String,
    pub ike_pfs: String,
    pub ike_lifetime: Option<u64>,
    pub ipsec_encryption: String,
    pub ipsec_authentication: String,
    pub ipsec_pfs: String,
    pub ipsec_lifetime: Option<u64>,
    /// Identity of the device.
    pub local_id: String,
    /// Identity of the cloud's side.
    pub remote_id: String,
    pub psk: Option<Secret>,
    /// `None` where the tunnel speaks no BGP.
    pub bgp: Option<PeerBgp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerBgp {
    pub local_asn: String,
    pub local_ip: String,
    pub peer_asn: String,
    pub peer_ip: String,
    pub tunnel_cidr: String,
}

/// More lines than this explain nothing more.
const MOST_LINES: usize = 200;
/// Pages of a log that are read for its last lines; nobody's log of ten minutes should be longer.
const MOST_PAGES: usize = 40;

impl Client {
    /// DiagnoseVpnConnections of one tunnel, or of a single-tunnel connection: what the cloud finds wrong, nothing where it
    /// finds nothing.
    ///
    /// # Errors
    /// Where a call fails, the list is not whole, or a row is about something else.
    pub async fn diagnosis(&self, region: &str, connection: &str, tunnel: Option<&str>) -> Result<Vec<Diagnosis>, CloudError> {
        let list = List::vpc("DiagnoseVpnConnections", region, "VpnConnections", "VpnConnection");
        let list = match tunnel {
            Some(tunnel) => list.with_list("TunnelIds", [tunnel]),
            None => list.with_list("VpnConnectionIds", [connection]),
        };
        let row = |fields: &Fields<'_>| {
            is_about(fields, "VpnConnectionId", Some(connection))?;
            is_about(fields, "TunnelId", tunnel)?;
            diagnosis(fields)
        };
        let rows = self.every_row(&list, row, |_| None).await?;
        Ok(rows.into_iter().filter(|found| !found.code.is_empty() || !found.reason.is_empty()).collect())
    }

    /// The last lines of a connection's log, 200 at most, of the last 1 to 10 minutes; `tunnel` for dual-tunnel ones. What the
    /// count in the answer counts is not documented (cloud/api.md 2.8), so a page that is not full is the last one.
    ///
    /// # Errors
    /// Where a call fails or its answer cannot be read.
    pub async fn connection_logs(
        &self,
        region: &str,
        connection: &str,
        tunnel: Option<&str>,
        minutes: u8,
    ) -> Result<Vec<String>, CloudError> {
        let action = "DescribeVpnConnectionLogs";
        let mut lines: Vec<String> = Vec::new();
        for number in 1..=MOST_PAGES {
            let query = Parameters::new()
                .with("RegionId", region)
                .with("VpnConnectionId", connection)
                .with_some("TunnelId", tunnel)
                .with("MinutePeriod", minutes.clamp(1, 10))
                .with("PageNumber", number)
                .with("PageSize", PAGE_SIZE);
            let accepted = self.read(Product::Vpc, action, region, &query).await?;
            let read = || {
                let root = Fields::root(&accepted.body)?;
                root.object("Data")?.ok_or_else(|| root.error("Data", "is missing"))?.texts("Logs")
            };
            let page = readable(action, &accepted, read())?;
            let is_last = page.len() < PAGE_SIZE;
            lines.extend(page.iter().map(|line| printable(line)));
            lines.drain(..lines.len().saturating_sub(MOST_LINES));
            if is_last {
                break;
            }
        }
        Ok(lines)
    }

    /// How the device is to be configured for this connection.
    ///
    /// # Errors
    /// Where the call fails or its answer cannot be read.
    pub async fn peer_configuration(&self, region: &str, connection: &str) -> Result<PeerConfiguration, CloudError> {
        let action = "DownloadVpnConnectionConfig";
        let query = Parameters::new().with("RegionId", region).with("VpnConnectionId", connection);
        let accepted = self.read(Product::Vpc, action, region, &query).await?;
        let read = || {
            let root = Fields::root(&accepted.body)?;
            let shown = root.object("VpnConnectionConfig")?.ok_or_else(|| root.error("VpnConnectionConfig", "is missing"))?;
            peer_configuration(&shown)
        };
        readable(action, &accepted, read())
    }
}

/// Where a row names what it is about, that must be what was asked for.
fn is_about(fields: &Fields<'_>, name: &str, asked: Option<&str>) -> Result<(), FieldError> {
    match (fields.optional_text(name)?, asked) {
        (Some(shown), Some(asked)) if shown != asked => Err(fields.error(name, "is not the id that was asked for")),
        _ => Ok(()),
    }
}

fn diagnosis(fields: &Fields<'_>) -> Result<Diagnosis, FieldError> {
    let text = |name: &str| fields.text_or_empty(name).map(|text| printable(&text));
    Ok(Diagnosis {
        code: text("FailedReasonCode")?,
        reason: text("FailedReason")?,
        severity: text("Severity")?,
        local: text("MismatchLocalParam")?,
        remote: text("MismatchRemoteParam")?,
        log: text("SourceLog")?,
    })
}

fn peer_configuration(fields: &Fields<'_>) -> Result<PeerConfiguration, FieldError> {
    let speakers =
        if fields.object_is_empty("BgpConfigs") { Vec::new() } else { fields.objects("BgpConfigs", "BgpConfig")?.unwrap_or_default() };
    let shown = if fields.object_is_empty("TunnelsConfig") { None } else { fields.objects("TunnelsConfig", "TunnelConfig")? };
    let tunnels = match shown.filter(|tunnels| !tunnels.is_empty()) {
        Some(tunnels) => tunnels.iter().map(|tunnel| peer_tunnel(tunnel, &speakers)).collect::<Result<_, FieldError>>()?,
        None => vec![peer_tunnel(fields, &speakers)?],
    };
    Ok(PeerConfiguration {
        local_subnet: fields.text_or_empty("LocalSubnet")?,
        remote_subnet: fields.text_or_empty("RemoteSubnet")?,
        tunnels,
    })
}

/// A single-tunnel connection shows the same fields without a `TunnelId`.
fn peer_tunnel(fields: &Fields<'_>, speakers: &[Fields<'_>]) -> Result<PeerTunnel, FieldError> {
    let id = fields.text_or_empty("TunnelId")?;
    let required = |name: &str| fields.object(name)?.ok_or_else(|| fields.error(name, "is missing"));
    let (ike, ipsec) = (required("IkeConfig")?, required("IpsecConfig")?);
    Ok(PeerTunnel {
        bgp: bgp_of(&id, speakers)?,
        id,
        local: fields.text_or_empty("Local")?,
        remote: fields.text_or_empty("Remote")?,
        ike_version: ike.text_or_empty("IkeVersion")?,
        ike_mode: ike.text_or_empty("IkeMode")?,
        ike_encryption: ike.text_or_empty("IkeEncAlg")?,
        ike_authentication: ike.text_or_empty("IkeAuthAlg")?,
        ike_pfs: ike.text_or_empty("IkePfs")?,
        ike_lifetime: ike.optional_number("IkeLifetime")?,
        ipsec_encryption: ipsec.text_or_empty("IpsecEncAlg")?,
        ipsec_authentication: ipsec.text_or_empty("IpsecAuthAlg")?,
        ipsec_pfs: ipsec.text_or_empty("IpsecPfs")?,
        ipsec_lifetime: ipsec.optional_number("IpsecLifetime")?,
        local_id: ike.text_or_empty("LocalId")?,
        remote_id: ike.text_or_empty("RemoteId")?,
        psk: ike.optional_text("Psk")?.map(Secret::new),
    })
}

fn bgp_of(tunnel: &str, speakers: &[Fields<'_>]) -> Result<Option<PeerBgp>, FieldError> {
    for speaker in speakers {
        if speaker.text_or_empty("TunnelId")? == tunnel && speaker.optional_text("TunnelCidr")?.is_some() {
            return peer_bgp(speaker).map(Some);
        }
    }
    Ok(None)
}

fn peer_bgp(fields: &Fields<'_>) -> Result<PeerBgp, FieldError> {
    Ok(PeerBgp {
        local_asn: fields.text_or_empty("LocalAsn")?,
        local_ip: fields.text_or_empty("LocalBgpIp")?,
        peer_asn: fields.text_or_empty("PeerAsn")?,
        peer_ip: fields.text_or_empty("PeerBgpIp")?,
        tunnel_cidr: fields.text_or_empty("TunnelCidr")?,
    })
}
