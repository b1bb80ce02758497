//! A row of the [history table](crate::table::history), and the session that it projects.

use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest, Sha256};

use crate::table::Item;
use crate::table::history::{ALL_ROOMS, HISTORY_ROOM, HISTORY_SORT_KEY};
use crate::table::keys::{RowKey, string_attribute};
use crate::table::schema::{
    BY_WEBHOOKS, COUNTED, EXPIRES, MAX_SORT_KEY_BYTES, PARTITION_KEY, SESSION_ATTRIBUTES, SORT_KEY,
};

/// Attributes that a projection does not copy: the keys, and what only writers of the table need.
const NOT_COPIED: [&str; 5] = [PARTITION_KEY, SORT_KEY, COUNTED, EXPIRES, BY_WEBHOOKS];
/// Bytes of `#` and the hash behind a sort key.
const HASH_BYTES: usize = 17;
/// Maximum bytes of a row.
///
/// Source: Amazon DynamoDB Developer Guide, "Constraints: Items".
const MAX_ROW_BYTES: usize = 400 * 1024;
/// Maximum bytes of a number.
const NUMBER_BYTES: usize = 21;

/// Returns the key in the history table of the session at `key`. `None`: the row is not a session.
///
/// It is the session's sort key with a hash, since sessions of two rooms may share the sort key. The
/// hash covers the whole key, so a key that is too long can be cut.
pub fn key(key: &RowKey) -> Option<RowKey> {
    let session = key.session_key()?;
    let sort_key = session.as_str();
    let end = (0..=MAX_SORT_KEY_BYTES - HASH_BYTES)
        .rev()
        .find(|end| *end <= sort_key.len() && sort_key.is_char_boundary(*end))?;
    let mut hash = Sha256::new();
    hash.update((key.room_id.len() as u64).to_be_bytes());
    hash.update(&key.room_id);
    hash.update(sort_key);
    let hash: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Some(RowKey::new(ALL_ROOMS, format!("{}#{hash}", sort_key.get(..end)?)))
}

/// Returns the row of the history table that projects `row`, the session at `key`.
pub fn row(own_key: &RowKey, key: &RowKey, row: &Item) -> Item {
    let mut item = own_key.clone().into_item();
    let copied = SESSION_ATTRIBUTES.iter().filter(|name| !NOT_COPIED.contains(name));
    let copied = copied.filter_map(|name| Some((*name, row.get(*name)?)));
    item.extend(copied.map(|(name, value)| (name.to_owned(), value.clone())));
    item.insert(HISTORY_ROOM.to_owned(), AttributeValue::S(key.room_id.clone()));
    if !own_key.sort_key.starts_with(&*key.sort_key) {
        let sort_key = AttributeValue::S(key.sort_key.clone());
        item.insert(HISTORY_SORT_KEY.to_owned(), sort_key);
    }
    fit(&mut item);
    item
}

/// Shortens the longest attribute of a row that is too large: the row has more keys than its session. A
/// text is cut. Another value of that size is invalid, and null instead of it is as invalid.
fn fit(item: &mut Item) {
    let excess = size(item).saturating_sub(MAX_ROW_BYTES);
    match item.values_mut().max_by_key(|value| value_bytes(value)) {
        Some(AttributeValue::S(text)) if excess > 0 => {
            text.truncate(text.floor_char_boundary(text.len().saturating_sub(excess)));
        }
        Some(value) if excess > 0 => *value = AttributeValue::Null(true),
        _ => {}
    }
}

/// Returns at least the size of a row in DynamoDB.
///
/// Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats".
pub fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(_) => NUMBER_BYTES,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::Ns(numbers) => numbers.len() * NUMBER_BYTES,
        AttributeValue::Bs(all) => all.iter().map(|bytes| bytes.as_ref().len()).sum(),
        AttributeValue::L(values) => {
            3 + values.iter().map(|one| 1 + value_bytes(one)).sum::<usize>()
        }
        AttributeValue::M(fields) => 3 + fields.len() + size(fields),
        _ => 1,
    }
}

/// Returns the key of the session that a row of the history table projects. `None`: it is another
/// kind of row.
pub fn source(row: &Item) -> Option<RowKey> {
    let own_key = RowKey::of_item(row)?;
    let room_id = string_attribute(row, HISTORY_ROOM)?;
    let end = own_key.sort_key.len().checked_sub(HASH_BYTES)?;
    let sort_key = match string_attribute(row, HISTORY_SORT_KEY) {
        Some(sort_key) => sort_key,
        None => own_key.sort_key.get(..end)?,
    };
    Some(RowKey::new(room_id, sort_key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(room_id: &str, sort_key: &str) -> RowKey {
        let session = RowKey::new(room_id, sort_key);
        let own_key = key(&session).expect("a session");
        let row = row(&own_key, &session, &session.clone().into_item());
        assert_eq!(source(&row), Some(session));
        assert!(own_key.sort_key.len() <= MAX_SORT_KEY_BYTES, "{}", own_key.sort_key.len());
        own_key
    }

    #[test]
    fn projected_key_keeps_order_and_session() {
        let earlier = round_trip("room01", "2026-11-22T10:00:00.000Z#SID_x");
        let later = round_trip("room01", "2026-11-22T10:00:00.001Z#SID_a");
        assert!(earlier < later);
        assert_eq!(earlier.room_id, ALL_ROOMS);
    }

    #[test]
    fn rooms_that_share_a_sort_key_have_two_keys() {
        let sort_key = "2026-11-22T10:00:00.000Z#x";
        assert_ne!(round_trip("a", sort_key), round_trip("b", sort_key));
    }

    #[test]
    fn long_keys_are_cut_and_stay_different() {
        let long = |end: &str| {
            let text = "\u{fc}".repeat(497);
            round_trip("room01", &format!("2026-11-22T10:00:00.000Z#{text}{end}"))
        };
        assert_ne!(long("abc"), long("abd"));
    }

    #[test]
    fn longest_attribute_of_a_too_large_row_is_cut() {
        let key_of_session = RowKey::new("room01", "2026-11-22T10:00:00.000Z#x");
        let own_key = key(&key_of_session).expect("a session");
        let projected = |name: &str, value: AttributeValue| {
            let mut session = key_of_session.clone().into_item();
            session.insert("webhook_url".to_owned(), AttributeValue::S("https://a".to_owned()));
            session.insert(name.to_owned(), value);
            row(&own_key, &key_of_session, &session)
        };
        for bytes in [409_400, 409_500, 409_600] {
            let title = "\u{fc}".repeat(bytes / 2);
            let row = projected("room_title", AttributeValue::S(title.clone()));
            let cut = string_attribute(&row, "room_title").expect("a title");
            assert!(title.starts_with(cut));
            assert!((MAX_ROW_BYTES - 1..=MAX_ROW_BYTES).contains(&size(&row)) || cut == title);
            assert_eq!(string_attribute(&row, "webhook_url"), Some("https://a"));
        }
        let texts = vec![AttributeValue::S("x".repeat(1000)); 410];
        let row = projected("ended", AttributeValue::L(texts));
        assert!(row["ended"].is_null());
    }

    #[test]
    fn bookkeeping_is_not_projected() {
        for sort_key in ["~", "#2026-11", "!timer#x", "2026", "9"] {
            assert_eq!(key(&RowKey::new("room01", sort_key)), None, "{sort_key}");
        }
    }
}
