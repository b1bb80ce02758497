//! The Lambda function: read the configuration, make the client, serve.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_http::{Adapter, Request, service_fn};
use lambda_runtime::Error;
use past_rooms::api::credentials::Credentials;
use past_rooms::api::event::CheckedEvents;
use past_rooms::api::handler::{App, handle};
use past_rooms::lambda::config::Config;
use past_rooms::lambda::process;
use past_rooms::{PastRooms, dynamodb};

/// A page is many small pieces of DynamoDB's answers. With the system's allocator a fifth of the
/// processor time of ten rooms was the allocator's own; see docs/internals/benchmarks.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    process::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let config = Config::from_env()?;
    let settings = dynamodb::settings_from_env()?;
    let mut past_rooms = PastRooms::new(dynamodb::client(&settings), config.table_name);
    if let Some(table_name) = config.history_table {
        past_rooms = past_rooms.with_history(table_name);
    }
    let credentials = Credentials::from_source(config.credentials, &settings);
    let (credentials, ()) = tokio::join!(credentials, dynamodb::warm_up(past_rooms.table()));
    let credentials = credentials?;
    let app = Arc::new(App { credentials, past_rooms, dialect: config.dialect });
    let service = service_fn(move |request: Request| {
        process::invoked();
        let app = Arc::clone(&app);
        async move { Ok::<_, Error>(handle(&app, request).await) }
    });
    // As many invocations at once as Lambda offers; one after the other where it offers one.
    lambda_runtime::run_concurrent(CheckedEvents(Adapter::from(service))).await
}
