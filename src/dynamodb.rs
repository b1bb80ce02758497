//! The client for DynamoDB, made once: how long it waits, how often it tries again.

use std::time::Duration;

use aws_config::ConfigLoader;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_smithy_http_client::tls;

use crate::table::tally::ROOM_TALLY;
use crate::table::{Consistency, Meter, Table};

/// DynamoDB answers in single milliseconds; a connection that takes longer than this is tried anew.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
/// A page of 1 MB takes some hundred milliseconds at the most.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// A request and its retries. The invocation's own deadline may be nearer; the handler sees to that.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// The first attempt counts.
const MAX_ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
/// For opening the connection at the start.
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(1);

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

/// Opens the connection and signs once, while Lambda still gives the start its full processor. A DynamoDB that is slow
/// or away does not keep the function from starting.
pub async fn warm_up(table: &Table) {
    // A room of this name cannot be asked for: half a read unit for nothing.
    let no_room = [("\u{0}", ROOM_TALLY)];
    let meter = Meter::default();
    let read = table.get_rows(&no_room, Consistency::Eventual, &meter);
    match tokio::time::timeout(WARM_UP_TIMEOUT, read).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "DynamoDB could not be reached at the start"),
        Err(_) => tracing::warn!("DynamoDB did not answer at the start in time"),
    }
}
