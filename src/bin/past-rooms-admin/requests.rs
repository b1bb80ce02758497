//! Requests in flight, as an interceptor of the client sees them.

use std::time::Instant;

use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;

use crate::advice;
use crate::stop::{Reason, Signal, Stop};

/// State of the requests in flight.
#[derive(Debug, Default)]
pub struct Requests {
    pub in_flight: usize,
    /// Those of them that write.
    pub writing: usize,
    /// Whether a request was refused after SIGINT.
    pub is_refused: bool,
    /// When the last one succeeded, or the first one began; `None` if none is in flight.
    pub since: Option<Instant>,
    /// Why the last attempt since then failed.
    pub cause: Option<String>,
    /// Whether that attempt was answered.
    pub is_answered: bool,
    pub is_told: bool,
}

impl Intercept for Stop {
    fn name(&self) -> &'static str {
        "Stop"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut requests = self.requests();
        requests.in_flight += 1;
        requests.writing += usize::from(is_writing(config));
        if self.is_at(Signal::Drain) {
            requests.is_refused = true;
            return Err(Reason::Interrupted.into());
        }
        requests.since.get_or_insert_with(Instant::now);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Err(error)) = context.output_or_error() {
            let mut requests = self.requests();
            requests.cause = Some(advice::causes(error));
            requests.is_answered = !error.is_connector_error() && !error.is_timeout_error();
        }
        Ok(())
    }

    /// A request that ended was answered: everything else is retried.
    fn read_after_execution(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut requests = self.requests();
        let in_flight = requests.in_flight.saturating_sub(1);
        let writing = requests.writing.saturating_sub(is_writing(config).into());
        let since = (in_flight > 0).then(Instant::now);
        let is_refused = requests.is_refused;
        *requests = Requests { in_flight, writing, is_refused, since, ..Requests::default() };
        Ok(())
    }
}

/// Returns whether the request writes.
fn is_writing(config: &ConfigBag) -> bool {
    const WRITING: [&str; 3] = ["PutItem", "TransactWriteItems", "UpdateItem"];
    config.load::<Metadata>().is_some_and(|operation| WRITING.contains(&operation.name()))
}
