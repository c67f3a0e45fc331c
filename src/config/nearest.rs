//! The valid word nearest to a misspelt one.

/// `None` where nothing is near enough to be what was meant: more than two letters in five differ.
pub(super) fn nearest<'a>(word: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('-', "_");
    valid
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.replace('-', "_")), candidate))
        .filter(|(distance, candidate)| distance * 5 <= word.chars().count().max(candidate.chars().count()) * 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A remedy: the nearest word, or all of them.
pub(super) fn suggestion(word: &str, valid: &[&str], what: &str) -> String {
    match nearest(word, valid.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("{what}: {}", valid.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let valid = ["name", "sources", "vpn_gateway", "settle"];
        assert_eq!(nearest("nmae", valid), Some("name"));
        assert_eq!(nearest("source", valid), Some("sources"));
        assert_eq!(nearest("VPN-Gateway", valid), Some("vpn_gateway"));
        assert_eq!(nearest("zebra", valid), None);
        assert_eq!(nearest("region", ["registration"]), None);
        assert_eq!(nearest("", valid), None);
        assert_eq!(suggestion("zebra", &["a", "b"], "valid keys"), "valid keys: a, b");
    }
}
