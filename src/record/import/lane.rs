//! Importing sessions of a large room, or of some small ones: their transactions one after the
//! other, because each of them writes the rooms' tallies.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::entry::{Entry, Precedence};
use super::pack::Pack;
use super::progress::{Done, Misplaced, Progress, note};
use super::sids::Sids;
use crate::record::error::{ATTEMPTS, WriteError};
use crate::record::place::Placed;
use crate::record::row::{Row, Stored};
use crate::record::snapshot::{Snapshot, TallyState};
use crate::table::keys::RowKey;
use crate::table::requests::retry::Backoff;
use crate::table::rows::retention::Retention;
use crate::table::{Table, isolation};

/// The rules that all rooms of an import share.
#[derive(Debug)]
pub(super) struct Rules {
    pub table: Table,
    pub retention: Retention,
    pub precedence: Precedence,
    /// Whether existing sessions with another time are moved.
    pub moves: bool,
    /// Whether nothing is written, only counted.
    pub compares: bool,
    /// For how long DynamoDB may fail.
    pub patience: Duration,
}

/// A session to import.
#[derive(Debug)]
pub(super) struct Task<'a> {
    /// Its place among the entries.
    pub index: usize,
    pub key: RowKey,
    pub entry: &'a Entry,
}

impl<'a> Task<'a> {
    pub fn room_id(&self) -> &'a str {
        &self.entry.session.room_id
    }

    fn room_sid(&self) -> &'a str {
        &self.entry.session.room_sid
    }
}

/// The known sessions of rooms, by the rooms' ids.
pub(super) type KnownSids<'a> = BTreeMap<&'a str, Sids>;

/// Some rooms, and what of them is still to be imported, by room.
pub(super) struct Lane<'a> {
    pub rules: &'a Rules,
    pub rooms: KnownSids<'a>,
    pub todo: Vec<Task<'a>>,
    pub progress: &'a Mutex<Progress>,
    /// Entries that a transaction without an answer may have done, and how.
    pub unanswered: HashMap<usize, Done>,
}

/// The table's rows of the sessions to import.
struct Existing {
    snapshot: Snapshot,
    /// Other rows of the same sessions, by index.
    others: HashMap<usize, Vec<RowKey>>,
}

impl<'a> Lane<'a> {
    /// Imports all of them. What is done until an error is in the progress.
    pub async fn import(mut self) -> Result<KnownSids<'a>, WriteError> {
        let mut failing: Option<(Instant, Backoff)> = None;
        while !self.todo.is_empty() {
            let before = self.todo.len();
            let outcome = self.step().await;
            if self.todo.len() < before {
                failing = None;
            }
            let Err(error) = outcome else {
                continue;
            };
            if !error.is_transient() {
                return Err(error);
            }
            self.rooms.values_mut().for_each(Sids::forget);
            let (since, backoff) =
                failing.get_or_insert_with(|| (Instant::now(), Backoff::new(ATTEMPTS)));
            if since.elapsed() >= self.rules.patience {
                return Err(error);
            }
            if !backoff.wait().await {
                backoff.wait_longest().await;
            }
        }
        Ok(self.rooms)
    }

    /// Looks at all that is to be done, and does it until something fails.
    async fn step(&mut self) -> Result<(), WriteError> {
        let rules = self.rules;
        let Existing { mut snapshot, others } = self.read_existing().await?;
        let mut pack = Pack::new(&rules.table);
        let todo = std::mem::take(&mut self.todo);
        let mut tasks = todo.into_iter();
        let mut packed = Vec::new();
        let mut outcome = Ok(());
        for task in tasks.by_ref() {
            let none = Vec::new();
            let others = others.get(&task.index).unwrap_or(&none);
            let Some((row, deleted)) = self.decide(&snapshot, &task, others) else {
                note(self.progress).misplaced(Misplaced::new(task.index, others));
                continue;
            };
            if row.room.is_reversed() {
                note(self.progress).written.reversed.insert(task.index);
            }
            let here = snapshot.session(&task.key);
            if deleted.is_empty() && here.is_some_and(|stored| stored.is(&row)) {
                // The row may be there by a transaction of this import.
                let unanswered = self.unanswered.remove(&task.index);
                let done = unanswered.unwrap_or(Done::Recorded(Placed::Unchanged));
                note(self.progress).done(task.index, done);
                continue;
            }
            if !pack.reserve(&task.key, &row, &deleted) {
                let full = std::mem::replace(&mut pack, Pack::new(&rules.table));
                pack.reserve(&task.key, &row, &deleted);
                outcome = self.write(full, &mut snapshot).await;
                if outcome.is_err() {
                    packed.push(task);
                    break;
                }
                packed.clear();
            }
            let added = pack.add(&snapshot, task.index, (&task.key, &row), &deleted);
            if added.is_err() {
                packed.push(task);
                outcome = added;
                break;
            }
            packed.push(task);
        }
        if outcome.is_ok() && !pack.done.is_empty() {
            outcome = self.write(pack, &mut snapshot).await;
        }
        if outcome.is_err() {
            self.todo = packed;
            self.todo.extend(tasks);
        }
        outcome
    }

    async fn write(&mut self, pack: Pack<'_>, snapshot: &mut Snapshot) -> Result<(), WriteError> {
        if !self.rules.compares {
            note(self.progress).attempted = true;
            let raised = match pack.transaction.write(snapshot).await {
                Ok(raised) => raised,
                Err(error) => {
                    if error.is_table_transient() {
                        self.unanswered.extend(pack.done);
                    }
                    return Err(error);
                }
            };
            for (room_id, more) in pack.more {
                if let Some(sids) = self.rooms.get_mut(&*room_id) {
                    sids.written(more, raised.contains(&room_id));
                }
            }
            raised.into_iter().for_each(|room_id| snapshot.raised(room_id));
        }
        let mut progress = note(self.progress);
        for (index, done) in pack.done {
            progress.done(index, done);
        }
        Ok(())
    }

    /// Reads the existing rows of the sessions: at their keys, and possible ones under other times.
    async fn read_existing(&mut self) -> Result<Existing, WriteError> {
        let table = &self.rules.table;
        let room_ids: Vec<&str> = self.rooms.keys().copied().collect();
        let read = |tasks: Vec<&Task<'_>>| {
            let tallies = room_ids.iter().map(|room_id| RowKey::room_tally(*room_id));
            let keys = tasks.into_iter().map(|task| task.key.clone()).chain(tallies);
            let keys: Vec<RowKey> = keys.collect();
            async move { Snapshot::read(table, &keys).await }
        };
        // A session that is not in its room needs no look.
        let likely = self.todo.iter().filter(|task| may_be_there(&self.rooms, task));
        let mut snapshot = read(likely.collect()).await?;
        let mut have_others_written = false;
        for (room_id, sids) in &mut self.rooms {
            have_others_written |= sids.check(snapshot.sum(room_id), snapshot.version(room_id));
        }
        if have_others_written {
            let likely = self.todo.iter().filter(|task| may_be_there(&self.rooms, task));
            snapshot = read(likely.collect()).await?;
        }
        for (room_id, sids) in &mut self.rooms {
            if snapshot.tally(room_id) == TallyState::EmptyRoom {
                sids.set_empty();
            }
        }
        let is_suspect = |task: &&Task<'_>| {
            let sids = self.rooms.get(task.room_id());
            let several = || sids.is_none_or(|sids| sids.may_have_several(task.room_sid()));
            match snapshot.session(&task.key) {
                None => may_be_there(&self.rooms, task),
                Some(_) => self.rules.moves && several(),
            }
        };
        let suspects: Vec<&Task<'_>> = self.todo.iter().filter(is_suspect).collect();
        if !suspects.is_empty() && !self.rules.compares {
            // A move that raised the version already may be seen in part: the old row gone, the new one
            // not there yet.
            isolation::until_transactions_are_whole().await;
        }
        let mut wanted: HashMap<&str, Vec<&str>> = HashMap::new();
        for task in &suspects {
            wanted.entry(task.room_id()).or_default().push(task.room_sid());
        }
        let found = self.rooms.iter_mut().filter_map(|(room_id, sids)| {
            let wanted = wanted.remove(room_id)?;
            let room = (*room_id, snapshot.sum(room_id), snapshot.version(room_id));
            Some(async move { Ok((*room_id, sids.find(table, room, &wanted).await?)) })
        });
        let found = try_join_all(found.collect::<Vec<_>>()).await.map_err(WriteError::Table)?;
        let found: HashMap<&str, _> = found.into_iter().collect();
        let mut others = HashMap::new();
        for task in suspects {
            let room = found.get(task.room_id());
            let keys = room.and_then(|room| room.get(task.room_sid())).into_iter().flatten();
            let keys: Vec<RowKey> = keys.filter(|key| **key != task.key).cloned().collect();
            if !keys.is_empty() {
                others.insert(task.index, keys);
            }
        }
        let keys: Vec<RowKey> = others.values().flatten().cloned().collect();
        snapshot.add(table, &keys).await?;
        for keys in others.values_mut() {
            keys.retain(|key| snapshot.session(key).is_some());
        }
        others.retain(|_, keys| !keys.is_empty());
        Ok(Existing { snapshot, others })
    }

    /// The row that is to be there, and those that are not to be any more. `None`: the session is
    /// there under other times, and may not be moved.
    fn decide(
        &self,
        snapshot: &Snapshot,
        task: &Task<'_>,
        others: &[RowKey],
    ) -> Option<(Row, Vec<RowKey>)> {
        let here = snapshot.session(&task.key);
        let elsewhere: Vec<&Stored> =
            others.iter().filter_map(|key| snapshot.session(key)).collect();
        // A time that webhooks could only guess gives way to that of plugNmeet's database.
        let is_guess = |stored: &&Stored| stored.reported.is_some_and(|reported| !reported.created);
        if !self.rules.moves && !elsewhere.iter().all(is_guess) {
            return None;
        }
        let mut rows: Vec<&Stored> = here.into_iter().chain(elsewhere).collect();
        // Rows of webhooks take precedence.
        rows.sort_by_key(|stored| stored.reported.is_none());
        let row = task.entry.row(&rows, self.rules.precedence, self.rules.retention);
        Some((row, others.to_vec()))
    }
}

/// Whether a session may be in its room, at whatever time.
fn may_be_there(rooms: &KnownSids<'_>, task: &Task<'_>) -> bool {
    rooms.get(task.room_id()).is_none_or(|sids| sids.may_have(task.room_sid()))
}
