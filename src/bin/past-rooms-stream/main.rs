//! The Lambda function on the table's stream: it counts what other writers put and delete, and ends
//! meetings whose end was never reported.

use std::process::ExitCode;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use past_rooms::lambda::config::{HISTORY_TABLE, TABLE_NAME, retention_days, variable};
use past_rooms::lambda::{deadline, process};
use past_rooms::stream::handler::handle;
use past_rooms::{PastRooms, dynamodb};
use serde_json::Value;
use tracing::Instrument;

/// Time for a batch that comes without a deadline.
const TIME_WITHOUT_DEADLINE: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    process::run(serve()).await
}

async fn serve() -> Result<(), Error> {
    let settings = dynamodb::settings_from_env()?;
    let mut past_rooms = PastRooms::new(dynamodb::client(&settings), variable(TABLE_NAME)?)
        .with_retention_days(retention_days()?);
    if let Ok(table_name) = variable(HISTORY_TABLE) {
        past_rooms = past_rooms.with_history(table_name);
    }
    dynamodb::warm_up(past_rooms.table()).await;
    let past_rooms = &past_rooms;
    let answer = async |event: LambdaEvent<Value>| {
        process::invoked();
        // At the highest level, so that the id is on every line, whatever the log's level is.
        let span = tracing::error_span!("invocation", request_id = &*event.context.request_id);
        let time = deadline::time_left(event.context.deadline).unwrap_or(TIME_WITHOUT_DEADLINE);
        let answer = handle(past_rooms, event.payload, time).instrument(span).await;
        answer.map_err(Error::from)
    };
    lambda_runtime::run(service_fn(answer)).await
}
