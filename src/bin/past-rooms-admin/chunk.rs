//! Rows that are read before they are written: enough that rooms go side by side, and the sessions
//! of a room share their transactions.

use past_rooms::{Entry, Misplaced};

use crate::rejects::Reject;
use crate::row::{ImportedRow, item_bytes};

/// Rows at once.
const ROWS: usize = 10_000;

/// Bytes of rows at once, whichever is reached first.
const BYTES: usize = 12 << 20;

#[derive(Default)]
pub struct Chunk {
    pub entries: Vec<Entry>,
    /// Where each entry is from.
    origins: Vec<Origin>,
    rejected: Vec<Rejected>,
    bytes: usize,
}

struct Origin {
    line: u64,
    /// The row, if rejects are kept.
    row: Option<Box<str>>,
}

/// A row that is not imported.
pub struct Rejected {
    pub line: u64,
    pub reason: String,
    /// What is kept of it.
    pub row: Reject,
}

impl Chunk {
    /// Takes a row in; `kept` is what may have to be rejected of it.
    pub fn add(&mut self, row: ImportedRow, line: u64, kept: Option<Box<str>>) {
        self.bytes += item_bytes(&row.session) + kept.as_ref().map_or(0, |kept| kept.len());
        self.entries.push(row.into_entry());
        self.origins.push(Origin { line, row: kept });
    }

    pub fn reject(&mut self, line: u64, reason: String, row: Reject) {
        self.bytes += row.bytes();
        self.rejected.push(Rejected { line, reason, row });
    }

    pub fn is_full(&self) -> bool {
        self.entries.len() + self.rejected.len() >= ROWS || self.bytes >= BYTES
    }

    /// The line of the last of so many entries.
    pub fn line(&self, entries: usize) -> Option<u64> {
        Some(self.origins.get(entries.checked_sub(1)?)?.line)
    }

    /// Rejects an entry whose session is elsewhere.
    pub fn misplace(&mut self, misplaced: &Misplaced) {
        let (Some(origin), Some(entry)) =
            (self.origins.get(misplaced.index), self.entries.get(misplaced.index))
        else {
            return;
        };
        let created = past_rooms::table::rows::session::format_timestamp(entry.session.created);
        let found = misplaced.found.iter().filter_map(past_rooms::RowKey::session_key);
        let found: Vec<_> = found.map(|key| key.created().to_owned()).collect();
        let reason = format!(
            "the session {:?} is in the table with created {}, here it is {created}: with another \
             time zone or another source; --move moves it here",
            entry.session.room_sid,
            found.join(" and ")
        );
        let row = Reject::of_kept(origin.row.as_deref().unwrap_or("{}"));
        self.rejected.push(Rejected { line: origin.line, reason, row });
    }

    /// What is rejected of it, in the order of the lines.
    pub fn take_rejected(&mut self) -> Vec<Rejected> {
        let mut rejected = std::mem::take(&mut self.rejected);
        rejected.sort_by_key(|rejected| rejected.line);
        rejected
    }
}
