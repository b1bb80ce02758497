//! Held against the SDK's own signer: the same requests, at the same time, with the same headers.

use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::*;

/// 22 November 2026, 10:00:00.5 UTC.
const NOW: Duration = Duration::from_millis(1_795_341_600_500);

/// A server that keeps what it is sent, and answers nothing.
#[derive(Debug, Clone, Default)]
struct Recorder(Arc<Mutex<Vec<HttpRequest>>>);

impl HttpConnector for Recorder {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.0.lock().expect("the lock").push(request);
        HttpConnectorFuture::ready(Err(ConnectorError::user("no answer".into())))
    }
}

#[derive(Debug, Clone, Copy)]
struct Clock(Duration);

impl aws_smithy_async::time::TimeSource for Clock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.0
    }
}

/// The headers of a request at a time, to a host, with a session token or without.
async fn signed(
    signer: Option<&Arc<Signer>>,
    now: Duration,
    endpoint: &str,
    token: Option<&str>,
    room: &str,
) -> Vec<(String, String)> {
    let recorder = Recorder::default();
    let connector = SharedHttpConnector::new(recorder.clone());
    let credentials =
        Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7", token.map(str::to_owned), None, "test");
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(credentials)
        .endpoint_url(endpoint)
        .time_source(Clock(now))
        .retry_config(RetryConfig::disabled())
        .http_client(http_client_fn(move |_, _| connector.clone()));
    if let Some(signer) = signer {
        config = config.push_auth_scheme(Shared(Arc::clone(signer)));
    }
    let client = Client::from_conf(config.build());
    let key = AttributeValue::S(room.to_owned());
    let _ = client.get_item().table_name("past-rooms").key("room_id", key).send().await;
    let requests = recorder.0.lock().expect("the lock");
    let headers = requests[0].headers().iter();
    let headers = headers.filter(|(name, _)| *name != "amz-sdk-invocation-id");
    let mut headers: Vec<_> =
        headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    headers.sort();
    headers
}

/// One signer in several clients.
#[derive(Debug)]
struct Shared(Arc<Signer>);

impl AuthScheme for Shared {
    fn scheme_id(&self) -> AuthSchemeId {
        self.0.scheme_id()
    }

    fn identity_resolver(&self, all: &dyn GetIdentityResolver) -> Option<SharedIdentityResolver> {
        self.0.identity_resolver(all)
    }

    fn signer(&self) -> &dyn Sign {
        self.0.signer()
    }
}

#[tokio::test]
async fn a_request_is_signed_as_the_sdk_signs_it() {
    let signer = Arc::new(Signer::new("eu-central-1"));
    let token = Some("a token/with+signs==");
    let day = Duration::from_secs(24 * 3600);
    let second = Duration::from_secs(1);
    for endpoint in [
        "https://dynamodb.eu-central-1.amazonaws.com",
        "https://dynamodb.eu-central-1.amazonaws.com:443",
        "http://127.0.0.1:8000",
        "http://127.0.0.1:80/",
    ] {
        for now in [NOW, NOW, NOW + second, NOW + day, NOW] {
            for (token, room) in [(token, "room01"), (None, "room01"), (token, "Prüfung \u{1F600}")]
            {
                let ours = signed(Some(&signer), now, endpoint, token, room).await;
                let sdks = signed(None, now, endpoint, token, room).await;
                assert!(ours.iter().any(|(name, _)| name == "authorization"), "{ours:?}");
                assert_eq!(ours, sdks, "{endpoint}, {now:?}, {token:?}, {room}");
                assert!(signer.has_signed(now), "the SDK's signer did it");
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_sent_to_the_root_is_left_to_the_sdk() {
    let signer = Arc::new(Signer::new("eu-central-1"));
    let endpoint = "http://127.0.0.1:8000/some/where";
    let ours = signed(Some(&signer), NOW, endpoint, None, "room01").await;
    assert_eq!(ours, signed(None, NOW, endpoint, None, "room01").await);
    assert!(!signer.has_signed(NOW));
}

#[test]
fn other_credentials_sign_with_another_key() {
    let signer = Signer::new("eu-central-1");
    let stamp = |key: &str, secret: &str| {
        let credentials = Credentials::new(key, secret, None, None, "test");
        signer.stamp(&credentials, UNIX_EPOCH + NOW).expect("a time")
    };
    let first = stamp("one", "secret");
    assert_eq!(stamp("one", "secret").key, first.key);
    assert_ne!(stamp("one", "other").key, first.key);
    assert_eq!(stamp("two", "secret").access_key_id, "two");
    assert_eq!(format!("{first:?}").matches("secret").count(), 0);
}

impl Signer {
    /// Whether its last signature was of this second.
    fn has_signed(&self, now: Duration) -> bool {
        let stamp = self.stamp.lock().expect("the lock");
        stamp.as_ref().is_some_and(|stamp| stamp.second == now.as_secs() as i64)
    }
}
