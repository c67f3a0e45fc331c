//! The reads of a replacement against the simulated cloud's example, whole.

#![allow(clippy::unwrap_used)]

use cgwd::cloud::client::Client;
use cgwd::cloud::credentials::Credentials;
use cgwd::cloud::endpoint::Endpoints;
use cgwd::cloud::entropy::Entropy;
use cgwd::simulator::{Cloud, InMemory, Seed};
use cgwd::system::clock::Clock;
use std::cell::RefCell;
use std::rc::Rc;

fn example() -> Client {
    let clock = Clock::on_runtime_time("2025-06-15T03:04:05Z".parse().unwrap());
    let seed = Seed::parse(include_str!("../src/simulator/seed.example.json")).unwrap();
    let cloud = Rc::new(RefCell::new(Cloud::new(&seed, clock.now()).unwrap()));
    let now = clock.clone();
    let transport = Rc::new(InMemory::new(cloud, Rc::new(move || now.now())));
    let credentials = Credentials::lasting("simulated-access-key", "simulated-secret", "test");
    Client::with_transport(transport, credentials, Endpoints::public(), clock, Entropy::seeded(7))
}

#[tokio::test(start_paused = true)]
async fn the_simulated_cloud_is_read_whole() {
    let (client, region) = (example(), "cn-hangzhou");
    let connections = client.ipsec_connections(region).await.unwrap();
    assert_eq!((connections.len(), connections[0].tags["site"].as_str()), (5, "sh-01"));
    for listed in &connections {
        let (shape, body) = client.whole_connection(region, &listed.id).await.unwrap().unwrap();
        assert_eq!((&shape, body.0.get("RequestId")), (listed, None));
        let tunnels = client.peer_configuration(region, &listed.id).await.unwrap().tunnels;
        assert_eq!(tunnels.len(), shape.tunnels.len().max(1));
        assert!(tunnels.iter().all(|tunnel| tunnel.psk.as_ref().is_some_and(|psk| !psk.is_empty())));
        assert!(tunnels.iter().all(|tunnel| tunnel.bgp.is_some() == shape.bgp_enabled), "{tunnels:?}");
        let first = shape.tunnels.first().map(|tunnel| tunnel.id.as_str());
        client.diagnosis(region, &listed.id, first).await.unwrap();
        client.connection_logs(region, &listed.id, first, 10).await.unwrap();
    }
    assert_eq!(client.destination_routes(region, "vpn-dual").await.unwrap().len(), 1, "the one of BGP's is not");
    assert_eq!(client.policy_routes(region, "vpn-single").await.unwrap()[0].priority, Some(10));
    assert_eq!(client.connection_routes(region, "vco-attached").await.unwrap()[0].destination, "192.168.30.0/24");
    assert_eq!(client.connection_routes(region, "vco-legacy").await, Ok(Vec::new()));
    assert_eq!(client.attachment_descriptions(region).await.unwrap()["vco-attached"], "shown by DescribeVpnAttachments");
    assert_eq!(client.authorizations(region, "vco-unbound").await.unwrap()[0].account, "1111222233334444");
    let attachment = client.router_attachment(region, "tr-1", "vco-attached").await.unwrap().unwrap();
    assert_eq!((attachment.id.as_str(), &attachment.associations[..]), ("tr-attach-1", &["vtb-system".to_owned()][..]));
    assert_eq!((attachment.propagations.len(), attachment.zones.len()), (2, 0));
    let legacy = client.router_attachment(region, "tr-1", "vco-legacy").await.unwrap().unwrap();
    assert_eq!((legacy.zones.len(), legacy.associations.len(), legacy.propagations.len()), (1, 0, 0));
    assert_eq!(client.attachment_by_id("tr-1", &legacy.id).await.unwrap().unwrap().connection, "vco-legacy");
    assert_eq!(client.router_attachment(region, "tr-1", "vco-unbound").await, Ok(None));
    assert_eq!(client.attachment_by_id("tr-1", "tr-attach-gone").await, Ok(None));
    assert!(client.router_attachment(region, "tr-9", "vco-unbound").await.is_err(), "a transit router that nobody knows");
}
