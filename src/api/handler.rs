//! The steps of a request: [route], [authenticate](super::auth),
//! [parse](super::request), [read](crate::page), [answer], and one line in the log.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, RequestExt, Response};
use tracing::Instrument;

use super::error::{ApiError, MAX_ANSWER_BYTES};
use super::event::MalformedEvent;
use super::request::{FetchPastRooms, MAX_BODY_BYTES};
use super::route::RouteError;
use super::{answer, auth, request, route};
use crate::api::credentials::Credentials;
use crate::lambda::config::Dialect;
use crate::lambda::deadline;
use crate::page::{Page, PageQuery};
use crate::past_rooms::PastRooms;
use crate::table::Meter;

/// Time reserved at the end of an invocation to answer and to log.
const TIME_TO_ANSWER: Duration = Duration::from_millis(500);

/// Time for a request that comes without a deadline, as from the local server.
const TIME_WITHOUT_DEADLINE: Duration = Duration::from_secs(10);

/// Maximum number of characters of a path in the log.
const MAX_LOGGED_PATH: usize = 200;

/// The handler's state from one request to the next.
#[derive(Debug, Clone)]
pub struct App {
    /// The credentials of clients.
    pub credentials: Credentials,
    /// The history that is served.
    pub past_rooms: PastRooms,
    /// The form of answers.
    pub dialect: Dialect,
}

/// Attributes of a request for its line in the log.
#[derive(Default)]
struct RequestLog {
    route: Option<&'static str>,
    request: Option<FetchPastRooms>,
    total: Option<u64>,
    rows: Option<usize>,
    /// Why a client's request was refused.
    reason: Option<String>,
    /// The path, if it is unknown.
    path: Option<String>,
    meter: Arc<Meter>,
}

/// Answers one request. Every failure is an answer, too.
///
/// The [`Arc<Meter>`](Meter) among the request's extensions, if any, counts the cost of the page.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let context = request.lambda_context_ref();
    // At the highest level, so that the id is on every line, whatever the log's level is.
    let span = tracing::error_span!(
        "invocation",
        request_id = context.map(|context| &*context.request_id)
    );
    answer_and_log(app, request).instrument(span).await
}

async fn answer_and_log(app: &App, request: Request) -> Response<Body> {
    let start = Instant::now();
    let meter = request.extensions().get::<Arc<Meter>>().cloned().unwrap_or_default();
    let mut log = RequestLog { meter, ..RequestLog::default() };
    // The log has the status before the dialect changes it.
    let (status, response) = match answer_request(app, &request, &mut log).await {
        Ok(response) => (response.status(), response),
        Err(error) => {
            if error.status().is_server_error() {
                log_cause(&error);
            } else {
                log.reason = Some(error.reason());
            }
            if error.status() == StatusCode::NOT_FOUND {
                let path = request.raw_http_path();
                log.path = Some(path.chars().take(MAX_LOGGED_PATH).collect());
            }
            (error.status(), answer::error(app.dialect, &error))
        }
    };
    log.write(status, start.elapsed());
    response
}

impl RequestLog {
    /// Writes the one line of a request.
    fn write(&self, status: StatusCode, time: Duration) {
        static WARM: AtomicBool = AtomicBool::new(false);
        let query = self.request.as_ref().map(|request| &request.query);
        tracing::info!(
            status = status.as_u16(),
            route = self.route,
            rooms = query.map(|query| query.room_ids.len()),
            from = query.map(|query| query.from),
            limit = query.map(|query| query.limit),
            order_by = query.map(|query| tracing::field::display(query.order)),
            total = self.total,
            rows = self.rows,
            dynamodb_requests = self.meter.requests(),
            reason = self.reason.as_deref(),
            path = self.path.as_deref(),
            read_units = self.meter.units(),
            milliseconds = time.as_micros() as f64 / 1000.0,
            cold_start = !WARM.swap(true, Ordering::Relaxed),
            "request"
        );
    }
}

async fn answer_request(
    app: &App,
    request: &Request,
    log: &mut RequestLog,
) -> Result<Response<Body>, ApiError> {
    match route::route(request) {
        Err(RouteError::MethodNotAllowed) if route::is_preflight(request) => {
            return Ok(answer::preflight());
        }
        route => log.route = Some(route?),
    }
    if let Some(malformed) = MalformedEvent::of(request) {
        return Err(malformed.into());
    }
    let body = request.body().as_ref();
    let check = |pair: &_| auth::authenticate(pair, request.headers(), body);
    app.credentials.authenticate(check).await?;
    if body.len() > MAX_BODY_BYTES {
        return Err(ApiError::TooLarge(body.len()));
    }
    let asked = log.request.insert(request::parse(app.dialect, body)?);
    asked.query.max_bytes = Some(MAX_ANSWER_BYTES);
    let past_rooms = app.past_rooms.metered(&log.meter);
    let page = read_in_time(&past_rooms, &asked.query, time_to_answer(request)).await?;
    log.total = Some(page.total);
    log.rows = Some(page.sessions.len());
    answer::page(app.dialect, asked, &page)
}

async fn read_in_time(
    past_rooms: &PastRooms,
    query: &PageQuery,
    time: Duration,
) -> Result<Page, ApiError> {
    match tokio::time::timeout(time, past_rooms.page(query)).await {
        Ok(read) => Ok(read?),
        Err(_) => Err(ApiError::DeadlineExceeded),
    }
}

/// The time until an answer must be begun.
pub(crate) fn time_to_answer(request: &Request) -> Duration {
    request
        .lambda_context_ref()
        .and_then(|context| deadline::time_left(context.deadline))
        .map_or(TIME_WITHOUT_DEADLINE, |left| left.saturating_sub(TIME_TO_ANSWER))
}

fn log_cause(error: &ApiError) {
    let cause = error.source().map(ToString::to_string);
    let cause = cause.as_deref().unwrap_or("the invocation's deadline is near");
    tracing::error!(status = error.status().as_u16(), cause, "no page could be read");
}
