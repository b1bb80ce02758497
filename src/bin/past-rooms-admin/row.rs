//! A row of a file, made a session.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use past_rooms::table::schema::EXPIRES;
use past_rooms::{Entry, Fields, Marks, PastRoom, Session};
use serde_json::{Number, Value};

use crate::columns::Column;
use crate::files::Row;
use crate::{marks, times};

/// Keys of rejects that are not corrected: the text of a row whose columns could not be read.
pub const NOT_CORRECTED: [&str; 2] = ["rejected_text", "rejected_escaped"];

/// Keys of exports and of files of rejects that are no columns of a session.
const OTHER_KEYS: [&str; 4] = [EXPIRES, "rejected_file", "rejected_line", "rejected_reason"];

/// Maximum number of ignored columns that an import names.
pub const NAMED_COLUMNS: usize = 50;

/// Maximum size of an item, with its attributes' names.
///
/// Source: Amazon DynamoDB Developer Guide, "Service, account, and table quotas", item size.
const MAX_ITEM_BYTES: usize = 400 * 1024;

/// A session to be imported, and the columns that its file has. A column that is not among them
/// says nothing of the session; one that is and is empty says that the session has no such value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedRow {
    pub session: Session,
    pub columns: BTreeSet<Column>,
    pub marks: Marks,
}

impl ImportedRow {
    /// Reads a row; datetimes without a zone are of `zone`.
    ///
    /// # Errors
    /// A text that says which column is wrong and what was expected.
    pub fn read(row: &Row, zone: &TimeZone) -> Result<Self, String> {
        if let Some(key) = NOT_CORRECTED.iter().find(|key| row.contains_key(**key)) {
            return Err(format!(
                "it is not corrected yet: write its columns as keys, and take out {key}"
            ));
        }
        let mut columns = BTreeSet::new();
        for column in Column::ALL {
            let names = column.names().iter().copied();
            match *names.filter(|name| row.contains_key(*name)).collect::<Vec<_>>() {
                [] => {}
                [_] => drop(columns.insert(column)),
                ref names => {
                    let names = names.join(" and ");
                    return Err(format!("it has both {names}, which are the same column"));
                }
            }
        }
        let created = time(row, Column::Created, zone)?.ok_or_else(|| no_created(row))?;
        let (room_id, room_sid) = (id(row, Column::RoomId)?, id(row, Column::RoomSid)?);
        let mut session = Session::new(room_id, room_sid, created);
        session.room_title = text(row, Column::RoomTitle)?;
        session.joined_participants = participants(row)?;
        session.webhook_url = text(row, Column::WebhookUrl)?;
        session.ended = time(row, Column::Ended, zone)?;
        session.analytics_file_id =
            Some(id(row, Column::AnalyticsFileId)?).filter(|id| !id.is_empty());
        session.key().map_err(|error| error.to_string())?;
        check_size(&session.to_past_room())?;
        Ok(ImportedRow { session, columns, marks: marks::read(row)? })
    }

    /// Returns the keys of a row that no import reads.
    pub fn ignored(row: &Row) -> impl Iterator<Item = &String> {
        row.keys().filter(|name| {
            let known = OTHER_KEYS.iter().chain(&marks::BY_WEBHOOKS_NAMES);
            !Column::is_known(name) && !known.into_iter().any(|known| known == name)
        })
    }

    /// Returns the entry to import.
    pub fn into_entry(self) -> Entry {
        let fields = self.columns.into_iter().filter_map(Column::field);
        let fields = fields.fold(Fields::default(), Fields::with);
        Entry { session: self.session, fields, marks: self.marks }
    }
}

/// A column's value under each of its names.
fn values(row: &Row, column: Column) -> impl Iterator<Item = &Value> {
    column.names().iter().filter_map(|name| row.get(*name))
}

/// A column's value as text; empty where it is absent or NULL.
fn text(row: &Row, column: Column) -> Result<String, String> {
    match values(row, column).next() {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(other) => Err(format!("{}: {other} is no text", column.name())),
    }
}

/// An id as text. A fraction or a number of 2^64 or more has lost its digits when it was read, and two
/// ids may have become one.
fn id(row: &Row, column: Column) -> Result<String, String> {
    match values(row, column).next() {
        Some(Value::Number(number)) if number.is_f64() => Err(format!(
            "{}: the number was read as {number} and has lost digits: quote it",
            column.name()
        )),
        _ => text(row, column),
    }
}

fn time(row: &Row, column: Column, zone: &TimeZone) -> Result<Option<Timestamp>, String> {
    times::parse(&text(row, column)?, zone).map_err(|error| format!("{}: {error}", column.name()))
}

/// Returns what is wrong with a `created` that is no known time.
fn no_created(row: &Row) -> String {
    match text(row, Column::Created) {
        Ok(text) if !text.trim().is_empty() => {
            format!("created: {text:?} means an unknown time, which is before 2000")
        }
        _ => "created is missing".to_owned(),
    }
}

/// A whole number in any spelling that JSON has for it.
fn participants(row: &Row) -> Result<u32, String> {
    let text = text(row, Column::JoinedParticipants)?;
    let number = match text.trim() {
        "" => return Ok(0),
        number => number.parse::<Number>().ok(),
    };
    let whole = number.and_then(|number| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0);
        number
            .as_u64()
            .or(float.filter(|float| (0.0..1e15).contains(float)).map(|float| float as u64))
    });
    whole.and_then(|whole| u32::try_from(whole).ok()).ok_or_else(|| {
        format!("joined_participants: {text:?} is no whole number from 0 to {}", u32::MAX)
    })
}

fn check_size(room: &PastRoom) -> Result<(), String> {
    let bytes = room.item_bytes();
    if bytes <= MAX_ITEM_BYTES {
        return Ok(());
    }
    let analytics_file_id = room.analytics_file_id.as_ref();
    let texts = [
        (Column::RoomTitle, room.room_title.len()),
        (Column::WebhookUrl, room.webhook_url.len()),
        (Column::AnalyticsFileId, analytics_file_id.map_or(0, String::len)),
    ];
    let longest = texts.into_iter().max_by_key(|(_, bytes)| *bytes);
    let longest = longest
        .map_or(String::new(), |(column, bytes)| format!("; {} alone has {bytes}", column.name()));
    Err(format!("it takes {bytes} bytes in the table, {MAX_ITEM_BYTES} are possible{longest}"))
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
