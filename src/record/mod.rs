//! Writing: past sessions and the tallies that count them, in one transaction.
//!
//! - A new session is put and counted, in its room's tally and in its month's. An existing session has
//!   its mutable fields changed and is not counted again. After a crash, either all of it or none is
//!   written.
//! - Conditions on the rows guarantee this beside any other writer: a session is counted only by the
//!   transaction that put it, and a tally is begun by one writer only. A transaction whose condition
//!   failed, or whose answer was lost, reads the rows again and continues from there.
//! - A room that already has sessions but no tally was filled by another writer. Its tally is begun
//!   with the mark `incomplete`, so that readers go on counting the rows until it is built.
//! - If another writer puts or deletes sessions in a room that has a tally, they are recounted
//!   once the stream reports them.

mod batches;
mod cancellation;
mod delete;
mod error;
mod import;
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
pub use recorded::Recorded;
#[cfg(feature = "meetings")]
pub(crate) use settle::{Settlement, settle};
#[cfg(feature = "history")]
pub(crate) use snapshot::Snapshot;
#[cfg(feature = "history")]
pub(crate) use transaction::MAX_ACTIONS;
pub(crate) use transaction::{DOES_NOT_EXIST, EXISTS, Transaction, on_condition};
#[cfg(feature = "meetings")]
pub(crate) use withdraw::{Premature, Withdrawn, withdraw};

use crate::table::Table;
use crate::table::keys::RowKey;
use crate::table::requests::retry::with_retries;
use crate::table::rows::retention::Retention;
use crate::table::rows::session::Session;
use batches::Keyed;
use place::place;
use row::Row;
#[cfg(not(feature = "history"))]
use snapshot::Snapshot;

/// Records past sessions, in as few transactions as DynamoDB's limits allow.
pub(crate) async fn record(
    table: &Table,
    retention: Retention,
    sessions: &[Session],
) -> Result<Recorded, WriteError> {
    let mut recorded = Recorded::default();
    for batch in batches::batches(sessions)? {
        let attempt = || record_batch(table, retention, &batch);
        recorded += with_retries(ATTEMPTS, WriteError::is_transient, attempt).await?;
    }
    Ok(recorded)
}

async fn record_batch(
    table: &Table,
    retention: Retention,
    batch: &[Keyed<'_>],
) -> Result<Recorded, WriteError> {
    let keys: Vec<RowKey> = batch.iter().map(|(key, _)| key.clone()).collect();
    let snapshot = Snapshot::read(table, &keys).await?;
    let mut transaction = Transaction::new(table);
    let mut recorded = Recorded::default();
    for (key, session) in batch {
        let row = Row::of_session(session, retention);
        recorded.count(place(&mut transaction, &snapshot, (key, &row), &[])?);
    }
    transaction.write(&snapshot).await?;
    Ok(recorded)
}
