//! Reading a page of past sessions across rooms, at a cost that depends neither on how deep the
//! page is nor on how long the history is.
//!
//! Terms: a *tally* is a row that counts sessions by *bucket*, which is a month, an hour or a minute.
//! *Counts* are a tally as read: a map from bucket to number of sessions.
//! A *cursor* reads the session rows of one room. *First*, *before*, *after* and *forwards* refer to
//! the requested order, whether that is ascending or descending.
//!
//! # Background
//!
//! SQL has `OFFSET` and `COUNT(*)`; both read every row that they skip or count, so a page costs
//! as much as all that lies before it. DynamoDB has neither. The usual substitute reads the whole
//! partition to count it, and throws away the first `from` rows: for 100 000 sessions of 340 bytes that is
//! 34 MB, 34 requests one after the other and 4300 read units for a page of 20. Page
//! tokens would be cheap, but plugNmeet's clients ask for pages by number and get an exact total.
//!
//! # How a page is read
//!
//! Beside the sessions the table keeps [tallies](crate::table::rows::tally): a room's sessions by month,
//! and by hour of each month; in the history table also by minute. With them a page is read in at most
//! three steps, each usually one round trip. In the history table the second may take two; the third
//! takes more if the rows differ from the counts.
//!
//! 1. `counts` reads the room tallies of all rooms. Their sum is the exact total. For a page near
//!    the front, unless there are many rooms, it also reads the first rows of each room; then this step
//!    is usually the only one.
//! 2. `plan` adds up the months in the requested order, finds the month that `from` lies in, and begins
//!    at its boundary. If that would skip too many rows or read too many rooms, `refine` reads the
//!    tallies of that month, and the plan is made again with its hours. In the history table the same
//!    may follow for the minutes of an hour.
//! 3. `merge` reads forwards from the boundary, with a `cursor` for each room that has sessions there,
//!    and merges the rows into one order. It skips the rows between the boundary and `from`, and keeps
//!    the next `limit`.
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
//! from the boundary on by its row. So the page is a slice of a list of sessions in which each
//! concurrent write is either wholly present or wholly absent. Three invariants ensure this:
//!
//! - Counts never decide where rows end; the table does.
//! - Rows are read forwards only.
//! - A cursor begins at its lower bound and skips no row until it stops.
//!
//! The total is the length of such a list. If the tally of a room contradicts its rows, `attempts`
//! decides what follows. First the page is read again with strongly consistent reads. A tally that still
//! contradicts the rows, with no concurrent write to explain it, is wrong: the sessions of that room are
//! then counted by reading their keys, while the tallies of all other rooms stay in use.

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
