//! The page of one session, by its id: found through the index, at the cost of two small reads.

use super::error::ReadError;
use super::query::{Page, PageQuery};
use crate::table::keys::{RowKey, string_attribute};
use crate::table::rows::past_room::SessionRow;
use crate::table::schema::ROOM_SID;
use crate::table::{Consistency, Table};

/// Returns the sessions with this `room_sid` in the rooms of the query, or in any room if it names no
/// rooms. That is at most one, unless other writers stored an id again: then all of them, in the order of
/// the query.
///
/// # Errors
/// [`ReadError`]; never a page that is shorter than it should be.
pub(super) async fn read_page(
    table: &Table,
    query: &PageQuery,
    room_sid: &str,
) -> Result<Page, ReadError> {
    let keys = table.keys_by_sid(room_sid).await?;
    let keys = keys
        .into_iter()
        .filter(|key| query.room_ids.is_empty() || query.room_ids.contains(&key.room_id))
        .filter(|key| key.session_key().is_some());
    let rows = table.get_rows(keys, Consistency::Eventual).await?;
    // The index may lag behind the row.
    let rows = rows.into_iter().filter(|row| string_attribute(row, ROOM_SID) == Some(room_sid));
    let mut rows: Vec<_> = rows
        .filter_map(|row| {
            let RowKey { room_id, .. } = RowKey::of_item(&row)?;
            Some((SessionRow::from_item(row)?, room_id))
        })
        .collect();
    rows.sort_by(|(one, room), (other, other_room)| {
        query.order.compare(&(&one.key, room), &(&other.key, other_room))
    });
    let total = rows.len() as u64;
    let from = usize::try_from(query.from).unwrap_or(usize::MAX);
    let window = rows.into_iter().skip(from).take(query.limit);
    let sessions = window.map(|(row, _)| row.into_past_room()).collect::<Result<_, _>>()?;
    Ok(Page { total, sessions })
}
