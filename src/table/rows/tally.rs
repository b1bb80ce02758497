//! Tallies: rows that count sessions, stored beside them and written in the same transaction as the
//! session that they count.
//!
//! | tally | sort key | counts |
//! | --- | --- | --- |
//! | room tally | `~` | one attribute for each month with sessions: `2026-11` → N |
//! | month tally | `#2026-11` | one for each hour, named by its number in the month: the 22nd at 10 h is `514` → N |
//! | hour tally, in the history table only | `#2026-11-22T10` | one for each minute: `7` → N |
//!
//! - The room tally and the month tallies also have `version`, which every writer raises. An import
//!   fails to put a session if another recorder has written to the room since the import looked for the
//!   session's id.
//! - Tallies are sums, so concurrent writers, late arrivals and back-fills all come out right. The
//!   attributes are at the top level, because DynamoDB's `ADD` creates a missing item or attribute.
//! - Why hours: a deep page reads the tallies, its own rows, and the rows between its start and the
//!   counted boundary before it. Days leave half a day to skip on average; hours leave little.
//! - Why numbers: with attribute names of at most three characters, a month with sessions in every hour
//!   stays below 4096 bytes, the minimum that a read is charged for.
//! - Why minutes: the history table has all rooms' sessions, so an hour of it may have thousands.
//! - `~` sorts above every session, so one descending query returns the tally and the newest sessions.
//!   `#…` sorts below them.
//!
//! A room tally with the attribute `incomplete` does not count every session yet: the room has
//! sessions of an external writer. Recorders add to it, so that the rest can be built beside them.
//! Readers count the sessions themselves until the attribute is gone.
//!
//! Reading is strict: a row with anything else than counts and the attributes above is an error.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::table::bucket::{Bucket, Counts, Level};
use crate::table::item::Item;
use crate::table::keys::{SessionKey, string_attribute};
use crate::table::schema::{PARTITION_KEY, SORT_KEY, TALLY_PREFIX};

/// Attribute of a room tally that does not count every session yet.
pub const INCOMPLETE: &str = "incomplete";
/// Attribute of an hour tally that counts sessions without a minute in their sort key. It is no minute's
/// number, so readers do not divide an hour with such sessions.
pub const WITHOUT_MINUTE: &str = "60";
/// Attribute of a tally that changes with every write of a recorder to it.
pub const VERSION: &str = "version";

/// The most sessions that a tally is believed to count. No table has that many; sums over all the
/// rooms of a request stay far from overflow, and the total is exact as a JSON number.
pub const MAX_SESSIONS: u64 = 1 << 53;

/// Returns the month or hour that a row is the tally of. `None`: it is another row.
pub fn bucket_of_tally(item: &Item) -> Option<Bucket> {
    let bucket = Bucket::parse(string_attribute(item, SORT_KEY)?.strip_prefix(TALLY_PREFIX)?)?;
    (bucket.level() < Level::Minute).then_some(bucket)
}

/// Returns the tallies that count a session, beside that of its room, each with its part that the session
/// is in. `None`: the session has no minute. `finest` is the finest level that the table counts.
pub(crate) fn counting(
    session: &SessionKey,
    finest: Level,
) -> impl Iterator<Item = (Bucket, Option<Bucket>)> + use<> {
    let hour = session.hour();
    let minutes = (finest == Level::Minute).then(|| (hour, session.bucket(Level::Minute)));
    [(session.month(), Some(hour))].into_iter().chain(minutes)
}

/// Returns the attribute that counts a bucket: a month's prefix, or the number of an hour or minute.
pub fn attribute(bucket: Bucket) -> String {
    match bucket.level() {
        Level::Month => bucket.prefix(),
        Level::Hour | Level::Minute => bucket.number().to_string(),
    }
}

/// Returns the month that an attribute of a room tally counts. `None`: it is no month.
pub fn month(attribute: &str) -> Option<Bucket> {
    Bucket::parse(attribute).filter(|bucket| bucket.level() == Level::Month)
}

/// Returns the part of `bucket` that an attribute of its tally counts. `None`: the attribute is not a
/// number, or too great.
fn part(bucket: Bucket, attribute: &str) -> Option<Bucket> {
    // A number has one spelling: no leading zero, no sign.
    let is_plain = attribute == "0" || !attribute.starts_with(['0', '+']);
    bucket.part(attribute.parse().ok().filter(|_| is_plain)?)
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
/// Why the row is not a valid tally.
pub fn read_room_tally(item: &Item) -> Result<RoomTally, String> {
    let months = read_counts(item, month)?;
    Ok(RoomTally { months, complete: !item.contains_key(INCOMPLETE) })
}

/// Reads the tally of a month or an hour: sessions by hour or by minute.
///
/// # Errors
/// Why the row is not a valid tally.
pub fn read_tally(bucket: Bucket, item: &Item) -> Result<Counts, String> {
    read_counts(item, |attribute| part(bucket, attribute))
}

/// Returns the counts above 0 of a tally row, each under the bucket that its attribute names.
fn read_counts(item: &Item, bucket_of: impl Fn(&str) -> Option<Bucket>) -> Result<Counts, String> {
    let mut counts = Counts::new();
    let mut sum = 0_u64;
    for (attribute, value) in item {
        if [PARTITION_KEY, SORT_KEY, INCOMPLETE, VERSION].contains(&attribute.as_str()) {
            continue;
        }
        let bucket = bucket_of(attribute)
            .ok_or_else(|| format!("attribute {attribute:?} does not name a part of time"))?;
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

    fn bucket(prefix: &str) -> Bucket {
        Bucket::parse(prefix).expect("a bucket")
    }

    #[test]
    fn count_attribute_has_one_spelling() {
        let (month, hour) = (bucket("2026-11"), bucket("2026-11-22T10"));
        assert_eq!((&*attribute(month), &*attribute(hour)), ("2026-11", "514"));
        assert_eq!(attribute(bucket("2026-11-22T10:07")), "7");
        assert_eq!(part(month, "514"), Some(hour));
        for attribute in ["744", "007", "+7", "-1", "", "\u{663}"] {
            assert_eq!(part(month, attribute), None, "{attribute}");
        }
        assert_eq!(part(hour, "59"), Some(bucket("2026-11-22T10:59")));
        assert_eq!(part(hour, "60"), None);
    }

    fn room_tally(counts: &[(&str, AttributeValue)]) -> Result<RoomTally, String> {
        let item: Item =
            counts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        read_room_tally(&item)
    }

    #[test]
    fn room_tally_with_other_values_is_rejected() {
        let month = bucket("2026-11");
        assert_eq!(room_tally(&[("2026-11", number(3))]).map(|tally| tally.months[&month]), Ok(3));
        assert_eq!(room_tally(&[("2026-11", number(0))]).map(|tally| tally.months.len()), Ok(0));
        assert!(room_tally(&[("2026-11", number(-1))]).is_err());
        assert!(room_tally(&[("2026-11", number("1.5"))]).is_err());
        assert!(room_tally(&[("2026-11", AttributeValue::S("3".to_owned()))]).is_err());
        assert!(room_tally(&[("2026-13", number(1))]).is_err());
        assert!(room_tally(&[("title", number(1))]).is_err());
    }

    #[test]
    fn tally_with_excessive_sum_is_rejected() {
        assert!(room_tally(&[("2026-11", number(MAX_SESSIONS))]).is_ok());
        assert!(room_tally(&[("2026-11", number(MAX_SESSIONS)), ("2026-12", number(1))]).is_err());
        let most = number(u64::MAX);
        assert!(room_tally(&[("2026-11", most.clone()), ("2026-12", most)]).is_err());
    }

    fn tally(prefix: &str, counts: &[(&str, AttributeValue)]) -> Result<Counts, String> {
        let item: Item =
            counts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        read_tally(bucket(prefix), &item)
    }

    #[test]
    fn tally_counts_parts_under_their_numbers() {
        let counts = [("0", number(2)), ("14", number(1)), ("7", number(0)), (VERSION, number(9))];
        let hours = Counts::from([(bucket("2026-11-01T00"), 2), (bucket("2026-11-01T14"), 1)]);
        assert_eq!(tally("2026-11", &counts), Ok(hours));
        let minutes =
            Counts::from([(bucket("2026-11-22T10:00"), 2), (bucket("2026-11-22T10:14"), 1)]);
        assert_eq!(tally("2026-11-22T10", &counts), Ok(minutes));
        assert!(tally("2026-11", &[("744", number(1))]).is_err());
        assert!(tally("2026-11-22T10", &[("60", number(1))]).is_err());
        assert!(tally("2026-11", &[("2026-11", number(1))]).is_err());
        let text = AttributeValue::S("x".to_owned());
        assert_eq!(tally("2026-11", &[(VERSION, text)]), Ok(Counts::new()));
    }

    #[test]
    fn sort_key_makes_a_row_a_tally() {
        let key = |sort_key: &str| crate::RowKey::new("room01", sort_key).into_item();
        assert_eq!(bucket_of_tally(&key("#2026-11")), Some(bucket("2026-11")));
        assert_eq!(bucket_of_tally(&key("#2026-11-22T10")), Some(bucket("2026-11-22T10")));
        for other in ["~", "#2026-13", "#2026-11-22T10:07", "2026-11"] {
            assert_eq!(bucket_of_tally(&key(other)), None, "{other}");
        }
        let mut room = key("~");
        assert_eq!(read_room_tally(&room).map(|tally| tally.complete), Ok(true));
        room.insert(INCOMPLETE.to_owned(), AttributeValue::Bool(true));
        assert_eq!(read_room_tally(&room).map(|tally| tally.complete), Ok(false));
        room.insert(VERSION.to_owned(), number(7));
        assert!(read_room_tally(&room).is_ok());
    }
}
