//! A transaction in the making: as many sessions as DynamoDB takes at once.

use std::collections::{BTreeMap, BTreeSet};

use super::progress::Done;
use crate::record::batches::MAX_TRANSACTION_BYTES;
use crate::record::error::WriteError;
use crate::record::place::{Placed, place};
use crate::record::row::Row;
use crate::record::snapshot::Snapshot;
use crate::record::transaction::{MAX_ACTIONS, Transaction};
use crate::table::Table;
use crate::table::keys::RowKey;

pub(super) struct Pack<'a> {
    pub transaction: Transaction<'a>,
    /// What it does, by the entries' places.
    pub done: Vec<(usize, Done)>,
    /// How many sessions each room has more after it.
    pub more: BTreeMap<String, i64>,
    /// The tallies that it writes: of rooms, and of their months.
    tallies: BTreeSet<RowKey>,
    rows: usize,
    bytes: usize,
}

impl<'a> Pack<'a> {
    pub fn new(table: &'a Table) -> Self {
        Pack {
            transaction: Transaction::exclusive(table),
            done: Vec::new(),
            more: BTreeMap::new(),
            tallies: BTreeSet::new(),
            rows: 0,
            bytes: 0,
        }
    }

    /// Whether there is room for this row at its key, and the deletion of others.
    pub fn takes(&self, key: &RowKey, row: &Row, deleted: &[RowKey]) -> bool {
        let tallies = tallies(key, deleted);
        let tallies = self.tallies.len() + tallies.difference(&self.tallies).count();
        self.done.is_empty()
            || (self.rows + 1 + deleted.len() + tallies <= MAX_ACTIONS
                && self.bytes + row.room.item_bytes() <= MAX_TRANSACTION_BYTES)
    }

    /// Adds it.
    pub fn add(
        &mut self,
        snapshot: &Snapshot,
        index: usize,
        (key, row): (&RowKey, &Row),
        deleted: &[RowKey],
    ) -> Result<(), WriteError> {
        self.tallies.extend(tallies(key, deleted));
        self.rows += 1 + deleted.len();
        self.bytes += row.room.item_bytes();
        let placed = place(&mut self.transaction, snapshot, (key, row), deleted)?;
        let more = self.more.entry(key.room_id.clone()).or_default();
        *more += i64::from(placed == Placed::New) - deleted.len() as i64;
        let done = if deleted.is_empty() { Done::Recorded(placed) } else { Done::Moved };
        self.done.push((index, done));
        Ok(())
    }
}

/// The tallies that these rows may be counted in.
fn tallies(key: &RowKey, others: &[RowKey]) -> BTreeSet<RowKey> {
    let mut tallies = BTreeSet::from([RowKey::room_tally(&*key.room_id)]);
    for key in others.iter().chain([key]) {
        let month = key.session_key().map(|session| session.month());
        tallies.extend(month.map(|month| RowKey::tally(&*key.room_id, month)));
    }
    tallies
}
