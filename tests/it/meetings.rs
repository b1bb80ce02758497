//! Meetings whose events are lost, repeated, late, at once, or fail half way, against a plain model of
//! what their sessions must be.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use past_rooms::meeting::{SILENCE, timer_expired};
use past_rooms::{PageQuery, PastRoom, RowKey};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::proxy::{Fault, Proxy};
use crate::support::stream::Deliveries;
use crate::support::{Database, embedded};
use crate::webhook::{START, app, event, history, meeting, past_room, post, unended, with_person};

const DAY: i64 = 86_400;

/// The session that a meeting's events make, by what docs/use/webhook.md says.
fn expected(events: &[Value]) -> PastRoom {
    let of = |names: &[&str]| -> Vec<&Value> {
        let is_one = |event: &&Value| names.contains(&event["event"].as_str().expect("a name"));
        events.iter().filter(is_one).collect()
    };
    let number = |value: &Value| value.as_str()?.parse::<i64>().ok();
    let at = |event: &Value| number(&event["created_at"]).expect("a time");
    let people = ["participant_joined", "participant_left"];
    let by_preference = [&["room_created"][..], &["session_ended"], &people, &["room_finished"]];
    let created = by_preference
        .iter()
        .find_map(|names| number(&of(names).first()?["room"]["creation_time"]))
        .unwrap_or_else(|| events.iter().map(at).min().expect("an event"));
    let came_and_went = of(&["room_created", people[0], people[1]]);
    let ended = of(&["session_ended"]).first().map(|event| at(event));
    let ended = ended.or_else(|| of(&["room_finished"]).first().map(|event| at(event)));
    let ended = ended.or_else(|| came_and_went.iter().map(|event| at(event)).max());
    let ended = ended.expect("a report of the meeting");
    let joined: BTreeSet<&str> = of(&people)
        .into_iter()
        .filter_map(|event| event["participant"]["identity"].as_str())
        .filter(|identity| *identity != "RECORDER_BOT")
        .collect();
    let room = &events[0]["room"];
    let (room_id, sid) = (room["room_id"].as_str(), room["sid"].as_str().expect("a sid"));
    let mut session = past_room(room_id.expect("a room"), sid, created);
    session.ended = past_room("", "", ended.max(created) - 600).ended;
    session.joined_participants = joined.len() as i64;
    if of(&["artifact_created"]).is_empty() {
        session.analytics_file_id = None;
    }
    session
}

/// Lets the timers of all meetings expire at a time.
pub async fn expire_timers(database: &Database, now: i64) {
    for row in database.all_items().await {
        let key = RowKey::of_item(&row).expect("a key");
        if key.sort_key.starts_with("!timer#") {
            database.delete_item(key.clone()).await;
            timer_expired(&database.past_rooms, &key, now).await.expect("looked after");
        }
    }
}

#[tokio::test]
async fn events_in_any_order_make_their_sessions() {
    for seed in 0..8 {
        let database = Database::start().await;
        let app = app(database.past_rooms.clone());
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut sessions, mut events) = (Vec::new(), Vec::new());
        for room in ["r0", "r1", "r2"] {
            for number in 0..random.i64(1..4) {
                let mut came = meeting(room, &format!("{room}-{number}"), START + number * 700);
                for event in &mut came {
                    // The media server's clock is another one.
                    let name = event["event"].as_str().expect("a name");
                    if name.starts_with("participant") || name == "room_finished" {
                        event["room"]["creation_time"] =
                            (START + number * 700 + 2).to_string().into();
                    }
                }
                let lost = random.f64();
                let always = random.usize(..came.len());
                let mut index = 0;
                came.retain(|_| {
                    index += 1;
                    index - 1 == always || random.f64() > lost
                });
                // Analytics alone are no session.
                if came.iter().any(|event| event["event"] != "artifact_created") {
                    sessions.push(expected(&came));
                }
                let again = came.clone().into_iter().filter(|_| random.f64() < 0.4);
                events.extend(again.collect::<Vec<_>>());
                events.extend(came);
            }
        }
        random.shuffle(&mut events);
        while let Some(last) = events.len().checked_sub(1) {
            let together = events.split_off(last.saturating_sub(random.usize(..6)));
            let posts = together.iter().map(|event| post(&app, event));
            assert!(join_all(posts).await.iter().all(|status| *status == 200), "seed {seed}");
        }
        expire_timers(&database, START + 10 * DAY).await;
        let mut history = history(&database, &["r0", "r1", "r2"]).await;
        history.sort_by_key(|session| session.room_sid.clone());
        assert_eq!(history, sessions, "seed {seed}");
    }
}

/// Sends an event while one request to DynamoDB fails, and returns whether the event failed, too.
pub async fn fails(database: &Database, event: &Value, failing: usize) -> bool {
    let proxy = Proxy::start(&database.endpoint, move |number, _| {
        let refuse = Fault::Refuse(400, "AccessDeniedException");
        if number == failing { refuse } else { Fault::Pass }
    })
    .await;
    post(&app(database.at(&proxy.endpoint)), event).await != 200
}

#[tokio::test]
async fn next_event_completes_unfinished_work() {
    for failing in 0.. {
        let database = Database::start().await;
        let app = app(database.past_rooms.clone());
        for event in unended("r", "SID_1", START) {
            assert_eq!(post(&app, &event).await, 200);
        }
        let next = unended("r", "SID_2", START + 1000);
        if !fails(&database, &next[0], failing).await {
            assert!(failing > 3, "the beginning has some requests");
            break;
        }
        // The server gives that event up.
        assert_eq!(post(&app, &next[1]).await, 200);
        let mut first = past_room("r", "SID_1", START);
        first.ended = past_room("r", "SID_1", START + 80 - 600).ended;
        first.analytics_file_id = None;
        assert_eq!(history(&database, &["r"]).await, [first], "request {failing}");
        let timer = database.item("r", "!timer#SID_2").await;
        assert!(timer.is_some(), "request {failing}");
    }
}

/// From the expiry of the timer's row on, by the embedded DynamoDB itself.
#[tokio::test]
async fn time_to_live_ends_a_meeting() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let dynamodb = dynoxide::Database::memory().expect("a database");
    let endpoint = embedded::start(&dynamodb, [listener]).expect("served");
    let settings = embedded::settings(&endpoint);
    let client = past_rooms::dynamodb::client(&settings);
    let past_rooms =
        embedded::create_table(client, "past-rooms", embedded::Stream::On).await.expect("a table");
    let mut deliveries = Deliveries::open(&settings, past_rooms.table()).await;
    /// 2020: more than a day ago.
    const LONG_AGO: i64 = 1_577_836_800;
    for event in unended("r", "SID_x", LONG_AGO) {
        assert_eq!(post(&app(past_rooms.clone()), &event).await, 200);
    }
    assert_eq!(dynamodb.sweep_ttl().expect("swept"), 0);
    let mut timer = RowKey::new("r", "!timer#SID_x").into_item();
    let passed = jiff::Timestamp::now().as_second() - 1;
    timer.insert("expires".to_owned(), AttributeValue::N(passed.to_string()));
    let table = past_rooms.table();
    let put = table.client().put_item().table_name(table.name()).set_item(Some(timer));
    put.send().await.expect("put");
    assert_eq!(deliveries.deliver(&past_rooms).await, 0, "it is not over yet");
    assert_eq!(dynamodb.sweep_ttl().expect("swept"), 1);
    assert_eq!(deliveries.deliver(&past_rooms).await, 1);
    let page = past_rooms.page(&PageQuery::new(["r"])).await.expect("a page");
    assert_eq!((page.total, page.sessions[0].joined_participants), (1, 3));
}

#[tokio::test]
async fn unrecorded_end_is_recorded_by_the_timer() {
    for failing in 0.. {
        let database = Database::start().await;
        let ended = event("session_ended", "r", "SID_x", START + 600, Some(START));
        if !fails(&database, &ended, failing).await {
            assert!(failing > 5, "an end has some requests");
            break;
        }
        expire_timers(&database, START + DAY).await;
        let mut session = past_room("r", "SID_x", START);
        (session.joined_participants, session.analytics_file_id) = (0, None);
        // Of the first two requests one notes the end, and one sets the timer.
        let sessions = history(&database, &["r"]).await;
        assert!(sessions == [session] || (failing < 2 && sessions.is_empty()), "request {failing}");
    }
}

#[tokio::test]
async fn early_participants_of_long_meetings_count() {
    let database = Database::start().await;
    let app = app(database.past_rooms.clone());
    for event in unended("r", "SID_x", START) {
        assert_eq!(post(&app, &event).await, 200);
    }
    let now = START + SILENCE;
    expire_timers(&database, now).await;
    let mut kept = 0;
    for row in database.all_items().await {
        let expires: i64 = row["expires"].as_n().expect("a number").parse().expect("seconds");
        let is_timer = row["created_sid"].as_s().expect("a key").starts_with("!timer");
        assert_eq!(expires, if is_timer { START + 80 + SILENCE } else { now + 14 * DAY });
        kept += 1;
    }
    assert!(kept > 3, "the meeting, its people, its timer");
    // A clock that is years ahead does not set the timer to a time at which the meeting is forgotten.
    let ahead = event("room_created", "ahead", "SID_y", START + 4000 * DAY, None);
    assert_eq!(post(&app, &ahead).await, 200);
    let timer = RowKey::new("ahead", "!timer#SID_y");
    timer_expired(&database.past_rooms, &timer, now).await.expect("looked after");
    let timer = database.item("ahead", "!timer#SID_y").await.expect("a timer");
    assert_eq!(*timer["expires"].as_n().expect("a number"), (now + SILENCE).to_string());
}

#[tokio::test]
async fn meeting_resumed_after_a_day_ends_again() {
    let database = Database::start().await;
    let app = app(database.past_rooms.clone());
    for event in unended("r", "SID_x", START) {
        assert_eq!(post(&app, &event).await, 200);
    }
    expire_timers(&database, START + 80 + SILENCE).await;
    let ended = |sessions: &[PastRoom]| sessions[0].ended.clone();
    let at = |time| past_room("r", "SID_x", time - 600).ended;
    assert_eq!(ended(&history(&database, &["r"]).await), at(START + 80));
    assert_eq!(database.item("r", "!timer#SID_x").await, None);
    let late = START + 2 * SILENCE;
    let joined = with_person(event("participant_joined", "r", "SID_x", late, Some(START)), "late");
    assert_eq!(post(&app, &joined).await, 200);
    expire_timers(&database, late + SILENCE).await;
    let sessions = history(&database, &["r"]).await;
    assert_eq!((ended(&sessions), sessions[0].joined_participants), (at(late), 4));
}

#[tokio::test]
async fn crashed_meeting_ends_when_its_row_is_reused() {
    let database = Database::start().await;
    let app = app(database.past_rooms.clone());
    for event in unended("r", "SID_1", START) {
        assert_eq!(post(&app, &event).await, 200);
    }
    assert!(history(&database, &["r"]).await.is_empty());
    // The server takes the crashed meeting's row: another sid, the old creation time.
    let again = event("room_created", "r", "SID_2", START + 7200, Some(START));
    assert_eq!(post(&app, &again).await, 200);
    let sessions = history(&database, &["r"]).await;
    let sids: Vec<&str> = sessions.iter().map(|session| &*session.room_sid).collect();
    assert_eq!(sids, ["SID_1"]);
    assert_eq!(sessions[0].ended, past_room("", "", START + 80 - 600).ended);
}

#[tokio::test]
async fn analytics_alone_end_no_meeting() {
    let database = Database::start().await;
    let app = app(database.past_rooms.clone());
    for event in unended("r", "SID_1", START) {
        assert_eq!(post(&app, &event).await, 200);
    }
    let mut late = meeting("r", "SID_0", START - DAY).swap_remove(9);
    late["created_at"] = (START + 100).to_string().into();
    let next = event("room_created", "r", "SID_2", START + 9000, Some(START + 9000));
    for (event, sids) in [(&late, &[][..]), (&next, &["SID_1"])] {
        assert_eq!(post(&app, event).await, 200);
        let sessions = history(&database, &["r"]).await;
        let found: Vec<&str> = sessions.iter().map(|session| &*session.room_sid).collect();
        assert_eq!(found, sids);
    }
}

#[tokio::test]
async fn sessions_with_similar_ids_are_separate() {
    let database = Database::start().await;
    let app = app(database.past_rooms.clone());
    // `a#07` looks like a share of the people of `a`; and one id may be that of two rooms.
    let mut sessions = Vec::new();
    for (room, sid) in [("r", "a"), ("r", "a#07"), ("r", "a#b"), ("s", "a")] {
        for event in meeting(room, sid, START) {
            assert_eq!(post(&app, &event).await, 200);
        }
        sessions.push(past_room(room, sid, START));
    }
    // People in repeated events are counted once.
    for event in meeting("r", "a", START) {
        assert_eq!(post(&app, &event).await, 200);
    }
    let mut late = meeting("r", "a", START).swap_remove(9);
    late["room_artifact"]["artifact_id"] = json!("another");
    late["created_at"] = (START + 900).to_string().into();
    assert_eq!(post(&app, &late).await, 200);
    sessions[0].analytics_file_id = Some("another".to_owned());
    let mut history = history(&database, &["r", "s"]).await;
    history.sort_by_key(|session| (session.room_id.clone(), session.room_sid.clone()));
    assert_eq!(history, sessions);
}

#[tokio::test]
async fn overlapping_meetings_keep_their_ends() {
    let database = Database::start().await;
    let app = app(database.past_rooms.clone());
    let (one, two) = (meeting("r", "SID_1", START), meeting("r", "SID_2", START + 65));
    // An hour too late, the first is told to begin.
    let (created, rest) = one.split_first().expect("events");
    for event in rest.iter().zip(&two).flat_map(|(one, two)| [one, two]) {
        assert_eq!(post(&app, event).await, 200);
    }
    for event in [&two[9], created] {
        assert_eq!(post(&app, event).await, 200);
    }
    let expected = [past_room("r", "SID_1", START), past_room("r", "SID_2", START + 65)];
    assert_eq!(history(&database, &["r"]).await, expected);
}

#[tokio::test]
async fn impossible_timer_is_ignored() {
    let database = Database::start().await;
    for sid in ["", "x", &*"x".repeat(1017)] {
        let timer = RowKey::new("r", format!("!timer#{sid}"));
        timer_expired(&database.past_rooms, &timer, START).await.expect("passed over");
    }
    assert!(database.all_items().await.is_empty());
}
