//! The differences between the two dialects of the answers, in one place: `documented`, as the API's
//! documentation has them, and `plugnmeet`, as plugnmeet-server 2.4 sends them.
//!
//! | | `documented` | `plugnmeet` |
//! | --- | --- | --- |
//! | HTTP status of errors | the true one | 200, but 401 if authentication fails |
//! | `status_code` | absent | in every answer |
//! | nothing found | `no info found` | `no room found` |
//! | 64-bit numbers | numbers | decimal strings |
//! | times | as stored, milliseconds | whole seconds; year 1 if unknown |
//! | `order_by` | `ASC` or `DESC` in any case, else 400 | exactly `ASC`, else `DESC`; echoed as sent |
//!
//! Source: plugnmeet-server 2.4.0 and plugnmeet-protocol 1.5.0.

use std::borrow::Cow;
use std::fmt::Display;

use jiff::Timestamp;
use lambda_http::http;
use serde::{Serialize, Serializer};

use crate::lambda::config::Dialect;
use crate::page::Order;
use crate::table::rows::past_room::PastRoom;

/// Go's zero time, which plugnmeet-server sends for an unknown time.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// plugNmeet's codes, by their numbers' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum StatusCode {
    /// Rooms were found.
    Success,
    /// No rooms were found.
    NotFound,
    /// The signature is wrong.
    InvalidTokenOrSignature,
    /// The key is wrong.
    InvalidApiKey,
    /// The failure is not the client's fault.
    InternalServerError,
    /// The request cannot be answered.
    InvalidParameters,
    /// A header for authentication is missing.
    MissingRequiredParameter,
}

impl Dialect {
    /// The status of the answer, where `status` is the true one.
    pub(super) fn http_status(self, status: http::StatusCode) -> http::StatusCode {
        match self {
            Dialect::Plugnmeet if status != http::StatusCode::UNAUTHORIZED => http::StatusCode::OK,
            _ => status,
        }
    }

    /// `status_code` of the answer. `None`: it has no such field.
    pub(super) fn status_code(self, code: StatusCode) -> Option<StatusCode> {
        (self == Dialect::Plugnmeet).then_some(code)
    }

    /// `msg` of an answer about rooms without past sessions.
    pub(super) fn nothing_found(self) -> &'static str {
        match self {
            Dialect::Documented => "no info found",
            Dialect::Plugnmeet => "no room found",
        }
    }

    /// Returns the order that a non-empty `order_by` means. `None`: it is invalid.
    pub(super) fn order(self, order_by: &str) -> Option<Order> {
        match self {
            Dialect::Plugnmeet if order_by == "ASC" => Some(Order::Asc),
            Dialect::Plugnmeet => Some(Order::Desc),
            Dialect::Documented if order_by.eq_ignore_ascii_case("asc") => Some(Order::Asc),
            Dialect::Documented if order_by.eq_ignore_ascii_case("desc") => Some(Order::Desc),
            Dialect::Documented => None,
        }
    }

    /// Returns `order_by` of the answer to a request with this `order_by`, which means `order`.
    pub(super) fn echoed_order(self, order_by: &str, order: Order) -> String {
        match self {
            Dialect::Plugnmeet if !order_by.is_empty() => order_by.to_owned(),
            _ => order.to_string(),
        }
    }

    /// A 64-bit number of the answer.
    pub(super) fn integer<T: Display + Serialize>(self, value: T) -> Integer<T> {
        match self {
            Dialect::Documented => Integer::Number(value),
            Dialect::Plugnmeet => Integer::Text(value),
        }
    }

    /// The sessions of the answer.
    pub(super) fn rooms(self, rooms: &[PastRoom]) -> RoomsList<'_> {
        match self {
            Dialect::Documented => RoomsList::AsStored(rooms),
            Dialect::Plugnmeet => RoomsList::AsServer(rooms.iter().map(ServerRoom::new).collect()),
        }
    }
}

/// A 64-bit number: a string in protobuf's JSON mapping, because not every JSON reader has 64 bits.
pub(super) enum Integer<T> {
    Number(T),
    Text(T),
}

impl<T: Display + Serialize> Serialize for Integer<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Integer::Number(value) => value.serialize(serializer),
            Integer::Text(value) => serializer.collect_str(value),
        }
    }
}

/// `rooms_list`.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum RoomsList<'a> {
    AsStored(&'a [PastRoom]),
    AsServer(Vec<ServerRoom<'a>>),
}

/// A session as plugnmeet-server sends it.
#[derive(Serialize)]
pub(super) struct ServerRoom<'a> {
    room_title: &'a str,
    room_id: &'a str,
    room_sid: &'a str,
    joined_participants: Integer<i64>,
    webhook_url: &'a str,
    created: Cow<'a, str>,
    ended: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    analytics_file_id: Option<&'a str>,
}

impl<'a> ServerRoom<'a> {
    fn new(room: &'a PastRoom) -> Self {
        ServerRoom {
            room_title: &room.room_title,
            room_id: &room.room_id,
            room_sid: &room.room_sid,
            joined_participants: Integer::Text(room.joined_participants),
            webhook_url: &room.webhook_url,
            created: whole_seconds(&room.created),
            ended: whole_seconds(&room.ended),
            analytics_file_id: room.analytics_file_id.as_deref().filter(|id| !id.is_empty()),
        }
    }
}

/// A time in whole seconds, cut. Another writer's text that is not a time stays as it is.
fn whole_seconds(time: &str) -> Cow<'_, str> {
    if time.is_empty() {
        return ZERO_TIME.into();
    }
    match time.parse::<Timestamp>() {
        Ok(time) => format!("{time:.0}").into(),
        Err(_) => time.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_to_whole_seconds() {
        for (stored, sent) in [
            ("2026-11-22T10:00:00.999Z", "2026-11-22T10:00:00Z"),
            ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
            ("2026-11-22T12:00:00.5+02:00", "2026-11-22T10:00:00Z"),
            ("", "0001-01-01T00:00:00Z"),
            ("yesterday", "yesterday"),
        ] {
            assert_eq!(whole_seconds(stored), sent);
        }
    }
}
