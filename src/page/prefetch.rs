//! Predicts which month tallies a page needs, from what this process saw before.
//!
//! Clients read page after page. With the counts of the last one a reader can predict which month
//! tallies a page needs, and ask for them together with the room tallies, which saves a deep page one
//! round trip. A prediction decides only what is asked for early. The answer comes from the rows that were
//! read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::plan::Plan;
use super::query::PageQuery;
use crate::table::bucket::{Counts, Level};
use crate::table::keys::RowKey;

/// Maximum number of cached rooms, some kilobytes each. A full cache is emptied.
const MAX_ROOMS: usize = 200;

/// Rooms' sessions by month, as last seen.
#[derive(Debug, Default)]
pub(crate) struct CountsCache(Mutex<HashMap<String, Arc<Counts>>>);

impl CountsCache {
    /// The cache, unless a query of this many rooms would only push its own rooms out again.
    pub fn for_rooms(&self, rooms: usize) -> Option<&Self> {
        (rooms <= MAX_ROOMS).then_some(self)
    }

    /// The rooms' counts, if all of them are cached.
    fn get(&self, room_ids: &[String]) -> Option<Vec<Arc<Counts>>> {
        let rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        room_ids.iter().map(|room_id| rooms.get(room_id).cloned()).collect()
    }

    /// Caches a room's counts.
    pub fn insert(&self, room_id: &str, months: &Counts) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.len() >= MAX_ROOMS && !rooms.contains_key(room_id) {
            rooms.clear();
        }
        rooms.insert(room_id.to_owned(), Arc::new(months.clone()));
    }

    /// The keys of the month tallies that a page probably needs.
    pub fn predict(&self, query: &PageQuery, finest: Level) -> Vec<RowKey> {
        let Some(rooms) = self.get(&query.room_ids).filter(|_| query.limit > 0) else {
            return vec![];
        };
        let counts = || rooms.iter().map(|counts| &**counts);
        let plan = Plan::new(query.order, counts(), query.from, query.limit);
        let month = plan.and_then(|plan| plan.bucket_to_refine(counts(), query.limit, finest));
        let Some(month) = month else {
            return vec![];
        };
        let rooms = query.room_ids.iter().zip(&rooms);
        let rooms = rooms.filter(|(_, counts)| counts.contains_key(&month));
        rooms.map(|(room_id, _)| RowKey::tally(room_id, month)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Order;
    use crate::table::bucket::Bucket;

    fn month(prefix: &str) -> Bucket {
        Bucket::parse(prefix).expect("a month")
    }

    fn counts(months: &[(&str, u64)]) -> Counts {
        months.iter().map(|(prefix, count)| (month(prefix), *count)).collect()
    }

    fn query(rooms: &[&str], from: u64) -> PageQuery {
        PageQuery::new(rooms.iter().copied()).from(from).order(Order::Asc)
    }

    #[test]
    fn deep_pages_month_is_predicted() {
        let cache = CountsCache::default();
        cache.insert("a", &counts(&[("2026-10", 100), ("2026-11", 100)]));
        cache.insert("b", &counts(&[("2026-10", 100)]));
        let keys = |query| cache.predict(&query, Level::Hour);
        assert_eq!(keys(query(&["a", "b"], 250)), [RowKey::tally("a", month("2026-11"))]);
        assert_eq!(
            keys(query(&["a", "b"], 50)),
            [RowKey::tally("a", month("2026-10")), RowKey::tally("b", month("2026-10"))]
        );
        // Nor for the total alone.
        assert_eq!(keys(query(&["a", "b"], 250).limit(0)), []);
        // At a boundary there is nothing to skip, and beyond the end nothing to read.
        assert_eq!(keys(query(&["a", "b"], 200)), []);
        assert_eq!(keys(query(&["a", "b"], 300)), []);
    }

    #[test]
    fn unknown_room_prevents_a_prediction() {
        let cache = CountsCache::default();
        cache.insert("a", &counts(&[("2026-10", 100)]));
        assert_eq!(cache.predict(&query(&["a", "b"], 50), Level::Hour), []);
        assert_eq!(cache.predict(&query(&["a"], 50), Level::Hour).len(), 1);
    }

    #[test]
    fn larger_queries_bypass_the_cache() {
        let cache = CountsCache::default();
        assert!(cache.for_rooms(MAX_ROOMS).is_some());
        assert!(cache.for_rooms(MAX_ROOMS + 1).is_none());
    }

    #[test]
    fn full_cache_is_emptied() {
        let cache = CountsCache::default();
        let months = counts(&[("2026-10", 100)]);
        let is_cached = |room: &str| cache.get(&[room.to_owned()]).is_some();
        for number in 0..MAX_ROOMS {
            cache.insert(&format!("room{number}"), &months);
        }
        // Known counts are replaced in place.
        cache.insert("room0", &months);
        assert!((0..MAX_ROOMS).all(|number| is_cached(&format!("room{number}"))));
        cache.insert("one more", &months);
        assert!(is_cached("one more") && !is_cached("room0"));
    }
}
