//! The query of a page, and the page.

use std::collections::HashSet;

use super::order::Order;
use crate::table::rows::past_room::PastRoom;

/// Which page to read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageQuery {
    /// The rooms, each once. None: all rooms.
    pub room_ids: Vec<String>,
    /// Sessions to skip, in `order`. Default: 0.
    pub from: u64,
    /// Maximum sessions to return. Default: 20.
    pub limit: usize,
    /// The order of the sessions. Default: [`Order::Desc`].
    pub order: Order,
    /// Only the session with this id, if it is in one of the rooms. Default: all sessions.
    pub room_sid: Option<String>,
    /// Maximum bytes of the sessions' text. Default: no maximum.
    pub max_bytes: Option<usize>,
}

impl PageQuery {
    /// Sessions on a page, where a query does not say.
    pub const DEFAULT_LIMIT: usize = 20;

    /// The first page of these rooms, newest first. A room that is named twice counts once.
    pub fn new(room_ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut seen = HashSet::new();
        let room_ids = room_ids.into_iter().map(Into::into);
        PageQuery {
            room_ids: room_ids.filter(|room_id: &String| seen.insert(room_id.clone())).collect(),
            from: 0,
            limit: PageQuery::DEFAULT_LIMIT,
            order: Order::default(),
            room_sid: None,
            max_bytes: None,
        }
    }

    /// Returns a query for the first page of all rooms, newest first. A handle
    /// [with a history table](crate::PastRooms::with_history) answers it.
    pub fn all_rooms() -> Self {
        PageQuery::new([""; 0])
    }

    /// Returns whether the query is for a page of all rooms, which the history table answers.
    pub(crate) fn is_of_all_rooms(&self) -> bool {
        self.room_ids.is_empty() && self.room_sid.is_none()
    }

    /// Returns the same query with `from` sessions skipped.
    #[must_use]
    pub fn from(self, from: u64) -> Self {
        PageQuery { from, ..self }
    }

    /// Returns the same query with at most `limit` sessions.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        PageQuery { limit, ..self }
    }

    /// Returns the same query in this order.
    #[must_use]
    pub fn order(self, order: Order) -> Self {
        PageQuery { order, ..self }
    }

    /// Returns the same query with only the session of this id. It is looked up in an index, which may
    /// lag behind the table by about a second.
    #[must_use]
    pub fn room_sid(self, room_sid: impl Into<String>) -> Self {
        PageQuery { room_sid: Some(room_sid.into()), ..self }
    }

    /// Returns the same query with a maximum for the bytes of the sessions' text. A longer page ends
    /// with [`ReadError::TooLarge`](super::ReadError::TooLarge) as soon as the sessions read exceed it.
    #[must_use]
    pub fn max_bytes(self, max_bytes: usize) -> Self {
        PageQuery { max_bytes: Some(max_bytes), ..self }
    }
}

/// A page of past sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Number of past sessions of all rooms of the query, whatever `from` and `limit` are.
    pub total: u64,
    /// The sessions at `from`, `from + 1`, … of the order: `limit` of them, or fewer at the end.
    pub sessions: Vec<PastRoom>,
}
