//! One address out of the readings of several sources.
//!
//! Pure. Guessing is worse than not knowing: an address is decided only where the configured agreement is met.

use crate::facts::findings::{ADDRESS_AMBIGUOUS, ADDRESS_DISAGREEMENT, ADDRESS_MISSING};
use crate::model::{AddressSettings, Agreement, Finding, Observation, Reading, witness};
use std::net::IpAddr;
use std::time::Duration;

/// An address and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    pub value: IpAddr,
    /// The sources that attest it, as the configuration writes them, joined by `, `.
    pub source: String,
    /// When the oldest of the readings that decide was taken, in time since boot.
    pub taken: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// `None` together with at least one finding of severity error.
    pub address: Option<Attested>,
    pub findings: Vec<Finding>,
}

/// Decides by `settings.agreement`; the readings are in the order of the configuration.
///
/// An IPv6 reading decides only where no source has an IPv4 one: a customer gateway has an IPv4 address, so an echo
/// service's IPv6 answer is no opinion about it (reliability.md 2, fault 7). Where it is all there is, validation
/// explains it.
pub fn agree(readings: &[Reading<IpAddr>], settings: &AddressSettings) -> Agreed {
    let votes = votes(readings);
    match settings.agreement {
        Agreement::First => first(&votes),
        Agreement::All => every(&votes),
        Agreement::Quorum(needed) => quorum(&votes, needed),
    }
}

/// What one source says.
struct Vote<'a> {
    source: &'a str,
    says: Says<'a>,
    taken: Duration,
}

enum Says<'a> {
    One(IpAddr),
    Several(&'a [IpAddr]),
    Nothing(String),
}

/// A source that is configured twice votes once.
fn votes(readings: &[Reading<IpAddr>]) -> Vec<Vote<'_>> {
    let is_ipv4 = |reading: &Reading<IpAddr>| match &reading.value {
        Observation::Known(address) => address.is_ipv4(),
        Observation::Conflicting(_) => true,
        Observation::Unknown(_) => false,
    };
    let ipv4_is_known = readings.iter().any(is_ipv4);
    let mut votes: Vec<Vote<'_>> = Vec::new();
    for reading in readings {
        if votes.iter().any(|vote| vote.source == reading.source) {
            continue;
        }
        let says = match &reading.value {
            Observation::Known(address @ IpAddr::V6(_)) if ipv4_is_known => {
                Says::Nothing(format!("it gave {address}, and a customer gateway has an IPv4 address"))
            }
            Observation::Known(address) => Says::One(*address),
            Observation::Conflicting(addresses) => Says::Several(addresses),
            Observation::Unknown(reason) => Says::Nothing(reason.clone()),
        };
        votes.push(Vote { source: &reading.source, says, taken: reading.taken });
    }
    votes
}

/// The first source that answers decides. An ambiguous answer is one: passing over it to the next source would let a
/// less trusted source decide what the preferred one only could not narrow down.
fn first(votes: &[Vote<'_>]) -> Agreed {
    let Some(position) = votes.iter().position(|vote| !matches!(vote.says, Says::Nothing(_))) else {
        return undecided(vec![missing("no source gave an address", votes)]);
    };
    let decider = &votes[position];
    let address = match decider.says {
        Says::One(address) => address,
        Says::Several(addresses) => return undecided(vec![ambiguous(decider.source, addresses)]),
        Says::Nothing(_) => return undecided(vec![missing("no source gave an address", votes)]),
    };
    let differing: Vec<String> = votes[position + 1..].iter().filter_map(|vote| contradiction(vote, address)).collect();
    let findings = match differing.as_slice() {
        [] => Vec::new(),
        _ => vec![differs(decider.source, address, &differing)],
    };
    // That the preferred ones are silent decides too.
    let taken = votes[..=position].iter().map(|vote| vote.taken).min().unwrap_or_default();
    Agreed { address: Some(Attested { value: address, source: decider.source.to_owned(), taken }), findings }
}

/// Every source must answer, with one address.
fn every(votes: &[Vote<'_>]) -> Agreed {
    let mut findings: Vec<Finding> = votes.iter().filter_map(ambiguity).collect();
    let groups = groups(votes);
    if groups.len() > 1 {
        findings.push(disagree("every source must give the same address", &groups));
    }
    if votes.is_empty() || votes.iter().any(|vote| matches!(vote.says, Says::Nothing(_))) {
        findings.push(missing("every source must answer, and not all did", votes));
    }
    match groups.first() {
        Some(group) if findings.is_empty() => Agreed { address: Some(group.attested()), findings },
        _ => undecided(findings),
    }
}

/// At least `needed` sources must give one address, and no other address may reach as many. A minority that says
/// otherwise is a warning.
fn quorum(votes: &[Vote<'_>], needed: usize) -> Agreed {
    let groups = groups(votes);
    let reached: Vec<&Group<'_>> = groups.iter().filter(|group| group.witnesses.len() >= needed.max(1)).collect();
    if let [group] = reached.as_slice() {
        let differing: Vec<String> = votes.iter().filter_map(|vote| contradiction(vote, group.address)).collect();
        let attested = group.attested();
        let findings = if differing.is_empty() { Vec::new() } else { vec![differs(&attested.source, group.address, &differing)] };
        return Agreed { address: Some(attested), findings };
    }
    let mut findings: Vec<Finding> = votes.iter().filter_map(ambiguity).collect();
    if groups.len() > 1 {
        findings.push(disagree(&format!("{needed} independent sources must give the same address and no other may have as many"), &groups));
    } else {
        let best = groups.first().map_or(0, |group| group.witnesses.len());
        findings.push(missing(&format!("{needed} independent sources must give the same address, and {best} did"), votes));
    }
    undecided(findings)
}

/// The sources that give one address.
struct Group<'a> {
    address: IpAddr,
    sources: Vec<&'a str>,
    taken: Duration,
    /// Whom these sources ask: two URLs of one host are one witness, since they fail together (reliability.md 2, fault 5).
    witnesses: Vec<&'a str>,
}

impl Group<'_> {
    fn attested(&self) -> Attested {
        Attested { value: self.address, source: self.sources.join(", "), taken: self.taken }
    }
}

fn groups<'a>(votes: &[Vote<'a>]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for vote in votes {
        let Says::One(address) = vote.says else { continue };
        let witness = witness(vote.source);
        match groups.iter_mut().find(|group| group.address == address) {
            Some(group) => {
                group.sources.push(vote.source);
                group.taken = group.taken.min(vote.taken);
                if !group.witnesses.contains(&witness) {
                    group.witnesses.push(witness);
                }
            }
            None => groups.push(Group { address, sources: vec![vote.source], taken: vote.taken, witnesses: vec![witness] }),
        }
    }
    groups
}

fn undecided(findings: Vec<Finding>) -> Agreed {
    Agreed { address: None, findings }
}

/// `None` where the source agrees or says nothing; an ambiguous one agrees if the address is among its own.
fn contradiction(vote: &Vote<'_>, decided: IpAddr) -> Option<String> {
    match vote.says {
        Says::One(address) if address != decided => Some(format!("{} gives {address}", vote.source)),
        Says::Several(addresses) if !addresses.contains(&decided) => Some(format!("{} gives {}", vote.source, list(addresses))),
        _ => None,
    }
}

fn ambiguity(vote: &Vote<'_>) -> Option<Finding> {
    match vote.says {
        Says::Several(addresses) => Some(ambiguous(vote.source, addresses)),
        Says::One(_) | Says::Nothing(_) => None,
    }
}

fn ambiguous(source: &str, addresses: &[IpAddr]) -> Finding {
    Finding::error(
        ADDRESS_AMBIGUOUS,
        format!("{source} has several addresses ({}) and nothing says which one counts", list(addresses)),
        "set `[address] prefer` to a prefix that holds the right one alone, or take a source that names one address",
    )
}

fn differs(source: &str, address: IpAddr, differing: &[String]) -> Finding {
    Finding::warning(
        ADDRESS_DISAGREEMENT,
        format!("{address} counts, by {source}; but {}", differing.join(", ")),
        "find out which is right: a NAT, a second uplink or a proxy stands between them; remove the source that can't know",
    )
}

fn disagree(rule: &str, groups: &[Group<'_>]) -> Finding {
    let sides: Vec<String> = groups.iter().map(|group| format!("{} ({})", group.address, group.sources.join(", "))).collect();
    Finding::error(
        ADDRESS_DISAGREEMENT,
        format!("{rule}, and they give {}", sides.join(" and ")),
        "find out which is right: a NAT, a second uplink or a proxy stands between them; remove the source that can't know, or change `[address] agreement`",
    )
}

fn missing(rule: &str, votes: &[Vote<'_>]) -> Finding {
    let reasons: Vec<String> = votes
        .iter()
        .filter_map(|vote| match &vote.says {
            Says::Nothing(reason) => Some(format!("{}: {reason}", vote.source)),
            Says::One(_) | Says::Several(_) => None,
        })
        .collect();
    let message = if reasons.is_empty() { rule.to_owned() } else { format!("{rule}; {}", reasons.join("; ")) };
    Finding::error(
        ADDRESS_MISSING,
        message,
        "repair the source, or add another one to `[address] sources`; until then nothing is changed in the cloud",
    )
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
}
