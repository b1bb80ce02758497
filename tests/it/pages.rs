//! Pages against an independent model: the sessions in a plain list, sorted and cut.

use std::sync::Arc;

use past_rooms::{Meter, Order, Page, PageQuery, PastRoom, PastRooms, Session};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{Database, history, session};

const ROOMS: [&str; 5] = ["r0", "r1", "r2", "r3", "r4"];

/// Returns the page that any reader must answer.
fn model(sessions: &[Session], query: &PageQuery) -> Page {
    let mut found: Vec<&Session> =
        sessions.iter().filter(|session| query.room_ids.contains(&session.room_id)).collect();
    found.sort_by_key(|session| (session.created, &session.room_sid, &session.room_id));
    if query.order == Order::Desc {
        found.reverse();
    }
    Page {
        total: found.len() as u64,
        sessions: found
            .into_iter()
            .skip(query.from as usize)
            .take(query.limit)
            .map(past_room)
            .collect(),
    }
}

/// Written out, so that the model does not lean on the code it is to judge.
fn past_room(session: &Session) -> PastRoom {
    PastRoom {
        room_title: session.room_title.clone(),
        room_id: session.room_id.clone(),
        room_sid: session.room_sid.clone(),
        joined_participants: session.joined_participants.into(),
        webhook_url: session.webhook_url.clone(),
        created: session.created.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        ended: session
            .ended
            .map(|ended| ended.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
            .unwrap_or_default(),
        analytics_file_id: session.analytics_file_id.clone(),
    }
}

async fn read(past_rooms: &PastRooms, query: &PageQuery) -> Page {
    past_rooms.page(query).await.expect("a page")
}

fn query(rooms: &[&str], from: u64, limit: usize, order: Order) -> PageQuery {
    PageQuery::new(rooms.iter().copied()).from(from).limit(limit).order(order)
}

async fn assert_page(past_rooms: &PastRooms, sessions: &[Session], query: &PageQuery) {
    assert_eq!(read(past_rooms, query).await, model(sessions, query), "{query:?}");
}

/// The writer of a room's history.
#[derive(Debug, Clone, Copy)]
enum Filled {
    Recorded,
    Foreign,
    /// A foreign writer's first half, the second half recorded.
    ForeignThenRecorded,
    /// A foreign writer's, tallied afterwards.
    ForeignThenTallied,
}

/// Sessions of many rooms, clustered so that equal times, crowded hours and long gaps all occur. The times are on few
/// places; ids may be equal in different rooms.
fn histories() -> impl Strategy<Value = Vec<Session>> {
    let place = select(vec![
        "2024-12-31T23:59:59.999Z",
        "2025-01-01T00:00:00Z",
        "2025-01-01T00:00:00.001Z",
        "2025-01-31T23:00:00Z",
        "2026-02-28T12:00:00Z",
        "2026-03-01T00:00:00Z",
        "2026-11-22T10:00:00Z",
        "2000-01-01T00:00:00Z",
    ]);
    let one =
        (0..ROOMS.len(), place, select(vec![0i64, 0, 1, 1000, 3_600_000, 90_000_000]), 0..40u16);
    vec(one, 0..160).prop_map(|all| {
        let mut sessions: Vec<Session> = all
            .into_iter()
            .map(|(room, place, offset, sid)| {
                let mut session = session(ROOMS[room], place, &format!("S{sid}"));
                session.created += jiff::SignedDuration::from_millis(offset);
                session
            })
            .collect();
        // One row a key.
        sessions.sort_by(|one, other| {
            (&one.room_id, one.created, &one.room_sid).cmp(&(
                &other.room_id,
                other.created,
                &other.room_sid,
            ))
        });
        sessions.dedup_by(|one, other| {
            (&one.room_id, one.created, &one.room_sid)
                == (&other.room_id, other.created, &other.room_sid)
        });
        sessions
    })
}

async fn fill(database: &Database, sessions: &[Session], filled: &[Filled]) {
    for (room, filled) in ROOMS.iter().zip(filled) {
        let sessions: Vec<Session> =
            sessions.iter().filter(|session| session.room_id == *room).cloned().collect();
        let (first, second) = sessions.split_at(sessions.len() / 2);
        match filled {
            Filled::Recorded => database.record(&sessions).await,
            Filled::Foreign => database.put_foreign(&sessions).await,
            Filled::ForeignThenRecorded => {
                database.put_foreign(first).await;
                database.record(second).await;
            }
            Filled::ForeignThenTallied => {
                database.put_foreign(first).await;
                database.record(second).await;
                database.past_rooms.tally(room).await.expect("tallied");
            }
        }
    }
}

fn filled() -> impl Strategy<Value = Vec<Filled>> {
    let one = select(vec![
        Filled::Recorded,
        Filled::Foreign,
        Filled::ForeignThenRecorded,
        Filled::ForeignThenTallied,
    ]);
    vec(one, ROOMS.len())
}

fn queries() -> impl Strategy<Value = Vec<PageQuery>> {
    let rooms =
        proptest::sample::subsequence([&ROOMS[..], &["nobody"]].concat(), 1..=ROOMS.len() + 1);
    let order = select(vec![Order::Asc, Order::Desc]);
    let one = (rooms, 0..170u64, 1..=40usize, order)
        .prop_map(|(rooms, from, limit, order)| query(&rooms, from, limit, order));
    vec(one, 12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_page_is_a_slice_of_the_sorted_list(sessions in histories(), filled in filled(), queries in queries()) {
        run(async {
            let database = Database::start().await;
            fill(&database, &sessions, &filled).await;
            for query in &queries {
                assert_page(&database.past_rooms, &sessions, query).await;
            }
        });
    }

    #[test]
    fn pages_partition_the_history(
        sessions in histories(), filled in filled(), limit in 1..50usize
    ) {
        run(async {
            let database = Database::start().await;
            fill(&database, &sessions, &filled).await;
            let mut whole = [Vec::new(), Vec::new()];
            for (order, whole) in [Order::Asc, Order::Desc].into_iter().zip(&mut whole) {
                let mut from = 0;
                loop {
                    let page = read(&database.past_rooms, &query(&ROOMS, from, limit, order)).await;
                    assert_eq!(page.total, sessions.len() as u64);
                    if page.sessions.is_empty() {
                        break;
                    }
                    whole.extend(page.sessions);
                    from += limit as u64;
                }
            }
            let [ascending, mut descending] = whole;
            descending.reverse();
            assert_eq!(ascending.len(), sessions.len());
            assert_eq!(ascending, descending);
        });
    }
}

/// Histories that a property is tried on: `PAGE_CASES`, or 48.
fn cases() -> u32 {
    std::env::var("PAGE_CASES").map_or(48, |cases| cases.parse().expect("a number"))
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

#[tokio::test]
async fn pages_beyond_a_megabyte_are_complete() {
    let database = Database::start().await;
    // 120 sessions of 30 kB: one page of 100 is 3 MB, three queries of DynamoDB.
    let mut sessions = history("room01", 120, 600);
    for session in &mut sessions {
        session.room_title = "x".repeat(30_000);
    }
    for (recorded, room) in [(true, "recorded"), (false, "foreign")] {
        for session in &mut sessions {
            session.room_id = room.to_owned();
        }
        if recorded {
            database.record(&sessions).await;
        } else {
            database.put_foreign(&sessions).await;
        }
        for order in [Order::Asc, Order::Desc] {
            for from in [0, 10, 30, 119] {
                assert_page(&database.past_rooms, &sessions, &query(&[room], from, 100, order))
                    .await;
            }
        }
    }
}

#[tokio::test]
async fn deep_page_costs_what_a_shallow_one_costs() {
    let database = Database::start().await;
    let sessions = history("room01", 4000, 90);
    database.record(&sessions).await;
    for order in [Order::Asc, Order::Desc] {
        for from in [0, 20, 500, 1999, 2500, 3333, 3979] {
            let query = query(&["room01"], from, 20, order);
            let meter = Arc::new(Meter::default());
            let page = database.past_rooms.metered(&meter).page(&query).await.expect("a page");
            assert_eq!(page, model(&sessions, &query));
            assert!(meter.requests() <= 3, "{query:?}: {} requests", meter.requests());
            assert!(meter.units() <= 3.0, "{query:?}: {} units", meter.units());
        }
    }
}

#[tokio::test]
async fn next_deep_page_saves_a_round_trip() {
    let database = Database::start().await;
    let mut sessions = history("room01", 4000, 90);
    database.record(&sessions).await;
    let costs = async |sessions: &[Session], from| {
        let query = query(&["room01"], from, 20, Order::Desc);
        let meter = Arc::new(Meter::default());
        let page = database.past_rooms.metered(&meter).page(&query).await.expect("a page");
        assert_eq!(page, model(sessions, &query));
        (meter.requests(), meter.units())
    };
    assert_eq!(costs(&sessions, 2000).await.0, 3);
    assert_eq!(costs(&sessions, 2000).await.0, 2);
    assert_eq!(costs(&sessions, 1300).await.0, 2);
    // New sessions move the page into another month: the prediction is wrong, the page is not.
    let more: Vec<Session> = (0..700)
        .map(|number| session("room01", "2026-11-22T10:00:00Z", &format!("new{number:03}")))
        .collect();
    database.record(&more).await;
    sessions.extend(more);
    let (requests, units) = costs(&sessions, 2000).await;
    assert_eq!(requests, 3);
    assert!(units <= 3.0, "{units} units");
}

#[tokio::test]
async fn only_rooms_with_rows_are_queried() {
    let database = Database::start().await;
    // Ninety rooms of another decade, and one of today.
    let mut sessions = history("today", 300, 60);
    for number in 0..90 {
        sessions.push(session(&format!("old{number}"), "2001-06-01T10:00:00Z", "S"));
    }
    database.record(&sessions).await;
    let mut rooms: Vec<String> = (0..90).map(|number| format!("old{number}")).collect();
    rooms.push("today".to_owned());
    let query = PageQuery::new(rooms).from(150);
    let meter = Arc::new(Meter::default());
    let page = database.past_rooms.metered(&meter).page(&query).await.expect("a page");
    assert_eq!(page, model(&sessions, &query));
    // All tallies in one request, the month's tally, the one room's rows.
    assert!(meter.requests() <= 3, "{} requests", meter.requests());
}

#[tokio::test]
async fn wrong_tally_does_not_shorten_a_page() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let sessions = history("room01", 100, 600);
    for (wrong, count) in [("~", "500"), ("#2024-01", "500"), ("~", "text")] {
        let database = Database::start().await;
        database.record(&sessions).await;
        let mut tally = database.item("room01", wrong).await.expect("a tally");
        let attribute = if wrong == "~" { "2024-01" } else { "0" };
        let value = match count {
            "text" => AttributeValue::S(count.to_owned()),
            _ => AttributeValue::N(count.to_owned()),
        };
        tally.insert(attribute.to_owned(), value);
        database.put_item(tally).await;
        for order in [Order::Asc, Order::Desc] {
            // In the middle, up to the end, and from the front to the end.
            for (from, limit) in [(45, 5), (45, 60), (10, 100)] {
                // A wrong count of a month's hours is seen by those only who ask for them.
                if wrong == "~" || from > 20 {
                    assert_page(
                        &database.past_rooms,
                        &sessions,
                        &query(&["room01"], from, limit, order),
                    )
                    .await;
                }
            }
        }
    }
}

#[tokio::test]
async fn hundreds_of_sessions_share_a_millisecond() {
    let database = Database::start().await;
    let sessions: Vec<Session> = (0..700)
        .map(|number| {
            session(["a", "b"][number % 2], "2026-11-22T10:00:00Z", &format!("S{:03}", number / 2))
        })
        .collect();
    database.record(&sessions).await;
    for order in [Order::Asc, Order::Desc] {
        for from in [0, 21, 349, 350, 600, 699] {
            assert_page(&database.past_rooms, &sessions, &query(&["a", "b"], from, 30, order))
                .await;
        }
    }
}

#[tokio::test]
async fn rooms_behind_the_end_are_read_concurrently() {
    use crate::support::proxy::{Fault, Proxy};
    let database = Database::start().await;
    let mut sessions = history("a", 19, 60);
    for number in 0..40 {
        let room = format!("b{number:02}");
        sessions.push(session(&room, "2024-02-01T10:00:00Z", &format!("S{number}")));
    }
    database.record(&sessions).await;
    // A session that is deleted between counting and reading leaves the page one row short.
    let mut tally = database.item("a", "~").await.expect("a tally");
    tally.insert("2024-01".to_owned(), aws_sdk_dynamodb::types::AttributeValue::N("20".to_owned()));
    database.put_item(tally).await;
    let proxy =
        Proxy::start(&database.endpoint, |_, _| Fault::Delay(std::time::Duration::from_millis(20)))
            .await;
    let rooms = sessions.iter().map(|session| session.room_id.clone());
    let query = PageQuery::new(rooms).order(Order::Asc);
    let page = database.at(&proxy.endpoint).page(&query).await.expect("a page");
    assert_eq!(page, model(&sessions, &query));
    assert!(proxy.most_in_flight() >= 20, "at most {} at once", proxy.most_in_flight());
}

#[tokio::test]
async fn successive_wrong_tallies_are_each_counted() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let database = Database::start().await;
    let mut sessions = Vec::new();
    // Six rooms, each in a month of its own, whose tallies count more than there is.
    for room in 1..=6 {
        let id = format!("r{room}");
        for number in 0..10 {
            let created = format!("2024-0{room}-01T0{number}:00:00Z");
            sessions.push(session(&id, &created, &format!("S{number}")));
        }
        let of_room = &sessions[sessions.len() - 10..];
        database.record(of_room).await;
        let mut tally = database.item(&id, "~").await.expect("a tally");
        tally.insert(format!("2024-0{room}"), AttributeValue::N("30".to_owned()));
        database.put_item(tally).await;
    }
    for order in [Order::Asc, Order::Desc] {
        // The rooms before the page are read, so their tallies are found out, one by one.
        for from in [0, 5, 25] {
            let rooms: Vec<String> = (1..=6).map(|room| format!("r{room}")).collect();
            let query = PageQuery::new(rooms).from(from).limit(30).order(order);
            let page = database.past_rooms.page(&query).await.expect("a page");
            assert_eq!(page.sessions, model(&sessions, &query).sessions);
        }
    }
}
