//! `Query`: some of one room's rows, in the order of their keys.

use aws_sdk_dynamodb::operation::RequestId;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use crate::table::item::Item;
use crate::table::keys::{KeyRange, RowKey, string_attribute};
use crate::table::requests::answer::{InvalidAnswer, ensure, present, units, valid};
use crate::table::requests::client::{Consistency, Table};
use crate::table::requests::error::TableError;
use crate::table::schema::{PARTITION_KEY, SORT_KEY};

const OPERATION: &str = "Query";

/// Which of a room's rows to read.
#[derive(Debug, Clone)]
pub struct RowQuery<'a> {
    /// The room.
    pub room_id: &'a str,
    /// The keys of the rows.
    pub range: &'a KeyRange,
    /// From the low end of the range upwards, or from the high end downwards.
    pub ascending: bool,
    /// The sort key after which to continue.
    pub after: Option<&'a str>,
    /// At most this many rows (and at most 1 MB); at least 1.
    pub limit: Option<usize>,
    /// Only the rows' keys. Costs DynamoDB the same, the network and the parser less.
    pub keys_only: bool,
    /// Attributes beside the keys, where only these are read.
    pub besides: &'a [&'a str],
    /// Which state of the table to read.
    pub consistency: Consistency,
}

/// The rows of one query.
#[derive(Debug)]
pub struct QueryPage {
    /// The rows, in the order that was asked for.
    pub items: Vec<Item>,
    /// The sort key after which there may be more; `None` at the end of the range.
    pub next: Option<String>,
}

impl<'a> RowQuery<'a> {
    /// All rows in a range, in ascending order.
    pub fn rows(room_id: &'a str, range: &'a KeyRange, consistency: Consistency) -> Self {
        RowQuery {
            room_id,
            range,
            ascending: true,
            after: None,
            limit: None,
            keys_only: false,
            besides: &[],
            consistency,
        }
    }

    /// The keys of all rows in a range, in ascending order.
    pub fn keys(room_id: &'a str, range: &'a KeyRange, consistency: Consistency) -> Self {
        RowQuery { keys_only: true, ..RowQuery::rows(room_id, range, consistency) }
    }

    /// The keys of all rows in a range and some of their attributes, in ascending order.
    pub fn attributes(
        room_id: &'a str,
        range: &'a KeyRange,
        besides: &'a [&'a str],
        consistency: Consistency,
    ) -> Self {
        RowQuery { besides, ..RowQuery::keys(room_id, range, consistency) }
    }

    /// The names of the attributes to read, under their placeholders. `None`: all.
    fn projection(&self) -> Option<Vec<(String, &'a str)>> {
        let besides = self.besides.iter().enumerate();
        let besides = besides.map(|(index, name)| (format!("#b{index}"), *name));
        self.keys_only.then(|| besides.collect())
    }

    /// Whether `key` comes after `other` on the way.
    fn is_after(&self, key: &str, other: &str) -> bool {
        if self.ascending { key > other } else { key < other }
    }

    /// Holds an answer against what was asked for.
    fn validate(&self, answer: QueryOutput) -> Result<(QueryPage, f64), InvalidAnswer> {
        let units = units(answer.consumed_capacity.as_slice());
        let items = present(answer.items, "Items")?;
        ensure(usize::try_from(answer.count) == Ok(items.len()), || {
            format!("Count is {}, but it has {} rows", answer.count, items.len())
        })?;
        ensure(self.limit.is_none_or(|limit| items.len() <= limit), || {
            format!("it has {} rows, more than the limit", items.len())
        })?;
        let mut last = self.after;
        for item in &items {
            let (room_id, key) =
                (string_attribute(item, PARTITION_KEY), string_attribute(item, SORT_KEY));
            ensure(room_id == Some(self.room_id), || format!("a row is of the room {room_id:?}"))?;
            let key = present(key, SORT_KEY)?;
            ensure(self.range.contains(key), || format!("the row {key:?} is out of the range"))?;
            ensure(last.is_none_or(|last| self.is_after(key, last)), || {
                format!("the row {key:?} is out of order")
            })?;
            last = Some(key);
        }
        let next = match answer.last_evaluated_key {
            // Without a filter the last key evaluated is that of the last row. A page without rows
            // only has to get on.
            Some(key) => {
                let key = RowKey::of_item(&key);
                let is_progress = |key: &str| match items.is_empty() {
                    true => {
                        self.range.contains(key) && last.is_none_or(|last| self.is_after(key, last))
                    }
                    false => Some(key) == last,
                };
                ensure(
                    key.as_ref().is_some_and(|key| {
                        key.room_id == self.room_id && is_progress(&key.sort_key)
                    }),
                    || format!("LastEvaluatedKey is {key:?}, but the last row is {last:?}"),
                )?;
                key.map(|key| key.sort_key)
            }
            // A query that is stopped by its limit always says where to go on, even at the end. Should
            // an answer lack that, it is not the end that it was taken for.
            //
            // Source: Amazon DynamoDB API Reference, `Query`, *Limit*.
            None if self.limit == Some(items.len()) => last.map(str::to_owned),
            None => None,
        };
        Ok((QueryPage { items, next }, units))
    }
}

impl Table {
    /// One page of a room's rows.
    ///
    /// # Errors
    /// [`TableError`] if DynamoDB fails, or answers with what was not asked for.
    pub async fn query(&self, query: RowQuery<'_>) -> Result<QueryPage, TableError> {
        valid(|| self.query_once(&query)).await
    }

    async fn query_once(
        &self,
        query: &RowQuery<'_>,
    ) -> Result<Result<QueryPage, TableError>, TableError> {
        let limit = query.limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX));
        let start = query.after.map(|key| RowKey::new(query.room_id, key).into_item());
        let mut request = self
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
            .set_limit(limit)
            .set_exclusive_start_key(start)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(besides) = query.projection() {
            let mut projection = "#room, #key".to_owned();
            for (placeholder, name) in besides {
                projection.push_str(", ");
                projection.push_str(&placeholder);
                request = request.expression_attribute_names(placeholder, name);
            }
            request = request.projection_expression(projection);
        }
        let answer = self
            .send(request.send())
            .await
            .map_err(|error| TableError::new(OPERATION, &self.name, &error))?;
        let request_id = answer.request_id().map(str::to_owned);
        Ok(query
            .validate(answer)
            .map_err(|invalid| invalid.of(OPERATION, request_id.as_deref()))
            .map(|(page, units)| {
                self.count_request(units);
                page
            }))
    }

    /// Visits all of a room's rows that the query selects, a page at a time.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub async fn walk(
        &self,
        query: RowQuery<'_>,
        mut visit: impl FnMut(Item),
    ) -> Result<(), TableError> {
        let mut after = query.after.map(str::to_owned);
        loop {
            let query = RowQuery { after: after.as_deref(), ..query.clone() };
            let page = self.query(query).await?;
            page.items.into_iter().for_each(&mut visit);
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::types::ConsumedCapacity;

    const KEYS: [&str; 3] = ["2026-11-01#a", "2026-11-02#b", "2026-11-03#c"];

    /// The answer with rows of these keys, in the room `r`.
    fn answer(keys: &[&str], last: Option<&str>) -> QueryOutput {
        let items = keys.iter().map(|key| RowKey::new("r", *key).into_item()).collect();
        QueryOutput::builder()
            .set_items(Some(items))
            .count(keys.len() as i32)
            .consumed_capacity(ConsumedCapacity::builder().capacity_units(0.5).build())
            .set_last_evaluated_key(last.map(|key| RowKey::new("r", key).into_item()))
            .build()
    }

    /// Returns the key at which to continue after an answer. `Err`: the answer is invalid.
    fn next(
        limit: Option<usize>,
        after: Option<&str>,
        answer: QueryOutput,
    ) -> Result<Option<String>, ()> {
        let range = KeyRange::sessions();
        let query = RowQuery { limit, after, ..RowQuery::rows("r", &range, Consistency::Eventual) };
        query.validate(answer).map(|(page, _)| page.next).map_err(drop)
    }

    #[test]
    fn query_continues_behind_its_last_row() {
        assert_eq!(next(None, None, answer(&KEYS, Some(KEYS[2]))), Ok(Some(KEYS[2].to_owned())));
        assert_eq!(next(None, None, answer(&KEYS, None)), Ok(None));
        assert_eq!(next(Some(4), None, answer(&KEYS, None)), Ok(None));
        assert_eq!(next(Some(3), None, answer(&[], None)), Ok(None));
        // So does one without rows.
        let empty = answer(&[], Some(KEYS[2]));
        assert_eq!(next(None, Some(KEYS[1]), empty), Ok(Some(KEYS[2].to_owned())));
        let mut unmetered = answer(&KEYS, None);
        unmetered.consumed_capacity = None;
        assert_eq!(next(None, None, unmetered), Ok(None));
    }

    #[test]
    fn full_query_page_is_not_the_end() {
        assert_eq!(next(Some(3), None, answer(&KEYS, None)), Ok(Some(KEYS[2].to_owned())));
    }

    #[test]
    fn answer_with_unrequested_rows_is_rejected() {
        let reversed: Vec<&str> = KEYS.into_iter().rev().collect();
        for (limit, after, wrong) in [
            (Some(2), None, answer(&KEYS, None)),
            (None, Some(KEYS[0]), answer(&KEYS, None)),
            (None, None, answer(&reversed, None)),
            (None, None, answer(&[KEYS[0], KEYS[0]], None)),
            (None, None, answer(&["~"], None)),
            (None, None, answer(&KEYS, Some(KEYS[1]))),
            (None, Some(KEYS[1]), answer(&[], Some(KEYS[1]))),
            (None, Some(KEYS[1]), answer(&[], Some(KEYS[0]))),
            (None, None, answer(&[], Some("~"))),
        ] {
            let text = format!("{wrong:?}");
            assert_eq!(next(limit, after, wrong), Err(()), "{text}");
        }
        let mut other = answer(&KEYS, None);
        other.count = 2;
        assert_eq!(next(None, None, other), Err(()));
        let range = KeyRange::sessions();
        let query = RowQuery::rows("another room", &range, Consistency::Eventual);
        assert!(query.validate(answer(&KEYS, None)).is_err());
    }
}
