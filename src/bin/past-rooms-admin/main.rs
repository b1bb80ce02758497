//! The operator's tool: import a history, check and repair its tallies, delete sessions.

mod delete;
mod import;
mod rows;
mod tally;
mod times;

use std::error::Error;
use std::process::ExitCode;

use aws_config::BehaviorVersion;
use clap::{Parser, Subcommand};
use past_rooms::{PastRooms, dynamodb};

/// Import, tally and delete past sessions in the DynamoDB table of past-rooms.
///
/// Region, credentials and endpoint come from the AWS SDK's usual places: AWS_REGION, AWS_PROFILE,
/// AWS_ENDPOINT_URL_DYNAMODB and so on.
///
/// Exit status: 0 for success, 1 if rows were rejected or tallies differ, 2 if the command failed.
#[derive(Parser)]
#[command(name = "past-rooms-admin", version)]
struct Arguments {
    /// The table of past rooms
    #[arg(
        long,
        env = "TABLE_NAME",
        value_name = "NAME",
        global = true,
        default_value = "past-rooms"
    )]
    table: String,

    /// Print results as JSON, one object a line
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Import(import::Arguments),
    Tally(tally::Arguments),
    Delete(delete::Arguments),
}

/// How a command ended that could be carried out.
enum Outcome {
    Success,
    /// Rows were rejected, or tallies differ.
    Differences,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(Outcome::Success) => ExitCode::SUCCESS,
        Ok(Outcome::Differences) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> Result<Outcome, Box<dyn Error>> {
    let settings = aws_config::defaults(BehaviorVersion::latest())
        .http_client(dynamodb::https_client())
        .load()
        .await;
    let past_rooms = PastRooms::new(dynamodb::client(&settings), arguments.table);
    match arguments.command {
        Command::Import(command) => import::run(&past_rooms, &command, arguments.json).await,
        Command::Tally(command) => tally::run(&past_rooms, &command, arguments.json).await,
        Command::Delete(command) => delete::run(&past_rooms, &command, arguments.json).await,
    }
}
