//! A row of the table, made a line of an export.

use past_rooms::table::rows::past_room::SessionRow;
use past_rooms::table::rows::retention;
use past_rooms::table::schema::{BY_WEBHOOKS, EXPIRES, SESSION_ATTRIBUTES};
use past_rooms::table::{Item, RowKind, keys};
use past_rooms::{Marks, RowKey};

use crate::files::Row;
use crate::row::ImportedRow;

/// The outcome for a row.
#[derive(Debug)]
pub enum Exported {
    Session(ExportedSession),
    /// A row among the sessions that an import could not take, and why.
    Unfit(String),
    /// Another row of this project's.
    Bookkeeping(RowKind),
    /// Another row of another program.
    Foreign,
}

/// A session as `import` takes it.
#[derive(Debug)]
pub struct ExportedSession {
    pub text: String,
    /// It is imported with times or a key in this project's form, which it does not have now.
    pub is_rewritten: bool,
    /// Attributes of others, which are left out.
    pub others: Vec<String>,
}

impl Exported {
    pub fn of(key: &RowKey, item: Item) -> Self {
        match RowKind::of(key) {
            RowKind::Session => match line(key, item) {
                Ok(line) => Exported::Session(line),
                Err(reason) => Exported::Unfit(reason),
            },
            RowKind::Other => Exported::Foreign,
            kind => Exported::Bookkeeping(kind),
        }
    }
}

fn line(key: &RowKey, item: Item) -> Result<ExportedSession, String> {
    let expires = retention::expires(&item);
    let by_webhooks = keys::string_attribute(&item, BY_WEBHOOKS);
    let by_webhooks =
        by_webhooks.filter(|text| Marks::new(None, Some(text)).is_some()).map(str::to_owned);
    let is_left_out = |name: &str| match name {
        EXPIRES => expires.is_none(),
        BY_WEBHOOKS => by_webhooks.is_none(),
        name => !SESSION_ATTRIBUTES.contains(&name),
    };
    let mut others: Vec<String> = item.keys().filter(|name| is_left_out(name)).cloned().collect();
    others.sort_unstable();
    let row = SessionRow::from_item(item).ok_or("it has no sort key of a session")?;
    let room = row.into_past_room().map_err(|malformed| malformed.reason)?;
    let mut columns = Row::new();
    let mut put = |name: &str, value| drop(columns.insert(name.to_owned(), value));
    put("room_id", room.room_id.clone().into());
    put("room_sid", room.room_sid.clone().into());
    put("room_title", room.room_title.clone().into());
    put("joined_participants", room.joined_participants.into());
    put("webhook_url", room.webhook_url.clone().into());
    put("created", room.created.clone().into());
    put("ended", room.ended.clone().into());
    put("analytics_file_id", room.analytics_file_id.clone().into());
    expires.into_iter().for_each(|expires| put(EXPIRES, expires.into()));
    by_webhooks.into_iter().for_each(|text| put(BY_WEBHOOKS, text.into()));
    // The row that an import will write.
    let imported = ImportedRow::read(&columns, &jiff::tz::TimeZone::UTC)?.session;
    let as_it_is = imported.to_past_room();
    let is_rewritten = imported.key().as_ref() != Ok(key) || !past_room_is(&as_it_is, &room);
    Ok(ExportedSession {
        text: serde_json::Value::Object(columns).to_string(),
        is_rewritten,
        others,
    })
}

/// Returns whether two rooms are the same. An empty analytics file is the same as a missing one.
fn past_room_is(one: &past_rooms::PastRoom, other: &past_rooms::PastRoom) -> bool {
    let mut other = other.clone();
    other.analytics_file_id = other.analytics_file_id.filter(|id| !id.is_empty());
    *one == other
}
