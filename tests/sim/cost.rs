//! The cost of pages without concurrent writes: round trips, counted on the paused clock, and read
//! units.
//!
//! Every request takes the same time on that clock, and nothing else takes any. So the time that a
//! page takes is the length of its longest chain of requests that wait for one another.

use std::ops::Range;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use jiff::{SignedDuration, Timestamp};
use past_rooms::{Meter, Order, PageQuery, PastRooms, RowKey};
use tokio::time::Instant;

use crate::database::{Database, TABLE};
use crate::timed::{self, ROUND_TRIP};
use crate::{content, tallies};

/// Maximum number of requests that a page has in flight.
const IN_FLIGHT: u64 = 20;

/// Pages of each history, order and limit, spread over the history.
const PAGES: usize = 12;

/// A table of rooms, each with sessions at these hours from the beginning of 2025 on.
struct History {
    client: Client,
    room_ids: Vec<String>,
    sessions: usize,
}

/// The cost of a page, or the highest of several pages.
#[derive(Debug, Default, Clone, Copy)]
struct Cost {
    /// Round trips, besides those that are only due to the bound on requests in flight.
    round_trips: u64,
    /// The same, when the process had read the page before.
    again: u64,
    units: f64,
}

impl History {
    fn new(rooms: usize, hours: impl Fn(usize) -> Vec<i64>) -> Self {
        let start: Timestamp = "2025-01-01T00:00:00Z".parse().expect("a time");
        let room_ids: Vec<String> = (0..rooms).map(|room| format!("room-{room:03}")).collect();
        let mut rows = Vec::new();
        let mut sessions = 0;
        for (room, room_id) in room_ids.iter().enumerate() {
            let keys = hours(room).into_iter().enumerate().map(|(number, hour)| {
                let created = start + SignedDuration::from_hours(hour);
                RowKey::new(&**room_id, format!("{created:.3}#SID_{number:012}"))
            });
            let keys: Vec<RowKey> = keys.collect();
            sessions += keys.len();
            rows.extend(tallies::rows(room_id, &tallies::expected(&keys)));
            for key in keys {
                // About 350 bytes.
                let mut row = content::row(&key, 1);
                row["room_title"] = serde_json::json!({"S": "v".repeat(120)});
                rows.push(row);
            }
        }
        let database = Database::filled(TABLE, &rows);
        let client = timed::timed_client(move |operation, body| database.execute(operation, body));
        History { client, room_ids, sessions }
    }

    /// The most that pages over all rooms cost.
    async fn cost(&self, limit: usize) -> Cost {
        let step = (self.sessions / PAGES).max(1) | 1;
        self.cost_of((0..self.sessions).step_by(step), limit).await
    }

    /// The most that the pages cost that begin at these sessions.
    async fn cost_of(&self, pages: impl Iterator<Item = usize> + Clone, limit: usize) -> Cost {
        let mut most = Cost::default();
        for order in [Order::Asc, Order::Desc] {
            for from in pages.clone() {
                let query = PageQuery::new(self.room_ids.iter().map(String::as_str));
                let query = query.from(from as u64).limit(limit).order(order);
                let past_rooms = PastRooms::new(self.client.clone(), TABLE);
                let first = read(&past_rooms, &query).await;
                let again = read(&past_rooms, &query).await;
                most.round_trips = most.round_trips.max(first.round_trips);
                most.again = most.again.max(again.round_trips);
                most.units = most.units.max(first.units).max(again.units);
            }
        }
        most
    }
}

async fn read(past_rooms: &PastRooms, query: &PageQuery) -> Cost {
    let meter = Arc::new(Meter::default());
    let begun = Instant::now();
    let page = past_rooms.metered(&meter).page(query).await.expect("a page");
    let round_trips = (begun.elapsed().as_millis() / ROUND_TRIP.as_millis()) as u64;
    assert!(!page.sessions.is_empty());
    let round_trips = round_trips - meter.requests() / IN_FLIGHT;
    Cost { round_trips, again: 0, units: meter.units() }
}

/// Rooms in use at the same time, each about every `hours`.
fn side_by_side(sessions: i64, hours: i64) -> impl Fn(usize) -> Vec<i64> {
    move |room| {
        let mut random = fastrand::Rng::with_seed(room as u64);
        (0..sessions).map(|session| session * hours + random.i64(0..hours)).collect()
    }
}

/// Returns the hours of sessions by room. The rooms are in use one after another, each every
/// `hours`. The number of a room's sessions is in the range `sessions`.
fn one_by_one(sessions: Range<usize>, hours: i64) -> impl Fn(usize) -> Vec<i64> {
    move |room| {
        let sessions_here = sessions.start + room % sessions.len();
        let begin = room * sessions.end;
        (begin..begin + sessions_here).map(|session| session as i64 * hours).collect()
    }
}

pub fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().expect("a runtime")
}

#[test]
fn page_cost_is_bounded_in_every_history() {
    // Bounds in docs/internals/architecture.md: round trips, again, and read units of a page of 20.
    let histories: [(&str, History, [u64; 2], f64); 11] = [
        ("1 room", History::new(1, side_by_side(400, 7)), [3, 2], 3.0),
        ("1 room, every hour", History::new(1, side_by_side(2000, 1)), [3, 2], 3.0),
        ("10 rooms", History::new(10, side_by_side(100, 90)), [3, 2], 20.0),
        ("10 rooms, crowded", History::new(10, side_by_side(100, 2)), [3, 2], 20.0),
        ("10 rooms, 12 each", History::new(10, one_by_one(12..13, 48)), [3, 3], 20.0),
        ("10 rooms, 30 each", History::new(10, one_by_one(30..31, 40)), [3, 3], 20.0),
        ("10 rooms, 60 each", History::new(10, one_by_one(60..61, 2)), [4, 3], 20.0),
        ("100 rooms", History::new(100, side_by_side(60, 90)), [4, 3], 150.0),
        ("100 rooms, crowded", History::new(100, side_by_side(12, 7)), [4, 3], 150.0),
        ("100 rooms, 9 to 12 each", History::new(100, one_by_one(9..13, 7)), [4, 3], 150.0),
        ("100 rooms, 10 each", History::new(100, one_by_one(10..11, 1)), [4, 3], 150.0),
    ];
    let runtime = runtime();
    for (name, history, [round_trips, again], units) in histories {
        let cost = runtime.block_on(history.cost(20));
        println!("{name}: {cost:?}");
        assert!(cost.round_trips <= round_trips && cost.again <= again, "{name}: {cost:?}");
        assert!(cost.units <= units, "{name}: {cost:?}");
        let cost = runtime.block_on(history.cost(100));
        println!("{name}, 100 rows: {cost:?}");
        assert!(cost.round_trips <= 4 && cost.again <= 4, "{name}, 100 rows: {cost:?}");
    }
}

#[test]
fn page_in_a_crowded_hour_reads_only_that_hour() {
    // 1200 sessions of the first room, and one of each other, which have 200 before and after it.
    let around = || (1..=100).flat_map(|hour| [2000 - hour, 2000 + hour]);
    let hours = |room| match room {
        0 => vec![2000; 1200],
        _ => std::iter::once(2000).chain(around()).collect(),
    };
    let history = History::new(20, hours);
    let middle = history.sessions / 2;
    let cost = runtime().block_on(history.cost_of([middle - 500, middle + 500].into_iter(), 20));
    // The hour's 1219 rows of 350 bytes are 52 read units; 40 tallies and 19 queries another 30.
    assert!(cost.units <= 100.0, "{cost:?}");
}
