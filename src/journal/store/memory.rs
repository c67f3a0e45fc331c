//! A journal without a disk.

use super::{JournalError, forget_snapshot};
use crate::journal::record::{Entry, Record};
use crate::journal::replay::Progress;
use crate::model::Timestamp;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Records that live as long as the value, for tests and rehearsals; clones share them, so that a "restart" finds them.
#[derive(Clone, Default)]
pub struct Memory {
    pub(super) entries: Rc<RefCell<Vec<Entry>>>,
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

    pub(super) fn record(&self, seq: i64) -> Option<Record> {
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

    /// Takes the snapshots out of these records.
    pub(super) fn erase(&self, seqs: &[i64]) {
        let mut entries = self.entries.borrow_mut();
        entries.iter_mut().filter(|entry| seqs.contains(&entry.seq)).for_each(|entry| forget_snapshot(&mut entry.record));
    }

    pub(super) fn append(&self, progress: &mut Progress, at: Timestamp, record: Record) -> Result<i64, JournalError> {
        let mut entries = self.entries.borrow_mut();
        if self.fails_after.borrow().is_some_and(|limit| entries.len() >= limit) {
            let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
            return Err(JournalError::Write(rusqlite::Error::SqliteFailure(full, None)));
        }
        let seq = entries.len() as i64 + 1;
        let entry = Entry { seq, at, record };
        progress.apply(&entry)?;
        entries.push(entry);
        Ok(seq)
    }
}
