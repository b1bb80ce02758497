//! Counts what pages cost: requests, round trips one after the other, and read units.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use past_rooms::{Meter, Order, PageQuery, PastRooms, Session};
use serde::Serialize;

use crate::history::{self, History};
use crate::timed::ROUND_TRIP;
use crate::{database, usual};

/// Sessions of the rooms of a history.
pub const SESSIONS: usize = 100_000;
/// Sessions of all rooms.
pub const ALL_SESSIONS: usize = 1_000_000;
/// Sessions on a page.
const LIMIT: usize = 20;
/// Pages that are read beside those near the front, spread over the history.
const PAGES: usize = 60;
/// Bytes of a session, for the least that a reader has to read.
const SESSION_BYTES: f64 = 350.0;
/// Requests in flight at once. Round trips that are only due to this bound are not counted.
const IN_FLIGHT: u64 = 20;
/// Pages whose time is measured at each depth.
const TIMED: usize = 40;

/// The cost of one page.
#[derive(Debug, Clone, Serialize)]
pub struct Cost {
    pub order: String,
    pub from: usize,
    pub requests: u64,
    pub round_trips: u64,
    pub read_units: f64,
    /// The more expensive of the same page and the next one, read by the same process.
    pub again_round_trips: u64,
    pub again_read_units: f64,
}

/// The costs of a history's pages.
#[derive(Debug, Serialize)]
pub struct Measured {
    pub history: String,
    pub rooms: usize,
    /// Most sessions in one hour, if the pages are those of all rooms.
    pub busiest: Option<usize>,
    pub pages: Vec<Cost>,
    /// Read units of a reader that reads everything.
    pub everything: Option<f64>,
    /// Least read units that any reader needs: each room's count, and the page's bytes.
    pub floor: f64,
    /// Depth, and milliseconds of a page there over HTTP on loopback.
    pub milliseconds: Vec<(usize, f64)>,
}

/// Measures pages of rooms.
pub fn rooms(history: History) -> Result<Measured, Box<dyn Error>> {
    eprintln!("{}", history.name());
    let sessions = history.sessions(SESSIONS);
    let room_ids = history.room_ids();
    paused()?.block_on(async {
        let (_, past_rooms) = database::filled(&sessions).await?;
        for room_id in &room_ids {
            past_rooms.tally(room_id).await?;
        }
        let pages = pages(&past_rooms, &PageQuery::new(room_ids.clone()), &sessions).await?;
        let meter = Arc::new(Meter::default());
        let count = usual::count(&past_rooms.table().metered(&meter), &room_ids).await?;
        assert_eq!(count, SESSIONS);
        Ok(Measured {
            history: history.name(),
            rooms: history.rooms(),
            busiest: None,
            pages,
            everything: Some(meter.units()),
            floor: floor(history.rooms()),
            milliseconds: Vec::new(),
        })
    })
}

/// Measures pages of all rooms, with at most `busiest` sessions an hour.
pub fn all_rooms(busiest: usize) -> Result<Measured, Box<dyn Error>> {
    let name = format!("all rooms, up to {busiest} sessions an hour");
    eprintln!("{name}");
    let sessions = history::crowded(ALL_SESSIONS, busiest);
    let (database, pages) = paused()?.block_on(async {
        let (database, past_rooms) = database::projected(&sessions).await?;
        let pages = pages(&past_rooms, &PageQuery::all_rooms(), &sessions).await?;
        Ok::<_, Box<dyn Error>>((database, pages))
    })?;
    let clock = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let milliseconds = clock.block_on(async {
        let past_rooms = database::served(&database).await?;
        let mut milliseconds = Vec::new();
        for from in [0, 100_000, 999_000] {
            milliseconds.push((from, median_time(&past_rooms, from).await?));
        }
        Ok::<_, Box<dyn Error>>(milliseconds)
    })?;
    Ok(Measured {
        history: name,
        rooms: 1,
        busiest: Some(busiest),
        pages,
        everything: None,
        floor: floor(1),
        milliseconds,
    })
}

/// Returns a runtime whose clock only requests move.
fn paused() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()
}

fn floor(rooms: usize) -> f64 {
    0.5 * rooms as f64 + LIMIT as f64 * SESSION_BYTES / 4096.0 / 2.0
}

/// Reads pages of a query in both orders, and compares them with the sessions.
async fn pages(
    past_rooms: &PastRooms,
    query: &PageQuery,
    sessions: &[Session],
) -> Result<Vec<Cost>, Box<dyn Error>> {
    let count = sessions.len();
    let mut costs = Vec::new();
    for order in [Order::Desc, Order::Asc] {
        let spread = (1..=PAGES).map(|page| count * page / PAGES - count / PAGES / 3);
        for from in [0, 20, 1000, count - count / 100].into_iter().chain(spread) {
            let query = query.clone().limit(LIMIT).order(order);
            let unread = unread(past_rooms);
            let cost =
                async |from: usize| read(&unread, query.clone().from(from as u64), sessions).await;
            let first = cost(from).await?;
            let again = [cost(from).await?, cost(from + LIMIT).await?];
            costs.push(Cost {
                order: order.to_string(),
                from,
                requests: first.0,
                round_trips: first.1,
                read_units: first.2,
                again_round_trips: again.iter().map(|cost| cost.1).max().unwrap_or_default(),
                again_read_units: again.iter().map(|cost| cost.2).fold(0.0, f64::max),
            });
        }
    }
    Ok(costs)
}

/// Returns the same history without what this process remembers of it.
fn unread(past_rooms: &PastRooms) -> PastRooms {
    let table = past_rooms.table();
    let unread = PastRooms::new(table.client().clone(), table.name());
    if past_rooms.has_history() { unread.with_history(database::HISTORY) } else { unread }
}

/// Returns requests, round trips and read units of a page.
async fn read(
    past_rooms: &PastRooms,
    query: PageQuery,
    sessions: &[Session],
) -> Result<(u64, u64, f64), Box<dyn Error>> {
    let meter = Arc::new(Meter::default());
    let begun = tokio::time::Instant::now();
    let page = past_rooms.metered(&meter).page(&query).await?;
    let cost = (meter.requests(), round_trips(begun, &meter), meter.units());
    assert_eq!(page.total, sessions.len() as u64, "{query:?}");
    let expected: Vec<_> = match query.order {
        Order::Asc => sessions.iter().skip(query.from as usize).take(query.limit).collect(),
        Order::Desc => sessions.iter().rev().skip(query.from as usize).take(query.limit).collect(),
    };
    let expected: Vec<_> = expected.into_iter().map(|session| &*session.room_sid).collect();
    let sids: Vec<_> = page.sessions.iter().map(|session| &*session.room_sid).collect();
    assert_eq!(sids, expected, "{query:?}");
    Ok(cost)
}

fn round_trips(begun: tokio::time::Instant, meter: &Meter) -> u64 {
    (begun.elapsed().as_millis() / ROUND_TRIP.as_millis()) as u64 - meter.requests() / IN_FLIGHT
}

/// Returns the median time of newest-first pages from a depth on, in milliseconds.
async fn median_time(past_rooms: &PastRooms, from: usize) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::new();
    for page in 0..TIMED {
        let query = PageQuery::all_rooms().from((from + page * LIMIT) as u64).limit(LIMIT);
        let begun = Instant::now();
        past_rooms.page(&query).await?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    times.get(TIMED / 2).copied().ok_or_else(|| "no page".into())
}
