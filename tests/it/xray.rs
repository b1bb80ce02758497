//! What the functions send to the X-Ray daemon, read from a socket in its place.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use past_rooms::config::TRACING;
use serde_json::{Value, json};

use crate::support::lambda::{Lambda, end, function, program};
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, history};

const ROOT: &str = "1-5e1b4151-5ac6c58f5e1b41515e1b4151";
const SAMPLED: &str =
    "Root=1-5e1b4151-5ac6c58f5e1b41515e1b4151;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0";
const NOT_SAMPLED: &str =
    "Root=1-5e1b4151-5ac6c58f5e1b41515e1b4151;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a:0";
const BODY: &str = r#"{"room_ids":["room01","room02"],"from":30,"limit":20}"#;

/// The daemon's place.
struct Daemon {
    socket: UdpSocket,
}

impl Daemon {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_nonblocking(true).expect("a socket that does not wait");
        Daemon { socket }
    }

    fn address(&self) -> String {
        self.socket.local_addr().expect("an address").to_string()
    }

    /// The documents that came, in their order. On loopback they are there once they are sent.
    fn documents(&self) -> Vec<Value> {
        let mut buffer = vec![0; 65_536];
        let mut documents = Vec::new();
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let datagram = std::str::from_utf8(&buffer[..length]).expect("UTF-8");
            let (preamble, document) = datagram.split_once('\n').expect("two lines");
            let preamble: Value = serde_json::from_str(preamble).expect("JSON");
            assert_eq!(preamble, json!({"format": "json", "version": 1}));
            let document = serde_json::from_str(document).expect("a document");
            assert_schema(&document, "");
            documents.push(document);
        }
        documents
    }
}

/// The fields that there may be, and their types.
///
/// Source: AWS X-Ray Developer Guide, "AWS X-Ray segment documents", with the schema
/// `xray-segmentdocument-schema-v1.0.0`. It does not name `retries`, and allows more under `aws`.
const SCHEMA: [(&str, &str); 18] = [
    ("/type", "string"),
    ("/name", "string"),
    ("/namespace", "string"),
    ("/id", "string"),
    ("/trace_id", "string"),
    ("/parent_id", "string"),
    ("/start_time", "number"),
    ("/end_time", "number"),
    ("/error", "boolean"),
    ("/fault", "boolean"),
    ("/throttle", "boolean"),
    ("/annotations/given_up", "boolean"),
    ("/http/response/status", "number"),
    ("/aws/operation", "string"),
    ("/aws/region", "string"),
    ("/aws/table_name", "string"),
    ("/aws/request_id", "string"),
    ("/aws/retries", "number"),
];

fn assert_schema(value: &Value, path: &str) {
    let kind = match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                assert_schema(value, &format!("{path}/{name}"));
            }
            return;
        }
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Array(_) => "array",
        Value::Null => "null",
    };
    assert!(SCHEMA.contains(&(path, kind)), "{path} is {kind}");
}

/// How a document says that its request ended: nothing of a request that went well.
fn ended(document: &Value) -> Vec<&'static str> {
    let ends = [("error", "/error"), ("fault", "/fault"), ("given_up", "/annotations/given_up")];
    let is_set = |path| document.pointer(path) == Some(&Value::Bool(true));
    ends.into_iter().filter(|(_, path)| is_set(path)).map(|(end, _)| end).collect()
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.expect("after 1970").as_secs_f64()
}

/// Invokes the API's function once: the status of the answer, and the one line of its log.
async fn invoke(database: &Database, dynamodb: &str, daemon: &str, trace: &str) -> (Value, Value) {
    invoke_with("on", database, dynamodb, daemon, trace).await
}

/// The same with a value of the variable that says whether there is to be a trace.
async fn invoke_with(
    tracing: &str,
    database: &Database,
    dynamodb: &str,
    daemon: &str,
    trace: &str,
) -> (Value, Value) {
    let mut lambda = Lambda::start_traced(Duration::from_millis(2500), trace);
    lambda.invoke(BODY);
    let function = function(database, dynamodb, &lambda.address, 1)
        .envs([("AWS_XRAY_DAEMON_ADDRESS", daemon), (TRACING, tracing)])
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .spawn()
        .expect("runs");
    let answer = lambda.answer().await;
    drop(lambda);
    let (_, printed) = end(function).await;
    (answer["statusCode"].clone(), line(&printed, "request"))
}

/// The first line of a log with this message.
fn line(log: &str, message: &str) -> Value {
    let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.find(|line| line["message"] == message).expect("the line")
}

async fn two_rooms() -> Database {
    let database = Database::start().await;
    for room_id in ["room01", "room02"] {
        database.record(&history(room_id, 40, 60)).await;
    }
    database
}

#[tokio::test]
async fn each_request_of_a_sampled_invocation_is_a_subsegment() {
    let (database, daemon, start) = (two_rooms().await, Daemon::start(), now());
    let (status, line) = invoke(&database, &database.endpoint, &daemon.address(), SAMPLED).await;
    assert_eq!(status, 200);
    let documents = daemon.documents();
    // The request of the start belongs to no invocation.
    assert_eq!(Some(documents.len() as u64), line["dynamodb_requests"].as_u64());
    assert!(documents.len() >= 3);
    let mut ids: Vec<&str> = Vec::new();
    for document in &documents {
        assert_eq!(document["type"], "subsegment");
        assert_eq!(document["namespace"], "aws");
        assert_eq!(document["name"], "DynamoDB");
        assert_eq!(document["trace_id"], ROOT);
        assert_eq!(document["parent_id"], "53995c3f42cd8ad8");
        let id = document["id"].as_str().expect("an id");
        assert!(id.len() == 16 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
        ids.push(id);
        let times = ["start_time", "end_time"].map(|name| document[name].as_f64().expect("a time"));
        assert!(start <= times[0] && times[0] <= times[1] && times[1] <= now(), "{document}");
        let aws = &document["aws"];
        let operation = aws["operation"].as_str().expect("an operation");
        assert!(["Query", "BatchGetItem"].contains(&operation), "{operation}");
        assert_eq!(aws["region"], "us-east-1");
        assert_eq!(aws["table_name"], database.past_rooms.table().name());
        assert_eq!(aws["retries"], 0);
        assert_eq!(document["http"]["response"]["status"], 200);
        assert_eq!(ended(document), [""; 0]);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), documents.len(), "every subsegment has an id of its own");
}

#[tokio::test]
async fn an_invocation_that_is_not_sampled_sends_nothing() {
    let (database, daemon) = (two_rooms().await, Daemon::start());
    for trace in [NOT_SAMPLED, "Root=1-2-3", "", "no trace; at all"] {
        let (status, _) = invoke(&database, &database.endpoint, &daemon.address(), trace).await;
        assert_eq!(status, 200);
        assert_eq!(daemon.documents(), Vec::<Value>::new(), "{trace}");
    }
}

#[tokio::test]
async fn a_daemon_that_is_not_there_changes_nothing() {
    let database = two_rooms().await;
    let nobody = Daemon::start().address();
    for daemon in [&*nobody, "", "nonsense", "tcp:127.0.0.1:1"] {
        let (status, _) = invoke(&database, &database.endpoint, daemon, SAMPLED).await;
        assert_eq!(status, 200, "{daemon}");
    }
}

#[tokio::test]
async fn what_fails_is_traced_as_what_it_is() {
    let (database, daemon) = (two_rooms().await, Daemon::start());
    let throttled = Fault::Refuse(400, "ProvisionedThroughputExceededException");
    let denied = Fault::Refuse(400, "AccessDeniedException");
    let failures = [
        (throttled, 503, "error", Some(true), Some(400), Some(2)),
        (denied, 500, "error", Some(false), Some(400), Some(0)),
        (Fault::CutBefore, 503, "fault", Some(false), None, Some(2)),
        // The time is up before the first attempt's is.
        (Fault::Stall, 503, "given_up", None, None, None),
    ];
    for (fault, status, kind, throttle, http, retries) in failures {
        let proxy = Proxy::start(&database.endpoint, move |_, _| fault.clone()).await;
        let (answered, _) = invoke(&database, &proxy.endpoint, &daemon.address(), SAMPLED).await;
        assert_eq!(answered, status);
        let documents = daemon.documents();
        assert!(!documents.is_empty());
        for document in documents {
            assert_eq!(ended(&document), [kind], "{document}");
            assert_eq!(document["throttle"].as_bool(), throttle, "{document}");
            assert_eq!(document["http"]["response"]["status"].as_u64(), http, "{document}");
            assert_eq!(document["aws"]["retries"].as_u64(), retries, "{document}");
        }
    }
}

#[tokio::test]
async fn what_the_page_does_not_wait_for_is_given_up_and_no_failure() {
    let (database, daemon) = (two_rooms().await, Daemon::start());
    let queries = AtomicUsize::new(0);
    // Both rooms are queried at once. The one never hears of it, and the other fails.
    let fault = move |_, operation: &str| match operation {
        "Query" if queries.fetch_add(1, Ordering::SeqCst) == 0 => Fault::Stall,
        "Query" => Fault::Refuse(400, "AccessDeniedException"),
        _ => Fault::Pass,
    };
    let proxy = Proxy::start(&database.endpoint, fault).await;
    let (answered, _) = invoke(&database, &proxy.endpoint, &daemon.address(), SAMPLED).await;
    assert_eq!(answered, 500);
    let documents = daemon.documents();
    let queries = documents.iter().filter(|document| document["aws"]["operation"] == "Query");
    let mut queries: Vec<_> = queries.map(ended).collect();
    queries.sort_unstable();
    assert_eq!(queries, [["error"], ["given_up"]]);
}

#[tokio::test]
async fn only_a_function_that_is_told_to_sends_traces() {
    let (database, daemon) = (two_rooms().await, Daemon::start());
    for (tracing, is_traced) in [("off", false), ("", false), ("on", true)] {
        let daemon_address = daemon.address();
        let endpoint = &database.endpoint;
        let (status, _) = invoke_with(tracing, &database, endpoint, &daemon_address, SAMPLED).await;
        assert_eq!(status, 200);
        assert_eq!(!daemon.documents().is_empty(), is_traced, "{tracing:?}");
    }
}

#[tokio::test]
async fn webhooks_are_traced_too() {
    let (database, daemon) = (Database::start().await, Daemon::start());
    let mut lambda = Lambda::start_traced(Duration::from_secs(30), SAMPLED);
    lambda.invoke_stored("webhook-1-room-created");
    let path = env!("CARGO_BIN_EXE_past-rooms-webhook");
    let function = program(path, &database, &database.endpoint, &lambda.address, 1)
        .envs([("AWS_XRAY_DAEMON_ADDRESS", &*daemon.address()), (TRACING, "on")])
        .spawn()
        .expect("runs");
    assert_eq!(lambda.answer().await["statusCode"], 200);
    drop(lambda);
    end(function).await;
    let documents = daemon.documents();
    assert!(documents.iter().all(|document| document["trace_id"] == ROOT));
    assert!(!documents.is_empty());
}

#[tokio::test]
async fn the_function_on_the_stream_is_traced_too() {
    let (database, daemon) = (Database::start().await, Daemon::start());
    for (trace, is_traced) in [(SAMPLED, true), (NOT_SAMPLED, false)] {
        let mut lambda = Lambda::start_traced(Duration::from_secs(30), trace);
        lambda.invoke_stored("stream/foreign");
        let path = env!("CARGO_BIN_EXE_past-rooms-stream");
        let function = program(path, &database, &database.endpoint, &lambda.address, 1)
            .envs([("AWS_XRAY_DAEMON_ADDRESS", &*daemon.address()), (TRACING, "on")])
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .spawn()
            .expect("runs");
        assert_eq!(lambda.answer().await, json!({"batchItemFailures": []}));
        drop(lambda);
        let (_, printed) = end(function).await;
        let requests = line(&printed, "stream")["dynamodb_requests"].as_u64();
        assert!(requests > Some(0));
        let documents = daemon.documents();
        assert_eq!(Some(documents.len() as u64), requests.filter(|_| is_traced).or(Some(0)));
        assert!(documents.iter().all(|document| document["trace_id"] == ROOT));
    }
}
