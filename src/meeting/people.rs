//! The people who joined a meeting: hashes in some rows of the table.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use sha2::{Digest, Sha256};

use super::store::set;
use crate::record::WriteError;
use crate::table::keys::{KeyRange, RowKey};
use crate::table::rows::meeting::{
    BUCKETS, PEOPLE, is_people_key, meeting_key, people_key, people_prefix,
};
use crate::table::rows::tally::number;
use crate::table::schema::EXPIRES;
use crate::table::{Consistency, RowQuery, Table, TableError, units};

/// Adds a person to those who joined.
///
/// The table keeps 8 bytes of a hash that differs between meetings. The probability that two of
/// 10 000 people have the same is 3 in 10^12.
pub(super) async fn add(
    table: &Table,
    (room_id, room_sid): (&str, &str),
    identity: &str,
    expires: i64,
) -> Result<(), WriteError> {
    let mut hash = Sha256::new();
    hash.update(room_sid);
    hash.update([0]);
    hash.update(identity);
    let hash = hash.finalize();
    let (person, _) = hash.split_at(8);
    let bucket = hash.last().copied().unwrap_or_default() % BUCKETS;
    let people = AttributeValue::Bs(vec![Blob::new(person)]);
    let request = table
        .client()
        .update_item()
        .table_name(table.name())
        .set_key(Some(people_key(room_id, room_sid, bucket).into_item()))
        .update_expression("SET #expires = :expires ADD #people :people")
        .expression_attribute_names("#expires", EXPIRES)
        .expression_attribute_names("#people", PEOPLE)
        .expression_attribute_values(":expires", number(expires))
        .expression_attribute_values(":people", people.clone())
        .return_consumed_capacity(ReturnConsumedCapacity::Total);
    let answer = request
        .send()
        .await
        .map_err(|error| TableError::new("UpdateItem", table.name(), &error))?;
    table.count_request(units(answer.consumed_capacity.as_slice()));
    Ok(())
}

/// Counts the different people who joined.
pub(super) async fn count(table: &Table, room_id: &str, room_sid: &str) -> Result<u32, TableError> {
    let range = KeyRange::with_prefix(&people_prefix(room_sid));
    let mut people = 0;
    table
        .walk(RowQuery::rows(room_id, &range, Consistency::Strong), |item| {
            if RowKey::of_item(&item).is_some_and(|key| is_people_key(&key, room_sid)) {
                let hashes = item.get(PEOPLE).and_then(|people| people.as_bs().ok());
                people +=
                    hashes.map_or(0, |hashes| u32::try_from(hashes.len()).unwrap_or(u32::MAX));
            }
        })
        .await?;
    Ok(people)
}

/// Keeps all rows of a meeting until the time `expires`. Those who joined early are not written
/// again while it goes on.
pub(super) async fn keep(
    table: &Table,
    room_id: &str,
    room_sid: &str,
    expires: i64,
) -> Result<(), TableError> {
    let mut keys = vec![meeting_key(room_id, room_sid)];
    let range = KeyRange::with_prefix(&people_prefix(room_sid));
    let query = RowQuery::keys(room_id, &range, Consistency::Strong);
    let of_meeting = |key: &RowKey| is_people_key(key, room_sid);
    table.walk(query, |item| keys.extend(RowKey::of_item(&item).filter(of_meeting))).await?;
    for key in keys {
        set(table, key, (EXPIRES, number(expires))).await?;
    }
    Ok(())
}
