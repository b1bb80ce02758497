//! The marks that this project's writers put beside a session: that they counted it, and its expiry.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use past_rooms::table::schema::{COUNTED, EXPIRES};
use past_rooms::{Recorded, Session};

use crate::record::assert_agreement;
use crate::support::{Database, ask, row_of, session, time};
use crate::webhook;

const SORT_KEY: &str = "2126-11-22T10:00:00.000Z#SID_x";
const DAY: Duration = Duration::from_secs(86_400);

async fn attribute(database: &Database, name: &str) -> Option<AttributeValue> {
    database.item("room01", SORT_KEY).await.expect("a session").remove(name)
}

/// Records with this retention, and returns how many were new, changed and unchanged.
async fn record(database: &Database, days: u32, session: &Session) -> [u64; 3] {
    let past_rooms = database.past_rooms.with_retention_days(days);
    let recorded = past_rooms.record(std::slice::from_ref(session)).await.expect("recorded");
    let Recorded { new, changed, unchanged, .. } = recorded;
    [new, changed, unchanged]
}

#[tokio::test]
async fn only_counting_writers_mark_sessions() {
    let database = Database::start().await;
    let mut one = session("room01", "2126-11-22T10:00:00Z", "SID_x");
    database.record(&[one.clone()]).await;
    let marked = Some(AttributeValue::Bool(true));
    assert_eq!(attribute(&database, COUNTED).await, marked);
    one.room_title = "Another title".to_owned();
    database.record(&[one.clone()]).await;
    assert_eq!(attribute(&database, COUNTED).await, marked);
    assert_eq!(
        ask(&database.app(), r#"{"room_ids":["room01"]}"#).await.rooms(),
        [one.to_past_room()]
    );
    // Another writer's row is changed, but it was not we who put it.
    database.put_item(row_of(&one)).await;
    one.room_title = "A third title".to_owned();
    assert_eq!(record(&database, 0, &one).await, [0, 1, 0]);
    assert_eq!(attribute(&database, COUNTED).await, None);
    assert_eq!(assert_agreement(&database).await, 1);
}

#[tokio::test]
async fn last_record_decides_the_expiry() {
    let database = Database::start().await;
    let mut one = session("room01", "2126-11-22T10:00:00Z", "SID_x");
    one.ended = Some(time("2126-11-22T11:00:00Z"));
    let expires = async || attribute(&database, EXPIRES).await;
    let after = |days: u32| {
        let ended = time("2126-11-22T11:00:00Z").as_second();
        Some(AttributeValue::N((ended + (DAY * days).as_secs() as i64).to_string()))
    };
    assert_eq!((record(&database, 0, &one).await, expires().await), ([1, 0, 0], None));
    assert_eq!((record(&database, 365, &one).await, expires().await), ([0, 1, 0], after(365)));
    assert_eq!((record(&database, 365, &one).await, expires().await), ([0, 0, 1], after(365)));
    assert_eq!((record(&database, 30, &one).await, expires().await), ([0, 1, 0], after(30)));
    // Without a retention of its own, a record leaves it as it is.
    assert_eq!((record(&database, 0, &one).await, expires().await), ([0, 0, 1], after(30)));
    one.room_title = "Another title".to_owned();
    assert_eq!((record(&database, 0, &one).await, expires().await), ([0, 1, 0], after(30)));
    assert_eq!(
        ask(&database.app(), r#"{"room_ids":["room01"]}"#).await.rooms(),
        [one.to_past_room()]
    );
    assert_eq!(assert_agreement(&database).await, 1);
}

#[tokio::test]
async fn new_session_expires_from_its_first_record() {
    let database = Database::start().await;
    let mut one = session("room01", "2126-11-22T10:00:00Z", "SID_x");
    one.ended = None;
    assert_eq!(record(&database, 1, &one).await, [1, 0, 0]);
    let created = one.created.as_second() + DAY.as_secs() as i64;
    assert_eq!(attribute(&database, EXPIRES).await, Some(AttributeValue::N(created.to_string())));
}

#[tokio::test]
async fn session_of_webhooks_expires() {
    let database = Database::start().await;
    let app = webhook::app(database.past_rooms.with_retention_days(30));
    let start = time("2126-11-22T10:00:00Z").as_second();
    for event in webhook::meeting("room01", "SID_x", start) {
        assert_eq!(webhook::post(&app, &event).await, 200);
    }
    let ended = start + 600 + 30 * DAY.as_secs() as i64;
    assert_eq!(attribute(&database, EXPIRES).await, Some(AttributeValue::N(ended.to_string())));
}
