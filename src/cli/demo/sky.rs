//! The simulated cloud: the way to it, what others do there, and what it holds.

use crate::cli::exit::Failure;
use crate::cloud::transport::Transport;
use crate::model::Timestamp;
use crate::simulator::device::{ESTABLISHED, ends};
use crate::simulator::objects::{Carrier, Connection, Objects, RouteEntry};
use crate::simulator::seed::{Seed, SeedDevice};
use crate::simulator::{Cloud, Fault, InMemory, Request, server};
use crate::system::clock::Clock;
use crate::system::environment::Environment;
use serde_json::Value;
use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::Instant;

const SEED: &str = include_str!("seed.json");
pub const REGION: &str = "cn-hangzhou";
pub const DUAL_TUNNEL: &str = "vpn-demo-dual";
pub const SINGLE_TUNNEL: &str = "vpn-demo-single";
pub const TRANSIT_ROUTER: &str = "tr-demo";
/// What the cloud's side takes for the device, as far as the simulation of its tunnels goes.
const DEVICE: &str = "this-device";
/// Everything that the demo waits for takes a few seconds; longer means that it does not come.
pub const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

pub struct Sky {
    pub cloud: Rc<RefCell<Cloud>>,
    pub endpoint: String,
    /// Calls go through memory where this machine's loopback interface is down.
    pub memory: Option<Rc<dyn Transport>>,
    clock: Clock,
    server: JoinHandle<std::io::Result<()>>,
}

/// What must outlive a replacement.
#[derive(PartialEq)]
pub struct Kept {
    pub connections: Vec<Connection>,
    pub routes: Vec<RouteEntry>,
}

impl Sky {
    /// Other people's customer gateways give way where the device happens to have their address.
    pub async fn open(clock: &Clock, now_at: Ipv4Addr, later_at: Ipv4Addr) -> Result<Sky, Failure> {
        let unusable = |error| Failure::failed(format!("the demo's seed: {error}"));
        let mut seed = Seed::parse(SEED).map_err(unusable)?;
        for region in seed.regions.values_mut() {
            region.customer_gateways.retain(|gateway| [now_at, later_at].iter().all(|own| gateway.ip_address != own.to_string()));
        }
        seed.devices = Some(vec![device(now_at)]);
        let cloud = Rc::new(RefCell::new(Cloud::new(&seed, clock.now()).map_err(unusable)?));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Failure::system)?;
        let address = listener.local_addr().map_err(Failure::system)?;
        let now: Rc<dyn Fn() -> Timestamp> = {
            let clock = clock.clone();
            Rc::new(move || clock.now())
        };
        let memory = match is_reached(address).await {
            true => None,
            false => Some(Rc::new(InMemory::new(Rc::clone(&cloud), Rc::clone(&now))) as Rc<dyn Transport>),
        };
        let server = spawn_local(server::serve(listener, Rc::clone(&cloud), now));
        Ok(Sky { cloud, endpoint: format!("http://{address}"), memory, clock: clock.clone(), server })
    }

    /// The key that the device calls with; it opens nothing but this simulated cloud.
    pub fn environment(&self) -> Result<Environment, Failure> {
        let seed: Value = serde_json::from_str(SEED).map_err(Failure::system)?;
        let key = |name: &str| seed["Credentials"][0][name].as_str().unwrap_or_default().to_owned();
        Ok(Environment::from_iter([
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", key("AccessKeyId")),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", key("AccessKeySecret")),
        ]))
    }

    /// A call of somebody else, here the network team: past the door, with the cloud's own rules. It waits while another change
    /// runs there.
    pub async fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Value, Failure> {
        let until = Instant::now() + PATIENCE;
        loop {
            let response = self.cloud.borrow_mut().handle(&Request::of(action, parameters), self.clock.now());
            if response.is_success() {
                return Ok(Value::clone(&response.body));
            }
            let is_busy = response.code().ends_with(".Configuring");
            if !is_busy || Instant::now() > until {
                let why = format!("{} {}", response.code(), response.body["Message"]);
                return Err(Failure::failed(format!("the simulated cloud refused {action}: {why}")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The device answers at this address from now on, and nowhere else.
    pub fn move_device(&self, to: Ipv4Addr) {
        self.cloud.borrow_mut().move_device(DEVICE, &[&to.to_string()], self.clock.now());
    }

    /// Somebody configures the device for what the cloud has now.
    pub fn configure_device(&self) {
        let mut cloud = self.cloud.borrow_mut();
        cloud.region_mut(REGION).into_iter().for_each(|region| region.configure_devices(self.clock.now()));
    }

    /// Tunnels that are established, and all there are.
    pub fn established(&self) -> (usize, usize) {
        self.look(|objects| {
            let up = ends(objects).filter(|end| end.status == ESTABLISHED).count();
            (up, ends(objects).count())
        })
    }

    pub async fn until_all_are_established(&self) -> Result<usize, Failure> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.established() {
                (up, all) if up == all => return Ok(all),
                (up, all) if Instant::now() > until => {
                    return Err(Failure::failed(format!("{up} of {all} tunnels came up at the simulated cloud")));
                }
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }

    pub fn customer_gateways(&self) -> Vec<String> {
        self.look(|objects| objects.customer_gateways.iter().map(|gateway| gateway.id.clone()).collect())
    }

    /// How many calls of this action changed something.
    pub fn effects(&self, action: &str) -> usize {
        self.cloud.borrow().effects(action)
    }

    /// In an order that does not depend on what is made again.
    pub fn to_be_kept(&self) -> Kept {
        self.look(|objects| {
            let mut connections: Vec<Connection> = objects.connections.iter().cloned().map(without_its_end).collect();
            connections.sort_by_key(|connection| carrier(connection).to_owned());
            let mut routes: Vec<RouteEntry> = objects.routes.iter().cloned().map(|route| without_next_hop(route, objects)).collect();
            routes.sort_by_key(|route| format!("{:?} {}", route.kind, route.destination));
            Kept { connections, routes }
        })
    }

    /// The next call of this action is done, and its answer does not arrive: whoever waits for it can die meanwhile.
    pub fn hold_answer_of(&self, action: &'static str) -> oneshot::Receiver<()> {
        let (sender, underway) = oneshot::channel();
        let mut sender = Some(sender);
        self.cloud.borrow_mut().set_hook(move |call| {
            let is_a_try = call.parameters.get("DryRun").is_some_and(|value| value == "true");
            let sender = (call.action == action && !is_a_try).then(|| sender.take()).flatten()?;
            // Nobody waits for it any more once the demo is over.
            let _over = sender.send(());
            Some(Fault::latency(PATIENCE * 2))
        });
        underway
    }

    fn look<T>(&self, of: impl Fn(&Objects) -> T) -> T {
        let mut cloud = self.cloud.borrow_mut();
        cloud.settle(self.clock.now());
        of(cloud.region(REGION).map_or(&Objects::default(), |region| region.objects()))
    }
}

impl Drop for Sky {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn device(at: Ipv4Addr) -> SeedDevice {
    SeedDevice {
        name: DEVICE.to_owned(),
        address: vec![at.to_string()],
        address_at: Vec::new(),
        asn: None,
        health_good: true,
        tunnels: Vec::new(),
    }
}

fn carrier(connection: &Connection) -> &str {
    match &connection.carrier {
        Carrier::VpnGateway(id) | Carrier::TransitRouter(id) => id,
        Carrier::Unbound => "",
    }
}

/// Without ids that are new where it is made again, without the device's address, and without what comes and goes.
fn without_its_end(mut connection: Connection) -> Connection {
    let blank = String::new;
    (connection.id, connection.customer_gateway, connection.created) = (blank(), blank(), Timestamp::UNIX_EPOCH);
    (connection.state, connection.status, connection.pending) = (blank(), blank(), None);
    (connection.ike.remote_id, connection.remote_id_given) = (blank(), false);
    for tunnel in &mut connection.tunnels {
        (tunnel.customer_gateway, tunnel.state, tunnel.status) = (blank(), blank(), blank());
        (tunnel.ike.remote_id, tunnel.remote_id_given) = (blank(), false);
    }
    connection
}

fn without_next_hop(mut route: RouteEntry, objects: &Objects) -> RouteEntry {
    route.next_hop = objects.connection(&route.next_hop).map(|connection| carrier(connection).to_owned()).unwrap_or_default();
    (route.created, route.pending) = (Timestamp::UNIX_EPOCH, None);
    route
}

async fn is_reached(address: SocketAddr) -> bool {
    matches!(tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(address)).await, Ok(Ok(_)))
}
