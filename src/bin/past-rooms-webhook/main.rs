//! The Lambda function that takes plugNmeet's webhooks: read the configuration, make the client,
//! serve.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_http::{Adapter, Request, service_fn};
use lambda_runtime::Error;
use past_rooms::api::credentials::Credentials;
use past_rooms::api::event::CheckedEvents;
use past_rooms::lambda::config::Config;
use past_rooms::lambda::process;
use past_rooms::webhook::handler::{App, handle};
use past_rooms::{PastRooms, dynamodb};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    process::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let config = Config::from_env()?;
    let settings = dynamodb::settings_from_env()?;
    let past_rooms = PastRooms::new(dynamodb::client(&settings), config.table_name)
        .with_retention_days(config.retention_days);
    let credentials = Credentials::from_source(config.credentials, &settings);
    let (credentials, ()) = tokio::join!(credentials, dynamodb::warm_up(past_rooms.table()));
    let credentials = credentials?;
    let app = Arc::new(App { credentials, past_rooms });
    let service = service_fn(move |request: Request| {
        process::invoked();
        let app = Arc::clone(&app);
        async move { Ok::<_, Error>(handle(&app, request).await) }
    });
    lambda_runtime::run_concurrent(CheckedEvents(Adapter::from(service))).await
}
