//! The operator's tool: import and export a history, list and show it, check and repair its tallies, delete
//! sessions, let them expire.

mod advice;
mod chunk;
mod columns;
mod delete;
mod destination;
mod export;
mod exported;
mod files;
mod history;
mod import;
mod input;
mod install;
mod list;
mod marks;
mod new_file;
mod options;
mod output;
mod progress;
mod question;
mod rejects;
mod repeated;
mod requests;
mod retention;
mod rooms;
mod row;
mod show;
mod stop;
mod tally;
mod times;
mod totals;
mod work;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use aws_config::BehaviorVersion;
use clap::{CommandFactory, Parser, Subcommand};
use delete::Delete;
use export::Export;
use history::History;
use list::List;
use output::Format;
use past_rooms::lambda::config::{TABLE_NAME, given};
use past_rooms::{PastRooms, dynamodb};
use repeated::Duplicates;
use retention::Expiry;
use serde_json::json;
use show::Show;
use stop::{Reason, Stop};
use tally::Tally;
use tokio::runtime::Builder;
use work::execute;

/// Import, export, list, tally, delete and let expire past sessions in the DynamoDB table of past-rooms.
///
/// Region, credentials and endpoint come from the AWS SDK's usual places: AWS_REGION, AWS_PROFILE,
/// AWS_ENDPOINT_URL_DYNAMODB and so on.
///
/// Exit status: 0 for success; 1 if rows were rejected or not exported, tallies differ, ids are repeated, or
/// a room or session does not exist; 2 if the command, or a part of it, failed; 130 if it was interrupted.
#[derive(Parser)]
#[command(name = "past-rooms-admin", version)]
struct Arguments {
    /// The table of past rooms [env: TABLE_NAME] [default: past-rooms]
    #[arg(long, value_name = "NAME", global = true, value_parser = name)]
    table: Option<String>,

    /// Stop if no request to DynamoDB succeeds for this time
    #[arg(long, value_name = "SECONDS", global = true, default_value_t = 60)]
    patience: u64,

    /// Print results and errors as JSON, one object per line, the summary last
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    OnTable(TableCommand),
    Completions(install::Completions),
    Man(install::Man),
}

/// Commands that read or write the table.
#[derive(Subcommand)]
enum TableCommand {
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

/// The end of a command.
enum Outcome {
    Success,
    /// Rows were rejected, or tallies differ.
    Differences,
    /// A part could not be done, and the user has been told which.
    Incomplete,
    /// By SIGINT, and the user has been told how far the command came.
    Interrupted,
}

impl Outcome {
    /// Returns the outcome of work that came to its end.
    fn of(is_incomplete: bool, differs: bool) -> Self {
        match (is_incomplete, differs) {
            (true, _) => Outcome::Incomplete,
            (false, true) => Outcome::Differences,
            (false, false) => Outcome::Success,
        }
    }
}

fn main() -> ExitCode {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, ""),
    };
    let ended = runtime.block_on(start());
    // A thread may still wait for standard input.
    runtime.shutdown_background();
    ended
}

async fn start() -> ExitCode {
    let arguments = Arguments::try_parse().unwrap_or_else(|error| end(&error));
    let is_data_on_stdout = match &arguments.command {
        Command::OnTable(TableCommand::Export(command)) => command.is_on_stdout(),
        _ => false,
    };
    output::set_format(Format { is_json: arguments.json, is_data_on_stdout });
    let table = arguments.table.clone().unwrap_or_else(table_name);
    match Box::pin(run(arguments, &table)).await {
        Ok(Outcome::Success) => ExitCode::SUCCESS,
        Ok(Outcome::Differences) => ExitCode::from(1),
        Ok(Outcome::Incomplete) => ExitCode::from(2),
        Ok(Outcome::Interrupted) => ExitCode::from(stop::INTERRUPTED),
        Err(error) => fail(&*error, &table),
    }
}

/// Reports an error before a command began.
fn fail(error: &(dyn Error + 'static), table: &str) -> ExitCode {
    output::error(&error.to_string(), advice::on(error, table).as_deref(), None, None);
    output::summary(json!({"complete": false}), "");
    let is_interrupted = matches!(error.downcast_ref(), Some(Reason::Interrupted));
    ExitCode::from(if is_interrupted { stop::INTERRUPTED } else { 2 })
}

/// Ends the program if its arguments are wrong, or after `--help` and `--version`.
fn end(error: &clap::Error) -> ! {
    if error.use_stderr() && std::env::args().any(|argument| argument == "--json") {
        output::set_format(Format { is_json: true, is_data_on_stdout: false });
        let text = error.render().to_string();
        output::result("error", json!({ "error": text.trim_start_matches("error: ").trim() }), "");
        output::summary(json!({"complete": false}), "");
    }
    error.exit()
}

/// Returns the table's name from the environment. An empty variable counts as unset.
fn table_name() -> String {
    given(std::env::var(TABLE_NAME).ok()).unwrap_or_else(|| "past-rooms".to_owned())
}

/// Reads the name of a table.
fn name(text: &str) -> Result<String, String> {
    given(Some(text.to_owned())).ok_or_else(|| "expected a table's name".to_owned())
}

async fn run(arguments: Arguments, table: &str) -> Result<Outcome, Box<dyn Error>> {
    let command = match arguments.command {
        Command::OnTable(command) => command,
        Command::Completions(command) => return Ok(command.print(Arguments::command())),
        Command::Man(command) => return command.write(Arguments::command()),
    };
    let stop = Stop::new(Duration::from_secs(arguments.patience));
    stop.listen()?;
    let settings = aws_config::defaults(BehaviorVersion::latest())
        .http_client(dynamodb::https_client())
        .load()
        .await;
    let needs_table = !matches!(&command, TableCommand::Import(command) if !command.needs_table());
    if needs_table {
        stop.unless(async { Ok(advice::check_settings(&settings).await?) }).await?;
    }
    let past_rooms = &PastRooms::new(stop.client(&settings), table);
    let outcome = match &command {
        TableCommand::Import(command) => {
            let import = import::Import::new(past_rooms, command, &stop)?;
            Box::pin(execute(import, &stop, table)).await
        }
        TableCommand::List(command) => execute(List::new(past_rooms, command), &stop, table).await,
        TableCommand::Show(command) => execute(Show::new(past_rooms, command), &stop, table).await,
        TableCommand::Export(command) => {
            execute(Export::new(past_rooms, command), &stop, table).await
        }
        TableCommand::Tally(command) => {
            Box::pin(execute(Tally::new(past_rooms, command), &stop, table)).await
        }
        TableCommand::Duplicates(_) => execute(Duplicates::new(past_rooms), &stop, table).await,
        TableCommand::Delete(command) => {
            Box::pin(execute(Delete::new(past_rooms, command), &stop, table)).await
        }
        TableCommand::Retention(command) => {
            Box::pin(execute(Expiry::new(past_rooms, command), &stop, table)).await
        }
        TableCommand::History(command) => {
            Box::pin(execute(History::new(past_rooms, command), &stop, table)).await
        }
    };
    Ok(outcome)
}
