//! The HTTP client of the SDK: it holds every request until the scheduler lets it go on.

use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;

use crate::scheduler::Scheduler;
use crate::timed::{client_over, operation_of, response};

tokio::task_local! {
    /// The sending actor.
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

/// The project's own client, with its time-outs and its retries, whose requests the scheduler
/// holds.
pub fn client(scheduler: &Arc<Scheduler>) -> Client {
    client_over(SharedHttpConnector::new(Wire(Arc::clone(scheduler))))
}
