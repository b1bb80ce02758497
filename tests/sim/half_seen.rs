//! A page beside a transaction: its requests see the session, but not yet the count.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use past_rooms::{Order, PageQuery, PastRooms, RowKey};
use tokio::time::Instant;

use crate::database::{Database, TABLE};
use crate::{content, cost, tallies, timed};

const ROOM: &str = "room01";

/// Time for which the count is not seen: a page has read everything twice by then, and judged its tally.
const PART_SEEN: Duration = Duration::from_millis(30);

/// Returns the keys and the table of a room with this number of sessions in one month. They are in
/// ascending order.
fn room(sessions: usize) -> (Vec<RowKey>, Database) {
    let keys = (0..sessions).map(|number| {
        let created = format!("2025-01-{:02}T10:00:00.000Z", 1 + number / 2);
        RowKey::new(ROOM, format!("{created}#SID_{number:03}"))
    });
    let keys: Vec<RowKey> = keys.collect();
    let mut rows: Vec<_> = keys.iter().map(|key| content::row(key, 1)).collect();
    rows.extend(tallies::rows(ROOM, &tallies::expected(&keys)));
    (keys, Database::filled(TABLE, &rows))
}

#[test]
fn tally_seen_after_its_session_is_not_wrong() {
    let (_, before) = room(40);
    let (keys, after) = room(41);
    let counts_keys = Arc::new(Mutex::new(false));
    let page = cost::runtime().block_on(async {
        let begun = Instant::now();
        let is_counted = Arc::clone(&counts_keys);
        let client = timed::timed_client(move |operation, body| {
            *is_counted.lock().expect("a lock") |= body.contains("ProjectionExpression");
            let is_tally = operation == "BatchGetItem";
            let database = if is_tally && begun.elapsed() < PART_SEEN { &before } else { &after };
            database.execute(operation, body)
        });
        let query = PageQuery::new([ROOM]).from(25).limit(20).order(Order::Asc);
        PastRooms::new(client, TABLE).page(&query).await.expect("a page")
    });
    let read = page.sessions.iter().map(|row| format!("{}#{}", row.created, row.room_sid));
    let expected = keys[25..].iter().map(|key| key.sort_key.clone());
    assert_eq!(read.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    assert_eq!(page.total, 41);
    // The consequence of a tally that is called wrong.
    assert!(!*counts_keys.lock().expect("a lock"), "the room's keys were counted");
}
