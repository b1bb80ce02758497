//! Parts shared with the tests: Lambda's runtime API, and TLS in front of DynamoDB.

#[path = "../../examples/local/embedded.rs"]
#[allow(dead_code, reason = "made for the local run, which uses more of it")]
pub mod embedded;
#[path = "../../tests/it/support/lambda.rs"]
#[allow(dead_code, clippy::expect_used, reason = "made for the tests, which use more of it")]
pub mod lambda;
#[path = "../../tests/it/support/tls.rs"]
#[allow(clippy::expect_used, reason = "made for the tests")]
pub mod tls;

use std::error::Error;
use std::path::{Path, PathBuf};

use axum::Router;
use past_rooms::{Session, dynamodb};
use serde_json::json;
use tokio::net::TcpListener;

use self::embedded::{Stream, TABLE_NAME};
use self::tls::Front;

pub const KEY: &str = "plugnmeet";
pub const SECRET: &str = "local-demo-secret";

/// The secret that a function may read its key pair from.
pub const SECRET_ARN: &str =
    "arn:aws:secretsmanager:us-east-1:000000000000:secret:past-rooms-AbCdEf";

/// The system's root certificates, by system.
const BUNDLES: [&str; 2] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// An embedded DynamoDB and a Secrets Manager with one secret, both behind TLS.
pub struct Database {
    pub front: Front,
    pub secrets: Front,
    /// The system's root certificates and those of both servers, as many as a function reads on Lambda.
    bundle: PathBuf,
}

impl Database {
    /// Starts it with these sessions.
    pub async fn start(sessions: &[Session], folder: &Path) -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = embedded::start(&dynoxide::Database::memory()?, [listener])?;
        let client = dynamodb::client(&embedded::settings(&endpoint));
        let past_rooms = embedded::create_table(client, TABLE_NAME, Stream::Off).await?;
        for some in sessions.chunks(9800) {
            past_rooms.record(some).await?;
        }
        let front = Front::start(&endpoint).await;
        let secrets = Front::start(&secrets_manager().await?).await;
        let system = BUNDLES.iter().find_map(|path| std::fs::read_to_string(path).ok());
        let bundle = folder.join("roots.pem");
        std::fs::write(
            &bundle,
            system.unwrap_or_default() + &front.authority + &secrets.authority,
        )?;
        Ok(Database { front, secrets, bundle })
    }

    /// Returns the variables with which a function reaches it at `endpoint`.
    pub fn variables(&self, endpoint: &str) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL_DYNAMODB", endpoint.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "local".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("AWS_SESSION_TOKEN", "t".repeat(800)),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
            ("SSL_CERT_FILE", self.bundle.display().to_string()),
            ("TABLE_NAME", TABLE_NAME.to_owned()),
        ]
    }
}

/// Starts a server that answers every `GetSecretValue` with the key pair, and returns its address.
async fn secrets_manager() -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let pair = json!({"api_key": KEY, "api_secret": SECRET}).to_string();
    // Created long ago, so that no previous version is asked for.
    let answer = json!({"ARN": SECRET_ARN, "SecretString": pair, "CreatedDate": 0}).to_string();
    let router = Router::new().fallback(move || std::future::ready(answer.clone()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}
