//! ClientTokens: derived, so that the same intention always carries the same token.

use ring::digest;

/// A ClientToken of 45 ASCII characters (at most 64 are allowed, cloud/api.md 1.4).
///
/// `journal_id` keeps two journals apart, `generation` two attempts that must not be taken for one another: a token whose
/// outcome was concluded is never used again.
pub fn client_token(journal_id: &str, action: &str, target: &str, generation: u32) -> String {
    let text = format!("{journal_id}\n{action}\n{target}\n{generation}");
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let hex: String = digest.as_ref().iter().take(20).map(|byte| format!("{byte:02x}")).collect();
    format!("cgwd-{hex}")
}
