//! Which tunnels work while all is well: what a replacement measures by later, when the address has changed and all are down.

use crate::model::{IpsecConnection, Worked};
use crate::plan::replacement::next::is_in_use;
use crate::plan::replacement::tunnels_at;
use std::time::Duration;

/// Between the first two looks, and then: they cost calls, of which a fleet shares its account's allowance.
const FIRST: Duration = Duration::from_secs(600);
const LATER: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub struct Tunnels {
    last: Option<Worked>,
    /// In time since boot.
    due: Duration,
}

/// What one look at the connections shows of those on this customer gateway.
pub fn at_work(connections: &[IpsecConnection], customer_gateway: &str) -> Worked {
    let own = connections.iter().filter(|connection| connection.refers_to(customer_gateway));
    own.map(|connection| {
        let up = tunnels_at(connection, |id| id == customer_gateway).into_iter().filter(|index| is_in_use(connection, *index));
        (connection.id.clone(), up.collect())
    })
    .collect()
}

impl Tunnels {
    pub fn are_due(&self, now: Duration) -> bool {
        now >= self.due
    }

    /// What is worth keeping. A tunnel is down only where two looks say so: the first of them may have come in the very moment at
    /// which the address changed. Where nothing works at all the device is away, and that says nothing of its tunnels.
    pub fn take(&mut self, shown: Worked, kept: &Worked, now: Duration) -> Option<Worked> {
        self.due = now + if self.last.is_some() { LATER } else { FIRST };
        if shown.values().all(Vec::is_empty) {
            return None;
        }
        let before = self.last.as_ref().unwrap_or(kept);
        let seen_twice = shown.iter().filter_map(|(id, up)| Some((id.clone(), both(before.get(id)?, up)))).collect();
        self.last = Some(shown);
        Some(seen_twice).filter(|worked: &Worked| worked != kept && !worked.is_empty())
    }
}

fn both(one: &[u8], other: &[u8]) -> Vec<u8> {
    let mut all = [one, other].concat();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worked(of: &[(&str, &[u8])]) -> Worked {
        of.iter().map(|(id, up)| ((*id).to_owned(), up.to_vec())).collect()
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_tunnel_is_down_where_two_looks_say_so() {
        let mut tunnels = Tunnels::default();
        let one = worked(&[("vco", &[1])]);
        assert_eq!(tunnels.take(one.clone(), &Worked::new(), MINUTE), None, "the other may be on its way");
        assert_eq!(tunnels.take(one.clone(), &Worked::new(), 12 * MINUTE), Some(one.clone()));
        assert_eq!(tunnels.take(one.clone(), &one, 80 * MINUTE), None, "no news");
        let both = worked(&[("vco", &[1, 2])]);
        assert_eq!(tunnels.take(both.clone(), &one, 150 * MINUTE), Some(both.clone()));
        assert_eq!(tunnels.take(one.clone(), &both, 220 * MINUTE), None, "it worked an hour ago");
        assert_eq!(tunnels.take(one.clone(), &both, 290 * MINUTE), Some(one), "and twice it did not");
    }

    #[test]
    fn a_device_that_is_away_says_nothing_of_its_tunnels() {
        let mut tunnels = Tunnels::default();
        let kept = worked(&[("vco", &[1, 2])]);
        for minutes in [1, 11, 71] {
            assert_eq!(tunnels.take(worked(&[("vco", &[])]), &kept, minutes * MINUTE), None);
        }
        assert_eq!(tunnels.take(worked(&[("vco", &[2]), ("dead", &[])]), &kept, 140 * MINUTE), None, "what was kept counts as a look");
        let now = worked(&[("vco", &[2]), ("dead", &[])]);
        assert_eq!(tunnels.take(now.clone(), &kept, 210 * MINUTE), Some(now), "one that works shows that the other is dead");
    }

    #[test]
    fn they_are_looked_at_once_an_hour() {
        let mut tunnels = Tunnels::default();
        assert!(tunnels.are_due(Duration::ZERO));
        tunnels.take(worked(&[("vco", &[1])]), &Worked::new(), Duration::ZERO);
        assert!(!tunnels.are_due(9 * MINUTE) && tunnels.are_due(10 * MINUTE));
        tunnels.take(worked(&[("vco", &[1])]), &Worked::new(), 10 * MINUTE);
        assert!(!tunnels.are_due(69 * MINUTE) && tunnels.are_due(70 * MINUTE));
    }
}
