//! What is asked for, and the histories that it is asked of.

use jiff::{SignedDuration, Timestamp};
use past_rooms::Session;
use past_rooms::api::auth;
use serde::Serialize;
use serde_json::{Value, json};

pub const KEY: &str = "plugnmeet";
pub const SECRET: &str = "local-demo-secret";
/// Sessions on a page.
const LIMIT: usize = 20;

/// How many rooms are asked for. Each number has a history of its own.
pub const ROOMS: [usize; 4] = [1, 10, 100, 1000];

/// Sessions of each room.
fn sessions_per_room(rooms: usize) -> usize {
    match rooms {
        1 => 600,
        10 => 60,
        100 => 20,
        _ => 2,
    }
}

/// One request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Case {
    pub rooms: usize,
    pub deep: bool,
    pub order: &'static str,
}

impl Case {
    /// Every request for so many rooms.
    pub fn of(rooms: usize) -> impl Iterator<Item = Case> {
        let places = [false, true].into_iter();
        places.flat_map(move |deep| ["DESC", "ASC"].map(|order| Case { rooms, deep, order }))
    }

    /// The case that others are compared with.
    pub fn reference() -> Self {
        Case { rooms: 1, deep: false, order: "DESC" }
    }

    pub fn name(self) -> String {
        let rooms = if self.rooms == 1 { "room" } else { "rooms" };
        let place = if self.deep { "deep" } else { "first page" };
        format!("{} {rooms}, {place}, {}", self.rooms, self.order)
    }

    /// The event of the signed request.
    pub fn event(self) -> String {
        let from = if self.deep { self.rooms * sessions_per_room(self.rooms) / 3 + 7 } else { 0 };
        let rooms: Vec<String> = (0..self.rooms).map(|room| room_id(self.rooms, room)).collect();
        let body = json!({"room_ids": rooms, "from": from, "limit": LIMIT, "order_by": self.order});
        let body = body.to_string();
        let mut event: Value =
            serde_json::from_str(include_str!("../../events/http-api.json")).unwrap_or_default();
        let headers = &mut event["headers"];
        headers["content-length"] = body.len().to_string().into();
        headers[auth::API_KEY_HEADER.to_ascii_lowercase()] = KEY.into();
        headers[auth::SIGNATURE_HEADER.to_ascii_lowercase()] =
            auth::sign(SECRET, body.as_bytes()).into();
        event["body"] = body.into();
        event.to_string()
    }
}

/// Rooms of different histories have different names. One room alone has the name that the baseline
/// `smallest` asks for.
fn room_id(rooms: usize, room: usize) -> String {
    if rooms == 1 { "room01".to_owned() } else { format!("of-{rooms}-{room:04}") }
}

/// All sessions of the history with so many rooms: over a year, at all hours.
pub fn history(rooms: usize) -> Vec<Session> {
    const SECONDS: i64 = 365 * 24 * 3600;
    let all = rooms * sessions_per_room(rooms);
    let mut random = fastrand::Rng::with_seed(7);
    let start = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000);
    let sessions = (0..all).map(|number| {
        let second = number as i64 * SECONDS / all as i64 + random.i64(0..300);
        let created = start + SignedDuration::from_secs(second);
        session(room_id(rooms, random.usize(..rooms)), created, number)
    });
    sessions.collect()
}

/// A session whose row has about 350 bytes.
fn session(room_id: String, created: Timestamp, number: usize) -> Session {
    let mut session = Session::new(room_id, format!("SID_{number:012}"), created);
    session.room_title = "Weekly project sync: planning, open points and demos".to_owned();
    session.joined_participants = number as u32 % 40;
    session.webhook_url = "https://lms.example.org/plugnmeet/webhook?room=1".to_owned();
    session.ended = Some(created + SignedDuration::from_mins(10));
    session.analytics_file_id = Some(format!("SID_{number:012}-1795195256000"));
    session
}
