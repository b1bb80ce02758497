//! Step 1: how many sessions every room has, by month.
//!
//! Near the front of the order the first sessions of each room are read along: newest first they come with the tally
//! in one and the same request, because the tally's key sorts above every session's.

use std::collections::HashMap;
use std::ops::Bound;

use futures_util::future::try_join_all;

use super::reader::{Direction, Mismatch, Reader};
use super::stream::Stream;
use super::window::Plan;
use super::{Attempt, Order, PageQuery, ReadError, Trust};
use crate::table::schema::{KeyRange, PARTITION_KEY, text};
use crate::table::tally::{self, Counts, ROOM_TALLY, RoomTally};
use crate::table::{Item, MAX_IN_FLIGHT};

/// Sessions that may be skipped by reading them: they cost less than the tally of a month and a round trip more.
const MAX_ROWS_TO_SKIP: u64 = 20;

/// Rows of each of many rooms that are read along with its tally: with it they fit into the least that a read costs.
const ROWS_WITH_TALLY: usize = 8;

/// What is known of a room.
pub(super) struct RoomSurvey {
    pub room_id: String,
    /// Its sessions by bucket: by month, and where one was [refined](Self::refine) by hour.
    pub counts: Counts,
    /// Whether `counts` come from the tally, and not from the sessions' own keys.
    tallied: bool,
    /// Its first sessions, where they were read along.
    pub opened: Option<Stream>,
    /// Tallies of its months that were read along, because the page was guessed to want them.
    month_tallies: Vec<Item>,
}

impl RoomSurvey {
    /// Its months with sessions from `first` to `last`.
    fn months(&self, first: &str, last: &str) -> impl Iterator<Item = (&String, &u64)> {
        self.counts
            .range::<str, _>((Bound::Included(first), Bound::Included(last)))
    }

    /// The keys (room id, sort key) of its month tallies from `first` to `last`.
    fn month_tally_keys(&self, first: &str, last: &str) -> impl Iterator<Item = (String, String)> {
        self.months(first, last)
            .map(|(month, _)| (self.room_id.clone(), tally::month_tally_key(month)))
    }

    /// Whether the tallies of all its months from `first` to `last` were read along.
    fn has_month_tallies(&self, first: &str, last: &str) -> bool {
        self.months(first, last).all(|(month, _)| {
            let mut read_along = self.month_tallies.iter().filter_map(tally::month_of_tally);
            read_along.any(|read| read == month)
        })
    }

    /// All its past sessions.
    pub fn sessions(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// Surveys all rooms of a query.
pub(super) async fn survey(
    reader: &Reader<'_>,
    query: &PageQuery,
    trust: Trust,
) -> Result<Vec<RoomSurvey>, ReadError> {
    let room_ids = &query.room_ids;
    let near_the_front = query.from <= MAX_ROWS_TO_SKIP;
    let rows = rows_to_open(query);
    match query.order {
        Order::Desc if near_the_front && room_ids.len() <= MAX_IN_FLIGHT => {
            let rooms = room_ids
                .iter()
                .map(|room_id| open_newest(reader, room_id, rows, trust));
            try_join_all(rooms).await
        }
        // Oldest first, rows and tally are far apart and charged one by one: worth it for one room.
        Order::Asc if near_the_front && room_ids.len() == 1 => {
            let open = |room_id| Stream::open(reader, room_id, Direction::Ascending, rows);
            let (opened, tallies) = futures_util::try_join!(
                try_join_all(room_ids.iter().map(String::as_str).map(open)),
                read_tallies(reader, room_ids, trust, &[])
            )?;
            let opened = opened.into_iter().map(|(stream, _)| Some(stream));
            survey_with(reader, room_ids, tallies, opened).await
        }
        _ => {
            let guessed = guess(reader, query, trust).unwrap_or_default();
            let tallies = read_tallies(reader, room_ids, trust, &guessed).await?;
            survey_with(reader, room_ids, tallies, std::iter::repeat_with(|| None)).await
        }
    }
}

/// How many of each room's first rows to read along: all that one room needs, of several rooms twice their share.
fn rows_to_open(query: &PageQuery) -> usize {
    let window = query.limit.saturating_add(query.from as usize).max(1);
    match query.room_ids.len() {
        1 => window,
        rooms => (2 * window / rooms.max(1)).clamp(ROWS_WITH_TALLY.min(window), window),
    }
}

/// A room with its newest rows, and its tally from the same request.
async fn open_newest(
    reader: &Reader<'_>,
    room_id: &str,
    rows: usize,
    trust: Trust,
) -> Result<RoomSurvey, ReadError> {
    let (opened, tally) = Stream::open(reader, room_id, Direction::Descending, rows).await?;
    let tally = tally.filter(|_| trust == Trust::Tallies);
    let tallies = tally.as_ref().and_then(trusted).map(|room| Tallies {
        room,
        months: vec![],
    });
    RoomSurvey::new(reader, room_id, tallies, Some(opened)).await
}

/// Rooms with what is read of them, counted where there is no tally.
async fn survey_with(
    reader: &Reader<'_>,
    room_ids: &[String],
    mut tallies: HashMap<String, Tallies>,
    opened: impl Iterator<Item = Option<Stream>>,
) -> Result<Vec<RoomSurvey>, ReadError> {
    let rooms = room_ids
        .iter()
        .zip(opened)
        .map(|(room_id, opened)| RoomSurvey::new(reader, room_id, tallies.remove(room_id), opened));
    try_join_all(rooms).await
}

/// The tallies of one room that were read at once.
struct Tallies {
    room: RoomTally,
    months: Vec<Item>,
}

/// The keys (room id, sort key) of the month tallies that the page will want, by what is remembered of all its rooms.
fn guess(reader: &Reader<'_>, query: &PageQuery, trust: Trust) -> Option<Vec<(String, String)>> {
    if trust == Trust::Nothing {
        return None;
    }
    let months = reader.table.hints.recall(&query.room_ids)?;
    let rooms = query.room_ids.iter().zip(months);
    let surveys: Vec<RoomSurvey> = rooms
        .map(|(room_id, counts)| RoomSurvey {
            room_id: room_id.clone(),
            counts,
            tallied: true,
            opened: None,
            month_tallies: vec![],
        })
        .collect();
    let total: u64 = surveys.iter().map(RoomSurvey::sessions).sum();
    let end = total.min(query.from.saturating_add(query.limit as u64));
    if query.from >= end {
        return None;
    }
    let plan = Plan::new(reader, &surveys, &(query.from..end));
    let (first, last) = plan.months_to_refine(reader, &surveys, query.limit)?;
    Some(
        surveys
            .iter()
            .flat_map(|room| room.month_tally_keys(first, last))
            .collect(),
    )
}

/// The tallies of those rooms that have one to be trusted, and of `months` (room id, sort key).
async fn read_tallies(
    reader: &Reader<'_>,
    room_ids: &[String],
    trust: Trust,
    months: &[(String, String)],
) -> Result<HashMap<String, Tallies>, ReadError> {
    if trust == Trust::Nothing {
        return Ok(HashMap::new());
    }
    let rooms = room_ids
        .iter()
        .map(|room_id| (room_id.as_str(), ROOM_TALLY));
    let months = months
        .iter()
        .map(|(room_id, key)| (room_id.as_str(), key.as_str()));
    let keys: Vec<_> = rooms.chain(months).collect();
    let rows = reader
        .table
        .get_rows(&keys, reader.consistency, reader.meter)
        .await?;
    let (months, rooms): (Vec<Item>, Vec<Item>) = rows
        .into_iter()
        .partition(|item| tally::month_of_tally(item).is_some());
    let mut tallies: HashMap<String, Tallies> = rooms
        .iter()
        .filter_map(|item| {
            let room = trusted(item)?;
            Some((
                room_of(item)?.to_owned(),
                Tallies {
                    room,
                    months: vec![],
                },
            ))
        })
        .collect();
    for item in months {
        if let Some(tallies) = room_of(&item).and_then(|room_id| tallies.get_mut(room_id)) {
            tallies.months.push(item);
        }
    }
    Ok(tallies)
}

fn room_of(item: &Item) -> Option<&str> {
    text(item, PARTITION_KEY)
}

/// A room tally, unless it does not count everything yet or is none.
fn trusted(item: &Item) -> Option<RoomTally> {
    match tally::read_room_tally(item) {
        Ok(tally) => tally.complete.then_some(tally),
        Err(reason) => {
            tracing::warn!(
                room_id = room_of(item),
                reason,
                "a room's tally is not readable; its sessions are counted instead"
            );
            None
        }
    }
}

impl RoomSurvey {
    async fn new(
        reader: &Reader<'_>,
        room_id: &str,
        tallies: Option<Tallies>,
        opened: Option<Stream>,
    ) -> Result<Self, ReadError> {
        let tallied = tallies.is_some();
        let mut month_tallies = vec![];
        let counts = match (tallies, &opened) {
            (Some(tallies), _) => {
                reader.table.hints.remember(room_id, &tallies.room.months);
                month_tallies = tallies.months;
                tallies.room.months
            }
            // A room this small is counted already.
            (None, Some(opened)) if opened.is_at_end() => {
                let mut counts = Counts::new();
                for row in opened.rows() {
                    count(&mut counts, tally::month_of(&row.sort_key));
                }
                counts
            }
            (None, _) => {
                count_keys(reader, room_id, &KeyRange::sessions(), tally::month_of).await?
            }
        };
        Ok(RoomSurvey {
            room_id: room_id.to_owned(),
            counts,
            tallied,
            opened,
            month_tallies,
        })
    }
}

/// Replaces the counts of the months from `first` to `last` by those of their hours, for all the rooms that have
/// sessions in them.
pub(super) async fn refine(
    reader: &Reader<'_>,
    surveys: &mut [RoomSurvey],
    first: &str,
    last: &str,
) -> Result<(), Attempt> {
    let (tallied, counted): (Vec<_>, Vec<_>) = surveys
        .iter()
        .filter(|room| room.months(first, last).next().is_some())
        .partition(|room| room.tallied);
    let tallied: Vec<_> = tallied
        .into_iter()
        .filter(|room| !room.has_month_tallies(first, last))
        .collect();
    let counted = counted.iter().map(|room| async {
        let range = KeyRange {
            low: first.to_owned(),
            high: tally::bucket_end(last),
        };
        let hours = count_keys(reader, &room.room_id, &range, tally::hour_of).await?;
        Ok::<_, ReadError>((room.room_id.clone(), hours))
    });
    let (tallies, counted) = futures_util::try_join!(
        read_month_tallies(reader, &tallied, first, last),
        try_join_all(counted)
    )?;
    let mut hours_of: HashMap<String, Counts> = counted.into_iter().collect();
    let read_along = surveys.iter().flat_map(|room| &room.month_tallies);
    for item in tallies.iter().chain(read_along) {
        let (Some(room_id), Some(month)) = (room_of(item), tally::month_of_tally(item)) else {
            continue;
        };
        let hours = tally::read_month_tally(month, item).map_err(|reason| {
            Mismatch::new(format!(
                "the tally of {month} of room {room_id:?}: {reason}"
            ))
        })?;
        hours_of
            .entry(room_id.to_owned())
            .or_default()
            .extend(hours);
    }
    for room in surveys {
        let months: Vec<String> = room
            .months(first, last)
            .map(|(month, _)| month.clone())
            .collect();
        let hours = hours_of.remove(&room.room_id).unwrap_or_default();
        for month in months {
            let in_month = room.counts.remove(&month).unwrap_or_default();
            let of_month = hours
                .iter()
                .filter(|(hour, _)| tally::month_of(hour) == month);
            let in_hours: u64 = of_month.clone().map(|(_, count)| count).sum();
            if in_hours != in_month {
                return Err(Mismatch::new(format!(
                    "room {:?} has {in_month} sessions in {month} by its own count, {in_hours} by that of the month",
                    room.room_id
                ))
                .into());
            }
            room.counts
                .extend(of_month.map(|(hour, count)| (hour.clone(), *count)));
        }
    }
    Ok(())
}

/// The month tallies of some rooms, from one month to another.
async fn read_month_tallies(
    reader: &Reader<'_>,
    rooms: &[&RoomSurvey],
    first: &str,
    last: &str,
) -> Result<Vec<Item>, ReadError> {
    if first == last || rooms.len() > MAX_IN_FLIGHT {
        let keys: Vec<_> = rooms
            .iter()
            .flat_map(|room| room.month_tally_keys(first, last))
            .collect();
        let keys: Vec<_> = keys
            .iter()
            .map(|(room_id, key)| (room_id.as_str(), key.as_str()))
            .collect();
        return Ok(reader
            .table
            .get_rows(&keys, reader.consistency, reader.meter)
            .await?);
    }
    // One query charges the sum of what it reads, and the tallies of quiet months are small.
    let range = KeyRange {
        low: tally::month_tally_key(first),
        high: tally::month_tally_key(last),
    };
    let rows = try_join_all(
        rooms
            .iter()
            .map(|room| reader.all_rows(&room.room_id, &range)),
    )
    .await?;
    Ok(rows.into_iter().flatten().collect())
}

/// The sessions of a room in a range of keys, by bucket, counted by walking their keys.
async fn count_keys(
    reader: &Reader<'_>,
    room_id: &str,
    range: &KeyRange,
    bucket_of: impl Fn(&str) -> &str,
) -> Result<Counts, ReadError> {
    let mut counts = Counts::new();
    reader
        .walk_keys(room_id, range, |key| count(&mut counts, bucket_of(key)))
        .await?;
    Ok(counts)
}

fn count(counts: &mut Counts, bucket: &str) {
    match counts.get_mut(bucket) {
        Some(count) => *count += 1,
        None => {
            counts.insert(bucket.to_owned(), 1);
        }
    }
}
