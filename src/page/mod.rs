//! Reading a page of past sessions across rooms, at a cost that depends neither on how deep the page is nor on how
//! long the history is.
//!
//! # Background
//!
//! SQL has `OFFSET` and `COUNT(*)`; both read every row that they skip or count, so a page costs what lies before it.
//! DynamoDB has neither. What is usually written instead reads the whole partition to count it and throws away `from`
//! rows: for 100 000 sessions of 350 bytes that is 35 MB, 35 requests one after the other and 4 300 read units for a
//! page of 20. Cursors would be cheap, but plugNmeet's clients ask by number and are told an exact total.
//!
//! # How it is done
//!
//! Beside the sessions the table keeps [tallies](crate::table::tally): how many sessions a room has in every month,
//! and in every hour of a month. With them a page is read in at most three steps, each one round trip:
//!
//! 1. [`survey`]: the room tallies of all rooms. Their sum is the exact total. Near the front of the order the first
//!    rows of each room are read in the same step, and that is all.
//! 2. [`window`]: adding up the months in the requested order tells in which one `from` falls, and so from where few
//!    rows are to be skipped, from the front or from the back. If these are still many, the tallies of that one month
//!    narrow it to an hour.
//! 3. [`merge`]: the rooms that have sessions in the window, and no others, are read from that boundary on, each with
//!    one [`stream`] of just as many rows as the tallies promise, and merged into one order. The remainder is
//!    skipped, `limit` rows are kept.
//!
//! A reader that has seen the rooms before [guesses](crate::table::Hints) which months step 2 will want, and asks for them
//! in step 1: then a deep page takes two round trips.
//!
//! A room without a tally (filled by somebody else's writer) is surveyed by walking its keys. That costs what it
//! costs, but it yields the same counts, so all that follows is the same.
//!
//! # What is kept honest
//!
//! Tallies and sessions are read one after the other, while others write. Where the two do not fit together, the page
//! is read again, with strongly consistent reads, and then once more without trust in any tally. If it still does not
//! fit, that is an error: a page is whole, or it is none.

mod merge;
mod reader;
mod stream;
mod survey;
mod window;

use serde::{Serialize, Serializer};

use crate::table::session::{BadRow, PastRoom};
use crate::table::{Consistency, Meter, Table, TableFailure};
use reader::{Mismatch, Reader};

/// The order of a page: by `created`, then by `room_sid`, then by `room_id`. One is exactly the other reversed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[default]
    Desc,
}

impl std::fmt::Display for Order {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Order::Asc => "ASC",
            Order::Desc => "DESC",
        })
    }
}

impl Serialize for Order {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Which page to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// The rooms, each once.
    pub room_ids: Vec<String>,
    /// Sessions to skip, in `order`.
    pub from: u64,
    /// Sessions to return at the most.
    pub limit: usize,
    pub order: Order,
}

/// A page of past sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// All past sessions of all rooms of the query, whatever `from` and `limit` are.
    pub total: u64,
    /// The sessions at `from`, `from + 1`, … of the order: `limit` of them, or what there is up to the end.
    pub rooms: Vec<PastRoom>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Table(#[from] TableFailure),
    #[error(transparent)]
    BadRow(#[from] BadRow),
    /// Sessions and counts did not fit together, even counted anew: the rooms change faster than they can be read.
    #[error("the sessions changed while they were read, three times in a row: {0}")]
    Changing(Mismatch),
}

/// How a page is tried, until its parts fit together.
const TRIES: [(Consistency, Trust); 3] = [
    (Consistency::Eventual, Trust::Tallies),
    (Consistency::Strong, Trust::Tallies),
    (Consistency::Strong, Trust::Nothing),
];

/// Whether a room's tally is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Tallies,
    Nothing,
}

/// Reads one page. What it cost is added to `meter`.
///
/// # Errors
/// [`ReadError`]; never a page that is shorter than it should be.
pub async fn read_page(table: &Table, query: &PageQuery, meter: &Meter) -> Result<Page, ReadError> {
    let mut mismatch = None;
    for (consistency, trust) in TRIES {
        if let Some(mismatch) = &mismatch {
            tracing::warn!(%mismatch, ?consistency, ?trust, "reading the page again");
        }
        let reader = Reader {
            table,
            meter,
            consistency,
            order: query.order,
        };
        match read_once(&reader, query, trust).await {
            Ok(page) => {
                if let (Trust::Nothing, Some(mismatch)) = (trust, &mismatch) {
                    tracing::warn!(
                        %mismatch,
                        "a room's tally does not agree with its sessions; `past-rooms-admin tally --room` repairs it"
                    );
                }
                return Ok(page);
            }
            Err(Attempt::Failed(error)) => return Err(error),
            Err(Attempt::Mismatched(found)) => mismatch = Some(found),
        }
    }
    Err(ReadError::Changing(mismatch.unwrap_or_default()))
}

/// How one attempt at a page ended without one.
enum Attempt {
    Failed(ReadError),
    Mismatched(Mismatch),
}

impl From<ReadError> for Attempt {
    fn from(error: ReadError) -> Self {
        Attempt::Failed(error)
    }
}

impl From<TableFailure> for Attempt {
    fn from(error: TableFailure) -> Self {
        Attempt::Failed(error.into())
    }
}

impl From<Mismatch> for Attempt {
    fn from(mismatch: Mismatch) -> Self {
        Attempt::Mismatched(mismatch)
    }
}

async fn read_once(reader: &Reader<'_>, query: &PageQuery, trust: Trust) -> Result<Page, Attempt> {
    let mut surveys = survey::survey(reader, query, trust).await?;
    let total: u64 = surveys.iter().map(|room| room.sessions()).sum();
    let end = total.min(query.from.saturating_add(query.limit as u64));
    if query.from >= end {
        return Ok(Page {
            total,
            rooms: vec![],
        });
    }
    let plan = if surveys.iter().all(|room| room.opened.is_some()) {
        window::Plan::from_the_front(query.from, end)
    } else {
        window::locate(reader, &mut surveys, query.from..end, query.limit).await?
    };
    let streams = plan.streams(reader, surveys);
    let rooms = merge::merge(reader, streams, &plan).await?;
    if rooms.len() != plan.take {
        return Err(Mismatch::new(format!(
            "{} sessions were expected from {} on, and {} found",
            plan.take,
            query.from,
            rooms.len()
        ))
        .into());
    }
    Ok(Page { total, rooms })
}
