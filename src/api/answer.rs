//! The standard envelope: `status`, `msg` and, on success only, `result`; in the [dialect] of a plugNmeet
//! server also `status_code`. It has no other fields, because strict protobuf decoders in some SDKs reject
//! unknown ones.
//!
//! [dialect]: super::dialect

use lambda_http::http::{HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use serde::Serialize;

use super::dialect::{self, Integer, RoomsList};
use super::error::{ApiError, MAX_ANSWER_BYTES, RETRY_AFTER_SECONDS};
use super::request::FetchPastRooms;
use super::route::METHOD;
use crate::lambda::config::Dialect;
use crate::page::Page;

/// `msg` of an answer with rooms.
const SUCCESS: &str = "success";

/// The answer to a browser's preflight request. API Gateway adds the headers that allow requests.
pub fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

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
    rooms_list: RoomsList<'a>,
}

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
        return Err(ApiError::PageTooLarge { limit });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::auth::AuthError;
    use crate::api::request::InvalidRequest;
    use crate::api::route::RouteError;
    use crate::page::{Order, PageQuery};
    use crate::table::rows::past_room::PastRoom;
    use serde_json::{Value, json};

    /// The documented answer with a page.
    fn page(query: &PageQuery, page: &Page) -> Result<Response<Body>, ApiError> {
        let order_by = query.order.to_string();
        let request = FetchPastRooms { query: query.clone(), order_by };
        super::page(Dialect::Documented, &request, page)
    }

    fn body(response: &Response<Body>) -> Value {
        assert_eq!(response.headers()["content-type"], "application/json");
        serde_json::from_slice(response.body().as_ref()).expect("JSON")
    }

    fn room(analytics: Option<&str>) -> PastRoom {
        PastRoom {
            room_title: "T".to_owned(),
            room_id: "room01".to_owned(),
            room_sid: "SID_x".to_owned(),
            joined_participants: 3,
            webhook_url: String::new(),
            created: "2026-11-22T10:00:00.000Z".to_owned(),
            ended: String::new(),
            analytics_file_id: analytics.map(str::to_owned),
        }
    }

    #[test]
    fn page_has_only_documented_fields() {
        let query = PageQuery::new(["room01"]).from(5).limit(2).order(Order::Asc);
        let sessions = vec![room(None), room(Some("file")), room(Some(""))];
        let response = page(&query, &Page { total: 8, sessions }).expect("a page");
        assert_eq!(response.status(), 200);
        let without = json!({
            "room_title": "T", "room_id": "room01", "room_sid": "SID_x", "joined_participants": 3,
            "webhook_url": "", "created": "2026-11-22T10:00:00.000Z", "ended": "",
        });
        let mut with = without.clone();
        with["analytics_file_id"] = "file".into();
        assert_eq!(
            body(&response),
            json!({"status": true, "msg": "success", "result": {
                "total_rooms": 8, "from": 5, "limit": 2, "order_by": "ASC",
                "rooms_list": [without, with, without],
            }})
        );
    }

    #[test]
    fn preflight_has_no_content() {
        let response = preflight();
        assert_eq!((response.status(), response.body().len()), (StatusCode::NO_CONTENT, 0));
    }

    #[test]
    fn page_beyond_the_end_succeeds_and_no_rooms_fail() {
        let query = PageQuery::new(["room01"]).from(9);
        let response = page(&query, &Page { total: 8, sessions: vec![] }).expect("a page");
        let result = &body(&response)["result"];
        assert_eq!((&result["total_rooms"], &result["rooms_list"]), (&json!(8), &json!([])));
        let response = page(&query, &Page { total: 0, sessions: vec![] }).expect("a page");
        assert_eq!(response.status(), 200);
        assert_eq!(body(&response), json!({"status": false, "msg": "no info found"}));
    }

    #[test]
    fn answer_limit_leaves_room_for_lambda() {
        let lambda_sends = 6_291_556;
        let added = lambda_sends - MAX_ANSWER_BYTES;
        assert!((2048..=8192).contains(&added), "{added}");
    }

    #[test]
    fn too_large_page_names_a_limit_that_fits() {
        let query = PageQuery::new(["room01"]);
        let with_titles = |rooms: usize, title: &str| {
            let room = PastRoom { room_title: title.to_owned(), ..room(None) };
            page(&query, &Page { total: 100, sessions: vec![room; rooms] })
        };
        // As a string in JSON a quote takes two bytes, and escaped in the body four.
        for title in ["x".repeat(400_000), "\"".repeat(100_000)] {
            assert!(with_titles(15, &title).is_ok());
            let error = with_titles(20, &title).expect_err("8 MB");
            assert_eq!(error.status(), 413);
            assert!(error.to_string().contains("a limit of at most 15"), "{error}");
        }
        let error = with_titles(1, &"x".repeat(7_000_000)).expect_err("7 MB");
        assert!(error.to_string().contains("a limit of at most 1"), "{error}");
        // The last byte that fits, and the next.
        let envelope = with_titles(1, "").expect("a page").body().as_ref().to_vec();
        let room_left = MAX_ANSWER_BYTES - sent_bytes(&envelope);
        assert!(with_titles(1, &"x".repeat(room_left)).is_ok());
        assert!(with_titles(1, &"x".repeat(room_left + 1)).is_err());
    }

    #[test]
    fn error_has_status_message_and_headers() {
        for (api_error, status, header, msg) in [
            (ApiError::from(RouteError::NotFound), 404, None, "fetchPastRooms"),
            (RouteError::MethodNotAllowed.into(), 405, Some(("allow", "POST")), "use POST"),
            (AuthError::MissingKey.into(), 401, None, "API-KEY"),
            (ApiError::TooLarge(300_000), 413, None, "300000 bytes"),
            (InvalidRequest::MissingRooms.into(), 400, None, "room_ids"),
            (ApiError::DeadlineExceeded, 503, Some(("retry-after", "1")), "try again"),
        ] {
            let response = error(Dialect::Documented, &api_error);
            assert_eq!(response.status(), status);
            let body = body(&response);
            assert_eq!((&body["status"], body.get("result")), (&json!(false), None));
            let text = body["msg"].as_str().expect("a message");
            assert!(text.contains(msg), "{text}");
            assert_eq!(response.headers().len(), 1 + usize::from(header.is_some()));
            if let Some((name, value)) = header {
                assert_eq!(response.headers()[name], value);
            }
        }
    }
}
