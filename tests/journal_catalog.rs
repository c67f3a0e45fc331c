//! The message catalogues in systemd/ are those of this source. `CGWD_UPDATE_DOCS=1 cargo test --test journal_catalog` writes
//! them anew.

use cgwd::alert::catalogue::event;
use cgwd::alert::journal_catalog::{Language, journal_catalog};
use std::path::Path;

#[test]
fn the_message_catalogues_are_current() {
    for (name, language) in [("cgwd.catalog", Language::English), ("cgwd.zh_CN.catalog", Language::Chinese)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name);
        let wanted = journal_catalog(language);
        if std::env::var_os("CGWD_UPDATE_DOCS").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == wanted, "systemd/{name} is stale: CGWD_UPDATE_DOCS=1 cargo test --test journal_catalog");
    }
}

/// systemd raises it without us, so its id stands in the unit.
#[test]
fn the_failure_alert_of_the_unit_is_the_catalogues() {
    let unit = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/cgwd-failed@.service")).unwrap();
    let event = event("service.failed");
    for line in [format!("LogExtraFields=MESSAGE_ID={}", event.message_id), format!("LogExtraFields=CGWD_EVENT={}", event.code)] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
}
