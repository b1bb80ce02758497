//! Rows that are read before they are written, so that rooms go side by side and the sessions of a room
//! share transactions.

use past_rooms::{Entry, Misplaced, RowKey};

use crate::files::Row;
use crate::rejects::Reject;
use crate::row::ImportedRow;

/// Maximum number of rows.
const ROWS: usize = 10_000;

/// Maximum size of the rows in their file.
const BYTES: usize = 12 << 20;

#[derive(Default)]
pub struct Chunk {
    pub entries: Vec<Entry>,
    /// The origin of each entry.
    origins: Vec<Origin>,
    rejected: Vec<Rejected>,
    bytes: usize,
}

struct Origin {
    line: u64,
    /// The row, if rejects are kept.
    row: Option<Row>,
}

/// A row that is not imported.
pub struct Rejected {
    pub line: u64,
    pub reason: String,
    pub row: Reject,
}

impl Chunk {
    /// Adds a session; `kept` is its row, if rejects are kept.
    pub fn add(&mut self, row: ImportedRow, line: u64, kept: Option<Row>) {
        self.entries.push(row.into_entry());
        self.origins.push(Origin { line, row: kept });
    }

    pub fn reject(&mut self, line: u64, reason: String, row: Reject) {
        self.rejected.push(Rejected { line, reason, row });
    }

    /// Counts the bytes of a row in its file, and returns whether the chunk is full.
    pub fn is_full_after(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.entries.len() + self.rejected.len() >= ROWS || self.bytes >= BYTES
    }

    /// Returns the line of the last of the first `entries` entries.
    pub fn line(&self, entries: usize) -> Option<u64> {
        Some(self.origins.get(entries.checked_sub(1)?)?.line)
    }

    /// Rejects an entry whose session has a row with another `created`.
    pub fn misplace(&mut self, misplaced: &Misplaced) {
        let (Some(origin), Some(entry)) =
            (self.origins.get_mut(misplaced.index), self.entries.get(misplaced.index))
        else {
            return;
        };
        let created = past_rooms::table::rows::session::format_timestamp(entry.session.created);
        let found = misplaced.found.iter().filter_map(RowKey::session_key);
        let found: Vec<_> = found.map(|key| key.created().to_owned()).collect();
        let reason = format!(
            "the session {:?} is in the table with created {}, here it is {created}: with another \
             time zone or another source; --move moves it here",
            entry.session.room_sid,
            found.join(" and ")
        );
        let row = origin.row.take().unwrap_or_default().into();
        self.rejected.push(Rejected { line: origin.line, reason, row });
    }

    /// Takes the rejected rows, in the order of their lines.
    pub fn take_rejected(&mut self) -> Vec<Rejected> {
        let mut rejected = std::mem::take(&mut self.rejected);
        rejected.sort_by_key(|rejected| rejected.line);
        rejected
    }
}
