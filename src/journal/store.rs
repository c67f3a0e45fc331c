//! The durable edge of the journal: SQLite in WAL mode with `synchronous=FULL`, so that a record that was appended survives
//! a power cut (reliability.md 1). After the first storage error nothing more is appended by this process: what the disk
//! holds is then unknown, and the next start finds out by reading.

use super::prune::Superseded;
use super::record::{Entry, Record};
use super::replay::{Corrupt, Progress, replay};
use crate::model::{ReplacementPlan, Timestamp};
use crate::system::space;
use jiff::SignedDuration;
use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Format of the tables and records. A journal with a larger number was written by a newer cgwd.
pub const SCHEMA: i64 = 2;
/// File name below the state directory.
pub const FILE: &str = "journal.db";
/// Beyond so many records those that nothing depends on are dropped from the older half, as [`Superseded`] names them: at the
/// start, and while a process that is never restarted appends. Writes that had an effect are kept for ever.
const KEEP: i64 = 10_000;
/// So many of the newest records were never pruned.
pub const NEVER_PRUNED: usize = 5_000;
/// Address notices that are kept in any minute: each costs the flash a sync, and an address that flaps says the same again and
/// again.
const NOTICES_A_MINUTE: usize = 6;

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("the journal {path} cannot be opened")]
    Open { path: PathBuf, source: rusqlite::Error },
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
        matches!(self, JournalError::Directory { .. } | JournalError::Write(_) | JournalError::Broken)
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
            JournalError::Open { .. } if !self.is_storage() => "another process may be busy with it: try again".into(),
            _ => "check that the state directory is writable and the disk is not full, then restart cgwd".into(),
        }
    }
}

fn is_disk(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, DiskFull, PermissionDenied, ReadOnly, SystemIoFailure};
    matches!(error.sqlite_error_code(), Some(CannotOpen | DiskFull | PermissionDenied | ReadOnly | SystemIoFailure))
}

/// Records on disk and what they add up to.
pub struct Journal {
    backing: Backing,
    progress: Progress,
    device_id: String,
    epoch: u32,
    broken: bool,
    /// Of the last minute.
    notices: Vec<Timestamp>,
}

enum Backing {
    Disk(Disk),
    Memory(Memory),
}

struct Disk {
    connection: Connection,
    directory: PathBuf,
    records: i64,
    /// The number of records at which to look for superseded ones.
    prune_at: i64,
}

/// Records that live as long as the value, for tests and rehearsals; clones share them, so that a "restart" finds them.
#[derive(Clone, Default)]
pub struct Memory {
    entries: Rc<RefCell<Vec<Entry>>>,
    /// The append after so many successful ones fails, as on a full disk.
    pub fails_after: Rc<RefCell<Option<usize>>>,
    /// A snapshot comes back otherwise than it was written, as from a bad disk.
    pub spoils_snapshots: Rc<Cell<bool>>,
}

impl Memory {
    /// As a journal that was left with these records.
    pub fn holding(entries: Vec<Entry>) -> Memory {
        Memory { entries: Rc::new(RefCell::new(entries)), ..Memory::default() }
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.entries.borrow().clone()
    }

    fn record(&self, seq: i64) -> Option<Record> {
        let mut record = self.entries.borrow().iter().find(|entry| entry.seq == seq).map(|entry| entry.record.clone())?;
        if let (Record::ReplacementPlanned { sealed, .. }, true) = (&mut record, self.spoils_snapshots.get()) {
            // Its last bytes are what seals it.
            sealed.truncate(sealed.len() / 8 * 4);
        }
        Some(record)
    }

    /// How many records there are.
    pub fn count(&self) -> usize {
        self.entries.borrow().len()
    }

    /// The records beyond the first so many.
    pub fn after(&self, count: usize) -> Vec<Entry> {
        self.entries.borrow().get(count..).unwrap_or_default().to_vec()
    }
}

impl Journal {
    /// Opens the journal below `directory` and makes it where there is none. `machine_identity` becomes the device's id in a
    /// new journal; without one it is random.
    pub fn open(directory: &Path, machine_identity: Option<String>) -> Result<Journal, JournalError> {
        make_private_directory(directory)?;
        let path = directory.join(FILE);
        let open = |source| JournalError::Open { path: path.clone(), source };
        let mut connection = Connection::open(&path).map_err(open)?;
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(|error| damaged(&path, error))?;
        if found > SCHEMA {
            return Err(JournalError::Newer { path, found });
        }
        connection.busy_timeout(std::time::Duration::from_secs(2)).map_err(open)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(open)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(open)?;
        connection.pragma_update(None, "secure_delete", "ON").map_err(open)?;
        check_integrity(&connection, &path)?;
        match found {
            0 => create(&connection, machine_identity)?,
            // What format 2 added are records alone: nothing on disk has to change, but an older cgwd must refuse them.
            found if found < SCHEMA => connection.pragma_update(None, "user_version", SCHEMA).map_err(JournalError::Write)?,
            _ => {}
        }
        if count(&connection).map_err(|error| place(&path, error))? > KEEP {
            prune(&mut connection, KEEP / 2).map_err(|error| place(&path, error))?;
        }
        Journal::load(connection, directory).map_err(|error| place(&path, error))
    }

    /// For looking only, also while a daemon writes. `None` where there is no journal yet.
    pub fn open_to_read(directory: &Path) -> Result<Option<Journal>, JournalError> {
        let path = directory.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let open = |source| JournalError::Open { path: path.clone(), source };
        let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(open)?;
        connection.busy_timeout(std::time::Duration::from_secs(2)).map_err(open)?;
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
        let (connection, found) = match version {
            Ok(found) => (connection, found),
            // A read-only file system lets nobody make the shared-memory file that WAL needs; then nobody writes either.
            Err(error) if is_disk(&error) => read_unshared(&path)?,
            Err(error) => return Err(damaged(&path, error)),
        };
        match found {
            0 => Ok(None),
            found if found > SCHEMA => Err(JournalError::Newer { path, found }),
            _ => Journal::load(connection, directory).map(Some).map_err(|error| place(&path, error)),
        }
    }

    pub fn in_memory(memory: Memory, device_id: &str) -> Result<Journal, JournalError> {
        let progress = replay("memory", memory.entries.borrow().iter())?;
        Ok(Journal::of(Backing::Memory(memory), progress, device_id.to_owned(), 1))
    }

    fn load(connection: Connection, directory: &Path) -> Result<Journal, JournalError> {
        let meta = |key: &str| -> Result<Option<String>, JournalError> {
            connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional().map_err(JournalError::Read)
        };
        let journal_id = meta("journal_id")?.ok_or(JournalError::Identity)?;
        let device_id = meta("device_id")?.ok_or(JournalError::Identity)?;
        let epoch = meta("epoch")?.and_then(|epoch| epoch.parse().ok()).ok_or(JournalError::Identity)?;
        let mut progress = Progress::new(&journal_id);
        let mut records = 0;
        for_each_entry(&connection, |entry| {
            records += 1;
            Ok(progress.apply(&entry)?)
        })?;
        progress.begin();
        let disk = Disk { connection, directory: directory.to_owned(), records, prune_at: KEEP.max(records) };
        Ok(Journal::of(Backing::Disk(disk), progress, device_id, epoch))
    }

    fn of(backing: Backing, progress: Progress, device_id: String, epoch: u32) -> Journal {
        Journal { backing, progress, device_id, epoch, broken: false, notices: Vec::new() }
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// For what is remembered without being journaled.
    pub fn progress_mut(&mut self) -> &mut Progress {
        &mut self.progress
    }

    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether a write failed earlier.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Bytes that the disk has left for it; `None` where it is in memory, or the disk does not tell.
    pub fn free_bytes(&self) -> Option<u64> {
        match &self.backing {
            Backing::Disk(disk) => space::free_bytes(&disk.directory).ok(),
            Backing::Memory(_) => None,
        }
    }

    /// Returns the record's sequence number once it is on disk; 0 for an address notice beyond six in a minute, which is left
    /// out.
    pub fn append(&mut self, at: Timestamp, record: Record) -> Result<i64, JournalError> {
        if self.broken {
            return Err(JournalError::Broken);
        }
        if matches!(record, Record::AddressNoticed { .. }) && !self.has_room_for_a_notice(at) {
            return Ok(0);
        }
        let appended = match &mut self.backing {
            Backing::Disk(disk) => disk.append(&mut self.progress, at, record),
            Backing::Memory(memory) => append_to_memory(memory, &mut self.progress, at, record),
        };
        if appended.is_err() {
            self.broken = true;
        }
        appended
    }

    /// The open replacement's plan and sealed snapshot as they are on disk, not as they are remembered.
    pub fn replacement_on_disk(&self) -> Result<Option<(ReplacementPlan, String)>, JournalError> {
        let Some(seq) = self.progress.replacements.open.as_ref().map(|open| open.seq) else { return Ok(None) };
        let record = match &self.backing {
            Backing::Disk(disk) => read_record(&disk.connection, seq)?,
            Backing::Memory(memory) => memory.record(seq),
        };
        match record {
            Some(Record::ReplacementPlanned { plan, sealed }) => Ok(Some((*plan, sealed))),
            _ => Err(JournalError::Corrupt(Corrupt { seq, why: "the open replacement's record is not there".to_owned() })),
        }
    }

    /// Takes the snapshots of replacements that are long over out of their records, and off the disk as far as software can. How
    /// many there were.
    ///
    /// # Errors
    /// Where the disk refuses; nothing more is appended then.
    pub fn erase_snapshots(&mut self, now: Timestamp) -> Result<usize, JournalError> {
        let due = self.progress.replacements.to_erase(now);
        if due.is_empty() {
            return Ok(0);
        }
        if self.broken {
            return Err(JournalError::Broken);
        }
        let erased = match &mut self.backing {
            Backing::Disk(disk) => erase_on_disk(&mut disk.connection, &due),
            Backing::Memory(memory) => {
                let mut entries = memory.entries.borrow_mut();
                entries.iter_mut().filter(|entry| due.contains(&entry.seq)).for_each(|entry| forget_snapshot(&mut entry.record));
                Ok(())
            }
        };
        if let Err(error) = erased {
            self.broken = true;
            return Err(error);
        }
        self.progress.replacements.sealed.retain(|sealed| !due.contains(&sealed.seq));
        Ok(due.len())
    }

    pub fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        self.entries_after(0)
    }

    /// The records after this one.
    pub fn entries_after(&self, seq: i64) -> Result<Vec<Entry>, JournalError> {
        match &self.backing {
            Backing::Disk(disk) => {
                let mut all = Vec::new();
                for_each_entry_after(&disk.connection, seq, |entry| {
                    all.push(entry);
                    Ok(())
                })?;
                Ok(all)
            }
            Backing::Memory(memory) => Ok(memory.entries().into_iter().filter(|entry| entry.seq > seq).collect()),
        }
    }

    fn has_room_for_a_notice(&mut self, at: Timestamp) -> bool {
        let minute = SignedDuration::from_mins(1);
        // A clock that was set back begins anew.
        self.notices.retain(|then| (SignedDuration::ZERO..minute).contains(&at.duration_since(*then)));
        let has_room = self.notices.len() < NOTICES_A_MINUTE;
        if has_room {
            self.notices.push(at);
        }
        has_room
    }
}

impl Disk {
    fn append(&mut self, progress: &mut Progress, at: Timestamp, record: Record) -> Result<i64, JournalError> {
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

fn append_to_memory(memory: &Memory, progress: &mut Progress, at: Timestamp, record: Record) -> Result<i64, JournalError> {
    let mut entries = memory.entries.borrow_mut();
    if memory.fails_after.borrow().is_some_and(|limit| entries.len() >= limit) {
        let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        return Err(JournalError::Write(rusqlite::Error::SqliteFailure(full, None)));
    }
    let seq = entries.len() as i64 + 1;
    let entry = Entry { seq, at, record };
    progress.apply(&entry)?;
    entries.push(entry);
    Ok(seq)
}

fn forget_snapshot(record: &mut Record) {
    if let Record::ReplacementPlanned { sealed, .. } = record {
        sealed.clear();
    }
}

/// The database overwrites with zeros what it frees (`secure_delete`), and the write-ahead log, which still has the old pages, is
/// emptied. What a flash chip keeps of its old blocks no software reaches; without the key that is of no use.
fn erase_on_disk(connection: &mut Connection, seqs: &[i64]) -> Result<(), JournalError> {
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

fn read_record(connection: &Connection, seq: i64) -> Result<Option<Record>, JournalError> {
    let body: Option<String> =
        connection.query_row("SELECT body FROM record WHERE seq = ?1", [seq], |row| row.get(0)).optional().map_err(JournalError::Read)?;
    let unreadable = |error: serde_json::Error| JournalError::Corrupt(Corrupt { seq, why: format!("its body is unreadable: {error}") });
    body.map(|body| serde_json::from_str(&body)).transpose().map_err(unreadable)
}

/// One at a time: there can be many, and the memory is small.
fn for_each_entry(connection: &Connection, take: impl FnMut(Entry) -> Result<(), JournalError>) -> Result<(), JournalError> {
    for_each_entry_after(connection, 0, take)
}

fn for_each_entry_after(
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

fn create(connection: &Connection, machine_identity: Option<String>) -> Result<(), JournalError> {
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

fn count(connection: &Connection) -> Result<i64, JournalError> {
    connection.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).map_err(JournalError::Read)
}

/// Drops what nothing depends on, save the newest `recent` records.
fn prune(connection: &mut Connection, recent: i64) -> Result<(), JournalError> {
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

fn check_integrity(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(|error| damaged(path, error))?;
    if verdict == "ok" { Ok(()) } else { Err(JournalError::Damaged { path: path.to_owned(), why: verdict }) }
}

/// Another process that is busy with it, for instance, is no damage.
fn damaged(path: &Path, error: rusqlite::Error) -> JournalError {
    if is_damage(&error) {
        return JournalError::Damaged { path: path.to_owned(), why: error.to_string() };
    }
    JournalError::Open { path: path.to_owned(), source: error }
}

/// Damage may show only when the records are read; it is named with the file all the same.
fn place(path: &Path, error: JournalError) -> JournalError {
    match error {
        JournalError::Read(source) | JournalError::Write(source) if is_damage(&source) => damaged(path, source),
        other => other,
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

fn read_unshared(path: &Path) -> Result<(Connection, i64), JournalError> {
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
fn make_private_directory(directory: &Path) -> Result<(), JournalError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|source| JournalError::Directory { path: directory.to_owned(), source })
}

#[cfg(test)]
mod tests;
