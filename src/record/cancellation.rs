//! Why DynamoDB cancelled a transaction.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

/// Why a transaction was cancelled, if that may be gone at the next attempt.
pub(crate) enum Cancellation {
    /// A condition, or another transaction.
    Conflict,
    Throttled,
}

/// There is one reason for each action, `None` for those that were not the cause.
pub(crate) fn cancellation<R>(
    error: &SdkError<TransactWriteItemsError, R>,
) -> Option<Cancellation> {
    const CONFLICTS: [&str; 3] = ["None", "ConditionalCheckFailed", "TransactionConflict"];
    const THROTTLING: [&str; 2] = ["ProvisionedThroughputExceeded", "ThrottlingError"];
    let TransactWriteItemsError::TransactionCanceledException(canceled) =
        error.as_service_error()?
    else {
        return None;
    };
    let mut codes = canceled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    let is_throttling = |code: &str| THROTTLING.contains(&code);
    if !codes.clone().all(|code| CONFLICTS.contains(&code) || is_throttling(code)) {
        return None;
    }
    Some(if codes.any(is_throttling) { Cancellation::Throttled } else { Cancellation::Conflict })
}
