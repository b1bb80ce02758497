//! Step 2, where months alone leave too much to skip: the hours of a month, held against the month.

use std::collections::HashSet;

use futures_util::future::try_join_all;

use super::counts::{RoomCounts, count_keys};
use super::error::ReadError;
use super::reader::Reader;
use crate::table::bucket::{Bucket, Counts};
use crate::table::keys::RowKey;
use crate::table::tally;

/// Replaces the counts of `months` by those of their hours, for all the rooms that have sessions in
/// them.
///
/// Where hours and month do not add up, the hours count for the plan, and the room is marked: one
/// of the two is wrong, or was read before a session was recorded and the other after.
pub(super) async fn refine(
    reader: &Reader<'_>,
    rooms: &mut [RoomCounts],
    months: &[Bucket],
) -> Result<(), ReadError> {
    read_month_tallies(reader, rooms, months).await?;
    let hours = rooms.iter().map(|room| {
        let months = months.iter().filter(|month| room.counts.contains_key(*month));
        try_join_all(months.map(|month| async move {
            Ok::<_, ReadError>((month.clone(), hours_of(reader, room, month).await?))
        }))
    });
    let hours = try_join_all(hours.collect::<Vec<_>>()).await?;
    for (room, hours) in rooms.iter_mut().zip(hours) {
        for (month, hours) in hours {
            let in_month = room.counts.remove(&month).unwrap_or_default();
            let in_hours: u64 = hours.values().sum();
            if in_hours != in_month && room.is_tallied() {
                room.disagreement = Some(format!(
                    "{} has {in_month} sessions by the room's tally, {in_hours} by its hours",
                    month.prefix()
                ));
            }
            room.counts.extend(hours);
        }
    }
    Ok(())
}

/// Reads those month tallies of tallied rooms that were not prefetched.
async fn read_month_tallies(
    reader: &Reader<'_>,
    rooms: &mut [RoomCounts],
    months: &[Bucket],
) -> Result<(), ReadError> {
    let mut unread = HashSet::new();
    for room in rooms.iter().filter(|room| room.is_tallied()) {
        let months = months.iter().filter(|month| room.counts.contains_key(*month));
        let months = months.filter(|month| !room.month_tallies.contains_key(month.prefix()));
        unread.extend(months.map(|month| RowKey::month_tally(&*room.room_id, month.prefix())));
    }
    let mut rows = reader.table.get_rows_by_key(unread.clone(), reader.consistency).await?;
    for room in rooms.iter_mut().filter(|room| room.is_tallied()) {
        for month in months.iter().map(Bucket::prefix) {
            let key = RowKey::month_tally(&*room.room_id, month);
            if unread.contains(&key) {
                room.month_tallies.insert(month.to_owned(), rows.remove(&key));
            }
        }
    }
    Ok(())
}

/// The hours of a month of a room: from the month's tally, or where that cannot be read from the
/// sessions' own keys.
async fn hours_of(
    reader: &Reader<'_>,
    room: &RoomCounts,
    month: &Bucket,
) -> Result<Counts, ReadError> {
    match room.month_tallies.get(month.prefix()) {
        // No row: it counts nothing.
        Some(None) => return Ok(Counts::new()),
        Some(Some(item)) => match tally::read_month_tally(month.prefix(), item) {
            Ok(hours) => return Ok(hours),
            Err(reason) => reader.distrusted.insert(&room.room_id, &reason),
        },
        None => {}
    }
    count_keys(reader, &room.room_id, &month.range(), Bucket::hour_of).await
}
