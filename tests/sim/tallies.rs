//! The expected tallies of a room, counted from its sessions.

use std::collections::BTreeMap;

use past_rooms::RowKey;
use serde_json::{Value, json};

/// Tally rows by sort key: counts above 0 by attribute.
pub type Tallies = BTreeMap<String, BTreeMap<String, u64>>;

/// The tallies that count these sessions of a room.
pub fn expected<'a>(sessions: impl IntoIterator<Item = &'a RowKey>) -> Tallies {
    let mut tallies = Tallies::new();
    for key in sessions {
        // 2026-11-22T10: months are written as they are, hours by their number in the month.
        let number = |digits: std::ops::Range<usize>| key.sort_key[digits].parse().ok();
        let (month, day, hour): (_, Option<u64>, Option<u64>) =
            (&key.sort_key[..7], number(8..10), number(11..13));
        let hour = (day.expect("a day") - 1) * 24 + hour.expect("an hour");
        let mut count = |row: String, attribute: String| {
            *tallies.entry(row).or_default().entry(attribute).or_default() += 1;
        };
        count("~".to_owned(), month.to_owned());
        count(format!("#{month}"), hour.to_string());
    }
    tallies
}

/// The tallies of a history table, which also counts by minute.
pub fn expected_of_history<'a>(sessions: impl IntoIterator<Item = &'a RowKey> + Clone) -> Tallies {
    let mut tallies = expected(sessions.clone());
    for key in sessions {
        let minute: u64 = key.sort_key[14..16].parse().expect("a minute");
        let minutes = tallies.entry(format!("#{}", &key.sort_key[..13])).or_default();
        *minutes.entry(minute.to_string()).or_default() += 1;
    }
    tallies
}

/// Returns the counts of a tally row.
pub fn read(row: &Value) -> BTreeMap<String, u64> {
    let attributes = row.as_object().expect("a row").iter();
    let counts = attributes.filter(|(name, _)| {
        !["room_id", "created_sid", "version", "incomplete"].contains(&name.as_str())
    });
    let counts = counts.map(|(name, count)| {
        let count = count["N"].as_str().and_then(|count| count.parse().ok());
        (name.clone(), count.unwrap_or_else(|| panic!("no count: {row}")))
    });
    counts.filter(|(_, count)| *count > 0).collect()
}

/// The rows of these tallies.
pub fn rows(room_id: &str, tallies: &Tallies) -> Vec<Value> {
    let rows = tallies.iter().map(|(sort_key, counts)| {
        let mut row = json!({"room_id": {"S": room_id}, "created_sid": {"S": sort_key}});
        if sort_key != "~" {
            row["version"] = json!({"N": "1"});
        }
        for (attribute, count) in counts {
            row[attribute] = json!({"N": count.to_string()});
        }
        row
    });
    rows.collect()
}
