//! The usual way to emulate OFFSET and COUNT on DynamoDB: read the rooms from one end to the other, count, and keep
//! the rows of the page on the way. This is its best form: one pass for both, rooms side by side.

use futures_util::future::try_join_all;
use past_rooms::table::keys::{KeyRange, SessionKey};
use past_rooms::table::{Consistency, RowQuery, Table};
use past_rooms::{Order, PageQuery, TableError};

/// The total, and the sort keys of the page.
pub async fn read(table: &Table, query: &PageQuery) -> Result<(u64, Vec<String>), TableError> {
    let range = KeyRange::sessions();
    let rooms = query.room_ids.iter().map(|room_id| async {
        // What can be on the page at all; the rest is only counted.
        let wanted = query.from as usize + query.limit;
        let (mut count, mut keys) = (0, Vec::new());
        let rows = RowQuery {
            ascending: query.order == Order::Asc,
            ..RowQuery::rows(room_id, &range, Consistency::Eventual)
        };
        let visit = |item| {
            if let Some(key) = SessionKey::of_item(&item) {
                count += 1;
                if keys.len() < wanted {
                    keys.push(key.to_string());
                }
            }
        };
        table.walk(rows, visit).await?;
        Ok((count, keys))
    });
    let rooms = try_join_all(rooms).await?;
    let total = rooms.iter().map(|(count, _)| count).sum();
    let mut keys: Vec<String> = rooms.into_iter().flat_map(|(_, keys)| keys).collect();
    keys.sort_unstable();
    if query.order == Order::Desc {
        keys.reverse();
    }
    let page = keys.into_iter().skip(query.from as usize).take(query.limit);
    Ok((total, page.collect()))
}
