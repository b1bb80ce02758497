//! Which month tallies a page probably needs, predicted from what this process saw before.
//!
//! Clients read page after page. With the counts of the last one a reader can predict which month
//! tallies a page needs, and ask for them together with the room tallies: one round trip less for a
//! deep page. A prediction decides only what is asked for early; what is answered comes from the
//! rows that were read.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::plan::Plan;
use super::query::PageQuery;
use crate::table::bucket::Counts;
use crate::table::keys::RowKey;

/// Rooms that are cached, some kilobytes each; beyond, the cache is emptied and begins anew.
const MAX_ROOMS: usize = 200;

/// Rooms' sessions by month, as last seen.
#[derive(Debug, Default)]
pub(crate) struct CountsCache(Mutex<HashMap<String, Counts>>);

impl CountsCache {
    /// The rooms' counts, if all of them are cached.
    fn get(&self, room_ids: &[String]) -> Option<Vec<Counts>> {
        let rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        room_ids.iter().map(|room_id| rooms.get(room_id).cloned()).collect()
    }

    /// Caches a room's counts.
    pub fn insert(&self, room_id: &str, months: &Counts) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.len() >= MAX_ROOMS && !rooms.contains_key(room_id) {
            rooms.clear();
        }
        rooms.insert(room_id.to_owned(), months.clone());
    }

    /// The keys of the month tallies that a page probably needs.
    pub fn predict(&self, query: &PageQuery) -> Vec<RowKey> {
        let Some(rooms) = self.get(&query.room_ids) else {
            return vec![];
        };
        let Some(plan) = Plan::new(query.order, &rooms, query.from, query.limit) else {
            return vec![];
        };
        let months = plan.months_to_refine(&rooms, query.limit);
        let rooms = query.room_ids.iter().zip(&rooms);
        rooms
            .flat_map(|(room_id, counts)| {
                let months = months.iter().filter(|month| counts.contains_key(*month));
                months.map(move |month| RowKey::month_tally(room_id, month.prefix()))
            })
            .collect()
    }
}
