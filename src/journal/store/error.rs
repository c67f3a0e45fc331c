//! Why the journal cannot be used, whether the disk is at fault or its content, and what an operator can do.

use super::SCHEMA;
use crate::journal::replay::Corrupt;
use crate::system::access::{AS_ROOT, is_anothers};
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("the journal {path} cannot be opened")]
    Open { path: PathBuf, source: rusqlite::Error },
    /// What is in it is not known: another user's, or a path through what is no directory.
    #[error("{path} cannot be read, so nothing of what cgwd has done is known")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the state directory {path} cannot be made")]
    Directory { path: PathBuf, source: std::io::Error },
    #[error("the journal cannot be read")]
    Read(#[source] rusqlite::Error),
    #[error("the journal cannot be written")]
    Write(#[source] rusqlite::Error),
    #[error("an earlier write to the journal failed; nothing more is written until the next start")]
    Broken,
    #[error("the journal {path} has format {found}, this cgwd knows {SCHEMA}")]
    Newer { path: PathBuf, found: i64 },
    #[error("the journal {path} is damaged: {why}")]
    Damaged { path: PathBuf, why: String },
    #[error("the journal contradicts itself")]
    Corrupt(#[from] Corrupt),
    #[error("the device identity is missing from the journal and no random number can be had")]
    Identity,
}

impl JournalError {
    /// Whether the disk refused, rather than the content: the daemon may then go on watching.
    pub fn is_storage(&self) -> bool {
        matches!(self, JournalError::Unreadable { .. } | JournalError::Directory { .. } | JournalError::Write(_) | JournalError::Broken)
            || matches!(self, JournalError::Open { source, .. } | JournalError::Read(source) if is_disk(source))
    }

    /// What an operator can do.
    pub fn remedy(&self) -> String {
        match self {
            JournalError::Newer { path, .. } => {
                format!(
                    "install the newer cgwd again, or move {} away to begin a new journal (cgwd then finds its customer gateway by its tags)",
                    path.display()
                )
            }
            JournalError::Damaged { path, .. } => format!(
                "keep a copy of {0}, then move it away: cgwd begins a new journal and finds its customer gateway by its tags. `sqlite3 {0} .recover` shows what can be read",
                path.display()
            ),
            JournalError::Corrupt(_) => {
                "keep a copy of the journal and move it away: cgwd begins a new one and finds its customer gateway by its tags".into()
            }
            JournalError::Unreadable { source, .. } => match source.kind() {
                std::io::ErrorKind::PermissionDenied => AS_ROOT.into(),
                _ => "correct `[state] directory` of the configuration: it has to name a directory".into(),
            },
            JournalError::Directory { path, source } if source.kind() == std::io::ErrorKind::PermissionDenied && is_anothers(path) => {
                AS_ROOT.into()
            }
            JournalError::Open { .. } if !self.is_storage() => "another process may be busy with it: try again".into(),
            _ => "check that the state directory is writable and the disk is not full, then restart cgwd".into(),
        }
    }
}

pub(super) fn is_disk(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, DiskFull, PermissionDenied, ReadOnly, SystemIoFailure};
    matches!(error.sqlite_error_code(), Some(CannotOpen | DiskFull | PermissionDenied | ReadOnly | SystemIoFailure))
}

/// Another process that is busy with it, for instance, is no damage.
pub(super) fn damaged(path: &Path, error: rusqlite::Error) -> JournalError {
    if is_damage(&error) {
        return JournalError::Damaged { path: path.to_owned(), why: error.to_string() };
    }
    JournalError::Open { path: path.to_owned(), source: error }
}

/// Damage may show only when the records are read; it is named with the file all the same.
pub(super) fn place(path: &Path, error: JournalError) -> JournalError {
    match error {
        JournalError::Read(source) | JournalError::Write(source) if is_damage(&source) => damaged(path, source),
        other => other,
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}
