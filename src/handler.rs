//! The way of a request: [route](crate::route), [authenticate](crate::auth), [parse](crate::request),
//! [read](crate::page), [answer](crate::answer), and one line in the log.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, RequestExt, Response};
use tracing::Instrument;

use crate::config::ApiCredentials;
use crate::error::ApiError;
use crate::page::{self, Page, PageQuery, ReadError};
use crate::request::MAX_BODY_BYTES;
use crate::table::{Meter, Table};
use crate::{answer, auth, request, route};

/// Time kept of an invocation to answer and to log in.
const TIME_TO_ANSWER: Duration = Duration::from_millis(500);

/// Time for a request that comes without a deadline, as from the local server.
const TIME_WITHOUT_DEADLINE: Duration = Duration::from_secs(10);

/// What the handler needs from one request to the next.
#[derive(Debug, Clone)]
pub struct App {
    pub credentials: ApiCredentials,
    pub table: Table,
}

/// What happened on the way, for the log.
#[derive(Default)]
struct Trail {
    route: Option<&'static str>,
    query: Option<PageQuery>,
    page: Option<(u64, usize)>,
    meter: Meter,
}

/// Answers one request. Whatever goes wrong is an answer, too.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let context = request.lambda_context_ref();
    // At the highest level, so that the id is on every line, whatever the level of the log is.
    let span = tracing::error_span!(
        "invocation",
        request_id = context.map(|context| &*context.request_id)
    );
    answer_and_log(app, request).instrument(span).await
}

async fn answer_and_log(app: &App, request: Request) -> Response<Body> {
    let start = Instant::now();
    let mut trail = Trail::default();
    let response = match answer_request(app, &request, &mut trail).await {
        Ok(response) => response,
        Err(error) => {
            if error.status().is_server_error() {
                log_cause(&error);
            }
            answer::error(&error)
        }
    };
    trail.log(response.status(), start.elapsed());
    response
}

impl Trail {
    /// The one line of a request.
    fn log(&self, status: StatusCode, time: Duration) {
        static WARM: AtomicBool = AtomicBool::new(false);
        let query = self.query.as_ref();
        tracing::info!(
            status = status.as_u16(),
            route = self.route,
            rooms = query.map(|query| query.room_ids.len()),
            from = query.map(|query| query.from),
            limit = query.map(|query| query.limit),
            order_by = query.map(|query| tracing::field::display(query.order)),
            total = self.page.map(|(total, _)| total),
            rows = self.page.map(|(_, rows)| rows),
            dynamodb_requests = self.meter.requests(),
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
    trail: &mut Trail,
) -> Result<Response<Body>, ApiError> {
    trail.route = Some(route::route(request)?);
    let body = request.body().as_ref();
    auth::authenticate(&app.credentials, request.headers(), body)?;
    if body.len() > MAX_BODY_BYTES {
        return Err(ApiError::TooLarge(body.len()));
    }
    let query = trail.query.insert(request::parse(body)?);
    let page = read_in_time(app, query, time_to_read(request), &trail.meter).await?;
    trail.page = Some((page.total, page.rooms.len()));
    Ok(answer::page(query, &page))
}

async fn read_in_time(
    app: &App,
    query: &PageQuery,
    time: Duration,
    meter: &Meter,
) -> Result<Page, ApiError> {
    match tokio::time::timeout(time, page::read_page(&app.table, query, meter)).await {
        Ok(read) => read.map_err(ReadError::into),
        Err(_) => Err(ApiError::TimeOver),
    }
}

/// The time until an answer must be begun. A deadline in the past is none: `cargo lambda watch` sends ten minutes after
/// the beginning of 1970.
fn time_to_read(request: &Request) -> Duration {
    request
        .lambda_context_ref()
        .and_then(|context| {
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(context.deadline))
        })
        .and_then(|deadline| deadline.duration_since(SystemTime::now()).ok())
        .map_or(TIME_WITHOUT_DEADLINE, |left| {
            left.saturating_sub(TIME_TO_ANSWER)
        })
}

fn log_cause(error: &ApiError) {
    let cause = error.source().map(ToString::to_string);
    let cause = cause
        .as_deref()
        .unwrap_or("the invocation's deadline is near");
    tracing::error!(
        status = error.status().as_u16(),
        cause,
        "no page could be read"
    );
}
