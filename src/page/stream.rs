//! One room's sessions from some point on, read as they are needed.

use std::collections::VecDeque;

use super::ReadError;
use super::reader::{Direction, ROWS_PER_UNIT, Reader};
use crate::table::Item;
use crate::table::schema::{KeyRange, SORT_KEY, text};
use crate::table::session::SessionRow;
use crate::table::tally::{ROOM_TALLY, bucket_end};

/// Rows that one query asks for at the most, so that a long stretch to skip is not held in memory at once.
const MAX_READ_AHEAD: u64 = 500;

/// A room's sessions, in one direction. Holds what is read and not taken yet.
#[derive(Debug)]
pub(super) struct Stream {
    pub room_id: String,
    direction: Direction,
    range: KeyRange,
    rows: VecDeque<SessionRow>,
    /// The key behind which to go on.
    after: Option<String>,
    at_end: bool,
    /// Sessions read so far.
    read: u64,
    /// How many sessions there are, bucket by bucket, in this direction.
    buckets: Vec<(String, u64)>,
    /// Sessions that the counts place between the start and the last bucket of the page.
    in_window: u64,
}

/// The edge of a bucket that comes first in a direction.
fn near_edge(bucket: &str, direction: Direction) -> String {
    match direction {
        Direction::Ascending => bucket.to_owned(),
        Direction::Descending => bucket_end(bucket),
    }
}

/// The edge of a bucket that comes last in a direction.
pub(super) fn far_edge(bucket: &str, direction: Direction) -> String {
    match direction {
        Direction::Ascending => bucket_end(bucket),
        Direction::Descending => bucket.to_owned(),
    }
}

impl Stream {
    /// A stream from the near edge of a bucket on, nothing read yet; `None`: from the front.
    pub fn from_bucket(room_id: String, direction: Direction, bucket: Option<&str>) -> Self {
        let mut range = KeyRange::sessions();
        if let Some(bucket) = bucket {
            let edge = near_edge(bucket, direction);
            match direction {
                Direction::Ascending => range.low = edge,
                Direction::Descending => range.high = edge,
            }
        }
        Stream {
            room_id,
            direction,
            range,
            rows: VecDeque::new(),
            after: None,
            at_end: false,
            read: 0,
            buckets: Vec::new(),
            in_window: 0,
        }
    }

    /// A stream from the front with its first `limit` rows read, and the room's tally, if it was on the way: it is
    /// when the direction is descending.
    pub async fn open(
        reader: &Reader<'_>,
        room_id: &str,
        direction: Direction,
        limit: usize,
    ) -> Result<(Self, Option<Item>), ReadError> {
        let mut stream = Stream::from_bucket(room_id.to_owned(), direction, None);
        let mut range = stream.range.clone();
        let mut limit = limit;
        if direction == Direction::Descending {
            range.high = ROOM_TALLY.to_owned();
            limit += 1;
        }
        let page = reader.rows(room_id, &range, direction, None, limit).await?;
        let mut items = page.items.into_iter().peekable();
        let tally = items.next_if(is_room_tally);
        stream.take_in(items, page.next);
        Ok((stream, tally))
    }

    /// Says what the counts know of the room: how many sessions in which bucket from the start of the stream on, and
    /// how many of them can be on the page or before it.
    pub fn with_counts(mut self, buckets: Vec<(String, u64)>, in_window: u64) -> Self {
        self.buckets = buckets;
        self.in_window = in_window;
        self
    }

    /// Whether all the room's sessions are read.
    pub fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// What is read and not taken yet.
    pub fn rows(&self) -> impl Iterator<Item = &SessionRow> {
        self.rows.iter()
    }

    pub fn take_row(&mut self) -> Option<SessionRow> {
        self.rows.pop_front()
    }

    /// A key that no row still to be read comes before. `None`: there are no more, by the counts or by the table.
    pub fn bound(&self) -> Option<String> {
        if self.at_end {
            return None;
        }
        let mut counted = 0;
        let (bucket, _) = self.buckets.iter().find(|(_, count)| {
            counted += count;
            counted > self.read
        })?;
        let edge = near_edge(bucket, self.direction);
        Some(match &self.after {
            Some(after) if self.direction.compare(after, &edge).is_gt() => after.clone(),
            _ => edge,
        })
    }

    /// Sessions before the end of the page's last bucket that are not read yet.
    pub fn unread_in_window(&self) -> u64 {
        self.in_window.saturating_sub(self.read)
    }

    /// Reads on. `needed` rows complete the page, if all of them are this room's; `in_window` is what the counts
    /// expect of all the rooms that are read now.
    pub async fn read_on(
        &mut self,
        reader: &Reader<'_>,
        needed: u64,
        in_window: u64,
    ) -> Result<(), ReadError> {
        let limit = self.rows_to_ask_for(needed, in_window);
        let after = self.after.as_deref();
        let page = reader
            .rows(
                &self.room_id,
                &self.range,
                self.direction,
                after,
                limit as usize,
            )
            .await?;
        self.take_in(page.items.into_iter(), page.next);
        Ok(())
    }

    /// The room's likely share of the rows needed, generously: a query is charged at least the price of
    /// [`ROWS_PER_UNIT`] rows, and asking again takes a round trip.
    fn rows_to_ask_for(&self, needed: u64, in_window: u64) -> u64 {
        let needed = needed.clamp(1, MAX_READ_AHEAD);
        let unread = self.unread_in_window();
        if unread == 0 || self.read > 0 {
            return needed;
        }
        let share = needed * unread / in_window.max(1);
        (share + share / 2 + ROWS_PER_UNIT as u64 / 2)
            .max(ROWS_PER_UNIT as u64)
            .min(needed)
            .min(unread)
    }

    fn take_in(&mut self, items: impl Iterator<Item = Item>, next: Option<String>) {
        let held = self.rows.len();
        self.rows.extend(items.filter_map(SessionRow::from_item));
        self.read += (self.rows.len() - held) as u64;
        self.at_end = next.is_none();
        // A key outside the range (of a foreign row between sessions and tally) is no place to go on from.
        self.after = next.filter(|key| *key >= self.range.low && *key <= self.range.high);
    }
}

fn is_room_tally(item: &Item) -> bool {
    text(item, SORT_KEY) == Some(ROOM_TALLY)
}
