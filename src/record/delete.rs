//! Deleting sessions together with their counts.

use std::collections::BTreeSet;

use crate::record::error::{ATTEMPTS, WriteError};
use crate::record::load::batches;
use crate::record::snapshot::Snapshot;
use crate::record::transaction::Transaction;
use crate::table::Table;
use crate::table::keys::RowKey;
use crate::table::requests::retry::with_retries;

/// Deletes sessions or stray rows of a room, and returns how many existed.
pub(crate) async fn delete<'a>(
    table: &Table,
    room_id: &str,
    sort_keys: impl IntoIterator<Item = &'a str>,
) -> Result<u64, WriteError> {
    // DynamoDB takes every key once.
    let keys: BTreeSet<&str> = sort_keys.into_iter().collect();
    let keys = keys.into_iter().map(|key| RowKey::new(room_id, key));
    let mut deleted = 0;
    for batch in batches(table, keys, |key| (key, 0)) {
        let attempt = || delete_batch(table, &batch);
        deleted += with_retries(ATTEMPTS, WriteError::is_transient, attempt).await?;
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
