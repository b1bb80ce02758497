//! The usual way to emulate OFFSET and COUNT on DynamoDB: read the rooms from one end to the other, and
//! count. This is its best form: one pass for both, rooms side by side.

use futures_util::future::try_join_all;
use past_rooms::TableError;
use past_rooms::table::keys::KeyRange;
use past_rooms::table::{Consistency, RowQuery, Table};

/// Reads all sessions of the rooms, and returns their number.
pub async fn count(table: &Table, room_ids: &[String]) -> Result<usize, TableError> {
    let range = KeyRange::sessions();
    let rooms = room_ids.iter().map(|room_id| async {
        let mut count = 0;
        let rows = RowQuery::rows(room_id, &range, Consistency::Eventual);
        table.walk(rows, |_| count += 1).await?;
        Ok(count)
    });
    Ok(try_join_all(rooms).await?.into_iter().sum())
}
