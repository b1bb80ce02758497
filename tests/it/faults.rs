//! A DynamoDB that refuses, stalls, answers garbage or dies in mid-answer: the contract's error, in time, and never a
//! shorter page.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lambda_http::{Context, RequestExt};
use past_rooms::{PastRoom, Session};
use serde_json::json;

use crate::support::proxy::{Fault, Proxy};
use crate::support::{Answer, Database, app, ask, history, send, session_key, signed};

const BODY: &str = r#"{"room_ids":["room01","room02"],"from":30,"limit":20}"#;

async fn two_rooms() -> Database {
    let database = Database::start().await;
    database.record(&history("room01", 60, 60)).await;
    database.put_foreign(&history("room02", 60, 90)).await;
    database
}

fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{:?}", answer.body);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.body["status"], false);
    assert!(answer.body.get("result").is_none());
    assert!(answer.msg().contains("try again"), "{}", answer.msg());
    assert!(!answer.msg().contains("DynamoDB"), "{}", answer.msg());
}

fn assert_internal(answer: &Answer) {
    assert_eq!(answer.status, 500, "{:?}", answer.body);
    assert_eq!(answer.body, json!({"status": false, "msg": "internal error"}));
}

/// Asks through a proxy that does `fault` to every request from the `healthy`th on.
async fn ask_through(database: &Database, healthy: usize, fault: Fault) -> Answer {
    let decide = move |number, _: &str| {
        if number < healthy { Fault::Pass } else { fault.clone() }
    };
    let proxy = Proxy::start(&database.endpoint, decide).await;
    ask(&app(database.at(&proxy.endpoint)), BODY).await
}

#[tokio::test]
async fn throttling_and_failures_are_503() {
    let database = two_rooms().await;
    let faults = [
        Fault::Refuse(400, "ProvisionedThroughputExceededException"),
        Fault::Refuse(400, "ThrottlingException"),
        Fault::Refuse(400, "RequestLimitExceeded"),
        Fault::Refuse(500, "InternalServerError"),
        Fault::Refuse(503, "ServiceUnavailable"),
    ];
    for fault in faults {
        assert_unavailable(&ask_through(&database, 0, fault.clone()).await);
        assert_unavailable(&ask_through(&database, 2, fault).await);
    }
}

#[tokio::test]
async fn unreachable_dynamodb_is_503() {
    let database = two_rooms().await;
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::CutInside, Fault::Garbage] {
        assert_unavailable(&ask_through(&database, 0, fault.clone()).await);
        assert_unavailable(&ask_through(&database, 2, fault).await);
    }
    // The port is closed again.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    assert_unavailable(&ask(&app(database.at(&endpoint)), BODY).await);
}

#[tokio::test]
async fn permanent_failure_is_500() {
    let database = two_rooms().await;
    for fault in [
        Fault::Refuse(400, "AccessDeniedException"),
        Fault::Refuse(400, "ResourceNotFoundException"),
        Fault::Refuse(400, "ValidationException"),
    ] {
        assert_internal(&ask_through(&database, 0, fault.clone()).await);
        assert_internal(&ask_through(&database, 2, fault).await);
    }
}

#[tokio::test]
async fn single_failure_is_retried() {
    let database = two_rooms().await;
    let expected = ask(&database.app(), BODY).await;
    assert_eq!(expected.status, 200);
    for broken in 0..expected.rooms().len() / 5 {
        for fault in [
            Fault::CutBefore,
            Fault::CutAfter,
            Fault::CutInside,
            Fault::Refuse(400, "ThrottlingException"),
            Fault::Refuse(500, "InternalServerError"),
        ] {
            let decide = move |number, _: &str| {
                if number == broken { fault.clone() } else { Fault::Pass }
            };
            let proxy = Proxy::start(&database.endpoint, decide).await;
            let answer = ask(&app(database.at(&proxy.endpoint)), BODY).await;
            assert_eq!((answer.status, &answer.body), (200, &expected.body));
        }
    }
}

#[tokio::test]
async fn stall_is_answered_before_the_deadline() {
    let database = two_rooms().await;
    for healthy in 0..3 {
        let decide = move |number, _: &str| {
            if number < healthy { Fault::Pass } else { Fault::Stall }
        };
        let proxy = Proxy::start(&database.endpoint, decide).await;
        let app = app(database.at(&proxy.endpoint));
        let deadline = SystemTime::now() + Duration::from_millis(1500);
        let started = Instant::now();
        let answer = send(&app, with_deadline(deadline)).await;
        assert_unavailable(&answer);
        assert!(SystemTime::now() < deadline, "answered after {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn expired_deadline_is_answered_at_once() {
    let database = two_rooms().await;
    let soon = SystemTime::now() + Duration::from_millis(300);
    assert_unavailable(&send(&database.app(), with_deadline(soon)).await);
}

#[tokio::test]
async fn past_deadline_is_ignored() {
    let database = two_rooms().await;
    for deadline in [SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + Duration::from_secs(600)] {
        assert_eq!(send(&database.app(), with_deadline(deadline)).await.status, 200);
    }
}

fn with_deadline(deadline: SystemTime) -> lambda_http::Request {
    let since_epoch = deadline.duration_since(SystemTime::UNIX_EPOCH).expect("after the epoch");
    let mut context = Context::default();
    context.deadline = since_epoch.as_millis() as u64;
    signed(BODY).with_lambda_context(context)
}

#[tokio::test]
async fn requests_in_flight_are_bounded() {
    let database = Database::start().await;
    let rooms: Vec<String> = (0..300).map(|number| format!("room{number}")).collect();
    let sessions: Vec<_> = rooms.iter().flat_map(|room| history(room, 2, 60)).collect();
    database.put_foreign(&sessions).await;
    let proxy = Arc::new(
        Proxy::start(&database.endpoint, |_, _| Fault::Delay(Duration::from_millis(5))).await,
    );
    let answer =
        ask(&app(database.at(&proxy.endpoint)), &json!({"room_ids": rooms}).to_string()).await;
    assert_eq!(answer.total(), 600);
    assert!(proxy.most_in_flight() <= 100, "{}", proxy.most_in_flight());
    assert!(proxy.most_in_flight() > 10, "rooms are read side by side: {}", proxy.most_in_flight());
}

/// Asserts what a page may show while sessions whose ids begin with `moving` come and go and the others
/// stay: a slice of the history in which each of the moving ones is there or not.
fn assert_slice(answer: &Answer, all: &[Session], from: usize, limit: usize) {
    let mut all: Vec<PastRoom> = all.iter().map(Session::to_past_room).collect();
    let order =
        |room: &PastRoom| (room.created.clone(), room.room_sid.clone(), room.room_id.clone());
    all.sort_by_key(|room| std::cmp::Reverse(order(room)));
    let (rows, total) = (answer.rooms(), answer.total() as usize);
    let moves = |room: &&PastRoom| room.room_sid.starts_with("moving");
    let places: Vec<usize> = rows
        .iter()
        .map(|row| all.iter().position(|room| room == row).expect("a session of the history"))
        .collect();
    assert!(places.is_sorted_by(|one, other| one < other), "in order, each once: {places:?}");
    // Between two rows only sessions that move may be missing.
    for pair in places.windows(2) {
        assert!(all[pair[0] + 1..pair[1]].iter().all(|room| moves(&room)), "a hole: {places:?}");
    }
    if let (Some(first), Some(last)) = (places.first(), places.last()) {
        // The first row has the rank `from`, if some of the moving sessions before it are there.
        let staying = all[..*first].iter().filter(|room| !moves(room)).count();
        assert!((staying..=*first).contains(&from), "rank {from} at {first}");
        assert!(total >= from + rows.len(), "{total} sessions, {} rows from {from}", rows.len());
        if rows.len() < limit {
            assert_eq!(total, from + rows.len(), "a short page is the last");
            assert!(all[last + 1..].iter().all(|room| moves(&room)), "rows are lost at the end");
        }
    } else {
        assert!(total <= from, "an empty page lies behind the end");
    }
    let staying = all.iter().filter(|room| !moves(room)).count();
    assert!((staying..=all.len()).contains(&total), "{total} sessions");
}

#[tokio::test]
async fn pages_beside_writers_are_slices_of_history() {
    let database = Database::start().await;
    let (mut staying, mut moving) = (Vec::new(), Vec::new());
    for room in ["room01", "room02"] {
        for (number, mut session) in history(room, 60, 45).into_iter().enumerate() {
            if number % 3 == 0 {
                session.room_sid = format!("moving_{number}");
                moving.push(session);
            } else {
                staying.push(session);
            }
        }
    }
    database.record(&staying).await;
    let (past_rooms, sessions) = (database.past_rooms.clone(), moving.clone());
    let writer = tokio::spawn(async move {
        for round in 0..4 {
            for session in &sessions {
                if round % 2 == 0 {
                    let session = std::slice::from_ref(session);
                    past_rooms.record(session).await.expect("recorded");
                } else {
                    let key = [session_key(session)];
                    past_rooms.delete(&session.room_id, &key).await.expect("deleted");
                }
            }
        }
    });
    let app = database.app();
    let all = [staying, moving].concat();
    let mut pages = 0;
    while !writer.is_finished() {
        for (from, limit) in [(0, 20), (13, 20), (40, 30), (70, 20), (90, 40), (100, 7)] {
            let body = json!({"room_ids": ["room01", "room02"], "from": from, "limit": limit});
            let answer = ask(&app, &body.to_string()).await;
            if answer.status == 200 {
                assert_slice(&answer, &all, from, limit);
                pages += 1;
            } else {
                assert_unavailable(&answer);
            }
        }
    }
    writer.await.expect("the writer ended");
    assert!(pages > 20, "{pages} pages");
}
