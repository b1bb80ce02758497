//! Plain HTTP in front of the function's own handler.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lambda_http::RequestExt;
use past_rooms::api::handler::{App, handle};

/// Bytes of a request that Lambda passes on at the most.
///
/// Source: AWS Lambda Developer Guide, "Lambda quotas", *Invocation payload*.
const MAX_REQUEST_BYTES: usize = 6 * 1024 * 1024;

/// A service that gives every request to the handler.
pub fn router(app: Arc<App>) -> Router {
    Router::new().fallback(answer).with_state(app)
}

async fn answer(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_REQUEST_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path().to_owned();
    let request = lambda_http::Request::from_parts(parts, lambda_http::Body::Binary(body.to_vec()));
    let response = handle(&app, request.with_raw_http_path(&path)).await;
    response.map(|body| Body::from(body.as_ref().to_vec()))
}
