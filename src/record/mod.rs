//! Writing: past sessions and the tallies that count them, in one transaction.
//!
//! - A session that is new is put and counted, in its room's tally and in its month's. One that is
//!   there already has its mutable fields changed and no count. Any crash leaves all of it or none.
//! - Conditions on the rows make that true whoever else writes: a session is counted only by the
//!   transaction that put it, and a tally is begun by one writer only. A transaction whose condition
//!   failed looks again and continues from what it then finds; so does one whose answer was lost.
//! - A room that already has sessions but no tally was filled by another writer. Its tally is begun
//!   with the mark `incomplete`, so that readers go on counting, until it is built.
//! - What another writer puts or deletes in a room that has a tally is [counted again](Recount) as
//!   soon as somebody hears of it.

mod audit;
mod batches;
mod delete;
mod error;
mod expiry;
mod recount;
mod repair;
mod repeated;
#[cfg(feature = "meetings")]
mod settle;
mod snapshot;
mod survey;
pub(crate) mod tally;
mod transaction;

pub use audit::{Difference, TallyReport};
pub(crate) use delete::delete;
pub(crate) use error::ATTEMPTS;
pub use error::WriteError;
pub use expiry::Expiries;
pub(crate) use expiry::{Mode, apply};
pub use recount::Recount;
pub(crate) use recount::recount;
pub use repeated::Repeated;
pub(crate) use repeated::between_rooms;
#[cfg(feature = "meetings")]
pub(crate) use settle::{Settlement, settle};

use crate::table::Table;
use crate::table::keys::RowKey;
use crate::table::retention::Retention;
use crate::table::retry::with_retries;
use crate::table::session::Session;
use batches::Keyed;
use snapshot::Snapshot;
use transaction::Transaction;

/// How many sessions were created, changed and left unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Recorded {
    /// Were not there; they are now, and are counted.
    pub new: u64,
    /// Were there, and have new values in some of their mutable fields.
    pub changed: u64,
    /// Were there with the same values.
    pub unchanged: u64,
}

impl std::ops::AddAssign for Recorded {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
    }
}

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
    let mut transaction = Transaction::new(table).with_retention(retention);
    let mut recorded = Recorded::default();
    for (key, session) in batch {
        let expires = retention.of_session(session);
        match snapshot.session(key) {
            None => {
                transaction.put_new(key, session)?;
                recorded.new += 1;
            }
            Some(stored)
                if stored.as_ref() == Some(&session.to_past_room())
                    && (expires.is_none() || snapshot.expires(key) == expires) =>
            {
                recorded.unchanged += 1;
            }
            Some(_) => {
                transaction.change(key, session)?;
                recorded.changed += 1;
            }
        }
    }
    transaction.write(&snapshot).await?;
    Ok(recorded)
}
