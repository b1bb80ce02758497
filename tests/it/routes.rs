//! The events of API Gateway and Function URLs, with and without a stage and a base path in front of the path.

use serde_json::{Value, json};

use crate::support::{Answer, Database, KEY, SECRET, history, send};

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
    let request = lambda_http::request::from_str(&event.to_string()).expect("an event");
    send(&database.app(), request).await
}

#[tokio::test]
async fn the_path_is_found_behind_stages_and_base_paths() {
    for path in ["/auth/room/fetchPastRooms", "/room/fetchPastRooms"] {
        for event in [
            version_2(path, "$default", &format!("POST {path}")),
            version_2(path, "$default", "$default"),
            version_2(&format!("/prod{path}"), "prod", &format!("ANY {path}")),
            version_2(&format!("/prod{path}"), "prod", "$default"),
            version_2(&format!("/history{path}"), "$default", &format!("POST {path}")),
            version_1(path, "prod", path),
            version_1(path, "prod", "/{proxy+}"),
            version_1(&format!("/history{path}"), "prod", path),
        ] {
            let answer = answer(&event).await;
            assert_eq!(answer.status, 200, "{event}: {:?}", answer.body);
            assert_eq!(answer.total(), 3);
        }
    }
}

#[tokio::test]
async fn a_stage_is_taken_off_once_and_only_if_it_is_one() {
    for event in [
        version_2("/prod/prod/room/fetchPastRooms", "prod", "$default"),
        version_2("/test/room/fetchPastRooms", "prod", "$default"),
        version_2("/prodroom/fetchPastRooms", "prod", "$default"),
        version_1("/other", "prod", "/{proxy+}"),
    ] {
        assert_eq!(answer(&event).await.status, 404, "{event}");
    }
}
