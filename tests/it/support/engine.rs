//! Which DynamoDB the tests run against: the embedded one, or by variables any other.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `TEST_DYNAMODB_ENDPOINT` | the URL of a DynamoDB that takes any credentials |
//! | `TEST_DYNAMODB=aws` | the AWS account and region of the SDK's own variables and profile |
//! | `TEST_DYNAMODB_SECONDS` | how long a request may take, where the project's own time-outs are too short |
//! | `TEST_TABLE_PREFIX` | what the tables' names begin with; `past-rooms-test-` if not set |
//!
//! Every test has a table of its own there, which is deleted when the test ends, whether it passed
//! or not.

use std::env;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::client::Waiters;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{Credentials, ProvideCredentials};
use past_rooms::dynamodb;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use super::embedded;

const DEFAULT_PREFIX: &str = "past-rooms-test-";

/// AWS creates a table in some seconds.
const TIME_TO_CREATE: Duration = Duration::from_secs(60);

/// An empty table, and how it is reached.
pub struct Engine {
    pub settings: SdkConfig,
    pub endpoint: String,
    pub table_name: String,
    credentials: Credentials,
    /// Whether the table outlives the test, so that it has to be deleted.
    outlives: bool,
}

impl Engine {
    /// Creates the table.
    pub async fn start() -> Self {
        let outside = match (env::var("TEST_DYNAMODB"), env::var("TEST_DYNAMODB_ENDPOINT")) {
            (Ok(engine), _) if engine == "aws" => Some(aws().await),
            (Ok(engine), _) => panic!("TEST_DYNAMODB is {engine:?}; only \"aws\" is known"),
            (Err(_), Ok(endpoint)) => Some(embedded::settings(&endpoint)),
            (Err(_), Err(_)) => None,
        };
        let outlives = outside.is_some();
        let settings = match outside {
            Some(settings) => settings,
            None => {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                let database = dynoxide::Database::memory().expect("a database");
                let endpoint = embedded::start(&database, [listener]);
                embedded::settings(&endpoint.expect("an embedded DynamoDB"))
            }
        };
        let table_name = if outlives { own_name() } else { embedded::TABLE_NAME.to_owned() };
        let client = client(&settings);
        embedded::create_table(client.clone(), &table_name, embedded::Stream::On)
            .await
            .expect("a table");
        let endpoint = settings.endpoint_url().expect("an endpoint").to_owned();
        let provider = settings.credentials_provider().expect("credentials");
        let credentials = provider.provide_credentials().await.expect("credentials");
        let engine = Engine { settings, endpoint, table_name, credentials, outlives };
        if outlives {
            let created = client.wait_until_table_exists().table_name(&engine.table_name);
            created.wait(TIME_TO_CREATE).await.expect("a table that is ready");
        }
        engine
    }

    /// A client for this DynamoDB at another URL, as through a proxy.
    pub fn client_at(&self, endpoint: &str) -> Client {
        let settings = self.settings.to_builder().endpoint_url(endpoint).build();
        client(&settings)
    }

    /// The variables with which a program reaches the table at `endpoint`.
    pub fn variables(&self, endpoint: &str) -> Vec<(&'static str, String)> {
        let region = self.settings.region().expect("a region").to_string();
        let mut variables = vec![
            ("AWS_ENDPOINT_URL_DYNAMODB", endpoint.to_owned()),
            ("AWS_REGION", region),
            ("AWS_ACCESS_KEY_ID", self.credentials.access_key_id().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", self.credentials.secret_access_key().to_owned()),
            ("TABLE_NAME", self.table_name.clone()),
        ];
        let token = self.credentials.session_token().map(str::to_owned);
        variables.extend(token.map(|token| ("AWS_SESSION_TOKEN", token)));
        variables
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.outlives {
            return;
        }
        let (settings, table_name) = (self.settings.clone(), self.table_name.clone());
        // The test's own runtime cannot be waited for here.
        let deletion = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            let client = client(&settings);
            runtime.block_on(client.delete_table().table_name(&table_name).send()).map_err(
                |error| {
                    eprintln!("the table {table_name} could not be deleted: {error:?}");
                },
            )
        });
        drop(deletion.join());
    }
}

/// The project's client, made patient if that is asked for.
fn client(settings: &SdkConfig) -> Client {
    let client = dynamodb::client(settings);
    match env::var("TEST_DYNAMODB_SECONDS") {
        Ok(seconds) => patient(&client, seconds.parse().expect("a number of seconds")),
        Err(_) => client,
    }
}

/// Returns the client with this time-out in seconds for each attempt, whose idle connections are not
/// renewed.
fn patient(client: &Client, seconds: u64) -> Client {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(seconds))
        .operation_timeout(Duration::from_secs(3 * seconds))
        .build();
    let config = client.config().to_builder().timeout_config(timeouts);
    Client::from_conf(config.http_client(dynamodb::https_client()).build())
}

/// The AWS account and region that the SDK finds.
async fn aws() -> SdkConfig {
    let settings = aws_config::defaults(BehaviorVersion::latest())
        .http_client(dynamodb::https_client())
        .load()
        .await;
    let region = settings.region().expect("AWS_REGION or a profile with a region").clone();
    let endpoint = format!("https://dynamodb.{region}.amazonaws.com");
    match settings.endpoint_url() {
        Some(_) => settings,
        None => settings.to_builder().endpoint_url(endpoint).build(),
    }
}

/// A name that no other test has.
fn own_name() -> String {
    let prefix = env::var("TEST_TABLE_PREFIX").unwrap_or_else(|_| DEFAULT_PREFIX.to_owned());
    format!("{prefix}{:016x}", fastrand::u64(..))
}
