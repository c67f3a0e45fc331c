//! Whose a path is, for the advice where it cannot be used.

use rustix::process::geteuid;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What helps who meets the state of root or of the service's own user.
pub const AS_ROOT: &str = "run this as root (`sudo`): the state and the control socket belong to root and the service's own user";

/// Whether it belongs to another user, and this one is not root. Where it is not there, or not to be seen, what it would lie in counts.
pub fn is_anothers(path: &Path) -> bool {
    let user = geteuid();
    let owner = path.ancestors().find_map(|path| std::fs::metadata(path).ok()).map(|there| there.uid());
    !user.is_root() && owner != Some(user.as_raw())
}
