//! Ids that several sessions share.
//!
//! A media server gives each id once. Sessions that share one are the same session stored several times,
//! for example by imports with different time zones or from two sources.

use std::collections::BTreeSet;

use crate::table::keys::RowKey;
use crate::table::{Table, TableError};

/// An id that several sessions have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repeated {
    /// The id.
    pub room_sid: String,
    /// The sessions' keys.
    pub keys: BTreeSet<RowKey>,
}

/// Returns the ids that several sessions have, in any room. Calls `read` with the number of rows of each
/// page of the index.
pub(crate) async fn repeated(
    table: &Table,
    read: impl FnMut(u64),
) -> Result<Vec<Repeated>, TableError> {
    let found = table.repeated_sids(read).await?;
    Ok(found.into_iter().map(|(room_sid, keys)| Repeated { room_sid, keys }).collect())
}
