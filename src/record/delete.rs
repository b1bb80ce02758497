//! Deleting sessions together with their counts.

use std::collections::BTreeSet;

use crate::record::error::{ATTEMPTS, WriteError};
use crate::record::snapshot::Snapshot;
use crate::record::transaction::{MAX_ACTIONS, Transaction};
use crate::table::Table;
use crate::table::keys::RowKey;
use crate::table::requests::retry::with_retries;

/// Sessions in one transaction: each may be in a month of its own, and the room's tally is one
/// action more.
const SESSIONS_PER_TRANSACTION: usize = (MAX_ACTIONS - 1) / 2;

/// Deletes sessions or stray rows of a room, and returns how many existed.
pub(crate) async fn delete<'a>(
    table: &Table,
    room_id: &str,
    sort_keys: impl IntoIterator<Item = &'a str>,
) -> Result<u64, WriteError> {
    // DynamoDB takes every key once.
    let keys: BTreeSet<&str> = sort_keys.into_iter().collect();
    let keys: Vec<RowKey> = keys.into_iter().map(|key| RowKey::new(room_id, key)).collect();
    let mut deleted = 0;
    for batch in keys.chunks(SESSIONS_PER_TRANSACTION) {
        deleted +=
            with_retries(ATTEMPTS, WriteError::is_transient, || delete_batch(table, batch)).await?;
    }
    Ok(deleted)
}

async fn delete_batch(table: &Table, keys: &[RowKey]) -> Result<u64, WriteError> {
    let snapshot = Snapshot::read(table, keys).await?;
    let mut transaction = Transaction::new(table);
    let mut deleted = 0;
    for key in keys {
        if snapshot.session(key).is_some() {
            transaction.delete(key)?;
            deleted += 1;
        }
    }
    transaction.write(&snapshot).await?;
    Ok(deleted)
}
