//! Step 2, where months alone leave too much to skip: the hours of a month, held against the month.

use futures_util::future::try_join_all;

use super::counts::{RoomCounts, count_keys};
use super::error::ReadError;
use super::reader::Reader;
use crate::table::bucket::{Bucket, Counts};
use crate::table::keys::RowKey;
use crate::table::rows::tally;

/// Replaces the counts of a month by those of its hours, for all the rooms that have sessions in it.
///
/// Where hours and month do not add up, the hours count for the plan, and the room is marked: one
/// of the two is wrong, or was read before a session was recorded and the other after.
pub(super) async fn refine(
    reader: &Reader<'_>,
    rooms: &mut [RoomCounts],
    month: &Bucket,
) -> Result<(), ReadError> {
    let mut rooms: Vec<&mut RoomCounts> =
        rooms.iter_mut().filter(|room| room.counts.contains_key(month)).collect();
    read_month_tallies(reader, &mut rooms, month).await?;
    let hours = try_join_all(rooms.iter().map(|room| hours_of(reader, room, month))).await?;
    for (room, hours) in rooms.into_iter().zip(hours) {
        let in_month = room.counts.remove(month).unwrap_or_default();
        let in_hours: u64 = hours.values().sum();
        if in_hours != in_month && room.is_tallied() {
            room.disagreement = Some(format!(
                "{} has {in_month} sessions by the room's tally, {in_hours} by its hours",
                month.prefix()
            ));
        }
        room.counts.extend(hours);
    }
    Ok(())
}

/// Reads the month's tallies of those tallied rooms for which it was not prefetched.
async fn read_month_tallies(
    reader: &Reader<'_>,
    rooms: &mut [&mut RoomCounts],
    month: &Bucket,
) -> Result<(), ReadError> {
    let is_unread =
        |room: &RoomCounts| room.is_tallied() && !room.month_tallies.contains_key(month.prefix());
    let key = |room: &RoomCounts| RowKey::month_tally(&*room.room_id, month.prefix());
    let unread = rooms.iter().filter(|room| is_unread(room)).map(|room| key(room));
    let keys: Vec<RowKey> = unread.collect();
    let mut rows = reader.table.get_rows_by_key(keys, reader.consistency).await?;
    for room in rooms.iter_mut().filter(|room| is_unread(room)) {
        let row = rows.remove(&key(room));
        room.month_tallies.insert(month.prefix().to_owned(), row);
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
