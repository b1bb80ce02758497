//! The function's own binary, invoked through Lambda's runtime API: as many invocations at once as Lambda offers.

use std::process::Stdio;
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

/// Lambda's side: hands out the same event so many times, and takes the answers.
struct Runtime {
    event: String,
    left: Mutex<usize>,
    answers: mpsc::UnboundedSender<Value>,
}

async fn next(State(runtime): State<Arc<Runtime>>) -> Response {
    let mut left = runtime.left.lock().await;
    if *left == 0 {
        drop(left);
        std::future::pending::<()>().await;
        return ().into_response();
    }
    *left -= 1;
    let headers = [
        ("lambda-runtime-aws-request-id", format!("request-{left}")),
        ("lambda-runtime-deadline-ms", "600000".to_owned()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:1:function:f".to_owned()),
    ];
    (headers, runtime.event.clone()).into_response()
}

async fn answer(State(runtime): State<Arc<Runtime>>, Path(_): Path<String>, body: Bytes) {
    let answer = serde_json::from_slice(&body).expect("an answer");
    let _ = runtime.answers.send(answer);
}

/// Starts the function, and gives the answers to `invocations` of an event.
async fn start(
    database: &Database,
    dynamodb: &str,
    invocations: usize,
    at_once: usize,
) -> (Child, mpsc::UnboundedReceiver<Value>) {
    let (answers, answered) = mpsc::unbounded_channel();
    let event =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/events/http-api.json"));
    let runtime =
        Runtime { event: event.expect("an event"), left: Mutex::new(invocations), answers };
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
        .with_state(Arc::new(runtime));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let at_once = at_once.to_string();
    let function = Command::new(env!("CARGO_BIN_EXE_past-rooms"))
        .env_clear()
        .envs(database.variables(dynamodb))
        .envs([
            ("API_KEY", KEY),
            ("API_SECRET", SECRET),
            ("AWS_LAMBDA_FUNCTION_NAME", "f"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_RUNTIME_API", &address),
            ("AWS_LAMBDA_MAX_CONCURRENCY", &at_once),
        ])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it runs");
    (function, answered)
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
        let (_function, mut answers) = start(&database, &proxy.endpoint, 6, at_once).await;
        for _ in 0..6 {
            // Were they answered one after the other, the first would wait for the second for ever.
            let answer = tokio::time::timeout(Duration::from_secs(60), answers.recv()).await;
            let answer = answer.expect("in time").expect("an answer");
            assert_eq!(answer["statusCode"], 200, "{answer}");
        }
    }
}
