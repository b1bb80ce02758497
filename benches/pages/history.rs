//! Histories that the benchmarks read, with sessions over ten years.

use jiff::{SignedDuration, Timestamp};
use past_rooms::Session;

const DAY: i64 = 24 * 3600;
/// Days from the first session to the last.
const DAYS: i64 = 10 * 365;

/// Distribution of sessions over rooms and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// Rooms with the same number of sessions, at all hours.
    Even(usize),
    /// One room whose sessions are in ten hours of the day.
    WorkingHours,
    /// A hundred rooms that all meet in the same hours.
    SameHour,
    /// A hundred rooms, ninety without sessions.
    MostlyUnused,
    /// One room with nearly all sessions, and 99 with 20 each, within a few days.
    Uneven,
}

impl History {
    pub fn name(self) -> String {
        match self {
            History::Even(1) => "1 room".to_owned(),
            History::Even(rooms) => format!("{rooms} rooms"),
            History::WorkingHours => "1 room, working hours".to_owned(),
            History::SameHour => "100 rooms, in the same hour".to_owned(),
            History::MostlyUnused => "100 rooms, 90 never met".to_owned(),
            History::Uneven => "1 huge room, 99 tiny".to_owned(),
        }
    }

    pub fn rooms(self) -> usize {
        match self {
            History::Even(rooms) => rooms,
            History::WorkingHours => 1,
            History::SameHour | History::MostlyUnused | History::Uneven => 100,
        }
    }

    /// Returns the rooms' ids. Those of different histories differ.
    pub fn room_ids(self) -> Vec<String> {
        (0..self.rooms()).map(|room| self.room_id(room)).collect()
    }

    fn room_id(self, room: usize) -> String {
        format!("{self:?}-{room:03}")
    }

    /// Returns the sessions, the oldest first.
    pub fn sessions(self, count: usize) -> Vec<Session> {
        let mut random = fastrand::Rng::with_seed(7);
        let session = |number: usize| {
            let second = number as i64 * DAYS * DAY / count as i64 + random.i64(0..300);
            let (day, in_day) = (second / DAY, second % DAY);
            let (room, second) = match self {
                History::Even(rooms) => (random.usize(..rooms), second),
                History::WorkingHours => (0, day * DAY + 8 * 3600 + in_day * 10 / 24),
                History::SameHour => {
                    let day = (number / 100) as i64 * DAYS * 100 / count as i64;
                    (number % 100, day * DAY + 9 * 3600 + random.i64(0..3600))
                }
                History::MostlyUnused => (random.usize(..10) * 10, second),
                History::Uneven if number >= 1000 && number % 1000 < 20 => (number / 1000, second),
                History::Uneven => (0, second),
            };
            session(self.room_id(room), second * 1000, number)
        };
        let mut sessions: Vec<Session> = (0..count).map(session).collect();
        sessions.sort_by(|a, b| (a.created, &a.room_sid).cmp(&(b.created, &b.room_sid)));
        sessions
    }
}

/// Share of the busiest hour's sessions that an hour of the day has, in percent.
const HOURS: [usize; 24] =
    [1, 1, 1, 1, 1, 1, 2, 10, 50, 100, 100, 80, 40, 60, 100, 90, 60, 30, 10, 5, 4, 3, 2, 1];

/// Returns sessions of 1000 rooms, the oldest first, with `busiest` in the busiest hours. Those of an hour
/// are spread over its minutes evenly.
pub fn crowded(count: usize, busiest: usize) -> Vec<Session> {
    const HOUR: f64 = 3_600_000.0;
    let mut random = fastrand::Rng::with_seed(7);
    let mut sessions = Vec::with_capacity(count);
    for hour in 0.. {
        let in_hour = (busiest * HOURS[hour % 24] / 100).min(count - sessions.len());
        for place in 0..in_hour {
            let part = (place as f64 + random.f64()) / in_hour as f64;
            let (number, milliseconds) = (sessions.len(), (hour as f64 + part) * HOUR);
            let room = format!("room-{:03}", number * 7 % 1000);
            sessions.push(session(room, milliseconds as i64, number));
        }
        if sessions.len() == count {
            return sessions;
        }
    }
    sessions
}

/// Makes a session whose row has about 350 bytes.
fn session(room_id: String, milliseconds: i64, number: usize) -> Session {
    let start = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_464_739_200);
    let created = start + SignedDuration::from_millis(milliseconds);
    let mut session = Session::new(room_id, format!("SID_{number:012}"), created);
    session.room_title = "Weekly project sync: planning, open points and demos".to_owned();
    session.joined_participants = number as u32 % 40;
    session.webhook_url = "https://lms.example.org/plugnmeet/webhook?room=1".to_owned();
    session.ended = Some(created + SignedDuration::from_mins(10));
    session.analytics_file_id = Some(format!("SID_{number:012}-1795195256000"));
    session
}
