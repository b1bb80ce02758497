//! Reads of an unfinished transaction.
//!
//! DynamoDB isolates a transaction from others and from reads of single rows, not from a query: one
//! beside it may see some of its rows before and some after, even if it is strongly consistent.
//!
//! Source: Amazon DynamoDB Developer Guide, "Isolation levels for DynamoDB transactions".

use std::time::Duration;

/// Longer than a transaction that took effect is seen in part: some milliseconds as a rule.
const VISIBLE_IN_PART: Duration = Duration::from_millis(100);

/// Waits until every transaction that was seen in part can be seen in whole.
pub(crate) async fn until_transactions_are_whole() {
    tokio::time::sleep(VISIBLE_IN_PART).await;
}
