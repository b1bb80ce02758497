//! The body of a request, read by protobuf's JSON mapping, which plugNmeet accepts and its SDKs send.
//!
//! - Both spellings of each name: `room_ids` and `roomIds`, `order_by` and `orderBy`, `room_sid`
//!   and `roomSid`.
//! - An absent field, `null` and the zero value mean the default.
//! - Numbers come as integers, as integral floats (`20.0`, `2e1`) or as decimal strings (`"20"`).
//! - Unknown fields are ignored; a field given twice, in either spelling, is an error.
//!
//! Source: Protocol Buffers documentation, "ProtoJSON Format".

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

use crate::lambda::config::Dialect;
use crate::page::{Order, PageQuery};
use crate::table::schema::MAX_PARTITION_KEY_BYTES;

/// Maximum bytes of a body: 256 KiB.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// Maximum different rooms in one request.
pub const MAX_ROOMS: usize = 1000;
/// Maximum sessions on a page: a higher `limit` is cut to it, as plugNmeet does.
pub const MAX_LIMIT: usize = 100;
/// The highest `from` and `limit`: they are `uint32` in plugNmeet's protocol.
pub const MAX_NUMBER: u64 = u32::MAX as u64;

/// The beginning of the error for a number that no double can hold, before the field's name.
const OUT_OF_RANGE: &str = "number out of range in `";

/// An invalid body: names the field and says what to send instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// Not JSON, or not an object; with the parser's words.
    #[error("the body must be a JSON object such as {{\"room_ids\":[\"room01\"]}}: {0}")]
    NotAnObject(String),
    /// A field appears more than once, in one spelling or in both.
    #[error("{0} is given twice: send it once, in one spelling")]
    Duplicate(String),
    /// There are no room ids.
    #[error(
        "room_ids is missing: send an array with at least one room id, or deploy with \
         WholeHistory=on to list all rooms"
    )]
    MissingRooms,
    /// The room ids are something else.
    #[error("room_ids must be an array of strings, for example [\"room01\"]")]
    NotRooms,
    /// A room id is empty.
    #[error(
        "room_ids contains an empty string: every room id has 1 to {MAX_PARTITION_KEY_BYTES} bytes"
    )]
    EmptyRoom,
    /// A room id is too long; with its bytes.
    #[error(
        "room_ids contains an id of {0} bytes: every room id has 1 to {MAX_PARTITION_KEY_BYTES} \
         bytes"
    )]
    LongRoom(usize),
    /// There are too many rooms; with their number.
    #[error("room_ids contains {0} different ids: send at most {MAX_ROOMS} in one request")]
    TooManyRooms(usize),
    /// A number is something else, or out of bounds.
    #[error("{0} must be a whole number from 0 to {MAX_NUMBER}")]
    NotANumber(Field),
    /// The session's id is something else, or too long.
    #[error("room_sid must be a string of at most {MAX_PARTITION_KEY_BYTES} bytes")]
    NotASid,
    /// The order is something else.
    #[error("order_by must be \"DESC\" or \"ASC\"")]
    NotAnOrder,
}

impl From<serde_json::Error> for InvalidRequest {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        // serde has no other way to tell which field it was.
        let duplicate =
            text.strip_prefix("duplicate field `").and_then(|rest| rest.split_once('`'));
        let out_of_range = text.strip_prefix(OUT_OF_RANGE).and_then(|rest| rest.split_once('`'));
        if let Some((field, _)) = out_of_range {
            let is_from = field == Field::From.to_string();
            return InvalidRequest::NotANumber(if is_from { Field::From } else { Field::Limit });
        }
        match duplicate {
            Some((field, _)) => InvalidRequest::Duplicate(field.to_owned()),
            None => InvalidRequest::NotAnObject(text),
        }
    }
}

/// A field of the request, by the name that its documentation gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// `from`.
    From,
    /// `limit`.
    Limit,
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Field::From => "from",
            Field::Limit => "limit",
        })
    }
}

/// The known fields of a body, of any type; `Null` if absent.
#[derive(Default, serde::Deserialize)]
#[serde(default, expecting = "an object")]
struct Fields {
    #[serde(alias = "roomIds")]
    room_ids: Value,
    #[serde(deserialize_with = "from")]
    from: Value,
    #[serde(deserialize_with = "limit")]
    limit: Value,
    #[serde(alias = "orderBy")]
    order_by: Value,
    #[serde(alias = "roomSid")]
    room_sid: Value,
}

fn from<'de, D: Deserializer<'de>>(value: D) -> Result<Value, D::Error> {
    in_range(Field::From, value)
}

fn limit<'de, D: Deserializer<'de>>(value: D) -> Result<Value, D::Error> {
    in_range(Field::Limit, value)
}

/// A value. The parser refuses numbers beyond a double without naming the field.
fn in_range<'de, D: Deserializer<'de>>(field: Field, value: D) -> Result<Value, D::Error> {
    Value::deserialize(value).map_err(|error| {
        if error.to_string().starts_with("number out of range") {
            D::Error::custom(format!("{OUT_OF_RANGE}{field}`"))
        } else {
            error
        }
    })
}

/// A body as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchPastRooms {
    /// The requested page.
    pub query: PageQuery,
    /// The order as the answer has it.
    pub order_by: String,
}

/// Reads a body.
///
/// # Errors
/// [`InvalidRequest`] with the first thing that is wrong.
pub fn parse(dialect: Dialect, body: &[u8]) -> Result<FetchPastRooms, InvalidRequest> {
    // serde would take an array for the fields in their order.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(InvalidRequest::NotAnObject("it is an array".to_owned()));
    }
    let fields: Fields = serde_json::from_slice(body)?;
    let mut query = PageQuery::new(room_ids(fields.room_ids)?);
    if query.room_ids.len() > MAX_ROOMS {
        return Err(InvalidRequest::TooManyRooms(query.room_ids.len()));
    }
    if let Some(from) = number(Field::From, &fields.from)? {
        query.from = from;
    }
    if let Some(limit) = number(Field::Limit, &fields.limit)? {
        query.limit = limit.min(MAX_LIMIT as u64) as usize;
    }
    let room_sid = string(&fields.room_sid)
        .filter(|room_sid| room_sid.len() <= MAX_PARTITION_KEY_BYTES)
        .ok_or(InvalidRequest::NotASid)?;
    query.room_sid = Some(room_sid).filter(|room_sid| !room_sid.is_empty()).map(str::to_owned);
    let order_by = string(&fields.order_by).ok_or(InvalidRequest::NotAnOrder)?;
    query.order = if order_by.is_empty() {
        Order::default()
    } else {
        dialect.order(order_by).ok_or(InvalidRequest::NotAnOrder)?
    };
    let order_by = dialect.echoed_order(order_by, query.order);
    Ok(FetchPastRooms { query, order_by })
}

/// Returns the room ids in the order of the request. None: all rooms.
fn room_ids(value: Value) -> Result<Vec<String>, InvalidRequest> {
    let values = match value {
        Value::Null => return Ok(vec![]),
        Value::Array(values) => values,
        _ => return Err(InvalidRequest::NotRooms),
    };
    let room_id = |value| match value {
        Value::String(room_id) if room_id.is_empty() => Err(InvalidRequest::EmptyRoom),
        Value::String(room_id) if room_id.len() > MAX_PARTITION_KEY_BYTES => {
            Err(InvalidRequest::LongRoom(room_id.len()))
        }
        Value::String(room_id) => Ok(room_id),
        _ => Err(InvalidRequest::NotRooms),
    };
    values.into_iter().map(room_id).collect()
}

/// A number above 0; `None` for the default.
fn number(field: Field, value: &Value) -> Result<Option<u64>, InvalidRequest> {
    let number = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => Some(number.clone()),
        // A string holds a number as JSON writes it.
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let number = number.ok_or(InvalidRequest::NotANumber(field))?;
    let integral = || number.as_f64().filter(|float| float.fract() == 0.0).map(float_to_whole);
    let whole = number
        .as_u64()
        .or_else(integral)
        .filter(|whole| *whole <= MAX_NUMBER)
        .ok_or(InvalidRequest::NotANumber(field))?;
    Ok(Some(whole).filter(|whole| *whole > 0))
}

/// An integral float; what is below 0 or far above becomes a number out of bounds.
fn float_to_whole(float: f64) -> u64 {
    if float < 0.0 { u64::MAX } else { float as u64 }
}

/// A string, empty for the default. `None`: it is something else.
fn string(value: &Value) -> Option<&str> {
    match value {
        Value::Null => Some(""),
        Value::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
