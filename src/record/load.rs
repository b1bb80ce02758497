//! The limits of one transaction, and which rows share one.

use std::collections::BTreeSet;

use crate::table::Table;
use crate::table::bucket::Level;
use crate::table::keys::RowKey;
use crate::table::rows::tally;

/// Maximum actions in one transaction.
///
/// Source: Amazon DynamoDB API Reference, `TransactWriteItems`.
const MAX_ACTIONS: usize = 100;

/// Maximum bytes of sessions in one transaction. DynamoDB allows 4 MB; this leaves room for keys and
/// tallies.
pub(crate) const MAX_BYTES: usize = 3_000_000;

/// The rows of one transaction, the tallies that it may have to change, and its bytes.
#[derive(Debug)]
pub(crate) struct Load {
    finest: Level,
    rows: usize,
    tallies: BTreeSet<RowKey>,
    bytes: usize,
}

impl Load {
    /// Returns the load of an empty transaction on `table`.
    pub fn new(table: &Table) -> Self {
        Load { finest: table.finest(), rows: 0, tallies: BTreeSet::new(), bytes: 0 }
    }

    /// Adds rows whose sizes sum to `bytes` if DynamoDB accepts them beside the others. Returns whether
    /// it does. An empty transaction accepts any rows.
    pub fn add<'k>(&mut self, keys: impl IntoIterator<Item = &'k RowKey>, bytes: usize) -> bool {
        let (mut rows, mut tallies) = (self.rows, BTreeSet::new());
        for key in keys {
            rows += 1;
            tallies.extend(self.tallies_of(key).filter(|tally| !self.tallies.contains(tally)));
        }
        let actions = rows + self.tallies.len() + tallies.len();
        let fits = actions <= MAX_ACTIONS && self.bytes + bytes <= MAX_BYTES;
        if fits || self.rows == 0 {
            self.tallies.append(&mut tallies);
            self.rows = rows;
            self.bytes += bytes;
            return true;
        }
        false
    }

    /// Returns the tallies that count a row.
    fn tallies_of(&self, key: &RowKey) -> impl Iterator<Item = RowKey> {
        let session = key.session_key();
        let counting = session.into_iter().flat_map(|key| tally::counting(&key, self.finest));
        let tallies = counting.map(|(tally, _)| RowKey::tally(&*key.room_id, tally));
        tallies.chain([RowKey::room_tally(&*key.room_id)])
    }
}

/// Divides rows, given as keys and sizes, into batches that each fit into one transaction, in their
/// order. Rows that are next to each other in time share tallies, and so transactions.
pub(crate) fn batches<T>(
    table: &Table,
    rows: impl IntoIterator<Item = T>,
    row: impl Fn(&T) -> (&RowKey, usize),
) -> Vec<Vec<T>> {
    let mut batches = Vec::new();
    let (mut batch, mut load) = (Vec::new(), Load::new(table));
    for next in rows {
        let (key, bytes) = row(&next);
        if !load.add([key], bytes) {
            batches.push(std::mem::take(&mut batch));
            load = Load::new(table);
            load.add([key], bytes);
        }
        batch.push(next);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::Client;
    use aws_sdk_dynamodb::config::{BehaviorVersion, Config};

    use super::*;

    fn client() -> Client {
        Client::from_conf(Config::builder().behavior_version(BehaviorVersion::latest()).build())
    }

    fn sizes(table: &Table, rows: impl IntoIterator<Item = (RowKey, usize)>) -> Vec<usize> {
        let batches = batches(table, rows, |(key, bytes)| (key, *bytes));
        batches.iter().map(Vec::len).collect()
    }

    fn rows(room_id: &'static str, count: usize) -> impl Iterator<Item = (RowKey, usize)> {
        (0..count).map(move |n| (RowKey::new(room_id, format!("2026-11-22T10:00:00Z#{n:03}")), 100))
    }

    #[test]
    fn transaction_holds_98_sessions_of_one_month() {
        let table = Table::new(client(), "t");
        assert_eq!(sizes(&table, rows("room", 98)), [98]);
        assert_eq!(sizes(&table, rows("room", 99)), [98, 1]);
    }

    #[test]
    fn rooms_share_a_transaction() {
        let table = Table::new(client(), "t");
        let keys = (0..34).map(|n| RowKey::new(format!("room{n:02}"), "2026-11-22T10:00:00Z#s"));
        // Three actions each: the session, its month's tally, its room's.
        assert_eq!(sizes(&table, keys.map(|key| (key, 100))), [33, 1]);
    }

    #[test]
    fn hour_tallies_count_in_the_history_table() {
        let table = Table::history(client(), "t");
        assert_eq!(sizes(&table, rows("*", 98)), [97, 1]);
        let hours = (0..50).map(|n| format!("2026-11-{:02}T{:02}:00:00Z#s", 1 + n / 24, n % 24));
        // Each has a row and an hour; the month and the room are two more actions.
        assert_eq!(sizes(&table, hours.map(|key| (RowKey::new("*", key), 100))), [49, 1]);
    }

    #[test]
    fn transaction_stays_below_the_byte_limit() {
        let table = Table::new(client(), "t");
        let large = rows("room", 20).map(|(key, _)| (key, 390_000));
        assert_eq!(sizes(&table, large), [7, 7, 6]);
        let huge = rows("room", 2).map(|(key, _)| (key, 5_000_000));
        assert_eq!(sizes(&table, huge), [1, 1]);
    }
}
