//! The state that all steps of one attempt at a page share.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::order::Order;
use super::prefetch::CountsCache;
use crate::table::{Consistency, Table};

/// One attempt at reading a page.
pub(super) struct Reader<'a> {
    pub table: &'a Table,
    /// `None`: the query has more rooms than the cache.
    pub cache: Option<&'a CountsCache>,
    pub order: Order,
    pub consistency: Consistency,
    pub distrusted: &'a DistrustedRooms,
}

impl Reader<'_> {
    /// Stops trusting a room's tally.
    pub fn distrust(&self, room_id: &str, reason: &str) {
        self.distrusted.insert(self.table.name(), room_id, reason);
    }
}

/// The rooms whose tallies turned out wrong in the course of one request. Their sessions are
/// counted; all other rooms keep their tallies.
#[derive(Debug, Default)]
pub(super) struct DistrustedRooms(Mutex<BTreeSet<String>>);

impl DistrustedRooms {
    pub fn contains(&self, room_id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(room_id)
    }

    /// Stops trusting a room's tally, and logs it once.
    pub fn insert(&self, table: &str, room_id: &str, reason: &str) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.insert(room_id.to_owned()) {
            tracing::warn!(
                table,
                room_id,
                reason,
                "the room's tally is wrong, so its sessions were counted instead, which is slow; \
                 repair it with `past-rooms-admin --table TABLE tally --room ROOM_ID`"
            );
        }
    }
}
