//! The operator's tool: import and export a history, list and show it, check and repair its tallies, delete
//! sessions, let them expire.

mod advice;
mod chunk;
mod columns;
mod delete;
mod destination;
mod duplicates;
mod export;
mod exported;
mod failure;
mod files;
mod history;
mod import;
mod list;
mod marks;
mod options;
mod output;
mod progress;
mod question;
mod rejects;
mod repeated;
mod retention;
mod rooms;
mod row;
mod show;
mod stop;
mod tally;
mod times;
mod totals;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use aws_config::BehaviorVersion;
use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, Subcommand};
use past_rooms::{PastRooms, dynamodb};
use stop::Stop;

/// Import, export, list, tally, delete and let expire past sessions in the DynamoDB table of past-rooms.
///
/// Region, credentials and endpoint come from the AWS SDK's usual places: AWS_REGION, AWS_PROFILE,
/// AWS_ENDPOINT_URL_DYNAMODB and so on.
///
/// Exit status: 0 if all is well, 1 if rows were rejected or not exported, tallies differ, ids are
/// repeated or a room does not exist, 2 if it, or a part of it, could not be done, 130 if it was
/// interrupted.
#[derive(Parser)]
#[command(name = "past-rooms-admin", version)]
struct Arguments {
    /// The table of past rooms [env: TABLE_NAME] [default: past-rooms]
    #[arg(long, value_name = "NAME", global = true, value_parser = NonEmptyStringValueParser::new())]
    table: Option<String>,

    /// Stop if no request to DynamoDB succeeds for this time
    #[arg(long, value_name = "SECONDS", global = true, default_value_t = 60)]
    patience: u64,

    /// Print results as JSON, one object a line
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(list::Arguments),
    Show(show::Arguments),
    Import(import::Arguments),
    Export(export::Arguments),
    Tally(tally::Arguments),
    Duplicates(repeated::Arguments),
    Delete(delete::Arguments),
    Retention(retention::Arguments),
    History(history::Arguments),
}

/// How a command ended.
enum Outcome {
    Success,
    /// Rows were rejected, or tallies differ.
    Differences,
    /// A part could not be done, and the user has been told which.
    Incomplete,
    /// By SIGINT, and the user has been told how far the command came.
    Interrupted,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let table = arguments.table.clone().unwrap_or_else(table_name);
    match Box::pin(run(arguments, &table)).await {
        Ok(Outcome::Success) => ExitCode::SUCCESS,
        Ok(Outcome::Differences) => ExitCode::from(1),
        Ok(Outcome::Incomplete) => ExitCode::from(2),
        Ok(Outcome::Interrupted) => ExitCode::from(stop::INTERRUPTED),
        Err(error) => {
            let error = error.to_string();
            output::note(format_args!("error: {error}"));
            if let Some(advice) = advice::on(&error, &table) {
                output::note(advice);
            }
            ExitCode::from(2)
        }
    }
}

/// Returns the table's name from the environment. An empty variable counts as unset.
fn table_name() -> String {
    let name = std::env::var("TABLE_NAME").ok().filter(|name| !name.is_empty());
    name.unwrap_or_else(|| "past-rooms".to_owned())
}

async fn run(arguments: Arguments, table: &str) -> Result<Outcome, Box<dyn Error>> {
    let stop = Stop::new(Duration::from_secs(arguments.patience));
    stop.listen()?;
    let settings = aws_config::defaults(BehaviorVersion::latest())
        .http_client(dynamodb::https_client())
        .load()
        .await;
    let needs_table = match &arguments.command {
        Command::Import(command) => command.needs_table(),
        Command::List(_)
        | Command::Show(_)
        | Command::Export(_)
        | Command::Tally(_)
        | Command::Duplicates(_)
        | Command::Delete(_)
        | Command::Retention(_)
        | Command::History(_) => true,
    };
    if needs_table {
        advice::check_settings(&settings).await?;
    }
    let json = arguments.json;
    output::use_json(json);
    let past_rooms = PastRooms::new(stop.client(&settings), table);
    match arguments.command {
        Command::Import(command) => import::run(&past_rooms, &command, &stop, json).await,
        Command::List(command) => stop.unless(Box::pin(list::run(&past_rooms, &command))).await,
        Command::Show(command) => stop.unless(Box::pin(show::run(&past_rooms, &command))).await,
        Command::Export(command) => {
            stop.unless(Box::pin(export::run(&past_rooms, &command, json))).await
        }
        Command::Tally(command) => {
            stop.unless(Box::pin(tally::run(&past_rooms, &command, table, json))).await
        }
        Command::Duplicates(_) => stop.unless(Box::pin(repeated::run(&past_rooms, json))).await,
        Command::Delete(command) => {
            stop.unless(Box::pin(delete::run(&past_rooms, &command, json))).await
        }
        Command::History(command) => {
            stop.unless(Box::pin(history::run(&past_rooms, &command, json))).await
        }
        Command::Retention(command) => {
            stop.unless(Box::pin(retention::run(&past_rooms, &command, table, json))).await
        }
    }
}
