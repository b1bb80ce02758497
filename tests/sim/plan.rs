//! The plan of a seed: the rooms as they are at first, and the tasks of each actor.

use std::time::Duration;

use fastrand::Rng;
use past_rooms::table::schema::COUNTED;
use past_rooms::{Order, PageQuery, RowKey};
use serde_json::{Value, json};

use crate::content::{self, Version};
use crate::focus::Focus;
use crate::miscounts::{Miscounted, Miscounts};
use crate::projection::Beginning;
use crate::stream::SHARDS;
use crate::tallies;

/// Something that an actor does.
#[derive(Debug, Clone)]
pub enum Task {
    /// Reads a page; `cold`: as a process that has just started.
    Page {
        query: PageQuery,
        cold: bool,
    },
    Record(Vec<(RowKey, Version)>),
    /// Imports sessions; `moves`: those that exist under another time are moved.
    Import {
        sessions: Vec<(RowKey, Version)>,
        moves: bool,
    },
    Delete(String, Vec<RowKey>),
    Tally(String),
    /// Builds or repairs the history table.
    Reconcile,
    /// As a writer does that knows nothing of tallies.
    ForeignPut(RowKey, Version),
    ForeignDelete(RowKey),
    /// Does nothing for a while.
    Rest(Duration),
    /// As Lambda does: hands over what happened to the function on the stream.
    Deliver {
        shard: usize,
    },
    /// Hands over some events a second time, as an invocation does that Lambda has given up.
    DeliverAgain {
        shard: usize,
    },
}

impl Task {
    /// Whether it projects sessions beside the stream's own batches.
    pub fn is_beside_stream(&self) -> bool {
        matches!(self, Task::Reconcile | Task::DeliverAgain { .. })
    }
}

/// The beginning of a run, and its actors.
pub struct Plan {
    pub room_ids: Vec<String>,
    pub rows: Vec<Value>,
    pub miscounted: Vec<Miscounted>,
    pub actors: Vec<Vec<Task>>,
    /// Whether the function on the stream counts what others write.
    pub streams: bool,
    /// The history table, if there is one.
    pub projection: Option<Beginning>,
    /// The sessions of `rows`.
    pub sessions: Vec<(RowKey, Version)>,
    /// The focus of the run.
    pub focus: Focus,
}

/// The times and ids of sessions.
pub struct Calendar {
    pub months: usize,
    pub days: u8,
    pub hours: u8,
    pub minutes: u8,
    pub ids: u16,
}

const MONTHS: [&str; 3] = ["2025-12", "2026-01", "2026-02"];

impl Calendar {
    fn new(random: &mut Rng) -> Self {
        Calendar {
            months: random.usize(1..=MONTHS.len()),
            days: [1, 2, 28][random.usize(0..3)],
            hours: [1, 3, 24][random.usize(0..3)],
            minutes: [1, 5, 60][random.usize(0..3)],
            ids: [3, 1000][random.usize(0..2)],
        }
    }

    /// Times far apart.
    pub const FULL: Self =
        Calendar { months: MONTHS.len(), days: 28, hours: 24, minutes: 60, ids: 1000 };

    /// Returns a session's sort key. Its id begins with `writer`: no other kind of writer writes
    /// those sessions.
    pub fn sort_key(&self, random: &mut Rng, writer: char) -> String {
        format!("{}#{writer}{}", self.time(random), random.u16(0..self.ids))
    }

    fn time(&self, random: &mut Rng) -> String {
        format!(
            "{}-{:02}T{:02}:{:02}:00.000Z",
            MONTHS[random.usize(0..self.months)],
            random.u8(1..=self.days),
            random.u8(0..self.hours),
            random.u8(0..self.minutes),
        )
    }
}

/// The beginning of the ids that only importers write: a room has each of them at most once.
pub const IMPORTER: char = 'i';

/// Number of ids of a room that several importers write.
const IMPORTED_SIDS: usize = 8;

pub struct Planner {
    pub random: Rng,
    calendar: Calendar,
    pub room_ids: Vec<String>,
    /// The focus of the run.
    focus: Focus,
    /// Whether writers mostly meet in one room.
    is_crowded: bool,
    /// Sessions that exist at first, or that recorders may record.
    known: Vec<RowKey>,
    /// The same, of writers who know nothing of tallies.
    foreign: Vec<RowKey>,
    /// The same, of importers, each `room_sid` of a room at several times.
    imported: Vec<RowKey>,
    version: Version,
    miscounts: Miscounts,
    pub streams: bool,
    pub projection: Option<Beginning>,
}

impl Plan {
    /// Draws a plan, which is about `focus` if there is one.
    pub fn new(mut random: Rng, focus: Option<Focus>) -> Self {
        let focus = focus.unwrap_or_else(|| Focus::draw(&random));
        let calendar = focus.calendar(Calendar::new(&mut random));
        let rooms = focus.rooms([1, 1, 2, 3, 3, 4, 6, 10][random.usize(0..8)]);
        let room_ids = (0..rooms).map(|room| format!("room{room}")).collect();
        let is_crowded = random.bool();
        let is_projection = focus == Focus::Projection;
        let miscounts = Miscounts::new(&random, !is_projection);
        // The stream has no events of tallies that are wrong from the beginning.
        let streams = random.clone().fork().u8(8..16).is_multiple_of(2);
        let streams = !miscounts.any() && (streams || focus == Focus::Counting || is_projection);
        let has_projection = streams && (random.bool() || is_projection);
        let projection = has_projection.then(|| match Beginning::draw(&mut random) {
            // It is repaired at the end, which hides what else is wrong.
            Beginning::Wrong if is_projection && random.bool() => Beginning::Complete,
            beginning => beginning,
        });
        let mut planner = Planner {
            miscounts,
            streams,
            projection,
            focus,
            is_crowded,
            random,
            calendar,
            room_ids,
            known: vec![],
            foreign: vec![],
            imported: vec![],
            version: 0,
        };
        let rows = planner.rows();
        let sessions = rows.iter().map(|row| (content::key(row), row));
        let sessions = sessions.filter(|(key, _)| content::is_session(key));
        let sessions = sessions.map(|(key, row)| {
            (key, content::version(row["room_title"]["S"].as_str().expect("a title")))
        });
        let sessions = sessions.collect();
        let actors = focus.actors(&mut planner);
        let is_deleted_from = |room_id: &str| {
            actors.iter().flatten().any(|task| match task {
                Task::Delete(room, _) => room == room_id,
                Task::ForeignDelete(key) => key.room_id == room_id,
                _ => false,
            })
        };
        planner.miscounts.excuse(is_deleted_from);
        let miscounted = planner.miscounts.all;
        let room_ids = planner.room_ids;
        Plan { room_ids, rows, miscounted, actors, streams, projection, sessions, focus }
    }
}

impl Planner {
    pub fn version(&mut self) -> Version {
        self.version += 1;
        self.version
    }

    /// Most rooms have tallies; some have sessions and none; some have nothing.
    fn rows(&mut self) -> Vec<Value> {
        let most = [3, 12, 45, 45, 110][self.random.usize(0..5)];
        let untallied = [0.0, 0.0, 0.3, 1.0][self.random.usize(0..4)];
        let mut rows = Vec::new();
        for (room, room_id) in self.room_ids.clone().into_iter().enumerate() {
            let sessions = self.random.usize(0..=most / self.room_ids.len().min(3));
            // Where the stream counts, others also put and delete what our own writers recorded.
            let is_foreign = |session: usize| self.streams && session.is_multiple_of(3);
            let writers = (0..sessions).map(|session| match session {
                _ if is_foreign(session) => 'q',
                _ if session % 5 == 1 => IMPORTER,
                _ => 'p',
            });
            let writers: Vec<char> = writers.collect();
            let keys = writers.iter().enumerate().map(|(session, writer)| {
                let key = match *writer {
                    IMPORTER => self.imported_key(session),
                    writer => self.calendar.sort_key(&mut self.random, writer),
                };
                // Each room has a month of its own.
                if self.focus == Focus::Ends { MONTHS[room].to_owned() + &key[7..] } else { key }
            });
            let mut keys: Vec<RowKey> = keys.map(|key| RowKey::new(&*room_id, key)).collect();
            keys.sort();
            keys.dedup();
            if self.random.f64() >= untallied {
                let tallies = self.miscounts.tallies(&room_id, &mut keys, &self.calendar);
                rows.extend(tallies::rows(&room_id, &tallies));
            }
            for key in keys {
                let mut row = content::row(&key, self.version());
                row[COUNTED] = json!({"BOOL": true});
                rows.push(row);
                if key.sort_key.contains("#q") {
                    self.foreign.push(key);
                } else if key.sort_key.contains("#i") {
                    self.imported.push(key);
                } else {
                    self.known.push(key);
                }
            }
        }
        for (key, _, after) in &self.miscounts.all {
            rows.extend(after.map(|version| content::row(key, version)));
            self.foreign.push(key.clone());
        }
        rows
    }

    pub fn actors(&mut self) -> Vec<Vec<Task>> {
        let mut actors = Vec::new();
        let readers = self.random.usize(1..=3);
        let writers = self.random.usize(1..=5);
        for _ in 0..writers {
            let tasks = self.random.usize(1..=3);
            let kind = self.random.u8(0..12);
            actors.push((0..tasks).map(|_| self.write(kind)).collect());
        }
        for _ in 0..readers {
            let pages = self.random.usize(1..=4);
            let mut tasks = vec![self.page()];
            for _ in 1..pages {
                let again = tasks[tasks.len() - 1].clone();
                tasks.push(if self.random.u8(0..4) == 0 { again } else { self.page() });
            }
            actors.push(tasks);
        }
        if self.random.u8(0..6) == 0 {
            actors.extend(self.importers());
        }
        let batches = if self.projection.is_some() { 8 } else { 5 };
        for shard in (0..SHARDS).filter(|_| self.streams) {
            let batches = self.random.usize(0..=batches);
            actors.push(vec![Task::Deliver { shard }; batches]);
        }
        if self.projection.is_some() && self.random.bool() {
            actors.push(vec![Task::Reconcile]);
        }
        actors
    }

    pub fn write(&mut self, kind: u8) -> Task {
        match kind {
            0..=4 => {
                let sessions = [1, 1, 1, 2, 4][self.random.usize(0..5)];
                self.record(sessions)
            }
            5 => {
                let sessions = [8, 25, 25, 110][self.random.usize(0..4)];
                self.record(sessions)
            }
            6 | 7 => self.delete(),
            8 | 9 => Task::Tally(self.room_id()),
            _ => self.write_foreign(),
        }
    }

    /// Several importers of the same sessions, each with times of its own.
    pub fn importers(&mut self) -> Vec<Vec<Task>> {
        let sids: Vec<(String, usize)> = (0..self.random.usize(1..=6))
            .map(|_| (self.room_id(), self.random.usize(0..IMPORTED_SIDS)))
            .collect();
        let mut actors = Vec::new();
        for _ in 0..self.random.usize(2..=3) {
            let tasks = (0..self.random.usize(1..=2)).map(|_| self.import(&sids)).collect();
            actors.push(tasks);
        }
        actors
    }

    fn import(&mut self, sids: &[(String, usize)]) -> Task {
        let mut sids = sids.to_vec();
        self.random.shuffle(&mut sids);
        sids.truncate(self.random.usize(1..=sids.len()));
        sids.sort();
        sids.dedup();
        let mut sessions = Vec::new();
        for (room_id, sid) in sids {
            let key = RowKey::new(room_id, self.imported_key(sid));
            self.imported.push(key.clone());
            sessions.push((key, self.version()));
        }
        Task::Import { sessions, moves: self.random.bool() }
    }

    fn imported_key(&mut self, sid: usize) -> String {
        format!("{}#{IMPORTER}{sid}", self.calendar.time(&mut self.random))
    }

    /// Sessions that are new, or may be there already.
    fn record(&mut self, sessions: usize) -> Task {
        let mut keys: Vec<RowKey> = (0..sessions).map(|_| self.key()).collect();
        keys.sort();
        keys.dedup();
        Task::Record(keys.into_iter().map(|key| (key, self.version())).collect())
    }

    /// Returns the key of a session that recorders may write.
    pub fn key(&mut self) -> RowKey {
        if self.random.u8(0..3) == 0 && !self.known.is_empty() {
            return self.known[self.random.usize(0..self.known.len())].clone();
        }
        let sort_key = self.calendar.sort_key(&mut self.random, 'p');
        let key = RowKey::new(self.room_id(), sort_key);
        self.known.push(key.clone());
        key
    }

    /// Returns the number of sessions of the first room.
    pub fn known_of_first_room(&self) -> usize {
        self.known.iter().filter(|key| key.room_id == self.room_ids[0]).count()
    }

    /// Returns a deletion of sessions of one room. Few of them do not exist.
    fn delete(&mut self) -> Task {
        let room_id = self.room_id();
        let known = self.known.iter().chain(&self.imported);
        let mut keys: Vec<RowKey> = known.filter(|key| key.room_id == room_id).cloned().collect();
        self.random.shuffle(&mut keys);
        keys.truncate(self.random.usize(1..=5));
        Task::Delete(room_id, keys)
    }

    fn write_foreign(&mut self) -> Task {
        if self.random.u8(0..3) == 0 && !self.foreign.is_empty() {
            let key = &self.foreign[self.random.usize(0..self.foreign.len())];
            return Task::ForeignDelete(key.clone());
        }
        if self.streams && self.random.u8(0..3) == 0 && !self.foreign.is_empty() {
            let key = self.foreign[self.random.usize(0..self.foreign.len())].clone();
            return Task::ForeignPut(key, self.version());
        }
        Task::ForeignPut(self.new_foreign_key(), self.version())
    }

    /// Returns the key of a session that external writers may write.
    pub fn foreign_key(&mut self) -> RowKey {
        if self.random.bool() && !self.foreign.is_empty() {
            return self.foreign[self.random.usize(0..self.foreign.len())].clone();
        }
        self.new_foreign_key()
    }

    fn new_foreign_key(&mut self) -> RowKey {
        let sort_key = self.calendar.sort_key(&mut self.random, 'f');
        let key = RowKey::new(self.room_id(), sort_key);
        self.foreign.push(key.clone());
        key
    }

    fn room_id(&mut self) -> String {
        if self.is_crowded && self.random.u8(0..4) > 0 {
            return self.room_ids[0].clone();
        }
        self.room_ids[self.random.usize(0..self.room_ids.len())].clone()
    }

    pub fn page(&mut self) -> Task {
        let mut room_ids = self.room_ids.clone();
        if self.random.u8(0..5) == 0 {
            room_ids.push("nobody".to_owned());
        }
        self.random.shuffle(&mut room_ids);
        if self.random.bool() {
            room_ids.truncate(self.random.usize(1..=room_ids.len()));
        }
        let sessions =
            self.known.iter().filter(|key| room_ids.contains(&key.room_id)).count() as u64;
        let from = match self.random.u8(0..8) {
            0 | 1 => 0,
            2 => self.random.u64(0..=22),
            3 => sessions.saturating_sub(self.random.u64(0..4)),
            4 => sessions + self.random.u64(0..4),
            _ => self.random.u64(0..=sessions),
        };
        let limit = [0, 1, 2, 3, 5, 8, 8, 20, 20, 100][self.random.usize(0..10)];
        let order = if self.random.bool() { Order::Asc } else { Order::Desc };
        let rare = if self.focus == Focus::Projection { 16 } else { 3 };
        let is_of_all_rooms = self.projection.is_some() && self.random.u8(0..rare) > 0;
        let query = if is_of_all_rooms { PageQuery::all_rooms() } else { PageQuery::new(room_ids) };
        let query = query.from(from).limit(limit).order(order);
        Task::Page { query, cold: self.random.u8(0..3) == 0 }
    }
}
