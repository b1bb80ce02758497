//! Reading a page of past sessions across rooms, at a cost that depends neither on how deep the
//! page is nor on how long the history is.
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
//! Beside the sessions the table keeps [tallies](crate::table::rows::tally): how many sessions a room has
//! in every month, and in every hour of a month. With them a page is read in at most three steps,
//! each one round trip:
//!
//! 1. `counts`: the room tallies of all rooms. Their sum is the exact total. Near the front of
//!    the order the first rows of each room are read in the same step, and that is all.
//! 2. `plan`: adding up the months in the requested order tells in which one `from` falls, and so
//!    where to begin. If too many rows would be skipped from there, the tallies of that one month
//!    narrow it down to an hour.
//! 3. `merge`: the rooms that have sessions there, and no others, are read forwards from that
//!    boundary, each with a `cursor`, and merged into one order. The remainder is skipped,
//!    `limit` rows are kept.
//!
//! A process that has seen the rooms before predicts which months step 2 needs, and
//! asks for them in step 1: then a deep page takes two round trips.
//!
//! A room without a tally (filled by another writer) is counted by walking its keys. That is slow,
//! but it gives the same counts, so all that follows is the same.
//!
//! One session, asked for by its id, is no page of this kind: `by_sid` looks it up in an index.
//!
//! # Consistency
//!
//! Others write while a page is read. Every session is judged exactly once: before the boundary by
//! the counts, from the boundary on by the rows. So the rows are a slice of the history in which
//! each write that overlaps the request is either seen or not. For that, counts never tell where
//! rows end, rows are read forwards only, and a cursor that promised that nothing comes before a
//! key begins at that key.
//!
//! The total is that of such a history, too. Where the tally of a room contradicts the
//! rows that were read, the page is read again with strongly consistent reads. If a tally then
//! still contradicts the rows, and no write that changed it meanwhile explains that, it is wrong;
//! that room is counted, and all others keep their tallies.

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
