//! The progress of an import.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::record::place::Placed;
use crate::record::recorded::Recorded;
use crate::table::keys::RowKey;

/// A session that was not imported, because the room has it under other times.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Misplaced {
    /// Its place among the entries.
    pub index: usize,
    /// Its existing keys.
    pub found: Vec<RowKey>,
}

impl Misplaced {
    pub(super) fn new(index: usize, found: &[RowKey]) -> Self {
        Misplaced { index, found: found.to_vec() }
    }
}

/// Import outcome, by number of entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Written {
    /// Those that were recorded where they belong.
    pub recorded: Recorded,
    /// Those that were there under another time, and are not any more.
    pub moved: u64,
    /// Those that were not imported, in the order of the entries.
    pub misplaced: Vec<Misplaced>,
    /// Places of the entries whose row now ends before it begins: one of the two times may be an
    /// existing row's.
    pub reversed: BTreeSet<usize>,
}

/// The outcome for a session.
#[derive(Debug, Clone, Copy)]
pub(super) enum Done {
    Recorded(Placed),
    Moved,
}

#[derive(Debug)]
pub(super) struct Progress {
    pub written: Written,
    /// Whether any transaction was sent.
    pub attempted: bool,
    done: Vec<bool>,
    /// Counts entries that are done.
    counter: Arc<AtomicU64>,
}

impl Progress {
    /// Returns the progress of new entries; `counter` counts those that are done.
    pub fn new(entries: usize, counter: &Arc<AtomicU64>) -> Self {
        let counter = Arc::clone(counter);
        Progress {
            written: Written::default(),
            attempted: false,
            done: vec![false; entries],
            counter,
        }
    }

    pub fn done(&mut self, index: usize, done: Done) {
        self.settle(index);
        match done {
            Done::Recorded(placed) => self.written.recorded.count(placed),
            Done::Moved => self.written.moved += 1,
        }
    }

    pub fn misplaced(&mut self, misplaced: Misplaced) {
        self.settle(misplaced.index);
        self.written.misplaced.push(misplaced);
    }

    /// Nothing is to be done about an entry, because a later one is of the same session.
    pub fn settle(&mut self, index: usize) {
        if let Some(done) = self.done.get_mut(index) {
            *done = true;
            self.counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the place of the first entry that is not done.
    pub fn first_undone(&self) -> usize {
        self.done.iter().take_while(|done| **done).count()
    }
}

pub(super) fn note(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}
