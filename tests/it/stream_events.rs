//! Events of the stream that come twice, late, out of order, malformed, while others write, or when
//! DynamoDB fails: the counts come out right, and failed events are reported.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use past_rooms::stream::handler::handle;
use past_rooms::{Meter, Order, PageQuery, RowKey, Session};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use crate::record::assert_agreement;
use crate::support::proxy::{Fault, Proxy};
use crate::support::stream::{Deliveries, TIME, invoke};
use crate::support::{Database, history};

/// Other writers' sessions of a room, in the same hours as those of `history`.
fn foreign(room_id: &str, sessions: usize) -> Vec<Session> {
    let mut sessions = history(room_id, sessions, 30);
    for session in &mut sessions {
        session.room_sid.insert_str(0, "other");
    }
    sessions
}

async fn delete(database: &Database, sessions: &[Session]) {
    for session in sessions {
        database.delete_item(session.key().expect("a key")).await;
    }
}

#[tokio::test]
async fn doubled_late_and_reordered_events_count_right() {
    let database = Database::start().await;
    let mut deliveries = Deliveries::of(&database).await;
    database.record(&history("room01", 40, 40)).await;
    let others = foreign("room01", 30);
    database.put_foreign(&others).await;
    delete(&database, &others[..20]).await;
    let (_, early) = deliveries.next().await;
    database.put_foreign(&others[..7]).await;
    delete(&database, &history("room01", 12, 40)).await;
    let (_, late) = deliveries.next().await;
    assert_eq!((early.len(), late.len()), (50, 19));
    let all: Vec<Value> = early.iter().chain(&late).cloned().collect();
    let backwards: Vec<Value> = all.iter().rev().cloned().collect();
    for batch in [&late, &early, &backwards, &all] {
        for part in batch.chunks(6) {
            assert!(invoke(&database.past_rooms, part).await.is_empty());
        }
        // All that is told of has happened, so the last of it is right whatever came before.
    }
    assert_eq!(assert_agreement(&database).await, 28 + 17);
}

#[tokio::test]
async fn failed_events_are_reported_and_retried() {
    let database = Database::start().await;
    let mut deliveries = Deliveries::of(&database).await;
    for room_id in ["room01", "room02", "room03"] {
        database.record(&history(room_id, 5, 30)).await;
        database.put_foreign(&foreign(room_id, 5)).await;
    }
    let (_, calls) = deliveries.next().await;
    let refused = AtomicUsize::new(0);
    let proxy = Proxy::start(&database.endpoint, move |_, operation| {
        match operation == "TransactWriteItems" && refused.fetch_add(1, Ordering::SeqCst) == 0 {
            true => Fault::Refuse(400, "com.amazonaws.dynamodb.v20120810#AccessDeniedException"),
            false => Fault::Pass,
        }
    })
    .await;
    let through_proxy = database.at(&proxy.endpoint);
    let failed = invoke(&through_proxy, &calls).await;
    assert_eq!(failed.len(), 5, "one room's events: {failed:?}");
    let again: Vec<Value> = calls
        .into_iter()
        .filter(|event| {
            let number = event["dynamodb"]["SequenceNumber"].as_str().expect("a number");
            failed.iter().any(|failed| failed == number)
        })
        .collect();
    let rooms = again.iter().map(|event| event["dynamodb"]["Keys"]["room_id"].to_string());
    assert_eq!(rooms.collect::<std::collections::BTreeSet<_>>().len(), 1);
    assert!(invoke(&through_proxy, &again).await.is_empty());
    assert_eq!(assert_agreement(&database).await, 30);
}

#[tokio::test]
async fn unfinished_events_are_reported() {
    let database = Database::start().await;
    let mut deliveries = Deliveries::of(&database).await;
    database.put_foreign(&foreign("room01", 5)).await;
    let (_, calls) = deliveries.next().await;
    let proxy = Proxy::start(&database.endpoint, |_, _| Fault::Stall).await;
    let event = json!({"Records": calls});
    let time = std::time::Duration::from_millis(1050);
    let answered = handle(&database.at(&proxy.endpoint), event, time).await.expect("a batch");
    assert_eq!(answered.failures.len(), 5);
}

#[tokio::test]
async fn malformed_event_fails_alone() {
    let database = Database::start().await;
    let mut deliveries = Deliveries::of(&database).await;
    database.record(&history("room01", 5, 30)).await;
    database.put_foreign(&foreign("room01", 5)).await;
    let (_, mut calls) = deliveries.next().await;
    for (number, malformed) in [
        json!({"Keys": {}}),
        json!({"Keys": {"room_id": {"S": "room01"}, "created_sid": {"N": "1"}}}),
        json!({"Keys": "room01"}),
        json!({}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut malformed = json!({"eventName": "REMOVE", "dynamodb": malformed});
        malformed["dynamodb"]["SequenceNumber"] = format!("malformed{number}").into();
        calls.insert(number, malformed);
    }
    let failed = invoke(&database.past_rooms, &calls).await;
    assert_eq!(failed, ["malformed0", "malformed1", "malformed2", "malformed3"]);
    assert_eq!(assert_agreement(&database).await, 10);
    for no_batch in [json!({}), json!({"Records": [{"eventName": "INSERT"}]})] {
        assert!(handle(&database.past_rooms, no_batch, TIME).await.is_err());
    }
}

#[tokio::test]
async fn recording_beside_events_counts_right() {
    let database = Database::start().await;
    let mut deliveries = Deliveries::of(&database).await;
    let recorded = history("room01", 240, 30);
    database.record(&recorded[..1]).await;
    let others = foreign("room01", 60);
    let recorder = async {
        for sessions in recorded.chunks(3) {
            database.record(sessions).await;
        }
    };
    let deliverer = async {
        for session in others.chunks(5) {
            database.put_foreign(session).await;
            deliveries.deliver(&database.past_rooms).await;
        }
    };
    futures_util::future::join(recorder, deliverer).await;
    assert_eq!(assert_agreement(&database).await, 300);
}

#[tokio::test]
async fn stale_recount_is_rejected() {
    let database = Database::start().await;
    let sessions = history("room01", 5, 1);
    database.record(&sessions).await;
    let keys = [crate::support::session_key(&sessions[0])];
    delete(&database, &sessions[..1]).await;
    // One has counted 4, and is about to write it.
    let (gate, (reached, mut at_it)) = (Arc::new(Semaphore::new(0)), mpsc::unbounded_channel());
    let held = Arc::clone(&gate);
    let proxy = Proxy::start(&database.endpoint, move |_, operation| {
        if operation != "TransactWriteItems" {
            return Fault::Pass;
        }
        let _ = reached.send(());
        Fault::Hold(Arc::clone(&held))
    })
    .await;
    let late = database.at(&proxy.endpoint);
    let late_keys = keys.clone();
    let late = tokio::spawn(async move { late.recount("room01", &late_keys).await });
    at_it.recv().await.expect("it comes to its transaction");
    // The session is back, and another finds that all is right.
    database.put_foreign(&sessions[..1]).await;
    let recount = database.past_rooms.recount("room01", &keys).await.expect("recounted");
    assert_eq!(recount.corrected, 0);
    gate.add_permits(100);
    late.await.expect("it ends").expect("recounted");
    assert_eq!(assert_agreement(&database).await, 5);
}

#[tokio::test]
async fn stray_rows_are_on_no_page() {
    let database = Database::start().await;
    let mut deliveries = Deliveries::of(&database).await;
    let stray =
        ["2024-01-12T10:00:00.000Z", "20240112#x", "9"].map(|key| RowKey::new("room01", key));
    for key in &stray {
        database.put_item(key.clone().into_item()).await;
    }
    assert_eq!(deliveries.deliver(&database.past_rooms).await, 3);
    // The room's tally is complete from its first session on.
    database.record(&history("room01", 40, 700)).await;
    let tally = database.item("room01", "~").await.expect("a tally");
    assert!(!tally.contains_key("incomplete"), "{tally:?}");
    database.put_foreign(&foreign("room01", 2)).await;
    assert!(deliveries.deliver(&database.past_rooms).await > 0);
    for order in [Order::Asc, Order::Desc] {
        for from in [0, 33, 41] {
            let query = PageQuery::new(["room01"]).from(from).limit(3).order(order);
            let page = database.past_rooms.page(&query).await.expect("a page");
            assert_eq!((page.total, page.sessions.len() as u64), (42, (42 - from).min(3)));
        }
    }
    let report = database.past_rooms.check_tally("room01").await.expect("checked");
    assert!(report.is_consistent(), "{report:?}");
    assert_eq!(report.stray, stray);
}

#[tokio::test]
async fn many_stray_rows_take_few_requests() {
    let database = Database::start().await;
    for number in 0..600 {
        let key = RowKey::new("room01", format!("20240112 {number:04}#x"));
        database.put_item(key.into_item()).await;
    }
    let report = database.past_rooms.check_tally("room01").await.expect("checked");
    assert_eq!((report.exists, report.stray.len()), (true, 600));
    database.record(&history("room01", 40, 700)).await;
    for order in [Order::Asc, Order::Desc] {
        for from in [0, 39] {
            let meter = Arc::new(Meter::default());
            let query = PageQuery::new(["room01"]).from(from).limit(3).order(order);
            let page = database.past_rooms.metered(&meter).page(&query).await.expect("a page");
            assert_eq!((page.total, page.sessions.len() as u64), (40, (40 - from).min(3)));
            assert!(meter.requests() <= 15, "{order:?} {from}: {}", meter.requests());
        }
    }
}

#[tokio::test]
async fn unreadable_tally_is_recounted() {
    for (sort_key, attribute, value) in [
        ("#2024-01", "7", AttributeValue::S("many".to_owned())),
        ("#2024-01", "7", AttributeValue::N("-3".to_owned())),
        ("#2024-01", "version", AttributeValue::S("one".to_owned())),
        ("#2024-01", "7", AttributeValue::N("9".to_owned())),
        ("~", "2024-01", AttributeValue::N("-1".to_owned())),
        ("~", "2024-01", AttributeValue::N("7000".to_owned())),
        ("~", "2024-01", AttributeValue::S("many".to_owned())),
    ] {
        let database = Database::start().await;
        let mut deliveries = Deliveries::of(&database).await;
        database.record(&history("room01", 30, 90)).await;
        let mut tally = database.item("room01", sort_key).await.expect("a tally");
        tally.insert(attribute.to_owned(), value.clone());
        database.put_item(tally).await;
        database.put_foreign(&foreign("room01", 1)).await;
        assert_eq!(deliveries.deliver(&database.past_rooms).await, 1);
        assert_eq!(assert_agreement(&database).await, 31, "{sort_key} {attribute} {value:?}");
    }
}

#[tokio::test]
async fn uncounted_session_is_deleted_without_trace() {
    let database = Database::start().await;
    let mut deliveries = Deliveries::of(&database).await;
    database.record(&history("room01", 3, 600)).await;
    let others = foreign("room01", 1);
    database.put_foreign(&others).await;
    let keys = [crate::support::session_key(&others[0])];
    assert_eq!(database.past_rooms.delete("room01", &keys).await, Ok(1));
    assert_eq!(deliveries.deliver(&database.past_rooms).await, 2);
    assert_eq!(assert_agreement(&database).await, 3);
}
