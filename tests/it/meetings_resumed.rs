//! Meetings that were presumed to be over and go on: their sessions leave the history and come back at
//! the real end.

use past_rooms::meeting::{SILENCE, timer_expired};
use past_rooms::table::schema::create_history_table;
use past_rooms::{PageQuery, PastRoom, RowKey, Session};
use serde_json::Value;

use crate::meetings::expire_timers;
use crate::support::stream::Deliveries;
use crate::support::{Database, session, session_key, time};
use crate::webhook::{START, app, event, history, meeting, past_room, post, unended, with_person};

const DAY: i64 = 86_400;

fn came(name: &str, at: i64, person: &str) -> Value {
    with_person(event(name, "r", "SID_x", at, Some(START + 1)), person)
}

fn joined(at: i64, person: &str) -> Value {
    came("participant_joined", at, person)
}

/// The session of a meeting of `people` that began at `START`, without analytics.
fn session_until(ended: i64, people: i64) -> PastRoom {
    let mut session = past_room("r", "SID_x", START);
    session.ended = past_room("r", "SID_x", ended - 600).ended;
    (session.joined_participants, session.analytics_file_id) = (people, None);
    session
}

async fn post_all(database: &Database, events: impl IntoIterator<Item = Value>) {
    let app = app(database.past_rooms.clone());
    for event in events {
        assert_eq!(post(&app, &event).await, 200, "{event}");
    }
}

/// A database with a meeting that had no report for a day.
async fn silent() -> Database {
    let database = Database::start().await;
    post_all(&database, unended("r", "SID_x", START)).await;
    expire_timers(&database, START + 80 + SILENCE).await;
    assert_eq!(history(&database, &["r"]).await, [session_until(START + 80, 3)]);
    database
}

#[tokio::test]
async fn meeting_beside_another_of_its_room_is_not_past() {
    let database = Database::start().await;
    let created = |sid, at| event("room_created", "r", sid, at, Some(at));
    post_all(&database, [created("SID_x", START), created("SID_y", START + 5)]).await;
    assert_eq!(history(&database, &["r"]).await, [session_until(START, 0)]);
    for (at, person) in [(6, "ann"), (7, "bob"), (90, "eve")] {
        post_all(&database, [joined(START + at, person)]).await;
        assert_eq!(history(&database, &["r"]).await, [], "{person}");
    }
    // Another meeting of the room says nothing about one that went on beside an earlier one.
    post_all(&database, [created("SID_z", START + 100)]).await;
    let sids = |sessions: Vec<PastRoom>| -> Vec<String> {
        sessions.into_iter().map(|session| session.room_sid).collect()
    };
    assert_eq!(sids(history(&database, &["r"]).await), ["SID_y"]);
    post_all(&database, [event("session_ended", "r", "SID_x", START + 600, Some(START))]).await;
    let sessions = history(&database, &["r"]).await;
    assert_eq!(sessions[0], session_until(START + 600, 3));
    assert_eq!(sids(sessions), ["SID_x", "SID_y"]);
}

#[tokio::test]
async fn join_as_another_meeting_begins_resumes_its_own() {
    let created = |sid, at| event("room_created", "r", sid, at, Some(at));
    // The clock of the first meeting's media server may be some seconds behind.
    for (next, behind) in [(60, 0), (60, 1), (60, 9), (5, 0), (5, 5)] {
        let database = Database::start().await;
        post_all(&database, [created("SID_x", START), created("SID_y", START + next)]).await;
        assert_eq!(history(&database, &["r"]).await, [session_until(START, 0)]);
        post_all(&database, [joined(START + next - behind, "ann")]).await;
        assert_eq!(history(&database, &["r"]).await, [], "{next} {behind}");
    }
}

#[tokio::test]
async fn join_without_creation_time_ends_no_other_meeting() {
    let database = Database::start().await;
    let of_other = |name, at, created| event(name, "r", "SID_y", at, created);
    let events = [
        event("room_created", "r", "SID_x", START, Some(START)),
        with_person(of_other("participant_joined", START + 100, None), "ann"),
        of_other("room_created", START + 101, Some(START - 50)),
    ];
    post_all(&database, events).await;
    assert_eq!(history(&database, &["r"]).await, []);
}

#[tokio::test]
async fn late_join_does_not_resume_an_ended_meeting() {
    let database = Database::start().await;
    post_all(&database, unended("r", "SID_x", START)).await;
    post_all(&database, [event("session_ended", "r", "SID_x", START + 600, Some(START))]).await;
    let next = START + 605;
    post_all(&database, [event("room_created", "r", "SID_y", next, Some(next))]).await;
    for at in [590, 600, 604, 605, 9000] {
        post_all(&database, [joined(START + at, "late")]).await;
        assert_eq!(history(&database, &["r"]).await, [session_until(START + 600, 4)], "{at}");
    }
}

#[tokio::test]
async fn report_from_a_busy_day_resumes_a_meeting() {
    for name in ["participant_joined", "participant_left"] {
        // The report was made within the day, and comes after it.
        let (database, at) = (silent().await, START + 200);
        post_all(&database, [came(name, at, "late")]).await;
        assert_eq!(history(&database, &["r"]).await, [], "{name}");
        expire_timers(&database, at + SILENCE).await;
        assert_eq!(history(&database, &["r"]).await, [session_until(at, 4)], "{name}");
    }
}

#[tokio::test]
async fn order_of_overlapping_meetings_is_irrelevant() {
    let created = |sid, at| event("room_created", "r", sid, at, Some(at));
    let mut analytics = event("artifact_created", "r", "SID_z", START + 900, None);
    analytics["room_artifact"] =
        serde_json::json!({"type": "MEETING_ANALYTICS", "artifact_id": "file"});
    let events = [
        created("SID_x", START),
        // The second of three meetings begins; the first goes on, by a clock that is behind.
        created("SID_y", START + 60),
        joined(START + 57, "ann"),
        with_person(event("participant_left", "r", "SID_x", START + 100, Some(START + 1)), "ann"),
        with_person(event("participant_joined", "r", "SID_y", START + 65, Some(START + 61)), "bob"),
        created("SID_z", START + 300),
        analytics,
    ];
    for seed in 0..24 {
        let database = Database::start().await;
        let mut random = fastrand::Rng::with_seed(seed);
        let mut shuffled = [&events[..], &events].concat();
        random.shuffle(&mut shuffled);
        post_all(&database, shuffled).await;
        let mut past = past_room("r", "SID_y", START + 60);
        past.ended = past_room("r", "SID_y", START + 65 - 600).ended;
        (past.joined_participants, past.analytics_file_id) = (1, None);
        assert_eq!(history(&database, &["r"]).await, [past], "seed {seed}");
    }
}

#[tokio::test]
async fn late_departure_does_not_resume_a_meeting() {
    let database = Database::start().await;
    post_all(&database, unended("r", "SID_x", START)).await;
    let created = START + 100;
    post_all(&database, [event("room_created", "r", "SID_y", created, Some(created))]).await;
    // The media server's clock is some seconds ahead.
    post_all(&database, [came("participant_left", created + 3, "ann")]).await;
    assert_eq!(history(&database, &["r"]).await, [session_until(created + 3, 3)]);
    post_all(&database, [came("participant_left", created + 90, "bob")]).await;
    assert_eq!(history(&database, &["r"]).await, []);
}

#[tokio::test]
async fn open_room_is_past_only_while_silent() {
    let database = silent().await;
    let mut people = 3;
    for day in [3, 12, 24] {
        let at = START + day * DAY;
        post_all(&database, [joined(at, &format!("p{day}"))]).await;
        assert_eq!(history(&database, &["r"]).await, [], "day {day}");
        people += 1;
        // A person joins again, and a timer that was set for an earlier time expires.
        post_all(&database, [joined(at + 5, "ann")]).await;
        expire_timers(&database, at + 60).await;
        assert_eq!(history(&database, &["r"]).await, [], "day {day}");
        expire_timers(&database, at + 5 + SILENCE).await;
        assert_eq!(history(&database, &["r"]).await, [session_until(at + 5, people)]);
    }
    let ended = START + 30 * DAY;
    post_all(&database, [joined(ended - 9, "last")]).await;
    post_all(&database, [event("session_ended", "r", "SID_x", ended, Some(START))]).await;
    assert_eq!(history(&database, &["r"]).await, [session_until(ended, people + 1)]);
}

#[tokio::test]
async fn expired_meeting_resumes_with_its_values() {
    let database = silent().await;
    let mut imported = session("r", "2026-11-22T10:00:00Z", "SID_x");
    (imported.room_title, imported.ended) = (String::new(), None);
    imported.analytics_file_id = Some("imported-file".to_owned());
    let entry = past_rooms::Entry {
        session: imported,
        fields: past_rooms::Fields::default().with(past_rooms::Field::AnalyticsFileId),
        marks: past_rooms::Marks::default(),
    };
    database.past_rooms.importer().write(&[entry]).await.expect("imported");
    for row in database.all_items().await {
        let key = RowKey::of_item(&row).expect("a key");
        if key.sort_key.starts_with('!') {
            database.delete_item(key).await;
        }
    }
    let at = START + 40 * DAY;
    post_all(&database, [joined(at, "late")]).await;
    assert_eq!(history(&database, &["r"]).await, []);
    expire_timers(&database, at + SILENCE).await;
    // `created` is that of the report that expired, not the media server's.
    let mut expected = session_until(at, 3);
    expected.analytics_file_id = Some("imported-file".to_owned());
    assert_eq!(history(&database, &["r"]).await, [expected]);
}

#[tokio::test]
async fn resumed_meeting_leaves_the_whole_history() {
    let database = Database::start().await;
    let table = database.past_rooms.table();
    let name = format!("{}-history", table.name());
    create_history_table(table.client(), &name).expect("a request").send().await.expect("created");
    let past_rooms = database.past_rooms.with_history(name);
    let mut deliveries = Deliveries::of_all_sessions(&database).await;
    let created = |sid, at| event("room_created", "r", sid, at, Some(at));
    post_all(&database, [created("SID_x", START), created("SID_y", START + 5)]).await;
    for total in [1, 0] {
        deliveries.deliver(&past_rooms).await;
        let page = past_rooms.page(&PageQuery::all_rooms()).await.expect("a page");
        assert_eq!((page.total, page.sessions.len()), (total, total as usize));
        post_all(&database, [joined(START + 9, "ann")]).await;
    }
}

#[tokio::test]
async fn deleted_session_stays_deleted_on_resume() {
    let database = silent().await;
    let key = session_key(&session("r", "2026-11-22T10:00:00Z", "SID_x"));
    assert_eq!(database.past_rooms.delete("r", &[key]).await.expect("deleted"), 1);
    let at = START + 3 * DAY;
    post_all(&database, [joined(at, "late")]).await;
    post_all(&database, [event("session_ended", "r", "SID_x", at + 60, Some(START))]).await;
    assert_eq!(history(&database, &["r"]).await, []);
}

#[tokio::test]
async fn imported_or_reported_end_is_kept() {
    let at = START + 3 * DAY;
    let mut imported = session("r", "2026-11-22T10:00:00Z", "SID_x");
    imported.ended = Some(time("2026-11-25T11:00:00Z"));
    // Recorded by an import alone; then by webhooks, with an end that a file knows better.
    let database = Database::start().await;
    database.record(&[imported.clone()]).await;
    post_all(&database, [joined(at, "late")]).await;
    assert_eq!(history(&database, &["r"]).await.len(), 1);
    let database = silent().await;
    let entry = past_rooms::Entry {
        session: imported,
        fields: past_rooms::Fields::ALL,
        marks: past_rooms::Marks::default(),
    };
    database.past_rooms.importer().write(&[entry]).await.expect("imported");
    let artifact = meeting("r", "SID_x", START).pop().expect("analytics");
    post_all(&database, [joined(at, "late"), artifact]).await;
    assert_eq!(history(&database, &["r"]).await[0].ended, "2026-11-25T11:00:00.000Z");
}

#[tokio::test]
async fn late_departure_extends_a_moved_session() {
    let database = Database::start().await;
    let next = event("room_created", "r", "SID_y", START + 4000, Some(START + 4000));
    post_all(&database, [joined(START + 5, "ann"), next]).await;
    assert_eq!(history(&database, &["r"]).await[0].created, past_room("", "", START + 1).created);
    let entry = past_rooms::Entry {
        session: Session::new("r", "SID_x", time("2026-11-22T10:00:00Z")),
        fields: past_rooms::Fields::default(),
        marks: past_rooms::Marks::default(),
    };
    let moved = database.past_rooms.importer().write(&[entry]).await.expect("imported").moved;
    assert_eq!(moved, 1);
    post_all(&database, [came("participant_left", START + 100, "ann")]).await;
    assert_eq!(history(&database, &["r"]).await, [session_until(START + 100, 1)]);
}

#[tokio::test]
async fn failed_withdrawal_is_repeated() {
    for failing in 0.. {
        let database = silent().await;
        let at = START + 3 * DAY;
        let has_failed = crate::meetings::fails(&database, &joined(at, "late"), failing).await;
        if !has_failed {
            assert!(failing > 5, "a withdrawal has some requests");
            break;
        }
        if failing % 2 == 0 {
            post_all(&database, [joined(at, "late")]).await;
        } else if database.item("r", "!timer#SID_x").await.is_some() {
            // The server gives the event up, and the timer expires too early.
            let timer = RowKey::new("r", "!timer#SID_x");
            timer_expired(&database.past_rooms, &timer, at + 60).await.expect("handled");
        } else {
            continue;
        }
        assert_eq!(history(&database, &["r"]).await, [], "request {failing}");
    }
}
