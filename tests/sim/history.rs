//! The model: a plain list of the writes, in the order in which they took effect.
//!
//! From it follows what a reader may see. A write is *settled* for a reader if it took effect and
//! had reached every replica before the reader began; the reader must see it. Any other write that
//! took effect before the reader ended is *open*: it is either seen or not. If an external writer
//! writes into a room that has a complete tally, the write stays open until that room's tally has
//! been rebuilt, or the hour of that session been counted again.

use std::collections::{BTreeMap, BTreeSet};

use past_rooms::RowKey;

use crate::content::Version;

/// The number of an event of the simulation.
pub type Step = u64;

/// Not yet.
pub const NEVER: Step = Step::MAX;

/// One session recorded, changed or deleted.
#[derive(Debug, Clone)]
struct Write {
    /// When it took effect.
    at: Step,
    /// From when on no reader sees it in part.
    whole: Step,
    /// When it had reached every replica.
    replicated: Step,
    /// The session from then on; `None`: it is gone.
    after: Option<Version>,
    /// From when on the counts may not know whether the session exists, because an external writer
    /// put or deleted it. `None`: they know.
    uncounted: Option<Step>,
}

/// The change of one request.
pub struct Effect {
    pub sessions: Vec<(RowKey, Option<Version>)>,
    pub is_foreign: bool,
}

/// A successful build of a room's tally.
#[derive(Debug)]
struct Build {
    /// The session whose hour was counted. `None`: all of them.
    key: Option<RowKey>,
    began: Step,
    ended: Step,
    /// When all it wrote had reached every replica.
    replicated: Step,
    /// Requests with effect until its end.
    effects: usize,
}

/// Everything that happened to the sessions.
#[derive(Debug, Default)]
pub struct History {
    /// Every session that ever was, with its first state and the writes to it.
    sessions: BTreeMap<RowKey, (Option<Version>, Vec<Write>)>,
    /// The sessions that each request with effect wrote.
    effects: Vec<Vec<(RowKey, usize)>>,
    /// Number of requests that can be seen only in whole.
    whole: usize,
    replicated: usize,
    /// Since when a room's tally is complete.
    tallied: BTreeMap<String, Step>,
    builds: BTreeMap<String, Vec<Build>>,
}

/// The states in which a reader may see one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visible {
    pub may_be_absent: bool,
    pub versions: BTreeSet<Version>,
}

impl Visible {
    pub fn is_certain(&self) -> bool {
        !self.may_be_absent
    }

    pub fn is_possible(&self) -> bool {
        !self.versions.is_empty()
    }

    fn of(state: Option<Version>) -> Self {
        Visible { may_be_absent: state.is_none(), versions: state.into_iter().collect() }
    }

    fn or(&mut self, state: Option<Version>) {
        match state {
            Some(version) => drop(self.versions.insert(version)),
            None => self.may_be_absent = true,
        }
    }
}

impl History {
    /// A session that was there before everything else.
    pub fn begin_with(&mut self, key: RowKey, version: Version) {
        self.sessions.insert(key, (Some(version), vec![]));
    }

    /// Adds a session that an external writer put or deleted before everything else.
    pub fn begin_miscounted(
        &mut self,
        key: RowKey,
        before: Option<Version>,
        after: Option<Version>,
    ) {
        let write = Write { at: 0, whole: 0, replicated: 0, after, uncounted: Some(0) };
        self.sessions.insert(key, (before, vec![write]));
    }

    /// A request took effect.
    pub fn commit(&mut self, at: Step, effect: Effect) {
        let mut written = Vec::new();
        for (key, after) in effect.sessions {
            let (first, writes) = self.sessions.entry(key.clone()).or_default();
            written.push((key, writes.len()));
            let before = writes.last().map_or(*first, |write| write.after);
            let is_new_or_gone = before.is_some() != after.is_some();
            // A change of an existing session is as uncounted as the session is.
            let uncounted = match effect.is_foreign && is_new_or_gone {
                true => Some(at),
                false => writes.last().and_then(|write| write.uncounted),
            };
            writes.push(Write { at, whole: NEVER, replicated: NEVER, after, uncounted });
        }
        self.effects.push(written);
    }

    /// Returns the number of requests that had an effect.
    pub fn effects(&self) -> usize {
        self.effects.len()
    }

    /// The first `effects` requests can be seen in whole only.
    pub fn finish(&mut self, at: Step, effects: usize) {
        for (key, write) in self.effects[self.whole..effects].iter().flatten() {
            if let Some((_, writes)) = self.sessions.get_mut(key) {
                writes[*write].whole = at;
            }
        }
        self.whole = effects;
    }

    /// The first `effects` requests have reached every replica.
    pub fn replicate(&mut self, at: Step, effects: usize) {
        for (key, write) in self.effects[self.replicated..effects].iter().flatten() {
            if let Some((_, writes)) = self.sessions.get_mut(key) {
                writes[*write].replicated = at;
            }
        }
        self.replicated = effects;
        for build in self.builds.values_mut().flatten() {
            if build.replicated == NEVER && build.effects <= effects {
                build.replicated = at;
            }
        }
    }

    /// From now on the room has a complete tally.
    pub fn is_tallied(&mut self, at: Step, room_id: &str) {
        self.tallied.entry(room_id.to_owned()).or_insert(at);
    }

    /// Whether the room has a complete tally.
    pub fn has_tally(&self, room_id: &str) -> bool {
        self.tallied.contains_key(room_id)
    }

    /// The room's tally was built.
    pub fn built(&mut self, room_id: &str, began: Step, ended: Step) {
        self.add_build(room_id, None, began, ended);
    }

    /// The hour of this session was counted again.
    pub fn recounted(&mut self, key: &RowKey, began: Step, ended: Step) {
        self.add_build(&key.room_id, Some(key.clone()), began, ended);
    }

    fn add_build(&mut self, room_id: &str, key: Option<RowKey>, began: Step, ended: Step) {
        let effects = self.effects.len();
        let replicated = if self.replicated == effects { ended } else { NEVER };
        let builds = self.builds.entry(room_id.to_owned()).or_default();
        builds.push(Build { key, began, ended, replicated, effects });
    }

    /// Returns whether a build has counted every write of an external writer to the room.
    pub fn is_counted(&self, room_id: &str) -> bool {
        self.room(room_id).all(|(key, (_, writes))| {
            writes.iter().filter_map(|write| write.uncounted).all(|since| {
                let mut builds = self.builds_of(key);
                builds.any(|build| build.began >= since)
            })
        })
    }

    /// The builds that counted a session.
    fn builds_of<'a>(&'a self, key: &'a RowKey) -> impl Iterator<Item = &'a Build> {
        let builds = self.builds.get(&key.room_id).into_iter().flatten();
        builds.filter(move |build| build.key.as_ref().is_none_or(|counted| counted == key))
    }

    /// A session as it is now.
    pub fn state(&self, key: &RowKey) -> Option<Version> {
        let (first, writes) = self.sessions.get(key)?;
        writes.last().map_or(*first, |write| write.after)
    }

    fn room<'a>(
        &'a self,
        room_id: &str,
    ) -> impl Iterator<Item = (&'a RowKey, &'a (Option<Version>, Vec<Write>))> {
        let first = RowKey::new(room_id, "");
        let room_id = room_id.to_owned();
        self.sessions.range(first..).take_while(move |(key, _)| key.room_id == room_id)
    }

    /// Returns how a reader who read from `began` to `ended` may see the sessions of a room.
    pub fn visible(&self, room_id: &str, began: Step, ended: Step) -> Vec<(RowKey, Visible)> {
        let sessions = self.room(room_id).map(|(key, (first, writes))| {
            let mut visible = Visible::of(*first);
            for write in writes.iter().filter(|write| write.at <= ended) {
                if self.is_settled(key, write, began, ended) {
                    visible = Visible::of(write.after);
                } else {
                    visible.or(write.after);
                }
            }
            (key.clone(), visible)
        });
        sessions.collect()
    }

    fn is_settled(&self, key: &RowKey, write: &Write, began: Step, ended: Step) -> bool {
        let is_everywhere = write.at <= began && write.replicated <= began;
        let is_counted = |since| {
            let tallied = self.tallied.get(&key.room_id).copied().unwrap_or(NEVER);
            tallied > ended
                || self.builds_of(key).any(|build| {
                    build.began >= since && build.ended <= began && build.replicated <= began
                })
        };
        is_everywhere && write.uncounted.is_none_or(is_counted)
    }

    /// Whether a reader of these rooms has open writes: it may see sessions in more than one state.
    pub fn is_contended(&self, room_ids: &[String], began: Step, ended: Step) -> bool {
        let mut sessions = room_ids.iter().flat_map(|room_id| self.visible(room_id, began, ended));
        sessions.any(|(_, visible)| visible.versions.len() + usize::from(visible.may_be_absent) > 1)
    }

    /// Returns whether a reader may have seen no session in any room from `began` to `ended`.
    pub fn may_be_empty(&self, began: Step, ended: Step) -> bool {
        let rooms = self.room_ids();
        let mut sessions = rooms.iter().flat_map(|room_id| self.visible(room_id, began, ended));
        sessions.all(|(_, visible)| visible.may_be_absent)
    }

    /// The rooms that ever had a session.
    pub fn room_ids(&self) -> BTreeSet<String> {
        self.sessions.keys().map(|key| key.room_id.clone()).collect()
    }

    /// The sessions of a room as they are in the end.
    pub fn now(&self, room_id: &str) -> BTreeMap<RowKey, Version> {
        let sessions = self.room(room_id).filter_map(|(key, (first, writes))| {
            let state = writes.last().map_or(*first, |write| write.after);
            Some((key.clone(), state?))
        });
        sessions.collect()
    }

    /// Returns whether a session was in this state at some moment from `began` to `ended`. At
    /// `began` a reader may have seen a part of a transaction.
    pub fn was(&self, key: &RowKey, state: Option<Version>, began: Step, ended: Step) -> bool {
        let Some((first, writes)) = self.sessions.get(key) else { return state.is_none() };
        let settled = writes.iter().take_while(|write| write.at <= began && write.whole <= began);
        let settled = settled.count();
        let before = settled.checked_sub(1).map_or(*first, |last| writes[last].after);
        let open = writes[settled..].iter().take_while(|write| write.at <= ended);
        before == state || open.map(|write| write.after).any(|after| after == state)
    }
}
