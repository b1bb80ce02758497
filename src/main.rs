//! The Lambda function: read the configuration, make the client, serve.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper_util::client::legacy::Error as ClientError;
use lambda_http::{Adapter, Request, service_fn};
use lambda_runtime::Error;
use past_rooms::api::event::CheckedEvents;
use past_rooms::api::handler::{App, handle};
use past_rooms::config::Config;
use past_rooms::{PastRooms, dynamodb, logging};

/// Whether there was an invocation yet.
static INVOKED: AtomicBool = AtomicBool::new(false);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::start();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        // So ends `sam local invoke`: the runtime API goes away, and nobody is left to serve.
        Err(error) if INVOKED.load(Ordering::Relaxed) && error.is::<ClientError>() => {
            tracing::debug!(error, "the runtime API is gone");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(error, "the function cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Error> {
    let config = Config::from_env()?;
    let settings = dynamodb::settings_from_env()?;
    let past_rooms = PastRooms::new(dynamodb::client(&settings), config.table_name);
    dynamodb::warm_up(past_rooms.table()).await;
    let app =
        Arc::new(App { credentials: config.credentials, past_rooms, dialect: config.dialect });
    let service = service_fn(move |request: Request| {
        INVOKED.store(true, Ordering::Relaxed);
        let app = Arc::clone(&app);
        async move { Ok::<_, Error>(handle(&app, request).await) }
    });
    // As many invocations at once as Lambda offers; one after the other where it offers one.
    lambda_runtime::run_concurrent(CheckedEvents(Adapter::from(service))).await
}
