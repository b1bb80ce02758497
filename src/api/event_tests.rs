//! Events that `lambda_http` could not take, and what is made of them.

use std::collections::HashMap;

use lambda_http::Body;
use serde_json::{Value, json};

use super::*;

fn query(text: &str) -> Option<MalformedEvent> {
    let mut query = Some(text.to_owned());
    let malformed = check_query(&mut query);
    assert_eq!(query, None, "it is taken out");
    malformed
}

#[test]
fn only_impossible_query_strings_are_malformed() {
    for text in ["", "a=1", "a=%22&b"] {
        assert_eq!(query(text), None, "{text}");
    }
    for text in ["a b", "a=\"\n"] {
        assert_eq!(query(text), Some(MalformedEvent::QueryString), "{text}");
    }
    assert_eq!(check_query(&mut None), None);
}

#[test]
fn path_begins_with_a_slash_and_is_bounded() {
    let checked = |path: &str| {
        let mut path = Some(path.to_owned());
        check_path(&mut path);
        path.unwrap_or_default()
    };
    assert_eq!((&*checked("/a"), &*checked("a"), &*checked("")), ("/a", "/a", "/"));
    let longest = format!("/{}", "a".repeat(16 * 1024 - 1));
    assert_eq!(checked(&longest), longest);
    assert_eq!(checked(&format!("{longest}a")), "/");
}

#[test]
fn invalid_base64_body_is_removed() {
    let checked = |text: &str, is_base64: bool| {
        let (mut body, mut marked) = (Some(text.to_owned()), is_base64);
        (check_body(&mut body, &mut marked), body.is_some(), marked)
    };
    assert_eq!(checked("!", true), (Some(MalformedEvent::Base64), false, false));
    assert_eq!(checked("YQ==", true), (None, true, true));
    assert_eq!(checked("!", false), (None, true, false));
}

/// The event of a REST API, and that of an HTTP API, with a host, a query, and a body of this kind.
fn events(host: &str, query: &str, body: &str, is_base64: bool) -> [Value; 2] {
    let rest = json!({
        "resource": "/{proxy+}", "path": "/auth/room/fetchPastRooms", "httpMethod": "POST",
        "headers": {"Host": host}, "multiValueHeaders": {"Host": [host]},
        "queryStringParameters": {"a": "b c"}, "multiValueQueryStringParameters": {"a": ["b c"]},
        "stageVariables": {MARK: "of the client"},
        "requestContext": {"domainName": "exa mple", "httpMethod": "POST", "identity": {}},
        "body": body, "isBase64Encoded": is_base64,
    });
    let http = json!({
        "version": "2.0", "rawPath": "/auth/room/fetchPastRooms", "rawQueryString": query,
        "headers": {"host": host}, "stageVariables": {MARK: "of the client"},
        "requestContext": {
            "domainName": "exa mple", "accountId": "1", "apiId": "a", "stage": "$default",
            "requestId": "r", "routeKey": "$default", "time": "t", "timeEpoch": 1,
            "http": {"method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"},
        },
        "body": body, "isBase64Encoded": is_base64,
    });
    [rest, http]
}

/// Returns the error that the handler finds in the request made of an event.
fn malformed(event: &Value) -> Option<MalformedEvent> {
    let mut event: LambdaRequest = serde_json::from_value(event.clone()).expect("an event");
    check(&mut event);
    MalformedEvent::of(&Request::from(event))
}

#[test]
fn event_problem_is_passed_to_the_handler() {
    let all = |host, query, body, is_base64| {
        events(host, query, body, is_base64).map(|event| malformed(&event))
    };
    // Whatever the client says of it.
    assert_eq!(all("example.org", "a=1", "{}", false), [None, None]);
    assert_eq!(all("exa mple", "a=1", "{}", false), [Some(MalformedEvent::Host); 2]);
    assert_eq!(all("example.org", "a=1", "!", true), [Some(MalformedEvent::Base64); 2]);
    // A REST API sends no raw query string.
    assert_eq!(all("example.org", "a b", "{}", false), [None, Some(MalformedEvent::QueryString)]);
    assert_eq!(MalformedEvent::of(&Request::new(Body::Empty)), None);
}

#[test]
fn marking_keeps_other_stage_variables() {
    let mut variables = HashMap::from(
        [("a", "b"), (MARK, "x")].map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    mark(&mut variables, None);
    assert_eq!(variables, HashMap::from([("a".to_owned(), "b".to_owned())]));
    mark(&mut variables, Some(MalformedEvent::Host));
    assert_eq!(variables.len(), 2);
}

/// A service that is never ready.
struct Busy;

impl Service<LambdaEvent<LambdaRequest>> for Busy {
    type Response = ();
    type Error = ();
    type Future = std::future::Ready<Result<(), ()>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Pending
    }

    fn call(&mut self, _: LambdaEvent<LambdaRequest>) -> Self::Future {
        std::future::ready(Ok(()))
    }
}

#[test]
fn events_wait_for_the_inner_service() {
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(CheckedEvents(Busy).poll_ready(&mut context).is_pending());
}
