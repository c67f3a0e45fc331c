//! An old customer gateway that the cloud would not delete when everything else was done: tried again later.

use super::Replacer;
use crate::cloud::error::CloudError;
use crate::execute::ExecuteError;
use crate::journal::Record;
use crate::model::Stopped;
use crate::plan::{Ownership, Step, StepAction};
use std::net::Ipv4Addr;
use std::time::Duration;

/// What has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// It no longer exists.
    Gone,
    /// It stays for now.
    Kept(Kept),
    /// Somebody took the mark off: it is no longer this device's to delete.
    LetGo(String),
}

/// Why one stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub why: String,
    /// Where it is another than to see what still refers to it.
    pub remedy: Option<String>,
}

impl Kept {
    fn because(why: &str) -> Leftover {
        Leftover::Kept(Kept { why: why.to_owned(), remedy: None })
    }

    /// Why the last deletion of a replacement stopped. Only what the cloud has refused by itself is mended as it says: the replacement is
    /// over, so nothing goes on with it.
    pub(super) fn of(stopped: &Stopped) -> Kept {
        let is_the_clouds = ["rights", "unavailable", "refused"].contains(&stopped.reason.as_str());
        Kept { why: stopped.message.clone(), remedy: is_the_clouds.then(|| stopped.remedy.clone()) }
    }

    fn refused(error: &CloudError) -> Kept {
        Kept { why: error.to_string(), remedy: (!error.is_in_use()).then(|| error.remedy.clone()) }
    }
}

/// What one look shows.
#[derive(PartialEq, Eq)]
enum Look {
    Absent,
    /// Ours, and no connection refers to it.
    Free,
    Used(Vec<String>),
    NotOurs,
    /// The device is what it says, or is registered as it: a change back has made it the wanted one.
    Wanted,
}

impl Replacer {
    /// Deletes it where it is ours and two looks, `apart`, show that no connection refers to it, and that its address is none that
    /// `is_wanted`. The end is journaled.
    ///
    /// # Errors
    /// Where the cloud cannot be read, or the journal not be written.
    pub async fn retire_leftover(
        &self,
        region: &str,
        id: &str,
        apart: Duration,
        is_wanted: &dyn Fn(Ipv4Addr) -> bool,
    ) -> Result<Leftover, ExecuteError> {
        let first = self.look_at_leftover(region, id, is_wanted).await?;
        let last = match first {
            Look::Used(_) | Look::Wanted => first,
            Look::Absent | Look::Free | Look::NotOurs => {
                tokio::time::sleep(apart).await;
                let second = self.look_at_leftover(region, id, is_wanted).await?;
                if second != first {
                    return Ok(Kept::because("somebody is changing it at this moment"));
                }
                second
            }
        };
        match last {
            Look::Wanted => Ok(Kept::because("this device is what it says again: it may be wanted")),
            Look::Used(by) => Ok(Kept::because(&format!("it is still used by {}", by.join(", ")))),
            Look::Absent => self.let_go(id, "gone").map(|()| Leftover::Gone),
            Look::NotOurs => {
                self.let_go(id, "mark removed")?;
                Ok(Leftover::LetGo(format!("customer gateway {id} no longer bears this device's mark")))
            }
            Look::Free => self.delete_leftover(region, id).await,
        }
    }

    async fn look_at_leftover(&self, region: &str, id: &str, is_wanted: &dyn Fn(Ipv4Addr) -> bool) -> Result<Look, ExecuteError> {
        let client = &self.executor.client;
        let Some(gateway) = client.customer_gateway(region, id).await? else { return Ok(Look::Absent) };
        if self.owner.ownership(&gateway) != Ownership::Ours {
            return Ok(Look::NotOurs);
        }
        let is_registered = self.executor.journal.borrow().progress().registered.as_ref().is_some_and(|known| known.id == id);
        if is_registered || is_wanted(gateway.ip) {
            return Ok(Look::Wanted);
        }
        let connections = client.ipsec_connections(region).await?;
        let by: Vec<String> =
            connections.iter().filter(|connection| connection.refers_to(id)).map(|connection| connection.id.clone()).collect();
        Ok(if by.is_empty() { Look::Free } else { Look::Used(by) })
    }

    async fn delete_leftover(&self, region: &str, id: &str) -> Result<Leftover, ExecuteError> {
        let step = Step {
            id: "leftover".to_owned(),
            action: StepAction::DeleteCustomerGateway,
            target: id.to_owned(),
            strategy: None,
            reason: "a replacement left it behind, and nothing refers to it".to_owned(),
            destructive: true,
        };
        match self.executor.deregister(&self.owner, region, &[step]).await {
            Ok(_) => Ok(Leftover::Gone),
            // The next look finds out whether it stays so.
            Err(error @ ExecuteError::MarkLost { .. }) => Ok(Kept::because(&error.to_string())),
            // The cloud's own word; what is not known, or cannot be written, is an error.
            Err(ExecuteError::Cloud(refusal)) => Ok(Leftover::Kept(Kept::refused(&refusal))),
            Err(error) => Err(error),
        }
    }

    fn let_go(&self, id: &str, why: &str) -> Result<(), ExecuteError> {
        let record = Record::GatewayReleased { id: id.to_owned(), why: why.to_owned() };
        Ok(self.executor.append(record).map(drop)?)
    }
}
