//! The journal's tables in SQLite: made, read, appended to, pruned and erased from.

use super::error::damaged;
use super::{JournalError, SCHEMA, forget_snapshot};
use crate::journal::prune::Superseded;
use crate::journal::record::{Entry, Record};
use crate::journal::replay::{Corrupt, Progress};
use crate::model::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::{Path, PathBuf};

/// Beyond so many records those that nothing depends on are dropped from the older half, as [`Superseded`] names them: at the
/// start, and while a process that is never restarted appends. Writes that had an effect are kept for ever.
pub(super) const KEEP: i64 = 10_000;

pub(super) struct Disk {
    pub(super) connection: Connection,
    pub(super) directory: PathBuf,
    records: i64,
    /// The number of records at which to look for superseded ones.
    prune_at: i64,
}

impl Disk {
    pub(super) fn new(connection: Connection, directory: &Path, records: i64) -> Disk {
        Disk { connection, directory: directory.to_owned(), records, prune_at: KEEP.max(records) }
    }

    pub(super) fn append(&mut self, progress: &mut Progress, at: Timestamp, record: Record) -> Result<i64, JournalError> {
        let seq = append_to_disk(&mut self.connection, progress, at, record)?;
        self.records += 1;
        if self.records > self.prune_at {
            prune(&mut self.connection, KEEP / 2)?;
            self.records = count(&self.connection)?;
            self.prune_at = next_pruning(self.records);
        }
        Ok(seq)
    }
}

/// Also where most records have to stay, looking for others is not done for each one that is added.
fn next_pruning(records: i64) -> i64 {
    KEEP.max(records + KEEP / 2)
}

fn append_to_disk(connection: &mut Connection, progress: &mut Progress, at: Timestamp, record: Record) -> Result<i64, JournalError> {
    let transaction = connection.transaction().map_err(JournalError::Write)?;
    let body =
        serde_json::to_string(&record).map_err(|error| JournalError::Write(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))?;
    transaction.execute("INSERT INTO record (at, body) VALUES (?1, ?2)", params![at.to_string(), body]).map_err(JournalError::Write)?;
    let seq = transaction.last_insert_rowid();
    progress.apply(&Entry { seq, at, record })?;
    transaction.commit().map_err(JournalError::Write)?;
    Ok(seq)
}

/// The database overwrites with zeros what it frees (`secure_delete`), and the write-ahead log, which still has the old pages, is
/// emptied. What a flash chip keeps of its old blocks no software reaches; without the key that is of no use.
pub(super) fn erase_on_disk(connection: &mut Connection, seqs: &[i64]) -> Result<(), JournalError> {
    let transaction = connection.transaction().map_err(JournalError::Write)?;
    for seq in seqs {
        let Some(mut record) = read_record(&transaction, *seq)? else { continue };
        forget_snapshot(&mut record);
        let body = serde_json::to_string(&record)
            .map_err(|error| JournalError::Write(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))?;
        transaction.execute("UPDATE record SET body = ?2 WHERE seq = ?1", params![seq, body]).map_err(JournalError::Write)?;
    }
    transaction.commit().map_err(JournalError::Write)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(JournalError::Write)
}

pub(super) fn read_record(connection: &Connection, seq: i64) -> Result<Option<Record>, JournalError> {
    let body: Option<String> =
        connection.query_row("SELECT body FROM record WHERE seq = ?1", [seq], |row| row.get(0)).optional().map_err(JournalError::Read)?;
    let unreadable = |error: serde_json::Error| JournalError::Corrupt(Corrupt { seq, why: format!("its body is unreadable: {error}") });
    body.map(|body| serde_json::from_str(&body)).transpose().map_err(unreadable)
}

/// One at a time: there can be many, and the memory is small.
pub(super) fn for_each_entry(connection: &Connection, take: impl FnMut(Entry) -> Result<(), JournalError>) -> Result<(), JournalError> {
    for_each_entry_after(connection, 0, take)
}

pub(super) fn for_each_entry_after(
    connection: &Connection,
    seq: i64,
    mut take: impl FnMut(Entry) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let mut statement = connection.prepare("SELECT seq, at, body FROM record WHERE seq > ?1 ORDER BY seq").map_err(JournalError::Read)?;
    let rows = statement
        .query_map([seq], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))
        .map_err(JournalError::Read)?;
    for row in rows {
        let (seq, at, body) = row.map_err(JournalError::Read)?;
        let unreadable = |why: String| JournalError::Corrupt(Corrupt { seq, why });
        let at = at.parse().map_err(|error| unreadable(format!("its time is unreadable: {error}")))?;
        let record = serde_json::from_str(&body).map_err(|error| unreadable(format!("its body is unreadable: {error}")))?;
        take(Entry { seq, at, record })?;
    }
    Ok(())
}

pub(super) fn create(connection: &Connection, machine_identity: Option<String>) -> Result<(), JournalError> {
    let journal_id = random_id()?;
    let device_id = match machine_identity {
        Some(identity) => identity,
        None => random_id()?,
    };
    connection
        .execute_batch(&format!(
            "BEGIN;
             CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
             CREATE TABLE record (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, body TEXT NOT NULL) STRICT;
             INSERT INTO meta VALUES ('journal_id', '{journal_id}'), ('device_id', '{device_id}'), ('epoch', '1');
             PRAGMA user_version = {SCHEMA};
             COMMIT;"
        ))
        .map_err(JournalError::Write)
}

pub(super) fn count(connection: &Connection) -> Result<i64, JournalError> {
    connection.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).map_err(JournalError::Read)
}

/// Drops what nothing depends on, save the newest `recent` records.
pub(super) fn prune(connection: &mut Connection, recent: i64) -> Result<(), JournalError> {
    let newest: i64 = connection.query_row("SELECT coalesce(max(seq), 0) FROM record", [], |row| row.get(0)).map_err(JournalError::Read)?;
    let mut superseded = Superseded::until(newest - recent);
    for_each_entry(connection, |entry| {
        superseded.take(&entry);
        Ok(())
    })?;
    let transaction = connection.transaction().map_err(JournalError::Write)?;
    delete(&transaction, superseded.seqs()).and_then(|()| transaction.commit()).map_err(JournalError::Write)
}

fn delete(connection: &Connection, seqs: Vec<i64>) -> Result<(), rusqlite::Error> {
    let mut delete = connection.prepare("DELETE FROM record WHERE seq = ?1")?;
    seqs.into_iter().try_for_each(|seq| delete.execute([seq]).map(drop))
}

pub(super) fn check_integrity(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(|error| damaged(path, error))?;
    if verdict == "ok" { Ok(()) } else { Err(JournalError::Damaged { path: path.to_owned(), why: verdict }) }
}

pub(super) fn read_unshared(path: &Path) -> Result<(Connection, i64), JournalError> {
    let open = |source| JournalError::Open { path: path.to_owned(), source };
    let uri = format!("file:{}?immutable=1", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags).map_err(open)?;
    let found = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(open)?;
    Ok((connection, found))
}

fn random_id() -> Result<String, JournalError> {
    let mut bytes = [0u8; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| JournalError::Identity)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Only root and the service's own user look inside.
pub(super) fn make_private_directory(directory: &Path) -> Result<(), JournalError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|source| JournalError::Directory { path: directory.to_owned(), source })
}
