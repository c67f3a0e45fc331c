//! One course of events: where it begins, what kind of cloud it is, and which fault comes where. One line of text each way.

use super::clouds::CloudKind;
use super::fault::{self, Kind};
use super::topology::{self, Topology};
use std::fmt;
use std::str::FromStr;

/// Counted from 1, over all restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    Call(u32),
    Record(u32),
}

pub type Fault = (Site, &'static str);

#[derive(Clone)]
pub struct Schedule {
    pub topology: &'static Topology,
    pub cloud: CloudKind,
    pub faults: Vec<Fault>,
}

impl Schedule {
    pub fn without_faults(topology: &'static Topology, cloud: CloudKind) -> Schedule {
        Schedule { topology, cloud, faults: Vec::new() }
    }

    pub fn with(&self, faults: &[Fault]) -> Schedule {
        Schedule { faults: faults.to_vec(), ..self.clone() }
    }

    pub fn kinds(&self) -> impl Iterator<Item = (Site, Kind)> {
        self.faults.iter().filter_map(|(site, name)| fault::named(name).map(|(_, kind)| (*site, kind)))
    }
}

/// `single/tokens-none+kept: 3=lost-answer r2=full`
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:", self.topology.name, self.cloud)?;
        self.faults.iter().try_for_each(|(site, name)| match site {
            Site::Call(number) => write!(f, " {number}={name}"),
            Site::Record(number) => write!(f, " r{number}={name}"),
        })
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(line: &str) -> Result<Schedule, String> {
        let (head, faults) = line.split_once(':').ok_or("no colon")?;
        let (topology, cloud) = head.trim().split_once('/').ok_or("no /")?;
        let topology = topology::named(topology).ok_or(format!("no topology {topology}"))?;
        let faults = faults.split_whitespace().map(one_fault).collect::<Result<_, String>>()?;
        Ok(Schedule { topology, cloud: cloud.parse()?, faults })
    }
}

fn one_fault(text: &str) -> Result<Fault, String> {
    let (site, name) = text.split_once('=').ok_or(format!("{text}: no ="))?;
    let number = |digits: &str| digits.parse().map_err(|_| format!("{text}: no number"));
    let site = match site.strip_prefix('r') {
        Some(digits) => Site::Record(number(digits)?),
        None => Site::Call(number(site)?),
    };
    let (name, _) = fault::named(name).ok_or(format!("no fault {name}"))?;
    Ok((site, name))
}
