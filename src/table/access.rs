//! The two requests that reading is made of, metered and bounded: `Query` over a range of one room's rows, and
//! `BatchGetItem` of single rows of many rooms.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, KeysAndAttributes, ReturnConsumedCapacity,
};
use futures_util::future::try_join_all;
use tokio::sync::Semaphore;

use super::schema::{KeyRange, PARTITION_KEY, SORT_KEY, primary_key};
use super::{Hints, Item, Meter, TableFailure};

/// Requests that one [`Table`] has under way at once: enough to ask a hundred rooms in one round trip.
pub const MAX_IN_FLIGHT: usize = 100;

/// Rows that one `BatchGetItem` may ask for.
///
/// Source: Amazon DynamoDB API Reference, `BatchGetItem`.
pub const BATCH_GET_ROWS: usize = 100;

/// How often the part that DynamoDB leaves unprocessed is asked for again, and how long to wait before the first time
/// (it doubles).
const UNPROCESSED_TRIES: u32 = 6;
const UNPROCESSED_WAIT: Duration = Duration::from_millis(20);

/// Which state of the table a read may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// Half the price; may be about a second behind.
    Eventual,
    /// Every write that was acknowledged before the read began.
    Strong,
}

/// The table of past rooms, and the client to reach it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) client: Client,
    pub(crate) name: std::sync::Arc<str>,
    in_flight: std::sync::Arc<Semaphore>,
    pub(crate) hints: std::sync::Arc<Hints>,
}

/// What of a room's rows to read.
#[derive(Debug, Clone)]
pub struct RowQuery<'a> {
    pub room_id: &'a str,
    pub range: &'a KeyRange,
    /// From the low end of the range upwards, or from the high end downwards.
    pub ascending: bool,
    /// The sort key behind which to go on.
    pub after: Option<&'a str>,
    /// At most so many rows (and at most 1 MB); at least 1.
    pub limit: Option<usize>,
    /// Only the rows' keys. Costs DynamoDB the same, the network and the parser less.
    pub keys_only: bool,
    pub consistency: Consistency,
}

/// What one query brought.
#[derive(Debug)]
pub struct QueryPage {
    pub items: Vec<Item>,
    /// The sort key behind which there may be more; `None` at the end of the range.
    pub next: Option<String>,
}

impl<'a> RowQuery<'a> {
    /// The keys of all rows in a range, in ascending order.
    pub fn keys(room_id: &'a str, range: &'a KeyRange, consistency: Consistency) -> Self {
        RowQuery {
            room_id,
            range,
            ascending: true,
            after: None,
            limit: None,
            keys_only: true,
            consistency,
        }
    }
}

impl Table {
    pub fn new(client: Client, name: impl Into<std::sync::Arc<str>>) -> Self {
        Table {
            client,
            name: name.into(),
            in_flight: std::sync::Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            hints: std::sync::Arc::default(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The SDK's client, for what is not reading sessions.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// One page of a room's rows.
    pub async fn query(
        &self,
        query: RowQuery<'_>,
        meter: &Meter,
    ) -> Result<QueryPage, TableFailure> {
        let request = self
            .client
            .query()
            .table_name(&*self.name)
            .key_condition_expression("#room = :room AND #key BETWEEN :low AND :high")
            .expression_attribute_names("#room", PARTITION_KEY)
            .expression_attribute_names("#key", SORT_KEY)
            .expression_attribute_values(":room", AttributeValue::S(query.room_id.to_owned()))
            .expression_attribute_values(":low", AttributeValue::S(query.range.low.clone()))
            .expression_attribute_values(":high", AttributeValue::S(query.range.high.clone()))
            .scan_index_forward(query.ascending)
            .consistent_read(query.consistency == Consistency::Strong)
            .set_limit(
                query
                    .limit
                    .map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)),
            )
            .set_projection_expression(query.keys_only.then(|| "#room, #key".to_owned()))
            .set_exclusive_start_key(query.after.map(|key| primary_key(query.room_id, key)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        // The semaphore is never closed, so there always is a permit to wait for.
        let _permit = self.in_flight.acquire().await;
        let answer = request
            .send()
            .await
            .map_err(|error| TableFailure::new("Query", error))?;
        meter.add(units(answer.consumed_capacity.as_slice()));
        let next = match answer
            .last_evaluated_key
            .and_then(|mut key| key.remove(SORT_KEY))
        {
            Some(AttributeValue::S(key)) => Some(key),
            _ => None,
        };
        Ok(QueryPage {
            items: answer.items.unwrap_or_default(),
            next,
        })
    }

    /// All of a room's rows that the query is about, a page at a time, from where it says on.
    pub async fn walk(
        &self,
        query: RowQuery<'_>,
        meter: &Meter,
        mut visit: impl FnMut(Item),
    ) -> Result<(), TableFailure> {
        let mut after = query.after.map(str::to_owned);
        loop {
            let query = RowQuery {
                after: after.as_deref(),
                ..query.clone()
            };
            let page = self.query(query, meter).await?;
            page.items.into_iter().for_each(&mut visit);
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// The rows with these keys (room id, sort key), in any order; keys without a row are left out.
    pub async fn get_rows(
        &self,
        keys: &[(&str, &str)],
        consistency: Consistency,
        meter: &Meter,
    ) -> Result<Vec<Item>, TableFailure> {
        let batches = keys
            .chunks(BATCH_GET_ROWS)
            .map(|batch| self.get_batch(batch, consistency, meter));
        Ok(try_join_all(batches).await?.into_iter().flatten().collect())
    }

    async fn get_batch(
        &self,
        keys: &[(&str, &str)],
        consistency: Consistency,
        meter: &Meter,
    ) -> Result<Vec<Item>, TableFailure> {
        let mut rows = Vec::with_capacity(keys.len());
        let mut unread: Vec<Item> = keys
            .iter()
            .map(|(room, key)| primary_key(room, key))
            .collect();
        let mut wait = UNPROCESSED_WAIT;
        for _ in 0..UNPROCESSED_TRIES {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(unread))
                .consistent_read(consistency == Consistency::Strong)
                .build()
                .map_err(|error| {
                    TableFailure::new(
                        "BatchGetItem",
                        SdkError::<BatchGetItemError, _>::construction_failure(error),
                    )
                })?;
            let permit = self.in_flight.acquire().await;
            let answer = self
                .client
                .batch_get_item()
                .request_items(&*self.name, request)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| TableFailure::new("BatchGetItem", error))?;
            drop(permit);
            meter.add(units(answer.consumed_capacity()));
            rows.extend(answer.responses.unwrap_or_default().into_values().flatten());
            unread = answer
                .unprocessed_keys
                .unwrap_or_default()
                .into_values()
                .flat_map(|keys| keys.keys)
                .collect();
            if unread.is_empty() {
                return Ok(rows);
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        Err(TableFailure::unprocessed("BatchGetItem"))
    }
}

/// The units that a request consumed, of all that it touched.
pub(crate) fn units(consumed: &[ConsumedCapacity]) -> f64 {
    consumed
        .iter()
        .filter_map(ConsumedCapacity::capacity_units)
        .sum()
}
