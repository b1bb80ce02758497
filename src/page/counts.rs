//! Step 1: how many sessions every room has, by month.
//!
//! Near the front of the order, the first sessions of each room are read as well. Newest first, one
//! request returns them together with the tally, because the tally's key sorts above every session's.

use std::collections::{BTreeMap, HashMap};

use futures_util::future::{try_join, try_join_all};

use super::cursor::RoomCursor;
use super::error::ReadError;
use super::order::Order;
use super::plan::is_opening_all_cheaper;
use super::query::PageQuery;
use super::reader::Reader;
use crate::table::bucket::{self, Bucket, Counts, Level};
use crate::table::keys::{KeyRange, RowKey, SessionKey};
use crate::table::rows::tally::{self, RoomTally};
use crate::table::{Consistency, Item, RowQuery};

/// Maximum `from` of a page near the front. Reading that many rows to skip them costs less than the tally of
/// a month and another round trip.
const MAX_ROWS_TO_SKIP: u64 = 20;

/// Minimum rows of each of many rooms that are read with its tally: together they fit into 4 KB, the
/// minimum charge of a read.
const ROWS_WITH_TALLY: usize = 8;

/// The counts of a room, before the rows of the page are read.
#[derive(Debug)]
pub(super) struct RoomCounts {
    pub room_id: String,
    /// Its sessions by bucket: by month, and in a [refined](super::refine) month or hour by its parts.
    pub counts: Counts,
    /// The tally that they come from. `None`: the sessions' own keys were counted.
    pub room_tally: Option<Item>,
    /// The tallies of months and hours that were read; `None`: no such row exists.
    pub tallies: BTreeMap<Bucket, Option<Item>>,
    /// The contradiction between its tally rows.
    pub disagreement: Option<String>,
    /// Its first sessions, if they were read with the tally.
    pub head: Option<RoomCursor>,
}

/// Counts the sessions of all rooms of a query.
pub(super) async fn count_rooms(
    reader: &Reader<'_>,
    query: &PageQuery,
) -> Result<Vec<RoomCounts>, ReadError> {
    let room_ids = &query.room_ids;
    let is_near_front = query.from <= MAX_ROWS_TO_SKIP;
    match (query.order, &room_ids[..]) {
        (Order::Desc, _)
            if is_near_front && is_opening_all_cheaper(room_ids.len(), window(query)) =>
        {
            let rows = rows_to_open(query);
            try_join_all(room_ids.iter().map(|room_id| open_newest(reader, room_id, rows))).await
        }
        // Oldest first, rows and tally are far apart and charged one by one: worth it for one room.
        (Order::Asc, [room_id]) if is_near_front => {
            let tallies = Tallies::read(reader, room_ids, vec![]);
            let open = RoomCursor::open(reader, room_id, rows_to_open(query));
            let (mut tallies, (head, _)) = match reader.consistency {
                Consistency::Eventual => try_join(tallies, open).await?,
                // The tally first: if it counts fewer sessions than exist, it is wrong or was read too
                // early, never too late.
                Consistency::Strong => (tallies.await?, open.await?),
            };
            Ok(vec![RoomCounts::new(reader, room_id, tallies.take(room_id), Some(head)).await?])
        }
        _ => {
            let predicted = reader
                .cache
                .map(|cache| cache.predict(query, reader.table.finest()))
                .unwrap_or_default();
            let mut tallies = Tallies::read(reader, room_ids, predicted).await?;
            let rooms = room_ids
                .iter()
                .map(|room_id| RoomCounts::new(reader, room_id, tallies.take(room_id), None));
            try_join_all(rooms.collect::<Vec<_>>()).await
        }
    }
}

/// Rows from the front to the end of the page.
fn window(query: &PageQuery) -> u64 {
    query.from.saturating_add(query.limit as u64).max(1)
}

/// Returns the number of first rows to read of each room: all that one room needs, of several rooms
/// twice their share.
fn rows_to_open(query: &PageQuery) -> usize {
    let window = window(query) as usize;
    match query.room_ids.len() {
        0 | 1 => window,
        rooms => (window.saturating_mul(2) / rooms).clamp(ROWS_WITH_TALLY.min(window), window),
    }
}

/// A room with its newest rows, and its tally from the same request.
async fn open_newest(
    reader: &Reader<'_>,
    room_id: &str,
    rows: usize,
) -> Result<RoomCounts, ReadError> {
    let (head, tally) = RoomCursor::open(reader, room_id, rows).await?;
    let tallied = tally.and_then(|item| Tallied::trusted(reader, room_id, item));
    RoomCounts::new(reader, room_id, tallied, Some(head)).await
}

/// The contents of a room's tally rows.
struct Tallied {
    months: Counts,
    room_tally: Item,
    tallies: BTreeMap<Bucket, Option<Item>>,
}

impl Tallied {
    /// Returns a room's tally if it can be used: it is complete, can be read, and did not turn out wrong
    /// before.
    fn trusted(reader: &Reader<'_>, room_id: &str, item: Item) -> Option<Self> {
        if reader.distrusted.contains(room_id) {
            return None;
        }
        match tally::read_room_tally(&item) {
            Ok(RoomTally { months, complete: true }) => {
                Some(Tallied { months, room_tally: item, tallies: BTreeMap::new() })
            }
            Ok(_) => None,
            Err(reason) => {
                reader.distrust(room_id, &reason);
                None
            }
        }
    }

    /// A month whose own tally counts sessions, while the room's counts none in it.
    fn disagreement(&self) -> Option<String> {
        let mut missing = self.tallies.iter().filter(|(month, _)| !self.months.contains_key(month));
        missing.find_map(|(month, item)| {
            let hours = tally::read_tally(*month, item.as_ref()?).ok()?;
            (!hours.is_empty())
                .then(|| format!("{month} has sessions by its hours, none by the room's tally"))
        })
    }
}

/// The tallies of rooms, by room.
struct Tallies(HashMap<String, Tallied>);

impl Tallies {
    /// Reads the rooms' tallies, and with them month tallies.
    async fn read(
        reader: &Reader<'_>,
        room_ids: &[String],
        month_tallies: Vec<RowKey>,
    ) -> Result<Self, ReadError> {
        let keys = room_ids.iter().map(RowKey::room_tally).chain(month_tallies);
        let rows = reader.table.get_rows(keys, reader.consistency).await?;
        let (months, rooms): (Vec<Item>, Vec<Item>) =
            rows.into_iter().partition(|item| tally::bucket_of_tally(item).is_some());
        let mut tallies = HashMap::with_capacity(rooms.len());
        for item in rooms {
            if let Some(RowKey { room_id, .. }) = RowKey::of_item(&item)
                && let Some(tallied) = Tallied::trusted(reader, &room_id, item)
            {
                tallies.insert(room_id, tallied);
            }
        }
        for item in months {
            if let (Some(key), Some(month)) =
                (RowKey::of_item(&item), tally::bucket_of_tally(&item))
                && let Some(room) = tallies.get_mut(&key.room_id)
            {
                room.tallies.insert(month, Some(item));
            }
        }
        Ok(Tallies(tallies))
    }

    fn take(&mut self, room_id: &str) -> Option<Tallied> {
        self.0.remove(room_id)
    }
}

impl RoomCounts {
    /// A room's counts from its tally; without one, from its sessions.
    async fn new(
        reader: &Reader<'_>,
        room_id: &str,
        tallied: Option<Tallied>,
        head: Option<RoomCursor>,
    ) -> Result<Self, ReadError> {
        let mut room = RoomCounts {
            room_id: room_id.to_owned(),
            counts: Counts::new(),
            room_tally: None,
            tallies: BTreeMap::new(),
            disagreement: None,
            head,
        };
        if let Some(tallied) = tallied {
            if let Some(cache) = reader.cache {
                cache.insert(room_id, &tallied.months);
            }
            room.disagreement = tallied.disagreement();
            room.counts = tallied.months;
            room.room_tally = Some(tallied.room_tally);
            room.tallies = tallied.tallies;
        } else if let Some(head) = room.head.as_ref().filter(|head| head.is_at_end()) {
            // A room this small is counted already.
            for row in head.rows() {
                bucket::count(&mut room.counts, row.key.month());
            }
        } else {
            let range = KeyRange::sessions();
            room.counts = count_keys(reader, room_id, &range, Level::Month).await?;
        }
        Ok(room)
    }

    /// All its past sessions.
    pub fn sessions(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Whether its counts come from a tally.
    pub fn is_tallied(&self) -> bool {
        self.room_tally.is_some()
    }

    /// The tally rows that its counts come from, as they were read.
    pub fn into_tally_rows(self) -> Vec<(RowKey, Option<Item>)> {
        let room_tally = (RowKey::room_tally(&*self.room_id), self.room_tally);
        let tallies = self.tallies.into_iter();
        let tallies = tallies.map(|(bucket, item)| (RowKey::tally(&*self.room_id, bucket), item));
        std::iter::once(room_tally).chain(tallies).collect()
    }
}

/// The sessions of a room in a range of keys, by bucket of a level, counted by walking their keys.
pub(super) async fn count_keys(
    reader: &Reader<'_>,
    room_id: &str,
    range: &KeyRange,
    level: Level,
) -> Result<Counts, ReadError> {
    let mut counts = Counts::new();
    let query = RowQuery::keys(room_id, range, reader.consistency);
    let visit = |item: Item| {
        let bucket = SessionKey::of_item(&item).and_then(|key| key.bucket(level));
        bucket.into_iter().for_each(|bucket| bucket::count(&mut counts, bucket));
    };
    reader.table.walk(query, visit).await?;
    Ok(counts)
}
