//! Step 3: the rooms' streams merged into one order, read only as far as the page goes.
//!
//! Every stream stands in a heap with the key of its next row, or, where that is not read yet, with a key that the row
//! cannot come before. As long as a known row is first, it is taken. When an unread one is first, it is read, together
//! with all the others before the first known row, side by side.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use futures_util::future::try_join_all;

use super::ReadError;
use super::reader::{Direction, Reader};
use super::stream::Stream;
use super::window::Plan;
use crate::table::session::{PastRoom, SessionRow};

/// A stream's place in the heap.
struct Place {
    direction: Direction,
    stream: Stream,
    next: Next,
}

/// What comes next in a stream.
enum Next {
    Row(SessionRow),
    /// A row that is not read yet and does not come before this key.
    Unread(String),
}

impl Place {
    /// `None`: nothing comes any more.
    fn of(mut stream: Stream, direction: Direction) -> Option<Self> {
        let next = match stream.take_row() {
            Some(row) => Next::Row(row),
            None => Next::Unread(stream.bound()?),
        };
        Some(Place {
            direction,
            stream,
            next,
        })
    }

    fn key(&self) -> &str {
        match &self.next {
            Next::Row(row) => &row.sort_key,
            Next::Unread(bound) => bound,
        }
    }

    fn is_unread(&self) -> bool {
        matches!(self.next, Next::Unread(_))
    }
}

impl Ord for Place {
    /// The heap has its greatest on top, so what comes first is the greatest. An unread row might be as early as its
    /// bound, so it goes before a row of that key.
    fn cmp(&self, other: &Self) -> Ordering {
        self.direction
            .compare(other.key(), self.key())
            .then_with(|| self.is_unread().cmp(&other.is_unread()))
            .then_with(|| {
                self.direction
                    .compare(&other.stream.room_id, &self.stream.room_id)
            })
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Place {}

/// The page's rows, in the requested order; fewer only if the streams have no more.
pub(super) async fn merge(
    reader: &Reader<'_>,
    streams: Vec<Stream>,
    plan: &Plan,
) -> Result<Vec<PastRoom>, ReadError> {
    let direction = plan.direction(reader);
    let mut places: BinaryHeap<Place> = streams
        .into_iter()
        .filter_map(|stream| Place::of(stream, direction))
        .collect();
    let mut passed = 0;
    let mut page = Vec::with_capacity(plan.take);
    while page.len() < plan.take {
        let Some(first) = places.pop() else { break };
        match first.next {
            Next::Row(row) => {
                passed += 1;
                if passed > plan.skip {
                    page.push(row.into_past_room()?);
                }
                places.extend(Place::of(first.stream, direction));
            }
            Next::Unread(_) => {
                let mut unread = vec![first.stream];
                while let Some(place) = places.peek()
                    && place.is_unread()
                    && !plan.is_beyond(reader, place.key())
                {
                    unread.extend(places.pop().map(|place| place.stream));
                }
                read_on(reader, &mut unread, plan.rows() - passed).await?;
                places.extend(
                    unread
                        .into_iter()
                        .filter_map(|stream| Place::of(stream, direction)),
                );
            }
        }
    }
    if plan.reversed {
        page.reverse();
    }
    Ok(page)
}

/// Reads on in several streams at once.
async fn read_on(
    reader: &Reader<'_>,
    streams: &mut [Stream],
    needed: u64,
) -> Result<(), ReadError> {
    let in_window = streams.iter().map(Stream::unread_in_window).sum();
    let reads = streams
        .iter_mut()
        .map(|stream| stream.read_on(reader, needed, in_window));
    try_join_all(reads).await?;
    Ok(())
}
