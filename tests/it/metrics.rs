//! The metrics of the alarms and of the dashboard, made of what the functions log when they answer: the
//! template's metric filters are applied to real lines, as CloudWatch would.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use yaml_rust2::Yaml;

use crate::support::lambda::{Lambda, end, function, program, stored};
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, history};
use crate::template::{properties, template};

/// A metric filter of the template.
#[derive(Debug)]
struct Filter {
    log_group: String,
    pattern: String,
    metric: String,
    value: String,
    is_optional: bool,
}

fn filters() -> Vec<Filter> {
    let resources = of_type("AWS::Logs::MetricFilter");
    let text = |value: &Yaml| value.as_str().expect("a text").to_owned();
    let filters = resources.iter().map(|(_, resource)| {
        let properties = &resource["Properties"];
        let made = &properties["MetricTransformations"][0];
        assert_eq!(made["MetricNamespace"].as_str(), Some("past-rooms/${AWS::StackName}"));
        Filter {
            log_group: text(&properties["LogGroupName"]),
            pattern: text(&properties["FilterPattern"]),
            metric: text(&made["MetricName"]),
            value: text(&made["MetricValue"]),
            is_optional: resource["Condition"]
                .as_str()
                .is_some_and(|name| name.starts_with("Show")),
        }
    });
    filters.collect()
}

fn of_type(name: &str) -> Vec<(String, Yaml)> {
    let resources = template()["Resources"].clone().into_hash().expect("resources");
    let is_one = |(_, resource): &(Yaml, Yaml)| resource["Type"].as_str() == Some(name);
    let named = |(name, resource): (Yaml, Yaml)| (name.into_string().expect("a name"), resource);
    resources.into_iter().filter(is_one).map(named).collect()
}

impl Filter {
    /// The value that a line of the log adds to the metric.
    ///
    /// Source: CloudWatch Logs User Guide, "Filter pattern syntax": conditions on JSON with `&&`. Numbers
    /// compare as numbers, texts in quotation marks as texts, and a field that is missing matches nothing.
    fn value_of(&self, line: &Value) -> Option<f64> {
        let conditions = self.pattern.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let mut conditions = conditions.expect("a pattern for JSON").split("&&");
        let matches = conditions.all(|condition| holds(condition.trim(), line));
        let value = match self.value.strip_prefix("$.") {
            Some(field) => line[field].as_f64(),
            None => self.value.parse().ok(),
        };
        matches.then(|| value.expect("a number"))
    }
}

fn holds(condition: &str, line: &Value) -> bool {
    let parts: Vec<&str> = condition.splitn(3, ' ').collect();
    let [selector, operator, operand] = parts[..] else { panic!("{condition}") };
    let field = &line[selector.strip_prefix("$.").expect("a field")];
    match (operator, operand) {
        ("IS", "TRUE") => field == true,
        ("IS", "FALSE") => field == false,
        ("=", text) if text.starts_with('"') => field.as_str() == Some(text.trim_matches('"')),
        (operator, number) => {
            let number: f64 = number.parse().expect("a number");
            field.as_f64().is_some_and(|field| match operator {
                "=" => field == number,
                "!=" => field != number,
                ">" => field > number,
                ">=" => field >= number,
                "<" => field < number,
                _ => panic!("{condition}"),
            })
        }
    }
}

/// The values of each metric of a log group, in the log's order.
fn measured(log_group: &str, printed: &str) -> BTreeMap<String, Vec<f64>> {
    let lines: Vec<Value> =
        printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let filters = filters().into_iter().filter(|filter| filter.log_group == log_group);
    let measured = filters.map(|filter| {
        let values = lines.iter().filter_map(|line| filter.value_of(line)).collect();
        (filter.metric, values)
    });
    measured.collect()
}

/// Returns the number of values of each metric.
fn counts(measured: &BTreeMap<String, Vec<f64>>) -> Vec<(&str, usize)> {
    measured.iter().map(|(metric, values)| (&**metric, values.len())).collect()
}

#[tokio::test]
async fn requests_make_the_metrics_of_the_api() {
    let database = Database::start().await;
    database.record(&history("room01", 40, 60)).await;
    let mut lambda = Lambda::start(Duration::from_secs(30));
    for limit in [3, 4, 5] {
        lambda.invoke(&format!(r#"{{"room_ids":["room01"],"limit":{limit}}}"#));
    }
    lambda.invoke(r#"{"room_ids":[]}"#);
    lambda.invoke_stored("bad-signature");
    let function = function(&database, &database.endpoint, &lambda.address, 1)
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .spawn()
        .expect("runs");
    for status in [200, 200, 200, 400, 401] {
        assert_eq!(lambda.answer().await["statusCode"], status);
    }
    drop(lambda);
    let (_, printed) = end(function).await;
    let metrics = measured("LogGroup", &printed);
    assert_eq!(
        counts(&metrics),
        [
            ("ColdMilliseconds", 1),
            ("DeniedRequests", 1),
            ("FailedAnswers", 0),
            ("ReadUnits", 3),
            ("RefusedRequests", 1),
            ("WarmMilliseconds", 2),
        ]
    );
    // One query each, of less than 4 KB.
    assert_eq!(metrics["ReadUnits"], [0.5; 3]);
    let milliseconds = metrics["ColdMilliseconds"].iter().chain(&metrics["WarmMilliseconds"]);
    assert!({ milliseconds }.all(|milliseconds| *milliseconds > 0.0), "{metrics:?}");
    assert_eq!([metrics["DeniedRequests"][0], metrics["RefusedRequests"][0]], [1.0, 1.0]);
}

#[tokio::test]
async fn failures_make_their_metric_in_any_dialect() {
    let database = Database::start().await;
    let failing = Proxy::start(&database.endpoint, |_, _| Fault::CutBefore).await;
    for dialect in ["documented", "plugnmeet"] {
        let mut lambda = Lambda::start(Duration::from_secs(30));
        lambda.invoke(r#"{"room_ids":["room01"]}"#);
        let function = function(&database, &failing.endpoint, &lambda.address, 1)
            .envs([("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("ANSWERS", dialect)])
            .spawn()
            .expect("runs");
        lambda.answer().await;
        drop(lambda);
        let (_, printed) = end(function).await;
        let metrics = measured("LogGroup", &printed);
        let metrics: Vec<_> =
            counts(&metrics).into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(metrics, [("FailedAnswers", 1)], "{dialect}");
    }
}

#[tokio::test]
async fn webhooks_make_the_metrics_of_webhooks() {
    let database = Database::start().await;
    let failing = Proxy::start(&database.endpoint, |_, _| Fault::CutBefore).await;
    let (ended, recorded) = ("webhook-3-session-ended", [("RecordedSessions", 1)]);
    let runs = [
        (&database.endpoint, "webhook-1-room-created", 200, [].as_slice()),
        (&failing.endpoint, ended, 503, &[("FailedWebhooks", 1)]),
        (&database.endpoint, ended, 200, &recorded),
        // A repeated event finds it recorded.
        (&database.endpoint, ended, 200, &[]),
        (&database.endpoint, "webhook-6-bad-token", 401, &[("DeniedWebhooks", 1)]),
    ];
    for (dynamodb, event, status, expected) in runs {
        let mut lambda = Lambda::start(Duration::from_secs(30));
        lambda.invoke_stored(event);
        let path = env!("CARGO_BIN_EXE_past-rooms-webhook");
        let function = program(path, &database, dynamodb, &lambda.address, 1)
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .spawn()
            .expect("runs");
        assert_eq!(lambda.answer().await["statusCode"], status, "{event}");
        drop(lambda);
        let (_, printed) = end(function).await;
        let metrics = measured("WebhookLogGroup", &printed);
        let metrics: Vec<_> =
            counts(&metrics).into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(metrics, expected, "{event}");
    }
}

/// The metrics of the log whose alarms take a gradual deployment of a function back.
fn metrics_of_rollbacks(function: &str) -> Vec<String> {
    let alarms = properties(function)["DeploymentPreference"]["Alarms"][1].clone();
    let alarms = alarms.as_vec().expect("alarms").iter();
    let alarms = alarms.map(|name| properties(name.as_str().expect("a name")));
    let of_log = alarms.filter(|alarm| {
        alarm["Namespace"].as_str().is_some_and(|name| name.starts_with("past-rooms/"))
    });
    of_log.map(|alarm| alarm["MetricName"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn unauthenticated_requests_stop_no_rollout() {
    let database = Database::start().await;
    let functions = [
        ("Function", "LogGroup", env!("CARGO_BIN_EXE_past-rooms"), "http-api"),
        (
            "WebhookFunction",
            "WebhookLogGroup",
            env!("CARGO_BIN_EXE_past-rooms-webhook"),
            "webhook-3-session-ended",
        ),
    ];
    for (name, log_group, path, event) in functions {
        let mut event: Value = serde_json::from_str(&stored(event)).expect("JSON");
        let headers = event["headers"].as_object_mut().expect("headers");
        for credential in ["api-key", "hash-signature", "authorization", "hash-token"] {
            headers.remove(credential);
        }
        let method = "/requestContext/http/method";
        let mut get = event.clone();
        *get.pointer_mut(method).expect("a method") = "GET".into();
        let (mut bad_query, mut bad_host, mut long) = (event.clone(), event.clone(), event.clone());
        bad_query["rawQueryString"] = "a b".into();
        bad_host["headers"]["host"] = "a b".into();
        long["body"] = "x".repeat(1 << 20).into();
        let mut lambda = Lambda::start(Duration::from_secs(30));
        let function = program(path, &database, &database.endpoint, &lambda.address, 1)
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .spawn()
            .expect("runs");
        let events = [event, get, bad_query, bad_host, long];
        for event in &events {
            lambda.invoke_event(event);
            let answer = lambda.answer().await;
            assert!(answer["statusCode"].as_u64() >= Some(400), "{name}: {answer}");
        }
        drop(lambda);
        let (_, printed) = end(function).await;
        let logged = printed.lines().filter(|line| line.contains(r#""status":4"#)).count();
        assert!(logged >= events.len(), "{name}: {printed}");
        let metrics = measured(log_group, &printed);
        let watched = metrics_of_rollbacks(name);
        assert!(!watched.is_empty(), "{name}");
        for metric in watched {
            assert!(metrics[&metric].is_empty(), "{name}, {metric}: {printed}");
        }
    }
}

#[tokio::test]
async fn failed_batches_make_their_metric() {
    let database = Database::start().await;
    let refusing = Proxy::start(&database.endpoint, |_, _| {
        Fault::Refuse(400, "com.amazonaws.dynamodb.v20120810#AccessDeniedException")
    })
    .await;
    for (dynamodb, failures) in [(&refusing.endpoint, 1), (&database.endpoint, 0)] {
        let mut lambda = Lambda::start(Duration::from_secs(30));
        lambda.invoke_stored("stream/foreign");
        let path = env!("CARGO_BIN_EXE_past-rooms-stream");
        let function = program(path, &database, dynamodb, &lambda.address, 1)
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .spawn()
            .expect("runs");
        lambda.answer().await;
        drop(lambda);
        let (_, printed) = end(function).await;
        let metrics = measured("StreamLogGroup", &printed);
        let expected = [("StrayRows", 0), ("StreamFailures", failures)];
        assert_eq!(counts(&metrics), expected, "{printed}");
        let lines = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut rooms: Vec<Value> = lines
            .filter(|line| line["level"] == "ERROR")
            .map(|mut line| line["room_id"].take())
            .collect();
        rooms.sort_by_key(Value::to_string);
        assert_eq!(rooms.len(), 2 * failures, "{printed}");
        assert!(rooms.iter().all(Value::is_string), "{rooms:?}");
    }
    assert_eq!(metrics_of_rollbacks("StreamFunction"), ["StreamFailures"]);
}

#[test]
fn throttled_requests_are_in_the_access_log() {
    // The access log's format makes a text of the status.
    let format = properties("Api")["AccessLogSettings"]["Format"].clone();
    for (status, count) in [("429", 1), ("200", 0)] {
        let line = format.as_str().expect("a format").replace("$context.status", status);
        let metrics = measured("AccessLogGroup", &line);
        assert_eq!(counts(&metrics), [("ThrottledRequests", count)]);
    }
}

#[tokio::test]
async fn stray_rows_make_their_metric() {
    let database = Database::start().await;
    let mut lambda = Lambda::start(Duration::from_secs(30));
    let key = json!({"room_id": {"S": "room01"}, "created_sid": {"S": "2026-11-22 10:00#SID_x"}});
    let record = json!({"eventName": "INSERT", "dynamodb": {"Keys": key, "SequenceNumber": "1"}});
    lambda.invoke_event(&json!({"Records": [record]}));
    let path = env!("CARGO_BIN_EXE_past-rooms-stream");
    let function = program(path, &database, &database.endpoint, &lambda.address, 1)
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .spawn()
        .expect("runs");
    assert_eq!(lambda.answer().await["batchItemFailures"], json!([]));
    drop(lambda);
    let (_, printed) = end(function).await;
    let metrics = measured("StreamLogGroup", &printed);
    assert_eq!(counts(&metrics), [("StrayRows", 1), ("StreamFailures", 0)], "{printed}");
    assert!(printed.contains(r#""created_sid":"2026-11-22 10:00#SID_x""#), "{printed}");
}

#[test]
fn every_log_metric_has_an_alarm_or_is_optional() {
    let alarms = of_type("AWS::CloudWatch::Alarm");
    for filter in filters() {
        let watched = alarms.iter().filter(|(_, alarm)| {
            let properties = &alarm["Properties"];
            properties["Namespace"].as_str().is_some_and(|name| name.starts_with("past-rooms/"))
                && properties["MetricName"].as_str() == Some(&filter.metric)
        });
        assert_eq!(watched.count(), usize::from(!filter.is_optional), "{filter:?}");
    }
}
