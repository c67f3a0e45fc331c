//! Tells notices through `tracing`: the journal gets every field, a terminal one readable line.
//!
//! The field names are the journal's own (`MESSAGE_ID`, `CGWD_…`), so the layer that writes them must add no prefix;
//! `system::logging` sees to that and to where they go.

use super::fields::each_field;
use super::raise::{Notice, Phase};
use crate::model::Severity;
use crate::system::logging::ALERTS;
use std::fmt::Write;

/// The macros of tracing want the level, the target and the field names at compile time.
macro_rules! tell {
    ([$level:ident $notice:ident] $($field:ident: $name:ident,)*) => {
        tracing::$level!(
            target: ALERTS,
            MESSAGE_ID = $notice.alert.event.message_id,
            CGWD_EVENT = $notice.alert.event.code,
            CGWD_PHASE = $notice.phase.name(),
            $($name = $notice.alert.fields.$field.as_deref(),)*
            CGWD_REMEDY = $notice.alert.remedy.as_str(),
            "{}",
            message($notice)
        )
    };
}

/// Tells it wherever this process logs. It can't fail: who must know whether an alert arrived looks at what stands.
pub fn emit(notice: &Notice) {
    match severity(notice) {
        Severity::Error => each_field!(tell error notice),
        Severity::Warning => each_field!(tell warn notice),
        Severity::Info => each_field!(tell info notice),
    }
}

/// The fields as the journal gets them, one `NAME=value` on each line, line breaks within a value shown as spaces.
pub fn export_form(notice: &Notice) -> String {
    let mut text = String::new();
    for (name, value) in journal_fields(notice) {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{name}={}", value.replace(['\n', '\r'], " "));
    }
    text
}

/// The line that a person reads first: in the journal's `MESSAGE`, and on a terminal.
pub fn message(notice: &Notice) -> String {
    let Notice { phase, alert, since } = notice;
    let words = if alert.message.is_empty() { alert.event.subject } else { &alert.message };
    let since = since.strftime("%Y-%m-%d %H:%M:%S UTC");
    match phase {
        Phase::Raised | Phase::Changed | Phase::Occurred => format!("{words}{}", what_to_do(&alert.remedy)),
        Phase::Reminded => format!("still, since {since}: {words}{}", what_to_do(&alert.remedy)),
        Phase::Cleared => format!("over, began {since}: {words}"),
    }
}

fn what_to_do(remedy: &str) -> String {
    if remedy.is_empty() { String::new() } else { format!(". What to do: {remedy}") }
}

/// The end of a condition is good news, however bad the condition was.
pub fn severity(notice: &Notice) -> Severity {
    match notice.phase {
        Phase::Cleared => Severity::Info,
        Phase::Raised | Phase::Changed | Phase::Reminded | Phase::Occurred => notice.alert.severity,
    }
}

fn journal_fields(notice: &Notice) -> Vec<(&'static str, String)> {
    let alert = &notice.alert;
    let mut fields = vec![
        ("MESSAGE", message(notice)),
        ("PRIORITY", priority(severity(notice)).to_owned()),
        ("SYSLOG_IDENTIFIER", crate::system::logging::IDENTIFIER.to_owned()),
        ("MESSAGE_ID", alert.event.message_id.to_owned()),
        ("CGWD_EVENT", alert.event.code.to_owned()),
        ("CGWD_PHASE", notice.phase.name().to_owned()),
    ];
    fields.extend(alert.fields.named().map(|(_, name, value)| (name, value.to_owned())));
    fields.push(("CGWD_REMEDY", alert.remedy.clone()));
    fields
}

/// syslog(3) levels, as `system::logging` maps them.
fn priority(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "3",
        Severity::Warning => "4",
        Severity::Info => "6",
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::event;
    use super::super::raise::{Alert, Fields};
    use super::*;

    fn notice(phase: Phase) -> Notice {
        let fields = Fields {
            device: Some("branch-1".to_owned()),
            address_old: Some("203.0.113.7".to_owned()),
            address_new: Some("203.0.113.8".to_owned()),
            ..Fields::default()
        };
        let alert = Alert::new(event("replacement.needed"), "cgw-1", "cgw-1 holds 203.0.113.7, this device has 203.0.113.8");
        Notice { phase, alert: alert.with_remedy("run `cgwd plan`").with_fields(fields), since: "2026-11-23T03:04:05Z".parse().unwrap() }
    }

    #[test]
    fn the_export_form_names_every_field_that_is_there() {
        assert_eq!(
            export_form(&notice(Phase::Raised)),
            "MESSAGE=cgw-1 holds 203.0.113.7, this device has 203.0.113.8. What to do: run `cgwd plan`\n\
             PRIORITY=3\nSYSLOG_IDENTIFIER=cgwd\nMESSAGE_ID=203e75e3203a47a79680f6978c388efc\n\
             CGWD_EVENT=replacement.needed\nCGWD_PHASE=raised\nCGWD_DEVICE=branch-1\n\
             CGWD_ADDRESS_OLD=203.0.113.7\nCGWD_ADDRESS_NEW=203.0.113.8\nCGWD_REMEDY=run `cgwd plan`\n"
        );
    }

    #[test]
    fn each_phase_has_its_words() {
        let words = "cgw-1 holds 203.0.113.7, this device has 203.0.113.8";
        assert_eq!(message(&notice(Phase::Cleared)), format!("over, began 2026-11-23 03:04:05 UTC: {words}"));
        assert_eq!(
            message(&notice(Phase::Reminded)),
            format!("still, since 2026-11-23 03:04:05 UTC: {words}. What to do: run `cgwd plan`")
        );
        let mut mute = notice(Phase::Raised);
        mute.alert.remedy.clear();
        assert_eq!(message(&mute), words);
        mute.alert.message.clear();
        assert_eq!(message(&mute), mute.alert.event.subject);
    }

    #[test]
    fn an_end_is_never_an_error() {
        assert_eq!(severity(&notice(Phase::Cleared)), Severity::Info);
        assert!(export_form(&notice(Phase::Cleared)).contains("\nPRIORITY=6\n"));
    }

    #[test]
    fn a_line_break_does_not_make_a_field() {
        let mut broken = notice(Phase::Raised);
        broken.alert.message = "one\nMESSAGE_ID=two".to_owned();
        assert!(export_form(&broken).starts_with("MESSAGE=one MESSAGE_ID=two. "));
    }
}
