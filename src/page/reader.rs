//! What every step of one attempt at a page shares.

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

/// The rooms whose tallies turned out wrong in the course of one request. Their sessions are
/// counted; all other rooms keep their tallies.
#[derive(Debug, Default)]
pub(super) struct DistrustedRooms(Mutex<BTreeSet<String>>);

impl DistrustedRooms {
    pub fn contains(&self, room_id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(room_id)
    }

    /// Stops believing a room's tally, and tells the operator once.
    pub fn insert(&self, room_id: &str, reason: &str) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.insert(room_id.to_owned()) {
            tracing::warn!(
                room_id,
                reason,
                "the room's tally is wrong, so its sessions were counted instead, which is slow; \
                 repair it with `past-rooms-admin tally --room ROOM_ID`"
            );
        }
    }
}
