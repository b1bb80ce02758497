//! A sample history: a few rooms with real-looking sessions, the same every time.

use jiff::civil::{Date, Weekday, date};
use jiff::{SignedDuration, ToSpan, tz::TimeZone};
use past_rooms::Session;

/// A room of the sample and what makes its history.
struct SampleRoom {
    id: &'static str,
    sessions: usize,
    titles: &'static [&'static str],
    /// Maximum number of participants.
    size: u32,
}

/// The sample's rooms with a past, and how many sessions each has.
const ROOMS: [SampleRoom; 6] = [
    SampleRoom {
        id: "room01",
        sessions: 137,
        titles: &["Project sync", "Design review", "Sprint planning", "Retrospective"],
        size: 14,
    },
    SampleRoom {
        id: "math-101",
        sessions: 2400,
        titles: &[
            "Mathematics 101: lecture",
            "Mathematics 101: exercises",
            "Mathematics 101: office hour",
        ],
        size: 180,
    },
    SampleRoom { id: "daily-standup", sessions: 1250, titles: &["Daily stand-up"], size: 11 },
    SampleRoom {
        id: "english-b2",
        sessions: 310,
        titles: &[
            "English B2: conversation",
            "English B2: grammar",
            "English B2: Prüfungsvorbereitung",
        ],
        size: 24,
    },
    SampleRoom { id: "board-meeting", sessions: 9, titles: &["Board meeting"], size: 9 },
    SampleRoom { id: "town-hall", sessions: 1, titles: &["Town hall: the year ahead"], size: 420 },
];

/// The room of the sample that never had a session.
pub const EMPTY_ROOM: &str = "empty-room";

/// The last day of the sample.
const LAST_DAY: Date = date(2026, 11, 20);

/// The rooms of the sample and how many sessions each has, for people to read.
pub fn rooms() -> impl Iterator<Item = (&'static str, usize)> {
    let with_past = ROOMS.iter().map(|room| (room.id, room.sessions));
    with_past.chain([(EMPTY_ROOM, 0)])
}

/// All sessions of the sample.
pub fn sessions() -> Vec<Session> {
    ROOMS.iter().zip(1..).flat_map(|(room, seed)| sessions_of(room, seed)).collect()
}

/// A room's sessions, newest first: one to three on a working day, in working hours.
fn sessions_of(room: &SampleRoom, seed: u64) -> Vec<Session> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut sessions = Vec::with_capacity(room.sessions);
    let mut day = LAST_DAY;
    while sessions.len() < room.sessions {
        if !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            let today = random.usize(1..=3).min(room.sessions - sessions.len());
            let hours = [16, 12, 8];
            for hour in &hours[..today] {
                sessions.push(session(room, day, *hour, &mut random));
            }
        }
        day = day.saturating_sub(1.day());
    }
    sessions
}

fn session(room: &SampleRoom, day: Date, hour: i8, random: &mut fastrand::Rng) -> Session {
    let start = day.at(hour, random.i8(0..60), random.i8(0..60), random.i32(0..1000) * 1_000_000);
    // UTC has neither gaps nor folds, so every civil time is one timestamp.
    let created = TimeZone::UTC.to_ambiguous_timestamp(start).compatible().unwrap_or_default();
    let ended = created + SignedDuration::from_secs(random.i64(300..3 * 3600));
    let sid: String = (0..12).map(|_| random.alphanumeric()).collect();
    let mut session = Session::new(room.id, format!("SID_{sid}"), created);
    session.room_title = room.titles[random.usize(..room.titles.len())].to_owned();
    session.joined_participants = random.u32(1..=room.size);
    session.webhook_url = format!("https://lms.example.org/plugnmeet/webhook?room={}", room.id);
    session.ended = Some(ended);
    session.analytics_file_id =
        (random.u8(..3) > 0).then(|| format!("SID_{sid}-{}", created.as_millisecond()));
    session
}
