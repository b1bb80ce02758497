//! Runs that are about one thing, because it takes more to happen at once than comes together by
//! chance. In all of them many requests arrive late.

use std::time::Duration;

use fastrand::Rng;
use past_rooms::{Order, PageQuery};

use crate::faults::Faults;
use crate::plan::{Calendar, Planner, Task};
use crate::stream::SHARDS;

/// The focus of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    Everything,
    /// Counting beside writers. A process waits before it counts a room's sessions, so most other
    /// actors are done by then. Here all of them work in a few hours of one room.
    Counting,
    /// Pages that end where a room's sessions end, and those of another begin: what is deleted or
    /// recorded there decides which rooms have to be read.
    Ends,
    /// Importers of the same sessions at different times, beside recorders and deleters.
    Imports,
    /// The projection of a few sessions that come and go, their late and repeated events, builds, and
    /// pages of all rooms.
    Projection,
}

/// A sender of a request to the history table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projects {
    /// The stream's own batches.
    Batches,
    /// A build, or an invocation that Lambda has given up. Most of its writes are late.
    Beside,
}

/// Maximum delay of a request. A client that waits until transactions can be seen in whole only may
/// overtake such a request.
const LATEST: Duration = Duration::from_secs(1);

/// Maximum time that an actor rests.
const LONGEST_REST: Duration = Duration::from_millis(400);

/// The same for the transactions of a projection. Its sender may have given it up and sent another.
const LATEST_PROJECTION: Duration = Duration::from_secs(5);

/// Minimum probability of a restart in half of the runs about the projection.
const RESTART: f64 = 0.02;

/// Maximum number of rows that a scan returns in the runs about the projection, as if they were large.
const SCANNED_ROWS: usize = 12;

const RECORD: u8 = 0;
const DELETE: u8 = 6;
const TALLY: u8 = 8;
const FOREIGN: u8 = 10;

impl Focus {
    /// Leaves `random` as it is, so that the other runs stay what they were.
    pub fn draw(random: &Rng) -> Self {
        match random.clone().fork().fork().u8(0..16) {
            0 | 1 => Focus::Counting,
            2 => Focus::Ends,
            3 => Focus::Imports,
            4..=6 => Focus::Projection,
            _ => Focus::Everything,
        }
    }

    /// Returns the focus with this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "everything" => Some(Focus::Everything),
            "counting" => Some(Focus::Counting),
            "ends" => Some(Focus::Ends),
            "imports" => Some(Focus::Imports),
            "projection" => Some(Focus::Projection),
            _ => None,
        }
    }

    /// Adds the faults that the focus needs.
    pub fn adjust(self, faults: &mut Faults, random: &mut Rng) {
        if self == Focus::Projection {
            // What fails is done again at the end, without faults.
            faults.thin_out([0.05, 0.3, 1.0][random.usize(0..3)]);
            if random.bool() {
                faults.restart = faults.restart.max(RESTART);
            }
        }
    }

    /// Returns the maximum number of rows that a scan returns. `None`: as many as it asks for.
    pub fn scanned_rows(self, random: &mut Rng) -> Option<usize> {
        (self == Focus::Projection).then(|| random.usize(2..=SCANNED_ROWS))
    }

    /// Returns the time that a request is on its way.
    pub fn delay(self, random: &mut Rng, operation: &str, projects: Option<Projects>) -> Duration {
        let is_late = match self {
            Focus::Everything | Focus::Imports => false,
            // Counts are written late, and counting takes no longer.
            Focus::Counting => operation == "TransactWriteItems" && random.bool(),
            Focus::Projection => {
                let is_write = ["TransactWriteItems", "PutItem"].contains(&operation);
                let is_late = match projects {
                    Some(Projects::Beside) => random.u8(0..3) > 0,
                    Some(Projects::Batches) => random.u8(0..8) == 0,
                    None => false,
                };
                if is_write && is_late {
                    let latest = if random.bool() { LATEST } else { LATEST_PROJECTION };
                    return latest.mul_f64(random.f64());
                }
                false
            }
            Focus::Ends => random.u8(0..3) == 0,
        };
        if is_late { LATEST.mul_f64(random.f64()) } else { Duration::ZERO }
    }

    /// Returns the number of rooms to use, of `rooms`.
    pub fn rooms(self, rooms: usize) -> usize {
        match self {
            Focus::Everything => rooms,
            Focus::Imports | Focus::Projection => rooms.min(2),
            Focus::Counting => 1,
            Focus::Ends => 2,
        }
    }

    pub fn calendar(self, calendar: Calendar) -> Calendar {
        match self {
            Focus::Everything | Focus::Imports => calendar,
            Focus::Counting => Calendar { months: 1, days: 1, hours: 1, ..Calendar::FULL },
            Focus::Ends => Calendar { months: 2, ..Calendar::FULL },
            Focus::Projection if calendar.days == 28 => calendar,
            Focus::Projection => Calendar {
                months: calendar.months.min(2),
                days: 1,
                hours: calendar.hours.min(2),
                minutes: calendar.minutes.min(2),
                ids: 2,
            },
        }
    }

    /// Returns the tasks of each actor.
    pub fn actors(self, planner: &mut Planner) -> Vec<Vec<Task>> {
        match self {
            Focus::Everything => planner.actors(),
            Focus::Imports => {
                let mut actors = planner.importers();
                actors.extend(writers(planner, &[RECORD, DELETE]));
                actors.push(vec![planner.page()]);
                for shard in (0..SHARDS).filter(|_| planner.streams) {
                    actors.push(vec![Task::Deliver { shard }; 3]);
                }
                actors
            }
            Focus::Projection => projection(planner),
            Focus::Counting => {
                let mut actors = match planner.streams && planner.random.bool() {
                    true => vec![[undone(planner), undone(planner)].concat()],
                    false => writers(planner, &[RECORD, RECORD, DELETE, FOREIGN, FOREIGN]),
                };
                for _ in 0..3 {
                    actors.push(vec![planner.write(TALLY); 2]);
                }
                actors.push((0..3).map(|_| planner.page()).collect());
                for shard in (0..SHARDS).filter(|_| planner.streams) {
                    actors.push(vec![Task::Deliver { shard }; 4]);
                }
                actors.into_iter().map(|tasks| with_rests(planner, tasks)).collect()
            }
            Focus::Ends => {
                let first = planner.known_of_first_room();
                let mut actors = writers(planner, &[RECORD, RECORD, DELETE]);
                for _ in 0..2 {
                    let mut pages = Vec::new();
                    for _ in 0..3 {
                        let limit = planner.random.usize(1..=first.max(1));
                        let end = first.saturating_sub(planner.random.usize(0..3)).max(limit);
                        let query = PageQuery::new(planner.room_ids.iter().map(String::as_str));
                        let query = query.from((end - limit) as u64).limit(limit);
                        pages.push(Task::Page { query: query.order(Order::Asc), cold: true });
                    }
                    actors.push(pages);
                }
                actors
            }
        }
    }
}

/// Returns writers of sessions that come and go, the function on the stream, builds, and readers of all
/// rooms.
fn projection(planner: &mut Planner) -> Vec<Vec<Task>> {
    let mut actors = Vec::new();
    // With few writes, nothing but their own events is between a late transaction and the next.
    let most = [1, 1, 2, 4][planner.random.usize(0..4)];
    for _ in 0..planner.random.usize(1..=most) {
        let sessions = planner.random.usize(1..=most.min(3));
        let tasks = (0..sessions).flat_map(|_| coming_and_going(planner)).collect();
        actors.push(with_rests(planner, tasks));
    }
    if most == 4 && planner.random.bool() {
        actors.extend(planner.importers());
    }
    for _ in 0..planner.random.usize(0..=3) {
        let tasks = vec![Task::Reconcile; planner.random.usize(1..=3)];
        actors.push(with_rests(planner, tasks));
    }
    for _ in 0..planner.random.usize(2..=4) {
        let tasks = (0..planner.random.usize(12..=32)).map(|_| planner.page()).collect();
        actors.push(with_some_rests(planner, tasks));
    }
    for shard in 0..SHARDS {
        let tasks = vec![Task::Deliver { shard }; planner.random.usize(8..=24)];
        actors.push(with_rests(planner, tasks));
        if planner.random.bool() {
            let tasks = vec![Task::DeliverAgain { shard }; planner.random.usize(1..=8)];
            actors.push(with_rests(planner, tasks));
        }
    }
    actors
}

/// Returns writes of one session: it is put, changed and deleted in turn.
fn coming_and_going(planner: &mut Planner) -> Vec<Task> {
    let is_foreign = planner.random.bool();
    let key = if is_foreign { planner.foreign_key() } else { planner.key() };
    let mut tasks = Vec::new();
    for _ in 0..planner.random.usize(2..=5) {
        let is_deleted = planner.random.u8(0..3) == 0;
        tasks.push(match (is_foreign, is_deleted) {
            (true, true) => Task::ForeignDelete(key.clone()),
            (true, false) => Task::ForeignPut(key.clone(), planner.version()),
            (false, true) => Task::Delete(key.room_id.clone(), vec![key.clone()]),
            (false, false) => Task::Record(vec![(key.clone(), planner.version())]),
        });
    }
    tasks
}

/// Returns a change by an external writer, and its reversal. A count in between finds a tally wrong
/// that is right later without a correction.
fn undone(planner: &mut Planner) -> Vec<Task> {
    let task = planner.write(FOREIGN);
    let undo = match &task {
        Task::ForeignPut(key, _) => Task::ForeignDelete(key.clone()),
        Task::ForeignDelete(key) => Task::ForeignPut(key.clone(), planner.version()),
        _ => unreachable!("a foreign writer"),
    };
    vec![task, undo]
}

/// The same with rests before them.
fn with_rests(planner: &mut Planner, tasks: Vec<Task>) -> Vec<Task> {
    let mut rest = || Task::Rest(LONGEST_REST.mul_f64(planner.random.f64()));
    tasks.into_iter().flat_map(|task| [rest(), task]).collect()
}

/// In half of the cases the same with rests, otherwise as it is.
fn with_some_rests(planner: &mut Planner, tasks: Vec<Task>) -> Vec<Task> {
    if planner.random.bool() { with_rests(planner, tasks) } else { tasks }
}

/// Some writers, each with several things of these kinds to do.
fn writers(planner: &mut Planner, kinds: &[u8]) -> Vec<Vec<Task>> {
    let mut actors = Vec::new();
    for _ in 0..planner.random.usize(2..=4) {
        let mut tasks = Vec::new();
        for _ in 0..planner.random.usize(2..=4) {
            let kind = kinds[planner.random.usize(0..kinds.len())];
            tasks.push(planner.write(kind));
        }
        actors.push(tasks);
    }
    actors
}
