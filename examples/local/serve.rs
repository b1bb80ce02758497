//! Plain HTTP in front of the functions' own handlers, and the page for browsers.

use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use lambda_http::RequestExt;
use past_rooms::api::handler::App;
use past_rooms::{Meter, api, webhook};
use serde_json::json;

use crate::{page, usual};

/// Maximum number of bytes of a request that Lambda passes on.
///
/// Source: AWS Lambda Developer Guide, "Lambda quotas", *Invocation payload*.
const MAX_REQUEST_BYTES: usize = 6 * 1024 * 1024;

/// Headers with the cost of an answer, which only the local run adds.
const REQUESTS_HEADER: HeaderName = HeaderName::from_static("x-dynamodb-requests");
const UNITS_HEADER: HeaderName = HeaderName::from_static("x-read-units");
const TIME_HEADER: HeaderName = HeaderName::from_static("server-timing");

struct Apps {
    api: App,
    webhook: webhook::handler::App,
}

/// Returns a service with the API, the webhooks and, at `/`, the page for browsers.
pub fn router(api: App) -> Router {
    let credentials = api.credentials.clone();
    let webhook = webhook::handler::App { credentials, past_rooms: api.past_rooms.clone() };
    Router::new()
        .route("/", get(show_page).fallback(answer))
        .route(page::ROOMS_PATH, get(list_rooms))
        .fallback(answer)
        .with_state(Arc::new(Apps { api, webhook }))
}

async fn show_page(State(apps): State<Arc<Apps>>) -> Response {
    page::page(&apps.api)
}

async fn list_rooms(State(apps): State<Arc<Apps>>) -> Response {
    page::room_ids(&apps.api).await
}

async fn answer(State(apps): State<Arc<Apps>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_REQUEST_BYTES).await else {
        // Like what API Gateway answers itself, this is in no dialect.
        let msg = format!("the body is larger than {MAX_REQUEST_BYTES} bytes");
        let envelope = Json(json!({"status": false, "msg": msg}));
        return (StatusCode::PAYLOAD_TOO_LARGE, envelope).into_response();
    };
    let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
    let request = lambda_http::Request::from_parts(parts, lambda_http::Body::Binary(body.to_vec()));
    let mut request = request.with_raw_http_path(&path);
    let meter = Arc::new(Meter::default());
    request.extensions_mut().insert(Arc::clone(&meter));
    let start = Instant::now();
    let mut response = match &*path {
        webhook::handler::PATH => webhook::handler::handle(&apps.webhook, request).await,
        usual::PATH if method == Method::POST => usual::handle(&apps.api, &request, &meter).await,
        _ => api::handler::handle(&apps.api, request).await,
    };
    if path != webhook::handler::PATH {
        add_cost(response.headers_mut(), &meter, start);
    }
    response.map(|body| Body::from(body.as_ref().to_vec()))
}

/// Adds its cost to an answer.
fn add_cost(headers: &mut HeaderMap, meter: &Meter, start: Instant) {
    let milliseconds = start.elapsed().as_micros() as f64 / 1000.0;
    for (name, value) in [
        (REQUESTS_HEADER, meter.requests().to_string()),
        (UNITS_HEADER, meter.units().to_string()),
        (TIME_HEADER, format!("total;dur={milliseconds}")),
    ] {
        headers.extend(HeaderValue::from_str(&value).map(|value| (name, value)));
    }
}
