//! The function's own binary under Lambda's runtime API.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use past_rooms::api::auth;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc, watch};

use super::{Database, KEY, SECRET};

/// Lambda's side: hands out events, and takes the answers.
struct Runtime {
    events: Mutex<mpsc::UnboundedReceiver<String>>,
    asked: watch::Sender<usize>,
    handed_out: AtomicUsize,
    timeout: Duration,
    answers: mpsc::UnboundedSender<Value>,
}

async fn next(State(runtime): State<Arc<Runtime>>) -> Response {
    runtime.asked.send_modify(|times| *times += 1);
    let Some(event) = runtime.events.lock().await.recv().await else {
        return std::future::pending().await;
    };
    let number = runtime.handed_out.fetch_add(1, Ordering::SeqCst);
    let deadline = (SystemTime::now() + runtime.timeout).duration_since(SystemTime::UNIX_EPOCH);
    let headers = [
        ("lambda-runtime-aws-request-id", format!("request-{number}")),
        ("lambda-runtime-deadline-ms", deadline.expect("after 1970").as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:1:function:f".to_owned()),
        (
            "lambda-runtime-trace-id",
            "Root=1-5e1b4151-5ac6c58f5e1b41515e1b4151;Sampled=0".to_owned(),
        ),
    ];
    (headers, event).into_response()
}

async fn answer(State(runtime): State<Arc<Runtime>>, Path(_): Path<String>, body: Bytes) {
    let answer = serde_json::from_slice(&body).expect("an answer");
    let _ = runtime.answers.send(answer);
}

/// Lambda's runtime API, in a runtime of its own: dropped, it goes away with all its connections.
pub struct Lambda {
    pub address: String,
    events: mpsc::UnboundedSender<String>,
    answers: mpsc::UnboundedReceiver<Value>,
    asked: watch::Receiver<usize>,
    served_by: Option<tokio::runtime::Runtime>,
}

impl Lambda {
    /// Starts it; an invocation may take as long as `timeout`.
    pub fn start(timeout: Duration) -> Self {
        let (sender, answers) = mpsc::unbounded_channel();
        let (events, to_hand_out) = mpsc::unbounded_channel();
        let (asks, asked) = watch::channel(0);
        let runtime = Runtime {
            events: Mutex::new(to_hand_out),
            asked: asks,
            handed_out: AtomicUsize::new(0),
            timeout,
            answers: sender,
        };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(answer))
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
        Lambda { address, events, answers, asked, served_by: Some(served_by) }
    }

    /// Invokes the function with a signed request; the invocations' ids are `request-0`,
    /// `request-1`, …
    pub fn invoke(&self, body: &str) {
        let mut event: Value = serde_json::from_str(&stored("http-api")).expect("JSON");
        event["body"] = body.into();
        let headers = &mut event["headers"];
        headers["content-length"] = body.len().to_string().into();
        headers[auth::API_KEY_HEADER.to_ascii_lowercase()] = KEY.into();
        headers[auth::SIGNATURE_HEADER.to_ascii_lowercase()] =
            auth::sign(SECRET, body.as_bytes()).into();
        self.events.send(event.to_string()).expect("handed out");
    }

    /// Invokes the function with an event of `events/`, as it is.
    pub fn invoke_stored(&self, name: &str) {
        self.events.send(stored(name)).expect("handed out");
    }

    /// Invokes the function with this event.
    pub fn invoke_event(&self, event: &Value) {
        self.events.send(event.to_string()).expect("handed out");
    }

    /// The next answer, as the function sent it, or the error that it reported.
    pub async fn answer(&mut self) -> Value {
        let answer = tokio::time::timeout(Duration::from_secs(60), self.answers.recv()).await;
        answer.expect("in time").expect("an answer")
    }
}

impl Lambda {
    /// Waits until functions have asked for events this number of times.
    #[allow(dead_code, reason = "only the benchmark waits for it")]
    pub async fn asked(&mut self, times: usize) {
        let asked = self.asked.wait_for(|asked| *asked >= times);
        let asked = tokio::time::timeout(Duration::from_secs(60), asked).await;
        asked.expect("in time").expect("a runtime API");
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        if let Some(runtime) = self.served_by.take() {
            runtime.shutdown_background();
        }
    }
}

/// An event of `events/`.
pub fn stored(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/events");
    std::fs::read_to_string(format!("{folder}/{name}.json")).expect("an event")
}

/// The API's function, with the runtime API at an address.
pub fn function(database: &Database, dynamodb: &str, runtime_api: &str, at_once: usize) -> Command {
    program(env!("CARGO_BIN_EXE_past-rooms"), database, dynamodb, runtime_api, at_once)
}

/// The function whose binary is at `path`, with the runtime API at an address.
pub fn program(
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
pub async fn end(function: Child) -> (ExitStatus, String) {
    let output = tokio::time::timeout(Duration::from_secs(60), function.wait_with_output()).await;
    let output = output.expect("in time").expect("its output");
    let printed = [output.stdout, output.stderr].concat();
    (output.status, String::from_utf8_lossy(&printed).into_owned())
}
