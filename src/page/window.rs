//! Step 2: from where to read, so that few rows are to be skipped.
//!
//! The counts of all rooms, added up in the requested order, give every bucket's boundaries an exact rank. A page that
//! begins at `from` and ends before `end` lies between two of them. It is read from the nearer one: forwards from the
//! boundary before it, or backwards from the boundary behind it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Attempt;
use super::reader::{Direction, Reader};
use super::stream::Stream;
use super::survey::{self, RoomSurvey};
use crate::table::MAX_IN_FLIGHT;

/// Rows that may be skipped rather than ask for the hours of a month, a room and at the least: they fit into what each
/// of the queries is charged for anyway, or add no more than the month's tally would.
const ROWS_TO_SKIP_A_ROOM: u64 = 5;
const ROWS_TO_SKIP: u64 = 10;

/// From where to read, in which direction, how much to skip and how much to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// Whether to read against the requested order.
    pub reversed: bool,
    /// The first bucket to read, in reading direction; `None`: from the very front.
    first: Option<String>,
    /// The last bucket in which the page can have a row; `None`: not known.
    last: Option<String>,
    /// Rows to drop before the page.
    pub skip: u64,
    /// Rows of the page.
    pub take: usize,
}

/// Where a page lies among the buckets, in the requested order.
#[derive(Debug, PartialEq, Eq)]
struct Window<'a> {
    /// The bucket of the page's first row, and the rows between the bucket's beginning and it.
    first: &'a str,
    before: u64,
    /// The bucket of the page's last row, and the rows between it and the bucket's end.
    last: &'a str,
    after: u64,
}

/// Finds the page `page` among the buckets, which come in the requested order. `None`: it reaches beyond them.
fn find<'a>(
    buckets: impl Iterator<Item = (&'a str, u64)>,
    page: &Range<u64>,
) -> Option<Window<'a>> {
    let mut rank = 0;
    let mut start = None;
    for (bucket, count) in buckets {
        let end = rank + count;
        if start.is_none() && page.start < end {
            start = Some((bucket, page.start - rank));
        }
        if let Some((first, before)) = start.filter(|_| page.end <= end) {
            return Some(Window {
                first,
                before,
                last: bucket,
                after: end - page.end,
            });
        }
        rank = end;
    }
    None
}

/// Plans how to read the page `page` (ranks; not empty, and not beyond the total), asking for the hours of its months
/// if the months alone leave too much to skip.
pub(super) async fn locate(
    reader: &Reader<'_>,
    surveys: &mut [RoomSurvey],
    page: Range<u64>,
    limit: usize,
) -> Result<Plan, Attempt> {
    let plan = Plan::new(reader, surveys, &page);
    match plan.months_to_refine(reader, surveys, limit) {
        Some((first, last)) => {
            survey::refine(reader, surveys, first, last).await?;
            Ok(Plan::new(reader, surveys, &page))
        }
        None => Ok(plan),
    }
}

impl Plan {
    /// Reads from the front of the order, where the first rows are there already.
    pub fn from_the_front(from: u64, end: u64) -> Self {
        Plan {
            reversed: false,
            first: None,
            last: None,
            skip: from,
            take: (end - from) as usize,
        }
    }

    /// The months, first and last, whose hours are worth asking for, because they leave too much to skip or too many
    /// rooms to read.
    pub fn months_to_refine(
        &self,
        reader: &Reader<'_>,
        surveys: &[RoomSurvey],
        limit: usize,
    ) -> Option<(&str, &str)> {
        let rooms = surveys
            .iter()
            .filter(|room| self.rows_of(reader, room) > 0)
            .count();
        let skippable = ROWS_TO_SKIP.max(ROWS_TO_SKIP_A_ROOM * rooms.min(limit) as u64);
        if rooms <= MAX_IN_FLIGHT && self.skip <= skippable {
            return None;
        }
        let (one, other) = (self.first.as_deref()?, self.last.as_deref()?);
        Some((one.min(other), one.max(other)))
    }

    pub fn new(reader: &Reader<'_>, surveys: &[RoomSurvey], page: &Range<u64>) -> Self {
        let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
        for (bucket, count) in surveys.iter().flat_map(|room| &room.counts) {
            *totals.entry(bucket).or_default() += count;
        }
        let totals = totals.into_iter();
        let window = match Direction::of(reader.order, false) {
            Direction::Ascending => find(totals, page),
            Direction::Descending => find(totals.rev(), page),
        };
        let Some(window) = window else {
            return Plan::from_the_front(page.start, page.end);
        };
        let reversed = window.after < window.before;
        let (first, last, skip) = if reversed {
            (window.last, window.first, window.after)
        } else {
            (window.first, window.last, window.before)
        };
        Plan {
            reversed,
            first: Some(first.to_owned()),
            last: Some(last.to_owned()),
            skip,
            take: (page.end - page.start) as usize,
        }
    }

    pub fn direction(&self, reader: &Reader<'_>) -> Direction {
        Direction::of(reader.order, self.reversed)
    }

    /// Rows to read before the page is whole.
    pub fn rows(&self) -> u64 {
        self.skip + self.take as u64
    }

    /// A room's rows from the first bucket to the last.
    fn rows_of(&self, reader: &Reader<'_>, room: &RoomSurvey) -> u64 {
        let direction = self.direction(reader);
        room.counts
            .iter()
            .filter(|(bucket, _)| {
                !self.is_before(direction, bucket) && !self.is_behind(direction, bucket)
            })
            .map(|(_, count)| count)
            .sum()
    }

    fn is_before(&self, direction: Direction, bucket: &str) -> bool {
        let first = self.first.as_deref();
        first.is_some_and(|first| direction.compare(bucket, first).is_lt())
    }

    fn is_behind(&self, direction: Direction, bucket: &str) -> bool {
        let last = self.last.as_deref();
        last.is_some_and(|last| direction.compare(bucket, last).is_gt())
    }

    /// The rooms' streams from the first bucket on. Those opened already go on where they are.
    pub fn streams(&self, reader: &Reader<'_>, surveys: Vec<RoomSurvey>) -> Vec<Stream> {
        let direction = self.direction(reader);
        let mut streams = Vec::with_capacity(surveys.len());
        for room in surveys {
            let in_window = self.rows_of(reader, &room);
            let mut buckets: Vec<_> = room
                .counts
                .into_iter()
                .filter(|(bucket, _)| !self.is_before(direction, bucket))
                .collect();
            if direction == Direction::Descending {
                buckets.reverse();
            }
            if buckets.is_empty() {
                continue;
            }
            let stream = match room.opened {
                // What was read along from the front is of no use elsewhere.
                Some(opened) if self.first.is_none() => opened,
                _ => Stream::from_bucket(room.room_id, direction, self.first.as_deref()),
            };
            streams.push(stream.with_counts(buckets, in_window));
        }
        streams
    }

    /// Whether a row that cannot come before `key` is beyond the page, by all that is counted.
    pub fn is_beyond(&self, reader: &Reader<'_>, key: &str) -> bool {
        let direction = self.direction(reader);
        self.last.as_deref().is_some_and(|last| {
            let end = super::stream::far_edge(last, direction);
            direction.compare(key, &end).is_gt()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKETS: [(&str, u64); 3] = [("2026-03", 10), ("2026-02", 5), ("2026-01", 20)];

    fn found(page: Range<u64>) -> Option<(&'static str, u64, &'static str, u64)> {
        find(BUCKETS.into_iter(), &page)
            .map(|window| (window.first, window.before, window.last, window.after))
    }

    #[test]
    fn a_page_lies_between_two_boundaries() {
        assert_eq!(found(0..10), Some(("2026-03", 0, "2026-03", 0)));
        assert_eq!(found(9..11), Some(("2026-03", 9, "2026-02", 4)));
        assert_eq!(found(10..15), Some(("2026-02", 0, "2026-02", 0)));
        assert_eq!(found(0..35), Some(("2026-03", 0, "2026-01", 0)));
        assert_eq!(found(34..35), Some(("2026-01", 19, "2026-01", 0)));
        assert_eq!(found(34..36), None);
    }
}
