//! A session at its key, and nowhere else: what webhooks, imports and plain recording have in common.

use crate::record::error::WriteError;
use crate::record::row::Row;
use crate::record::snapshot::Snapshot;
use crate::record::transaction::Transaction;
use crate::table::Item;
use crate::table::keys::RowKey;

/// The action of a transaction on the session at its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    New,
    Changed,
    Unchanged,
}

/// Adds to a transaction the put or update of a session at `key`, and the deletion of its rows at `others`.
/// Attributes that other writers added to those move along.
pub(crate) fn place(
    transaction: &mut Transaction<'_>,
    snapshot: &Snapshot,
    (key, row): (&RowKey, &Row),
    others: &[RowKey],
) -> Result<Placed, WriteError> {
    let mut added = Item::new();
    let others = others.iter().filter(|other| *other != key);
    for (other, stored) in others.filter_map(|other| Some((other, snapshot.session(other)?))) {
        transaction.delete_as_read(other, stored)?;
        added.extend(stored.others.clone());
    }
    match snapshot.session(key) {
        None => {
            transaction.put_new(key, row, added)?;
            Ok(Placed::New)
        }
        Some(stored) if stored.is(row) => Ok(Placed::Unchanged),
        Some(stored) => {
            transaction.change(key, stored, row)?;
            Ok(Placed::Changed)
        }
    }
}
