//! The HTTP client of the SDK: it holds every request until the scheduler lets it go on.

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
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use past_rooms::dynamodb;

use crate::database::Reply;
use crate::scheduler::Scheduler;

/// What a request takes on the paused clock: less than any time-out.
pub const ROUND_TRIP: Duration = Duration::from_millis(1);

tokio::task_local! {
    /// Who sends.
    pub static ACTOR: usize;
}

/// A connection that ends at the scheduler.
#[derive(Clone)]
struct Wire(Arc<Scheduler>);

impl fmt::Debug for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Wire")
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (operation, body) = operation_of(&request);
        let actor = ACTOR.get();
        let answer = self.0.send(actor, operation, body);
        HttpConnectorFuture::new(async move {
            match answer.await {
                Ok(Some(reply)) => Ok(response(reply)),
                Ok(None) | Err(_) => {
                    let broken = std::io::Error::other("the connection broke");
                    Err(ConnectorError::io(broken.into()))
                }
            }
        })
    }
}

/// A connection on the paused clock: a function answers, and nothing else takes any time.
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

/// What a request asks for: the operation's name, and its body.
fn operation_of(request: &HttpRequest) -> (String, String) {
    let target = request.headers().get("x-amz-target").expect("an operation");
    let operation = target.rsplit('.').next().expect("an operation").to_owned();
    let body = request.body().bytes().expect("a body in memory");
    (operation, String::from_utf8(body.to_vec()).expect("JSON"))
}

fn response(reply: Reply) -> HttpResponse {
    let status = StatusCode::try_from(reply.status).expect("a status");
    let mut response = HttpResponse::new(status, SdkBody::from(reply.body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

/// The project's own client, with its time-outs and its retries, whose requests the scheduler
/// holds.
pub fn client(scheduler: &Arc<Scheduler>) -> Client {
    client_over(SharedHttpConnector::new(Wire(Arc::clone(scheduler))))
}

/// The project's own client, whose requests take [`ROUND_TRIP`] on the paused clock, and are answered
/// by a function of the operation and the body.
pub fn timed_client(answer: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> Client {
    client_over(SharedHttpConnector::new(Timed(Arc::new(answer))))
}

/// The project's own client over a connection.
fn client_over(connector: SharedHttpConnector) -> Client {
    let credentials = Credentials::new("local", "local", None, None, "simulation");
    let settings = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url("http://dynamodb.simulation")
        .build();
    let config = dynamodb::client(&settings).config().to_builder();
    // The SDK bounds the retries of a whole process; here every run has its own bound, or one
    // would depend on those before it.
    let config = config.retry_partition(RetryPartition::custom("simulation").build());
    Client::from_conf(config.http_client(http_client_fn(move |_, _| connector.clone())).build())
}
