//! The DynamoDB table: its keys, the rows in it, and the few requests that are made of it.
//!
//! | partition key `room_id` | sort key `created_sid` | what the row is |
//! | --- | --- | --- |
//! | the room's id | `2026-11-22T10:00:00.000Z#SID_x` | a [session](past_room): one past room |
//! | the room's id | `~` | the [room tally](tally): sessions per month |
//! | the room's id | `#2026-11` | a [month tally](tally): sessions per hour of that month |
//! | the room's id | `!…` | a meeting in progress (feature `meetings`) |
//!
//! The index `by_sid` finds a session by its `room_sid`. A second table, the [history table](history),
//! has the sessions of all rooms in one order.
//!
//! Sessions are the rows whose sort key starts with a digit. Everything else is bookkeeping, so
//! every read of sessions bounds its [key range](keys::KeyRange).
//!
//! An answer of DynamoDB that cannot be one (rows of another room, rows out of order, a count that
//! is not that of the rows) is an error here, so that nothing above has to expect it.

mod answer;
mod batch;
pub mod bucket;
mod by_sid;
pub mod calendar;
mod client;
mod error;
mod expire;
pub mod history;
pub(crate) mod isolation;
pub mod keys;
mod kind;
#[cfg(feature = "meetings")]
pub mod meetings;
mod meter;
mod pace;
mod pages;
pub mod past_room;
mod query;
pub mod retention;
pub(crate) mod retry;
mod scan;
pub mod schema;
pub mod session;
pub mod tally;

pub(crate) use answer::units;
pub use client::{Consistency, Item, MAX_IN_FLIGHT, Table};
pub use error::{TableError, TableErrorKind};
pub use kind::RowKind;
pub use meter::Meter;
pub use query::{QueryPage, RowQuery};
pub use scan::RoomIds;
