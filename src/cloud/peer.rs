#![allow(unused, clippy::all)]
use super::client::Client;
use super::error::CloudError;
use super::write_call::WriteCall;
use crate::model::*;
use std::collections::BTreeMap;
pub struct Diagnosis {
    pub code: String,
    pub reason: String,
    pub severity: String,
    pub local: String,
    pub remote: String,
    pub log: String,
}
impl Client {
    pub async fn diagnosis(&self, r: &str, c: &str, t: Option<&str>) -> Result<Vec<Diagnosis>, CloudError> {
        unimplemented!()
    }
    pub async fn connection_logs(&self, r: &str, c: &str, t: Option<&str>, m: u8) -> Result<Vec<String>, CloudError> {
        unimplemented!()
    }
    pub async fn whole_connection(&self, r: &str, c: &str) -> Result<Option<(IpsecConnection, Verbatim)>, CloudError> {
        unimplemented!()
    }
    pub async fn destination_routes(&self, r: &str, c: &str) -> Result<Vec<DestinationRoute>, CloudError> {
        unimplemented!()
    }
    pub async fn policy_routes(&self, r: &str, c: &str) -> Result<Vec<PolicyRoute>, CloudError> {
        unimplemented!()
    }
    pub async fn connection_routes(&self, r: &str, c: &str) -> Result<Vec<ConnectionRoute>, CloudError> {
        unimplemented!()
    }
    pub async fn router_attachment(&self, r: &str, t: &str, c: &str) -> Result<Option<RouterAttachment>, CloudError> {
        unimplemented!()
    }
    pub async fn attachment_descriptions(&self, r: &str) -> Result<BTreeMap<String, String>, CloudError> {
        unimplemented!()
    }
    pub async fn authorizations(&self, r: &str, c: &str) -> Result<Vec<Authorization>, CloudError> {
        unimplemented!()
    }
    pub async fn dry_run(&self, c: &WriteCall) -> Result<(), CloudError> {
        unimplemented!()
    }
}
pub struct PeerConfiguration {
    pub local_subnet: String,
    pub remote_subnet: String,
    pub tunnels: Vec<PeerTunnel>,
}
pub struct PeerTunnel {
    pub id: String,
    pub local: String,
    pub remote: String,
    pub local_id: String,
    pub remote_id: String,
    pub ike_version: String,
    pub bgp: Option<PeerBgp>,
}
pub struct PeerBgp {
    pub local_asn: String,
    pub peer_asn: String,
    pub local_ip: String,
}
impl Client {
    pub async fn peer_configuration(&self, r: &str, c: &str) -> Result<PeerConfiguration, CloudError> {
        unimplemented!()
    }
}
