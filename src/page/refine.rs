//! Step 2, if months alone leave too much to skip: a month by its hours, an hour by its minutes.

use futures_util::future::try_join_all;

use super::counts::{RoomCounts, count_keys};
use super::error::ReadError;
use super::reader::Reader;
use crate::table::bucket::{Bucket, Counts, Level};
use crate::table::keys::{KeyRange, RowKey};
use crate::table::rows::tally;

/// Replaces the counts of a month or an hour by those of its parts, for all rooms with sessions in it.
///
/// - If the hours of a month do not add up to the month, they count for the plan, and the room is marked:
///   one of the two is wrong, or was read before a session was recorded and the other after.
/// - If the minutes of an hour do not add up, the hour stays. Its rank is right, so only more rows are
///   skipped.
pub(super) async fn refine(
    reader: &Reader<'_>,
    rooms: &mut [RoomCounts],
    bucket: Bucket,
) -> Result<(), ReadError> {
    let mut rooms: Vec<&mut RoomCounts> =
        rooms.iter_mut().filter(|room| room.counts.contains_key(&bucket)).collect();
    read_tallies(reader, &mut rooms, bucket).await?;
    let parts = try_join_all(rooms.iter().map(|room| parts_of(reader, room, bucket))).await?;
    let sum = |parts: &Counts| parts.values().sum::<u64>();
    let add_up = |(room, parts): (&&mut RoomCounts, &Counts)| {
        room.counts.get(&bucket).copied() == Some(sum(parts))
    };
    if bucket.level() == Level::Hour && !rooms.iter().zip(&parts).all(add_up) {
        return Ok(());
    }
    for (room, parts) in rooms.into_iter().zip(parts) {
        let whole = room.counts.remove(&bucket).unwrap_or_default();
        let in_parts = sum(&parts);
        if in_parts != whole && room.is_tallied() {
            room.disagreement = Some(format!(
                "{bucket} has {whole} sessions by the room's tally, {in_parts} by its hours"
            ));
        }
        room.counts.extend(parts);
    }
    Ok(())
}

/// Reads the bucket's tallies of those tallied rooms for which it was not prefetched.
async fn read_tallies(
    reader: &Reader<'_>,
    rooms: &mut [&mut RoomCounts],
    bucket: Bucket,
) -> Result<(), ReadError> {
    let is_unread = |room: &RoomCounts| room.is_tallied() && !room.tallies.contains_key(&bucket);
    let key = |room: &RoomCounts| RowKey::tally(&*room.room_id, bucket);
    let unread = rooms.iter().filter(|room| is_unread(room)).map(|room| key(room));
    let keys: Vec<RowKey> = unread.collect();
    let mut rows = reader.table.get_rows_by_key(keys, reader.consistency).await?;
    for room in rooms.iter_mut().filter(|room| is_unread(room)) {
        let row = rows.remove(&key(room));
        room.tallies.insert(bucket, row);
    }
    Ok(())
}

/// The sessions of a bucket of a room by its parts: from the bucket's tally. If a month has none that
/// can be read, its sessions' keys are counted.
async fn parts_of(
    reader: &Reader<'_>,
    room: &RoomCounts,
    bucket: Bucket,
) -> Result<Counts, ReadError> {
    match room.tallies.get(&bucket) {
        // No row: it counts nothing.
        Some(None) => return Ok(Counts::new()),
        Some(Some(item)) => match tally::read_tally(bucket, item) {
            Ok(parts) => return Ok(parts),
            Err(reason) if bucket.level() == Level::Hour => {
                tracing::debug!(%bucket, reason, "the hour is not divided into minutes");
            }
            Err(reason) => reader.distrust(&room.room_id, &reason),
        },
        None => {}
    }
    if bucket.level() == Level::Hour {
        return Ok(Counts::new());
    }
    count_keys(reader, &room.room_id, &KeyRange::of_bucket(bucket), Level::Hour).await
}
