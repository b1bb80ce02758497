//! The table's stream, the template's filter, and what the function on the stream makes of them.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodbstreams::types::ShardIteratorType;
use past_rooms::PastRooms;
use past_rooms::stream::handler::handle;
use past_rooms::table::Table;
use serde_json::{Value, json};

use super::Database;
use filter::Filter;
use reader::Stream;

#[path = "../../../examples/local/filter.rs"]
mod filter;
#[path = "../../../examples/local/stream.rs"]
mod reader;

/// More time than any batch needs.
pub const TIME: Duration = Duration::from_secs(300);

/// Lambda's side of the function on the stream.
pub struct Deliveries {
    stream: Stream,
    filter: Filter,
}

impl Deliveries {
    /// Those of everything that happens to the database from its beginning on.
    pub async fn of(database: &Database) -> Self {
        Deliveries::open(database.settings(), database.past_rooms.table()).await
    }

    /// Those of everything that happened to a table.
    pub async fn open(settings: &SdkConfig, table: &Table) -> Self {
        Deliveries::with_filter(settings, table, false).await
    }

    /// The same, with the filter of an installation with the whole history on.
    pub async fn of_all_sessions(database: &Database) -> Self {
        Deliveries::with_filter(database.settings(), database.past_rooms.table(), true).await
    }

    async fn with_filter(settings: &SdkConfig, table: &Table, whole_history: bool) -> Self {
        let from = ShardIteratorType::TrimHorizon;
        let stream = Stream::open(settings, table, from).await.expect("a stream");
        Deliveries { stream, filter: Filter::of_template(whole_history).expect("a filter") }
    }

    /// The events since the last call, and which of them call the function.
    pub async fn next(&mut self) -> (Vec<Value>, Vec<Value>) {
        let mut events = Vec::new();
        loop {
            let some = self.stream.events().await.expect("read");
            if some.is_empty() {
                break;
            }
            events.extend(some);
        }
        let calls = events.iter().filter(|event| self.filter.passes(event)).cloned().collect();
        (events, calls)
    }

    /// Delivers all that happened, as one batch, and returns how many events called the function.
    pub async fn deliver(&mut self, past_rooms: &PastRooms) -> usize {
        let (_, calls) = self.next().await;
        assert_eq!(invoke(past_rooms, &calls).await, [""; 0], "all of it is dealt with");
        calls.len()
    }
}

/// Invokes the function with these events, and returns those that failed.
pub async fn invoke(past_rooms: &PastRooms, events: &[Value]) -> Vec<String> {
    let answered = handle(past_rooms, json!({"Records": events}), TIME).await.expect("a batch");
    answered.failures.into_iter().map(|failure| failure.sequence_number).collect()
}
