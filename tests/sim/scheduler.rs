//! Chooses the next event. Everything that actors wait for is held here. When no actor can go on,
//! the scheduler draws one of the held things and lets it go on. A request has two events: it takes
//! effect, and its answer arrives.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::corruption;
use crate::database::{HISTORY, Reply};
use crate::faults::{self, Fate, Faults};
use crate::focus::{Focus, Projects};
use crate::history::Step;
use crate::plan::Task;

/// The way to a client: an answer, or a broken connection.
type Answer = oneshot::Sender<Option<Reply>>;

/// Something that waits to go on.
struct Held {
    actor: usize,
    what: What,
    then: Answer,
    /// It is on its way until then.
    arrives: Instant,
}

enum What {
    /// An actor wants to begin something.
    Turn,
    Request {
        operation: String,
        body: String,
    },
    Answer {
        operation: String,
        is_of_history: bool,
        reply: Option<Reply>,
    },
}

/// The state of the simulated world.
pub struct World {
    pub cluster: Cluster,
    /// The history table.
    pub projection: Option<Cluster>,
    pub random: Rng,
    pub now: Step,
    pub trace: Trace,
    pub counters: Counters,
    faults: Faults,
    pub focus: Focus,
    held: Vec<Held>,
    /// Requests that are never answered.
    silent: Vec<Answer>,
    /// Weights with which the actors are drawn.
    speeds: Vec<f64>,
    restarts: Vec<Arc<Notify>>,
    /// Whether an actor projects beside the stream's own batches.
    beside: Vec<bool>,
}

/// The recorded events. `None`: they are not recorded.
#[derive(Debug, Default)]
pub struct Trace(pub Option<Vec<String>>);

impl Trace {
    pub fn add(&mut self, now: Step, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.0 {
            lines.push(format!("{now:5} {}", line()));
        }
    }
}

/// Counters of a run.
#[derive(Debug, Default, Clone)]
pub struct Counters {
    pub requests: u64,
    pub faults: u64,
    /// Invalid answers.
    pub corruptions: u64,
    pub restarts: u64,
    pub pages: u64,
    /// Pages of all rooms among them.
    pub pages_of_all_rooms: u64,
    /// Pages of all rooms that were refused because the history table was not complete.
    pub incomplete: u64,
    /// Reconciliations that came to their end.
    pub reconciliations: u64,
    /// Pages that overlapped a write.
    pub contended_pages: u64,
    pub read_errors: u64,
    pub writes: u64,
    pub write_errors: u64,
    pub final_pages: u64,
    /// Batches of events that the function on the stream was called with.
    pub batches: u64,
}

impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.faults += other.faults;
        self.corruptions += other.corruptions;
        self.restarts += other.restarts;
        self.pages += other.pages;
        self.pages_of_all_rooms += other.pages_of_all_rooms;
        self.incomplete += other.incomplete;
        self.reconciliations += other.reconciliations;
        self.contended_pages += other.contended_pages;
        self.read_errors += other.read_errors;
        self.writes += other.writes;
        self.write_errors += other.write_errors;
        self.final_pages += other.final_pages;
        self.batches += other.batches;
    }
}

/// Holds requests, and lets them go on one by one.
pub struct Scheduler {
    world: Mutex<World>,
    held_more: Notify,
}

impl Scheduler {
    pub fn new(
        cluster: Cluster,
        projection: Option<Cluster>,
        faults: Faults,
        mut random: Rng,
        actors: &[Vec<Task>],
    ) -> Arc<Self> {
        let speeds = actors.iter().map(|_| [1.0, 1.0, 1.0, 0.1, 0.02][random.usize(0..5)]);
        let world = World {
            cluster,
            projection,
            now: 0,
            trace: Trace::default(),
            counters: Counters::default(),
            faults,
            focus: Focus::Everything,
            held: vec![],
            silent: vec![],
            speeds: speeds.collect(),
            restarts: actors.iter().map(|_| Arc::default()).collect(),
            beside: actors.iter().map(|tasks| tasks.iter().any(Task::is_beside_stream)).collect(),
            random,
        };
        Arc::new(Scheduler { world: Mutex::new(world), held_more: Notify::new() })
    }

    /// Locks the world.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a request.
    pub fn send(
        &self,
        actor: usize,
        operation: String,
        body: String,
    ) -> oneshot::Receiver<Option<Reply>> {
        let delay = {
            let mut world = self.world();
            let World { counters, random, focus, beside, .. } = &mut *world;
            counters.requests += 1;
            let projects = body.contains(HISTORY).then(|| match beside.get(actor) {
                Some(true) => Projects::Beside,
                _ => Projects::Batches,
            });
            focus.delay(random, &operation, projects)
        };
        self.hold(actor, What::Request { operation, body }, delay)
    }

    /// Waits for the actor's turn to begin something, and tells when it began.
    pub async fn turn(&self, actor: usize) -> Step {
        // The scheduler lets go of everything that it holds.
        drop(self.hold(actor, What::Turn, Duration::ZERO).await);
        self.world().now
    }

    fn hold(&self, actor: usize, what: What, delay: Duration) -> oneshot::Receiver<Option<Reply>> {
        let (then, answer) = oneshot::channel();
        let arrives = Instant::now() + delay;
        self.world().held.push(Held { actor, what, then, arrives });
        self.held_more.notify_one();
        answer
    }

    /// Waits until something is held.
    pub async fn held_more(&self) {
        self.held_more.notified().await;
    }

    /// Tells when an actor is to stop where it is.
    pub fn restart(&self, actor: usize) -> Arc<Notify> {
        Arc::clone(&self.world().restarts[actor])
    }

    /// Lets one thing happen. False: nothing is there that could.
    pub fn step(&self) -> bool {
        self.world().step()
    }
}

impl World {
    fn step(&mut self) -> bool {
        let Some(held) = self.draw() else { return false };
        self.now += 1;
        for cluster in [Some(&mut self.cluster), self.projection.as_mut()].into_iter().flatten() {
            if self.random.f64() < self.faults.replication {
                cluster.replicate(self.now, &mut self.random, false);
            }
            if self.random.u8(0..8) == 0 {
                cluster.finish(self.now);
            }
        }
        if self.random.f64() < self.faults.restart {
            let actor = self.random.usize(0..self.restarts.len());
            // Only an actor in the middle of a write, or of a batch of the stream, is restarted.
            self.restarts[actor].notify_waiters();
        }
        let Held { actor, what, then, .. } = held;
        match what {
            What::Turn => drop(then.send(None)),
            What::Request { operation, body } => self.request(actor, operation, &body, then),
            What::Answer { operation, is_of_history, reply } => {
                let status = reply.as_ref().map_or(0, |reply| reply.status);
                self.trace
                    .add(self.now, || format!("actor {actor}: {operation} answered {status}"));
                if operation == "TransactWriteItems" {
                    let now = self.now;
                    self.cluster(is_of_history).finish(now);
                }
                drop(then.send(reply));
            }
        }
        true
    }

    /// When the next of those on their way arrives.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.held.iter().map(|held| held.arrives).min()
    }

    /// One of those that are held and have arrived, quick actors more often than slow ones.
    fn draw(&mut self) -> Option<Held> {
        let now = Instant::now();
        let there = self.held.iter().enumerate().filter(|(_, held)| held.arrives <= now);
        let there = there.map(|(place, held)| (place, self.speeds[held.actor]));
        let there: Vec<(usize, f64)> = there.collect();
        let sum: f64 = there.iter().map(|(_, speed)| speed).sum();
        let mut drawn = self.random.f64() * sum;
        let chosen = there.iter().find(|(_, speed)| {
            drawn -= speed;
            drawn <= 0.0
        });
        let (place, _) = chosen.or(there.last())?;
        Some(self.held.remove(*place))
    }

    fn request(&mut self, actor: usize, operation: String, body: &str, then: Answer) {
        // Its sender may be gone: it timed out, or was restarted. The request is on its way.
        let fate = self.faults.fate(&mut self.random, &operation, body);
        self.counters.faults += u64::from(!matches!(fate, Fate::Delivered));
        self.trace.add(self.now, || {
            let fate = match &fate {
                Fate::Refused(reply) => format!("Refused {} {}", reply.status, reply.body),
                fate => format!("{fate:?}"),
            };
            format!("actor {actor}: {operation} {} {fate}", summary(body))
        });
        let rows =
            if operation == "Scan" { self.focus.scanned_rows(&mut self.random) } else { None };
        let fewer = rows.map(|rows| with_limit(body, rows));
        let body = fewer.as_deref().unwrap_or(body);
        let is_of_history = body.contains(HISTORY);
        let execute = |world: &mut World| {
            let (stale, now, mut random) = (world.faults.stale, world.now, world.random.fork());
            world.cluster(is_of_history).execute(now, &operation, body, &mut random, stale)
        };
        let reply = match fate {
            Fate::Delivered => Some(execute(self)),
            Fate::Unprocessed => {
                let reply = execute(self);
                Some(faults::leave_unprocessed(&mut self.random, body, reply))
            }
            Fate::Corrupted => {
                let reply = execute(self);
                self.counters.corruptions += 1;
                Some(corruption::corrupt(&mut self.random, body, reply))
            }
            Fate::LostRequest => None,
            Fate::LostAnswer => {
                execute(self);
                None
            }
            Fate::Silence { has_effect } => {
                if has_effect {
                    execute(self);
                }
                self.silent.push(then);
                return;
            }
            Fate::Refused(reply) => Some(reply),
        };
        let what = What::Answer { operation, is_of_history, reply };
        self.held.push(Held { actor, what, then, arrives: Instant::now() });
    }

    fn cluster(&mut self, is_of_history: bool) -> &mut Cluster {
        match &mut self.projection {
            Some(projection) if is_of_history => projection,
            _ => &mut self.cluster,
        }
    }

    /// Returns if an error of DynamoDB may reach a caller: a transient one if anything went wrong
    /// or an answer was invalid, a permanent one never.
    pub fn may_fail(&self, is_transient: bool) -> bool {
        is_transient && self.counters.faults + self.counters.corruptions > 0
    }

    /// From now on nothing goes wrong any more, and every replica has everything.
    pub fn calm_down(&mut self) {
        self.faults = Faults::default();
        self.focus = Focus::Everything;
        self.now += 1;
        for cluster in [Some(&mut self.cluster), self.projection.as_mut()].into_iter().flatten() {
            cluster.finish(self.now);
            cluster.replicate(self.now, &mut self.random, true);
        }
    }
}

/// Returns a request with another limit. DynamoDB returns fewer rows if they are large.
fn with_limit(body: &str, rows: usize) -> String {
    let mut request: serde_json::Value = serde_json::from_str(body).expect("JSON");
    request["Limit"] = rows.into();
    request.to_string()
}

/// Returns the parts that tell a request from others, in a fixed order.
fn summary(body: &str) -> String {
    let mut keys = Vec::new();
    let request = serde_json::from_str(body).expect("JSON");
    collect_texts(&request, &mut keys);
    keys.sort();
    keys.dedup();
    keys.join(" ")
}

/// Every DynamoDB string in a request.
fn collect_texts(value: &serde_json::Value, texts: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if name == "S" => texts.push(text.to_owned()),
                    _ => collect_texts(value, texts),
                }
            }
        }
        serde_json::Value::Array(values) => {
            values.iter().for_each(|value| collect_texts(value, texts));
        }
        _ => {}
    }
}
