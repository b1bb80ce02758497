//! A table's stream, read as Lambda reads it: what happened, as events for the function.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::{AttributeValue, OperationType, Record, ShardIteratorType};
use past_rooms::table::Table;
use serde_json::{Map, Value, json};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A reader of the stream.
pub struct Stream {
    client: Client,
    arn: String,
    /// Iterators by shard.
    iterators: BTreeMap<String, String>,
    /// Shards that were begun.
    known: BTreeSet<String>,
}

impl Stream {
    /// The stream of a table, from its beginning, or from now on.
    pub async fn open(
        settings: &SdkConfig,
        table: &Table,
        from: ShardIteratorType,
    ) -> Result<Self, Error> {
        let described = table.client().describe_table().table_name(table.name()).send().await?;
        let arn = described.table.and_then(|table| table.latest_stream_arn);
        let config = aws_sdk_dynamodbstreams::config::Builder::from(settings)
            .http_client(past_rooms::dynamodb::https_client())
            .build();
        let mut stream = Stream {
            client: Client::from_conf(config),
            arn: arn.ok_or("the table has no stream")?,
            iterators: BTreeMap::new(),
            known: BTreeSet::new(),
        };
        stream.find_shards(from).await?;
        Ok(stream)
    }

    async fn find_shards(&mut self, from: ShardIteratorType) -> Result<(), Error> {
        let described = self.client.describe_stream().stream_arn(&self.arn).send().await?;
        let shards = described.stream_description.and_then(|stream| stream.shards);
        let ids = shards.unwrap_or_default().into_iter().filter_map(|shard| shard.shard_id);
        for id in ids {
            if !self.known.insert(id.clone()) {
                continue;
            }
            let iterator = self.client.get_shard_iterator().stream_arn(&self.arn).shard_id(&id);
            let iterator = iterator.shard_iterator_type(from.clone()).send().await?.shard_iterator;
            self.iterators.insert(id, iterator.ok_or("a shard cannot be read")?);
        }
        Ok(())
    }

    /// Returns the events since the last call, at most some thousand, in order of each row.
    pub async fn events(&mut self) -> Result<Vec<Value>, Error> {
        let mut events = Vec::new();
        for (id, iterator) in self.iterators.clone() {
            let answer = self.client.get_records().shard_iterator(iterator).send().await?;
            events.extend(answer.records.unwrap_or_default().iter().map(event));
            match answer.next_shard_iterator {
                Some(next) => drop(self.iterators.insert(id, next)),
                None => {
                    self.iterators.remove(&id);
                    self.find_shards(ShardIteratorType::TrimHorizon).await?;
                }
            }
        }
        Ok(events)
    }
}

/// A record as Lambda hands it over.
fn event(record: &Record) -> Value {
    let change = record.dynamodb.as_ref();
    let mut dynamodb = json!({
        "Keys": change.and_then(|change| change.keys.as_ref()).map(item),
        "SequenceNumber": change.and_then(|change| change.sequence_number.as_deref()),
    });
    if let Some(image) = change.and_then(|change| change.new_image.as_ref()) {
        dynamodb["NewImage"] = item(image);
    }
    json!({
        "eventID": record.event_id,
        "eventName": record.event_name.as_ref().map(OperationType::as_str),
        "eventSource": record.event_source,
        "dynamodb": dynamodb,
    })
}

fn item(item: &std::collections::HashMap<String, AttributeValue>) -> Value {
    item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect::<Map<_, _>>().into()
}

/// The rows of this project have no attributes but these.
fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(value) => json!({"BOOL": value}),
        AttributeValue::Null(value) => json!({"NULL": value}),
        AttributeValue::Ss(texts) => json!({"SS": texts}),
        AttributeValue::Ns(numbers) => json!({"NS": numbers}),
        AttributeValue::L(values) => json!({"L": values.iter().map(attribute).collect::<Vec<_>>()}),
        AttributeValue::M(values) => json!({"M": item(values)}),
        // Base64, which nothing here looks at.
        _ => json!({"B": ""}),
    }
}
