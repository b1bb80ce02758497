//! A failed request to DynamoDB, reduced to what the caller has to know.

use std::error::Error;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;

/// The kind of a failure, by whether a retry can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableErrorKind {
    /// Unreachable, or cut off: the same request may succeed later.
    Transient,
    /// There are more requests than DynamoDB takes, or answers in time: the same may succeed later,
    /// and more of them with fewer at once.
    Throttled,
    /// The same request fails again until its cause is fixed.
    Permanent,
}

/// A failed request to DynamoDB. Its text is for the log, never for a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("DynamoDB {operation} failed (request id {request_id}): {cause}")]
#[non_exhaustive]
pub struct TableError {
    /// Whether a retry can help.
    pub kind: TableErrorKind,
    /// DynamoDB's name of the request, such as `Query`.
    pub operation: &'static str,
    /// Name of the table, if DynamoDB refused the request.
    pub table: String,
    /// DynamoDB's id of the request, or `-` if no answer came.
    pub request_id: String,
    /// DynamoDB's code of the error, such as `AccessDeniedException`; empty if it gave none.
    pub code: String,
    /// DynamoDB's code and message, or what went wrong on the way.
    pub cause: String,
}

/// DynamoDB's error codes after which the same request may succeed.
///
/// Source: Amazon DynamoDB Developer Guide, "Error handling with DynamoDB", *OK to retry? Yes*.
const RETRYABLE_CODES: [&str; 8] = [
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// Those of them that ask for fewer requests.
const THROTTLING_CODES: [&str; 3] =
    ["ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"];

/// DynamoDB's code for a table that does not exist.
const NOT_FOUND: &str = "ResourceNotFoundException";

/// HTTP's own word for throttling, from whatever stands between DynamoDB and us.
const TOO_MANY_REQUESTS: u16 = 429;

impl TableError {
    pub(crate) fn new<E>(
        operation: &'static str,
        table: &str,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + RequestId + Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map(HttpResponse::status);
        let is_transient_status = status
            .is_some_and(|status| status.is_server_error() || status.as_u16() == TOO_MANY_REQUESTS);
        let code = error.code().unwrap_or_default();
        let is_throttled = THROTTLING_CODES.contains(&code)
            || status.is_some_and(|status| status.as_u16() == TOO_MANY_REQUESTS)
            || matches!(error, SdkError::TimeoutError(_));
        let is_transient = is_transient_status
            || match error {
                SdkError::DispatchFailure(_) => true,
                // A success that is not JSON comes as an unhandled service error.
                SdkError::ServiceError(_) => {
                    RETRYABLE_CODES.contains(&code)
                        || status.is_some_and(|status| (200..300).contains(&status.as_u16()))
                }
                // An answer that is cut off or unreadable; the next may be whole.
                SdkError::ResponseError(_) => true,
                _ => false,
            };
        TableError {
            kind: match (is_throttled, is_transient) {
                (true, _) => TableErrorKind::Throttled,
                (false, true) => TableErrorKind::Transient,
                (false, false) => TableErrorKind::Permanent,
            },
            operation,
            table: table.to_owned(),
            request_id: error.request_id().unwrap_or("-").to_owned(),
            code: code.to_owned(),
            cause: match (error.code(), error.message()) {
                // The message does not always name the table.
                (Some(NOT_FOUND), _) => format!("{NOT_FOUND}: the table {table:?} does not exist"),
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                _ => with_causes(error),
            },
        }
    }

    /// DynamoDB kept returning a part of what was asked of it: it throttles.
    pub(crate) fn unprocessed(operation: &'static str) -> Self {
        TableError {
            kind: TableErrorKind::Throttled,
            operation,
            table: String::new(),
            request_id: "-".to_owned(),
            code: String::new(),
            cause: "DynamoDB left a part of the request unprocessed, again and again".to_owned(),
        }
    }

    /// A transaction that DynamoDB cancelled because one of its rows is throttled.
    pub(crate) fn throttled(operation: &'static str, request_id: Option<&str>) -> Self {
        TableError {
            kind: TableErrorKind::Throttled,
            operation,
            table: String::new(),
            request_id: request_id.unwrap_or("-").to_owned(),
            code: String::new(),
            cause: "DynamoDB throttles the rows of the transaction".to_owned(),
        }
    }

    /// A request that the SDK refuses to build.
    pub(crate) fn unbuildable(operation: &'static str, error: &dyn Error) -> Self {
        TableError {
            kind: TableErrorKind::Permanent,
            operation,
            table: String::new(),
            request_id: "-".to_owned(),
            code: String::new(),
            cause: format!("the request cannot be built: {error}"),
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        self.kind != TableErrorKind::Permanent
    }
}

/// An error and what caused it, the outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    texts.join(": ")
}
