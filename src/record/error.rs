//! Why sessions were not written.

use crate::table::TableError;
use crate::table::keys::RowKey;
use crate::table::rows::session::InvalidSession;

/// Maximum number of attempts of a transaction.
pub(crate) const ATTEMPTS: u32 = 12;

/// Why sessions were not written, or tallies not built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A session breaks a bound. Nothing was written.
    #[error(transparent)]
    Invalid(#[from] InvalidSession),
    /// DynamoDB failed.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A condition did not hold any more, or another transaction wrote the same rows.
    #[error("other writers changed the same rows {ATTEMPTS} times in a row; try again")]
    Conflict,
    /// The caller stopped the work.
    #[error("interrupted")]
    Interrupted,
    /// A session cannot be turned into a row.
    #[error("the session {key} cannot be turned into a row: {reason}")]
    Unrepresentable {
        /// The session's key.
        key: RowKey,
        /// The reason.
        reason: String,
    },
}

impl WriteError {
    /// Whether DynamoDB failed for now, and no other writer is in the way.
    pub(crate) fn is_table_transient(&self) -> bool {
        matches!(self, WriteError::Table(error) if error.is_transient())
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            WriteError::Conflict => true,
            WriteError::Table(error) => error.is_transient(),
            _ => false,
        }
    }
}
