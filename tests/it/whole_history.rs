//! Pages of all rooms: after the stream's events are delivered, each is that of a plain list of the
//! sessions.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use past_rooms::table::history::{ALL_ROOMS, state_key};
use past_rooms::table::schema::create_history_table;
use past_rooms::{
    Entry, Fields, Marks, Meter, Order, PageQuery, PastRooms, ProjectionMode, ReadError, RowKey,
    Session,
};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::proxy::{Fault, Proxy};
use crate::support::stream::{Deliveries, invoke};
use crate::support::{Database, app, ask, history, session, time};

/// A database with a history table, its stream, and a plain list of its sessions.
struct World {
    database: Database,
    past_rooms: PastRooms,
    deliveries: Deliveries,
    sessions: Vec<Session>,
}

impl World {
    async fn new() -> Self {
        let database = Database::start().await;
        let past_rooms = with_history(&database).await;
        let deliveries = Deliveries::of_all_sessions(&database).await;
        World { database, past_rooms, deliveries, sessions: vec![] }
    }

    async fn record(&mut self, sessions: &[Session]) {
        self.past_rooms.record(sessions).await.expect("recorded");
        self.model(sessions);
    }

    fn model(&mut self, sessions: &[Session]) {
        for session in sessions {
            self.sessions.retain(|other| other.room_sid != session.room_sid);
            self.sessions.push(session.clone());
        }
    }

    /// Delivers the events, and compares pages at every depth, in both orders, with the list.
    async fn check(&mut self) {
        self.deliveries.deliver(&self.past_rooms).await;
        check(&self.past_rooms, &self.sessions).await;
    }
}

/// Creates a history table named after the database's table.
pub async fn with_history(database: &Database) -> PastRooms {
    let table = database.past_rooms.table();
    let name = format!("{}-history", table.name());
    let create = create_history_table(table.client(), &name).expect("a request");
    create.send().await.expect("created");
    database.past_rooms.with_history(name)
}

async fn check(past_rooms: &PastRooms, sessions: &[Session]) {
    let mut sessions: Vec<&Session> = sessions.iter().collect();
    sessions.sort_by_key(|session| (session.created, &session.room_sid));
    for order in [Order::Asc, Order::Desc] {
        for from in (0..=sessions.len() as u64 + 3).step_by(7) {
            let query = PageQuery::all_rooms().from(from).limit(7).order(order);
            let page = past_rooms.page(&query).await.expect("a page");
            let expected = sessions.iter().skip(from as usize).take(7);
            let expected: Vec<_> = expected.map(|session| session.to_past_room()).collect();
            assert_eq!(page.sessions, expected, "{order:?} {from}");
            assert_eq!(page.total, sessions.len() as u64);
        }
        sessions.reverse();
    }
}

/// Sessions of several rooms in some months, several in one hour.
fn sample() -> Vec<Session> {
    let mut sessions = Vec::new();
    for (number, room) in ["a", "b", "*", "c"].into_iter().enumerate() {
        for mut session in history(room, 30, 600 * (number as i64 + 1)) {
            session.room_sid = format!("{room}-{}", session.room_sid);
            session.analytics_file_id = (number == 1).then(|| "file".to_owned());
            sessions.push(session);
        }
    }
    sessions
}

#[tokio::test]
async fn recorded_changes_are_projected() {
    let mut world = World::new().await;
    world.check().await;
    let sessions = sample();
    world.record(&sessions).await;
    world.check().await;
    let mut changed = sessions[40].clone();
    changed.room_title = "another title".to_owned();
    world.record(&[changed]).await;
    world.check().await;
    for session in [&sessions[3], &sessions[60]] {
        let key = session.key().expect("a key").session_key().expect("a session's key");
        world.past_rooms.delete(&session.room_id, &[key]).await.expect("deleted");
        world.sessions.retain(|other| other.room_sid != session.room_sid);
    }
    world.check().await;
}

#[tokio::test]
async fn rows_of_external_writers_appear() {
    let mut world = World::new().await;
    world.record(&sample()).await;
    let external = session("d", "2026-11-22T10:00:00Z", "SID_external");
    world.database.put_foreign(std::slice::from_ref(&external)).await;
    world.model(std::slice::from_ref(&external));
    world.check().await;
    let mut overwritten = external.clone();
    overwritten.joined_participants = 17;
    world.database.put_foreign(std::slice::from_ref(&overwritten)).await;
    world.model(&[overwritten]);
    world.check().await;
    world.database.delete_item(external.key().expect("a key")).await;
    world.sessions.retain(|other| other.room_sid != "SID_external");
    world.check().await;
}

#[tokio::test]
async fn moved_session_appears_once() {
    let mut world = World::new().await;
    world.record(&sample()).await;
    world.check().await;
    let mut moved = world.sessions[5].clone();
    moved.created = "2026-03-01T10:00:00Z".parse().expect("a time");
    moved.ended = None;
    let entry = Entry { session: moved.clone(), fields: Fields::ALL, marks: Marks::default() };
    world.past_rooms.importer().moving().write(&[entry]).await.expect("moved");
    world.model(&[moved]);
    world.check().await;
}

#[tokio::test]
async fn doubled_late_and_reordered_events_converge() {
    let mut world = World::new().await;
    world.record(&sample()).await;
    let (_, first) = world.deliveries.next().await;
    let gone = world.sessions.remove(9);
    let key = gone.key().expect("a key").session_key().expect("a session's key");
    world.past_rooms.delete(&gone.room_id, &[key]).await.expect("deleted");
    let (_, second) = world.deliveries.next().await;
    for events in [&second, &first, &second, &first] {
        let backwards: Vec<_> = events.iter().rev().cloned().collect();
        assert_eq!(invoke(&world.past_rooms, &backwards).await, [""; 0]);
    }
    world.check().await;
}

/// Projects the events of a new session with a process whose request of this number waits until another
/// process has projected the session's deletion. Returns whether there was such a request.
async fn is_overtaken_at(request: usize) -> bool {
    let mut world = World::new().await;
    world.record(&sample()).await;
    world.check().await;
    let (reached, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (reach, until) = (Arc::clone(&reached), Arc::clone(&go_on));
    let proxy = Proxy::start(&world.database.endpoint, move |number, _| {
        if number != request {
            return Fault::Pass;
        }
        reach.add_permits(1);
        Fault::Hold(Arc::clone(&until))
    })
    .await;
    let history = format!("{}-history", world.past_rooms.table().name());
    let slow = world.database.at(&proxy.endpoint).with_history(history);
    let short = session("a", "2026-11-22T10:00:00Z", "SID_short");
    let key = short.key().expect("a key").session_key().expect("a session's key");
    world.past_rooms.record(&[short]).await.expect("recorded");
    let (_, recorded) = world.deliveries.next().await;
    let mut slow = tokio::spawn(async move { invoke(&slow, &recorded).await });
    let is_reached = tokio::select! {
        permit = reached.acquire() => permit.is_ok(),
        ended = &mut slow => ended.expect("projected") != [""; 0],
    };
    world.past_rooms.delete("a", &[key]).await.expect("deleted");
    world.deliveries.deliver(&world.past_rooms).await;
    go_on.add_permits(1);
    if is_reached {
        slow.await.expect("an answer");
    }
    check(&world.past_rooms, &world.sessions).await;
    is_reached
}

#[tokio::test]
async fn slow_projection_does_not_undo_a_newer_one() {
    let mut request = 0;
    while is_overtaken_at(request).await {
        request += 1;
    }
    assert!(request >= 3, "{request} requests");
}

#[tokio::test]
async fn title_of_a_400_kb_session_is_cut() {
    let mut world = World::new().await;
    world.record(&sample()).await;
    // DynamoDB allows 409 600 bytes; the projected row also has the room's id as an attribute.
    let mut large = session("large", "2026-03-01T10:00:00Z", "SID_large");
    large.room_title = "t".repeat(409_600 - 230);
    world.database.put_foreign(std::slice::from_ref(&large)).await;
    let bytes = world.deliveries.deliver(&world.past_rooms).await;
    assert!(bytes > 0);
    let query = PageQuery::all_rooms().from(0).limit(100);
    let mut pages = world.past_rooms.page(&query).await.expect("a page").sessions;
    pages.extend(world.past_rooms.page(&query.from(100)).await.expect("a page").sessions);
    let row = pages.iter().find(|row| row.room_sid == "SID_large").expect("the session");
    assert_ne!(row.room_title.len(), large.room_title.len());
    large.room_title.truncate(row.room_title.len());
    assert_eq!(*row, large.to_past_room());
    world.model(&[large]);
    world.check().await;
    let differences = reconcile(&world.past_rooms, ProjectionMode::Check).await.1;
    assert_eq!(differences, [0, 0, 0]);
}

#[tokio::test]
async fn first_recorded_session_projects_older_ones() {
    let database = Database::start().await;
    let mut sessions = sample();
    database.record(&sessions).await;
    let past_rooms = with_history(&database).await;
    let query = PageQuery::all_rooms();
    let error = past_rooms.page(&query).await.expect_err("nothing is projected");
    assert!(matches!(error, ReadError::HistoryIncomplete) && error.is_transient(), "{error}");
    let mut deliveries = Deliveries::of_all_sessions(&database).await;
    deliveries.next().await;
    let newest = session("e", "2026-11-25T10:00:00Z", "SID_newest");
    database.record(std::slice::from_ref(&newest)).await;
    sessions.push(newest);
    deliveries.deliver(&past_rooms).await;
    check(&past_rooms, &sessions).await;
}

#[tokio::test]
async fn reconciliation_adds_changes_and_deletes() {
    let database = Database::start().await;
    let past_rooms = with_history(&database).await;
    let sessions = sample();
    database.record(&sessions).await;
    assert_eq!(reconcile(&past_rooms, ProjectionMode::Check).await, (120, [120, 0, 0]));
    assert_eq!(reconcile(&past_rooms, ProjectionMode::Write).await, (120, [120, 0, 0]));
    check(&past_rooms, &sessions).await;
    // Without the stream: one session goes, one changes, one comes.
    database.delete_item(sessions[0].key().expect("a key")).await;
    let mut changed = sessions[1].clone();
    changed.webhook_url = "https://example.org".to_owned();
    let added = session("f", "2026-01-05T10:00:00Z", "SID_added");
    database.record(&[changed.clone(), added.clone()]).await;
    assert_eq!(reconcile(&past_rooms, ProjectionMode::Check).await, (120, [1, 1, 1]));
    assert_eq!(reconcile(&past_rooms, ProjectionMode::Write).await, (120, [1, 1, 1]));
    assert_eq!(reconcile(&past_rooms, ProjectionMode::Check).await, (120, [0, 0, 0]));
    let mut expected = sessions[2..].to_vec();
    expected.extend([changed, added]);
    check(&past_rooms, &expected).await;
}

/// Returns the sessions read, and those added, changed and deleted.
async fn reconcile(past_rooms: &PastRooms, mode: ProjectionMode) -> (u64, [u64; 3]) {
    let mut reconciliation = past_rooms.reconciliation(mode).expect("a history table");
    let (mut sessions, mut differences) = (0, past_rooms::Projected::default());
    while let Some(step) = reconciliation.next().await.expect("a step") {
        sessions += step.sessions;
        differences += step.differences;
    }
    (sessions, [differences.added, differences.changed, differences.deleted])
}

#[tokio::test]
async fn requests_without_room_ids_list_all_rooms() {
    let mut world = World::new().await;
    let app = app(world.past_rooms.clone());
    let empty = ask(&app, "{}").await;
    assert_eq!((empty.status, empty.msg()), (200, "no info found"));
    world.record(&sample()).await;
    world.check().await;
    for body in [
        r#"{"room_ids":[],"from":0,"limit":20,"order_by":"DESC"}"#,
        r#"{"roomIds":[],"limit":20}"#,
        r#"{"room_ids":null}"#,
        "{}",
    ] {
        let answer = ask(&app, body).await;
        assert_eq!((answer.status, answer.total(), answer.rooms().len()), (200, 120, 20), "{body}");
    }
    let answer = ask(&app, r#"{"from":0,"limit":9999}"#).await;
    assert_eq!((answer.total(), answer.rooms().len()), (120, 100));
    assert_eq!(answer.body["result"]["limit"], json!(100));
}

#[tokio::test]
async fn session_is_found_without_room_ids() {
    let mut world = World::new().await;
    world.record(&sample()).await;
    for app in [app(world.past_rooms.clone()), world.database.app()] {
        let body = r#"{"room_ids":[],"room_sid":"b-SID_000003"}"#;
        assert_eq!(ask(&app, body).await.sids(), ["b-SID_000003"]);
    }
}

#[tokio::test]
async fn no_room_ids_without_a_history_table_is_400() {
    let database = Database::start().await;
    for body in ["{}", r#"{"room_ids":[]}"#, r#"{"roomIds":null}"#] {
        let answer = ask(&database.app(), body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.msg().contains("WholeHistory"), "{}", answer.msg());
    }
}

#[tokio::test]
async fn incomplete_history_is_503_with_the_command() {
    let database = Database::start().await;
    database.record(&history("room01", 3, 60)).await;
    let answer = ask(&app(with_history(&database).await), "{}").await;
    assert_eq!(answer.status, 503);
    assert!(answer.msg().contains("past-rooms-admin history"), "{}", answer.msg());
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn state_row_is_not_a_session() {
    assert_eq!(state_key(), RowKey::new(ALL_ROOMS, "!history"));
    assert_eq!(state_key().session_key(), None);
}

#[tokio::test]
async fn history_command_builds_and_checks() {
    let database = Database::start().await;
    let past_rooms = with_history(&database).await;
    let sessions = sample();
    database.record(&sessions).await;
    let name = format!("{}-history", database.past_rooms.table().name());
    let history = async |more: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_past-rooms-admin"));
        command.env_clear().envs(database.variables(&database.endpoint));
        command.args(["history", "--history-table", &name]).args(more);
        let output = command.output().await.expect("it runs");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), printed)
    };
    let (code, printed) = history(&["--check"]).await;
    assert_eq!((code, printed.contains("120 missing")), (Some(1), true), "{printed}");
    let (code, printed) = history(&[]).await;
    assert_eq!((code, printed.contains("120 added")), (Some(0), true), "{printed}");
    check(&past_rooms, &sessions).await;
    assert_eq!(history(&["--check"]).await.0, Some(0));
}

/// Sessions of one busy room, 30 a minute for 40 minutes of two hours.
fn busy_hours() -> Vec<Session> {
    let start = time("2026-11-22T10:20:00Z");
    (0..1200)
        .map(|number| {
            let created = start + SignedDuration::from_secs(2 * number);
            Session::new("busy", format!("SID_{number:04}"), created)
        })
        .collect()
}

#[tokio::test]
async fn pages_in_a_busy_hour_begin_at_a_minute() {
    let mut world = World::new().await;
    world.record(&busy_hours()).await;
    world.deliveries.deliver(&world.past_rooms).await;
    let meter = Arc::new(Meter::default());
    for order in [Order::Asc, Order::Desc] {
        for from in [333, 700, 1001] {
            let past_rooms = world.past_rooms.metered(&meter);
            let (requests, units) = (meter.requests(), meter.units());
            let query = PageQuery::all_rooms().from(from).order(order);
            let page = past_rooms.page(&query).await.expect("a page");
            let first = match order {
                Order::Asc => from,
                Order::Desc => 1199 - from,
            };
            assert_eq!(page.sessions[0].room_sid, format!("SID_{first:04}"));
            assert_eq!((page.total, page.sessions.len()), (1200, 20));
            // The room tally and the month's, the hour's, the rows, once whether it is complete.
            let (requests, units) = (meter.requests() - requests, meter.units() - units);
            assert!(requests <= 5 && units <= 5.0, "{order:?} {from}: {requests}, {units}");
        }
    }
}

#[tokio::test]
async fn wrong_minutes_cost_rows_and_no_page() {
    let mut world = World::new().await;
    world.record(&busy_hours()).await;
    world.deliveries.deliver(&world.past_rooms).await;
    let history = format!("{}-history", world.database.past_rooms.table().name());
    let client = world.database.past_rooms.table().client().clone();
    for counts in [&[("20", 7)][..], &[("-1", 30)], &[]] {
        let mut tally = RowKey::new(ALL_ROOMS, "#2026-11-22T10").into_item();
        for (minute, count) in counts {
            tally.insert((*minute).to_owned(), AttributeValue::N(count.to_string()));
        }
        let put = client.put_item().table_name(&history).set_item(Some(tally));
        put.send().await.expect("put");
        for from in [0, 333, 601, 1190] {
            let query = PageQuery::all_rooms().from(from).order(Order::Asc);
            let page = world.past_rooms.page(&query).await.expect("a page");
            assert_eq!(page.sessions[0].room_sid, format!("SID_{from:04}"));
            assert_eq!((page.total, page.sessions.len() as u64), (1200, (1200 - from).min(20)));
        }
    }
}

#[tokio::test]
async fn hour_with_session_without_minute_stays_whole() {
    let mut world = World::new().await;
    world.record(&busy_hours()).await;
    let key = RowKey::new("odd", "2026-11-22T10#odd");
    let mut row = key.into_item();
    row.insert("room_sid".to_owned(), AttributeValue::S("odd".to_owned()));
    world.database.put_item(row).await;
    world.deliveries.deliver(&world.past_rooms).await;
    // As if a minute tally was read that has one session more than the month's tally: they add up.
    let history = format!("{}-history", world.database.past_rooms.table().name());
    let client = world.database.past_rooms.table().client().clone();
    let key = RowKey::new(ALL_ROOMS, "#2026-11-22T10").into_item();
    let update = client.update_item().table_name(&history).set_key(Some(key));
    let update =
        update.update_expression("ADD #minute :one").expression_attribute_names("#minute", "59");
    let one = AttributeValue::N("1".to_owned());
    update.expression_attribute_values(":one", one).send().await.expect("added");
    for from in [1_u64, 333, 601] {
        let query = PageQuery::all_rooms().from(from).order(Order::Asc);
        let page = world.past_rooms.page(&query).await.expect("a page");
        assert_eq!(page.sessions[0].room_sid, format!("SID_{:04}", from - 1));
        assert_eq!(page.total, 1201);
    }
}
