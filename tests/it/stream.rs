//! External writers: after the stream function got their events, every page and total is that of a
//! plain list of the sessions.

use past_rooms::table::schema::COUNTED;
use past_rooms::{Order, PageQuery, RowKey, Session};
use tokio::net::TcpListener;

use crate::record::assert_agreement;
use crate::support::stream::{Deliveries, invoke};
use crate::support::{Database, embedded, history, row_of, session, session_key, time};

/// A database, its stream, and a plain list of the sessions of its room.
struct World {
    database: Database,
    deliveries: Deliveries,
    sessions: Vec<Session>,
}

impl World {
    async fn with(recorded: Vec<Session>) -> Self {
        let database = Database::start().await;
        let mut deliveries = Deliveries::of(&database).await;
        database.record(&recorded).await;
        let (_, calls) = deliveries.next().await;
        assert!(calls.is_empty(), "what is recorded calls nobody: {calls:?}");
        World { database, deliveries, sessions: recorded }
    }

    async fn put(&mut self, sessions: &[Session]) {
        self.database.put_foreign(sessions).await;
        for session in sessions {
            self.sessions.retain(|other| other.room_sid != session.room_sid);
            self.sessions.push(session.clone());
        }
    }

    async fn delete(&mut self, sessions: &[Session]) {
        for session in sessions {
            self.database.delete_item(session.key().expect("a key")).await;
            self.sessions.retain(|other| other.room_sid != session.room_sid);
        }
    }

    /// Lets the function know, and checks everything.
    async fn settle(&mut self) -> usize {
        let calls = self.deliveries.deliver(&self.database.past_rooms).await;
        self.check().await;
        calls
    }

    async fn check(&self) {
        assert_eq!(assert_agreement(&self.database).await, self.sessions.len());
        let report = self.database.past_rooms.check_tally("room01").await.expect("a check");
        assert!(report.is_consistent(), "{report:?}");
        for order in [Order::Asc, Order::Desc] {
            let mut sessions: Vec<&Session> = self.sessions.iter().collect();
            sessions.sort_by_key(|session| session_key(session));
            if order == Order::Desc {
                sessions.reverse();
            }
            for from in (0..=sessions.len()).step_by(23) {
                let query = PageQuery::new(["room01"]).from(from as u64).limit(23).order(order);
                let page = self.database.past_rooms.page(&query).await.expect("a page");
                let expected = sessions.iter().skip(from).take(23);
                let expected: Vec<_> = expected.map(|session| session.to_past_room()).collect();
                assert_eq!(
                    (page.total, page.sessions),
                    (sessions.len() as u64, expected),
                    "{query:?}"
                );
            }
        }
    }
}

fn at(created: &str, room_sid: &str) -> Session {
    session("room01", created, room_sid)
}

#[tokio::test]
async fn external_write_is_counted_in_any_month() {
    let mut world = World::with(history("room01", 120, 700)).await;
    let recorded = world.sessions[60].clone();
    let newest = at("2030-01-01T00:00:00Z", "newest");
    let oldest = at("2001-12-31T23:59:59.999Z", "oldest");
    let middle = at("2024-01-20T10:00:00Z", "middle");
    world.put(&[newest]).await;
    assert_eq!(world.settle().await, 1);
    world.put(&[oldest]).await;
    assert_eq!(world.settle().await, 1);
    world.put(std::slice::from_ref(&middle)).await;
    assert_eq!(world.settle().await, 1);
    world.put(std::slice::from_ref(&middle)).await;
    assert_eq!(world.settle().await, 0, "a row that is put again changes no count");
    world.delete(std::slice::from_ref(&recorded)).await;
    assert_eq!(world.settle().await, 1);
    world.delete(std::slice::from_ref(&recorded)).await;
    assert_eq!(world.settle().await, 0, "there was nothing to delete");
    world.put(&[recorded]).await;
    assert_eq!(world.settle().await, 1);
}

#[tokio::test]
async fn three_hundred_external_rows_are_counted() {
    let mut world = World::with(history("room01", 50, 700)).await;
    let mut others = history("room01", 300, 45);
    for (number, session) in others.iter_mut().enumerate() {
        session.room_sid = format!("other{number}");
    }
    world.put(&others).await;
    assert_eq!(world.settle().await, 300);
}

#[tokio::test]
async fn room_of_external_writers_is_tallied() {
    let mut world = World::with(vec![]).await;
    world.put(&[at("2026-11-22T10:00:00Z", "first")]).await;
    assert_eq!(world.settle().await, 1);
    world.put(&history("room01", 40, 1000)).await;
    world.settle().await;
    let tally = world.database.item("room01", "~").await.expect("a tally");
    assert!(!tally.contains_key("incomplete"), "{tally:?}");
    let all = world.sessions.clone();
    world.delete(&all).await;
    assert_eq!(world.settle().await, 41);
}

#[tokio::test]
async fn emptied_room_can_be_filled_again() {
    let mut world = World::with(history("room01", 40, 1000)).await;
    for row in world.database.all_items().await {
        world.database.delete_item(RowKey::of_item(&row).expect("a key")).await;
    }
    world.sessions.clear();
    assert_eq!(world.settle().await, 40, "tallies call nobody");
    let again = history("room01", 3, 1000);
    world.database.record(&again).await;
    world.sessions = again;
    world.settle().await;
}

#[tokio::test]
async fn own_puts_do_not_trigger_the_stream_function() {
    let mut world = World::with(history("room01", 30, 700)).await;
    world.sessions[3].room_title = "Another title".to_owned();
    world.database.record(&world.sessions[3..4]).await;
    world.database.past_rooms.tally("room01").await.expect("a tally");
    world.deliveries.next().await;
    // A row of another writer that we change before it is counted still is.
    let mut foreign = at("2024-01-20T10:00:00Z", "foreign");
    world.put(std::slice::from_ref(&foreign)).await;
    foreign.room_title = "Another title".to_owned();
    world.database.record(std::slice::from_ref(&foreign)).await;
    world.sessions[30] = foreign.clone();
    assert_eq!(world.settle().await, 1);
    // A row that replaces an external writer's is marked, and counted by the event of its end.
    world.delete(std::slice::from_ref(&foreign)).await;
    world.database.record(std::slice::from_ref(&foreign)).await;
    world.sessions.push(foreign.clone());
    assert_eq!(world.settle().await, 1);
    // This project's deletions look like external ones; the recount corrects nothing.
    let keys = [session_key(&foreign)];
    world.database.past_rooms.delete("room01", &keys).await.expect("deleted");
    world.sessions.retain(|session| session.room_sid != "foreign");
    world.check().await;
    assert_eq!(world.settle().await, 1);
}

#[tokio::test]
async fn event_filter_passes_unmarked_sessions() {
    let database = Database::start().await;
    let mut deliveries = Deliveries::of(&database).await;
    let one = at("2026-11-22T10:00:00Z", "x");
    let mut marked = row_of(&one);
    marked.insert(COUNTED.to_owned(), aws_sdk_dynamodb::types::AttributeValue::Bool(true));
    database.put_item(marked).await;
    let (events, calls) = deliveries.next().await;
    assert_eq!((events.len(), calls.len()), (1, 0), "a copy with its mark is taken for ours");
    let mut odd = row_of(&at("2026-11-22T10:00:00Z", "y"));
    odd.insert(COUNTED.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S("true".to_owned()));
    database.put_item(odd).await;
    for (number, sort_key) in
        ["0", "1999#x", "9", "~", "#2026-11", "!meeting#x", "x2026"].iter().enumerate()
    {
        database.put_item(RowKey::new(format!("other{number}"), *sort_key).into_item()).await;
    }
    let (events, calls) = deliveries.next().await;
    assert_eq!((events.len(), calls.len()), (8, 4), "{calls:?}");
}

#[tokio::test]
async fn expired_sessions_are_not_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let dynamodb = dynoxide::Database::memory().expect("a database");
    tokio::spawn(dynoxide::server::serve_on(listener, dynamodb.clone()));
    let settings = embedded::settings(&format!("http://{address}"));
    let client = past_rooms::dynamodb::client(&settings);
    let past_rooms =
        embedded::create_table(client, "past-rooms", embedded::Stream::On).await.expect("a table");
    let mut deliveries = Deliveries::open(&settings, past_rooms.table()).await;
    let (old, new) = (at("2024-01-20T10:00:00Z", "old"), {
        let mut new = at("2024-01-20T10:30:00Z", "new");
        new.ended = Some(time("2100-01-01T00:00:00Z"));
        new
    });
    let recorded = past_rooms.with_retention_days(30).record(&[old, new]).await;
    assert_eq!(recorded.expect("recorded").new, 2);
    assert_eq!(dynamodb.sweep_ttl().expect("swept"), 1);
    assert!(!past_rooms.check_tally("room01").await.expect("a check").is_consistent());
    assert_eq!(deliveries.deliver(&past_rooms).await, 1);
    let report = past_rooms.check_tally("room01").await.expect("a check");
    assert!(report.is_consistent() && report.sessions == 1, "{report:?}");
}

#[tokio::test]
async fn batch_may_have_thousands_of_events() {
    let mut world = World::with(history("room01", 10, 700)).await;
    let mut others = history("room01", 1000, 13);
    for (number, session) in others.iter_mut().enumerate() {
        session.room_sid = format!("other{number}");
    }
    world.put(&others).await;
    let (_, calls) = world.deliveries.next().await;
    let many: Vec<_> = std::iter::repeat_n(calls, 5).flatten().collect();
    assert_eq!(many.len(), 5000);
    assert!(invoke(&world.database.past_rooms, &many).await.is_empty());
    world.check().await;
}
