//! Ids, request ids and keys from a seed: the same seed and the same calls give the same cloud.

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, good enough for names. Not for secrets that matter.
#[derive(Clone, Debug)]
pub struct Random(u64);

const LOWER: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const MIXED: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A stream of its own for `name`, so that what happens in one region never changes the ids of another.
    pub fn fork(&self, name: &str) -> Random {
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Random(self.0 ^ hash)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// An id as the cloud writes them: `cgw-bp1` and 17 lower-case letters and digits.
    pub fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}-bp1{}", self.text(LOWER, 17))
    }

    /// A RequestId: an upper-case UUID.
    pub fn request_id(&mut self) -> String {
        let (high, low) = (self.number(), self.number());
        format!("{:08X}-{:04X}-{:04X}-{:04X}-{:012X}", high >> 32, (high >> 16) & 0xffff, high & 0xffff, low >> 48, low & 0xffff_ffff_ffff)
    }

    /// Letters and digits, e.g. the pre-shared key that the cloud makes when none is given (16, cloud/api.md 1.1).
    pub fn key(&mut self, length: usize) -> String {
        self.text(MIXED, length)
    }

    /// A public-looking address for the cloud's side, out of 47.96.0.0/16.
    pub fn cloud_address(&mut self) -> String {
        let number = self.number();
        format!("47.96.{}.{}", (number >> 8) & 0xff, 1 + (number & 0xff) % 254)
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[(self.number() % alphabet.len() as u64) as usize])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_forks_differ() {
        let (mut one, mut two) = (Random::new(7), Random::new(7));
        assert_eq!(one.id("cgw"), two.id("cgw"));
        assert_ne!(one.request_id(), one.request_id());
        assert_ne!(Random::new(7).fork("a").number(), Random::new(7).fork("b").number());
        assert_eq!(one.key(16).len(), 16);
        assert_eq!(one.request_id().len(), 36);
    }
}
