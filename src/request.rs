//! The body of a request, read the way protobuf's JSON mapping is read, because that is what plugNmeet accepts and
//! what its SDKs send.
//!
//! - Both spellings of each name: `room_ids` and `roomIds`, `order_by` and `orderBy`.
//! - An absent field, `null` and the zero value mean the default.
//! - Numbers come as integers, as integral floats (`20.0`, `2e1`) or as decimal strings (`"20"`).
//! - Unknown fields are ignored; a field given twice, in either spelling, is an error.
//!
//! Source: Protocol Buffers documentation, "ProtoJSON Format".

use std::collections::HashSet;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::page::{Order, PageQuery};
use crate::table::schema::MAX_PARTITION_KEY_BYTES;

/// Bytes of a body at the most: 256 KiB.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// Different rooms in one request at the most.
pub const MAX_ROOMS: usize = 1000;
/// Sessions on a page if the request does not say.
pub const DEFAULT_LIMIT: usize = 20;
/// Sessions on a page at the most: a higher `limit` is cut to it, as plugNmeet does.
pub const MAX_LIMIT: usize = 100;
/// The highest `from` and `limit`: they are `uint32` in plugNmeet's protocol.
pub const MAX_NUMBER: u64 = u32::MAX as u64;

/// What is wrong with a body: names the field and says what to send instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    #[error(
        "the body is not the JSON object that was expected ({0}): send for example {{\"room_ids\":[\"room01\"]}}"
    )]
    NotAnObject(String),
    #[error("{0} is given twice: send it once, in one spelling")]
    Twice(Field),
    #[error("room_ids is missing: send an array with at least one room id")]
    NoRooms,
    #[error("room_ids must be an array of strings, for example [\"room01\"]")]
    NotRooms,
    #[error(
        "room_ids has an empty string in it: every room id has 1 to {MAX_PARTITION_KEY_BYTES} bytes"
    )]
    EmptyRoom,
    #[error(
        "room_ids has an id of {0} bytes in it: every room id has 1 to {MAX_PARTITION_KEY_BYTES} bytes"
    )]
    LongRoom(usize),
    #[error("room_ids has {0} different ids: send at most {MAX_ROOMS} in one request")]
    TooManyRooms(usize),
    #[error("{0} must be a whole number from 0 to {MAX_NUMBER}")]
    NotANumber(Field),
    #[error("order_by must be \"DESC\" or \"ASC\"")]
    NotAnOrder,
}

/// A field of the request, by the name that its documentation gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    RoomIds,
    From,
    Limit,
    OrderBy,
}

impl Field {
    fn of_name(name: &str) -> Option<Self> {
        match name {
            "room_ids" | "roomIds" => Some(Field::RoomIds),
            "from" => Some(Field::From),
            "limit" => Some(Field::Limit),
            "order_by" | "orderBy" => Some(Field::OrderBy),
            _ => None,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Field::RoomIds => "room_ids",
            Field::From => "from",
            Field::Limit => "limit",
            Field::OrderBy => "order_by",
        })
    }
}

/// Reads a body.
///
/// # Errors
/// [`InvalidRequest`] with the first thing that is wrong.
pub fn parse(body: &[u8]) -> Result<PageQuery, InvalidRequest> {
    let fields: Fields = serde_json::from_slice(body)
        .map_err(|error| InvalidRequest::NotAnObject(error.to_string()))?;
    if let Some(field) = fields.twice {
        return Err(InvalidRequest::Twice(field));
    }
    let limit = number(Field::Limit, fields.limit)?;
    Ok(PageQuery {
        room_ids: room_ids(fields.room_ids)?,
        from: number(Field::From, fields.from)?.unwrap_or(0),
        limit: limit.map_or(DEFAULT_LIMIT, |limit| limit.min(MAX_LIMIT as u64) as usize),
        order: order(fields.order_by)?,
    })
}

/// The known fields of a body, in whatever shape they came; `Null` where absent.
#[derive(Default)]
struct Fields {
    room_ids: Value,
    from: Value,
    limit: Value,
    order_by: Value,
    twice: Option<Field>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        let mut seen = Vec::with_capacity(4);
        while let Some(name) = map.next_key::<String>()? {
            let Some(field) = Field::of_name(&name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if seen.contains(&field) {
                fields.twice.get_or_insert(field);
            }
            seen.push(field);
            let value = map.next_value().map_err(A::Error::custom)?;
            match field {
                Field::RoomIds => fields.room_ids = value,
                Field::From => fields.from = value,
                Field::Limit => fields.limit = value,
                Field::OrderBy => fields.order_by = value,
            }
        }
        Ok(fields)
    }
}

/// The rooms, each once, in the order of their first mention.
fn room_ids(value: Value) -> Result<Vec<String>, InvalidRequest> {
    let values = match value {
        Value::Null => return Err(InvalidRequest::NoRooms),
        Value::Array(values) if values.is_empty() => return Err(InvalidRequest::NoRooms),
        Value::Array(values) => values,
        _ => return Err(InvalidRequest::NotRooms),
    };
    let mut seen = HashSet::with_capacity(values.len());
    let mut room_ids = Vec::with_capacity(values.len());
    for value in values {
        let Value::String(room_id) = value else {
            return Err(InvalidRequest::NotRooms);
        };
        if room_id.is_empty() {
            return Err(InvalidRequest::EmptyRoom);
        }
        if room_id.len() > MAX_PARTITION_KEY_BYTES {
            return Err(InvalidRequest::LongRoom(room_id.len()));
        }
        if seen.insert(room_id.clone()) {
            room_ids.push(room_id);
        }
    }
    if room_ids.len() > MAX_ROOMS {
        return Err(InvalidRequest::TooManyRooms(room_ids.len()));
    }
    Ok(room_ids)
}

/// A number above 0; `None` for the default.
fn number(field: Field, value: Value) -> Result<Option<u64>, InvalidRequest> {
    let number = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => number,
        // A string holds a number as JSON writes it.
        Value::String(text) => text
            .parse()
            .map_err(|_| InvalidRequest::NotANumber(field))?,
        _ => return Err(InvalidRequest::NotANumber(field)),
    };
    let whole = number
        .as_u64()
        .or_else(|| {
            number
                .as_f64()
                .filter(|float| float.fract() == 0.0)
                .map(float_to_whole)
        })
        .filter(|whole| *whole <= MAX_NUMBER)
        .ok_or(InvalidRequest::NotANumber(field))?;
    Ok(Some(whole).filter(|whole| *whole > 0))
}

/// An integral float; what is below 0 or far above becomes a number out of bounds.
fn float_to_whole(float: f64) -> u64 {
    if float < 0.0 { u64::MAX } else { float as u64 }
}

fn order(value: Value) -> Result<Order, InvalidRequest> {
    match value {
        Value::Null => Ok(Order::default()),
        Value::String(text) if text.is_empty() => Ok(Order::default()),
        Value::String(text) if text.eq_ignore_ascii_case("desc") => Ok(Order::Desc),
        Value::String(text) if text.eq_ignore_ascii_case("asc") => Ok(Order::Asc),
        _ => Err(InvalidRequest::NotAnOrder),
    }
}
