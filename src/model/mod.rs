//! The nouns: plain values that every room shares. No behaviour beyond parsing, printing and comparing.

mod asn;
mod cloud;
mod finding;
mod observation;
mod replacement;
mod secret;
mod settings;
mod window;

pub use asn::{Asn, AsnError};
pub use cloud::{Attachment, CustomerGateway, Inventory, IpsecConnection, Region, Tags, TransitRouter, Tunnel, TunnelRole, VpnGateway};
pub use finding::{Finding, Severity};
pub use jiff::Timestamp;
pub use observation::{Observation, Reading};
pub use replacement::{OrderChoice, ReplacementPolicy, ReplacementSecret, ReplacementSettings, StrategyChoice};
pub use secret::Secret;
pub use settings::{
    AddressSettings, AddressSource, Agreement, BgpSettings, BgpSource, CloudSettings, CredentialSettings, GatewaySettings, Network, Prefix,
    RegistrationPolicy, RouteTarget, Settings,
};
pub use window::{MinuteOfDay, Weekdays, Window, WindowSpan};
