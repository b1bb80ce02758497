//! Deleting sessions together with their counts.

use std::collections::BTreeSet;

use super::look::Look;
use super::transaction::{MAX_ACTIONS, Transaction, WriteError, until_written};
use crate::table::{Meter, Table};

/// Sessions in one transaction: each may be in a month of its own, and the room's tally is one action more.
const SESSIONS_AT_ONCE: usize = (MAX_ACTIONS - 1) / 2;

/// How many sessions were there to delete.
pub type Deleted = u64;

/// Deletes sessions of a room, by their sort keys. One that is not there is passed over.
///
/// # Errors
/// As [`record`](super::record). After an error some may be deleted; those are counted no longer, all others still are.
pub async fn delete(
    table: &Table,
    room_id: &str,
    sort_keys: &[String],
    meter: &Meter,
) -> Result<Deleted, WriteError> {
    // DynamoDB takes every key once.
    let sort_keys: BTreeSet<&str> = sort_keys.iter().map(String::as_str).collect();
    let sort_keys: Vec<&str> = sort_keys.into_iter().collect();
    let mut deleted = 0;
    for keys in sort_keys.chunks(SESSIONS_AT_ONCE) {
        deleted += until_written!(delete_some(table, room_id, keys, meter))?;
    }
    Ok(deleted)
}

async fn delete_some(
    table: &Table,
    room_id: &str,
    sort_keys: &[&str],
    meter: &Meter,
) -> Result<Deleted, WriteError> {
    let keys: Vec<_> = sort_keys.iter().map(|key| (room_id, *key)).collect();
    let look = Look::at(table, &keys, meter).await?;
    let mut transaction = Transaction::new(table);
    let mut deleted = 0;
    for key in sort_keys {
        if look.session(room_id, key).is_some() {
            transaction.delete(room_id, key)?;
            transaction.count(room_id, key, -1)?;
            deleted += 1;
        }
    }
    transaction.write(&look, meter).await?;
    Ok(deleted)
}
