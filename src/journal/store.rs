//! The durable edge of the journal: SQLite in WAL mode with `synchronous=FULL`, so that a record that was appended survives
//! a power cut (reliability.md 1). After the first storage error nothing more is appended by this process: what the disk
//! holds is then unknown, and the next start finds out by reading.

mod disk;
mod error;
mod memory;

pub use error::JournalError;
pub use memory::Memory;

use super::record::{Entry, Record};
use super::replay::{Corrupt, Progress, replay};
use crate::model::{ReplacementPlan, Timestamp};
use crate::system::space;
use disk::{
    Disk, KEEP, check_integrity, count, create, erase_on_disk, for_each_entry, for_each_entry_after, make_private_directory, prune,
    read_record, read_unshared,
};
use error::{damaged, is_disk, place};
use jiff::SignedDuration;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use rustix::fs::{Access, access};
use rustix::io::Errno;
use std::path::Path;

/// Format of the tables and records. A journal with a larger number was written by a newer cgwd.
pub const SCHEMA: i64 = 2;
/// File name below the state directory.
pub const FILE: &str = "journal.db";
/// So many of the newest records were never pruned.
pub const NEVER_PRUNED: usize = 5_000;
/// Address notices that are kept in any minute: each costs the flash a sync, and an address that flaps says the same again and
/// again.
const NOTICES_A_MINUTE: usize = 6;

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

    /// For looking only, also while a daemon writes. `None` where there is no journal yet; what cannot be seen is an error.
    pub fn open_to_read(directory: &Path) -> Result<Option<Journal>, JournalError> {
        let path = directory.join(FILE);
        // Not by opening it: to close it again would take SQLite's locks on it from this process.
        match access(&path, Access::READ_OK) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(JournalError::Unreadable { path: directory.to_owned(), source: errno.into() }),
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
        Ok(Journal::of(Backing::Disk(Disk::new(connection, directory, records)), progress, device_id, epoch))
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
            Backing::Memory(memory) => memory.append(&mut self.progress, at, record),
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
                memory.erase(&due);
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

fn forget_snapshot(record: &mut Record) {
    if let Record::ReplacementPlanned { sealed, .. } = record {
        sealed.clear();
    }
}

#[cfg(test)]
mod tests;
