//! The client for DynamoDB, made once: how long it waits, how often it tries again.

use std::time::Duration;

use aws_config::ConfigLoader;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_smithy_http_client::tls;

/// DynamoDB answers in single milliseconds; a connection that takes longer than this is tried anew.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
/// A page of 1 MB takes some hundred milliseconds at the most.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// A request and its retries. The invocation's own deadline may be nearer; the handler sees to that.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// The first attempt counts.
const MAX_ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// A client with `settings` for region, credentials and endpoint; what they leave open comes from the SDK's environment
/// variables.
pub async fn client(settings: ConfigLoader) -> Client {
    let http_client = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https();
    let config = settings
        .http_client(http_client)
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        )
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(MAX_ATTEMPTS)
                .with_initial_backoff(FIRST_BACKOFF),
        )
        .load()
        .await;
    Client::new(&config)
}
