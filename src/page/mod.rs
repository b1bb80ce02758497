//! Reading a page of past sessions across rooms, at a cost that depends neither on how deep the
//! page is nor on how long the history is.
//!
//! Terms: a *tally* is a row that counts sessions, *counts* are the map read from it, a *bucket* is a
//! month, hour or minute in it, and a *cursor* reads one room's rows.
//!
//! # Background
//!
//! SQL has `OFFSET` and `COUNT(*)`; both read every row that they skip or count, so a page costs
//! what lies before it. DynamoDB has neither. What is usually written instead reads the whole
//! partition to count it and throws away `from` rows: for 100 000 sessions of 340 bytes that is
//! 34 MB, 33 requests one after the other and 4150 read units for a page of 20. Cursors would be
//! cheap, but plugNmeet's clients ask by number and are told an exact total.
//!
//! # How a page is read
//!
//! Beside the sessions the table keeps [tallies](crate::table::rows::tally): a room's sessions by month,
//! and by hour of each month; in the history table also by minute. With them a page is read in at most
//! three steps, each one round trip (in the history table the second may take two):
//!
//! 1. `counts` reads the room tallies of all rooms. Their sum is the exact total. Near the front of the
//!    order it also reads the first rows of each room, and nothing else is needed.
//! 2. `plan` adds up the months in the requested order, finds the month that `from` lies in, and so the
//!    boundary to begin at. If too many rows would be skipped from there, `refine` reads the tallies of
//!    that month, and the plan is made again with its hours, and then with the minutes of an hour.
//! 3. `merge` reads the rooms with sessions there forwards from the boundary, each with a `cursor`, and
//!    merges them into one order. It skips the remainder and keeps `limit` rows.
//!
//! A process that has seen the rooms before predicts which months step 2 needs, and requests them in
//! step 1. Then a deep page takes one round trip less.
//!
//! A room without a tally (filled by an external writer) is counted by reading its keys. That is slow,
//! but yields the same counts, so all other steps are the same.
//!
//! One session by its id needs none of this: `by_sid` looks it up in an index.
//!
//! # Consistency
//!
//! Others write while a page is read. Every session is judged once: before the boundary by the counts,
//! from the boundary on by the rows. So the rows are a slice of the history in which each write that
//! overlaps the request is either seen or not. For that, three invariants hold:
//!
//! - Counts never decide where rows end; the table does.
//! - Rows are read forwards only.
//! - A cursor begins at its lower bound, and reads every row from there on.
//!
//! The total is that of such a history, too. If the tally of a room contradicts its rows, `attempts`
//! decides: the page is read again with strongly consistent reads, and a tally that still contradicts
//! the rows, without a write that explains it, is wrong. The sessions of that room are then counted, and
//! all others keep their tallies.

mod attempts;
mod by_sid;
mod counts;
mod cursor;
mod disagreement;
mod error;
mod merge;
mod order;
mod plan;
#[cfg(test)]
mod plan_properties;
mod prefetch;
mod query;
mod read;
mod reader;
mod refine;
mod total;

pub use error::ReadError;
pub use order::Order;
pub(crate) use prefetch::CountsCache;
pub use query::{Page, PageQuery};
pub(crate) use read::read_page;
