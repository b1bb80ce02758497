//! Tallies: rows that count sessions, kept beside them and written in the same transaction as the session they count.
//!
//! - The **room tally**, sort key `~`: one attribute per month with sessions, `2026-11` → N.
//! - A **month tally**, sort key `#2026-11`: one attribute per hour with sessions, named by the hour of the month
//!   (UTC, counted from 0): the 22nd, 10 h is `514` → N. It also has `version`, which every writer raises.
//!
//! They are sums, so writers in any order, late arrivals and back-fills all come out right. The attributes are at the
//! top level, because DynamoDB's `ADD` makes the item and the attribute where they are missing.
//!
//! Why hours, and why by number: what a deep page reads is the tallies, its own rows, and the rows between the nearest
//! counted boundary and its start. Days leave up to half a day to skip; hours leave next to nothing. A month has at
//! most 744 hours; with names of at most three characters even a month with sessions in every hour stays below
//! 4096 bytes, the least that a read is charged for.
//!
//! `~` sorts above every session, so one descending query from the top of a partition brings the tally and the newest
//! sessions together; `#…` sorts below, out of the way.
//!
//! A room tally with the attribute `incomplete` is not to be trusted: the room has sessions of a writer that knew
//! nothing of tallies. Everybody who records adds to it all the same, so that building the rest can go on beside
//! them; readers count until the attribute is gone.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;
use super::schema::{PARTITION_KEY, SORT_KEY, after_prefix, text};

/// Sort key of a room's tally.
pub const ROOM_TALLY: &str = "~";
/// What a month tally's sort key starts with.
pub const MONTH_TALLY_PREFIX: &str = "#";
/// Attribute of a room tally that does not count every session yet.
pub const INCOMPLETE: &str = "incomplete";
/// Attribute of a month tally that changes with every write to it.
pub const VERSION: &str = "version";

/// Characters of a sort key that name its month: `2026-11`.
const MONTH_LENGTH: usize = 7;
/// Characters of a sort key that name its hour: `2026-11-22T10`.
const HOUR_LENGTH: usize = 13;

/// Sessions by bucket. A bucket is a prefix of sort keys, a month (`2026-11`) or an hour (`2026-11-22T10`); in byte
/// order, which is time order.
pub type Counts = BTreeMap<String, u64>;

/// A sort key's month, or as much of it as there is.
pub fn month_of(sort_key: &str) -> &str {
    prefix(sort_key, MONTH_LENGTH)
}

/// A sort key's hour, or as much of it as there is.
pub fn hour_of(sort_key: &str) -> &str {
    prefix(sort_key, HOUR_LENGTH)
}

/// The last key that can be in a bucket. (A foreign key too short to have a whole bucket is a bucket of its own.)
pub fn bucket_end(bucket: &str) -> String {
    match bucket.len() {
        MONTH_LENGTH | HOUR_LENGTH => after_prefix(bucket),
        _ => bucket.to_owned(),
    }
}

fn prefix(text: &str, length: usize) -> &str {
    match text.char_indices().nth(length) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// The sort key of a month's tally.
pub fn month_tally_key(month: &str) -> String {
    format!("{MONTH_TALLY_PREFIX}{month}")
}

/// The month that a row is the tally of. `None`: it is no month tally.
pub fn month_of_tally(item: &Item) -> Option<&str> {
    text(item, SORT_KEY)?.strip_prefix(MONTH_TALLY_PREFIX)
}

/// The attribute of the month tally that counts an hour: the hour of the month, counted from 0. `None`: not an hour
/// (`hour_of` of a key that no session of ours has).
pub fn hour_attribute(hour: &str) -> Option<String> {
    let day: u32 = hour
        .get(8..10)?
        .parse()
        .ok()
        .filter(|day| (1..=31).contains(day))?;
    let hour_of_day: u32 = hour.get(11..13)?.parse().ok().filter(|hour| *hour < 24)?;
    Some(((day - 1) * 24 + hour_of_day).to_string())
}

/// The hour that an attribute of the tally of `month` counts. `None`: the attribute is no hour.
fn hour_bucket(month: &str, attribute: &str) -> Option<String> {
    let hour: u32 = attribute.parse().ok().filter(|hour| *hour < 31 * 24)?;
    Some(format!("{month}-{:02}T{:02}", hour / 24 + 1, hour % 24))
}

/// A room tally, as read. `Err` says why the row cannot be one.
pub fn read_room_tally(item: &Item) -> Result<RoomTally, String> {
    let months = read_counts(item, |attribute| {
        (attribute.len() == MONTH_LENGTH).then(|| attribute.to_owned())
    })?;
    Ok(RoomTally {
        months,
        complete: !item.contains_key(INCOMPLETE),
    })
}

/// A room tally's content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomTally {
    pub months: Counts,
    /// Whether it counts every session of the room.
    pub complete: bool,
}

/// The hours of a month tally. `Err` says why the row cannot be one.
pub fn read_month_tally(month: &str, item: &Item) -> Result<Counts, String> {
    read_counts(item, |attribute| hour_bucket(month, attribute))
}

/// The counts above 0 of a tally row, under the bucket that `bucket_of` makes of the attribute.
fn read_counts(item: &Item, bucket_of: impl Fn(&str) -> Option<String>) -> Result<Counts, String> {
    let mut counts = Counts::new();
    for (attribute, value) in item {
        if [PARTITION_KEY, SORT_KEY, INCOMPLETE, VERSION].contains(&attribute.as_str()) {
            continue;
        }
        let bucket =
            bucket_of(attribute).ok_or_else(|| format!("attribute {attribute:?} is no bucket"))?;
        let count = match value {
            AttributeValue::N(number) => number.parse::<u64>().ok(),
            _ => None,
        };
        match count {
            Some(0) => {}
            Some(count) => {
                counts.insert(bucket, count);
            }
            None => return Err(format!("attribute {attribute:?} is no count: {value:?}")),
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_of_a_key() {
        let key = "2026-11-22T10:00:00.000Z#SID_x";
        assert_eq!(month_of(key), "2026-11");
        assert_eq!(hour_of(key), "2026-11-22T10");
        assert_eq!(hour_attribute(hour_of(key)).as_deref(), Some("514"));
        assert_eq!(
            hour_bucket("2026-11", "514").as_deref(),
            Some("2026-11-22T10")
        );
        assert_eq!(hour_of("1ü"), "1ü");
    }

    #[test]
    fn every_hour_of_a_month_has_its_own_attribute_and_comes_back() {
        for day in 1..=31 {
            for hour in 0..24 {
                let bucket = format!("2026-12-{day:02}T{hour:02}");
                let attribute = hour_attribute(&bucket).expect("an hour");
                assert_eq!(hour_bucket("2026-12", &attribute), Some(bucket));
                assert!(attribute.len() <= 3);
            }
        }
        assert_eq!(hour_bucket("2026-12", "744"), None);
        assert_eq!(hour_attribute("2026-12-32T00"), None);
        assert_eq!(hour_attribute("2026-12-01T24"), None);
    }

    #[test]
    fn a_negative_or_foreign_count_is_no_tally() {
        let tally = |value: AttributeValue| Item::from([("2026-11".to_owned(), value)]);
        let count = |number: &str| read_room_tally(&tally(AttributeValue::N(number.to_owned())));
        assert_eq!(count("3").map(|tally| tally.months["2026-11"]), Ok(3));
        assert_eq!(count("0").map(|tally| tally.months.len()), Ok(0));
        assert!(count("-1").is_err());
        assert!(read_room_tally(&tally(AttributeValue::S("3".to_owned()))).is_err());
    }
}
