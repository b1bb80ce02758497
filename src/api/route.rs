//! Which requests are for this endpoint.

use lambda_http::http::{Method, header};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

/// The paths of the endpoint: as the SDKs call it (their base path is `/auth`), and as its
/// documentation writes it.
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
/// The path's end decides: a stage's name or a custom domain's base path may stand before it. If API
/// Gateway rewrote the path, the route that it matched counts.
///
/// # Errors
/// [`RouteError`] for any other path or method.
pub fn route(request: &Request) -> Result<&'static str, RouteError> {
    let path = with_single_slashes(request.raw_http_path());
    let context = request.request_context_ref();
    let matched = context.and_then(matched_route).map(with_single_slashes);
    let is_for = |known: &&str| path.ends_with(*known) || matched.as_deref() == Some(*known);
    let route = PATHS.into_iter().find(is_for).ok_or(RouteError::NotFound)?;
    if request.method() == METHOD { Ok(route) } else { Err(RouteError::MethodNotAllowed) }
}

/// Whether a browser asks if a page of another origin may send a request.
///
/// An HTTP API with CORS answers that itself only where no route takes `OPTIONS`, and this endpoint's
/// take every method. To any success it adds its headers; where it has no CORS, browsers send nothing.
pub fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// A path without its empty segments.
fn with_single_slashes(path: &str) -> String {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .flat_map(|segment| ["/", segment])
        .collect()
}

/// The path of the route that API Gateway matched: `resourcePath` of a REST API, `routeKey`
/// (`POST /path`) of an HTTP API.
fn matched_route(context: &RequestContext) -> Option<&str> {
    match context {
        RequestContext::ApiGatewayV1(context) => context.resource_path.as_deref(),
        RequestContext::ApiGatewayV2(context) => context.route_key.as_deref()?.split(' ').nth(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::http;
    use lambda_http::{Body, request};
    use serde_json::json;

    fn http_api(path: &str, stage: &str, route_key: &str) -> Result<&'static str, RouteError> {
        let event = json!({
            "version": "2.0",
            "rawPath": path,
            "headers": {},
            "requestContext": {
                "http": {"method": "POST", "path": path},
                "stage": stage,
                "routeKey": route_key,
            },
            "isBase64Encoded": false,
        });
        route(&request::from_str(&event.to_string()).expect("an event"))
    }

    fn rest_api(path: &str, stage: &str, resource: &str) -> Result<&'static str, RouteError> {
        let event = json!({
            "path": path,
            "resource": resource,
            "httpMethod": "POST",
            "headers": {},
            "multiValueHeaders": {},
            "requestContext": {"stage": stage, "httpMethod": "POST", "resourcePath": resource},
            "isBase64Encoded": false,
        });
        route(&request::from_str(&event.to_string()).expect("an event"))
    }

    #[test]
    fn preflight_is_recognised_by_its_headers() {
        let is_preflight = |method: &str, headers: &[&str]| {
            let mut request = http::Request::builder().method(method);
            for name in headers {
                request = request.header(*name, "x");
            }
            is_preflight(&request.body(Body::Empty).expect("a request"))
        };
        let (origin, asked) = ("origin", "access-control-request-method");
        assert!(is_preflight("OPTIONS", &[origin, asked]));
        assert!(!is_preflight("POST", &[origin, asked]));
        assert!(!is_preflight("OPTIONS", &[origin]) && !is_preflight("OPTIONS", &[asked]));
    }

    #[test]
    fn path_is_found_behind_any_prefix() {
        for path in PATHS {
            let staged = format!("/prod{path}");
            assert_eq!(http_api(path, "$default", "$default"), Ok(path));
            assert_eq!(http_api(&staged, "prod", "$default"), Ok(path));
            assert_eq!(rest_api(path, "prod", "/{proxy+}"), Ok(path));
            assert_eq!(rest_api(&staged, "prod", "/{proxy+}"), Ok(path));
            // Behind a custom domain's base path, also with a greedy route.
            let based = format!("/custom{path}");
            for route_key in ["$default", "POST /{proxy+}", &format!("POST {path}")] {
                assert_eq!(http_api(&based, "$default", route_key), Ok(path));
            }
            assert_eq!(rest_api(&based, "prod", "/{proxy+}"), Ok(path));
        }
    }

    #[test]
    fn other_paths_are_not_found() {
        let path = PATHS[1];
        for (other, stage) in [
            ("/", "$default"),
            ("/room/fetchPastRoomsX", "$default"),
            ("/broom/fetchPastRooms", "prod"),
            ("/room/fetchPastRooms/more", "prod"),
        ] {
            assert_eq!(http_api(other, stage, "$default"), Err(RouteError::NotFound), "{other}");
            assert_eq!(rest_api(other, stage, "/{proxy+}"), Err(RouteError::NotFound), "{other}");
        }
        // A route key is not a path.
        assert_eq!(http_api("/", "$default", path), Err(RouteError::NotFound));
    }

    #[test]
    fn only_post_on_an_existing_path_is_allowed() {
        let at = |method: Method, path: &str| {
            let request = http::Request::builder().method(method).body(Body::Empty);
            route(&request.expect("a request").with_raw_http_path(path))
        };
        assert_eq!(at(Method::POST, PATHS[0]), Ok(PATHS[0]));
        for method in [Method::GET, Method::PUT, Method::OPTIONS] {
            assert_eq!(at(method.clone(), PATHS[0]), Err(RouteError::MethodNotAllowed));
            assert_eq!(at(method, "/"), Err(RouteError::NotFound));
        }
        let message = RouteError::NotFound.to_string();
        assert!(PATHS.iter().all(|path| message.contains(path)), "{message}");
        assert!(RouteError::MethodNotAllowed.to_string().contains("POST"));
    }
}
