//! What one page costs: DynamoDB requests, read units, round trips one after the other, and memory.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use past_rooms::{Meter, Order, PageQuery, PastRooms};
use serde::Serialize;

use crate::ALLOCATOR;
use crate::database::{DELAY, Database, LONG_DELAY};
use crate::scenario::{SESSIONS, Scenario};
use crate::usual;

/// The depths that are measured.
pub const FROM: [u64; 6] = [0, 20, 1_000, 10_000, 50_000, 99_000];
/// Sessions on a page.
pub const LIMIT: usize = 20;
/// A session's bytes, for the floor.
const SESSION_BYTES: f64 = 350.0;

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reader {
    /// This project's.
    Tallies,
    /// Count and walk.
    Usual,
    /// The least that any reader of this API can pay: each room asked once for its count, and the page's own bytes,
    /// in one round trip.
    Floor,
}

/// What a page cost.
#[derive(Debug, Clone, Serialize)]
pub struct Cost {
    pub scenario: String,
    pub rooms: usize,
    pub order: String,
    pub from: u64,
    pub reader: Reader,
    pub requests: u64,
    pub read_units: f64,
    /// (time with a delay on every request - time without) / delay.
    pub sequential: f64,
    /// With the delay on every request; for the usual way, without.
    pub milliseconds: f64,
    /// The same two where the process has read the rooms before.
    pub sequential_again: f64,
    pub milliseconds_again: f64,
    /// The most memory allocated at once beyond what was before.
    pub peak_kilobytes: f64,
}

/// Of so many readings the fastest counts.
const READINGS: usize = 5;

pub async fn scenario(
    database: &Database,
    scenario: Scenario,
) -> Result<Vec<Cost>, Box<dyn Error>> {
    let mut costs = Vec::new();
    let mut usual_sequential = None;
    for order in [Order::Desc, Order::Asc] {
        for from in FROM {
            let query = PageQuery::new(scenario.room_ids()).from(from).limit(LIMIT).order(order);
            let cost = |reader| Cost {
                scenario: scenario.name(),
                rooms: scenario.rooms(),
                order: order.to_string(),
                from,
                reader,
                requests: 0,
                read_units: 0.0,
                sequential: 1.0,
                milliseconds: 0.0,
                sequential_again: 1.0,
                milliseconds_again: 0.0,
                peak_kilobytes: 0.0,
            };
            let (ours, seen) = measure_ours(database, &query, cost(Reader::Tallies)).await?;
            let (mut usual, usually_seen) =
                measure_usual(database, &query, cost(Reader::Usual)).await?;
            assert_eq!(seen, usually_seen, "both readers give the same page: {query:?}");
            // It reads all there is, wherever the page is, so it waits as often for every page.
            usual.sequential = match usual_sequential {
                Some(sequential) => sequential,
                None => *usual_sequential.insert(usual_round_trips(database, &query).await?),
            };
            let floor = Cost {
                requests: scenario.rooms() as u64,
                read_units: 0.5 * scenario.rooms() as f64
                    + LIMIT as f64 * SESSION_BYTES / 4096.0 / 2.0,
                milliseconds: DELAY.as_secs_f64() * 1000.0,
                ..cost(Reader::Floor)
            };
            costs.extend([ours, usual, floor]);
        }
    }
    Ok(costs)
}

/// A page: the total, and the sessions' times and ids.
type Seen = (u64, Vec<String>);

async fn measure_ours(
    database: &Database,
    query: &PageQuery,
    cost: Cost,
) -> Result<(Cost, Seen), Box<dyn Error>> {
    // The first time opens connections.
    ours(&database.past_rooms, query).await?;
    ours(&database.slow, query).await?;
    let meter = Arc::new(Meter::default());
    let unread = unread(&database.past_rooms).metered(&meter);
    let before = start_of_peak();
    let seen = ours(&unread, query).await?;
    let peak_kilobytes = peak_since(before);
    let (fast, fast_again) = fastest(&database.past_rooms, query).await?;
    let (slow, slow_again) = fastest(&database.slow, query).await?;
    let round_trips =
        |slow: Duration, fast| slow.saturating_sub(fast).as_secs_f64() / DELAY.as_secs_f64();
    let cost = Cost {
        requests: meter.requests(),
        read_units: meter.units(),
        sequential: round_trips(slow, fast),
        milliseconds: slow.as_secs_f64() * 1000.0,
        sequential_again: round_trips(slow_again, fast_again),
        milliseconds_again: slow_again.as_secs_f64() * 1000.0,
        peak_kilobytes,
        ..cost
    };
    Ok((cost, seen))
}

/// The same table and connections, with nothing remembered of its rooms.
fn unread(past_rooms: &PastRooms) -> PastRooms {
    let table = past_rooms.table();
    PastRooms::new(table.client().clone(), table.name())
}

/// The fastest reading of rooms not read before, and of rooms read before.
async fn fastest(
    past_rooms: &PastRooms,
    query: &PageQuery,
) -> Result<(Duration, Duration), Box<dyn Error>> {
    let mut fastest = (Duration::MAX, Duration::MAX);
    for _ in 0..READINGS {
        let unread = unread(past_rooms);
        for fastest in [&mut fastest.0, &mut fastest.1] {
            let start = Instant::now();
            ours(&unread, query).await?;
            *fastest = start.elapsed().min(*fastest);
        }
    }
    Ok(fastest)
}

async fn ours(past_rooms: &PastRooms, query: &PageQuery) -> Result<Seen, Box<dyn Error>> {
    let page = past_rooms.page(query).await?;
    assert_eq!(page.total, SESSIONS as u64);
    let keys = page.sessions.iter().map(|room| format!("{}#{}", room.created, room.room_sid));
    Ok((page.total, keys.collect()))
}

async fn measure_usual(
    database: &Database,
    query: &PageQuery,
    cost: Cost,
) -> Result<(Cost, Seen), Box<dyn Error>> {
    let meter = Arc::new(Meter::default());
    let table = database.past_rooms.table().metered(&meter);
    let before = start_of_peak();
    let start = Instant::now();
    let seen = usual::read(&table, query).await?;
    let cost = Cost {
        requests: meter.requests(),
        read_units: meter.units(),
        milliseconds: start.elapsed().as_secs_f64() * 1000.0,
        peak_kilobytes: peak_since(before),
        ..cost
    };
    Ok((cost, seen))
}

async fn usual_round_trips(database: &Database, query: &PageQuery) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    usual::read(database.past_rooms.table(), query).await?;
    let fast = start.elapsed();
    usual::read(database.very_slow.table(), query).await?;
    let slow = start.elapsed() - fast;
    Ok(slow.saturating_sub(fast).as_secs_f64() / LONG_DELAY.as_secs_f64())
}

fn start_of_peak() -> usize {
    ALLOCATOR.reset_peak_usage();
    ALLOCATOR.current_usage()
}

fn peak_since(before: usize) -> f64 {
    ALLOCATOR.peak_usage().saturating_sub(before) as f64 / 1024.0
}
