//! The configuration as used: every default filled in, every path absolute, every text parsed.
//! `config` makes it; the other rooms only read it.

use super::{ReplacementSettings, Tags};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    /// `[device] name`: 1-64 of `[a-zA-Z0-9._-]`.
    pub device: String,
    pub address: AddressSettings,
    /// `None`: no ASN is registered.
    pub bgp: Option<BgpSettings>,
    pub cloud: CloudSettings,
    pub gateway: GatewaySettings,
    pub registration: RegistrationPolicy,
    pub replacement: ReplacementSettings,
    pub state_directory: PathBuf,
}

/// Whether the IPsec connections run over the Internet or over a private line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    Public,
    Private,
}

#[derive(Clone, Debug)]
pub struct AddressSettings {
    pub network: Network,
    /// In order of preference, never empty.
    pub sources: Vec<AddressSource>,
    pub agreement: Agreement,
    /// How long a reading must hold before it counts as settled.
    pub settle: Duration,
    /// Picks one where an interface has several addresses.
    pub prefer: Option<Prefix>,
    /// How often sources without events are asked.
    pub poll: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressSource {
    Interface(String),
    Route(RouteTarget),
    /// `written` is the form in the configuration (`https://…` or `https:https://…`), `url` what is fetched.
    Https {
        written: String,
        url: String,
    },
    File(PathBuf),
    Command(PathBuf),
    Static(IpAddr),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTarget {
    Address(Ipv4Addr),
    /// The cloud's own address of the configured connections.
    VpnGateway,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The first source that answers decides; others that differ are a warning.
    First,
    /// Every source must answer, with the same address.
    All,
    /// At least this many sources must answer with the same address.
    Quorum(usize),
}

/// An IPv4 prefix such as `203.0.113.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    pub network: Ipv4Addr,
    /// 0-32.
    pub length: u8,
}

#[derive(Clone, Debug)]
pub struct BgpSettings {
    pub source: Option<BgpSource>,
    /// `asn =` as written; validation parses it, so that a bad one is a finding like any other.
    pub asn: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BgpSource {
    /// vtysh; with the directory of FRR's sockets where it is not the built-in one.
    Frr(Option<PathBuf>),
    /// birdc; with the control socket where it is not the built-in one.
    Bird(Option<PathBuf>),
    File(PathBuf),
    Command(PathBuf),
}

#[derive(Clone, Debug)]
pub struct CloudSettings {
    /// At least one of `region`, `vpn_gateway`, `transit_router`, `connections` is set.
    pub region: Option<String>,
    pub vpn_gateway: Option<String>,
    pub transit_router: Option<String>,
    pub connections: Vec<String>,
    /// One base URL for every product's API, without a trailing slash.
    pub endpoint: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub proxy: Option<String>,
    /// Time limit of one request.
    pub timeout: Duration,
    pub credentials: CredentialSettings,
}

#[derive(Clone, Debug, Default)]
pub struct CredentialSettings {
    pub access_key_id_file: Option<PathBuf>,
    pub access_key_secret_file: Option<PathBuf>,
    pub role_arn: Option<String>,
}

/// Attributes of the customer gateway that we create.
#[derive(Clone, Debug, Default)]
pub struct GatewaySettings {
    /// Default: the device's name.
    pub name: Option<String>,
    pub description: Option<String>,
    pub bgp_auth_key_file: Option<PathBuf>,
    pub resource_group: Option<String>,
    pub tags: Tags,
}

#[derive(Clone, Copy, Debug)]
pub struct RegistrationPolicy {
    pub create: bool,
    pub adopt: bool,
}

impl Prefix {
    pub fn contains(self, address: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.length)).unwrap_or(0);
        u32::from(address) & mask == u32::from(self.network) & mask
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

impl Network {
    pub fn name(self) -> &'static str {
        match self {
            Network::Public => "public",
            Network::Private => "private",
        }
    }
}

/// Whom a source asks: two URLs of one host are one witness, since they fail together (reliability.md 2, fault 5). Any other
/// source is its own.
pub fn witness(source: &str) -> &str {
    let Some((_, rest)) = source.split_once("://") else { return source };
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

/// The source as the configuration writes it; the query of a URL, which can hold a token, is shown as `?…`.
impl fmt::Display for AddressSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressSource::Interface(name) => write!(f, "interface:{name}"),
            AddressSource::Route(RouteTarget::Address(target)) => write!(f, "route:{target}"),
            AddressSource::Route(RouteTarget::VpnGateway) => f.write_str("route:vpn-gateway"),
            AddressSource::Https { written, .. } => match written.split_once('?') {
                Some((address, _)) => write!(f, "{address}?…"),
                None => f.write_str(written),
            },
            AddressSource::File(path) => write!(f, "file:{}", path.display()),
            AddressSource::Command(path) => write!(f, "command:{}", path.display()),
            AddressSource::Static(address) => write!(f, "static:{address}"),
        }
    }
}

impl fmt::Display for BgpSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BgpSource::Frr(None) => f.write_str("frr"),
            BgpSource::Frr(Some(path)) => write!(f, "frr:{}", path.display()),
            BgpSource::Bird(None) => f.write_str("bird"),
            BgpSource::Bird(Some(path)) => write!(f, "bird:{}", path.display()),
            BgpSource::File(path) => write!(f, "file:{}", path.display()),
            BgpSource::Command(path) => write!(f, "command:{}", path.display()),
        }
    }
}
