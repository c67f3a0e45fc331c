//! The nouns: plain values that every room shares. No behaviour beyond parsing, printing and comparing.

mod asn;
mod cloud;
mod finding;
mod observation;
mod replacement;
mod replacement_settings;
mod secret;
mod settings;
mod snapshot;
mod window;

pub use asn::{Asn, AsnError};
pub use cloud::{Attachment, CustomerGateway, Inventory, IpsecConnection, Region, Tags, TransitRouter, Tunnel, TunnelRole, VpnGateway};
pub use finding::{Finding, Severity};
pub use jiff::Timestamp;
pub use observation::{Observation, Reading};
pub use replacement::{
    Begun, GatewayRef, Label, Lane, MovedBefore, NOT_UP, Op, Order, PlannedStep, ReplacementOutcome, ReplacementPlan, Slot, StepWords,
    Stopped, Target, Worked, is_back,
};
pub use replacement_settings::{OrderChoice, ReplacementPolicy, ReplacementSecret, ReplacementSettings, StrategyChoice};
pub use secret::Secret;
pub use settings::{
    AddressSettings, AddressSource, Agreement, BgpSettings, BgpSource, CloudSettings, CredentialSettings, GatewaySettings, Network, Prefix,
    RegistrationPolicy, RouteTarget, Settings, witness,
};
pub use snapshot::{
    Authorization, ConnectionRoute, ConnectionSnapshot, DestinationRoute, GatewaySnapshot, PolicyRoute, RouterAttachment, SNAPSHOT_FORMAT,
    Snapshot, Verbatim,
};
pub use window::{MinuteOfDay, Weekdays, Window, WindowSpan};
