//! Step 2: where to begin reading, so that few rows are skipped. Pure arithmetic: counts, order
//! and ranks in, plan out.
//!
//! The counts of all rooms, added up in the requested order, give every bucket's boundary an exact
//! rank. A page that begins at `from` is read forwards from the last boundary before it. The counts
//! tell the rank of that boundary and which rooms can have a row, never where rows end: the table
//! says that when they are read.

use std::collections::BTreeMap;

use super::order::Order;
use crate::table::bucket::{Bucket, Counts};

/// Rows that may be skipped rather than ask for the hours of a month, for each room and in all:
/// they fit into what each query is charged for anyway, or add no more than the month's tally.
const ROWS_TO_SKIP_PER_ROOM: u64 = 5;
const ROWS_TO_SKIP: u64 = 10;
/// Rooms that count for this: with more of them, their rows may all be of a few, which then have to
/// be read again and again.
const ROOMS_TO_SKIP_IN: usize = 20;

/// What a page makes its client wait for, in microseconds at 256 MB of memory, where a function has
/// a seventh of a processor: rounded from what `.ci/processor` shows. Only their proportions matter.
///
/// A query of some of a room's rows, mostly the work of sending it.
const QUERY: u64 = 700;
/// One of the tallies that a `BatchGetItem` asks for, which is mostly reading its counts.
const TALLY: u64 = 60;
/// A round trip: a `BatchGetItem`, and some milliseconds until it is answered.
const ROUND_TRIP: u64 = 4_000 + QUERY;

/// Whether it is better to read the first rows of every one of so many rooms along with its tally
/// than to find out by tallies which of them have one of the first `rows` rows.
pub fn is_opening_all_cheaper(rooms: usize, rows: u64) -> bool {
    let rooms = rooms as u64;
    rooms.saturating_sub(rows) * QUERY <= 2 * (ROUND_TRIP + rooms * TALLY)
}

/// Where to begin reading, and how many rows to skip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    order: Order,
    /// The bucket to begin with; `None`: at the front.
    first: Option<Bucket>,
    /// The bucket in which the page ends, by the counts; `None`: not known.
    last: Option<Bucket>,
    /// Rows to drop before the page.
    pub skip: u64,
}

impl Plan {
    /// Reads from the front of the order, where every room's first rows were read already.
    pub fn from_the_front(order: Order, from: u64) -> Self {
        Plan { order, first: None, last: None, skip: from }
    }

    /// The plan for the `limit` sessions from rank `from` on, given each room's counts. `None`: by
    /// the counts there is no session of that rank.
    ///
    /// Buckets of different rooms are the same or do not overlap.
    pub fn new<'a>(
        order: Order,
        rooms: impl IntoIterator<Item = &'a Counts>,
        from: u64,
        limit: usize,
    ) -> Option<Self> {
        let mut totals: BTreeMap<&Bucket, u64> = BTreeMap::new();
        for (bucket, count) in rooms.into_iter().flatten() {
            *totals.entry(bucket).or_default() += count;
        }
        let page_end = from.saturating_add(limit as u64);
        let mut rank = 0;
        let mut plan: Option<Plan> = None;
        for (bucket, count) in order.iterate(totals.into_iter()) {
            let end = rank + count;
            if plan.is_none() && from < end {
                let first = Some(bucket.clone());
                plan = Some(Plan { order, first, last: None, skip: from - rank });
            }
            if let Some(plan) = &mut plan {
                plan.last = Some(bucket.clone());
                if page_end <= end {
                    break;
                }
            }
            rank = end;
        }
        plan
    }

    /// The first key at which a room can have a row of the plan: that of its first bucket with
    /// sessions. `None`: by the counts it has no row there.
    pub fn first_key(&self, counts: &Counts) -> Option<String> {
        let mut buckets = self.order.iterate(counts.keys());
        let bucket = buckets.find(|bucket| !self.is_before_first(bucket))?;
        Some(self.order.first_key(bucket))
    }

    /// The part of a room's counts from the plan's first bucket on.
    pub fn counts_from_first(&self, mut counts: Counts) -> Counts {
        counts.retain(|bucket, _| !self.is_before_first(bucket));
        counts
    }

    /// A room's sessions from the plan's first bucket to its last.
    pub fn sessions_in_window(&self, counts: &Counts) -> u64 {
        let in_window = |bucket: &Bucket| {
            !self.is_before_first(bucket)
                && self.last.as_ref().is_none_or(|last| self.order.compare(bucket, last).is_le())
        };
        counts.iter().filter(|(bucket, _)| in_window(bucket)).map(|(_, count)| count).sum()
    }

    /// Whether a row that cannot come before `key` is beyond the page, by the counts.
    pub fn is_beyond(&self, key: &str) -> bool {
        self.last
            .as_ref()
            .is_some_and(|last| self.order.compare(key, &*self.order.last_key(last)).is_gt())
    }

    /// The month whose hours are worth asking for, because it leaves too much to skip, or too many
    /// rooms to read.
    ///
    /// A page that spans two months is narrowed down for the first row's sake only: the hours of both
    /// cost as many read units as the rows of all rooms.
    pub fn month_to_refine<'a>(
        &self,
        rooms: impl IntoIterator<Item = &'a Counts>,
        limit: usize,
    ) -> Option<Bucket> {
        let first = self.first.as_ref().filter(|first| first.is_refinable())?;
        let rooms = rooms.into_iter().filter(|counts| self.sessions_in_window(counts) > 0).count();
        let skippable =
            ROWS_TO_SKIP.max(ROWS_TO_SKIP_PER_ROOM * rooms.min(limit).min(ROOMS_TO_SKIP_IN) as u64);
        // By the hours hardly anything is left to skip, and no more rooms have to be read than rows.
        let spared = (rooms as u64).saturating_sub(limit as u64);
        let too_many_rooms = spared * QUERY > ROUND_TRIP + rooms as u64 * TALLY;
        let is_worth_it =
            self.skip > skippable || (too_many_rooms && self.last.as_ref() == Some(first));
        is_worth_it.then(|| first.clone())
    }

    fn is_before_first(&self, bucket: &Bucket) -> bool {
        self.first.as_ref().is_some_and(|first| self.order.compare(bucket, first).is_lt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(buckets: &[(&str, u64)]) -> Counts {
        buckets.iter().map(|(prefix, count)| (Bucket::new(*prefix), *count)).collect()
    }

    fn refined(rooms: &[Counts], from: u64, limit: usize) -> Vec<String> {
        let plan = Plan::new(Order::Asc, rooms, from, limit).expect("a session of that rank");
        let month = plan.month_to_refine(rooms, limit);
        month.iter().map(|month| month.prefix().to_owned()).collect()
    }

    #[test]
    fn hours_are_asked_for_only_if_that_saves_rows() {
        let room = [counts(&[("2026-10", 100), ("2026-11", 100)])];
        assert_eq!(refined(&room, 10, 20), [""; 0]);
        assert_eq!(refined(&room, 11, 20), ["2026-10"]);
        assert_eq!(refined(&room, 110, 20), [""; 0]);
        assert_eq!(refined(&room, 111, 20), ["2026-11"]);
        // An hour cannot be divided.
        assert_eq!(refined(&[counts(&[("2026-10-01T00", 100)])], 50, 20), [""; 0]);
    }

    #[test]
    fn more_rooms_may_skip_more_rows_but_no_more_than_the_page_has() {
        let rooms = vec![counts(&[("2026-10", 100)]); 4];
        assert_eq!(refined(&rooms, 20, 20), [""; 0]);
        assert_eq!(refined(&rooms, 21, 20), ["2026-10"]);
        // Of three sessions, no more than three rooms can have one.
        assert_eq!(refined(&rooms, 15, 3), [""; 0]);
        assert_eq!(refined(&rooms, 16, 3), ["2026-10"]);
        // Rooms without a session there do not count.
        let far = vec![counts(&[("2026-12", 1)]); 4];
        assert_eq!(refined(&[rooms, far].concat(), 21, 20), ["2026-10"]);
    }

    #[test]
    fn many_more_rooms_than_rows_are_narrowed_down_by_hours() {
        let rooms = |rooms| vec![counts(&[("2026-10", 1), ("2026-11", 1)]); rooms];
        // Each room more than rows takes 700 µs, the tallies 4700 µs and 60 µs a room.
        assert_eq!(refined(&rooms(25), 0, 20), [""; 0]);
        assert_eq!(refined(&rooms(29), 0, 20), [""; 0]);
        assert_eq!(refined(&rooms(30), 0, 20), ["2026-10"]);
        assert_eq!(refined(&rooms(40), 0, 20), ["2026-10"]);
        assert_eq!(refined(&rooms(15), 0, 7), [""; 0]);
        assert_eq!(refined(&rooms(100), 0, 20), ["2026-10"]);
        // The hours of two months cost more than the rows of all rooms, unless there are too many to skip.
        assert_eq!(refined(&rooms(100), 90, 20), [""; 0]);
        let rooms = |rooms| vec![counts(&[("2026-10", 2), ("2026-11", 1)]); rooms];
        assert_eq!(refined(&rooms(100), 190, 20), ["2026-10"]);
        // A page of a hundred rows may have one of every room.
        assert_eq!(refined(&rooms(100), 0, 100), [""; 0]);
    }

    #[test]
    fn rooms_are_opened_one_by_one_unless_there_are_many_more_than_rows() {
        // 700 µs for every room more than rows, or two round trips of 4700 µs and 60 µs a room.
        for (rooms, rows, all) in [
            (1, 20, true),
            (17, 1, true),
            (18, 1, false),
            (20, 20, true),
            (40, 20, true),
            (41, 20, false),
            (100, 20, false),
            (50, 28, true),
            (100, 100, true),
            (136, 100, true),
            (137, 100, false),
            (1000, 100, false),
        ] {
            assert_eq!(is_opening_all_cheaper(rooms, rows), all, "{rooms} rooms, {rows} rows");
        }
    }

    #[test]
    fn a_plan_knows_a_rooms_sessions_up_to_the_end_of_the_page() {
        let room = counts(&[("2026-10", 5), ("2026-11", 6), ("2026-12", 7)]);
        let plan = Plan::new(Order::Asc, [&room], 7, 2).expect("a plan");
        assert_eq!((plan.skip, plan.sessions_in_window(&room)), (2, 6));
        assert_eq!(plan.counts_from_first(room.clone()), counts(&[("2026-11", 6), ("2026-12", 7)]));
        assert_eq!(plan.first_key(&room).as_deref(), Some("2026-11"));
        assert!(!plan.is_beyond("2026-11-30T23") && plan.is_beyond("2026-12"));
        // The page ends where the month ends.
        let plan = Plan::new(Order::Asc, [&room], 5, 6).expect("a plan");
        assert_eq!((plan.skip, plan.sessions_in_window(&room)), (0, 6));
        // From the front everything may be on the page.
        let plan = Plan::from_the_front(Order::Desc, 3);
        assert_eq!((plan.skip, plan.sessions_in_window(&room)), (3, 18));
        assert_eq!(plan.counts_from_first(room.clone()), room);
        assert!(!plan.is_beyond("0"));
    }
}
