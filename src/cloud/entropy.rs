//! Unpredictable numbers for nonces and back-off, or predictable ones in tests.

use super::signature::hex;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use std::cell::Cell;
use std::rc::Rc;

/// A stream of numbers: HMAC-SHA256 of a counter under a seed that is drawn once. So only making it can fail.
#[derive(Clone)]
pub struct Entropy(Rc<Stream>);

struct Stream {
    key: hmac::Key,
    counter: Cell<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoEntropy;

impl Entropy {
    /// # Errors
    /// Where the kernel gives no random numbers.
    pub fn system() -> Result<Entropy, NoEntropy> {
        let mut seed = [0_u8; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| NoEntropy)?;
        Ok(Entropy::from_seed(&seed))
    }

    /// The same stream for the same seed: for tests and simulations.
    pub fn seeded(seed: u64) -> Entropy {
        Entropy::from_seed(&seed.to_be_bytes())
    }

    /// 128 bits as 32 hex digits; never the same twice.
    pub fn hex128(&self) -> String {
        hex(&self.block().as_ref()[..16])
    }

    /// In UUID form: 36 ASCII characters.
    pub fn uuid(&self) -> String {
        let hex = self.hex128();
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }

    /// From 0 up to, not including, 1.
    pub fn fraction(&self) -> f64 {
        let block = self.block();
        let block = block.as_ref();
        f64::from(u32::from_be_bytes([block[0], block[1], block[2], block[3]])) / (f64::from(u32::MAX) + 1.0)
    }

    fn from_seed(seed: &[u8]) -> Entropy {
        Entropy(Rc::new(Stream { key: hmac::Key::new(hmac::HMAC_SHA256, seed), counter: Cell::new(0) }))
    }

    fn block(&self) -> hmac::Tag {
        let count = self.0.counter.get();
        self.0.counter.set(count + 1);
        hmac::sign(&self.0.key, &count.to_be_bytes())
    }
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_stream_without_repetition() {
        let (one, other) = (Entropy::seeded(7), Entropy::seeded(7));
        let first = one.uuid();
        assert_eq!(first, other.uuid());
        assert_ne!(first, one.uuid());
        assert_eq!(first.len(), 36);
        assert!((0..1000).all(|_| (0.0..1.0).contains(&one.fraction())));
    }

    #[test]
    fn the_system_gives_different_streams() {
        assert_ne!(Entropy::system().map(|e| e.hex128()), Entropy::system().map(|e| e.hex128()));
    }
}
