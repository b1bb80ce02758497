//! Step 2: where to begin reading, so that few rows are skipped. Pure arithmetic: counts, order
//! and ranks in, plan out.
//!
//! The counts of all rooms, added up in the requested order, give every bucket's boundary an exact
//! rank. A page that begins at `from` is read forwards from the last boundary at or before it. The
//! counts tell the rank of that boundary and which rooms can have a row. They never tell where a room's
//! rows end: only reading the table does.

use std::ops::Bound;

use super::order::Order;
use crate::table::bucket::{Bucket, Counts, Level};

/// Maximum number of rows to skip before a finer tally is read: `ROWS_TO_SKIP_PER_ROOM` for each
/// room to read, but at least `ROWS_TO_SKIP`. So few rows either fit into the read units that each query
/// is charged anyway, or cost no more than the finer tally.
const ROWS_TO_SKIP_PER_ROOM: u64 = 5;
const ROWS_TO_SKIP: u64 = 10;
/// Maximum number of rooms that count for `ROWS_TO_SKIP_PER_ROOM`. If more did, the rows to skip might all belong
/// to a few rooms, and each would have to be queried several times.
const ROOMS_TO_SKIP_IN: usize = 20;

// The three constants below are how long each part of reading a page takes, in microseconds, in a Lambda
// function with 256 MB of memory (a seventh of a processor), rounded from its benchmark. Only their
// proportions matter.

/// One query for some of a room's rows: mostly the processor time to send it.
const QUERY: u64 = 700;
/// One tally in the answer to a `BatchGetItem`: mostly the processor time to parse its counts.
const TALLY: u64 = 60;
/// A round trip: sending one `BatchGetItem`, and waiting 4 ms for its answer.
const ROUND_TRIP: u64 = 4_000 + QUERY;

/// Returns whether reading the first rows of all `rooms` rooms together with their tallies costs at most
/// as much as reading the tallies first, and then only the rooms that have one of the first `rows` rows.
/// The latter saves queries, but takes two more round trips.
pub fn is_opening_all_cheaper(rooms: usize, rows: u64) -> bool {
    let rooms = rooms as u64;
    rooms.saturating_sub(rows) * QUERY <= 2 * (ROUND_TRIP + rooms * TALLY)
}

/// The start of reading, and the number of rows to skip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    order: Order,
    /// The bucket to begin with; `None`: at the front.
    first: Option<Bucket>,
    /// The bucket in which the page ends, by the counts; `None`: not known.
    last: Option<Bucket>,
    /// The last key that `last` can have, in the requested order.
    last_key: Option<String>,
    /// Rows to drop before the page.
    pub skip: u64,
}

/// One room's part of a plan.
#[derive(Debug, PartialEq, Eq)]
pub struct RoomPlan {
    /// The first possible key in the first bucket, from the plan's first on, in which the room has sessions
    /// by the counts. It can lie beyond the page. `None`: no such bucket exists.
    pub first_key: Option<String>,
    /// Its sessions by bucket, from the plan's first bucket on.
    pub expected: Counts,
    /// Its sessions from the plan's first bucket to the one in which the page ends.
    pub in_window: u64,
}

impl Plan {
    /// Returns the plan that begins at the front of the order, for pages whose rooms' first rows were read
    /// along with the tallies.
    pub fn from_the_front(order: Order, from: u64) -> Self {
        Plan { order, first: None, last: None, last_key: None, skip: from }
    }

    /// Returns the plan for the `limit` sessions from rank `from` on, given each room's counts. `None`: by
    /// the counts no session has that rank.
    ///
    /// Any two buckets, of any rooms, must be equal or disjoint: if one room's month is replaced by
    /// its hours, so must be that month in all others.
    pub fn new<'a>(
        order: Order,
        rooms: impl IntoIterator<Item = &'a Counts>,
        from: u64,
        limit: usize,
    ) -> Option<Self> {
        let mut totals = Counts::new();
        for (bucket, count) in rooms.into_iter().flatten() {
            *totals.entry(*bucket).or_default() += count;
        }
        let page_end = from.saturating_add(limit as u64);
        let mut rank = 0;
        let mut found = None;
        for (bucket, count) in order.iterate(totals.into_iter()) {
            let end = rank + count;
            if from < end {
                let (first, _, skip) = found.unwrap_or_else(|| (bucket, bucket, from - rank));
                found = Some((first, bucket, skip));
                if page_end <= end {
                    break;
                }
            }
            rank = end;
        }
        let (first, last, skip) = found?;
        let last_key = Some(order.last_key(last));
        Some(Plan { order, first: Some(first), last: Some(last), last_key, skip })
    }

    /// Returns the part that a room with these counts has in the plan.
    pub fn of_room(&self, counts: Counts) -> RoomPlan {
        let mut expected = counts;
        if let Some(first) = &self.first {
            match self.order {
                Order::Asc => expected = expected.split_off(first),
                Order::Desc => {
                    let after_first = (Bound::Excluded(*first), Bound::Unbounded);
                    if let Some((next, _)) = expected.range(after_first).next() {
                        let next = *next;
                        drop(expected.split_off(&next));
                    }
                }
            }
        }
        let first_key = self.order.iterate(expected.keys()).next();
        RoomPlan {
            first_key: first_key.map(|bucket| self.order.first_key(*bucket)),
            in_window: expected.range(self.window()).map(|(_, count)| count).sum(),
            expected,
        }
    }

    /// Returns whether `key`, and so every row at or after it, comes after the bucket in which the page ends
    /// by the counts. False if that bucket is not known.
    pub fn is_beyond(&self, key: &str) -> bool {
        self.last_key.as_ref().is_some_and(|last| self.order.compare(key, &**last).is_gt())
    }

    /// Returns the plan's first bucket if reading its finer tallies is worth it: because too many rows
    /// would be skipped, or too many rooms read. A bucket of the level `finest` has no finer tallies.
    ///
    /// If the page spans several buckets, the number of rooms does not matter. To leave out rooms, the finer
    /// tallies of all those buckets would be needed, which cost as much as reading the rows of all rooms.
    pub fn bucket_to_refine<'a>(
        &self,
        rooms: impl IntoIterator<Item = &'a Counts>,
        limit: usize,
        finest: Level,
    ) -> Option<Bucket> {
        let first = self.first.filter(|first| first.level() < finest)?;
        let is_in_window = |counts: &&Counts| counts.range(self.window()).next().is_some();
        let rooms = rooms.into_iter().filter(is_in_window).count();
        let skippable =
            ROWS_TO_SKIP.max(ROWS_TO_SKIP_PER_ROOM * rooms.min(limit).min(ROOMS_TO_SKIP_IN) as u64);
        // With finer counts there is little left to skip, and about as many rooms to read as rows.
        let spared = (rooms as u64).saturating_sub(limit as u64);
        let too_many_rooms = spared * QUERY > ROUND_TRIP + rooms as u64 * TALLY;
        let is_worth_it = self.skip > skippable || (too_many_rooms && self.last == Some(first));
        is_worth_it.then_some(first)
    }

    /// Returns the range from the first bucket to the last.
    fn window(&self) -> (Bound<Bucket>, Bound<Bucket>) {
        let [first, last] =
            [self.first, self.last].map(|end| end.map_or(Bound::Unbounded, Bound::Included));
        match self.order {
            Order::Asc => (first, last),
            Order::Desc => (last, first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(buckets: &[(&str, u64)]) -> Counts {
        let bucket = |prefix| Bucket::parse(prefix).expect("a bucket");
        buckets.iter().map(|(prefix, count)| (bucket(prefix), *count)).collect()
    }

    fn refined(rooms: &[Counts], from: u64, limit: usize) -> Vec<String> {
        let plan = Plan::new(Order::Asc, rooms, from, limit).expect("a session of that rank");
        plan.bucket_to_refine(rooms, limit, Level::Hour)
            .iter()
            .map(|month| month.prefix())
            .collect()
    }

    #[test]
    fn hours_are_read_only_if_that_saves_rows() {
        let room = [counts(&[("2026-10", 100), ("2026-11", 100)])];
        assert_eq!(refined(&room, 10, 20), [""; 0]);
        assert_eq!(refined(&room, 11, 20), ["2026-10"]);
        assert_eq!(refined(&room, 110, 20), [""; 0]);
        assert_eq!(refined(&room, 111, 20), ["2026-11"]);
        // An hour is refined only if the finest level is the minute, as in the history table.
        let hours = [counts(&[("2026-10-01T00", 100)])];
        assert_eq!(refined(&hours, 50, 20), [""; 0]);
        let plan = Plan::new(Order::Asc, &hours, 50, 20).expect("a plan");
        let hour = plan.bucket_to_refine(&hours, 20, Level::Minute);
        assert_eq!(hour, Bucket::parse("2026-10-01T00"));
    }

    #[test]
    fn allowed_skip_grows_with_rooms_up_to_limit() {
        let rooms = vec![counts(&[("2026-10", 100)]); 4];
        assert_eq!(refined(&rooms, 20, 20), [""; 0]);
        assert_eq!(refined(&rooms, 21, 20), ["2026-10"]);
        // The three sessions of a page lie in at most three rooms.
        assert_eq!(refined(&rooms, 15, 3), [""; 0]);
        assert_eq!(refined(&rooms, 16, 3), ["2026-10"]);
        // Rooms without a session there do not count.
        let far = vec![counts(&[("2026-12", 1)]); 4];
        assert_eq!(refined(&[rooms, far].concat(), 21, 20), ["2026-10"]);
    }

    #[test]
    fn hours_narrow_down_many_rooms() {
        let rooms = |rooms| vec![counts(&[("2026-10", 1), ("2026-11", 1)]); rooms];
        // Each room in excess of the rows costs 700 µs; the tallies cost 4700 µs, and 60 µs per room.
        assert_eq!(refined(&rooms(25), 0, 20), [""; 0]);
        assert_eq!(refined(&rooms(29), 0, 20), [""; 0]);
        assert_eq!(refined(&rooms(30), 0, 20), ["2026-10"]);
        assert_eq!(refined(&rooms(40), 0, 20), ["2026-10"]);
        assert_eq!(refined(&rooms(15), 0, 7), [""; 0]);
        assert_eq!(refined(&rooms(100), 0, 20), ["2026-10"]);
        // If the page spans two months, the number of rooms does not matter, only the rows to skip.
        assert_eq!(refined(&rooms(100), 90, 20), [""; 0]);
        let rooms = |rooms| vec![counts(&[("2026-10", 2), ("2026-11", 1)]); rooms];
        assert_eq!(refined(&rooms(100), 190, 20), ["2026-10"]);
        // A page of a hundred rows may have a row of each of the hundred rooms: no room is spared.
        assert_eq!(refined(&rooms(100), 0, 100), [""; 0]);
    }

    #[test]
    fn all_rooms_open_at_once_unless_too_many() {
        // Either 700 µs for each room in excess of the rows, or twice (4700 µs, and 60 µs per room).
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
    fn plan_counts_sessions_to_the_pages_end() {
        let room = counts(&[("2026-10", 5), ("2026-11", 6), ("2026-12", 7)]);
        let expects = |plan: &Plan, first_key: &str, expected: &[(&str, u64)], in_window| {
            let first_key = Some(first_key.to_owned());
            let expected = RoomPlan { first_key, expected: counts(expected), in_window };
            assert_eq!(plan.of_room(room.clone()), expected);
        };
        let plan = Plan::new(Order::Asc, [&room], 7, 2).expect("a plan");
        assert_eq!(plan.skip, 2);
        expects(&plan, "2026-11", &[("2026-11", 6), ("2026-12", 7)], 6);
        assert!(!plan.is_beyond("2026-11-30T23") && plan.is_beyond("2026-12"));
        // The page ends where the month ends.
        let plan = Plan::new(Order::Asc, [&room], 5, 6).expect("a plan");
        assert_eq!(plan.skip, 0);
        expects(&plan, "2026-11", &[("2026-11", 6), ("2026-12", 7)], 6);
        let plan = Plan::new(Order::Desc, [&room], 7, 2).expect("a plan");
        assert_eq!(plan.skip, 0);
        expects(&plan, "2026-11\u{10FFFF}", &[("2026-10", 5), ("2026-11", 6)], 6);
        // From the front everything may be on the page.
        let plan = Plan::from_the_front(Order::Desc, 3);
        let all = [("2026-10", 5), ("2026-11", 6), ("2026-12", 7)];
        expects(&plan, "2026-12\u{10FFFF}", &all, 18);
        assert!(plan.skip == 3 && !plan.is_beyond("0"));
    }
}
