//! Webhooks, from the HTTP request to the session in the history.

use std::sync::Arc;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use lambda_http::http::{self, Method};
use lambda_http::{Body, Request};
use past_rooms::lambda::config::ApiCredentials;
use past_rooms::meeting::{SILENCE, timer_expired};
use past_rooms::webhook::handler::{App, handle};
use past_rooms::webhook::verify::sign;
use past_rooms::{Entry, Fields, Marks, PageQuery, PastRoom, PastRooms, RowKey, Session};
use serde_json::{Value, json};

use crate::support::exchange::Exchange;
use crate::support::proxy::{Fault, Proxy};
use crate::support::stream::{Deliveries, invoke};
use crate::support::{Database, KEY, SECRET, session, session_key, time};

pub const START: i64 = 1_795_341_600;
/// 2100: what is signed for a test is valid whenever it runs.
const VALID_UNTIL: i64 = 4_102_444_800;

fn credentials() -> ApiCredentials {
    ApiCredentials { key: KEY.to_owned(), secret: SECRET.to_owned() }
}

pub fn app(past_rooms: PastRooms) -> App {
    App { credentials: credentials().into(), past_rooms }
}

pub fn request(method: Method, body: &str, token: &str) -> Request {
    let request = http::Request::builder().method(method).uri("/webhook");
    let request = request.header("Hash-Token", token).header("Authorization", token);
    request.body(Body::Text(body.to_owned())).expect("a request")
}

pub async fn send(app: &App, request: Request) -> (u16, Value) {
    let exchange = Exchange::of(&request);
    let response = handle(app, request).await;
    let status = response.status().as_u16();
    let body = serde_json::from_slice(response.body().as_ref()).expect("every answer is JSON");
    exchange.answered(status, &body);
    (status, body)
}

/// Sends an event as a server does.
pub async fn post(app: &App, event: &Value) -> u16 {
    let body = event.to_string();
    let token = sign(&credentials(), body.as_bytes(), VALID_UNTIL);
    send(app, request(Method::POST, &body, &token)).await.0
}

pub fn event(name: &str, room: &str, sid: &str, at: i64, created: Option<i64>) -> Value {
    let metadata = json!({"room_title": format!("Title of {sid}"), "webhook_url": "https://x"});
    let mut room = json!({"sid": sid, "room_id": room, "metadata": metadata.to_string()});
    if let Some(created) = created {
        room["creation_time"] = json!(created.to_string());
    }
    json!({"event": name, "room": room, "created_at": at.to_string(), "id": format!("{name}{at}")})
}

pub fn with_person(mut event: Value, identity: &str) -> Value {
    event["participant"] = json!({"sid": "PA_x", "identity": identity});
    event
}

/// The events of a meeting that begins at `start`: three people, one joining twice, and a
/// recorder.
pub fn meeting(room: &str, sid: &str, start: i64) -> Vec<Value> {
    let joined = |at, identity| {
        let event = event("participant_joined", room, sid, start + at, Some(start + 1));
        with_person(event, identity)
    };
    let mut analytics = event("artifact_created", room, sid, start + 670, None);
    analytics["room"] = json!({"sid": sid, "room_id": room});
    analytics["room_artifact"] =
        json!({"type": "MEETING_ANALYTICS", "artifact_id": format!("{sid}-file")});
    vec![
        event("room_created", room, sid, start + 1, Some(start)),
        joined(2, "ann"),
        joined(3, "bob"),
        joined(4, "RECORDER_BOT"),
        with_person(event("participant_left", room, sid, start + 60, Some(start + 1)), "ann"),
        joined(70, "ann"),
        joined(80, "sip_49"),
        event("room_finished", room, sid, start + 601, Some(start + 1)),
        event("session_ended", room, sid, start + 600, Some(start + 1)),
        analytics,
    ]
}

pub fn past_room(room: &str, sid: &str, start: i64) -> PastRoom {
    let text = |seconds| {
        let time = jiff::Timestamp::from_second(seconds).expect("a time");
        format!("{time:.3}")
    };
    PastRoom {
        room_title: format!("Title of {sid}"),
        room_id: room.to_owned(),
        room_sid: sid.to_owned(),
        joined_participants: 3,
        webhook_url: "https://x".to_owned(),
        created: text(start),
        ended: text(start + 600),
        analytics_file_id: Some(format!("{sid}-file")),
    }
}

/// The sessions of rooms, oldest first; the total and the tallies fit them.
pub async fn history(database: &Database, rooms: &[&str]) -> Vec<PastRoom> {
    let query = PageQuery::new(rooms.iter().copied()).limit(100);
    let page = database.past_rooms.page(&query).await.expect("a page");
    assert_eq!(page.total, page.sessions.len() as u64);
    for room in rooms {
        let report = database.past_rooms.check_tally(room).await.expect("a report");
        assert!(report.is_consistent(), "{:?}", report.differences);
    }
    let mut sessions = page.sessions;
    sessions.reverse();
    sessions
}

#[tokio::test]
async fn incomplete_needed_event_is_refused() {
    let database = Database::start().await;
    let app = app(database.past_rooms.clone());
    let analytics = || meeting("r", "SID_x", START).pop().expect("the analytics");
    let with = |mut event: Value, pointer: &str, value: Value| {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        event.pointer_mut(parent).expect("there")[name] = value;
        event
    };
    let ended = || event("session_ended", "r", "SID_x", START + 600, Some(START));
    let renamed = json!({"sid": "SID_x", "roomId": "r", "creationTime": START});
    let other = json!({"type": "RECORDING", "artifact_id": ""});
    for (event, status) in [
        (with(ended(), "/room", Value::Null), 400),
        (with(ended(), "/room/sid", json!("")), 400),
        (with(ended(), "/room/sid", Value::Null), 400),
        (with(ended(), "/room/room_id", json!("")), 400),
        (with(ended(), "/created_at", Value::Null), 400),
        (with(ended(), "/created_at", json!("0")), 400),
        (with(ended(), "/created_at", json!(0)), 400),
        (with(ended(), "/created_at", json!("1795341600000")), 400),
        (with(ended(), "/room/creation_time", json!("253402300799")), 400),
        (with(ended(), "/room/creation_time", json!(-5)), 200),
        (with(ended(), "/room/metadata", json!({})), 200),
        (with(ended(), "/room/metadata", Value::Null), 200),
        (with(analytics(), "/room_artifact", Value::Null), 400),
        (with(analytics(), "/room_artifact/artifact_id", json!("")), 400),
        (with(analytics(), "/room", Value::Null), 400),
        (with(ended(), "/room/creation_time", Value::Null), 200),
        (with(ended(), "/room/metadata", json!("no JSON")), 200),
        (with(ended(), "/room", renamed), 200),
        (with(ended(), "/created_at", json!(START + 600)), 200),
        (with(ended(), "/participant", Value::Null), 200),
        (with(with(analytics(), "/room", Value::Null), "/room_artifact", other), 200),
        (
            with(
                with(analytics(), "/room_artifact", Value::Null),
                "/analytics",
                json!({"file_id": "f"}),
            ),
            200,
        ),
        (json!({"event": "track_published", "room": null, "created_at": null}), 200),
    ] {
        assert_eq!(post(&app, &event).await, status, "{event}");
    }
}

#[tokio::test]
async fn ended_meeting_is_in_the_history() {
    let database = Database::start().await;
    let app = app(database.past_rooms.clone());
    let events = meeting("r", "SID_x", START);
    let at_end = events.len() - 3;
    for event in &events[..at_end] {
        assert_eq!(post(&app, event).await, 200);
        assert_eq!(history(&database, &["r"]).await, []);
    }
    for event in &events[at_end..] {
        assert_eq!(post(&app, event).await, 200);
        assert_eq!(history(&database, &["r"]).await.len(), 1);
    }
    assert_eq!(history(&database, &["r"]).await, [past_room("r", "SID_x", START)]);
}

#[tokio::test]
async fn any_event_order_gives_the_same_session() {
    for seed in 0..24 {
        let database = Database::start().await;
        let app = app(database.past_rooms.clone());
        let mut random = fastrand::Rng::with_seed(seed);
        let mut events = meeting("r", "SID_x", START);
        events.extend(meeting("r", "SID_x", START));
        random.shuffle(&mut events);
        for event in &events {
            assert_eq!(post(&app, event).await, 200);
        }
        let history = history(&database, &["r"]).await;
        assert_eq!(history, [past_room("r", "SID_x", START)], "seed {seed}");
    }
}

#[tokio::test]
async fn concurrent_meetings_are_all_recorded() {
    for seed in 0..4 {
        let database = Database::start().await;
        let app = Arc::new(app(database.past_rooms.clone()));
        let mut random = fastrand::Rng::with_seed(seed);
        let mut expected = Vec::new();
        let mut events = Vec::new();
        for number in 0..3 {
            for room in ["r0", "r1"] {
                let (sid, start) = (format!("{room}-{number}"), START + number * 700);
                events.extend(meeting(room, &sid, start));
                events.extend(meeting(room, &sid, start));
                expected.push(past_room(room, &sid, start));
            }
        }
        random.shuffle(&mut events);
        for together in events.chunks(8) {
            let posts = together.iter().map(|event| post(&app, event));
            assert!(join_all(posts).await.iter().all(|status| *status == 200), "seed {seed}");
        }
        let mut history = history(&database, &["r0", "r1"]).await;
        history.sort_by_key(|session| (session.created.clone(), session.room_sid.clone()));
        assert_eq!(history, expected, "seed {seed}");
    }
}

#[tokio::test]
async fn lost_events_are_made_up_for() {
    for (lost, created) in [
        (&["room_created"][..], START + 1),
        (&["room_created", "session_ended"], START + 1),
        (&["room_created", "participant_joined", "participant_left"], START + 1),
        (&["session_ended"], START),
        (&["room_finished"], START),
    ] {
        let database = Database::start().await;
        let app = app(database.past_rooms.clone());
        let events = meeting("r", "SID_x", START);
        let name = |event: &Value| event["event"].as_str().expect("a name").to_owned();
        for event in events.iter().filter(|event| !lost.contains(&&*name(event))) {
            assert_eq!(post(&app, event).await, 200);
        }
        let mut expected = past_room("r", "SID_x", created);
        let ended = if lost.contains(&"session_ended") { START + 601 } else { START + 600 };
        expected.ended = past_room("r", "SID_x", ended - 600).ended;
        expected.joined_participants = if lost.contains(&"participant_joined") { 0 } else { 3 };
        assert_eq!(history(&database, &["r"]).await, [expected], "{lost:?}");
    }
}

/// Unsigned requests cause no request to DynamoDB.
#[tokio::test]
async fn refused_webhook_reads_and_writes_nothing() {
    let database = Database::start().await;
    let proxy = Proxy::start(&database.endpoint, |_, _| Fault::Pass).await;
    let app = app(database.at(&proxy.endpoint));
    let body = meeting("r", "SID_x", START)[0].to_string();
    let signed = |body: &str| sign(&credentials(), body.as_bytes(), VALID_UNTIL);
    let other = ApiCredentials { secret: "other".to_owned(), ..credentials() };
    let other_event = r#"{"event":"track_published"}"#;
    let long = format!("{body}{}", " ".repeat(256 * 1024));
    let fits = format!("{body}{}", " ".repeat(256 * 1024 - body.len()));
    for (request, status) in [
        (request(Method::POST, &body, &sign(&other, body.as_bytes(), VALID_UNTIL)), 401),
        (request(Method::POST, &body, &sign(&credentials(), body.as_bytes(), START)), 401),
        (request(Method::POST, &body, &signed("{}")), 401),
        (request(Method::POST, &body, ""), 401),
        (http::Request::new(Body::Text(body.clone())), 405),
        (request(Method::GET, &body, &signed(&body)), 405),
        (request(Method::POST, "{", &signed("{")), 400),
        (request(Method::POST, "{}", &signed("{}")), 400),
        (request(Method::POST, other_event, &signed(other_event)), 200),
        (request(Method::POST, &long, &signed(&long)), 413),
        // Without a signature, the answer does not tell the maximum length of a body.
        (request(Method::POST, &long, "x"), 401),
    ] {
        let (answered, body) = send(&app, request).await;
        assert_eq!(answered, status, "{body}");
        assert_eq!(body["status"], status == 200);
    }
    assert_eq!((proxy.requests(), database.all_items().await.len()), (0, 0));
    assert_eq!(send(&app, request(Method::POST, &fits, &signed(&fits))).await.0, 200);
    assert!(proxy.requests() > 0);
}

#[tokio::test]
async fn failure_is_503_and_a_retry_succeeds() {
    let database = Database::start().await;
    let events = meeting("r", "SID_x", START);
    // Each request of each event fails once; the server sends the event again.
    for failing in 0..12 {
        let room = format!("r{failing}");
        let sid = format!("SID_{failing}");
        for event in meeting(&room, &sid, START) {
            let proxy = Proxy::start(&database.endpoint, move |number, _| {
                let refuse = Fault::Refuse(400, "AccessDeniedException");
                if number == failing { refuse } else { Fault::Pass }
            })
            .await;
            let app = app(database.at(&proxy.endpoint));
            if post(&app, &event).await != 200 {
                assert_eq!(post(&app, &event).await, 200);
            }
        }
        assert_eq!(history(&database, &[&room]).await, [past_room(&room, &sid, START)]);
    }
    let proxy = Proxy::start(&database.endpoint, |_, _| Fault::CutBefore).await;
    assert_eq!(post(&app(database.at(&proxy.endpoint)), &events[0]).await, 503);
}

fn imported(created: &str) -> Session {
    let mut imported = session("r", created, "SID_x");
    imported.room_title = "Imported".to_owned();
    imported.joined_participants = 1;
    imported.ended = Some(time("2026-11-22T10:10:05Z"));
    imported
}

#[tokio::test]
async fn imported_session_keeps_its_row() {
    // At the database's time, and at another.
    for created in ["2026-11-22T10:00:00Z", "2026-11-22T09:00:03Z", "2026-10-22T09:00:03Z"] {
        let database = Database::start().await;
        database.record(&[imported(created)]).await;
        assert_eq!(time("2026-11-22T10:00:00Z").as_second(), START);
        let app = app(database.past_rooms.clone());
        for event in meeting("r", "SID_x", START) {
            assert_eq!(post(&app, &event).await, 200);
        }
        assert_eq!(history(&database, &["r"]).await, [past_room("r", "SID_x", START)], "{created}");
    }
}

#[tokio::test]
async fn imports_time_stays_without_room_created() {
    let database = Database::start().await;
    let mut imported = imported("2026-11-22T10:00:00Z");
    imported.analytics_file_id = Some("imported-file".to_owned());
    imported.joined_participants = 7;
    database.record(&[imported]).await;
    let app = app(database.past_rooms.clone());
    let mut ended = event("session_ended", "r", "SID_x", START + 600, Some(START + 2));
    ended["room"]["metadata"] = json!("");
    // The media server's report comes first, with another time.
    let mut finished = event("room_finished", "r", "SID_x", START + 601, Some(START + 1));
    finished["room"]["metadata"] = json!("");
    for event in [finished, ended] {
        assert_eq!(post(&app, &event).await, 200);
    }
    let history = history(&database, &["r"]).await;
    let mut expected = past_room("r", "SID_x", START);
    expected.room_title = "Imported".to_owned();
    expected.webhook_url = "https://example.org/hook".to_owned();
    expected.joined_participants = 7;
    expected.analytics_file_id = Some("imported-file".to_owned());
    assert_eq!(history, [expected]);
}

#[tokio::test]
async fn import_makes_a_guessed_time_certain() {
    let database = Database::start().await;
    let app = app(database.past_rooms.clone());
    let ended = event("room_finished", "r", "SID_x", START + 600, Some(START + 2));
    assert_eq!(post(&app, &ended).await, 200);
    // The import agrees with the guess. Later events with another one change nothing.
    let entry = |created| Entry {
        session: imported(created),
        fields: Fields::ALL,
        marks: Marks::default(),
    };
    let mut importer = database.past_rooms.importer();
    let first = [entry("2026-11-22T10:00:02Z")];
    assert_eq!(importer.write(&first).await.expect("imported").recorded.changed, 1);
    for event in meeting("r", "SID_x", START).split_off(8) {
        assert_eq!(post(&app, &event).await, 200);
    }
    let other_zone = importer.write(&[entry("2026-11-22T11:00:00Z")]).await.expect("compared");
    assert_eq!(other_zone.misplaced.len(), 1);
    let history = history(&database, &["r"]).await;
    assert_eq!(history[0].created, "2026-11-22T10:00:02.000Z");
}

#[tokio::test]
async fn deleted_session_stays_deleted() {
    let database = Database::start().await;
    let app = app(database.past_rooms.clone());
    let events = meeting("r", "SID_x", START);
    let (analytics, others) = events.split_last().expect("events");
    for event in others {
        assert_eq!(post(&app, event).await, 200);
    }
    let key = session_key(&session("r", "2026-11-22T10:00:00Z", "SID_x"));
    assert_eq!(database.past_rooms.delete("r", &[key]).await.expect("deleted"), 1);
    assert_eq!(post(&app, analytics).await, 200);
    assert_eq!(history(&database, &["r"]).await, []);
}

/// A meeting without its ends.
pub fn unended(room: &str, sid: &str, start: i64) -> Vec<Value> {
    meeting(room, sid, start).drain(..7).collect()
}

#[tokio::test]
async fn unended_meeting_ends_with_the_next() {
    for backwards in [false, true] {
        let database = Database::start().await;
        let app = app(database.past_rooms.clone());
        let mut meetings = [unended("r", "SID_1", START), meeting("r", "SID_2", START + 1000)];
        if backwards {
            meetings[0].reverse();
            meetings.reverse();
        }
        for event in meetings.iter().flatten() {
            assert_eq!(post(&app, event).await, 200);
        }
        let mut first = past_room("r", "SID_1", START);
        first.ended = past_room("r", "SID_1", START + 80 - 600).ended;
        first.analytics_file_id = None;
        let second = past_room("r", "SID_2", START + 1000);
        assert_eq!(history(&database, &["r"]).await, [first, second], "backwards: {backwards}");
        // The end comes after all.
        let late = event("session_ended", "r", "SID_1", START + 600, Some(START));
        assert_eq!(post(&app, &late).await, 200);
        let first = history(&database, &["r"]).await.swap_remove(0);
        assert_eq!(first.ended, past_room("r", "SID_1", START).ended);
    }
}

#[tokio::test]
async fn silent_meeting_ends_with_its_timer() {
    let database = Database::start().await;
    let app = app(database.past_rooms.clone());
    for event in unended("r", "SID_x", START) {
        assert_eq!(post(&app, &event).await, 200);
    }
    let timer = RowKey::new("r", "!timer#SID_x");
    assert!(database.item("r", &timer.sort_key).await.expect("a timer").contains_key("expires"));
    let expired = |key: RowKey, now| {
        let past_rooms = database.past_rooms.clone();
        async move { timer_expired(&past_rooms, &key, now).await.expect("looked after") }
    };
    // Something was heard a day before: the timer is set again.
    expired(timer.clone(), START + SILENCE).await;
    assert_eq!(history(&database, &["r"]).await, []);
    let reset = database.item("r", &timer.sort_key).await.expect("a timer");
    let expires = reset["expires"].as_n().expect("a number");
    assert_eq!(*expires, (START + 80 + SILENCE).to_string());
    for _ in 0..2 {
        expired(timer.clone(), START + 80 + SILENCE).await;
        let mut session = past_room("r", "SID_x", START);
        session.ended = past_room("r", "SID_x", START + 80 - 600).ended;
        session.analytics_file_id = None;
        assert_eq!(history(&database, &["r"]).await, [session]);
    }
    // Timers of unknown meetings, and rows that are not timers.
    expired(RowKey::new("r", "!timer#SID_y"), START).await;
    expired(RowKey::new("r", "~"), START).await;
}

#[tokio::test]
async fn deleted_timer_ends_or_renews_a_meeting() {
    /// 2020, and 2100: long before and after any day on which this runs.
    const LONG_AGO: i64 = 1_577_836_800;
    let database = Database::start().await;
    let mut deliveries = Deliveries::of(&database).await;
    let app = app(database.past_rooms.clone());
    for (room, start) in [("over", LONG_AGO), ("goes-on", VALID_UNTIL)] {
        for event in unended(room, "SID_x", start) {
            assert_eq!(post(&app, &event).await, 200);
        }
    }
    let (_, calls) = deliveries.next().await;
    assert!(calls.is_empty(), "bookkeeping calls nobody: {calls:?}");
    let timer = "!timer#SID_x";
    // As DynamoDB's time to live does.
    for room in ["over", "goes-on"] {
        database.delete_item(RowKey::new(room, timer)).await;
    }
    // A hundred years: an expiry that is long past would become a later one.
    let kept = database.past_rooms.with_retention_days(36_500);
    let (_, calls) = deliveries.next().await;
    assert_eq!(calls.len(), 2);
    // An event may come twice.
    for _ in 0..2 {
        assert!(invoke(&kept, &calls).await.is_empty());
    }
    let mut session = past_room("over", "SID_x", LONG_AGO);
    session.ended = past_room("over", "SID_x", LONG_AGO + 80 - 600).ended;
    session.analytics_file_id = None;
    assert_eq!(history(&database, &["over", "goes-on"]).await, [session]);
    let recorded = database.item("over", "2020-01-01T00:00:00.000Z#SID_x").await.expect("a row");
    let expires = recorded["expires"].as_n().expect("a number");
    assert_eq!(*expires, (LONG_AGO + 80 + 36_500 * 86_400).to_string());
    assert!(database.item("over", timer).await.is_none());
    assert!(database.item("goes-on", timer).await.is_some());
}

#[tokio::test]
async fn ten_thousand_participants_are_counted() {
    let database = Database::start().await;
    let app = app(database.past_rooms.clone());
    // Most of them are put as the function has them in the table, in as many rows.
    let mut random = fastrand::Rng::with_seed(1);
    for bucket in 0..64_usize {
        let mut row = RowKey::new("r", format!("!people#SID_x#{bucket:02}")).into_item();
        let before = 9_500 * bucket / 64..9_500 * (bucket + 1) / 64;
        let people = before.map(|_| Blob::new(random.u64(..).to_be_bytes())).collect();
        row.insert("people".to_owned(), AttributeValue::Bs(people));
        database.put_item(row).await;
    }
    let people: Vec<usize> = (0..500).collect();
    for some in people.chunks(50) {
        let posts = some.iter().map(|number| {
            let joined = event("participant_joined", "r", "SID_x", START + 5, Some(START));
            let joined = with_person(joined, &format!("user-{number}"));
            let app = &app;
            async move { post(app, &joined).await }
        });
        assert!(join_all(posts).await.iter().all(|status| *status == 200));
    }
    let ended = event("session_ended", "r", "SID_x", START + 600, Some(START));
    assert_eq!(post(&app, &ended).await, 200);
    assert_eq!(history(&database, &["r"]).await[0].joined_participants, 10_000);
    let sizes = database.all_items().await.into_iter().map(|item| format!("{item:?}").len());
    assert!(sizes.max().expect("rows") < 100_000);
}

#[tokio::test]
async fn meeting_rows_expire_and_are_not_indexed() {
    let database = Database::start().await;
    let app = app(database.past_rooms.clone());
    for event in unended("r", "SID_x", START) {
        assert_eq!(post(&app, &event).await, 200);
    }
    let rows = database.all_items().await;
    assert!(rows.len() >= 3);
    for row in rows {
        assert!(row["created_sid"].as_s().expect("a key").starts_with('!'));
        assert!(row.contains_key("expires") && !row.contains_key("room_sid"), "{row:?}");
    }
    let query = PageQuery::new(["r"]).room_sid("SID_x");
    assert_eq!(database.past_rooms.page(&query).await.expect("a page").total, 0);
}
