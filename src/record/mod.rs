//! Writing: past sessions together with the tallies that count them.
//!
//! - A new session is put, and counted in the tallies of its room and of its month, in one transaction:
//!   after a crash, either all of this is written or none. An existing session only has its mutable
//!   fields updated; it is not counted again.
//! - Conditions on the rows keep this true while others write: a session is counted only by the
//!   transaction that puts it, and only one writer creates a tally. If a condition fails, or the answer
//!   to a transaction is lost, the rows are read again and a new transaction is made from them.
//! - A room that already has sessions but no tally was filled by another writer. Its tally is created
//!   with the mark `incomplete`, so that readers go on counting rows until the tally has been completed.
//! - If another writer puts or deletes sessions in a room that has a tally, the month is recounted once
//!   the table's stream reports the change.

mod cancellation;
mod delete;
mod error;
mod import;
mod load;
mod merge;
mod place;
mod recorded;
mod row;
#[cfg(feature = "meetings")]
mod settle;
mod snapshot;
mod transaction;
#[cfg(feature = "meetings")]
mod withdraw;

pub(crate) use delete::delete;
pub(crate) use error::ATTEMPTS;
pub use error::WriteError;
pub use import::{Entry, Field, Fields, Importer, Marks, Misplaced, Stopped, Written};
#[cfg(feature = "history")]
pub(crate) use load::MAX_BYTES;
pub(crate) use load::batches;
pub use recorded::Recorded;
#[cfg(feature = "meetings")]
pub(crate) use settle::{Settlement, settle};
#[cfg(feature = "history")]
pub(crate) use snapshot::Snapshot;
pub(crate) use transaction::{DOES_NOT_EXIST, EXISTS, Transaction, on_condition, set_and_remove};
#[cfg(feature = "meetings")]
pub(crate) use withdraw::{Premature, Withdrawn, withdraw};

use std::collections::BTreeMap;

use crate::table::Table;
use crate::table::keys::RowKey;
use crate::table::requests::retry::with_retries;
use crate::table::rows::retention::Retention;
use crate::table::rows::session::Session;
use place::place;
use row::Row;
#[cfg(not(feature = "history"))]
use snapshot::Snapshot;

/// Records past sessions, in as few transactions as DynamoDB's limits allow. Each is atomic by itself:
/// after an error, those before it remain written.
pub(crate) async fn record(
    table: &Table,
    retention: Retention,
    sessions: &[Session],
) -> Result<Recorded, WriteError> {
    let mut recorded = Recorded::default();
    // By room and time, so that as many as possible share their tallies. If a session appears twice, the
    // last one wins.
    let mut rows = BTreeMap::new();
    for session in sessions {
        rows.insert(session.key()?, Row::of_session(session, retention));
    }
    for batch in batches(table, rows, |(key, row)| (key, row.room.item_bytes())) {
        let attempt = || record_batch(table, &batch);
        recorded += with_retries(ATTEMPTS, WriteError::is_transient, attempt).await?;
    }
    Ok(recorded)
}

async fn record_batch(table: &Table, batch: &[(RowKey, Row)]) -> Result<Recorded, WriteError> {
    let keys: Vec<RowKey> = batch.iter().map(|(key, _)| key.clone()).collect();
    let snapshot = Snapshot::read(table, &keys).await?;
    let mut transaction = Transaction::new(table);
    let mut recorded = Recorded::default();
    for (key, row) in batch {
        recorded.count(place(&mut transaction, &snapshot, (key, row), &[])?);
    }
    transaction.write(&snapshot).await?;
    Ok(recorded)
}
