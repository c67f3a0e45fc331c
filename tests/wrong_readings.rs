//! Streams of readings in which a minority is wrong, silent or of two minds, over what the daemon decides by: agreement, settling, and
//! what it does about a need. A replacement never begins on a minority's word, and always on a majority's that holds.

#![allow(clippy::unwrap_used, reason = "a test may stop where it finds something wrong")]

use cgwd::daemon::replacement::policy::{Course, Needed, of_needed};
use cgwd::model::{AddressSettings, AddressSource, Agreement, Network, Observation, Reading, ReplacementPolicy};
use cgwd::observe::{Settle, agree};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const STREAMS: u64 = 1_000;
const READINGS: u32 = 120;
const BETWEEN: Duration = Duration::from_secs(10);
const SETTLE: Duration = Duration::from_secs(30);
/// `[replacement] settle`, on top.
const REPLACEMENT_SETTLE: Duration = Duration::from_secs(300);
const REGISTERED: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 10));
const MOVED: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 20));

/// Deterministic, so that a seed says everything.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What one source says at one moment.
fn says(dice: &mut Dice, truth: IpAddr, lies: bool, lie: IpAddr) -> Observation<IpAddr> {
    match (lies, dice.roll(6)) {
        (true, 0) => Observation::Unknown("a captive portal".into()),
        (true, 1) => Observation::Conflicting(vec![truth, lie]),
        (true, 2) => Observation::Known(IpAddr::V4(Ipv4Addr::new(1, 0, 1, 1))),
        (true, _) => Observation::Known(lie),
        (false, 0) => Observation::Unknown("slow".into()),
        (false, _) => Observation::Known(truth),
    }
}

fn settings(sources: usize, agreement: Agreement) -> AddressSettings {
    AddressSettings {
        network: Network::Public,
        sources: vec![AddressSource::Static(REGISTERED); sources],
        agreement,
        settle: SETTLE,
        prefer: None,
        poll: BETWEEN,
    }
}

/// The daemon as far as readings matter: what it would replace by, once it would.
struct Watch {
    settings: AddressSettings,
    settle: Settle<IpAddr>,
    settled_since: Duration,
}

impl Watch {
    fn new(sources: usize, agreement: Agreement) -> Watch {
        Watch { settings: settings(sources, agreement), settle: Settle::restored(Some(REGISTERED)), settled_since: Duration::ZERO }
    }

    /// The address that a replacement begins for, where one does.
    fn read(&mut self, readings: &[Reading<IpAddr>], now: Duration) -> Option<IpAddr> {
        let agreed = agree(readings, &self.settings).address;
        let before = self.settle.settled().copied();
        self.settle.observe(agreed.as_ref().map(|address| address.value), now, SETTLE);
        let settled = self.settle.settled().copied()?;
        if before != Some(settled) {
            self.settled_since = now;
        }
        let is_read_now = agreed.is_some_and(|address| address.value == settled);
        if settled == REGISTERED || !is_read_now {
            return None;
        }
        let held_until = self.settled_since + REPLACEMENT_SETTLE;
        let needed = Needed {
            policy: ReplacementPolicy::Auto,
            held: if now >= held_until { Ok(()) } else { Err(Some(held_until)) },
            only_asn: false,
            ahead: None,
            decided: None,
            write_is_open: false,
            closed: None,
            tried: false,
            refused: None,
            again_at: None,
        };
        matches!(of_needed(&needed, now), Course::Begin).then_some(settled)
    }
}

/// One stream: the truth, and how many lie at any one moment.
fn stream(seed: u64, truth_moves: bool) -> Option<IpAddr> {
    let mut dice = Dice(seed);
    let sources = 3 + 2 * usize::try_from(dice.roll(3)).unwrap();
    let majority = sources / 2 + 1;
    let agreement = if dice.roll(4) == 0 { Agreement::All } else { Agreement::Quorum(majority) };
    let mut watch = Watch::new(sources, agreement);
    let lie = IpAddr::V4(Ipv4Addr::new(198, 51, 100, u8::try_from(1 + dice.roll(200)).unwrap()));
    let moves_at = u32::try_from(10 + dice.roll(20)).unwrap();
    for number in 0..READINGS {
        let now = BETWEEN * number;
        let truth = if truth_moves && number >= moves_at { MOVED } else { REGISTERED };
        let liars = usize::try_from(dice.roll(u64::try_from(sources - majority + 1).unwrap())).unwrap();
        let first = usize::try_from(dice.roll(u64::try_from(sources).unwrap())).unwrap();
        let readings: Vec<Reading<IpAddr>> = (0..sources)
            .map(|source| {
                let lies = (source + sources - first) % sources < liars;
                let value = says(&mut dice, truth, lies, lie);
                Reading { source: format!("source-{source}"), value, took: Duration::ZERO, taken: now }
            })
            .collect();
        if let Some(begun) = watch.read(&readings, now) {
            return Some(begun);
        }
    }
    None
}

#[test]
fn no_replacement_starts_on_a_minority_s_word() {
    for seed in 0..STREAMS {
        assert_eq!(stream(seed, false), None, "replays with stream({seed}, false)");
    }
}

#[test]
fn where_the_device_has_moved_a_replacement_starts_for_where_it_is_and_for_nothing_else() {
    let mut begun = 0;
    for seed in 0..STREAMS {
        match stream(seed, true) {
            None => {}
            Some(address) => {
                assert_eq!(address, MOVED, "replays with stream({seed}, true)");
                begun += 1;
            }
        }
    }
    // Where all sources have to agree and one is silent now and then, it may take longer than a stream lasts.
    assert!(begun > STREAMS / 10, "{begun} of {STREAMS}");
}

#[test]
fn a_majority_that_holds_is_followed() {
    for sources in [3usize, 5, 7] {
        let majority = sources / 2 + 1;
        let mut watch = Watch::new(sources, Agreement::Quorum(majority));
        let begun = (0..READINGS).find_map(|number| {
            let now = BETWEEN * number;
            let value = |source| if source < majority { Observation::Known(MOVED) } else { Observation::Known(REGISTERED) };
            let readings: Vec<Reading<IpAddr>> = (0..sources)
                .map(|source| Reading { source: source.to_string(), value: value(source), took: Duration::ZERO, taken: now })
                .collect();
            watch.read(&readings, now).map(|address| (address, now))
        });
        let (address, at) = begun.unwrap();
        assert_eq!(address, MOVED);
        assert!(at >= SETTLE + REPLACEMENT_SETTLE && at <= SETTLE + REPLACEMENT_SETTLE + 2 * BETWEEN, "{at:?}");
    }
}
