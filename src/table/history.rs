//! Keys of the history table, which has the sessions of all rooms in one partition.
//!
//! The history table is a projection of the table: for each session a row with the API's attributes.
//! It has the same two key attributes and the same tallies, so the same reader reads its pages: to the
//! reader the whole history is one room, [`ALL_ROOMS`].

use crate::table::keys::RowKey;

/// Partition key of every row of the history table.
pub const ALL_ROOMS: &str = "*";
/// The attribute with the room's id (`S`), because the partition key is taken.
pub const HISTORY_ROOM: &str = "history_room_id";
/// The attribute with the sort key of the projected row (`S`), if the row's own key is a shortened one.
pub const HISTORY_SORT_KEY: &str = "history_sort_key";

/// Returns the key of the row that says how far the projection is. It sorts below all sessions and
/// tallies.
pub fn state_key() -> RowKey {
    RowKey::new(ALL_ROOMS, "!history")
}
/// The attribute of the state row (`BOOL`, true) once every session of the table is projected.
pub const COMPLETE: &str = "complete";
