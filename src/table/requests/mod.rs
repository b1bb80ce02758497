//! The requests that are made of the table, each checked when its answer arrives.
//!
//! An answer that makes a page wrong (rows of another room, rows out of order, a count that differs
//! from the number of rows) is an error here, so that no caller has to expect it. Such an error is
//! transient: the request is retried.

mod answer;
mod batch;
mod by_sid;
mod client;
mod error;
mod expire;
pub(crate) mod isolation;
mod meter;
mod pages;
mod query;
pub(crate) mod retry;
pub(crate) mod scan;

pub(crate) use answer::units;
pub use client::{Consistency, MAX_IN_FLIGHT, Table};
pub use error::{TableError, TableErrorKind};
pub use meter::Meter;
pub use query::{QueryPage, RowQuery};
pub use scan::RoomIds;
