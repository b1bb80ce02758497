//! The key pair in Secrets Manager: its start, its rotation, and Secrets Manager away.

use std::process::Stdio;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Builder, Credentials as Aws, Region};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use lambda_http::http::HeaderMap;
use past_rooms::api::auth::{self, AuthError};
use past_rooms::api::credentials::{Credentials, MAX_AGE, MIN_PAUSE, OVERLAP};
use past_rooms::dynamodb;
use serde_json::{Value, json};

use crate::support::lambda::{Lambda, end, function};
use crate::support::{Database, KEY, SECRET};

const ARN: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:past-rooms-AbCdEf";
/// When the first version of the secret was created, in UNIX seconds.
const CREATED: u64 = 1_795_341_600;

/// A secret behind the `GetSecretValue` of Secrets Manager's JSON API.
#[derive(Default)]
struct Secret {
    /// Values and times of creation, the newest last.
    versions: Mutex<Vec<(String, Value)>>,
    reads: AtomicUsize,
    /// Locked while answers are held back.
    gate: tokio::sync::Mutex<()>,
    is_away: std::sync::atomic::AtomicBool,
    /// Seconds since [`CREATED`].
    now: AtomicU64,
}

impl Secret {
    /// Starts it with the pair of [`KEY`] and `secret`.
    async fn start(secret: &str) -> (Arc<Self>, String) {
        let secrets = Arc::new(Secret::default());
        secrets.put(secret);
        let router =
            axum::Router::new().fallback(get_secret_value).with_state(Arc::clone(&secrets));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (secrets, url)
    }

    fn put(&self, secret: &str) {
        self.put_text(&json!({"api_key": KEY, "api_secret": secret}).to_string());
    }

    fn put_text(&self, text: &str) {
        let created = CREATED + self.now.load(Ordering::Relaxed);
        self.versions.lock().expect("versions").push((text.to_owned(), created.into()));
    }

    fn pass(&self, time: Duration) {
        self.now.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    async fn credentials(self: &Arc<Self>, url: &str) -> Result<Credentials, String> {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Aws::new("a", "b", None, None, "test"))
            .http_client(dynamodb::http_client())
            .endpoint_url(url);
        let secret = Arc::clone(self);
        let clock = move || {
            let now = CREATED + secret.now.load(Ordering::Relaxed);
            SystemTime::UNIX_EPOCH + Duration::from_secs(now)
        };
        let client = Client::from_conf(config.build());
        Credentials::from_secret(client, ARN.to_owned(), clock).await.map_err(|e| e.to_string())
    }
}

async fn get_secret_value(State(secret): State<Arc<Secret>>, body: String) -> Response {
    let refuse =
        |kind: &str| (axum::http::StatusCode::BAD_REQUEST, json!({"__type": kind}).to_string());
    let asked: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(asked["SecretId"], ARN);
    secret.reads.fetch_add(usize::from(asked["VersionStage"] == "AWSCURRENT"), Ordering::Relaxed);
    drop(secret.gate.lock().await);
    if secret.is_away.load(Ordering::Relaxed) {
        return refuse("AccessDeniedException").into_response();
    }
    let versions = secret.versions.lock().expect("versions");
    let back = if asked["VersionStage"] == "AWSPREVIOUS" { 2 } else { 1 };
    let Some((text, created)) = versions.len().checked_sub(back).map(|index| &versions[index])
    else {
        return refuse("ResourceNotFoundException").into_response();
    };
    json!({"ARN": ARN, "SecretString": text, "CreatedDate": created}).to_string().into_response()
}

/// Authenticates a request that is signed with `secret`.
async fn request(credentials: &Credentials, secret: &str) -> Result<(), AuthError> {
    let body = b"{}";
    let mut headers = HeaderMap::new();
    headers.insert(auth::API_KEY_HEADER, KEY.parse().expect("a value"));
    headers.insert(auth::SIGNATURE_HEADER, auth::sign(secret, body).parse().expect("a value"));
    credentials.authenticate(|pair| auth::authenticate(pair, &headers, body)).await
}

#[tokio::test]
async fn rotation_keeps_the_previous_pair_valid() {
    let (secret, url) = Secret::start("old").await;
    let credentials = secret.credentials(&url).await.expect("read");
    secret.put("new");
    for _ in 0..3 {
        for either in ["old", "new"] {
            assert_eq!(request(&credentials, either).await, Ok(()), "{either}");
        }
    }
    // A process that starts during the overlap accepts both, too.
    let started = secret.credentials(&url).await.expect("read");
    for either in ["old", "new"] {
        assert_eq!(request(&started, either).await, Ok(()), "{either}");
    }
    secret.pass(OVERLAP - Duration::from_secs(1));
    assert_eq!(request(&credentials, "old").await, Ok(()));
    secret.pass(Duration::from_secs(1));
    assert_eq!(request(&credentials, "old").await, Err(AuthError::WrongSignature));
    assert_eq!(request(&credentials, "new").await, Ok(()));
}

#[tokio::test]
async fn replaced_pair_expires_without_failures() {
    let (secret, url) = Secret::start("old").await;
    let credentials = secret.credentials(&url).await.expect("read");
    secret.put("new");
    secret.put("newest");
    secret.pass(MAX_AGE - MIN_PAUSE - Duration::from_secs(1));
    assert_eq!(request(&credentials, "old").await, Ok(()));
    secret.pass(Duration::from_secs(1));
    assert_eq!(request(&credentials, "old").await, Err(AuthError::WrongSignature));
}

#[tokio::test]
async fn forged_requests_cause_one_read_a_minute() {
    let (secret, url) = Secret::start("old").await;
    let credentials = secret.credentials(&url).await.expect("read");
    assert_eq!(secret.reads(), 1);
    for minute in 1..=3 {
        for _ in 0..350 {
            assert_eq!(request(&credentials, "forged").await, Err(AuthError::WrongSignature));
        }
        assert_eq!(secret.reads(), 1 + minute);
        secret.pass(MIN_PAUSE);
    }
}

#[tokio::test]
async fn requests_do_not_wait_for_forged_ones() {
    let (secret, url) = Secret::start("old").await;
    let credentials = secret.credentials(&url).await.expect("read");
    let held = secret.gate.lock().await;
    let forged = tokio::spawn({
        let credentials = credentials.clone();
        async move { request(&credentials, "forged").await }
    });
    while secret.reads() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(request(&credentials, "old").now_or_never(), Some(Ok(())));
    drop(held);
    assert_eq!(forged.await.expect("no panic"), Err(AuthError::WrongSignature));
}

#[tokio::test]
async fn known_pairs_survive_a_failed_read() {
    let (secret, url) = Secret::start("old").await;
    let credentials = secret.credentials(&url).await.expect("read");
    secret.is_away.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        secret.pass(MAX_AGE);
        assert_eq!(request(&credentials, "forged").await, Err(AuthError::WrongSignature));
        assert_eq!(request(&credentials, "old").await, Ok(()));
    }
    secret.is_away.store(false, Ordering::Relaxed);
    secret.put_text("{}");
    secret.pass(MAX_AGE);
    assert_eq!(request(&credentials, "old").await, Ok(()), "a malformed value changes nothing");
}

#[tokio::test]
async fn unusable_secret_is_named_at_the_start() {
    let (secret, url) = Secret::start("old").await;
    secret.put_text(r#"{"api_key": "k", "api_secret": "", "other": "hidden"}"#);
    let error = secret.credentials(&url).await.expect_err("malformed");
    assert!(error.contains(ARN) && error.contains("api_secret"), "{error}");
    assert!(!error.contains("hidden"), "{error}");
    secret.is_away.store(true, Ordering::Relaxed);
    let error = secret.credentials(&url).await.expect_err("away");
    assert!(error.contains(ARN) && error.contains("AccessDenied"), "{error}");
}

#[tokio::test]
async fn unreadable_answer_is_not_in_the_error() {
    let (secret, url) = Secret::start("old").await;
    // No time: the SDK cannot read the answer.
    secret.versions.lock().expect("versions")[0].1 = json!("yesterday");
    let error = secret.credentials(&url).await.expect_err("unreadable");
    assert!(error.contains(ARN) && error.contains("200"), "{error}");
    assert!(!error.contains("api_secret") && !error.contains("old"), "{error}");
}

#[tokio::test]
async fn function_answers_with_the_pair_of_the_secret() {
    let database = Database::start().await;
    let (secret, url) = Secret::start(SECRET).await;
    let mut lambda = Lambda::start(Duration::from_secs(30));
    lambda.invoke(r#"{"room_ids":["room01"]}"#);
    let with_secret = |runtime_api: &str| {
        let mut command = function(&database, &database.endpoint, runtime_api, 1);
        command
            .env_remove("API_KEY")
            .env_remove("API_SECRET")
            .env("CREDENTIALS_SECRET_ARN", ARN)
            .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", &url)
            .stdin(Stdio::null());
        command
    };
    let started = with_secret(&lambda.address).spawn().expect("runs");
    assert_eq!(lambda.answer().await["statusCode"], 200);
    drop(started);
    secret.is_away.store(true, Ordering::Relaxed);
    let (status, log) = end(with_secret("127.0.0.1:1").spawn().expect("runs")).await;
    assert!(!status.success() && log.contains(ARN), "{log}");
}
