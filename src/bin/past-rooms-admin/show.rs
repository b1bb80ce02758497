//! `past-rooms-admin show`.

use std::error::Error;
use std::fmt::Write;

use aws_sdk_dynamodb::types::AttributeValue;
use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use past_rooms::PastRooms;
use past_rooms::table::schema::{EXPIRES, SESSION_ATTRIBUTES};
use past_rooms::table::{Consistency, Item};
use serde_json::{Value, json};

use crate::stop::Stop;
use crate::work::{Summary, Work};
use crate::{Outcome, output, rooms};

/// Show the whole row of a session.
///
/// Finds it by the index by_sid, which lags behind the table by about a second.
#[derive(clap::Args)]
pub struct Arguments {
    /// room_sid of the session
    #[arg(long, value_name = "SID", value_parser = NonEmptyStringValueParser::new())]
    sid: String,

    /// Only if the session is in this room
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    room: Option<String>,
}

pub struct Show<'a> {
    past_rooms: &'a PastRooms,
    arguments: &'a Arguments,
    sessions: usize,
}

impl<'a> Show<'a> {
    pub fn new(past_rooms: &'a PastRooms, arguments: &'a Arguments) -> Self {
        Show { past_rooms, arguments, sessions: 0 }
    }
}

impl Work for Show<'_> {
    async fn run(&mut self, _: &Stop) -> Result<(), Box<dyn Error>> {
        let (table, room) = (self.past_rooms.table(), &self.arguments.room);
        let keys = table.keys_by_sid(&self.arguments.sid).await?.into_iter();
        let keys = keys.filter(|key| key.session_key().is_some());
        let keys = keys.filter(|key| room.as_ref().is_none_or(|room| *room == key.room_id));
        let rows = table.get_rows_by_key(keys, Consistency::Strong).await?;
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (_, row) in &rows {
            let fields: Value = serde_dynamo::from_item(row.clone())?;
            output::result("session", json!({ "row": fields }), text(row).trim_end());
            self.sessions += 1;
        }
        Ok(())
    }

    fn summary(&self) -> Summary {
        let text = match self.sessions {
            0 => no_such(&self.arguments.sid, self.arguments.room.as_deref()),
            1 => String::new(),
            number => format!(
                "{number} sessions have this room_sid. To delete a wrong one: past-rooms-admin delete --room ID \
                 --sort-key CREATED_SID"
            ),
        };
        let outcome = Outcome::of(false, self.sessions == 0);
        Summary { fields: json!({ "sessions": self.sessions }), text, outcome }
    }
}

fn no_such(room_sid: &str, room_id: Option<&str>) -> String {
    let place = room_id.map(|room_id| format!("{room_id}: ")).unwrap_or_default();
    format!("{place}{}", rooms::no_session(room_sid))
}

/// Returns a line for each attribute: this project's in the order of the schema, then the others.
fn text(row: &Item) -> String {
    let mut others: Vec<&str> = row.keys().map(String::as_str).collect();
    others.retain(|name| !SESSION_ATTRIBUTES.contains(name));
    others.sort_unstable();
    let mut text = String::new();
    for name in SESSION_ATTRIBUTES.into_iter().chain(others) {
        if let Some(value) = row.get(name) {
            let _ = writeln!(text, "{name}: {}", value_text(name, value));
        }
    }
    text
}

fn value_text(name: &str, value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) if text.contains(char::is_control) => format!("{text:?}"),
        AttributeValue::S(text) => text.clone(),
        AttributeValue::N(number) => {
            let time = number.parse().ok().filter(|_| name == EXPIRES);
            let time = time.and_then(|seconds| Timestamp::from_second(seconds).ok());
            time.map_or_else(|| number.clone(), |time| format!("{number} ({time})"))
        }
        other => {
            let json: Result<Value, _> = serde_dynamo::from_attribute_value(other.clone());
            json.map_or_else(|_| format!("{other:?}"), |json| json.to_string())
        }
    }
}
