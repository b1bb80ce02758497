//! Certificate authorities that the function trusts.

use std::path::PathBuf;
use std::time::Duration;

use crate::support::lambda::{Lambda, end, function};
use crate::support::tls::Front;
use crate::support::{Database, history};

const BODY: &str = r#"{"room_ids":["room01"],"limit":3}"#;

/// The status of an answer of the function, and what it logged.
async fn answer(database: &Database, front: &Front, bundle: Option<&PathBuf>) -> (u64, String) {
    let mut lambda = Lambda::start(Duration::from_secs(30));
    lambda.invoke(BODY);
    let mut function = function(database, &front.endpoint, &lambda.address, 1);
    if let Some(bundle) = bundle {
        function.env("SSL_CERT_FILE", bundle);
    }
    let function = function.env("AWS_LAMBDA_LOG_LEVEL", "DEBUG").spawn().expect("it runs");
    let status = lambda.answer().await["statusCode"].as_u64().expect("a status");
    drop(lambda);
    (status, end(function).await.1)
}

#[tokio::test]
async fn named_authority_is_trusted() {
    let database = Database::start().await;
    database.record(&history("room01", 3, 60)).await;
    let front = Front::start(&database.endpoint).await;
    let folder = std::env::temp_dir().join(format!("trust-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let bundle = folder.join("roots.pem");
    std::fs::write(&bundle, &front.authority).expect("a file");
    let (status, log) = answer(&database, &front, Some(&bundle)).await;
    std::fs::remove_dir_all(folder).expect("removed");
    assert_eq!(status, 200, "{log}");
    assert!(!log.contains("UnknownIssuer"), "{log}");
}

#[tokio::test]
async fn unknown_authority_is_refused() {
    let database = Database::start().await;
    let front = Front::start(&database.endpoint).await;
    let (status, log) = answer(&database, &front, None).await;
    assert_eq!(status, 503, "{log}");
    assert!(log.contains("UnknownIssuer"), "{log}");
}
