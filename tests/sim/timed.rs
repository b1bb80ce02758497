//! An HTTP client of the SDK for the paused clock: every request takes one round trip, and nothing else
//! takes any time. So the time that a page takes is its number of round trips.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::retry::RetryPartition;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use past_rooms::dynamodb;

use crate::database::Reply;

/// Time that a request takes: less than any time-out.
pub const ROUND_TRIP: Duration = Duration::from_millis(1);

/// A connection on which a function answers after [`ROUND_TRIP`].
struct Timed<F>(Arc<F>);

impl<F> fmt::Debug for Timed<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Timed")
    }
}

impl<F: Fn(&str, &str) -> Reply + Send + Sync + 'static> HttpConnector for Timed<F> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (operation, body) = operation_of(&request);
        let answer = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(ROUND_TRIP).await;
            Ok(response(answer(&operation, &body)))
        })
    }
}

/// Returns a request's operation and body.
pub fn operation_of(request: &HttpRequest) -> (String, String) {
    let target = request.headers().get("x-amz-target").expect("an operation");
    let operation = target.rsplit('.').next().expect("an operation").to_owned();
    let body = request.body().bytes().expect("a body in memory");
    (operation, String::from_utf8(body.to_vec()).expect("JSON"))
}

/// Makes the SDK's response of a reply.
pub fn response(reply: Reply) -> HttpResponse {
    let status = StatusCode::try_from(reply.status).expect("a status");
    let mut response = HttpResponse::new(status, SdkBody::from(reply.body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

/// Returns the project's own client. Each request takes [`ROUND_TRIP`] on the paused clock, and a
/// function of its operation and body answers it.
pub fn timed_client(answer: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> Client {
    client_over(SharedHttpConnector::new(Timed(Arc::new(answer))))
}

/// Returns the project's own client over a connection.
pub fn client_over(connector: SharedHttpConnector) -> Client {
    let credentials = Credentials::new("local", "local", None, None, "simulation");
    let settings = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url("http://dynamodb.simulation")
        .build();
    let config = dynamodb::client(&settings).config().to_builder();
    // The SDK bounds the retries of a whole process. With a bound of its own, no client depends on
    // those before it.
    let config = config.retry_partition(RetryPartition::custom("simulation").build());
    Client::from_conf(config.http_client(http_client_fn(move |_, _| connector.clone())).build())
}
