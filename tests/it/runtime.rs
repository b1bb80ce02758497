//! The function's own binary, invoked through Lambda's runtime API: as many invocations at once as Lambda offers.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, Semaphore, mpsc};

use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, KEY, SECRET, history};

/// Lambda's side: hands out events, the last first, and takes the answers.
struct Runtime {
    left: Mutex<Vec<String>>,
    answers: mpsc::UnboundedSender<Value>,
}

async fn next(State(runtime): State<Arc<Runtime>>) -> Response {
    let mut left = runtime.left.lock().await;
    let Some(event) = left.pop() else {
        drop(left);
        std::future::pending::<()>().await;
        return ().into_response();
    };
    let headers = [
        ("lambda-runtime-aws-request-id", format!("request-{}", left.len())),
        ("lambda-runtime-deadline-ms", "600000".to_owned()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:1:function:f".to_owned()),
    ];
    (headers, event).into_response()
}

async fn answer(State(runtime): State<Arc<Runtime>>, Path(_): Path<String>, body: Bytes) {
    let answer = serde_json::from_slice(&body).expect("an answer");
    let _ = runtime.answers.send(answer);
}

/// Lambda's runtime API, in a runtime of its own: dropped, it goes away with all its connections.
struct Lambda {
    address: String,
    answers: mpsc::UnboundedReceiver<Value>,
    served_by: Option<tokio::runtime::Runtime>,
}

impl Lambda {
    /// Hands out so many invocations of an event.
    fn start(invocations: usize) -> Self {
        Lambda::with_events(&vec!["http-api"; invocations])
    }

    /// Hands out events of `events/`, one after the other.
    fn with_events(names: &[&str]) -> Self {
        let (sender, answers) = mpsc::unbounded_channel();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/events");
        let read = |name| std::fs::read_to_string(format!("{folder}/{name}.json"));
        let events = names.iter().rev().map(|name| read(name).expect("an event")).collect();
        let runtime = Runtime { left: Mutex::new(events), answers: sender };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .with_state(Arc::new(runtime));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        listener.set_nonblocking(true).expect("a listener for tokio");
        let served_by = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_io()
            .build()
            .expect("a runtime");
        served_by.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, router).await
        });
        Lambda { address, answers, served_by: Some(served_by) }
    }

    async fn answer(&mut self) -> Value {
        let answer = tokio::time::timeout(Duration::from_secs(60), self.answers.recv()).await;
        answer.expect("in time").expect("an answer")
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        if let Some(runtime) = self.served_by.take() {
            runtime.shutdown_background();
        }
    }
}

/// The API's function, with the runtime API at an address.
fn function(database: &Database, dynamodb: &str, runtime_api: &str, at_once: usize) -> Command {
    program(env!("CARGO_BIN_EXE_past-rooms"), database, dynamodb, runtime_api, at_once)
}

fn program(
    path: &str,
    database: &Database,
    dynamodb: &str,
    runtime_api: &str,
    at_once: usize,
) -> Command {
    let at_once = at_once.to_string();
    let mut function = Command::new(path);
    function
        .env_clear()
        .envs(database.variables(dynamodb))
        .envs([
            ("API_KEY", KEY),
            ("API_SECRET", SECRET),
            ("AWS_LAMBDA_FUNCTION_NAME", "f"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_RUNTIME_API", runtime_api),
            ("AWS_LAMBDA_MAX_CONCURRENCY", &at_once),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    function
}

/// Waits until the function ends: its exit status, and all that it printed.
async fn end(function: Child) -> (ExitStatus, String) {
    let output = tokio::time::timeout(Duration::from_secs(60), function.wait_with_output()).await;
    let output = output.expect("in time").expect("its output");
    let printed = [output.stdout, output.stderr].concat();
    (output.status, String::from_utf8_lossy(&printed).into_owned())
}

/// A DynamoDB that answers no query before `together` of them are there.
async fn waiting_for(together: usize, database: &Database) -> Proxy {
    let (all, arrived) = (Arc::new(Semaphore::new(0)), Semaphore::new(together));
    Proxy::start(&database.endpoint, move |_, operation| {
        if operation != "Query" {
            return Fault::Pass;
        }
        if let Ok(permit) = arrived.try_acquire() {
            permit.forget();
        }
        if arrived.available_permits() == 0 {
            all.add_permits(together);
        }
        Fault::Hold(Arc::clone(&all))
    })
    .await
}

#[tokio::test]
async fn as_many_invocations_at_once_as_lambda_offers() {
    for at_once in [1, 3] {
        let database = Database::start().await;
        database.record(&history("room01", 3, 60)).await;
        let proxy = waiting_for(at_once, &database).await;
        let mut lambda = Lambda::start(6);
        let _function =
            function(&database, &proxy.endpoint, &lambda.address, at_once).spawn().expect("runs");
        for _ in 0..6 {
            // Were they answered one after the other, the first would wait for the second for ever.
            let answer = lambda.answer().await;
            assert_eq!(answer["statusCode"], 200, "{answer}");
        }
    }
}

#[tokio::test]
async fn the_end_of_the_runtime_api_is_a_normal_end() {
    let database = Database::start().await;
    for invocations in [1, 3] {
        let mut lambda = Lambda::start(invocations);
        let function =
            function(&database, &database.endpoint, &lambda.address, 1).spawn().expect("runs");
        for _ in 0..invocations {
            lambda.answer().await;
        }
        drop(lambda);
        let (status, printed) = end(function).await;
        assert_eq!(status.code(), Some(0), "{printed}");
        assert!(!printed.contains("ERROR"), "{printed}");
        assert_eq!(printed.matches("status=200").count(), invocations, "{printed}");
    }
}

#[tokio::test]
async fn a_runtime_api_that_was_never_there_is_an_error() {
    let database = Database::start().await;
    // Taken and given back: nobody listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let address = address.expect("a free port").to_string();
    let function = function(&database, &database.endpoint, &address, 1).spawn().expect("runs");
    let (status, printed) = end(function).await;
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains("ERROR") && printed.contains("cannot run"), "{printed}");
}

#[tokio::test]
async fn the_log_has_the_true_status_in_either_dialect() {
    let database = Database::start().await;
    let failing = Proxy::start(&database.endpoint, |_, _| Fault::CutBefore).await;
    for (dialect, answered) in [("documented", 503), ("plugnmeet", 200)] {
        let mut lambda = Lambda::start(1);
        let function = function(&database, &failing.endpoint, &lambda.address, 1)
            .env("ANSWERS", dialect)
            .spawn()
            .expect("runs");
        assert_eq!(lambda.answer().await["statusCode"], answered, "{dialect}");
        drop(lambda);
        let (_, printed) = end(function).await;
        assert!(printed.contains("request status=503"), "{dialect}: {printed}");
    }
}

#[tokio::test]
async fn a_played_meeting_is_in_the_history_within_a_second() {
    let database = Database::start().await;
    let events = [
        "webhook-1-room-created",
        "webhook-2-participant-joined",
        "webhook-3-session-ended",
        "webhook-6-bad-token",
    ];
    let mut lambda = Lambda::with_events(&events);
    let path = env!("CARGO_BIN_EXE_past-rooms-webhook");
    let function = program(path, &database, &database.endpoint, &lambda.address, 1);
    let _function = { function }.spawn().expect("runs");
    for status in [200, 200, 200, 401] {
        assert_eq!(lambda.answer().await["statusCode"], status);
    }
    let end = std::time::Instant::now();
    let query = past_rooms::PageQuery::new(["weekly-call"]);
    let page = database.past_rooms.page(&query).await.expect("a page");
    assert!(end.elapsed() < Duration::from_secs(1));
    assert_eq!((page.total, page.sessions.len()), (1, 1));
    assert_eq!(
        (&*page.sessions[0].room_sid, page.sessions[0].joined_participants),
        ("SID_webhook", 1)
    );
}
