//! Step 2: where to begin reading, so that few rows are skipped. Pure arithmetic: counts, order
//! and ranks in, plan out.
//!
//! The counts of all rooms, added up in the requested order, give every bucket's boundary an exact
//! rank. A page that begins at `from` is read forwards from the last boundary before it. The counts
//! tell the rank of that boundary and which rooms can have a row, never where rows end: the table
//! says that when they are read.

use std::collections::BTreeMap;

use super::order::Order;
use crate::table::MAX_IN_FLIGHT;
use crate::table::bucket::{Bucket, Counts};

/// Rows that may be skipped rather than ask for the hours of a month, for each room and in all:
/// they fit into what each query is charged for anyway, or add no more than the month's tally.
const ROWS_TO_SKIP_PER_ROOM: u64 = 5;
const ROWS_TO_SKIP: u64 = 10;
/// Rooms that count for this: with more of them, their rows may all be of a few, which then have to
/// be read again and again.
const ROOMS_TO_SKIP_IN: usize = 20;

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

    /// The months whose hours are worth asking for, because they leave too much to skip, or too
    /// many rooms to read.
    pub fn months_to_refine<'a>(
        &self,
        rooms: impl IntoIterator<Item = &'a Counts>,
        limit: usize,
    ) -> Vec<Bucket> {
        let rooms = rooms.into_iter().filter(|counts| self.sessions_in_window(counts) > 0).count();
        let skippable =
            ROWS_TO_SKIP.max(ROWS_TO_SKIP_PER_ROOM * rooms.min(limit).min(ROOMS_TO_SKIP_IN) as u64);
        let too_many_rooms = rooms > MAX_IN_FLIGHT;
        let first = self.first.iter().filter(|_| too_many_rooms || self.skip > skippable);
        let last = self.last.iter().filter(|_| too_many_rooms);
        let mut months: Vec<Bucket> =
            first.chain(last).filter(|bucket| bucket.is_refinable()).cloned().collect();
        months.dedup();
        months
    }

    fn is_before_first(&self, bucket: &Bucket) -> bool {
        self.first.as_ref().is_some_and(|first| self.order.compare(bucket, first).is_lt())
    }
}
