//! The functions' logs of failures, and whether the saved query of errors shows them.

use std::collections::BTreeSet;
use std::time::Duration;

use past_rooms::lambda::config::ApiCredentials;
use past_rooms::webhook::verify::sign;
use serde_json::{Value, json};

use crate::support::lambda::{Lambda, end, program, stored};
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, KEY, SECRET};
use crate::template::properties;

const API: &str = env!("CARGO_BIN_EXE_past-rooms");
const WEBHOOK: &str = env!("CARGO_BIN_EXE_past-rooms-webhook");
const STREAM: &str = env!("CARGO_BIN_EXE_past-rooms-stream");

/// The lines at level `ERROR` of a function that is invoked with these events.
async fn errors(path: &str, database: &Database, dynamodb: &str, events: &[Value]) -> Vec<Value> {
    let mut lambda = Lambda::start(Duration::from_secs(30));
    for event in events {
        lambda.invoke_event(event);
    }
    let function = program(path, database, dynamodb, &lambda.address, 1)
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .spawn()
        .expect("runs");
    for _ in events {
        lambda.answer().await;
    }
    drop(lambda);
    of_level_error(&end(function).await.1)
}

/// Those of a function that has no table to read.
async fn errors_at_the_start(path: &str, database: &Database) -> Vec<Value> {
    let function = program(path, database, &database.endpoint, "127.0.0.1:1", 1)
        .env_remove("TABLE_NAME")
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .spawn()
        .expect("runs");
    of_level_error(&end(function).await.1)
}

fn of_level_error(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["level"] == "ERROR").collect()
}

fn event(name: &str) -> Value {
    serde_json::from_str(&stored(name)).expect("JSON")
}

/// A line's fields as CloudWatch names them, without those that are the same on every line.
fn fields(line: &Value) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for (name, value) in line.as_object().expect("an object") {
        match value.as_object() {
            Some(inner) => fields.extend(inner.keys().map(|key| format!("{name}.{key}"))),
            None => _ = fields.insert(name.clone()),
        }
    }
    fields
        .retain(|name| !["timestamp", "level", "span.name", "span.xrayTraceId"].contains(&&**name));
    fields
}

/// The fields that the saved query of errors shows.
fn shown() -> BTreeSet<String> {
    let query = properties("ErrorsQuery")["QueryString"].as_str().expect("a query").to_owned();
    let (filter, fields) = query.split_once("\n| fields ").expect("fields");
    assert_eq!(filter, r#"filter level = "ERROR""#);
    let fields = fields.split(", ").filter(|name| *name != "@timestamp");
    fields.map(str::to_owned).collect()
}

#[tokio::test]
async fn error_query_shows_every_error_field() {
    let database = Database::start().await;
    let failing =
        Proxy::start(&database.endpoint, |_, _| Fault::Refuse(400, "AccessDeniedException")).await;
    let mut unread = event("stream/foreign");
    unread["Records"][0]["dynamodb"]["Keys"] = json!({});
    let no_event = json!({"no": "event"});
    // The runtime's own lines have the reason elsewhere.
    let failures = [
        (API, "no page could be read", "cause", vec![event("http-api")]),
        (API, "Request payload deserialization", "error", vec![no_event.clone()]),
        (WEBHOOK, "the event was not taken", "cause", vec![event("webhook-3-session-ended")]),
        (WEBHOOK, "Request payload deserialization", "error", vec![no_event.clone()]),
        (STREAM, "the room cannot be processed", "cause", vec![event("stream/foreign")]),
        (STREAM, "an event cannot be understood", "cause", vec![unread]),
        (STREAM, "MalformedBatch", "message", vec![no_event]),
        (API, "the function cannot run", "cause", vec![]),
        (WEBHOOK, "the function cannot run", "cause", vec![]),
        (STREAM, "the function cannot run", "cause", vec![]),
    ];
    let (shown, mut logged) = (shown(), BTreeSet::new());
    for (path, message, reason, events) in failures {
        let lines = match events.is_empty() {
            true => errors_at_the_start(path, &database).await,
            false => errors(path, &database, &failing.endpoint, &events).await,
        };
        let is_it = |line: &&Value| line["message"].as_str().is_some_and(|m| m.contains(message));
        let line = lines.iter().find(is_it).unwrap_or_else(|| panic!("{message}: {lines:?}"));
        assert!(line[reason].as_str().is_some_and(|reason| !reason.is_empty()), "{line}");
        for line in &lines {
            let fields = fields(line);
            assert!(fields.is_subset(&shown), "{:?} of {line}", fields.difference(&shown));
            logged.extend(fields);
        }
    }
    assert_eq!(shown, logged, "a field that no line has");
}

#[tokio::test]
async fn refusals_have_a_reason_and_no_body() {
    let database = Database::start().await;
    let mut lambda = Lambda::start(Duration::from_secs(30));
    let mut unknown = event("http-api");
    unknown["routeKey"] = "$default".into();
    unknown["requestContext"]["routeKey"] = "$default".into();
    unknown["rawPath"] = "/auth/room/other".into();
    unknown["requestContext"]["http"]["path"] = "/auth/room/other".into();
    lambda.invoke_event(&unknown);
    lambda.invoke(r#""somebody's name""#);
    let function = program(API, &database, &database.endpoint, &lambda.address, 1)
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .spawn()
        .expect("runs");
    for _ in 0..2 {
        lambda.answer().await;
    }
    drop(lambda);
    let log = end(function).await.1;
    let lines: Vec<Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(lines[0]["version"], env!("CARGO_PKG_VERSION"));
    let requests: Vec<_> = lines.iter().filter(|line| line["message"] == "request").collect();
    assert_eq!(
        (&requests[0]["status"], &requests[0]["path"]),
        (&json!(404), &json!("/auth/room/other"))
    );
    assert_eq!((&requests[1]["status"], &requests[1]["path"]), (&json!(400), &Value::Null));
    assert_eq!(requests[1]["reason"], "the body is not a JSON object");
    assert!(requests.iter().all(|line| line["span"]["request_id"].is_string()));
    assert!(!log.contains("somebody"), "{log}");
}

#[tokio::test]
async fn refused_webhooks_have_reasons_and_no_body() {
    let database = Database::start().await;
    let mut lambda = Lambda::start(Duration::from_secs(30));
    let body = r#""somebody's name""#;
    let credentials = ApiCredentials { key: KEY.to_owned(), secret: SECRET.to_owned() };
    let mut refused = event("webhook-2-participant-joined");
    refused["body"] = body.into();
    refused["headers"]["hash-token"] = sign(&credentials, body.as_bytes(), i64::MAX / 2).into();
    lambda.invoke_event(&refused);
    let function = program(WEBHOOK, &database, &database.endpoint, &lambda.address, 1)
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .spawn()
        .expect("runs");
    assert_eq!(lambda.answer().await["statusCode"], 400);
    drop(lambda);
    let log = end(function).await.1;
    assert!(log.contains("not a webhook of plugNmeet: see line 1"), "{log}");
    assert!(!log.contains("somebody"), "{log}");
}
