//! The columns of an export that are no fields of the API.

use past_rooms::Marks;
use past_rooms::table::schema::{BY_WEBHOOKS, EXPIRES};
use serde_json::Value;

use crate::files::Row;

/// The names of the column with the times that webhooks reported.
pub const BY_WEBHOOKS_NAMES: [&str; 2] = [BY_WEBHOOKS, "byWebhooks"];

/// Reads them; other files have none.
///
/// # Errors
/// A text that says which column is wrong and what was expected.
pub fn read(row: &Row) -> Result<Marks, String> {
    let expires = match row.get(EXPIRES) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(value) => {
            let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
            Some(number.ok_or_else(|| format!("{EXPIRES}: {value} is no time in UNIX seconds"))?)
        }
    };
    let by_webhooks = match BY_WEBHOOKS_NAMES.iter().find_map(|name| row.get(*name)) {
        None | Some(Value::Null) => Some(None),
        Some(value) => value.as_str().map(Some),
    };
    let marks = by_webhooks.and_then(|by_webhooks| Marks::new(expires, by_webhooks));
    marks.ok_or_else(|| format!("{BY_WEBHOOKS}: expected created, ended, or both with a space"))
}
