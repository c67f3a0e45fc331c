//! `command:PATH`: the standard output of a program, read like the answer of an echo service.

use super::{one_address, run};
use crate::model::Observation;
use std::net::IpAddr;
use std::path::Path;

pub async fn address(path: &Path) -> Observation<IpAddr> {
    let answer = run::program(path, &[], run::OF_THE_OPERATOR).await;
    match answer.map_err(|error| error.to_string()).and_then(|bytes| one_address::in_answer(&bytes)) {
        Ok(address) => Observation::Known(address),
        Err(reason) => Observation::Unknown(reason),
    }
}
