//! The DynamoDB table: its keys, the rows in it, and the few requests that are made of it.
//!
//! | partition key `room_id` | sort key `created_sid` | what the row is |
//! | --- | --- | --- |
//! | the room's id | `2026-11-22T10:00:00.000Z#SID_x` | a [session](session): one past room |
//! | the room's id | `~` | the [room tally](tally): sessions per month |
//! | the room's id | `#2026-11` | a [month tally](tally): sessions per hour of that month |
//!
//! Sessions are the rows whose sort key starts with a digit. Everything else is bookkeeping, so every read of
//! sessions bounds its [key range](schema::KeyRange).

mod access;
mod failure;
mod hints;
pub mod meter;
pub mod schema;
pub mod session;
pub mod tally;

pub(crate) use access::units;
pub use access::{Consistency, MAX_IN_FLIGHT, QueryPage, RowQuery, Table};
pub use failure::{FailureKind, TableFailure};
pub use hints::Hints;
pub use meter::Meter;

/// One row as the SDK gives it.
pub type Item = std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>;
