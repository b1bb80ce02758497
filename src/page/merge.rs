//! Step 3: the rooms' cursors merged into one order, read only as far as the page goes.
//!
//! A heap holds every cursor that may have another row, by the key of its next row. If that row is not
//! read yet, a lower bound stands for its key: in the requested order, the row does not come before it.
//! If the first in the heap is a known row, it is taken. If it is an unread row, its cursor reads on,
//! concurrently with the others that the page is likely to need; see `pop_unread` and
//! `refill_exhausted`.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use futures_util::future::try_join_all;

use super::cursor::RoomCursor;
use super::error::ReadError;
use super::order::Order;
use super::plan::Plan;
use super::reader::Reader;
use crate::table::rows::past_room::{PastRoom, SessionRow};

/// A cursor's place in the heap.
struct HeapEntry {
    order: Order,
    head: Head,
    /// The cursor's index; cursors are sorted by room id.
    cursor: usize,
}

/// The next row of a cursor.
enum Head {
    Row(SessionRow),
    /// A row that is not read yet and does not come before this key.
    Unread(String),
}

impl HeapEntry {
    /// Returns the entry of a cursor, with its next row if that is known. `None`: the room has no more rows.
    fn of(cursors: &mut [RoomCursor], cursor: usize, order: Order) -> Option<Self> {
        let next = &mut cursors[cursor];
        let head = match next.take_row() {
            Some(row) => Head::Row(row),
            None => Head::Unread(next.lower_bound()?),
        };
        Some(HeapEntry { order, head, cursor })
    }

    fn key(&self) -> &str {
        match &self.head {
            Head::Row(row) => row.key.as_str(),
            Head::Unread(lower_bound) => lower_bound,
        }
    }

    fn is_unread(&self) -> bool {
        matches!(self.head, Head::Unread(_))
    }
}

impl Ord for HeapEntry {
    /// `BinaryHeap` has its greatest on top, so what comes first must compare as greatest. An unread row
    /// may be as early as its bound, so it comes before a known row of that key. Rows of the same key are
    /// ordered by room id, which also ascends or descends.
    fn cmp(&self, other: &Self) -> Ordering {
        self.order
            .compare(other.key(), self.key())
            .then_with(|| self.is_unread().cmp(&other.is_unread()))
            .then_with(|| self.order.compare(&other.cursor, &self.cursor))
    }
}

impl PartialOrd for HeapEntry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for HeapEntry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for HeapEntry {}

/// Returns the next `limit` rows after skipping the plan's `skip`; fewer only if the rooms have no more.
/// Fails with `TooLarge` as soon as their text has more than `max_bytes`.
///
/// The cursors must be sorted by room id.
pub(super) async fn merge(
    reader: &Reader<'_>,
    cursors: &mut [RoomCursor],
    plan: &Plan,
    limit: usize,
    max_bytes: Option<usize>,
) -> Result<Vec<PastRoom>, ReadError> {
    let (mut skip, mut wanted) = (plan.skip, limit as u64);
    let mut bytes = 0;
    let mut heap = BinaryHeap::with_capacity(cursors.len());
    for cursor in 0..cursors.len() {
        heap.extend(HeapEntry::of(cursors, cursor, reader.order));
    }
    let mut page = Vec::with_capacity(limit.min(cursors.len()));
    while wanted > 0 {
        let Some(first) = heap.pop() else { break };
        match first.head {
            Head::Row(row) => {
                if skip > 0 {
                    skip -= 1;
                } else {
                    wanted -= 1;
                    let room = row.into_past_room()?;
                    bytes += room.text_bytes();
                    page.push(room);
                    if max_bytes.is_some_and(|max_bytes| bytes > max_bytes) {
                        return Err(ReadError::TooLarge { sessions: page.len(), bytes });
                    }
                }
                heap.extend(HeapEntry::of(cursors, first.cursor, reader.order));
            }
            Head::Unread(first_key) => {
                let needed = skip.saturating_add(wanted);
                let mut unread = vec![first.cursor];
                pop_unread(&mut heap, plan, &first_key, needed, &mut unread);
                let mut needs = vec![None; cursors.len()];
                for cursor in &unread {
                    needs[*cursor] = Some(needed);
                }
                refill_exhausted(&mut needs, cursors, &heap, plan, &first_key, needed);
                fetch_more(reader, cursors, &needs).await?;
                for cursor in unread {
                    heap.extend(HeapEntry::of(cursors, cursor, reader.order));
                }
            }
        }
    }
    Ok(page)
}

/// Moves cursors from the heap to `unread`, to be read together with the one already there, whose lower
/// bound is `first_key`. These are all whose bound comes before the first known row and not past the
/// plan's end.
///
/// If `first_key` itself is past the plan's end, the counts no longer tell which rooms have a row. Then up
/// to `needed` cursors are moved, and all whose bound is `first_key`, so that they are not read one by one.
fn pop_unread(
    heap: &mut BinaryHeap<HeapEntry>,
    plan: &Plan,
    first_key: &str,
    needed: u64,
    unread: &mut Vec<usize>,
) {
    let is_first_beyond = plan.is_beyond(first_key);
    let is_wanted = |entry: &HeapEntry, read: usize| {
        let may_be_needed = is_first_beyond && (read as u64) < needed;
        entry.key() == first_key || may_be_needed || !plan.is_beyond(entry.key())
    };
    while let Some(entry) = heap.peek()
        && entry.is_unread()
        && is_wanted(entry, unread.len())
    {
        unread.extend(heap.pop().map(|entry| entry.cursor));
    }
}

/// Adds to `needs` the cursors that still have known rows but may run out of them before the page is
/// complete: otherwise they would be read later, one after the other.
///
/// All known rows up to a cursor's lower bound come before its unread rows. So it can supply at most as
/// many of the `needed` rows as remain after these. Until the reading is past the plan's end, a cursor
/// whose rows up to that end are all known is not added: all rows still to be skipped may belong to other
/// rooms.
fn refill_exhausted(
    needs: &mut [Option<u64>],
    cursors: &[RoomCursor],
    heap: &BinaryHeap<HeapEntry>,
    plan: &Plan,
    first_key: &str,
    needed: u64,
) {
    let is_first_beyond = plan.is_beyond(first_key);
    let held = heap.iter().filter(|entry| !entry.is_unread());
    let behind = held.clone().flat_map(|entry| cursors[entry.cursor].rows());
    let mut known: Vec<&str> = held.clone().map(HeapEntry::key).collect();
    known.extend(behind.map(|row| row.key.as_str()));
    known.sort_unstable();
    for entry in held {
        let cursor = &cursors[entry.cursor];
        let bound = cursor.lower_bound();
        if let Some(bound) = bound.filter(|bound| is_first_beyond || !plan.is_beyond(bound)) {
            let before = match entry.order {
                Order::Asc => known.partition_point(|key| *key <= &*bound),
                Order::Desc => known.len() - known.partition_point(|key| *key < &*bound),
            };
            let needed = needed.saturating_sub(before as u64);
            needs[entry.cursor] = Some(needed).filter(|needed| *needed > 0);
        }
    }
}

/// Reads more rows of several cursors at once: of each, as many as it needs to complete the page.
async fn fetch_more(
    reader: &Reader<'_>,
    cursors: &mut [RoomCursor],
    needs: &[Option<u64>],
) -> Result<(), ReadError> {
    let chosen =
        cursors.iter_mut().zip(needs).filter_map(|(cursor, needed)| Some((cursor, (*needed)?)));
    let chosen: Vec<_> = chosen.collect();
    let in_window = chosen.iter().map(|(cursor, _)| cursor.unread_in_window()).sum();
    let reads =
        chosen.into_iter().map(|(cursor, needed)| cursor.fetch_more(reader, needed, in_window));
    try_join_all(reads).await?;
    Ok(())
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
