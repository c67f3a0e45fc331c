//! Whose is a customer gateway? Two tags say it: the device's name, and an opaque owner with an epoch.

use crate::facts::names::OUR_TAG_PREFIX;
use crate::model::{CustomerGateway, Tags};

pub use crate::facts::names::{TAG_DEVICE as MARK_DEVICE, TAG_OWNER as MARK_OWNER};

/// Who we are towards the cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub device: String,
    /// Opaque, stable over reinstallation: 32 hexadecimal digits derived from the machine id.
    pub id: String,
    /// Counts hand-overs of one identity; a stale holder has a smaller one.
    pub epoch: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    Ours,
    Unmarked,
    /// Another device's; the text names whose.
    Foreign(String),
}

impl Owner {
    pub fn mark(&self) -> Tags {
        Tags::from([(MARK_DEVICE.to_owned(), self.device.clone()), (MARK_OWNER.to_owned(), format!("{}.{}", self.id, self.epoch))])
    }

    pub fn ownership(&self, gateway: &CustomerGateway) -> Ownership {
        let device = gateway.tags.get(MARK_DEVICE);
        let owner = gateway.tags.get(MARK_OWNER);
        match (device, owner) {
            (None, None) => Ownership::Unmarked,
            (Some(device), _) if *device != self.device => Ownership::Foreign(self.other_name(device, owner)),
            (_, Some(owner)) if id_of(owner) != self.id => Ownership::Foreign(format!("another device that calls itself {}", self.device)),
            (_, Some(owner)) if epoch_of(owner) > Some(self.epoch) => {
                Ownership::Foreign(format!("a later holder of this device's identity (epoch {})", epoch_of(owner).unwrap_or_default()))
            }
            _ => Ownership::Ours,
        }
    }

    /// Whether both tags are there as we would write them now.
    pub fn is_fully_marked(&self, gateway: &CustomerGateway) -> bool {
        self.mark().iter().all(|(key, value)| gateway.tags.get(key) == Some(value))
    }

    /// Whether it bears this machine's id, under whatever device name.
    pub fn has_marked(&self, gateway: &CustomerGateway) -> bool {
        gateway.tags.get(MARK_OWNER).is_some_and(|owner| id_of(owner) == self.id)
    }

    fn other_name(&self, device: &str, owner: Option<&String>) -> String {
        if owner.is_some_and(|owner| id_of(owner) == self.id) {
            format!("{device}, which is this very machine under another `[device] name`")
        } else {
            device.to_owned()
        }
    }
}

fn id_of(owner: &str) -> &str {
    owner.split_once('.').map_or(owner, |(id, _)| id)
}

fn epoch_of(owner: &str) -> Option<u32> {
    owner.split_once('.').and_then(|(_, epoch)| epoch.parse().ok())
}

/// A tag that is none of cgwd's own marks.
pub fn is_the_users(key: &str) -> bool {
    !key.starts_with(OUR_TAG_PREFIX)
}
