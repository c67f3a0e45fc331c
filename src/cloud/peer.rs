//! What the cloud knows of the other end: why it does not come up, and how it has to be configured (cloud/api.md 2.3, 2.8).

use super::client::{Client, readable};
use super::error::CloudError;
use super::wire::{FieldError, Fields, Parameters};
use crate::facts::endpoints::Product;
use crate::model::Secret;

/// Lines of a log that are kept.
const LINES: usize = 200;

/// Why a tunnel, or a single-tunnel connection, does not come up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    pub code: String,
    pub reason: String,
    pub severity: String,
    /// The parameter in which the two sides differ, as the cloud has it and as the device has it.
    pub local: String,
    pub remote: String,
    pub log: String,
}

/// How the device has to be configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerConfiguration {
    pub local_subnet: String,
    pub remote_subnet: String,
    /// One of a single-tunnel connection, with an empty id.
    pub tunnels: Vec<PeerTunnel>,
}

/// One tunnel. Whose side `local` is, the description leaves open: the device's own address tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTunnel {
    pub id: String,
    pub local: String,
    pub remote: String,
    pub local_id: String,
    pub remote_id: String,
    pub psk: Option<Secret>,
    pub ike_version: String,
    pub ike_mode: String,
    pub ike_encryption: String,
    pub ike_authentication: String,
    pub ike_group: String,
    pub ipsec_encryption: String,
    pub ipsec_authentication: String,
    pub ipsec_group: String,
    pub bgp: Option<PeerBgp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerBgp {
    pub local_asn: String,
    pub local_ip: String,
    pub peer_asn: String,
    pub peer_ip: String,
}

impl Client {
    /// The cloud's own diagnosis of a connection, or of one tunnel of it; empty where it finds nothing.
    ///
    /// # Errors
    /// Where the call fails or its answer cannot be read.
    pub async fn diagnosis(&self, region: &str, connection: &str, tunnel: Option<&str>) -> Result<Vec<Diagnosis>, CloudError> {
        let action = "DiagnoseVpnConnections";
        let query = Parameters::new().with("RegionId", region);
        let query = match tunnel {
            Some(tunnel) => query.with_list("TunnelIds", [tunnel]),
            None => query.with_list("VpnConnectionIds", [connection]),
        };
        let accepted = self.read(Product::Vpc, action, region, &query).await?;
        let read = || {
            let rows = Fields::root(&accepted.body)?.objects("VpnConnections", "")?.unwrap_or_default();
            rows.iter().map(diagnosis).collect::<Result<Vec<_>, _>>()
        };
        let found: Vec<Diagnosis> = readable(action, &accepted, read())?;
        Ok(found.into_iter().filter(|diagnosis| !diagnosis.code.is_empty() || !diagnosis.reason.is_empty()).collect())
    }

    /// The newest lines of a connection's log, or of one tunnel of it, over the last so many minutes (at most 10).
    ///
    /// # Errors
    /// Where the call fails or its answer cannot be read.
    pub async fn connection_logs(
        &self,
        region: &str,
        connection: &str,
        tunnel: Option<&str>,
        minutes: u8,
    ) -> Result<Vec<String>, CloudError> {
        let action = "DescribeVpnConnectionLogs";
        let query = Parameters::new()
            .with("RegionId", region)
            .with("VpnConnectionId", connection)
            .with("MinutePeriod", minutes)
            .with("PageSize", super::pages::PAGE_SIZE)
            .with_some("TunnelId", tunnel);
        let accepted = self.read(Product::Vpc, action, region, &query).await?;
        let lines = accepted.body.get("Data").map(|data| data.get("Logs").unwrap_or(data)).and_then(|logs| logs.as_array());
        let texts = lines.into_iter().flatten().filter_map(|line| line.as_str()).map(str::to_owned);
        Ok(texts.take(LINES).collect())
    }

    /// What the cloud would have the device configured with.
    ///
    /// # Errors
    /// Where the call fails or its answer cannot be read.
    pub async fn peer_configuration(&self, region: &str, connection: &str) -> Result<PeerConfiguration, CloudError> {
        let action = "DownloadVpnConnectionConfig";
        let query = Parameters::new().with("RegionId", region).with("VpnConnectionId", connection);
        let accepted = self.read(Product::Vpc, action, region, &query).await?;
        let read = || {
            let root = Fields::root(&accepted.body)?;
            let config = root.object("VpnConnectionConfig")?.ok_or_else(|| root.error("VpnConnectionConfig", "is missing"))?;
            configuration(&config)
        };
        readable(action, &accepted, read())
    }
}

fn diagnosis(fields: &Fields<'_>) -> Result<Diagnosis, FieldError> {
    Ok(Diagnosis {
        code: fields.text_or_empty("FailedReasonCode")?,
        reason: fields.text_or_empty("FailedReason")?,
        severity: fields.text_or_empty("Severity")?,
        local: fields.text_or_empty("MismatchLocalParam")?,
        remote: fields.text_or_empty("MismatchRemoteParam")?,
        log: fields.text_or_empty("SourceLog")?,
    })
}

fn configuration(fields: &Fields<'_>) -> Result<PeerConfiguration, FieldError> {
    let several = |name: &str, inner: &str| {
        if fields.object_is_empty(name) { Ok(Vec::new()) } else { fields.objects(name, inner).map(Option::unwrap_or_default) }
    };
    let bgp: Vec<(String, PeerBgp)> = several("BgpConfigs", "BgpConfig")?
        .iter()
        .map(|bgp| Ok((bgp.text_or_empty("TunnelId")?, peer_bgp(bgp)?)))
        .collect::<Result<_, FieldError>>()?;
    let tunnels = several("TunnelsConfig", "TunnelConfig")?;
    let tunnels = if tunnels.is_empty() {
        vec![tunnel(fields, &bgp)?]
    } else {
        tunnels.iter().map(|fields| tunnel(fields, &bgp)).collect::<Result<_, _>>()?
    };
    Ok(PeerConfiguration {
        local_subnet: fields.text_or_empty("LocalSubnet")?,
        remote_subnet: fields.text_or_empty("RemoteSubnet")?,
        tunnels,
    })
}

fn tunnel(fields: &Fields<'_>, bgp: &[(String, PeerBgp)]) -> Result<PeerTunnel, FieldError> {
    let id = fields.text_or_empty("TunnelId")?;
    let ike = fields.object("IkeConfig")?;
    let ipsec = fields.object("IpsecConfig")?;
    let of = |object: &Option<Fields<'_>>, name: &str| object.as_ref().map_or(Ok(String::new()), |object| object.text_or_empty(name));
    Ok(PeerTunnel {
        local: fields.text_or_empty("Local")?,
        remote: fields.text_or_empty("Remote")?,
        local_id: of(&ike, "LocalId")?,
        remote_id: of(&ike, "RemoteId")?,
        psk: Some(of(&ike, "Psk")?).filter(|psk| !psk.is_empty()).map(Secret::new),
        ike_version: of(&ike, "IkeVersion")?,
        ike_mode: of(&ike, "IkeMode")?,
        ike_encryption: of(&ike, "IkeEncAlg")?,
        ike_authentication: of(&ike, "IkeAuthAlg")?,
        ike_group: of(&ike, "IkePfs")?,
        ipsec_encryption: of(&ipsec, "IpsecEncAlg")?,
        ipsec_authentication: of(&ipsec, "IpsecAuthAlg")?,
        ipsec_group: of(&ipsec, "IpsecPfs")?,
        bgp: bgp.iter().find(|(tunnel, _)| *tunnel == id).map(|(_, bgp)| bgp.clone()),
        id,
    })
}

fn peer_bgp(fields: &Fields<'_>) -> Result<PeerBgp, FieldError> {
    Ok(PeerBgp {
        local_asn: fields.text_or_empty("LocalAsn")?,
        local_ip: fields.text_or_empty("LocalBgpIp")?,
        peer_asn: fields.text_or_empty("PeerAsn")?,
        peer_ip: fields.text_or_empty("PeerBgpIp")?,
    })
}
