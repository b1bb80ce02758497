//! The errors of a request, and their answers.

use lambda_http::http::StatusCode;

use super::auth::AuthError;
use super::dialect;
use super::event::MalformedEvent;
use super::request::{InvalidRequest, MAX_BODY_BYTES};
use super::route::RouteError;
use crate::page::ReadError;

/// Seconds after which a client is told to try again.
pub const RETRY_AFTER_SECONDS: u32 = 1;

/// Maximum bytes of an answer that Lambda sends, less what Lambda adds to the body.
///
/// Source: AWS Lambda Developer Guide, "Lambda quotas", *Invocation payload*: 6 MB, which Lambda
/// takes for 6 291 556 bytes.
pub(super) const MAX_ANSWER_BYTES: usize = 6_291_556 - 4096;

/// Bytes that an answer takes for the names and the numbers of a session, rounded up.
const BYTES_OF_NAMES: usize = 400;

/// A request that is answered with an error. The text is what the client is told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// 400.
    #[error(transparent)]
    Malformed(#[from] MalformedEvent),
    /// 404, or 405 with `Allow`.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// 401.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// 413: Lambda cannot send an answer this long.
    #[error(
        "the page is larger than the 6 MB that can be sent at once: ask for a limit of at most \
         {limit}"
    )]
    PageTooLarge {
        /// A limit that fits, if the other sessions are like these.
        limit: usize,
    },
    /// 413; with the body's bytes.
    #[error(
        "the body has {0} bytes; at most {MAX_BODY_BYTES} are allowed: ask for fewer rooms at a \
         time"
    )]
    TooLarge(usize),
    /// 400.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// 503 with `Retry-After`: DynamoDB throttles or is unreachable, or the rooms change faster than
    /// they can be read. The cause is the operator's business and goes to the log.
    #[error("the history cannot be read at the moment: try again")]
    Unavailable(#[source] ReadError),
    /// 503 with `Retry-After`: the whole history is not built yet.
    #[error(
        "the list of all rooms is not complete yet: try again, or let the operator run \
         `past-rooms-admin history`"
    )]
    HistoryIncomplete,
    /// 503 with `Retry-After`: the invocation's time is nearly over.
    #[error("the history could not be read in time: try again")]
    DeadlineExceeded,
    /// 500. The cause goes to the log.
    #[error("internal error")]
    Internal(#[source] ReadError),
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::HistoryOff => InvalidRequest::MissingRooms.into(),
            ReadError::HistoryIncomplete => ApiError::HistoryIncomplete,
            ReadError::TooLarge { sessions, bytes } => {
                let bytes = bytes + sessions * BYTES_OF_NAMES;
                ApiError::PageTooLarge { limit: (sessions * MAX_ANSWER_BYTES / bytes).max(1) }
            }
            error if error.is_transient() => ApiError::Unavailable(error),
            error => ApiError::Internal(error),
        }
    }
}

impl ApiError {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            ApiError::Route(RouteError::NotFound) => StatusCode::NOT_FOUND,
            ApiError::Route(RouteError::MethodNotAllowed) => StatusCode::METHOD_NOT_ALLOWED,
            ApiError::Auth(_) => StatusCode::UNAUTHORIZED,
            ApiError::TooLarge(_) | ApiError::PageTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            ApiError::Malformed(_) | ApiError::Invalid(_) => StatusCode::BAD_REQUEST,
            ApiError::Unavailable(_) | ApiError::HistoryIncomplete | ApiError::DeadlineExceeded => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            ApiError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the reason for the log: without the parser's words, which may quote the body.
    pub fn reason(&self) -> String {
        match self {
            ApiError::Invalid(InvalidRequest::NotAnObject(_)) => {
                "the body is not a JSON object".to_owned()
            }
            error => error.to_string(),
        }
    }

    /// The `status_code` of the answer, in the dialect that has one.
    pub fn status_code(&self) -> dialect::StatusCode {
        match self {
            ApiError::Auth(AuthError::MissingKey | AuthError::MissingSignature) => {
                dialect::StatusCode::MissingRequiredParameter
            }
            ApiError::Auth(AuthError::WrongKey) => dialect::StatusCode::InvalidApiKey,
            ApiError::Auth(_) => dialect::StatusCode::InvalidTokenOrSignature,
            error if error.status().is_server_error() => dialect::StatusCode::InternalServerError,
            _ => dialect::StatusCode::InvalidParameters,
        }
    }
}
