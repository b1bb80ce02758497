//! `Query` of the index `by_sid`: where a session is, by its id alone.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::RequestId;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use crate::table::item::Item;
use crate::table::keys::{RowKey, string_attribute};
use crate::table::requests::answer::{InvalidAnswer, ensure, present, units};
use crate::table::requests::client::Table;
use crate::table::requests::error::TableError;
use crate::table::schema::{BY_SID, ROOM_SID};

const OPERATION: &str = "Query";

impl Table {
    /// Returns the keys of the rows with this `room_sid`, of all rooms. A media server gives an id once,
    /// so at most one row has it, unless other writers stored it again.
    ///
    /// An index can only be read eventually consistent: it may lag behind the table by about a
    /// second.
    ///
    /// # Errors
    /// [`TableError`] if DynamoDB fails, answers with what was not asked for, or if the table has
    /// no such index.
    pub async fn keys_by_sid(&self, room_sid: &str) -> Result<BTreeSet<RowKey>, TableError> {
        let mut keys = BTreeSet::new();
        let mut start = None;
        loop {
            let request = self
                .client
                .query()
                .table_name(&*self.name)
                .index_name(BY_SID)
                .key_condition_expression("#sid = :sid")
                .expression_attribute_names("#sid", ROOM_SID)
                .expression_attribute_values(":sid", AttributeValue::S(room_sid.to_owned()))
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer = self
                .send(request.send())
                .await
                .map_err(|error| TableError::new(OPERATION, &self.name, &error))?;
            let request_id = answer.request_id().map(str::to_owned);
            let (next, units) = validate(room_sid, &mut keys, answer)
                .map_err(|invalid| invalid.of(OPERATION, request_id.as_deref()))?;
            self.count_request(units);
            if next.is_none() {
                return Ok(keys);
            }
            start = next;
        }
    }
}

/// Holds an answer against what was asked for, and adds its keys to those of the answers before it.
/// Returns where to continue, and the units consumed.
fn validate(
    room_sid: &str,
    keys: &mut BTreeSet<RowKey>,
    answer: QueryOutput,
) -> Result<(Option<Item>, f64), InvalidAnswer> {
    let units = units(answer.consumed_capacity.as_slice());
    let items = present(answer.items, "Items")?;
    ensure(usize::try_from(answer.count) == Ok(items.len()), || {
        format!("Count is {}, but it has {} rows", answer.count, items.len())
    })?;
    let mut last = None;
    for item in &items {
        let key = entry(room_sid, item)?;
        ensure(keys.insert(key.clone()), || format!("the row {key} is there twice"))?;
        last = Some(key);
    }
    if let Some(next) = &answer.last_evaluated_key {
        let next = entry(room_sid, next)?;
        ensure(last.as_ref() == Some(&next), || {
            format!("LastEvaluatedKey is {next}, but the last row is {last:?}")
        })?;
    }
    Ok((answer.last_evaluated_key, units))
}

/// The row that an entry of the index is about.
fn entry(room_sid: &str, item: &Item) -> Result<RowKey, InvalidAnswer> {
    let found = string_attribute(item, ROOM_SID);
    ensure(found == Some(room_sid), || format!("a row has the {ROOM_SID} {found:?}"))?;
    present(RowKey::of_item(item), "a row's key")
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::operation::query::builders::QueryOutputBuilder;
    use aws_sdk_dynamodb::types::ConsumedCapacity;

    use super::*;

    fn item(room_id: &str, room_sid: &str) -> Item {
        let mut item = RowKey::new(room_id, format!("2026#{room_sid}")).into_item();
        item.insert(ROOM_SID.to_owned(), AttributeValue::S(room_sid.to_owned()));
        item
    }

    /// An answer with these rows.
    fn answer(items: Vec<Item>) -> QueryOutputBuilder {
        let capacity = ConsumedCapacity::builder().capacity_units(0.5).build();
        let count = items.len() as i32;
        QueryOutput::builder().consumed_capacity(capacity).count(count).set_items(Some(items))
    }

    fn is_valid(answer: QueryOutputBuilder) -> bool {
        let mut keys = BTreeSet::from([RowKey::new("before", "2026#x")]);
        validate("x", &mut keys, answer.build()).is_ok()
    }

    #[test]
    fn answer_with_rows_of_the_sid_is_accepted() {
        assert!(is_valid(answer(vec![])));
        assert!(is_valid(answer(vec![item("a", "x"), item("b", "x")])));
        let more = answer(vec![item("b", "x"), item("a", "x")]);
        assert!(is_valid(more.set_last_evaluated_key(Some(item("a", "x")))));
    }

    #[test]
    fn invalid_answer_is_an_error() {
        let rows = || answer(vec![item("a", "x"), item("b", "x")]);
        let next = |answer: QueryOutputBuilder, key| answer.set_last_evaluated_key(Some(key));
        let mut no_key = item("a", "x");
        no_key.remove("created_sid");
        for (problem, answer) in [
            ("no rows", rows().set_items(None)),
            ("another count", rows().count(3)),
            ("another sid", answer(vec![item("a", "y")])),
            ("no key", answer(vec![no_key])),
            ("a row twice", answer(vec![item("a", "x"), item("a", "x")])),
            ("a row that was there before", answer(vec![item("before", "x")])),
            ("an end that is not the last row", next(rows(), item("a", "x"))),
            ("an end of another sid", next(rows(), item("b", "y"))),
            ("an end without rows", next(answer(vec![]), item("a", "x"))),
        ] {
            assert!(!is_valid(answer), "{problem}");
        }
    }
}
