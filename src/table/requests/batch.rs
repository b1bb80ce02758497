//! `BatchGetItem`: single rows of many rooms.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::operation::RequestId;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemOutput;
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};
use futures_util::future::try_join_all;

use crate::table::item::Item;
use crate::table::keys::RowKey;
use crate::table::requests::answer::{InvalidAnswer, ensure, present, units, valid};
use crate::table::requests::client::{Consistency, Table};
use crate::table::requests::error::TableError;
use crate::table::requests::retry::Backoff;

const OPERATION: &str = "BatchGetItem";

/// Rows that one `BatchGetItem` may ask for.
///
/// Source: Amazon DynamoDB API Reference, `BatchGetItem`.
const MAX_ROWS: usize = 100;

/// Maximum number of requests for keys that DynamoDB leaves unprocessed, the first included.
const ATTEMPTS: u32 = 6;

/// The rows that one answer has for a set of keys, and the keys that it left unprocessed.
type Part = (Vec<Item>, BTreeSet<RowKey>, f64);

impl Table {
    /// The rows with these keys, in any order; keys without a row are left out.
    ///
    /// # Errors
    /// [`TableError`] if DynamoDB fails, answers with what was not asked for, or leaves rows
    /// unprocessed again and again.
    pub async fn get_rows(
        &self,
        keys: impl IntoIterator<Item = RowKey>,
        consistency: Consistency,
    ) -> Result<Vec<Item>, TableError> {
        // DynamoDB takes every key once.
        let keys: BTreeSet<RowKey> = keys.into_iter().collect();
        let keys: Vec<RowKey> = keys.into_iter().collect();
        let batches = keys.chunks(MAX_ROWS).map(|batch| self.get_batch(batch, consistency));
        Ok(try_join_all(batches).await?.into_iter().flatten().collect())
    }

    /// The same rows, by their keys.
    ///
    /// # Errors
    /// As [`get_rows`](Self::get_rows).
    pub async fn get_rows_by_key(
        &self,
        keys: impl IntoIterator<Item = RowKey>,
        consistency: Consistency,
    ) -> Result<HashMap<RowKey, Item>, TableError> {
        let rows = self.get_rows(keys, consistency).await?;
        Ok(rows.into_iter().filter_map(|item| Some((RowKey::of_item(&item)?, item))).collect())
    }

    /// The row with this key, if there is one.
    ///
    /// # Errors
    /// As [`get_rows`](Self::get_rows).
    pub async fn get_row(
        &self,
        key: RowKey,
        consistency: Consistency,
    ) -> Result<Option<Item>, TableError> {
        Ok(self.get_rows([key], consistency).await?.pop())
    }

    async fn get_batch(
        &self,
        keys: &[RowKey],
        consistency: Consistency,
    ) -> Result<Vec<Item>, TableError> {
        let mut rows = Vec::with_capacity(keys.len());
        let mut unread: BTreeSet<RowKey> = keys.iter().cloned().collect();
        let mut backoff = Backoff::new(ATTEMPTS);
        while !unread.is_empty() {
            let (some, unprocessed, units) = valid(|| self.get_part(&unread, consistency)).await?;
            self.count_request(units);
            rows.extend(some);
            unread = unprocessed;
            if !unread.is_empty() && !backoff.wait().await {
                return Err(TableError::unprocessed(OPERATION));
            }
        }
        Ok(rows)
    }

    async fn get_part(
        &self,
        keys: &BTreeSet<RowKey>,
        consistency: Consistency,
    ) -> Result<Result<Part, TableError>, TableError> {
        let request = KeysAndAttributes::builder()
            .set_keys(Some(keys.iter().cloned().map(RowKey::into_item).collect()))
            .consistent_read(consistency == Consistency::Strong)
            .build()
            .map_err(|error| TableError::unbuildable(OPERATION, &error))?;
        let request = self
            .client
            .batch_get_item()
            .request_items(&*self.name, request)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = self
            .send(request.send())
            .await
            .map_err(|error| TableError::new(OPERATION, &self.name, &error))?;
        let request_id = answer.request_id().map(str::to_owned);
        Ok(validate(keys, answer).map_err(|invalid| invalid.of(OPERATION, request_id.as_deref())))
    }
}

/// Holds an answer against the keys that were asked for.
fn validate(keys: &BTreeSet<RowKey>, answer: BatchGetItemOutput) -> Result<Part, InvalidAnswer> {
    let units = units(answer.consumed_capacity());
    let rows: Vec<Item> = present(answer.responses, "Responses")?.into_values().flatten().collect();
    let unprocessed = present(answer.unprocessed_keys, "UnprocessedKeys")?;
    let unprocessed = unprocessed.into_values().flat_map(|keys| keys.keys);
    let mut seen = BTreeSet::new();
    let mut expected = |item: &Item| {
        let key =
            RowKey::of_item(item).filter(|key| keys.contains(key) && seen.insert(key.clone()));
        present(key, "a key that was asked for (there is another, or one twice)")
    };
    for row in &rows {
        expected(row)?;
    }
    let unprocessed = unprocessed.map(|key| expected(&key)).collect::<Result<BTreeSet<_>, _>>()?;
    ensure(rows.len() + unprocessed.len() <= keys.len(), || "it has too many rows".to_owned())?;
    Ok((rows, unprocessed, units))
}
