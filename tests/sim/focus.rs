//! Runs that are about one thing, because it takes more to happen at once than comes together by
//! chance. In all of them many requests arrive late.

use std::time::Duration;

use fastrand::Rng;
use past_rooms::{Order, PageQuery};

use crate::plan::{Calendar, Planner, Task};
use crate::stream::SHARDS;

/// What a run is about.
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
    /// The projection of a few sessions that come and go.
    Projection,
}

/// Maximum delay of a request. A client that waits until transactions can be seen in whole only may
/// overtake such a request.
const LATEST: Duration = Duration::from_secs(1);

/// Maximum time that an actor rests.
const LONGEST_REST: Duration = Duration::from_millis(400);

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

    /// How long a request is on its way.
    pub fn delay(self, random: &mut Rng, operation: &str) -> Duration {
        let is_late = match self {
            Focus::Everything | Focus::Imports => false,
            // What was counted is written late, and counting takes no longer.
            Focus::Counting => operation == "TransactWriteItems" && random.bool(),
            Focus::Projection => operation == "TransactWriteItems" && random.u8(0..4) == 0,
            Focus::Ends => random.u8(0..3) == 0,
        };
        if is_late { LATEST.mul_f64(random.f64()) } else { Duration::ZERO }
    }

    /// How many rooms there are, of `rooms`.
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
            Focus::Projection => Calendar { months: 2, days: 1, hours: 2, minutes: 2, ids: 3 },
        }
    }

    /// Who does what.
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
            Focus::Projection => {
                let mut actors = match planner.random.bool() {
                    true => vec![[undone(planner), undone(planner)].concat()],
                    false => vec![],
                };
                actors.extend(writers(planner, &[RECORD, RECORD, DELETE, FOREIGN]));
                if planner.random.bool() {
                    actors.extend(planner.importers());
                }
                for _ in 0..planner.random.usize(0..=2) {
                    actors.push(vec![Task::Reconcile]);
                }
                actors.push((0..4).map(|_| planner.page()).collect());
                for shard in 0..SHARDS {
                    let batches = planner.random.usize(2..=10);
                    actors.push(vec![Task::Deliver { shard }; batches]);
                }
                actors
            }
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
