//! Configuration of the SDK's client for DynamoDB: endpoint, credentials, time-outs, retries.

pub mod connections;

use std::time::{Duration, SystemTime};

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    AppName, Builder, SharedCredentialsProvider, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::tls;

use crate::dynamodb::connections::FreshConnections;
use crate::lambda::config::{MissingVariable, REGION, variable};
use crate::table::keys::RowKey;
use crate::table::{Consistency, Table};

/// Variables of the SDK for another endpoint. The first one that is set and not empty wins.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"];
/// The same for Secrets Manager.
const SECRETS_ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"];
/// Variables of the SDK for AWS's other kinds of endpoints: `true` selects them.
///
/// Source: AWS SDKs and Tools Reference Guide, "Dual-stack and FIPS endpoints".
const USE_FIPS: &str = "AWS_USE_FIPS_ENDPOINT";
const USE_DUAL_STACK: &str = "AWS_USE_DUALSTACK_ENDPOINT";

/// Name and version that the user agent of every request tells AWS.
const APP_NAME: &str = concat!(env!("CARGO_PKG_NAME"), "-", env!("CARGO_PKG_VERSION"));

/// DynamoDB answers in milliseconds; a connection that takes longer than this is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
/// A page of 1 MB takes some hundred milliseconds.
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
    let settings = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(variable(REGION)?))
        .credentials_provider(SharedCredentialsProvider::new(credentials));
    Ok(with_endpoint(settings.build(), |name| variable(name).ok()))
}

/// Returns the settings with the endpoint that these variables select. An empty variable selects
/// nothing.
fn with_endpoint(
    settings: SdkConfig,
    variable: impl Fn(&'static str) -> Option<String>,
) -> SdkConfig {
    let is_true = |name| variable(name).map(|value| value.eq_ignore_ascii_case("true"));
    let mut settings = settings.into_builder();
    settings.set_endpoint_url(ENDPOINTS.into_iter().find_map(&variable));
    settings.set_use_fips(is_true(USE_FIPS));
    settings.set_use_dual_stack(is_true(USE_DUAL_STACK));
    settings.build()
}

/// Returns an HTTP client with TLS that trusts the system's certificate authorities, or those of
/// `SSL_CERT_FILE`.
pub fn https_client() -> SharedHttpClient {
    let crypto = tls::rustls_provider::CryptoMode::Ring;
    aws_smithy_http_client::Builder::new()
        .pool_idle_timeout(connections::IDLE)
        .tls_provider(tls::Provider::Rustls(crypto))
        .build_https()
}

/// Returns an HTTP client without TLS, which reads no certificates.
pub fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().pool_idle_timeout(connections::IDLE).build_http()
}

/// Returns the settings with the endpoint of Secrets Manager and an HTTP client for it.
pub fn secrets_manager_settings(settings: &SdkConfig) -> SdkConfig {
    let endpoint = SECRETS_ENDPOINTS.into_iter().find_map(|name| variable(name).ok());
    let new_pool = new_pool(endpoint.as_deref());
    let mut settings = settings.clone().into_builder();
    settings.set_endpoint_url(endpoint);
    settings.set_http_client(Some(SharedHttpClient::new(FreshConnections::new(
        new_pool,
        SystemTime::now,
    ))));
    settings.set_app_name(AppName::new(APP_NAME).ok());
    settings.build()
}

fn new_pool(endpoint: Option<&str>) -> fn() -> SharedHttpClient {
    let is_plain = endpoint.is_some_and(|url| url.starts_with("http://"));
    if is_plain { http_client } else { https_client }
}

/// Returns a client with these settings.
pub fn client(settings: &SdkConfig) -> Client {
    let new_pool = new_pool(settings.endpoint_url());
    let mut config = Builder::from(settings)
        .http_client(FreshConnections::new(new_pool, SystemTime::now))
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
    config.set_app_name(AppName::new(APP_NAME).ok());
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
            tracing::warn!(cause = %error, "DynamoDB cannot be reached; the function starts without it");
        }
        Err(_) => tracing::warn!("DynamoDB did not answer in time; the function starts without it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sdk_variables_select_the_endpoint() {
        let settings = |variables: &[(&str, &str)]| {
            with_endpoint(SdkConfig::builder().build(), |name| {
                let found = variables.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let none = settings(&[]);
        assert_eq!(
            (none.endpoint_url(), none.use_fips(), none.use_dual_stack()),
            (None, None, None)
        );
        let both = settings(&[(USE_FIPS, "true"), (USE_DUAL_STACK, "TRUE")]);
        assert_eq!((both.use_fips(), both.use_dual_stack()), (Some(true), Some(true)));
        assert_eq!(settings(&[(USE_FIPS, "false")]).use_fips(), Some(false));
        let own = [("AWS_ENDPOINT_URL", "http://all"), ("AWS_ENDPOINT_URL_DYNAMODB", "http://own")];
        assert_eq!(settings(&own).endpoint_url(), Some("http://own"));
        assert_eq!(settings(&own[..1]).endpoint_url(), Some("http://all"));
    }
}
