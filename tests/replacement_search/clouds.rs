//! What is not documented of the cloud, and so has to be survived either way.

use cgwd::simulator::Switches;
use cgwd::simulator::switches::{DanglingRoutes, EqualSubnets, MaskPsk, OmittedIkeFields, TokenMemory};
use std::fmt;
use std::str::FromStr;

type Word = (&'static str, fn(&mut Switches));

/// One word for each way in which a cloud differs from the plain one.
const WORDS: &[Word] = &[
    ("tokens-none", |cloud| cloud.client_tokens = TokenMemory::None),
    ("tokens-24h", |cloud| cloud.client_tokens = TokenMemory::Day),
    ("errors", |cloud| cloud.remember_errors = true),
    ("randomise", |cloud| cloud.omitted_ike_fields = OmittedIkeFields::Randomise),
    ("follows", |cloud| cloud.remote_id_follows = true),
    ("stars", |cloud| cloud.mask_psk = MaskPsk::Stars),
    ("masked", |cloud| cloud.mask_psk = MaskPsk::Empty),
    ("kept", |cloud| cloud.dangling_routes = DanglingRoutes::Kept),
    ("refused", |cloud| cloud.dangling_routes = DanglingRoutes::Refused),
    ("equal", |cloud| cloud.equal_subnets = EqualSubnets::Refuse),
    ("filter", |cloud| cloud.filter_matches_tunnels = true),
    ("slow", |cloud| {
        cloud.gateway_change_ms = 3_000;
        cloud.negotiation_ms = 1_000;
        cloud.attach_ms = 8_000;
        cloud.route_table_change_ms = 3_000;
    }),
];

/// Which of them hold, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CloudKind(u16);

impl CloudKind {
    pub const PLAIN: CloudKind = CloudKind(0);

    /// As unhelpful as it can be.
    pub fn hostile() -> CloudKind {
        "tokens-none+errors+randomise+kept+equal".parse().expect("known words")
    }

    /// Nothing that contradicts itself, from any number.
    pub fn any(number: u64) -> CloudKind {
        let mut bits = (number % (1 << WORDS.len())) as u16;
        for (first, second) in [("tokens-none", "tokens-24h"), ("stars", "masked"), ("kept", "refused")] {
            if bits & bit(first) != 0 {
                bits &= !bit(second);
            }
        }
        // What is slow takes many readings: a few of them tell as much as many.
        if !(number >> 40).is_multiple_of(4) {
            bits &= !bit("slow");
        }
        CloudKind(bits)
    }

    pub fn has(self, word: &str) -> bool {
        self.0 & bit(word) != 0
    }

    pub fn switches(self) -> Switches {
        let mut switches = Switches {
            check_signatures: false,
            gateway_change_ms: 0,
            negotiation_ms: 0,
            attach_ms: 0,
            route_table_change_ms: 0,
            ..Switches::default()
        };
        WORDS.iter().enumerate().filter(|(at, _)| self.0 & (1 << at) != 0).for_each(|(_, (_, switch))| switch(&mut switches));
        switches
    }
}

fn bit(word: &str) -> u16 {
    WORDS.iter().position(|(known, _)| *known == word).map_or(0, |at| 1 << at)
}

impl fmt::Display for CloudKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = WORDS.iter().enumerate().filter(|(at, _)| self.0 & (1 << at) != 0).map(|(_, (word, _))| *word).collect();
        f.write_str(if words.is_empty() { "plain".to_owned() } else { words.join("+") }.as_str())
    }
}

impl FromStr for CloudKind {
    type Err = String;

    fn from_str(text: &str) -> Result<CloudKind, String> {
        let words = text.split('+').filter(|word| *word != "plain");
        let bits = words.map(|word| match bit(word) {
            0 => Err(format!("no kind of cloud {word}")),
            bit => Ok(bit),
        });
        Ok(CloudKind(bits.collect::<Result<Vec<u16>, String>>()?.into_iter().sum()))
    }
}
