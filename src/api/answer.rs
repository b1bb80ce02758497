//! The standard envelope: `status`, `msg` and, on success only, `result`. No other field, because
//! strict protobuf decoders in some SDKs reject what they do not know; where the [dialect] is that
//! of a plugNmeet server, `status_code`, too.
//!
//! [dialect]: super::dialect

use lambda_http::http::{HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use serde::Serialize;

use super::dialect::{self, Integer, Rooms};
use super::error::{ApiError, RETRY_AFTER_SECONDS};
use super::request::FetchPastRooms;
use super::route::METHOD;
use crate::config::Dialect;
use crate::page::Page;

/// `msg` of an answer with rooms.
const SUCCESS: &str = "success";

#[derive(Serialize)]
struct Envelope<'a> {
    status: bool,
    msg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<dialect::StatusCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<PastRoomsResult<'a>>,
}

#[derive(Serialize)]
struct PastRoomsResult<'a> {
    total_rooms: Integer<u64>,
    from: u64,
    limit: usize,
    order_by: &'a str,
    rooms_list: Rooms<'a>,
}

/// Bytes of an answer that Lambda sends at the most, with what it adds to the body left over.
///
/// Source: AWS Lambda Developer Guide, "Lambda quotas", *Invocation payload*: 6 MB, which Lambda
/// takes for 6 291 556 bytes.
const MAX_ANSWER_BYTES: usize = 6_291_556 - 4096;

/// The answer with a page.
///
/// # Errors
/// [`ApiError::PageTooLarge`] if Lambda could not send it.
pub fn page(
    dialect: Dialect,
    request: &FetchPastRooms,
    page: &Page,
) -> Result<Response<Body>, ApiError> {
    let envelope = if page.total == 0 {
        Envelope {
            status: false,
            msg: dialect.nothing_found(),
            status_code: dialect.status_code(dialect::StatusCode::NotFound),
            result: None,
        }
    } else {
        Envelope {
            status: true,
            msg: SUCCESS,
            status_code: dialect.status_code(dialect::StatusCode::Success),
            result: Some(PastRoomsResult {
                total_rooms: dialect.integer(page.total),
                from: request.query.from,
                limit: request.query.limit,
                order_by: &request.order_by,
                rooms_list: dialect.rooms(&page.sessions),
            }),
        }
    };
    let response = respond(StatusCode::OK, &envelope);
    let bytes = sent_bytes(response.body());
    if bytes > MAX_ANSWER_BYTES {
        let limit = (page.sessions.len() * MAX_ANSWER_BYTES / bytes).max(1);
        return Err(ApiError::PageTooLarge { bytes, limit });
    }
    Ok(response)
}

/// The bytes that a body takes in a function's answer, which is JSON and holds it as a string:
/// quotes and backslashes are escaped. (Control characters are escaped in the body already.)
fn sent_bytes(body: &[u8]) -> usize {
    body.len() + body.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

/// The answer to a request that ended in an error.
pub fn error(dialect: Dialect, error: &ApiError) -> Response<Body> {
    let msg = error.to_string();
    let status_code = dialect.status_code(error.status_code());
    let envelope = Envelope { status: false, msg: &msg, status_code, result: None };
    let status = dialect.http_status(error.status());
    let mut response = respond(status, &envelope);
    let headers = response.headers_mut();
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            headers.extend(
                HeaderValue::from_str(METHOD.as_str()).map(|method| (header::ALLOW, method)),
            );
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        _ => {}
    }
    response
}

fn respond(status: StatusCode, envelope: &Envelope<'_>) -> Response<Body> {
    // Strings, numbers and lists of them: there is nothing in an envelope that JSON cannot say.
    let (status, body) = match serde_json::to_string(envelope) {
        Ok(body) => (status, Body::Text(body)),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Body::Empty),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
