//! The ASN, as the BGP daemon on this device has it.

pub mod bird;
pub mod command;
pub mod file;
pub mod frr;
mod session;

/// Exactly one word, as it is written; validation says whether it is an ASN.
fn one_word(bytes: &[u8]) -> Result<String, String> {
    /// `65535.65535` has 11 characters; the rest is room for a wrong value that is worth showing.
    const LONGEST: usize = 32;
    let text = std::str::from_utf8(bytes).map_err(|_| "the answer is not text".to_owned())?.trim();
    match text.split_ascii_whitespace().count() {
        0 => Err("the answer is empty".to_owned()),
        1 if text.len() <= LONGEST && text.chars().all(|c| c.is_ascii_graphic()) => Ok(text.to_owned()),
        1 => Err("the answer is not an ASN".to_owned()),
        words => Err(format!("the answer has {words} words instead of one ASN")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::one_word;

    #[test]
    fn one_word_is_kept_as_written() {
        for text in ["65001", "65001\n", " 1.10 \r\n", "45104", "not-an-asn"] {
            assert_eq!(one_word(text.as_bytes()).as_deref(), Ok(text.trim()));
        }
    }

    #[test]
    fn more_or_less_than_one_word_is_no_reading() {
        let long = "6".repeat(33);
        for text in ["", "\n", "AS 65001", "65001 65002", "<html>\n</html>", "router bgp 65001", long.as_str(), "65\u{0}001", "６５"] {
            assert!(one_word(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(one_word(b"\xff").is_err());
    }
}
