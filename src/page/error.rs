//! Why there is no page.

use crate::table::TableError;
use crate::table::rows::past_room::MalformedRow;

/// Why a page could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// DynamoDB failed, or answered with what was not asked for.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A row on the page cannot be answered as a session.
    #[error(transparent)]
    MalformedRow(#[from] MalformedRow),
    /// The query has no rooms, and the handle no history table.
    #[error("a page of all rooms needs a history table")]
    HistoryOff,
    /// The history table does not have all sessions yet.
    #[error("the history table is not complete: run `past-rooms-admin history`")]
    HistoryIncomplete,
    /// The page exceeds the query's maximum of bytes.
    #[error("the first {sessions} sessions of the page have {bytes} bytes: ask for fewer sessions")]
    TooLarge {
        /// Number of sessions read.
        sessions: usize,
        /// Bytes of their text.
        bytes: usize,
    },
}

impl ReadError {
    /// Whether the same page may be read later.
    pub fn is_transient(&self) -> bool {
        match self {
            ReadError::Table(error) => error.is_transient(),
            ReadError::HistoryIncomplete => true,
            ReadError::MalformedRow(_) | ReadError::HistoryOff | ReadError::TooLarge { .. } => {
                false
            }
        }
    }
}
