//! What every step of reading one page shares.

use std::cmp::Ordering;

use super::{Order, ReadError};
use crate::table::schema::KeyRange;
use crate::table::session::SessionRow;
use crate::table::{Consistency, Item, Meter, QueryPage, RowQuery, Table};

/// About how many sessions fit into the 4 KiB that a read is charged for at the least: fewer cost the same.
pub(super) const ROWS_PER_UNIT: usize = 10;

/// One attempt at reading a page.
pub(super) struct Reader<'a> {
    pub table: &'a Table,
    pub meter: &'a Meter,
    pub consistency: Consistency,
    pub order: Order,
}

/// Counts and sessions that do not fit together. Says what was expected and what was found.
#[derive(Debug, Default, thiserror::Error)]
#[error("{0}")]
pub struct Mismatch(String);

impl Mismatch {
    pub(super) fn new(what: String) -> Self {
        Mismatch(what)
    }
}

/// The direction in which keys are walked: the requested order, or its reverse when the page is nearer from behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    pub fn of(order: Order, reversed: bool) -> Self {
        if (order == Order::Asc) != reversed {
            Direction::Ascending
        } else {
            Direction::Descending
        }
    }

    /// Which of two keys comes first on the way.
    pub fn compare(self, one: &str, other: &str) -> Ordering {
        match self {
            Direction::Ascending => one.cmp(other),
            Direction::Descending => other.cmp(one),
        }
    }

    pub fn is_ascending(self) -> bool {
        self == Direction::Ascending
    }
}

impl Reader<'_> {
    /// Some of a room's rows, in `direction` from behind `after` on.
    pub async fn rows(
        &self,
        room_id: &str,
        range: &KeyRange,
        direction: Direction,
        after: Option<&str>,
        limit: usize,
    ) -> Result<QueryPage, ReadError> {
        let query = RowQuery {
            room_id,
            range,
            ascending: direction.is_ascending(),
            after,
            limit: Some(limit),
            keys_only: false,
            consistency: self.consistency,
        };
        Ok(self.table.query(query, self.meter).await?)
    }

    /// All of a room's rows in a range that is known to be small.
    pub async fn all_rows(&self, room_id: &str, range: &KeyRange) -> Result<Vec<Item>, ReadError> {
        let mut rows = Vec::new();
        let query = RowQuery {
            keys_only: false,
            ..RowQuery::keys(room_id, range, self.consistency)
        };
        self.table
            .walk(query, self.meter, |item| rows.push(item))
            .await?;
        Ok(rows)
    }

    /// Walks the keys of a room's sessions in `range`, oldest first, a page at a time.
    pub async fn walk_keys(
        &self,
        room_id: &str,
        range: &KeyRange,
        mut visit: impl FnMut(&str),
    ) -> Result<(), ReadError> {
        let query = RowQuery::keys(room_id, range, self.consistency);
        let visit = |item: Item| {
            if let Some(key) = SessionRow::key_of(&item) {
                visit(key);
            }
        };
        Ok(self.table.walk(query, self.meter, visit).await?)
    }
}
