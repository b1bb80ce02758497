//! Importing: sessions from files, many rooms at once.
//!
//! - Transactions of one room follow each other, because all of them write its tally. Rooms are written
//!   side by side, as many as DynamoDB accepts.
//! - An import fills gaps: values that a file does not have stay as they are, and so do those that
//!   webhooks recorded.
//! - A session has one row. An existing session with another time is left alone and reported, or
//!   moved, as its user wishes. It is always moved if webhooks could only guess its time.

mod entry;
mod lane;
mod marks;
mod pack;
mod progress;
mod sids;

use std::collections::{BTreeMap, HashMap};
use std::future::{pending, ready};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{self, StreamExt};

use crate::record::error::WriteError;
use crate::table::Table;
use crate::table::keys::RowKey;
use crate::table::rows::retention::Retention;
use crate::table::rows::session::InvalidSession;
use entry::Precedence;
pub use entry::{Entry, Field, Fields};
use lane::{KnownSids, Lane, Rules, Task};
pub use marks::Marks;
pub use progress::{Misplaced, Written};
use progress::{Progress, note};
use sids::Sids;

/// Minimum entries of a room that is written on its own. Smaller rooms share transactions: one takes 33
/// sessions, even if their months are all different.
const LARGE: usize = 33;

/// Requests at once, if nothing else is asked for.
const IN_FLIGHT: usize = 32;

/// For how long DynamoDB may fail, if nothing else is asked for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ids of sessions that are remembered of all rooms together: about 20 MB.
const MAX_REMEMBERED: usize = 1_000_000;

/// As how many of them a room counts.
const ROOM: usize = 10;

/// Brings sessions in from elsewhere, some at a time.
#[derive(Debug)]
pub struct Importer {
    rules: Rules,
    /// The sids known so far, by room.
    rooms: HashMap<String, Sids>,
    /// Counts entries that are done.
    counter: Arc<AtomicU64>,
}

/// An import could not go on.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
#[non_exhaustive]
pub struct Stopped {
    /// Why.
    #[source]
    pub error: WriteError,
    /// Outcome of the entries that are done.
    pub written: Written,
    /// Number of entries before the first one that is not done.
    pub certain: usize,
    /// Whether anything was sent to be written, so that other entries may be done, too.
    pub attempted: bool,
}

impl Importer {
    pub(crate) fn new(table: &Table, retention: Retention) -> Self {
        let rules = Rules {
            table: table.with_max_in_flight(IN_FLIGHT),
            retention,
            precedence: Precedence::Webhooks,
            moves: false,
            compares: false,
            patience: PATIENCE,
        };
        Importer { rules, rooms: HashMap::new(), counter: Arc::default() }
    }

    /// Moves existing sessions with another time to the time of their entry.
    #[must_use]
    pub fn moving(mut self) -> Self {
        self.rules.moves = true;
        self
    }

    /// Writes nothing: entries are compared with the table, and what would be written is counted.
    #[must_use]
    pub fn comparing(mut self) -> Self {
        self.rules.compares = true;
        self
    }

    /// Lets the values of entries replace also those that webhooks recorded.
    #[must_use]
    pub fn overwriting(mut self) -> Self {
        self.rules.precedence = Precedence::File;
        self
    }

    /// Maximum number of requests in flight.
    #[must_use]
    pub fn in_flight(mut self, most: usize) -> Self {
        self.rules.table = self.rules.table.with_max_in_flight(most);
        self
    }

    /// DynamoDB may fail for this time before the import stops.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.rules.patience = patience;
        self
    }

    /// Counts entries with `counter` as soon as they are done.
    #[must_use]
    pub fn counting(mut self, counter: &Arc<AtomicU64>) -> Self {
        self.counter = Arc::clone(counter);
        self
    }

    /// Imports sessions. Of those of one room and `room_sid`, the last counts.
    ///
    /// # Errors
    /// [`Stopped`], with what was done until then. Importing the same entries again is always safe.
    pub async fn write(&mut self, entries: &[Entry]) -> Result<Written, Stopped> {
        self.write_until(entries, pending()).await
    }

    /// As [`write`](Self::write), until `stop` is ready.
    ///
    /// # Errors
    /// As [`write`](Self::write), and [`WriteError::Interrupted`].
    pub async fn write_until(
        &mut self,
        entries: &[Entry],
        stop: impl Future<Output = ()>,
    ) -> Result<Written, Stopped> {
        let mut progress = Progress::new(entries.len(), &self.counter);
        let rooms = tasks(entries, &mut progress).map_err(|error| Stopped {
            error: error.into(),
            written: Written::default(),
            certain: 0,
            attempted: false,
        })?;
        let progress = Mutex::new(progress);
        let rules = &self.rules;
        let mut outcome = Ok(());
        {
            let lanes = lanes(rooms).into_iter().map(|todo| {
                let mut rooms = KnownSids::new();
                for task in &todo {
                    let room_id = task.room_id();
                    let known = || self.rooms.remove(room_id).unwrap_or_default();
                    rooms.entry(room_id).or_insert_with(known);
                }
                let unanswered = HashMap::new();
                Lane { rules, rooms, todo, progress: &progress, unanswered }.import()
            });
            let lanes: Vec<_> = lanes.collect();
            // After an error, no lane begins, and those in work are finished.
            let has_failed = AtomicBool::new(false);
            let lanes = stream::iter(lanes);
            let lanes = lanes.take_while(|_| ready(!has_failed.load(Ordering::Relaxed)));
            let mut lanes = pin!(lanes.buffer_unordered(rules.table.max_in_flight()));
            let mut stop = pin!(stop);
            loop {
                match select(lanes.next(), stop.as_mut()).await {
                    Either::Left((Some(Ok(rooms)), _)) => {
                        let rooms = rooms.into_iter();
                        self.rooms.extend(rooms.map(|(room_id, sids)| (room_id.to_owned(), sids)));
                    }
                    Either::Left((Some(Err(error)), _)) => {
                        has_failed.store(true, Ordering::Relaxed);
                        outcome = outcome.and(Err(error));
                    }
                    Either::Left((None, _)) => break,
                    Either::Right(_) => {
                        outcome = outcome.and(Err(WriteError::Interrupted));
                        break;
                    }
                }
            }
        }
        let remembered = self.rooms.values().map(|sids| ROOM + sids.remembered());
        if remembered.sum::<usize>() > MAX_REMEMBERED {
            self.rooms.clear();
        }
        let mut progress = note(&progress);
        let (certain, attempted) = (progress.first_undone(), progress.attempted);
        let mut written = std::mem::take(&mut progress.written);
        written.misplaced.sort_by_key(|misplaced| misplaced.index);
        match outcome {
            Ok(()) => Ok(written),
            Err(error) => Err(Stopped { error, written, certain, attempted }),
        }
    }
}

/// The sessions by room, in the order of their keys, each once.
fn tasks<'a>(
    entries: &'a [Entry],
    progress: &mut Progress,
) -> Result<BTreeMap<&'a str, Vec<Task<'a>>>, InvalidSession> {
    let mut last: HashMap<(&str, &str), (usize, RowKey)> = HashMap::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let session = &entry.session;
        let key = session.key()?;
        let before = last.insert((&session.room_id, &session.room_sid), (index, key));
        if let Some((index, _)) = before {
            progress.settle(index);
        }
    }
    let mut rooms: BTreeMap<&str, Vec<Task<'_>>> = BTreeMap::new();
    for ((room_id, _), (index, key)) in last {
        if let Some(entry) = entries.get(index) {
            rooms.entry(room_id).or_default().push(Task { index, key, entry });
        }
    }
    for tasks in rooms.values_mut() {
        tasks.sort_by(|one, other| one.key.cmp(&other.key));
    }
    Ok(rooms)
}

/// Divides rooms into work to do side by side: large rooms on their own, small ones together.
fn lanes<'a>(rooms: BTreeMap<&'a str, Vec<Task<'a>>>) -> Vec<Vec<Task<'a>>> {
    let mut lanes = Vec::new();
    let mut small: Vec<Task<'a>> = Vec::new();
    for mut tasks in rooms.into_values() {
        if tasks.len() >= LARGE {
            lanes.push(tasks);
        } else {
            if small.len() + tasks.len() > LARGE {
                lanes.push(std::mem::take(&mut small));
            }
            small.append(&mut tasks);
        }
    }
    lanes.push(small);
    lanes.retain(|lane| !lane.is_empty());
    lanes
}
