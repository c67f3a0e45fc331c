//! A device before a simulated cloud in this process, without sockets.

use cgwd::cloud::client::Client;
use cgwd::cloud::credentials::Credentials;
use cgwd::cloud::endpoint::Endpoints;
use cgwd::cloud::entropy::Entropy;
use cgwd::execute::{Executor, Want};
use cgwd::journal::Journal;
use cgwd::model::{RegistrationPolicy, Tags};
use cgwd::plan::{Desired, Owner};
use cgwd::simulator::{Cloud, InMemory, Seed};
use cgwd::system::clock::Clock;
use std::cell::RefCell;
use std::rc::Rc;

/// The cloud's two regions, both empty.
pub const HOME: &str = "cn-hangzhou";
pub const AWAY: &str = "cn-beijing";

pub fn owner() -> Owner {
    Owner { device: "box-1".into(), id: "0123456789abcdef0123456789abcdef".into(), epoch: 1 }
}

/// 203.0.113.7 without an ASN, in this region.
pub fn want(region: &str) -> Want {
    let desired = Desired {
        owner: owner(),
        region: region.into(),
        ip: "203.0.113.7".parse().unwrap(),
        asn: None,
        name: None,
        description: None,
        resource_group: None,
        tags: Tags::new(),
    };
    Want { desired, findings: Vec::new(), gates: Vec::new(), policy: RegistrationPolicy { create: true, adopt: true } }
}

pub fn device(journal: Journal) -> (Executor, Rc<RefCell<Cloud>>) {
    let clock = Clock::system();
    let keys = r#"[{"AccessKeyId": "AKID", "AccessKeySecret": "SECRET"}]"#;
    let seed = format!(r#"{{"Credentials": {keys}, "Regions": {{"{HOME}": {{}}, "{AWAY}": {{}}}}}}"#);
    let cloud = Rc::new(RefCell::new(Cloud::new(&Seed::parse(&seed).unwrap(), clock.now()).unwrap()));
    let now = clock.clone();
    let transport = Rc::new(InMemory::new(Rc::clone(&cloud), Rc::new(move || now.now())));
    let credentials = Credentials::lasting("AKID", "SECRET", "test");
    let client = Client::with_transport(transport, credentials, Endpoints::public(), clock.clone(), Entropy::seeded(1));
    (Executor { client: Rc::new(client), journal: Rc::new(RefCell::new(journal)), clock, auth_key: None }, cloud)
}
