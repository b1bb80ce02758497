//! Pages of the function's own binary, while one session is recorded, changed or deleted between
//! two of the page's requests to DynamoDB.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use jiff::SignedDuration;
use past_rooms::Session;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use crate::support::lambda::{Lambda, function};
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, session, session_key};

/// Pages with a write in their middle: `FUNCTION_PAGES`, or 60.
fn pages() -> usize {
    std::env::var("FUNCTION_PAGES").map_or(60, |pages| pages.parse().expect("a number"))
}

/// Pages from one history.
const PAGES_OF_A_HISTORY: usize = 30;

/// The request that is held until a write has happened, counted from 0.
#[derive(Default)]
struct Moment {
    seen: usize,
    hold: Option<usize>,
}

/// A way to DynamoDB that holds one request and says so.
struct Gate {
    moment: Arc<Mutex<Moment>>,
    reached: mpsc::UnboundedReceiver<()>,
    written: Arc<Semaphore>,
    proxy: Proxy,
}

impl Gate {
    async fn start(database: &Database) -> Self {
        let moment = Arc::new(Mutex::new(Moment::default()));
        let (reach, reached) = mpsc::unbounded_channel();
        let written = Arc::new(Semaphore::new(0));
        let (at, until) = (Arc::clone(&moment), Arc::clone(&written));
        let decide = move |_, _: &str| {
            let mut moment = at.lock().expect("the moment");
            let number = moment.seen;
            moment.seen += 1;
            if moment.hold != Some(number) {
                return Fault::Pass;
            }
            reach.send(()).expect("somebody writes");
            Fault::Hold(Arc::clone(&until))
        };
        let proxy = Proxy::start(&database.endpoint, decide).await;
        Gate { moment, reached, written, proxy }
    }

    /// Holds this request of those that come from now on.
    fn hold(&self, request: usize) {
        *self.moment.lock().expect("the moment") = Moment { seen: 0, hold: Some(request) };
    }
}

/// A request, and its page by sorting and cutting.
struct Asked {
    room_ids: Vec<String>,
    from: usize,
    limit: usize,
    is_descending: bool,
}

impl Asked {
    fn random(random: &mut Rng, room_ids: &[String], sessions: usize) -> Self {
        let mut room_ids = room_ids.to_vec();
        random.shuffle(&mut room_ids);
        if random.bool() {
            room_ids.truncate(random.usize(1..=room_ids.len()));
        }
        let from = match random.u8(0..6) {
            0 => 0,
            1 => random.usize(0..=22),
            2 => sessions.saturating_sub(random.usize(0..20)),
            _ => random.usize(0..=sessions),
        };
        let limit = [1, 3, 8, 20, 20, 100][random.usize(0..6)];
        Asked { room_ids, from, limit, is_descending: random.bool() }
    }

    fn body(&self) -> String {
        let order = if self.is_descending { "DESC" } else { "ASC" };
        json!({
            "room_ids": self.room_ids, "from": self.from, "limit": self.limit, "order_by": order,
        })
        .to_string()
    }

    /// The sessions of these rooms, in order.
    fn sorted<'a>(&self, sessions: &'a [Session]) -> Vec<&'a Session> {
        let mut found: Vec<&Session> =
            sessions.iter().filter(|session| self.room_ids.contains(&session.room_id)).collect();
        found.sort_by_key(|session| (session.created, &session.room_sid, &session.room_id));
        if self.is_descending {
            found.reverse();
        }
        found
    }

    /// The total, and the page's rows as `(room_id, room_sid, room_title)`.
    fn page(&self, sessions: &[Session]) -> (u64, Vec<Value>) {
        let found = self.sorted(sessions);
        let total = found.len() as u64;
        let rows = found.into_iter().skip(self.from).take(self.limit);
        let rows =
            rows.map(|session| json!([session.room_id, session.room_sid, session.room_title]));
        (total, rows.collect())
    }

    /// The answer is that of before the write or of after it; rows and total fit each other.
    fn assert_answer(&self, answer: &Value, before: &[Session], after: &[Session], what: &str) {
        assert_eq!(answer["statusCode"], 200, "{what}: {answer}");
        let body = answer["body"].as_str().expect("a body");
        let body: Value = serde_json::from_str(body).expect("JSON");
        let result = &body["result"];
        // A total of 0 is an answer without a result.
        let total = result.get("total_rooms").map_or(0, |total| total.as_u64().expect("a number"));
        assert!(result.is_object() || total == 0 && body["status"] == false, "{what}: {body}");
        let rooms = result["rooms_list"].as_array().cloned().unwrap_or_default();
        let rows: Vec<Value> = rooms
            .iter()
            .map(|room| json!([room["room_id"], room["room_sid"], room["room_title"]]))
            .collect();
        let (before, after) = (self.page(before), self.page(after));
        let what = format!("{what}: {} gave {total} and {rows:?}", self.body());
        assert!(rows == before.1 || rows == after.1, "{what}\nbefore {before:?}\nafter {after:?}");
        assert!(total == before.0 || total == after.0, "{what}: {} or {}", before.0, after.0);
        let end = (self.from + rows.len()) as u64;
        match rows.len() {
            0 => assert!(total <= self.from as u64, "{what}"),
            rows if rows < self.limit => assert_eq!(total, end, "{what}"),
            _ => assert!(total >= end, "{what}"),
        }
    }
}

/// One write.
#[derive(Debug)]
enum Write {
    Record(Session),
    Delete(Session),
}

impl Write {
    /// A session recorded, changed or deleted, mostly on the page or beside it.
    fn random(random: &mut Rng, asked: &Asked, sessions: &[Session], number: usize) -> Self {
        let found = asked.sorted(sessions);
        let room_id = asked.room_ids[random.usize(0..asked.room_ids.len())].clone();
        if found.is_empty() {
            return Write::Record(session(&room_id, "2026-01-01T00:00:00Z", &format!("n{number}")));
        }
        let first = asked.from.saturating_sub(4).min(found.len() - 1);
        let end = (asked.from + asked.limit + 4).min(found.len()).max(first + 1);
        let near = if random.u8(0..4) > 0 { first..end } else { 0..found.len() };
        let mut chosen = found[random.usize(near)].clone();
        match random.u8(0..4) {
            0 | 1 => {
                let offset = [1, 1000, 600_000, 7_200_000][random.usize(0..4)];
                let offset = if random.bool() { offset } else { -offset };
                chosen.created += SignedDuration::from_millis(offset);
                chosen.room_id = room_id;
                chosen.room_sid = format!("n{number}");
                Write::Record(chosen)
            }
            2 => {
                chosen.room_title = format!("changed {number}");
                Write::Record(chosen)
            }
            _ => Write::Delete(chosen),
        }
    }

    async fn perform(&self, database: &Database) {
        match self {
            Write::Record(session) => database.record(std::slice::from_ref(session)).await,
            Write::Delete(session) => {
                let keys = [session_key(session)];
                let deleted = database.past_rooms.delete(&session.room_id, &keys).await;
                assert_eq!(deleted.expect("deleted"), 1);
            }
        }
    }

    fn apply(&self, sessions: &mut Vec<Session>) {
        let (Write::Record(written) | Write::Delete(written)) = self;
        sessions.retain(|session| {
            (&session.room_id, &session.room_sid) != (&written.room_id, &written.room_sid)
        });
        if let Write::Record(session) = self {
            sessions.push(session.clone());
        }
    }
}

/// One to ten rooms: recorded by this project, or put by others, with and without a tally built.
async fn fill(database: &Database, random: &mut Rng) -> (Vec<String>, Vec<Session>) {
    let rooms = [1, 2, 3, 5, 10][random.usize(0..5)];
    let room_ids: Vec<String> = (0..rooms).map(|room| format!("room{room}")).collect();
    let minutes = [1, 20, 60, 600][random.usize(0..4)];
    let mut sessions = Vec::new();
    for room_id in &room_ids {
        let of_room: Vec<Session> = (0..random.usize(0..=150 / rooms.min(3)))
            .map(|number| {
                let mut session =
                    session(room_id, "2026-01-31T12:00:00Z", &format!("{room_id}s{number}"));
                session.created += SignedDuration::from_mins(random.i64(-60..60) * minutes);
                session
            })
            .collect();
        match random.u8(0..6) {
            0 => database.put_foreign(&of_room).await,
            1 => {
                database.put_foreign(&of_room).await;
                database.past_rooms.tally(room_id).await.expect("tallied");
            }
            _ => database.record(&of_room).await,
        }
        sessions.extend(of_room);
    }
    (room_ids, sessions)
}

/// Pages over one history; returns how many had the write between two of their requests.
async fn pages_of(seed: u64, at_most: usize) -> usize {
    let mut random = Rng::with_seed(seed);
    let database = Database::start().await;
    let (room_ids, mut sessions) = fill(&database, &mut random).await;
    let mut gate = Gate::start(&database).await;
    let mut lambda = Lambda::start(Duration::from_secs(30));
    let _function = function(&database, &gate.proxy.endpoint, &lambda.address, 1)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("runs");
    // The requests of the function's start are over once it has answered.
    lambda.invoke(r#"{"room_ids":["nobody"]}"#);
    lambda.answer().await;
    let (mut interrupted, mut number) = (0, 0);
    while interrupted < at_most {
        let asked = Asked::random(&mut random, &room_ids, sessions.len());
        // The same request again and again, with a write before the page's second request, then
        // before its third, until it has no more requests.
        for request in 1.. {
            number += 1;
            let write = Write::random(&mut random, &asked, &sessions, number);
            let what = format!("history {seed}, page {number}, {write:?} before {request}");
            let before = sessions.clone();
            gate.hold(request);
            lambda.invoke(&asked.body());
            let answer = tokio::select! {
                answer = lambda.answer() => {
                    asked.assert_answer(&answer, &before, &before, &what);
                    break;
                }
                Some(()) = gate.reached.recv() => {
                    write.perform(&database).await;
                    write.apply(&mut sessions);
                    gate.written.add_permits(1);
                    lambda.answer().await
                }
            };
            asked.assert_answer(&answer, &before, &sessions, &what);
            interrupted += 1;
            if interrupted == at_most {
                break;
            }
        }
    }
    interrupted
}

#[tokio::test]
async fn page_is_that_before_or_after_a_write() {
    let mut left = pages();
    for seed in 0.. {
        if left == 0 {
            break;
        }
        left -= pages_of(seed, left.min(PAGES_OF_A_HISTORY)).await;
    }
}
