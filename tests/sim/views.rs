//! Other states of the table than the newest, which a reader may see: that of a replica which lags
//! behind, and that in the middle of a transaction.
//!
//! DynamoDB isolates a transaction from other transactions and from reads of a single row. A `Query`
//! or a `BatchGetItem` beside it may see some of its rows before and some after, even if it is
//! strongly consistent. It sees a row whose event the stream has already delivered.
//!
//! Source: Amazon DynamoDB Developer Guide, "Isolation levels for DynamoDB transactions".

use std::collections::BTreeSet;
use std::sync::Arc;

use fastrand::Rng;
use past_rooms::RowKey;
use serde_json::{Value, json};

use crate::database::{Database, Reply};

/// Rows as one request left them; `None`: it is gone.
type Rows = Vec<(RowKey, Option<Value>)>;

/// All that may be seen beside the table itself.
pub struct Views {
    /// The writes that took effect, in order.
    log: Vec<Rows>,
    /// The replica, if there is one.
    lagging: Option<View>,
    /// Lacks the last request as long as that is a transaction in progress.
    unfinished: View,
}

/// A state of the table: that after some of the requests, and perhaps a part of the next.
struct View {
    table: &'static str,
    /// The rows at first.
    rows: Arc<[Value]>,
    /// Made when it is first read: many a run never does.
    database: Option<Database>,
    /// Number of requests that it shows in whole.
    shown: usize,
    /// Number of requests that it has applied: it applies them when a reader needs them.
    done: usize,
    /// Rows of the next request that it shows.
    revealed: BTreeSet<RowKey>,
}

/// Which state to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Lagging,
    Unfinished,
}

impl Views {
    /// Views of a table with these rows; `lags`: with a replica.
    pub fn new(table: &'static str, rows: &[Value], lags: bool) -> Self {
        let rows: Arc<[Value]> = rows.into();
        let view = || View {
            table,
            rows: Arc::clone(&rows),
            database: None,
            shown: 0,
            done: 0,
            revealed: BTreeSet::new(),
        };
        Views { log: vec![], lagging: lags.then(view), unfinished: view() }
    }

    /// A request took effect; `is_transaction`: not in one moment.
    pub fn push(&mut self, rows: Rows, is_transaction: bool) {
        self.unfinished.shown = self.log.len() + usize::from(!is_transaction);
        self.unfinished.revealed.clear();
        self.log.push(rows);
    }

    /// Whether a transaction is in progress.
    pub fn is_unfinished(&self) -> bool {
        self.unfinished.shown < self.log.len()
    }

    /// Events of these rows were delivered: a transaction in progress has written them.
    pub fn reveal(&mut self, keys: impl IntoIterator<Item = RowKey>) {
        if self.is_unfinished() {
            self.unfinished.revealed.extend(keys);
        }
    }

    /// The transaction in progress is done.
    pub fn finish(&mut self) {
        self.unfinished.shown = self.log.len();
    }

    /// The replica shows some of what it lacks, or all of it.
    pub fn replicate(&mut self, random: &mut Rng, all: bool) {
        let Some(replica) = &mut self.lagging else { return };
        let lag = self.log.len() - replica.shown;
        if lag > 0 {
            replica.shown += if all { lag } else { random.usize(1..=lag) };
        }
    }

    /// Returns the number of requests that no reader sees in part.
    pub fn whole(&self) -> usize {
        self.unfinished.shown
    }

    /// Requests that every reader sees in whole.
    pub fn settled(&self) -> usize {
        let lagging = self.lagging.as_ref().map_or(self.log.len(), |replica| replica.shown);
        lagging.min(self.unfinished.shown)
    }

    /// Answers a reader who sees another state than the newest.
    pub fn execute(
        &mut self,
        which: Which,
        operation: &str,
        body: &str,
        random: &mut Rng,
    ) -> Option<Reply> {
        let view = match which {
            Which::Lagging => self.lagging.as_mut()?,
            Which::Unfinished => &mut self.unfinished,
        };
        Some(view.execute(&self.log, operation, body, random))
    }
}

impl View {
    fn execute(&mut self, log: &[Rows], operation: &str, body: &str, random: &mut Rng) -> Reply {
        let table = self.table;
        let database = self.database.get_or_insert_with(|| Database::filled(table, &self.rows));
        for (key, row) in log[self.done..self.shown].iter().flatten() {
            put(table, database, key, row.as_ref());
        }
        self.done = self.shown;
        // Of the next request, some rows. They are put again with the whole of it.
        if let Some(next) = log.get(self.shown) {
            let is_partial = next.len() > 1 && random.bool();
            for (key, row) in next {
                if is_partial && random.bool() || self.revealed.contains(key) {
                    put(table, database, key, row.as_ref());
                }
            }
        }
        database.execute(operation, body)
    }
}

fn put(table: &str, database: &Database, key: &RowKey, row: Option<&Value>) {
    let reply = match row {
        Some(row) => {
            let request = json!({"TableName": table, "Item": row});
            database.execute("PutItem", &request.to_string())
        }
        None => {
            let key = json!({
                "room_id": {"S": key.room_id},
                "created_sid": {"S": key.sort_key},
            });
            let request = json!({"TableName": table, "Key": key});
            database.execute("DeleteItem", &request.to_string())
        }
    };
    assert_eq!(reply.status, 200, "{}", reply.body);
}
