//! A transaction in the making: as many sessions as DynamoDB takes at once.

use std::collections::BTreeMap;

use super::progress::Done;
use crate::record::error::WriteError;
use crate::record::load::Load;
use crate::record::place::{Placed, place};
use crate::record::row::Row;
use crate::record::snapshot::Snapshot;
use crate::record::transaction::Transaction;
use crate::table::Table;
use crate::table::keys::RowKey;

pub(super) struct Pack<'a> {
    pub transaction: Transaction<'a>,
    /// Its outcomes, by the entries' places.
    pub done: Vec<(usize, Done)>,
    /// The change of each room's number of sessions.
    pub more: BTreeMap<String, i64>,
    load: Load,
}

impl<'a> Pack<'a> {
    pub fn new(table: &'a Table) -> Self {
        Pack {
            transaction: Transaction::exclusive(table),
            done: Vec::new(),
            more: BTreeMap::new(),
            load: Load::new(table),
        }
    }

    /// Reserves the actions that a row at its key and the deletion of others take. Returns whether there
    /// was room for them.
    pub fn reserve(&mut self, key: &RowKey, row: &Row, deleted: &[RowKey]) -> bool {
        self.load.add(deleted.iter().chain([key]), row.room.item_bytes())
    }

    /// Adds a row for which there is room.
    pub fn add(
        &mut self,
        snapshot: &Snapshot,
        index: usize,
        (key, row): (&RowKey, &Row),
        deleted: &[RowKey],
    ) -> Result<(), WriteError> {
        let placed = place(&mut self.transaction, snapshot, (key, row), deleted)?;
        let more = self.more.entry(key.room_id.clone()).or_default();
        *more += i64::from(placed == Placed::New) - deleted.len() as i64;
        let done = if deleted.is_empty() { Done::Recorded(placed) } else { Done::Moved };
        self.done.push((index, done));
        Ok(())
    }
}
