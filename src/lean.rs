//! What the SDK does for every request, and this project needs once or not at all.

use std::sync::OnceLock;

use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::user_agent::UserAgentInterceptor;
use aws_sdk_dynamodb::config::endpoint::{
    DefaultResolver, EndpointFuture, Params, ResolveEndpoint,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef as Before;
use aws_smithy_runtime_api::client::interceptors::{disable_interceptor, dyn_dispatch_hint};
use aws_smithy_types::endpoint;

/// Where DynamoDB is, by the SDK's own rules, found out once: what they depend on (region, account,
/// the table's name) is the same for all the requests of a client.
#[derive(Debug, Default)]
pub struct Endpoint {
    rules: DefaultResolver,
    endpoint: OnceLock<endpoint::Endpoint>,
}

impl ResolveEndpoint for Endpoint {
    fn resolve_endpoint<'a>(&'a self, params: &'a Params) -> EndpointFuture<'a> {
        if let Some(endpoint) = self.endpoint.get() {
            return EndpointFuture::ready(Ok(endpoint.clone()));
        }
        EndpointFuture::new(async move {
            let endpoint = ResolveEndpoint::resolve_endpoint(&self.rules, params).await?;
            Ok(self.endpoint.get_or_init(|| endpoint).clone())
        })
    }
}

/// Leaves out what tells AWS which SDK on which system sends a request, and that two attempts are
/// of one request: DynamoDB answers the same without, and putting it together takes as long as
/// signing.
#[derive(Debug)]
pub struct Lean;

#[dyn_dispatch_hint]
impl Intercept for Lean {
    fn name(&self) -> &'static str {
        "Lean"
    }

    fn read_before_execution(&self, _: &Before<'_>, cfg: &mut ConfigBag) -> Result<(), BoxError> {
        let state = cfg.interceptor_state();
        state.store_put(disable_interceptor::<UserAgentInterceptor>("not needed"));
        state.store_put(disable_interceptor::<InvocationIdInterceptor>("not needed"));
        Ok(())
    }
}
