//! The histories that are measured: 100 000 sessions each, of about 350 bytes, over three years.

use jiff::{SignedDuration, Timestamp};
use past_rooms::Session;

/// Sessions in every scenario.
pub const SESSIONS: usize = 100_000;

/// How a scenario's sessions are spread over rooms and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// So many rooms with the same number of sessions, at all hours.
    Even(usize),
    /// One room that is in use in working hours only, so that the hours are crowded.
    WorkingHours,
    /// One room with nearly all sessions, and 99 with a handful each, years apart.
    Uneven,
}

impl Scenario {
    pub const ALL: [Scenario; 5] = [
        Scenario::Even(1),
        Scenario::WorkingHours,
        Scenario::Even(10),
        Scenario::Even(100),
        Scenario::Uneven,
    ];

    pub fn name(self) -> String {
        match self {
            Scenario::Even(1) => "1 room of 100 000".to_owned(),
            Scenario::Even(rooms) => format!("{rooms} rooms of {}", group(SESSIONS / rooms)),
            Scenario::WorkingHours => "1 room of 100 000, working hours".to_owned(),
            Scenario::Uneven => "1 huge room, 99 tiny".to_owned(),
        }
    }

    pub fn rooms(self) -> usize {
        match self {
            Scenario::Even(rooms) => rooms,
            Scenario::WorkingHours => 1,
            Scenario::Uneven => 100,
        }
    }

    pub fn room_ids(self) -> Vec<String> {
        (0..self.rooms()).map(room_id).collect()
    }

    /// All sessions, the oldest first.
    pub fn sessions(self) -> Vec<Session> {
        const YEARS: i64 = 3;
        const SECONDS: i64 = YEARS * 365 * 24 * 3600;
        let mut random = fastrand::Rng::with_seed(7);
        let start = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000);
        let mut sessions: Vec<Session> = (0..SESSIONS)
            .map(|number| {
                let mut second = number as i64 * SECONDS / SESSIONS as i64 + random.i64(0..300);
                let room = match self {
                    Scenario::Even(rooms) => random.usize(..rooms),
                    Scenario::WorkingHours => {
                        // Ten hours of every day take the sessions of all twenty-four.
                        let (day, second_of_day) = (second / 86_400, second % 86_400);
                        second = day * 86_400 + 8 * 3600 + second_of_day * 10 / 24;
                        0
                    }
                    Scenario::Uneven => match number {
                        // Twenty sessions within a few days, each room at another time.
                        _ if number % 1000 < 20 && number >= 1000 => number / 1000,
                        _ => 0,
                    },
                };
                session(room, start + SignedDuration::from_secs(second), number)
            })
            .collect();
        sessions.sort_by_key(|session| session.created);
        sessions
    }
}

fn room_id(room: usize) -> String {
    format!("room-{room:03}")
}

/// A session whose row has about 350 bytes.
fn session(room: usize, created: Timestamp, number: usize) -> Session {
    let mut session = Session::new(room_id(room), format!("SID_{number:012}"), created);
    session.room_title = "Weekly project sync: planning, open points and demos".to_owned();
    session.joined_participants = number as u32 % 40;
    session.webhook_url = "https://lms.example.org/plugnmeet/webhook?room=1".to_owned();
    session.ended = Some(created + SignedDuration::from_mins(10));
    session.analytics_file_id = Some(format!("SID_{number:012}-1795195256000"));
    session
}

/// A number with its thousands apart.
pub fn group(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}
