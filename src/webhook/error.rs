//! The errors of a webhook, and their answers.
//!
//! plugNmeet sends a webhook again, three times in all, after a 5xx, a 429 or a broken connection.

use lambda_http::http::{Method, StatusCode};

use super::event::InvalidEvent;
use super::verify::VerifyError;
use crate::api::event::MalformedEvent;
use crate::record::WriteError;

/// The only method.
pub const METHOD: Method = Method::POST;

/// Maximum number of bytes of a body.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// A webhook that is answered with an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// 405 with `Allow`.
    #[error("method not allowed: use {METHOD}")]
    MethodNotAllowed,
    /// 400.
    #[error(transparent)]
    Malformed(#[from] MalformedEvent),
    /// 401.
    #[error(transparent)]
    Unverified(#[from] VerifyError),
    /// 413; with the body's bytes.
    #[error("the body has {0} bytes; at most {MAX_BODY_BYTES} are allowed")]
    TooLarge(usize),
    /// 400.
    #[error(transparent)]
    Invalid(#[from] InvalidEvent),
    /// 503: DynamoDB throttles or is unreachable.
    #[error("the event cannot be taken at the moment: send it again")]
    Unavailable(#[source] WriteError),
    /// 503: the invocation's time is nearly over.
    #[error("the event could not be taken in time: send it again")]
    DeadlineExceeded,
    /// 500.
    #[error("internal error")]
    Internal(#[source] WriteError),
}

impl From<WriteError> for WebhookError {
    fn from(error: WriteError) -> Self {
        if error.is_transient() {
            WebhookError::Unavailable(error)
        } else {
            WebhookError::Internal(error)
        }
    }
}

impl WebhookError {
    /// Returns the reason for the log: without the parser's words, which may quote the body.
    pub fn reason(&self) -> String {
        match self {
            // A line of 0 means that a field is missing.
            WebhookError::Invalid(InvalidEvent::Json(error)) if error.line() > 0 => {
                let (line, column) = (error.line(), error.column());
                format!("the body is not a webhook of plugNmeet: see line {line}, column {column}")
            }
            error => error.to_string(),
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            WebhookError::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            WebhookError::Malformed(_) | WebhookError::Invalid(_) => StatusCode::BAD_REQUEST,
            WebhookError::Unverified(_) => StatusCode::UNAUTHORIZED,
            WebhookError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            WebhookError::Unavailable(_) | WebhookError::DeadlineExceeded => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            WebhookError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
