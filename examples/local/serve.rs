//! Plain HTTP in front of the functions' own handlers.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lambda_http::RequestExt;
use past_rooms::api::handler::App;
use past_rooms::{api, webhook};

/// Bytes of a request that Lambda passes on at the most.
///
/// Source: AWS Lambda Developer Guide, "Lambda quotas", *Invocation payload*.
const MAX_REQUEST_BYTES: usize = 6 * 1024 * 1024;

/// A service that gives every request to the API's handler, but those to the webhooks' path to
/// theirs.
pub fn router(app: App) -> Router {
    let credentials = app.credentials.clone();
    let webhook = webhook::handler::App { credentials, past_rooms: app.past_rooms.clone() };
    Router::new().fallback(answer).with_state(Arc::new((app, webhook)))
}

async fn answer(
    State(apps): State<Arc<(App, webhook::handler::App)>>,
    request: Request,
) -> Response {
    let (api, webhook) = &*apps;
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_REQUEST_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path().to_owned();
    let request = lambda_http::Request::from_parts(parts, lambda_http::Body::Binary(body.to_vec()));
    let request = request.with_raw_http_path(&path);
    let response = match &*path {
        webhook::handler::PATH => webhook::handler::handle(webhook, request).await,
        _ => api::handler::handle(api, request).await,
    };
    response.map(|body| Body::from(body.as_ref().to_vec()))
}
