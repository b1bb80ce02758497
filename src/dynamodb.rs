//! The client for DynamoDB, made once: how long it waits, how often it retries.

use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    Builder, SharedCredentialsProvider, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::tls;

use crate::config::{MissingVariable, REGION, variable};
use crate::connections::RenewingClient;
use crate::lean::{Endpoint, Lean};
use crate::signing::Signer;
use crate::table::keys::RowKey;
use crate::table::{Consistency, Table};
use crate::trust;
use crate::xray::Tracer;

/// The SDK's variables for another endpoint; the first that is set wins.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"];

/// DynamoDB answers in milliseconds; a connection that takes longer than this is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
/// A page of 1 MB takes some hundred milliseconds at the most.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// A request with its retries. The handler watches the invocation's own deadline, which may be
/// nearer.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// The first attempt counts.
const MAX_ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
/// The time-outs of a client that may wait.
const PATIENT_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
const PATIENT_OPERATION_TIMEOUT: Duration = Duration::from_secs(30);
/// For opening the connection at the start.
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(1);

/// The SDK's settings, from Lambda's environment.
///
/// Credentials come from the variables, or from the container's endpoint, where Lambda uses that:
/// the two ways in which Lambda gives them. The SDK's own default asks in more places, which Lambda
/// does not have: that would only make the binary larger and every cold start longer.
///
/// # Errors
/// [`MissingVariable`] if there is no region.
pub fn settings_from_env() -> Result<SdkConfig, MissingVariable> {
    let provider = ProviderConfig::without_region().with_http_client(http_client());
    let credentials = CredentialsProviderChain::first_try(
        "environment",
        EnvironmentVariableCredentialsProvider::new(),
    )
    .or_else("container", EcsCredentialsProvider::builder().configure(&provider).build());
    let endpoint = ENDPOINTS.into_iter().find_map(|name| variable(name).ok());
    let mut settings = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(variable(REGION)?))
        .credentials_provider(SharedCredentialsProvider::new(credentials));
    settings.set_endpoint_url(endpoint);
    Ok(settings.build())
}

/// An HTTP client with TLS for other services than DynamoDB, as the operator's credentials need them.
pub fn https_client() -> SharedHttpClient {
    let crypto = tls::rustls_provider::CryptoMode::Ring;
    aws_smithy_http_client::Builder::new().tls_provider(tls::Provider::Rustls(crypto)).build_https()
}

/// The HTTP client without TLS, which need not read root certificates.
fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

/// A client with these settings.
pub fn client(settings: &SdkConfig) -> Client {
    let endpoint = settings.endpoint_url();
    let is_plain = endpoint.is_some_and(|url| url.starts_with("http://"));
    let new_pool = if is_plain { http_client } else { trust::https_client };
    let mut config = Builder::from(settings)
        .http_client(RenewingClient::new(new_pool))
        .endpoint_resolver(Endpoint::default())
        .interceptor(Lean)
        // For streams; an attempt's time-out is shorter than its patience.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
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
        );
    if let Some(region) = settings.region() {
        config = config.push_auth_scheme(Signer::new(region.as_ref()));
    }
    if let Some(tracer) = Tracer::from_env() {
        config = config.interceptor(tracer);
    }
    Client::from_conf(config.build())
}

/// A client for work that may wait: no function's time is running out, and a request that is given up
/// too early is work for nothing.
pub fn patient_client(settings: &SdkConfig) -> Client {
    let client = client(settings);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(PATIENT_ATTEMPT_TIMEOUT)
        .operation_timeout(PATIENT_OPERATION_TIMEOUT);
    Client::from_conf(client.config().to_builder().timeout_config(timeouts.build()).build())
}

/// Opens the connection and signs once, while the function is initialised and still has a full
/// processor. A DynamoDB that is slow or away does not keep the function from starting.
pub async fn warm_up(table: &Table) {
    // A room that is not there costs half a read unit.
    let read = table.get_row(RowKey::room_tally("\u{0}"), Consistency::Eventual);
    match tokio::time::timeout(WARM_UP_TIMEOUT, read).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            tracing::warn!(cause = %error, "DynamoDB cannot be reached; starting all the same");
        }
        Err(_) => tracing::warn!("DynamoDB did not answer in time; starting all the same"),
    }
}
