//! Events of API Gateway and Function URLs, before `lambda_http` makes requests of them.
//!
//! `lambda_http` 1.3 builds a URL of the host, the path and the query string, and decodes base64
//! bodies. Where it cannot, it panics, and the client gets an error of API Gateway's instead of an
//! answer. So what cannot be a URL or base64 is taken out here, and the request is
//! [answered](super::handler) with 400. This endpoint needs neither host nor query string.

use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::http::uri::{Authority, PathAndQuery};
use lambda_http::http::{HeaderMap, header};
use lambda_http::request::LambdaRequest;
use lambda_http::{LambdaEvent, Request, RequestExt, Service};

/// Why an event is no HTTP request: names the part and what to send instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedEvent {
    /// The host is invalid.
    #[error("the header Host is not a host name: send the name that the request goes to")]
    Host,
    /// The query string cannot be in a URL.
    #[error("the query string cannot be in a URL: percent-encode it, or leave it out")]
    QueryString,
    /// The body is marked as base64 and is not.
    #[error("the body is marked as base64, but cannot be decoded: send it as it is")]
    Base64,
}

/// The stage variable that carries a [`MalformedEvent`] through `lambda_http`. Clients cannot set
/// stage variables, and API Gateway allows no space in their names.
const MARK: &str = "malformed event";

const HEADER_OF_SCHEME: &str = "x-forwarded-proto";

impl MalformedEvent {
    const ALL: [MalformedEvent; 3] =
        [MalformedEvent::Host, MalformedEvent::QueryString, MalformedEvent::Base64];

    /// Returns the error in the event that a request was made of.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let variables = request.stage_variables_ref()?;
        let mark = variables.first(MARK)?;
        MalformedEvent::ALL.into_iter().find(|malformed| malformed.to_string() == mark)
    }
}

/// Takes out of an event what would make `lambda_http` panic, and marks the event where that was
/// wrong.
pub fn check(event: &mut LambdaRequest) {
    match event {
        LambdaRequest::ApiGatewayV1(event) => {
            let malformed = check_host(&mut event.headers)
                .or(check_body(&mut event.body, &mut event.is_base64_encoded));
            check_host(&mut event.multi_value_headers);
            event.request_context.domain_name = None;
            event.query_string_parameters = QueryMap::default();
            event.multi_value_query_string_parameters = QueryMap::default();
            check_path(&mut event.path);
            mark(&mut event.stage_variables, malformed);
        }
        LambdaRequest::ApiGatewayV2(event) => {
            let malformed = check_host(&mut event.headers)
                .or(check_query(&mut event.raw_query_string))
                .or(check_body(&mut event.body, &mut event.is_base64_encoded));
            event.request_context.domain_name = None;
            check_path(&mut event.raw_path);
            mark(&mut event.stage_variables, malformed);
        }
        // Other events are not served.
        _ => {}
    }
}

/// Takes the host, and the scheme that a proxy saw, out of the headers.
fn check_host(headers: &mut HeaderMap) -> Option<MalformedEvent> {
    headers.remove(HEADER_OF_SCHEME);
    let host = headers.remove(header::HOST)?;
    Authority::try_from(host.as_bytes()).err().map(|_| MalformedEvent::Host)
}

fn check_query(query: &mut Option<String>) -> Option<MalformedEvent> {
    let query = query.take()?;
    PathAndQuery::try_from(format!("/?{query}")).err().map(|_| MalformedEvent::QueryString)
}

/// Without a host, only a path that begins with a slash makes a URL, and only one of bounded length.
fn check_path(path: &mut Option<String>) {
    /// More than API Gateway takes, and far more than this endpoint's.
    const MAX_PATH_BYTES: usize = 16 * 1024;
    if let Some(path) = path {
        if path.len() > MAX_PATH_BYTES {
            path.clear();
        }
        if !path.starts_with('/') {
            path.insert(0, '/');
        }
    }
}

fn check_body(body: &mut Option<String>, is_base64: &mut bool) -> Option<MalformedEvent> {
    let text = body.as_ref().filter(|_| *is_base64)?;
    STANDARD.decode(text).err()?;
    *body = None;
    *is_base64 = false;
    Some(MalformedEvent::Base64)
}

fn mark(
    variables: &mut std::collections::HashMap<String, String>,
    malformed: Option<MalformedEvent>,
) {
    variables.remove(MARK);
    variables.extend(malformed.map(|malformed| (MARK.to_owned(), malformed.to_string())));
}

/// A service that [checks](check) every event and passes it on.
#[derive(Debug, Clone)]
pub struct CheckedEvents<S>(pub S);

impl<S: Service<LambdaEvent<LambdaRequest>>> Service<LambdaEvent<LambdaRequest>>
    for CheckedEvents<S>
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut event: LambdaEvent<LambdaRequest>) -> S::Future {
        check(&mut event.payload);
        self.0.call(event)
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
