//! What rooms' months looked like when this process last read them.
//!
//! Clients read page after page. With the months of the last one a reader can guess which month tallies a page will
//! want, and ask for them together with the room tallies: one round trip less for a deep page. A guess decides only
//! what is asked for early; what is answered comes from the rows that were read.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::tally::Counts;

/// Rooms that are remembered, some kilobytes each; beyond, all are forgotten and the remembering begins anew.
const MAX_ROOMS: usize = 200;

/// The months of rooms, as last seen.
#[derive(Debug, Default)]
pub struct Hints(Mutex<HashMap<String, Counts>>);

impl Hints {
    /// The rooms' months, if all of them are remembered.
    pub fn recall(&self, room_ids: &[String]) -> Option<Vec<Counts>> {
        let rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        room_ids
            .iter()
            .map(|room_id| rooms.get(room_id).cloned())
            .collect()
    }

    /// Remembers a room's months.
    pub fn remember(&self, room_id: &str, months: &Counts) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.len() >= MAX_ROOMS && !rooms.contains_key(room_id) {
            rooms.clear();
        }
        rooms.insert(room_id.to_owned(), months.clone());
    }
}
