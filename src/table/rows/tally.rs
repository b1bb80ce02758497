//! Tallies: rows that count sessions, kept beside them and written in the same transaction as the
//! session that they count.
//!
//! - The **room tally**, sort key `~`: one attribute per month with sessions, `2026-11` → N.
//!   It also has `version`, which every recorder raises: an import fails to put a session if another
//!   recorder has written to the room since the import looked for the session's id.
//! - A **month tally**, sort key `#2026-11`: one attribute per hour with sessions, named by the
//!   hour of the month (UTC, counted from 0): the 22nd at 10 h is `514` → N. It also has `version`,
//!   which every writer raises.
//!
//! They are sums, so writers in any order, late arrivals and back-fills all come out right. The
//! attributes are at the top level, because DynamoDB's `ADD` creates the item and the attribute
//! where they are missing.
//!
//! Why hours, and why by number: what a deep page reads is the tallies, its own rows, and the rows
//! between the counted boundary before it and its start. Days leave half a day to skip on average;
//! hours leave next to nothing. A month has at most 744 hours; with names of at most three
//! characters even a month with sessions in every hour stays below 4096 bytes, the least that a
//! read is charged for.
//!
//! `~` sorts above every session, so one descending query from the top of a partition brings the
//! tally and the newest sessions together; `#…` sorts below, out of the way.
//!
//! A room tally with the attribute `incomplete` does not count every session yet: the room has
//! sessions of a writer that knows nothing of tallies. Everybody who records adds to it all the
//! same, so that building the rest can go on beside them; readers count the sessions themselves
//! until the attribute is gone.
//!
//! Reading is strict: a row that says anything that a tally cannot say is no tally.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::table::bucket::{Bucket, Counts};
use crate::table::calendar;
use crate::table::item::Item;
use crate::table::keys::string_attribute;
use crate::table::schema::{MONTH_TALLY_PREFIX, PARTITION_KEY, SORT_KEY};

/// Attribute of a room tally that does not count every session yet.
pub const INCOMPLETE: &str = "incomplete";
/// Attribute of a tally that changes with every write of a recorder to it.
pub const VERSION: &str = "version";

/// The most sessions that a tally is believed to count. No table has that many; sums over all the
/// rooms of a request stay far from overflow, and the total is exact as a JSON number.
pub const MAX_SESSIONS: u64 = 1 << 53;

/// The month that a row is the tally of. `None`: it is no month tally.
pub fn month_of_tally(item: &Item) -> Option<&str> {
    string_attribute(item, SORT_KEY)?.strip_prefix(MONTH_TALLY_PREFIX)
}

/// The attribute of the month tally that counts an hour (`2026-11-22T10`): the hour of the month,
/// counted from 0. `None`: not an hour as a session's sort key begins with it.
pub fn hour_attribute(hour: &str) -> Option<String> {
    calendar::hour_of_month(hour).map(|hour| hour.to_string())
}

/// The hour that an attribute of the tally of `month` counts. `None`: the attribute is no hour.
fn hour_bucket(month: &str, attribute: &str) -> Option<Bucket> {
    // One spelling for each: no leading zero, no sign.
    let is_plain = attribute == "0" || !attribute.starts_with(['0', '+']);
    let hour: u32 = attribute.parse().ok().filter(|_| is_plain)?;
    calendar::hour(month, hour).map(Bucket::new)
}

/// A room tally's content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomTally {
    /// Sessions by month.
    pub months: Counts,
    /// Whether it counts every session of the room.
    pub complete: bool,
}

/// Reads a room tally.
///
/// # Errors
/// Why the row cannot be one.
pub fn read_room_tally(item: &Item) -> Result<RoomTally, String> {
    let months = read_counts(item, |attribute| {
        calendar::is_month(attribute).then(|| Bucket::new(attribute))
    })?;
    Ok(RoomTally { months, complete: !item.contains_key(INCOMPLETE) })
}

/// Reads the tally of `month`: sessions by hour.
///
/// # Errors
/// Why the row cannot be one.
pub fn read_month_tally(month: &str, item: &Item) -> Result<Counts, String> {
    if !calendar::is_month(month) {
        return Err(format!("{month:?} is not a month"));
    }
    read_counts(item, |attribute| hour_bucket(month, attribute))
}

/// The counts above 0 of a tally row, under the bucket that `bucket_of` makes of the attribute.
fn read_counts(item: &Item, bucket_of: impl Fn(&str) -> Option<Bucket>) -> Result<Counts, String> {
    let mut counts = Counts::new();
    let mut sum = 0_u64;
    for (attribute, value) in item {
        if [PARTITION_KEY, SORT_KEY, INCOMPLETE, VERSION].contains(&attribute.as_str()) {
            continue;
        }
        let bucket = bucket_of(attribute)
            .ok_or_else(|| format!("attribute {attribute:?} names no month or hour"))?;
        let number = value.as_n().ok().and_then(|number| number.parse::<u64>().ok());
        let count =
            number.ok_or_else(|| format!("attribute {attribute:?} is not a count: {value:?}"))?;
        sum = sum.saturating_add(count);
        if count > 0 {
            counts.insert(bucket, count);
        }
    }
    if sum > MAX_SESSIONS {
        return Err(format!("it counts more than {MAX_SESSIONS} sessions"));
    }
    Ok(counts)
}

/// A count as DynamoDB takes it.
pub(crate) fn number(count: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(count.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_has_one_spelling() {
        assert_eq!(hour_attribute("2026-11-22T10").as_deref(), Some("514"));
        assert_eq!(hour_bucket("2026-11", "514"), Some(Bucket::new("2026-11-22T10")));
        for attribute in ["744", "007", "+7", "-1", "", "٣"] {
            assert_eq!(hour_bucket("2026-12", attribute), None, "{attribute}");
        }
    }

    fn room_tally(counts: &[(&str, AttributeValue)]) -> Result<RoomTally, String> {
        let item: Item =
            counts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        read_room_tally(&item)
    }

    #[test]
    fn a_room_tally_says_only_what_one_can_say() {
        let month = Bucket::new("2026-11");
        assert_eq!(room_tally(&[("2026-11", number(3))]).map(|tally| tally.months[&month]), Ok(3));
        assert_eq!(room_tally(&[("2026-11", number(0))]).map(|tally| tally.months.len()), Ok(0));
        assert!(room_tally(&[("2026-11", number(-1))]).is_err());
        assert!(room_tally(&[("2026-11", number("1.5"))]).is_err());
        assert!(room_tally(&[("2026-11", AttributeValue::S("3".to_owned()))]).is_err());
        assert!(room_tally(&[("2026-13", number(1))]).is_err());
        assert!(room_tally(&[("title", number(1))]).is_err());
    }

    #[test]
    fn a_tally_whose_sum_is_beyond_reason_is_none() {
        assert!(room_tally(&[("2026-11", number(MAX_SESSIONS))]).is_ok());
        assert!(room_tally(&[("2026-11", number(MAX_SESSIONS)), ("2026-12", number(1))]).is_err());
        let most = number(u64::MAX);
        assert!(room_tally(&[("2026-11", most.clone()), ("2026-12", most)]).is_err());
    }

    fn month_tally(month: &str, counts: &[(&str, AttributeValue)]) -> Result<Counts, String> {
        let item: Item =
            counts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        read_month_tally(month, &item)
    }

    #[test]
    fn a_month_tally_counts_hours_under_their_numbers() {
        let counts = [("0", number(2)), ("514", number(1)), ("7", number(0)), (VERSION, number(9))];
        let expected =
            Counts::from([(Bucket::new("2026-11-01T00"), 2), (Bucket::new("2026-11-22T10"), 1)]);
        assert_eq!(month_tally("2026-11", &counts), Ok(expected));
        assert!(month_tally("2026-13", &[]).is_err());
        assert!(month_tally("2026-11", &[("744", number(1))]).is_err());
        assert!(month_tally("2026-11", &[("2026-11", number(1))]).is_err());
        let text = AttributeValue::S("x".to_owned());
        assert_eq!(month_tally("2026-11", &[(VERSION, text)]), Ok(Counts::new()));
    }

    #[test]
    fn a_row_is_a_tally_by_its_key() {
        let key = |sort_key: &str| crate::RowKey::new("room01", sort_key).into_item();
        assert_eq!(month_of_tally(&key("#2026-11")), Some("2026-11"));
        assert_eq!(month_of_tally(&key("~")), None);
        let mut room = key("~");
        assert_eq!(read_room_tally(&room).map(|tally| tally.complete), Ok(true));
        room.insert(INCOMPLETE.to_owned(), AttributeValue::Bool(true));
        assert_eq!(read_room_tally(&room).map(|tally| tally.complete), Ok(false));
        room.insert(VERSION.to_owned(), number(7));
        assert!(read_room_tally(&room).is_ok());
    }
}
