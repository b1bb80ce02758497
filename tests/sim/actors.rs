//! Those who read and write, and what must be true of what they are told.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use past_rooms::table::history::ALL_ROOMS;
use past_rooms::{
    Entry, Fields, Marks, PageQuery, PastRooms, ProjectionMode, ReadError, RowKey, Session,
    SessionKey, WriteError,
};
use serde_json::{Value, json};

use crate::content::{self, Version};
use crate::database::{HISTORY, TABLE};
use crate::history::Step;
use crate::network;
use crate::plan::Task;
use crate::promise;
use crate::scheduler::Scheduler;

/// Time for which an import retries while DynamoDB fails.
const IMPORT_PATIENCE: Duration = Duration::from_secs(5);

/// Failures of steps after which a reconciliation ends.
const RECONCILIATION_FAILURES: u32 = 3;

/// One actor.
pub struct Actor {
    pub number: usize,
    pub scheduler: Arc<Scheduler>,
    /// Its process.
    pub past_rooms: PastRooms,
}

impl Actor {
    /// Does one thing after the other.
    pub async fn act(self, tasks: Vec<Task>) {
        for task in tasks {
            let began = self.scheduler.turn(self.number).await;
            self.note(|| format!("begins {}", name(&task)));
            match &task {
                Task::Page { query, cold } => self.read(query, *cold, began).await,
                Task::Deliver { shard } => self.deliver(*shard, began).await,
                Task::DeliverAgain { shard } => self.deliver_again(*shard).await,
                Task::Rest(time) => tokio::time::sleep(*time).await,
                task => self.write(task, began).await,
            }
        }
    }

    pub fn note(&self, line: impl FnOnce() -> String) {
        let mut world = self.scheduler.world();
        let now = world.now;
        world.trace.add(now, || format!("actor {}: {}", self.number, line()));
    }

    async fn read(&self, query: &PageQuery, cold: bool, began: Step) {
        let client = self.past_rooms.table().client();
        let past_rooms = match cold {
            true => process(client, self.past_rooms.has_history()),
            false => self.past_rooms.clone(),
        };
        let outcome = past_rooms.page(query).await;
        self.note(|| match &outcome {
            Ok(page) => format!("has {} rows of {}", page.sessions.len(), page.total),
            Err(error) => format!("has an error: {error}"),
        });
        let mut world = self.scheduler.world();
        let ended = world.now;
        let is_of_all_rooms = query.room_ids.is_empty();
        let cluster = match &world.projection {
            Some(projection) if is_of_all_rooms => projection,
            _ => &world.cluster,
        };
        let all_rooms = [ALL_ROOMS.to_owned()];
        let room_ids = if is_of_all_rooms { &all_rooms[..] } else { &query.room_ids };
        let history = &cluster.history;
        let is_contended = history.is_contended(room_ids, began, ended);
        let completion = cluster.completion;
        let may_be_empty = || world.cluster.history.may_be_empty(began, ended);
        match outcome {
            Ok(page) => {
                let sources = &cluster.sources;
                let violation =
                    promise::violation((history, sources), room_ids, query, &page, (began, ended));
                let is_complete = completion.is_some_and(|completion| completion.at <= ended);
                assert!(
                    !is_of_all_rooms || is_complete || may_be_empty(),
                    "{query:?}: the history table is not complete: {page:?}"
                );
                assert!(
                    violation.is_none(),
                    "{query:?}: {}: {page:?}",
                    violation.unwrap_or_default()
                );
                world.counters.pages += 1;
                world.counters.pages_of_all_rooms += u64::from(is_of_all_rooms);
                world.counters.contended_pages += u64::from(is_contended);
            }
            Err(ReadError::HistoryIncomplete)
                if completion.is_none_or(|completion| completion.replicated > began) =>
            {
                world.counters.incomplete += 1;
            }
            Err(ReadError::Table(error)) if world.may_fail(error.is_transient()) => {
                world.counters.read_errors += 1;
            }
            Err(error) => panic!("{query:?}: no reason for an error: {error}"),
        }
    }

    /// Writes. A writer that is stopped restarts from the beginning.
    async fn write(&self, task: &Task, mut began: Step) {
        let restart = self.scheduler.restart(self.number);
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = self.written(task) => break outcome,
                () = restart.notified() => {}
            }
            self.note(|| "is stopped, and begins anew".to_owned());
            self.scheduler.world().counters.restarts += 1;
            began = self.scheduler.turn(self.number).await;
        };
        self.note(|| format!("ends with {outcome:?}"));
        let mut world = self.scheduler.world();
        let ended = world.now;
        match outcome {
            Ok(Written::Sessions(states)) => {
                world.counters.writes += 1;
                for (key, state) in states {
                    let was = world.cluster.history.was(&key, state, began, ended);
                    assert!(was, "{key} was said to be {state:?}, and never was");
                }
            }
            Ok(Written::Tally(room_id)) => {
                world.counters.writes += 1;
                world.cluster.history.built(&room_id, began, ended);
            }
            Ok(Written::Projection) => world.counters.reconciliations += 1,
            Err(error) => {
                let is_conflict = error == WriteError::Conflict;
                let may_fail = is_conflict || world.may_fail(error.is_transient());
                assert!(may_fail, "{task:?}: no reason for an error: {error}");
                world.counters.write_errors += 1;
            }
        }
    }

    async fn written(&self, task: &Task) -> Result<Written, WriteError> {
        match task {
            Task::Page { .. }
            | Task::Deliver { .. }
            | Task::DeliverAgain { .. }
            | Task::Rest(_) => {
                unreachable!("nothing is written")
            }
            Task::Record(sessions) => self.record(sessions).await,
            Task::Import { sessions, moves } => self.import(sessions, *moves).await,
            Task::Delete(room_id, keys) => self.delete(room_id, keys).await,
            Task::Tally(room_id) => {
                self.past_rooms.tally(room_id).await?;
                Ok(Written::Tally(room_id.clone()))
            }
            Task::Reconcile => self.reconcile().await,
            Task::ForeignPut(key, version) => {
                let row = json!({"TableName": TABLE, "Item": content::row(key, *version)});
                Ok(self.send("PutItem", &row).await)
            }
            Task::ForeignDelete(key) => {
                let key =
                    json!({"room_id": {"S": key.room_id}, "created_sid": {"S": key.sort_key}});
                Ok(self.send("DeleteItem", &json!({"TableName": TABLE, "Key": key})).await)
            }
        }
    }

    async fn record(&self, sessions: &[(RowKey, Version)]) -> Result<Written, WriteError> {
        let rows: Vec<Session> =
            sessions.iter().map(|(key, version)| content::session(key, *version)).collect();
        let recorded = self.past_rooms.record(&rows).await?;
        let told = recorded.new + recorded.changed + recorded.unchanged;
        assert_eq!(told, sessions.len() as u64, "{recorded:?}");
        let states = sessions.iter().map(|(key, version)| (key.clone(), Some(*version)));
        Ok(Written::Sessions(states.collect()))
    }

    async fn import(
        &self,
        sessions: &[(RowKey, Version)],
        moves: bool,
    ) -> Result<Written, WriteError> {
        let entries = sessions.iter().map(|(key, version)| Entry {
            session: content::session(key, *version),
            fields: Fields::ALL,
            marks: Marks::default(),
        });
        let entries: Vec<Entry> = entries.collect();
        let importer = self.past_rooms.importer().patience(IMPORT_PATIENCE);
        let mut importer = if moves { importer.moving() } else { importer };
        let written = importer.write(&entries).await.map_err(|stopped| stopped.error)?;
        let recorded = written.recorded;
        let told = recorded.new + recorded.changed + recorded.unchanged + written.moved;
        let misplaced = written.misplaced.len();
        assert_eq!(told + misplaced as u64, sessions.len() as u64, "{written:?}");
        assert!(!moves || misplaced == 0, "{written:?}");
        let is_misplaced =
            |index: usize| written.misplaced.iter().any(|misplaced| misplaced.index == index);
        let states = sessions.iter().enumerate().filter(|(index, _)| !is_misplaced(*index));
        let states = states.map(|(_, (key, version))| (key.clone(), Some(*version)));
        Ok(Written::Sessions(states.collect()))
    }

    async fn reconcile(&self) -> Result<Written, WriteError> {
        let reconciliation = self.past_rooms.reconciliation(ProjectionMode::Write);
        let mut reconciliation = reconciliation.expect("a history table");
        let mut failures = 0;
        loop {
            match reconciliation.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(Written::Projection),
                Err(_) if failures < RECONCILIATION_FAILURES => failures += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn delete(&self, room_id: &str, keys: &[RowKey]) -> Result<Written, WriteError> {
        let sort_keys: Vec<SessionKey> = keys.iter().filter_map(RowKey::session_key).collect();
        let deleted = self.past_rooms.delete(room_id, &sort_keys).await?;
        assert!(deleted <= keys.len() as u64, "{deleted} of {} deleted", keys.len());
        Ok(Written::Sessions(keys.iter().map(|key| (key.clone(), None)).collect()))
    }

    /// Sends a request without the library, and without retries.
    async fn send(&self, operation: &str, request: &Value) -> Written {
        let sent = self.scheduler.send(self.number, operation.to_owned(), request.to_string());
        // The outcome is not used.
        drop(tokio::time::timeout(Duration::from_secs(3), sent).await);
        Written::Sessions(vec![])
    }
}

/// The answer that a writer got.
#[derive(Debug)]
enum Written {
    /// Each of these sessions was in this state at some moment.
    Sessions(Vec<(RowKey, Option<Version>)>),
    /// This room's tally was built.
    Tally(String),
    /// The history table agreed with the table.
    Projection,
}

fn name(task: &Task) -> String {
    match task {
        Task::Page { query, cold } => format!(
            "Page {:?} from {} limit {} {}{}",
            query.room_ids,
            query.from,
            query.limit,
            query.order,
            if *cold { " cold" } else { "" }
        ),
        Task::Record(sessions) => {
            let sessions: Vec<String> = sessions
                .iter()
                .map(|(key, version)| format!("{} {} v{version}", key.room_id, key.sort_key))
                .collect();
            format!("Record {}", sessions.join(", "))
        }
        task => format!("{task:?}"),
    }
}

/// Returns the handle of a process that has just started.
pub fn process(client: &Client, has_history: bool) -> PastRooms {
    let past_rooms = PastRooms::new(client.clone(), TABLE);
    if has_history { past_rooms.with_history(HISTORY) } else { past_rooms }
}

/// A process of its own for each actor, all on one client.
pub fn spawn(scheduler: &Arc<Scheduler>, actors: Vec<Vec<Task>>) -> tokio::task::JoinSet<()> {
    let client = network::client(scheduler);
    let has_history = scheduler.world().projection.is_some();
    let mut running = tokio::task::JoinSet::new();
    for (number, tasks) in actors.into_iter().enumerate() {
        let past_rooms = process(&client, has_history);
        let actor = Actor { number, scheduler: Arc::clone(scheduler), past_rooms };
        running.spawn_local(network::ACTOR.scope(number, actor.act(tasks)));
    }
    running
}
