//! One course of events: where it begins, what the cloud remembers, and which fault comes where. One line of text each way.

use super::fault::{self, Kind};
use super::topology::{self, Topology};
use cgwd::simulator::Switches;
use cgwd::simulator::switches::TokenMemory;
use std::fmt;
use std::str::FromStr;

/// Counted from 1, over all restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    Call(u32),
    Record(u32),
}

/// What the cloud does with ClientTokens; their life is not documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    None,
    Day,
    Forever,
    /// And failed calls fail for ever after under their token.
    ForeverAndErrors,
}

pub const ALL_TOKENS: [Tokens; 4] = [Tokens::None, Tokens::Day, Tokens::Forever, Tokens::ForeverAndErrors];

#[derive(Clone)]
pub struct Schedule {
    pub topology: &'static Topology,
    pub tokens: Tokens,
    pub faults: Vec<(Site, &'static str)>,
}

impl Schedule {
    pub fn without_faults(topology: &'static Topology, tokens: Tokens) -> Schedule {
        Schedule { topology, tokens, faults: Vec::new() }
    }

    pub fn with(&self, faults: &[(Site, &'static str)]) -> Schedule {
        Schedule { faults: faults.to_vec(), ..self.clone() }
    }

    pub fn kinds(&self) -> impl Iterator<Item = (Site, Kind)> {
        self.faults.iter().map(|(site, name)| (*site, fault::named(name).expect("schedules hold known names")))
    }
}

impl Tokens {
    pub fn switches(self) -> Switches {
        let client_tokens = match self {
            Tokens::None => TokenMemory::None,
            Tokens::Day => TokenMemory::Day,
            Tokens::Forever | Tokens::ForeverAndErrors => TokenMemory::Forever,
        };
        Switches { client_tokens, remember_errors: self == Tokens::ForeverAndErrors, ..Switches::default() }
    }

    fn name(self) -> &'static str {
        match self {
            Tokens::None => "none",
            Tokens::Day => "24h",
            Tokens::Forever => "forever",
            Tokens::ForeverAndErrors => "errors",
        }
    }
}

/// `create/token=none: 3=lost-answer r2=full`
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/token={}:", self.topology.name, self.tokens.name())?;
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
        let (topology, tokens) = head.trim().split_once("/token=").ok_or("no /token=")?;
        let topology = topology::ALL.iter().find(|known| known.name == topology).ok_or(format!("no topology {topology}"))?;
        let tokens = ALL_TOKENS.into_iter().find(|known| known.name() == tokens).ok_or(format!("no token memory {tokens}"))?;
        let faults = faults.split_whitespace().map(one_fault).collect::<Result<_, String>>()?;
        Ok(Schedule { topology, tokens, faults })
    }
}

fn one_fault(text: &str) -> Result<(Site, &'static str), String> {
    let (site, name) = text.split_once('=').ok_or(format!("{text}: no ="))?;
    let number = |digits: &str| digits.parse().map_err(|_| format!("{text}: no number"));
    let site = match site.strip_prefix('r') {
        Some(digits) => Site::Record(number(digits)?),
        None => Site::Call(number(site)?),
    };
    let all = fault::OF_CALLS.iter().chain(fault::OF_OPERATORS).chain(fault::OF_RECORDS);
    let name = all.into_iter().find(|(known, _)| *known == name).ok_or(format!("no fault {name}"))?.0;
    Ok((site, name))
}
