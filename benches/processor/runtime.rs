//! Lambda's runtime API for one function: hands out events one by one and takes the answers.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

/// How long the function may be silent: under callgrind everything takes fifty times as long.
const PATIENCE: Duration = Duration::from_secs(120);

struct Shared {
    events: Mutex<mpsc::UnboundedReceiver<String>>,
    ready: mpsc::UnboundedSender<Instant>,
    answers: mpsc::UnboundedSender<(Instant, Bytes)>,
}

/// The runtime API. Dropped, it goes away, and the function ends.
pub struct Runtime {
    pub address: String,
    events: mpsc::UnboundedSender<String>,
    ready: mpsc::UnboundedReceiver<Instant>,
    answers: mpsc::UnboundedReceiver<(Instant, Bytes)>,
    served_by: Option<tokio::runtime::Runtime>,
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let _ = shared.ready.send(Instant::now());
    let Some(event) = shared.events.lock().await.recv().await else {
        return std::future::pending().await;
    };
    let deadline = (SystemTime::now() + PATIENCE).duration_since(UNIX_EPOCH).unwrap_or_default();
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:1:function:f".to_owned()),
    ];
    (headers, event).into_response()
}

#[allow(clippy::unused_async, reason = "a handler is asynchronous")]
async fn answer(State(shared): State<Arc<Shared>>, body: Bytes) {
    let _ = shared.answers.send((Instant::now(), body));
}

impl Runtime {
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let (events, to_hand_out) = mpsc::unbounded_channel();
        let (is_ready, ready) = mpsc::unbounded_channel();
        let (sender, answers) = mpsc::unbounded_channel();
        let shared =
            Arc::new(Shared { events: Mutex::new(to_hand_out), ready: is_ready, answers: sender });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(answer))
            .layer(DefaultBodyLimit::disable())
            .with_state(shared);
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?.to_string();
        let builder = &mut tokio::runtime::Builder::new_multi_thread();
        let served_by = builder.worker_threads(1).enable_all().build()?;
        served_by.spawn(async move {
            let listener = TcpListener::from_std(listener)?;
            axum::serve(listener, router).await
        });
        Ok(Runtime { address, events, ready, answers, served_by: Some(served_by) })
    }

    /// When the function asked for its next event.
    pub async fn ready(&mut self) -> Result<Instant, Box<dyn Error>> {
        let ready = tokio::time::timeout(PATIENCE, self.ready.recv()).await?;
        Ok(ready.ok_or("the runtime API ended")?)
    }

    /// Invokes the function and waits until it asks for the next event; returns the time until its
    /// answer.
    pub async fn invoke(&mut self, event: &str) -> Result<Duration, Box<dyn Error>> {
        let start = Instant::now();
        self.events.send(event.to_owned())?;
        let answer = tokio::time::timeout(PATIENCE, self.answers.recv()).await?;
        let (end, body) = answer.ok_or("the runtime API ended")?;
        let answer: Value = serde_json::from_slice(&body)?;
        if answer["statusCode"] != 200 {
            return Err(format!("the function answered {answer}").into());
        }
        self.ready().await?;
        Ok(end - start)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.served_by.take() {
            runtime.shutdown_background();
        }
    }
}
