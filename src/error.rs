//! Every way in which a request can end without a page, and what the client is told of it.

use lambda_http::http::StatusCode;

use crate::auth::Denied;
use crate::page::ReadError;
use crate::request::{InvalidRequest, MAX_BODY_BYTES};
use crate::route::{METHOD, PATHS};
use crate::table::FailureKind;

/// Seconds after which a client is told to try again.
pub const RETRY_AFTER_SECONDS: u32 = 1;

/// A request that is answered with an error. The text is what the client is told.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 404.
    #[error("there is nothing here: send {METHOD} {}", PATHS.join(" or "))]
    NotFound,
    /// 405, with `Allow`.
    #[error("only the method {METHOD} is possible here")]
    MethodNotAllowed,
    /// 401.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// 413.
    #[error(
        "the body has {0} bytes, at most {MAX_BODY_BYTES} are possible: ask for fewer rooms at a time"
    )]
    TooLarge(usize),
    /// 400.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// 503, with `Retry-After`: DynamoDB throttles, is out of reach, or the rooms change faster than they can be read.
    /// The cause is the operator's business and goes to the log.
    #[error("the history cannot be read at the moment: try again")]
    Unavailable(#[source] ReadError),
    /// 503, with `Retry-After`: the invocation's time is nearly over.
    #[error("the history could not be read in time: try again")]
    TimeOver,
    /// 500. The cause goes to the log; a client could do nothing with it.
    #[error("internal error")]
    Internal(#[source] ReadError),
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match &error {
            ReadError::Table(failure) if failure.kind == FailureKind::Refused => {
                ApiError::Internal(error)
            }
            ReadError::BadRow(_) => ApiError::Internal(error),
            ReadError::Table(_) | ReadError::Changing(_) => ApiError::Unavailable(error),
        }
    }
}

impl ApiError {
    pub fn status(&self) -> StatusCode {
        match self {
            ApiError::NotFound => StatusCode::NOT_FOUND,
            ApiError::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ApiError::Denied(_) => StatusCode::UNAUTHORIZED,
            ApiError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            ApiError::Invalid(_) => StatusCode::BAD_REQUEST,
            ApiError::Unavailable(_) | ApiError::TimeOver => StatusCode::SERVICE_UNAVAILABLE,
            ApiError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
