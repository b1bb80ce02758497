//! The DynamoDB table: its keys, its rows, and the few requests to it.
//!
//! | partition key `room_id` | sort key `created_sid` | row |
//! | --- | --- | --- |
//! | the room's id | `2026-11-22T10:00:00.000Z#SID_x` | a [session](rows::past_room): one past room |
//! | the room's id | `~` | the [room tally](rows::tally): sessions per month |
//! | the room's id | `#2026-11` | a [month tally](rows::tally): sessions per hour of that month |
//! | the room's id | `!…` | a meeting in progress (feature `meetings`) |
//!
//! The index `by_sid` finds a session by its `room_sid`. A second table, the [history table](history),
//! has the sessions of all rooms in one order.
//!
//! A row is a session if its sort key [begins with a valid hour and has a `#`](keys::SessionKey). Keys
//! that begin with another character than a digit are bookkeeping, so every read of sessions bounds its
//! [key range](keys::KeyRange). Other keys that begin with a digit are *stray*: readers ignore them, and
//! the stream function and `past-rooms-admin tally --check` report them.

pub mod bucket;
pub mod history;
mod item;
pub mod keys;
pub mod requests;
pub mod rows;
pub mod schema;

pub use item::Item;
pub(crate) use requests::isolation;
pub(crate) use requests::units;
pub use requests::{
    Consistency, MAX_IN_FLIGHT, Meter, QueryPage, RoomIds, RowQuery, Table, TableError,
    TableErrorKind,
};
pub use rows::RowKind;
