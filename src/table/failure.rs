//! A request that DynamoDB did not answer as hoped, boiled down to what the caller has to know.

use std::error::Error;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;

/// Whether trying again later can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Throttled, out of reach, too slow, or broken off: the same request may succeed later.
    Unavailable,
    /// Refused: the same request will fail again until somebody changes something.
    Refused,
}

/// A failed request to DynamoDB. Its text is for the log, never for a client.
#[derive(Debug, thiserror::Error)]
#[error("DynamoDB {operation} failed (request id {request_id}): {cause}")]
pub struct TableFailure {
    pub kind: FailureKind,
    pub operation: &'static str,
    /// DynamoDB's id of the request, or `-` if no answer came.
    pub request_id: String,
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

impl TableFailure {
    pub(crate) fn new<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + RequestId + Error + Send + Sync + 'static,
    {
        let kind = match &error {
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => FailureKind::Unavailable,
            SdkError::ServiceError(service) => {
                let code = service.err().code().unwrap_or_default();
                if RETRYABLE_CODES.contains(&code) || service.raw().status().is_server_error() {
                    FailureKind::Unavailable
                } else {
                    FailureKind::Refused
                }
            }
            // An answer that is none. If it was cut off, DynamoDB was; if it is whole and still unreadable, asking
            // again will not help.
            SdkError::ResponseError(response) => {
                if response.raw().status().is_server_error() || was_cut_off(&error) {
                    FailureKind::Unavailable
                } else {
                    FailureKind::Refused
                }
            }
            _ => FailureKind::Refused,
        };
        TableFailure {
            kind,
            operation,
            request_id: error.request_id().unwrap_or("-").to_owned(),
            cause: match (error.code(), error.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                _ => with_causes(&error),
            },
        }
    }

    /// DynamoDB kept giving back a part of what was asked of it: it throttles.
    pub(super) fn unprocessed(operation: &'static str) -> Self {
        TableFailure {
            kind: FailureKind::Unavailable,
            operation,
            request_id: "-".to_owned(),
            cause: "DynamoDB left a part of the request unprocessed, again and again".to_owned(),
        }
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

/// Whether an error was caused by a connection that ended before the answer did.
fn was_cut_off(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<std::io::Error>())
}
