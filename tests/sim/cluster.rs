//! DynamoDB as its clients see it: a table, other states of it that readers may see, and its stream.
//! Keeps the model up to date with what took effect.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use fastrand::Rng;
use past_rooms::RowKey;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::content;
use crate::database::{Database, Reply};
use crate::history::{Effect, History, NEVER, Step};
use crate::miscounts::Miscounted;
use crate::stream::{self, Stream};
use crate::views::{Views, Which};

/// A table, what else readers may see of it, its stream, and the model.
pub struct Cluster {
    table: &'static str,
    pub primary: Database,
    views: Views,
    pub history: History,
    /// `None`: no function listens to it.
    pub stream: Option<Stream>,
    /// The sessions that rows of a history table project, by the rows' keys.
    pub sources: BTreeMap<RowKey, RowKey>,
    /// Since when a history table is complete.
    pub completion: Option<Completion>,
    /// Tokens of the transactions that took effect; DynamoDB does none twice.
    tokens: HashSet<String>,
    /// When something was written last.
    begun: Instant,
}

/// When the state row of a history table said first that it is complete.
#[derive(Debug, Clone, Copy)]
pub struct Completion {
    pub at: Step,
    /// When every replica had it.
    pub replicated: Step,
    effects: usize,
}

/// A transaction is seen as a whole so long after its first part, at the latest.
const LONGEST_TRANSACTION: Duration = Duration::from_millis(50);

impl Cluster {
    /// A table with these rows; `lags`: with a replica.
    pub fn new(
        table: &'static str,
        rows: &[Value],
        miscounted: &[Miscounted],
        lags: bool,
        stream: Option<Stream>,
    ) -> Self {
        let mut history = History::default();
        let mut sources = BTreeMap::new();
        let mut completion = None;
        for row in rows {
            let key = content::key(row);
            if row.get("complete").is_some() {
                completion = Some(Completion { at: 0, replicated: 0, effects: 0 });
            } else if content::is_session(&key) {
                sources.extend(content::source(row).map(|source| (key.clone(), source)));
                let title = row["room_title"]["S"].as_str().expect("a title");
                history.begin_with(key, content::version(title));
            } else if key.sort_key == "~" && row.get("incomplete").is_none() {
                history.is_tallied(0, &key.room_id);
            }
        }
        for (key, before, after) in miscounted {
            history.begin_miscounted(key.clone(), *before, *after);
        }
        Cluster {
            table,
            primary: Database::filled(table, rows),
            views: Views::new(table, rows, lags),
            history,
            stream,
            sources,
            completion,
            tokens: HashSet::new(),
            begun: Instant::now(),
        }
    }

    /// Does what a request asks for. `stale`: the probability that a read that may be stale sees the
    /// replica.
    pub fn execute(
        &mut self,
        now: Step,
        operation: &str,
        body: &str,
        random: &mut Rng,
        stale: f64,
    ) -> Reply {
        let request: Value = serde_json::from_str(body).expect("JSON");
        let read = match operation {
            // The index does not lag.
            "Query" if request.get("IndexName").is_some() => {
                return self.primary.execute(operation, body);
            }
            "Query" | "Scan" => &request,
            "BatchGetItem" => &request["RequestItems"][self.table],
            _ => return self.write(now, operation, body, &request),
        };
        if self.begun.elapsed() >= LONGEST_TRANSACTION {
            self.finish(now);
        }
        let (which, probability) = if may_be_stale(read) && stale > 0.0 {
            (Which::Lagging, stale)
        } else if self.views.is_unfinished() {
            (Which::Unfinished, 0.5)
        } else {
            return self.primary.execute(operation, body);
        };
        match operation {
            "BatchGetItem" => self.mixed(which, body, random, probability),
            _ if random.f64() < probability => self.other(which, operation, body, random),
            _ => self.primary.execute(operation, body),
        }
    }

    /// Returns the answer to a reader that sees another state than the newest.
    fn other(&mut self, which: Which, operation: &str, body: &str, random: &mut Rng) -> Reply {
        let other = self.views.execute(which, operation, body, random);
        other.unwrap_or_else(|| self.primary.execute(operation, body))
    }

    /// Each row as the table has it, or as the other state has it.
    fn mixed(&mut self, which: Which, body: &str, random: &mut Rng, probability: f64) -> Reply {
        let new = self.primary.execute("BatchGetItem", body);
        let old = self.other(which, "BatchGetItem", body, random);
        let mut answer: Value = serde_json::from_str(&new.body).expect("JSON");
        let old: Value = serde_json::from_str(&old.body).expect("JSON");
        let rows = |answer: &Value| -> Vec<(RowKey, Value)> {
            let rows = answer["Responses"][self.table].as_array().expect("rows").iter();
            rows.map(|row| (content::key(row), row.clone())).collect()
        };
        let (new_rows, old_rows) = (rows(&answer), rows(&old));
        let keys: BTreeSet<&RowKey> =
            new_rows.iter().chain(&old_rows).map(|(key, _)| key).collect();
        let other: BTreeSet<&RowKey> =
            keys.into_iter().filter(|_| random.f64() < probability).collect();
        let new_rows = new_rows.iter().filter(|(key, _)| !other.contains(key));
        let old_rows = old_rows.iter().filter(|(key, _)| other.contains(key));
        answer["Responses"][self.table] =
            new_rows.chain(old_rows).map(|(_, row)| row.clone()).collect();
        Reply { body: answer.to_string(), ..new }
    }

    fn write(&mut self, now: Step, operation: &str, body: &str, request: &Value) -> Reply {
        let reply = self.primary.execute(operation, body);
        let token = request["ClientRequestToken"].as_str().map(str::to_owned);
        let is_again = token.is_some_and(|token| !self.tokens.insert(token));
        if reply.status != 200 {
            if let Some(token) = request["ClientRequestToken"].as_str().filter(|_| !is_again) {
                self.tokens.remove(token);
            }
        } else if !is_again {
            self.took_effect(now, operation, request);
        }
        reply
    }

    fn took_effect(&mut self, now: Step, operation: &str, request: &Value) {
        let rows = written(operation, request);
        let states = rows.iter().map(|(key, _)| {
            let row = self.primary.row(&key.room_id, &key.sort_key);
            (key.clone(), row)
        });
        let states: Vec<_> = states.collect();
        for (key, row) in states.iter().filter_map(|(key, row)| Some((key, row.as_ref()?))) {
            self.sources.extend(content::source(row).map(|source| (key.clone(), source)));
        }
        let is_complete = states
            .iter()
            .any(|(_, row)| row.as_ref().is_some_and(|row| row.get("complete").is_some()));
        let (sessions, others): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(key, _)| content::is_session(key));
        self.tell_stream(operation, request, &sessions, &states);
        let is_transaction = operation == "TransactWriteItems";
        self.history.commit(now, Effect { sessions, is_foreign: !is_transaction });
        for (key, _) in others.iter().filter(|(key, _)| key.sort_key == "~") {
            self.look_at_tally(now, &key.room_id);
        }
        if is_complete && self.completion.is_none() {
            let effects = self.history.effects();
            self.completion = Some(Completion { at: now, replicated: NEVER, effects });
        }
        self.views.push(states, is_transaction);
        self.begun = Instant::now();
        self.settle(now);
    }

    /// Adds an event for each session that a request puts, changes or deletes.
    fn tell_stream(
        &mut self,
        operation: &str,
        request: &Value,
        sessions: &[(RowKey, Option<content::Version>)],
        states: &[(RowKey, Option<Value>)],
    ) {
        let Some(stream) = &mut self.stream else { return };
        for (key, after) in sessions {
            match (self.history.state(key), after) {
                (None, Some(_)) => {
                    let image = stream::new_image(operation, request, key).expect("it was put");
                    stream.add("INSERT", key, Some(&image));
                }
                (Some(before), Some(after)) if before != *after => {
                    let state = states.iter().find(|(other, _)| other == key);
                    let image = state.and_then(|(_, row)| row.as_ref());
                    stream.add("MODIFY", key, image);
                }
                (Some(_), None) => stream.add("REMOVE", key, None),
                _ => {}
            }
        }
    }

    fn look_at_tally(&mut self, now: Step, room_id: &str) {
        if !self.history.has_tally(room_id)
            && let Some(tally) = self.primary.row(room_id, "~")
            && tally.get("incomplete").is_none()
        {
            self.history.is_tallied(now, room_id);
        }
    }

    fn settle(&mut self, now: Step) {
        self.history.finish(now, self.views.whole());
        let settled = self.views.settled();
        self.history.replicate(now, settled);
        if let Some(completion) = &mut self.completion
            && completion.effects <= settled
        {
            completion.replicated = completion.replicated.min(now);
        }
    }

    /// The stream's function gets events of these rows.
    pub fn reveal(&mut self, keys: impl IntoIterator<Item = RowKey>) {
        self.views.reveal(keys);
    }

    /// The transaction in progress is done.
    pub fn finish(&mut self, now: Step) {
        self.views.finish();
        self.settle(now);
    }

    /// The replica shows some of what it lacks, or all of it.
    pub fn replicate(&mut self, now: Step, random: &mut Rng, all: bool) {
        self.views.replicate(random, all);
        self.settle(now);
    }
}

fn may_be_stale(request: &Value) -> bool {
    request["ConsistentRead"] != json!(true)
}

/// The rows that a request writes; the sessions among them with their versions.
fn written(operation: &str, request: &Value) -> Vec<(RowKey, Option<content::Version>)> {
    match operation {
        "PutItem" => vec![put(request)],
        "DeleteItem" => vec![(content::key(&request["Key"]), None)],
        _ => {
            let actions = request["TransactItems"].as_array().expect("actions");
            let written = actions.iter().filter_map(|action| {
                let action = action.as_object()?;
                let (kind, action) = action.iter().next()?;
                match &**kind {
                    "Put" => Some(put(action)),
                    "Update" => Some((content::key(&action["Key"]), updated_version(action))),
                    "Delete" => Some((content::key(&action["Key"]), None)),
                    _ => None,
                }
            });
            written.collect()
        }
    }
}

fn put(action: &Value) -> (RowKey, Option<content::Version>) {
    let item = &action["Item"];
    (content::key(item), item["room_title"]["S"].as_str().map(content::version))
}

/// The version that an update gives a session.
fn updated_version(action: &Value) -> Option<content::Version> {
    let names = action["ExpressionAttributeNames"].as_object()?;
    let (name, _) = names.iter().find(|(_, attribute)| *attribute == "room_title")?;
    let value = name.replace('#', ":");
    action["ExpressionAttributeValues"][value]["S"].as_str().map(content::version)
}
