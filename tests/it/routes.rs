//! The events of API Gateway and Function URLs, with and without a stage and a base path in front of the path.

use serde_json::{Value, json};

use crate::support::{Answer, Database, KEY, SECRET, history, request_of, send};

const BODY: &str = r#"{"room_ids":["room01"],"limit":1}"#;

fn headers() -> Value {
    json!({"API-KEY": KEY, "HASH-SIGNATURE": past_rooms::api::auth::sign(SECRET, BODY.as_bytes()), "Host": "h.example.org"})
}

/// An event of an HTTP API or a Function URL (payload 2.0).
fn version_2(raw_path: &str, stage: &str, route_key: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": route_key, "rawPath": raw_path, "rawQueryString": "", "headers": headers(),
        "requestContext": {
            "accountId": "1", "apiId": "a", "domainName": "h.example.org", "requestId": "r", "routeKey": route_key,
            "stage": stage, "time": "t", "timeEpoch": 1,
            "http": {"method": "POST", "path": raw_path, "protocol": "HTTP/1.1", "sourceIp": "::1", "userAgent": "u"}
        },
        "body": BODY, "isBase64Encoded": false
    })
}

/// An event of a REST API (payload 1.0).
fn version_1(path: &str, stage: &str, resource_path: &str) -> Value {
    json!({
        "resource": resource_path, "path": path, "httpMethod": "POST", "headers": headers(),
        "multiValueHeaders": {}, "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": null, "stageVariables": null,
        "requestContext": {
            "accountId": "1", "apiId": "a", "httpMethod": "POST", "identity": {"sourceIp": "::1"}, "requestId": "r",
            "path": format!("/{stage}{path}"), "resourceId": "i", "resourcePath": resource_path, "stage": stage
        },
        "body": BODY, "isBase64Encoded": false
    })
}

async fn answer(event: &Value) -> Answer {
    let database = Database::start().await;
    database.record(&history("room01", 3, 60)).await;
    let request = request_of(&event.to_string());
    send(&database.app(), request).await
}

#[tokio::test]
async fn path_is_found_behind_stages_and_prefixes() {
    for path in ["/auth/room/fetchPastRooms", "/room/fetchPastRooms"] {
        for event in [
            version_2(path, "$default", &format!("POST {path}")),
            version_2(path, "$default", "$default"),
            version_2(&format!("/prod{path}"), "prod", &format!("ANY {path}")),
            version_2(&format!("/prod{path}"), "prod", "$default"),
            version_2(&format!("/history{path}"), "$default", &format!("POST {path}")),
            version_2(&format!("/{path}/"), "$default", "$default"),
            version_2(&format!("//prod/{path}/"), "prod", "$default"),
            version_1(&format!("/{path}/"), "prod", "/{proxy+}"),
            version_1("/history/past", "prod", &format!("{path}/")),
            version_1(path, "prod", path),
            version_1(path, "prod", "/{proxy+}"),
            version_1(&format!("/history{path}"), "prod", path),
            version_1(&format!("/custom{path}"), "prod", "/{proxy+}"),
        ] {
            let answer = answer(&event).await;
            assert_eq!(answer.status, 200, "{event}: {:?}", answer.body);
            assert_eq!(answer.total(), 3);
        }
    }
}

#[tokio::test]
async fn path_with_another_end_is_not_found() {
    for event in [
        version_2("/prodroom/fetchPastRooms", "prod", "$default"),
        version_2("//prodroom/fetchPastRooms/", "prod", "$default"),
        version_1("/other", "prod", "/{proxy+}"),
    ] {
        assert_eq!(answer(&event).await.status, 404, "{event}");
    }
}

/// Asserts that an event is answered with 400 and a message that names the part.
async fn assert_malformed(event: &Value, named: &str) {
    let answer = answer(event).await;
    assert_eq!(answer.status, 400, "{event}: {:?}", answer.body);
    assert_eq!(answer.body["status"], false);
    assert!(answer.msg().contains(named), "{}", answer.msg());
}

#[tokio::test]
async fn impossible_url_is_answered_in_the_envelope() {
    let event = || version_2("/room/fetchPastRooms", "$default", "$default");
    for query in ["a\"b", "a b", "\u{7f}", "<>"] {
        let mut event = event();
        event["rawQueryString"] = query.into();
        assert_malformed(&event, "query string").await;
    }
    for host in ["a b", "[::1", "a/b", "h@", "%"] {
        let mut event = event();
        event["headers"]["Host"] = host.into();
        assert_malformed(&event, "Host").await;
        let mut event = version_1("/room/fetchPastRooms", "prod", "/{proxy+}");
        event["headers"]["Host"] = host.into();
        assert_malformed(&event, "Host").await;
    }
}

#[tokio::test]
async fn invalid_base64_is_answered_in_the_envelope() {
    for body in ["%%%", "YQ", "YQ==YQ==", "ü", "e30=\n"] {
        for mut event in [
            version_2("/room/fetchPastRooms", "$default", "$default"),
            version_1("/room/fetchPastRooms", "prod", "/{proxy+}"),
        ] {
            event["body"] = body.into();
            event["isBase64Encoded"] = true.into();
            assert_malformed(&event, "base64").await;
        }
    }
}

#[tokio::test]
async fn odd_urls_of_valid_requests_are_accepted() {
    let mut event = version_2("/room/fetchPastRooms", "$default", "$default");
    event["rawQueryString"] = "a=%20b&a=c".into();
    event["headers"]["X-Forwarded-Proto"] = "ht tp".into();
    event["requestContext"]["domainName"] = "not a name".into();
    assert_eq!(answer(&event).await.status, 200);
    for path in ["", ":99999/x", "room/fetchPastRooms x", "/a b", "/\"", "//", "/%", "/ü#?"] {
        for event in [version_2(path, "$default", "$default"), version_1(path, "prod", "/{proxy+}")]
        {
            assert_eq!(answer(&event).await.status, 404, "{event}");
        }
    }
}

#[tokio::test]
async fn browsers_may_send_a_preflight() {
    let app = crate::support::app(Database::start().await.past_rooms);
    let asks = json!({
        "origin": "https://lms.example.org", "access-control-request-method": "POST",
        "access-control-request-headers": "api-key,content-type,hash-signature",
    });
    let path = "/auth/room/fetchPastRooms";
    for (path, headers, status) in [
        (path, asks.clone(), 204),
        ("//room/fetchPastRooms/", asks.clone(), 204),
        // That is no question before another request, but a request.
        (path, json!({"origin": "https://lms.example.org"}), 405),
        (path, json!({}), 405),
        ("/elsewhere", asks, 404),
    ] {
        let mut event = version_2(path, "$default", "$default");
        event["headers"] = headers;
        event["requestContext"]["http"]["method"] = "OPTIONS".into();
        let answer = past_rooms::api::handler::handle(&app, request_of(&event.to_string())).await;
        assert_eq!(answer.status(), status, "{event}");
        assert_eq!(answer.body().as_ref().is_empty(), status == 204, "{event}");
    }
}
