//! In which region is this device's business? Given, or found from the resources that the configuration names.

use crate::cloud::client::Client;
use crate::cloud::error::CloudError;
use crate::facts::findings;
use crate::model::{CloudSettings, Finding};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// What was found out about the region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Located {
    /// `None`: the findings say why.
    pub region: Option<String>,
    /// Words for the gate: how the region came to be known.
    pub evidence: String,
    /// Cloud-side addresses of the configured resources, for `route:vpn-gateway`.
    pub cloud_addresses: Vec<Ipv4Addr>,
    pub findings: Vec<Finding>,
    /// Selector to region, for the journal.
    pub found: BTreeMap<String, String>,
}

/// A resource that the configuration names.
enum Resource<'a> {
    VpnGateway(&'a str),
    TransitRouter(&'a str),
    Connection(&'a str),
}

/// `known` are regions that earlier searches found; they are tried first and proved again.
///
/// # Errors
/// Where the resource is in no region that could be asked, a region that could not is an error, never "not there".
pub async fn locate(client: &Client, cloud: &CloudSettings, known: &BTreeMap<String, String>) -> Result<Located, CloudError> {
    let mut located = Located::default();
    let resources = resources(cloud);
    let mut regions: Option<Vec<String>> = None;
    for resource in &resources {
        let selector = resource.selector();
        let mut first: Vec<String> = cloud.region.iter().chain(known.get(&selector)).cloned().collect();
        first.dedup();
        let mut searched = search(client, resource, &first).await;
        if searched.found.is_none() {
            if regions.is_none() {
                regions = Some(client.regions().await?.into_iter().map(|region| region.id).collect());
            }
            let rest: Vec<String> = regions.iter().flatten().filter(|region| !first.contains(region)).cloned().collect();
            let failed = searched.failed;
            searched = search(client, resource, &rest).await;
            searched.failed = failed.or(searched.failed);
        }
        match (searched.found, searched.failed) {
            (Some((region, addresses)), _) => {
                located.found.insert(selector, region);
                located.cloud_addresses.extend(addresses);
            }
            // It may be where nobody could be asked.
            (None, Some(error)) => return Err(error),
            (None, None) => located.findings.push(Finding::error(
                findings::REGION_UNKNOWN,
                format!("{selector} exists in no region that this account can see"),
                "check the id and that the credentials belong to the account that owns it",
            )),
        }
    }
    conclude(cloud, located)
}

fn conclude(cloud: &CloudSettings, mut located: Located) -> Result<Located, CloudError> {
    let mut places: Vec<(&String, &String)> = located.found.iter().collect();
    places.dedup_by_key(|(_, region)| region.as_str());
    if let Some(given) = &cloud.region {
        if let Some((selector, found)) = located.found.iter().find(|(_, found)| *found != given) {
            located.findings.push(Finding::error(
                findings::REGION_MISMATCH,
                format!("the configuration says region {given}, but {selector} is in {found}"),
                format!("set `[cloud] region = \"{found}\"`, or name the resource that is in {given}; a customer gateway must be in the region of its VPN gateway or transit router"),
            ));
        }
    } else if let [(first, one), (second, other), ..] = places.as_slice() {
        located.findings.push(Finding::error(
            findings::REGION_MISMATCH,
            format!("{first} is in {one} and {second} is in {other}"),
            "one cgwd keeps the customer gateway of one region: name resources of one region only",
        ));
    }
    if located.findings.is_empty() {
        located.region = cloud.region.clone().or_else(|| located.found.values().next().cloned());
    }
    located.evidence = match located.found.iter().next() {
        Some((selector, region)) => format!("{region}, where {selector} is"),
        None => format!("{}, as configured", cloud.region.as_deref().unwrap_or("none")),
    };
    Ok(located)
}

fn resources(cloud: &CloudSettings) -> Vec<Resource<'_>> {
    let gateways = cloud.vpn_gateway.iter().map(|id| Resource::VpnGateway(id));
    let routers = cloud.transit_router.iter().map(|id| Resource::TransitRouter(id));
    gateways.chain(routers).chain(cloud.connections.iter().map(|id| Resource::Connection(id))).collect()
}

impl Resource<'_> {
    fn selector(&self) -> String {
        match self {
            Resource::VpnGateway(id) => format!("VPN gateway {id}"),
            Resource::TransitRouter(id) => format!("transit router {id}"),
            Resource::Connection(id) => format!("connection {id}"),
        }
    }
}

/// What came of asking region after region.
#[derive(Default)]
struct Searched {
    found: Option<(String, Vec<Ipv4Addr>)>,
    /// The first region that could not be asked: a key may be good for some regions only, and an endpoint may be down.
    failed: Option<CloudError>,
}

async fn search(client: &Client, resource: &Resource<'_>, regions: &[String]) -> Searched {
    let mut searched = Searched::default();
    // The central API tells a transit router's region by itself.
    if let Resource::TransitRouter(id) = resource {
        match client.transit_router(id).await {
            Ok(router) => searched.found = router.map(|router| (router.region, Vec::new())),
            Err(error) => searched.failed = Some(error),
        }
        return searched;
    }
    for region in regions {
        match in_region(client, resource, region).await {
            Ok(Some(addresses)) => {
                searched.found = Some((region.clone(), addresses));
                return searched;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(region, error = error.to_string(), "the region could not be asked");
                searched.failed.get_or_insert(error);
            }
        }
    }
    searched
}

/// The cloud-side addresses of the resource, where it is there.
async fn in_region(client: &Client, resource: &Resource<'_>, region: &str) -> Result<Option<Vec<Ipv4Addr>>, CloudError> {
    match resource {
        Resource::TransitRouter(_) => Ok(None),
        Resource::VpnGateway(id) => Ok(client.vpn_gateway(region, id).await?.map(|gateway| gateway.internet_ips)),
        Resource::Connection(id) => Ok(client.ipsec_connection(region, id).await?.map(|connection| {
            let tunnels = connection.tunnels.iter().filter_map(|tunnel| tunnel.internet_ip);
            connection.internet_ip.into_iter().chain(tunnels).collect()
        })),
    }
}
