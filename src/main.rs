//! The Lambda function: read the configuration, make the client, serve.

use std::sync::Arc;

use lambda_http::{Error, Request, service_fn};
use past_rooms::config::Config;
use past_rooms::handler::{App, handle};
use past_rooms::table::Table;
use past_rooms::{dynamodb, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logging::start();
    let (config, settings) = Config::from_env()
        .and_then(|config| Ok((config, dynamodb::settings_from_env()?)))
        .inspect_err(|error| tracing::error!(%error, "the function cannot start"))?;
    let table = Table::new(dynamodb::client(&settings), config.table_name);
    dynamodb::warm_up(&table).await;
    let app = Arc::new(App {
        credentials: config.credentials,
        table,
    });
    let service = service_fn(move |request: Request| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Error>(handle(&app, request).await) }
    });
    // As many invocations at once as Lambda offers; one after the other where it offers one.
    lambda_http::runtime_concurrent(service)
        .run_concurrent()
        .await
}
