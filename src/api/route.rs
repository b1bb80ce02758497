//! Which requests are for this endpoint.

use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyRequestContext;
use lambda_http::http::Method;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

/// The paths of the endpoint: as the SDKs call it (their base path is `/auth`), and as its documentation writes it.
pub const PATHS: [&str; 2] = ["/auth/room/fetchPastRooms", "/room/fetchPastRooms"];

/// The only method of the endpoint.
pub const METHOD: Method = Method::POST;

/// Why a request is not for this endpoint: says where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// Any other path.
    #[error("there is nothing at this path: send {METHOD} {}", PATHS.join(" or "))]
    NotFound,
    /// Any other method.
    #[error("method not allowed: use {METHOD}")]
    MethodNotAllowed,
}

/// The path of [`PATHS`] that a request is for. A doubled or trailing slash makes no difference:
/// clients whose base URL ends with a slash send `//auth/…`.
///
/// Behind a stage the path has the stage's name in front (HTTP APIs send it that way), and behind a custom domain its
/// base path; then the route that API Gateway matched counts.
///
/// # Errors
/// [`RouteError`] for any other path or method.
pub fn route(request: &Request) -> Result<&'static str, RouteError> {
    let context = request.request_context_ref();
    let stage = context.and_then(stage).filter(|stage| *stage != "$default");
    let path = with_single_slashes(request.raw_http_path());
    let without_stage = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    let matched = context.and_then(matched_route).map(with_single_slashes);
    let candidates = [Some(&*path), without_stage, matched.as_deref()];
    let route = PATHS
        .into_iter()
        .find(|known| candidates.contains(&Some(known)))
        .ok_or(RouteError::NotFound)?;
    if request.method() == METHOD { Ok(route) } else { Err(RouteError::MethodNotAllowed) }
}

/// A path without its empty segments.
fn with_single_slashes(path: &str) -> String {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .flat_map(|segment| ["/", segment])
        .collect()
}

fn stage(context: &RequestContext) -> Option<&str> {
    match context {
        RequestContext::ApiGatewayV1(ApiGatewayProxyRequestContext { stage, .. }) => {
            stage.as_deref()
        }
        RequestContext::ApiGatewayV2(context) => context.stage.as_deref(),
        _ => None,
    }
}

/// The path of the route that API Gateway matched: `resourcePath` of a REST API, `routeKey` (`POST /path`) of an HTTP
/// API.
fn matched_route(context: &RequestContext) -> Option<&str> {
    match context {
        RequestContext::ApiGatewayV1(context) => context.resource_path.as_deref(),
        RequestContext::ApiGatewayV2(context) => context.route_key.as_deref()?.split(' ').nth(1),
        _ => None,
    }
}
