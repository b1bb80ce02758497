//! A session's row as it is read and written: what the API answers of it, and what this project
//! keeps beside that.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, UpdateBuilder};

use crate::table::Item;
use crate::table::keys::string_attribute;
use crate::table::rows::past_room::{PastRoom, SessionRow};
use crate::table::rows::retention::{self, Retention};
use crate::table::rows::session::Session;
use crate::table::rows::tally::number;
use crate::table::schema::{BY_WEBHOOKS, EXPIRES, PARTITION_KEY, SESSION_ATTRIBUTES};

/// Bytes of a value that a condition compares. Of a longer one it only asks whether there is one,
/// so that a transaction stays far below DynamoDB's 4 MB.
const MAX_COMPARED: usize = 1024;

/// The times of a session that webhooks have reported for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(crate) struct ReportedTimes {
    pub created: bool,
    pub ended: bool,
}

impl ReportedTimes {
    pub fn to_text(self) -> String {
        let words = [(self.created, "created"), (self.ended, "ended")];
        let words = words.iter().filter(|(is_certain, _)| *is_certain).map(|(_, word)| *word);
        words.collect::<Vec<_>>().join(" ")
    }

    pub fn of_text(text: &str) -> Self {
        let has = |word| text.split(' ').any(|there| there == word);
        ReportedTimes { created: has("created"), ended: has("ended") }
    }
}

/// The values to write for a session, beside its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub room: PastRoom,
    /// When it expires, in UNIX seconds. `None`: as before.
    pub expires: Option<i64>,
    /// The times that webhooks reported. `None`: as before.
    pub reported: Option<ReportedTimes>,
}

impl Row {
    /// The row of a session that is kept for so long.
    pub fn of_session(session: &Session, retention: Retention) -> Self {
        let room = session.to_past_room();
        Row { room, expires: retention.of_session(session), reported: None }
    }

    /// Its attributes but the primary key.
    pub fn attributes(&self) -> Result<Item, serde_dynamo::Error> {
        let mut attributes: Item = serde_dynamo::to_item(&self.room)?;
        attributes.remove(PARTITION_KEY);
        attributes.extend(self.expires.map(|time| (EXPIRES.to_owned(), number(time))));
        let reported = self.reported.map(|reported| AttributeValue::S(reported.to_text()));
        attributes.extend(reported.map(|reported| (BY_WEBHOOKS.to_owned(), reported)));
        Ok(attributes)
    }
}

/// An existing row.
#[derive(Debug)]
pub(crate) struct Stored {
    /// `None`: it cannot be read as a session.
    pub room: Option<PastRoom>,
    /// When it expires, in UNIX seconds. `None`: never.
    pub expires: Option<i64>,
    /// The times that webhooks reported. `None`: webhooks reported nothing.
    pub reported: Option<ReportedTimes>,
    /// Attributes of other writers.
    pub others: Item,
}

impl Stored {
    pub fn of_item(item: Item) -> Self {
        let is_ours = |name: &str| SESSION_ATTRIBUTES.contains(&name);
        let others = item.iter().filter(|(name, _)| !is_ours(name));
        let others = others.map(|(name, value)| (name.clone(), value.clone())).collect();
        let reported = string_attribute(&item, BY_WEBHOOKS).map(ReportedTimes::of_text);
        let expires = retention::expires(&item);
        let room = SessionRow::from_item(item).and_then(|row| row.into_past_room().ok());
        Stored { room, expires, reported, others }
    }

    /// Whether writing `row` would change nothing.
    pub fn is(&self, row: &Row) -> bool {
        self.room.as_ref() == Some(&row.room)
            && (row.expires.is_none() || self.expires == row.expires)
            && (row.reported.is_none() || self.reported == row.reported)
    }

    /// The condition that the row is still as it was read, as far as recorders change it.
    fn unchanged(&self) -> Condition {
        let mut condition = Condition::default();
        condition.texts.push("attribute_exists(#room)".to_owned());
        condition.names.push(("#room".to_owned(), PARTITION_KEY));
        let Some(room) = &self.room else {
            return condition;
        };
        let analytics = room.analytics_file_id.as_deref().unwrap_or_default();
        let reported = self.reported.map(ReportedTimes::to_text);
        condition.is_text("room_title", &room.room_title);
        condition.is_text("webhook_url", &room.webhook_url);
        condition.is_text("ended", &room.ended);
        condition.is_text("analytics_file_id", analytics);
        let participants = number(room.joined_participants);
        condition.is("joined_participants", participants, room.joined_participants == 0);
        match reported {
            Some(reported) => condition.is(BY_WEBHOOKS, AttributeValue::S(reported), false),
            None => condition.is_text(BY_WEBHOOKS, ""),
        }
        condition
    }
}

/// A condition in the making.
#[derive(Default)]
struct Condition {
    texts: Vec<String>,
    names: Vec<(String, &'static str)>,
    values: Vec<(String, AttributeValue)>,
}

impl Condition {
    fn is_text(&mut self, name: &'static str, value: &str) {
        if value.len() > MAX_COMPARED {
            let index = self.names.len();
            self.texts.push(format!("attribute_exists(#u{index})"));
            self.names.push((format!("#u{index}"), name));
        } else {
            self.is(name, AttributeValue::S(value.to_owned()), value.is_empty());
        }
    }

    /// An attribute that reads as nothing may also be missing, or NULL.
    fn is(&mut self, name: &'static str, value: AttributeValue, is_nothing: bool) {
        let index = self.names.len();
        let equal = format!("#u{index} = :u{index}");
        self.texts.push(if is_nothing {
            self.values.push((format!(":n{index}"), AttributeValue::S("NULL".to_owned())));
            let missing = format!("attribute_not_exists(#u{index})");
            format!("({equal} OR {missing} OR attribute_type(#u{index}, :n{index}))")
        } else {
            equal
        });
        self.names.push((format!("#u{index}"), name));
        self.values.push((format!(":u{index}"), value));
    }
}

/// An update of a row, on condition that it is still as it was read.
pub(crate) fn update_unchanged(mut update: UpdateBuilder, stored: &Stored) -> UpdateBuilder {
    let condition = stored.unchanged();
    for (name, attribute) in condition.names {
        update = update.expression_attribute_names(name, attribute);
    }
    for (name, value) in condition.values {
        update = update.expression_attribute_values(name, value);
    }
    update.condition_expression(condition.texts.join(" AND "))
}

/// A deletion of a row, on condition that it is still as it was read.
pub(crate) fn delete_unchanged(mut delete: DeleteBuilder, stored: &Stored) -> DeleteBuilder {
    let condition = stored.unchanged();
    for (name, attribute) in condition.names {
        delete = delete.expression_attribute_names(name, attribute);
    }
    for (name, value) in condition.values {
        delete = delete.expression_attribute_values(name, value);
    }
    delete.condition_expression(condition.texts.join(" AND "))
}
