//! The rows of the table: sessions, tallies, meetings in progress, and when a row expires.

mod kind;
#[cfg(feature = "meetings")]
pub mod meeting;
pub mod past_room;
pub mod retention;
pub mod session;
pub mod tally;
pub mod time;

pub use kind::RowKind;
