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
    item
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
    fn key_of_a_session_keeps_its_order_and_leads_back() {
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
    fn bookkeeping_is_not_projected() {
        for sort_key in ["~", "#2026-11", "!timer#x", "2026", "9"] {
            assert_eq!(key(&RowKey::new("room01", sort_key)), None, "{sort_key}");
        }
    }
}
