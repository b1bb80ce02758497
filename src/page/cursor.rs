//! One room's sessions from some point on, read forwards as they are needed.

use std::collections::VecDeque;
use std::fmt;

use super::error::ReadError;
use super::order::Order;
use super::reader::Reader;
use crate::table::bucket::{self, Bucket, Counts, Level};
use crate::table::keys::{KeyRange, RowKey, SessionKey};
use crate::table::rows::past_room::SessionRow;
use crate::table::schema::ROOM_TALLY;
use crate::table::{Consistency, Item, RowQuery};

/// About how many sessions fit into 4 KiB, the minimum charge of a read: fewer cost the same.
const ROWS_PER_UNIT: u64 = 10;

/// Maximum rows of one query, so that a long stretch to skip is not held in memory at once.
const MAX_READ_AHEAD: u64 = 500;

/// Maximum number of rows of one query that follows stray rows: more than fit into DynamoDB's 1 MB.
const MAX_BARREN_ROWS: u64 = 20_000;

/// A bucket with other rows than its count says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contradiction {
    pub bucket: Bucket,
    pub counted: u64,
    pub read: u64,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Contradiction { bucket, counted, read } = self;
        write!(formatter, "{bucket} has {counted} sessions by the tally, {read} by its rows")
    }
}

/// A cursor over a room's sessions in one order. Holds the rows that are read and not taken yet.
#[derive(Debug)]
pub(super) struct RoomCursor {
    pub room_id: String,
    order: Order,
    /// Keys of the sessions to read, from the cursor's initial lower bound on.
    range: KeyRange,
    rows: VecDeque<SessionRow>,
    /// The key after which to continue; `None`: nothing is read yet.
    after: Option<String>,
    at_end: bool,
    /// Sessions by bucket from the beginning on, by the room's counts.
    expected: Counts,
    /// The same, of the rows read so far.
    read: Counts,
    /// Sessions that the counts place between the beginning and the end of the page.
    in_window: u64,
    /// Rows to ask for at least, because the last query returned stray rows only.
    at_least: u64,
}

impl RoomCursor {
    /// A cursor that begins at `first_key`, nothing read yet.
    pub fn new(room_id: String, order: Order, first_key: String) -> Self {
        RoomCursor::with_range(room_id, order, order.sessions_from(first_key))
    }

    fn with_range(room_id: String, order: Order, range: KeyRange) -> Self {
        RoomCursor {
            room_id,
            order,
            range,
            rows: VecDeque::new(),
            after: None,
            at_end: false,
            expected: Counts::new(),
            read: Counts::new(),
            in_window: 0,
            at_least: 0,
        }
    }

    /// Returns a cursor at the front with its first `limit` rows read, and the room's tally if the same query
    /// returned it, which it does newest first.
    pub async fn open(
        reader: &Reader<'_>,
        room_id: &str,
        limit: usize,
    ) -> Result<(Self, Option<Item>), ReadError> {
        let range = KeyRange::sessions();
        let mut cursor = RoomCursor::with_range(room_id.to_owned(), reader.order, range);
        let mut range = cursor.range.clone();
        let mut limit = limit;
        if reader.order == Order::Desc {
            range.high = ROOM_TALLY.to_owned();
            limit = limit.saturating_add(1);
        }
        let query = cursor.query(&range, limit, reader.consistency);
        let page = reader.table.query(query).await?;
        let is_tally =
            |item: &Item| RowKey::of_item(item).is_some_and(|key| key.sort_key == ROOM_TALLY);
        let mut items = page.items.into_iter().peekable();
        let tally = items.next_if(is_tally);
        cursor.push_page(items, page.next);
        Ok((cursor, tally))
    }

    /// Sets the sessions that the counts expect: by bucket from the beginning on, and their number up
    /// to the end of the page.
    pub fn expect(&mut self, expected: Counts, in_window: u64) {
        self.expected = expected;
        self.in_window = in_window;
        for row in &self.rows {
            bucket::count(&mut self.read, bucket_of(&self.expected, &row.key));
        }
    }

    /// Whether all the room's sessions from the beginning on are read.
    pub fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// Returns the rows that are read and not taken yet.
    pub fn rows(&self) -> impl Iterator<Item = &SessionRow> {
        self.rows.iter()
    }

    /// Takes the next row, if it is read.
    pub fn take_row(&mut self) -> Option<SessionRow> {
        self.rows.pop_front()
    }

    /// Lower bound on the next unread key. `None`: all rows are read.
    pub fn lower_bound(&self) -> Option<String> {
        if self.at_end {
            return None;
        }
        Some(self.after.clone().unwrap_or_else(|| match self.order {
            Order::Asc => self.range.low.clone(),
            Order::Desc => self.range.high.clone(),
        }))
    }

    /// Sessions before the end of the page that are not read yet, by the counts.
    pub fn unread_in_window(&self) -> u64 {
        self.in_window.saturating_sub(self.read.values().sum())
    }

    /// Reads more. `needed` rows complete the page if all of them are this room's; `in_window` is
    /// what the counts expect of all the rooms that are read now.
    pub async fn fetch_more(
        &mut self,
        reader: &Reader<'_>,
        needed: u64,
        in_window: u64,
    ) -> Result<(), ReadError> {
        let limit = self.rows_to_ask_for(needed, in_window).max(self.at_least);
        let query = self.query(&self.range, limit as usize, reader.consistency);
        let page = reader.table.query(query).await?;
        let held = self.rows.len();
        self.push_page(page.items.into_iter(), page.next);
        // Stray rows are passed in longer and longer steps.
        let is_barren = self.rows.len() == held;
        self.at_least = if is_barren { (2 * limit).min(MAX_BARREN_ROWS) } else { 0 };
        for row in self.rows.iter().skip(held) {
            bucket::count(&mut self.read, bucket_of(&self.expected, &row.key));
        }
        Ok(())
    }

    /// The query of at most `limit` rows of a range, behind those that are read.
    fn query<'a>(
        &'a self,
        range: &'a KeyRange,
        limit: usize,
        consistency: Consistency,
    ) -> RowQuery<'a> {
        RowQuery {
            ascending: self.order.is_ascending(),
            after: self.after.as_deref(),
            limit: Some(limit),
            ..RowQuery::rows(&self.room_id, range, consistency)
        }
    }

    /// Returns the number of rows to ask for: the room's likely share of the rows needed, generously,
    /// because a query is charged for at least [`ROWS_PER_UNIT`] rows, and asking again takes a round trip.
    ///
    /// The maximum is what the counts place before the end of the page, and two more: one shows that no more
    /// exist, and one may have been recorded meanwhile. A room that is asked again is asked for all of them.
    fn rows_to_ask_for(&self, needed: u64, in_window: u64) -> u64 {
        let needed = needed.clamp(1, MAX_READ_AHEAD);
        let unread = self.unread_in_window();
        let is_miscounted = self.in_window == 0 || self.read.values().sum::<u64>() > self.in_window;
        let likely = if is_miscounted {
            needed
        } else if self.after.is_some() {
            (unread + 2).max(ROWS_PER_UNIT)
        } else {
            let share = needed * unread / in_window.max(1);
            (share + share / 2 + ROWS_PER_UNIT / 2).max(ROWS_PER_UNIT).min(unread + 2)
        };
        likely.min(needed)
    }

    pub(super) fn push_page(&mut self, items: impl Iterator<Item = Item>, next: Option<String>) {
        self.rows.extend(items.filter_map(SessionRow::from_item));
        self.at_end = next.is_none();
        // A key outside the range (of another writer's row between the sessions and the tally) is
        // no place to continue from.
        self.after = next.filter(|key| self.range.contains(key)).or(self.after.take());
    }

    /// Returns how the rows contradict the counts. `None`: they agree as far as the rows were read.
    pub fn contradiction(&self) -> Option<Contradiction> {
        for (bucket, counted) in self.order.iterate(self.expected.iter()) {
            let (bucket, counted) = (*bucket, *counted);
            let read = self.read.get(&bucket).copied().unwrap_or_default();
            if read > counted || (read < counted && self.is_complete(bucket)) {
                return Some(Contradiction { bucket, counted, read });
            }
            if read < counted {
                // No row of a later bucket is read.
                break;
            }
        }
        let mut uncounted =
            self.read.iter().filter(|(bucket, _)| !self.expected.contains_key(*bucket));
        let (bucket, read) = uncounted.next()?;
        Some(Contradiction { bucket: *bucket, counted: 0, read: *read })
    }

    /// Whether all rows of a bucket are read.
    fn is_complete(&self, bucket: Bucket) -> bool {
        let last = self.order.last_key(bucket);
        let is_passed = |after: &String| self.order.compare(&last, after).is_le();
        self.at_end || self.after.as_ref().is_some_and(is_passed)
    }
}

/// The bucket that counts a session: its month, or in a refined month its hour, or in a refined hour its
/// minute.
fn bucket_of(expected: &Counts, key: &SessionKey) -> Bucket {
    let (month, hour) = (key.month(), key.hour());
    if expected.contains_key(&month) {
        return month;
    }
    let next = expected.range(hour..).next();
    let is_refined = next.is_some_and(|(next, _)| *next != hour && hour.contains(*next));
    key.bucket(Level::Minute).filter(|_| is_refined).unwrap_or(hour)
}

#[cfg(test)]
#[path = "cursor_tests.rs"]
mod tests;
