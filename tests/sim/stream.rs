//! The table's stream, and the function on it: the real handler, which gets what the template's event
//! filter lets through. Events come late, twice and out of order, and a batch comes again from the
//! first event on that failed.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use fastrand::Rng;
use past_rooms::RowKey;
use past_rooms::stream::handler::handle;
use past_rooms::table::schema::COUNTED;
use serde_json::{Value, json};

use crate::actors::Actor;
use crate::content;
use crate::focus::Focus;
use crate::history::Step;
use filter::Filter;

#[path = "../../examples/local/filter.rs"]
mod filter;

/// A room's events are all in one of them, in order.
pub const SHARDS: usize = 2;

/// Time for a batch.
const TIME: Duration = Duration::from_secs(300);

/// Maximum number of earlier events that a batch repeats.
const DOUBLES: usize = 3;

/// The filter without the whole history, and with it.
static FILTERS: LazyLock<[Filter; 2]> =
    LazyLock::new(|| [false, true].map(|on| Filter::of_template(on).expect("the filter")));

/// The table's events that call the function.
#[derive(Default)]
pub struct Stream {
    /// Whether the function gets the events of all sessions.
    whole_history: bool,
    shards: [Shard; SHARDS],
    /// Events so far, of all shards.
    events: u64,
}

#[derive(Default)]
struct Shard {
    events: Vec<Event>,
    /// Number of events that the function has handled, from the first on.
    done: usize,
}

#[derive(Clone)]
struct Event {
    key: RowKey,
    /// Whether the function counts again because of it.
    is_uncounted: bool,
    record: Value,
}

/// Events that are handed over together.
pub struct Batch {
    shard: usize,
    /// End of the events that were not handed over before.
    end: usize,
    /// In any order.
    events: Vec<Event>,
}

impl Stream {
    /// A stream whose function gets the events of all sessions, or only those that others wrote.
    pub fn new(whole_history: bool) -> Self {
        Stream { whole_history, ..Stream::default() }
    }

    /// A row was put, changed or deleted.
    pub fn add(&mut self, name: &str, key: &RowKey, new_image: Option<&Value>) {
        let mut record = json!({
            "eventName": name,
            "dynamodb": {
                "Keys": {"room_id": {"S": key.room_id}, "created_sid": {"S": key.sort_key}},
                "SequenceNumber": format!("{:021}", self.events),
            },
        });
        if let Some(image) = new_image {
            record["dynamodb"]["NewImage"] = image.clone();
        }
        self.events += 1;
        if FILTERS[usize::from(self.whole_history)].passes(&record) {
            let is_counted = |image: &Value| image.get(COUNTED).is_some();
            let is_uncounted = match name {
                "INSERT" => !new_image.is_some_and(is_counted),
                name => name == "REMOVE",
            };
            let shard = usize::from(key.room_id.bytes().last().unwrap_or_default()) % SHARDS;
            self.shards[shard].events.push(Event { key: key.clone(), is_uncounted, record });
        }
    }

    /// Returns some of a shard's pending events, and repeats some of the handled ones.
    fn batch(&self, shard: usize, random: &mut Rng) -> Batch {
        let Shard { events, done } = &self.shards[shard];
        let waiting = events.len() - done;
        let end = done + if waiting == 0 { 0 } else { random.usize(1..=waiting) };
        let mut batch = events[*done..end].to_vec();
        if *done > 0 {
            for _ in 0..random.usize(0..=DOUBLES) {
                batch.push(events[random.usize(0..*done)].clone());
            }
        }
        random.shuffle(&mut batch);
        Batch { shard, end, events: batch }
    }

    /// Returns some of a shard's events that were handled, and pending ones.
    fn some_again(&self, shard: usize, random: &mut Rng) -> Vec<Event> {
        let events = &self.shards[shard].events;
        let count = if events.is_empty() { 0 } else { random.usize(1..=DOUBLES) };
        (0..count).map(|_| events[random.usize(0..events.len())].clone()).collect()
    }

    /// A batch was answered. Whatever failed comes again, and with it what came after it.
    fn answered(&mut self, batch: &Batch, failed: &BTreeSet<&str>) {
        let shard = &mut self.shards[batch.shard];
        let is_failed = |event: &Event| {
            failed.contains(event.record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default())
        };
        let first_failed = shard.events[shard.done..batch.end].iter().position(is_failed);
        shard.done = first_failed.map_or(batch.end, |first| shard.done + first);
    }

    /// Returns whether every event is handled.
    pub fn is_drained(&self) -> bool {
        self.shards.iter().all(|shard| shard.done == shard.events.len())
    }
}

impl Actor {
    /// Hands over events beside the shard's own batches. The answer is not used.
    pub async fn deliver_again(&self, shard: usize) {
        let events = {
            let mut world = self.scheduler.world();
            let mut random = world.random.fork();
            let stream = world.cluster.stream.as_ref();
            let events = stream.map_or(vec![], |stream| stream.some_again(shard, &mut random));
            world.cluster.reveal(events.iter().map(|event| event.key.clone()));
            events
        };
        let records: Vec<&Value> = events.iter().map(|event| &event.record).collect();
        let restart = self.scheduler.restart(self.number);
        tokio::select! {
            biased;
            answered = handle(&self.past_rooms, json!({"Records": records}), TIME) => {
                answered.expect("a batch");
            }
            () = restart.notified() => {}
        }
    }

    /// Hands over a batch of a shard; again if the function is stopped and restarts.
    pub async fn deliver(&self, shard: usize, mut began: Step) {
        let restart = self.scheduler.restart(self.number);
        let batch = {
            let mut world = self.scheduler.world();
            let mut random = world.random.fork();
            let Some(stream) = &world.cluster.stream else { return };
            let batch = stream.batch(shard, &mut random);
            world.cluster.reveal(batch.events.iter().map(|event| event.key.clone()));
            batch
        };
        if batch.events.is_empty() {
            return;
        }
        let records: Vec<&Value> = batch.events.iter().map(|event| &event.record).collect();
        let response = loop {
            tokio::select! {
                biased;
                answered = handle(&self.past_rooms, json!({"Records": records}), TIME) => {
                    break answered.expect("a batch");
                }
                () = restart.notified() => {}
            }
            self.note(|| "is stopped, and begins anew".to_owned());
            self.scheduler.world().counters.restarts += 1;
            began = self.scheduler.turn(self.number).await;
        };
        let failed: BTreeSet<&str> =
            response.failures.iter().map(|failure| &*failure.sequence_number).collect();
        self.note(|| format!("ends with {} of {} failed", failed.len(), records.len()));
        let mut world = self.scheduler.world();
        // Many processes that project at the same time are conflicts.
        let may_fail = world.counters.faults > 0 || world.focus == Focus::Projection;
        assert!(failed.is_empty() || may_fail, "no reason to fail: {failed:?}");
        let ended = world.now;
        for event in &batch.events {
            let number = event.record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default();
            if event.is_uncounted && !failed.contains(number) {
                world.cluster.history.recounted(&event.key, began, ended);
            }
        }
        world.counters.batches += 1;
        if let Some(stream) = &mut world.cluster.stream {
            stream.answered(&batch, &failed);
        }
    }
}

/// The image of a row that a request puts, as the stream has it.
pub fn new_image(operation: &str, request: &Value, key: &RowKey) -> Option<Value> {
    let puts: Vec<&Value> = match operation {
        "PutItem" => vec![&request["Item"]],
        "TransactWriteItems" => {
            let actions = request["TransactItems"].as_array().expect("actions").iter();
            actions.map(|action| &action["Put"]["Item"]).collect()
        }
        _ => vec![],
    };
    let mut puts = puts.into_iter().filter(|item| !item.is_null());
    puts.find(|item| content::key(item) == *key).cloned()
}
