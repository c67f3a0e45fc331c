//! `static:IP`: what the operator wrote.

use crate::model::Observation;
use std::net::IpAddr;

pub fn read(address: IpAddr) -> Observation<IpAddr> {
    Observation::Known(address)
}
