//! Counts external writes, as the function on the stream does.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodbstreams::types::ShardIteratorType;
use past_rooms::PastRooms;
use past_rooms::stream::handler::handle;
use serde_json::{Value, json};

use crate::filter::Filter;
use crate::stream::Stream;

/// Interval at which the stream is read. Lambda reads it four times a second.
const INTERVAL: Duration = Duration::from_millis(250);

/// Time for a batch.
const TIME: Duration = Duration::from_secs(60);

/// Reads the table's stream for as long as the runtime lives.
pub async fn count(
    past_rooms: PastRooms,
    settings: &SdkConfig,
    from: ShardIteratorType,
) -> Result<(), Box<dyn std::error::Error>> {
    let filter = Filter::of_template(past_rooms.has_history())?;
    let stream = Stream::open(settings, past_rooms.table(), from).await;
    let mut stream = stream.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        loop {
            match stream.events().await {
                Ok(events) => {
                    waiting.extend(events.into_iter().filter(|event| filter.passes(event)));
                }
                Err(error) => tracing::warn!(error, "the stream cannot be read"),
            }
            if !waiting.is_empty() {
                waiting = deliver(&past_rooms, waiting).await;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    });
    Ok(())
}

/// Hands a batch to the function's code, and returns what is to be tried again.
async fn deliver(past_rooms: &PastRooms, events: Vec<Value>) -> Vec<Value> {
    let failures = match handle(past_rooms, json!({"Records": events}), TIME).await {
        Ok(response) => response.failures,
        Err(error) => {
            tracing::error!(%error, "a batch of the stream cannot be understood");
            return vec![];
        }
    };
    let is_failed = |event: &Value| {
        let number = event["dynamodb"]["SequenceNumber"].as_str();
        failures.iter().any(|failure| Some(&*failure.sequence_number) == number)
    };
    events.into_iter().filter(is_failed).collect()
}
