//! The steps of a webhook: [verify], [parse](super::event), [take](crate::meeting::take),
//! answer, and one line in the log.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use lambda_http::http::{HeaderValue, header};
use lambda_http::{Body, Request, RequestExt, Response};
use serde_json::json;
use tracing::Instrument;

use super::error::{MAX_BODY_BYTES, METHOD, WebhookError};
use super::{event, verify};
use crate::api::credentials::Credentials;
use crate::api::event::MalformedEvent;
use crate::api::handler::time_to_answer;
use crate::meeting::state::Kind;
use crate::meeting::{self, MeetingOutcome};
use crate::past_rooms::PastRooms;
use crate::table::Meter;

/// The path of the local run and of the template. The function itself accepts any path.
pub const PATH: &str = "/webhook";

/// The handler's state from one webhook to the next.
#[derive(Debug, Clone)]
pub struct App {
    /// The credentials with which servers sign.
    pub credentials: Credentials,
    /// The history that is filled.
    pub past_rooms: PastRooms,
}

/// Attributes of a webhook for its line in the log.
#[derive(Default)]
struct EventLog {
    kind: Option<Kind>,
    outcome: Option<MeetingOutcome>,
    meter: Arc<Meter>,
}

/// Answers one webhook. Every failure is an answer, too.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let context = request.lambda_context_ref();
    let span = tracing::error_span!(
        "invocation",
        request_id = context.map(|context| &*context.request_id)
    );
    answer_and_log(app, request).instrument(span).await
}

async fn answer_and_log(app: &App, request: Request) -> Response<Body> {
    let start = Instant::now();
    let mut log = EventLog::default();
    let taken = take(app, &request, &mut log).await;
    let (status, msg) = match &taken {
        Ok(msg) => (200, (*msg).to_owned()),
        Err(error) => (error.status().as_u16(), error.to_string()),
    };
    if let Err(error) = taken.as_ref()
        && !error.status().is_success()
    {
        log_failure(error);
    }
    tracing::info!(
        status,
        event = log.kind.map(Kind::attribute),
        outcome = log.outcome.map(tracing::field::debug),
        dynamodb_requests = log.meter.requests(),
        units = log.meter.units(),
        milliseconds = start.elapsed().as_micros() as f64 / 1000.0,
        "webhook"
    );
    let body = json!({"status": taken.is_ok(), "msg": msg}).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = taken.map_or_else(|error| error.status(), |_| Default::default());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == 405 {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

/// Logs the reason of a refusal, because plugNmeet does not show answers.
fn log_failure(error: &WebhookError) {
    let status = error.status().as_u16();
    match error.source() {
        Some(cause) if error.status().is_server_error() => {
            tracing::error!(status, %cause, "the event was not taken");
        }
        _ if error.status().is_server_error() => {
            tracing::error!(status, cause = %error, "the event was not taken");
        }
        _ => tracing::warn!(status, cause = error.reason(), "the event was refused"),
    }
}

async fn take(
    app: &App,
    request: &Request,
    log: &mut EventLog,
) -> Result<&'static str, WebhookError> {
    if request.method() != METHOD {
        return Err(WebhookError::MethodNotAllowed);
    }
    let now = Timestamp::now().as_second();
    let body = request.body().as_ref();
    // First, so that unsigned requests get 401, whatever else is wrong: other refusals set off an alarm.
    // The event's body exists unless it was not base64, which API Gateway never sends.
    let check = |pair: &_| verify::verify(pair, request.headers(), body, now);
    app.credentials.authenticate(check).await?;
    if let Some(malformed) = MalformedEvent::of(request) {
        return Err(malformed.into());
    }
    if body.len() > MAX_BODY_BYTES {
        return Err(WebhookError::TooLarge(body.len()));
    }
    let Some(notice) = event::parse(body)? else {
        return Ok("not needed");
    };
    log.kind = Some(notice.kind);
    let past_rooms = app.past_rooms.metered(&log.meter);
    let taken = meeting::take(&past_rooms, &notice, now);
    let taken = tokio::time::timeout(time_to_answer(request), taken).await;
    let outcome = taken.map_err(|_| WebhookError::DeadlineExceeded)??;
    log.outcome = Some(outcome);
    Ok(match outcome {
        MeetingOutcome::InProgress | MeetingOutcome::Withdrawn => "noted",
        MeetingOutcome::Recorded | MeetingOutcome::Unchanged => "recorded",
    })
}
