//! The endpoint on this machine: an embedded DynamoDB with a sample history, and the function's
//! handler behind HTTP.

mod arguments;
mod bridge;
mod database;
mod embedded;
mod expiry;
mod filter;
mod foreign;
mod page;
mod sample;
mod serve;
mod stream;
mod usual;

use std::error::Error;
use std::io::{ErrorKind, IsTerminal};
use std::net::SocketAddr;
use std::path::Path;

use arguments::{Arguments, Switch};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodbstreams::types::ShardIteratorType;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use past_rooms::api::handler::App;
use past_rooms::api::{auth, route};
use past_rooms::lambda::config::ApiCredentials;
use past_rooms::lambda::logging;
use past_rooms::table::{Table, schema};
use past_rooms::webhook::{handler::PATH as WEBHOOK_PATH, verify};
use past_rooms::{PastRooms, ProjectionMode};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() {
    let arguments = Arguments::read(std::env::args()).unwrap_or_else(|error| error.exit());
    if let Err(error) = run(arguments).await {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    logging::start();
    let endpoint_listener = bind(arguments.listen, "--listen").await?;
    let dynamodb_listener = bind(arguments.dynamodb, "--dynamodb").await?;
    let for_containers = match arguments.container {
        true => {
            let port = dynamodb_listener.local_addr()?.port();
            Some(bind(SocketAddr::new(bridge::address()?, port), "--container").await?)
        }
        false => None,
    };
    let container_url = for_containers.as_ref().map(TcpListener::local_addr).transpose()?;
    let database = database::open(arguments.data.as_deref())?;
    let listeners = [dynamodb_listener].into_iter().chain(for_containers);
    let dynamodb = embedded::start(&database, listeners)?;
    let settings = embedded::settings(&dynamodb);
    let client = past_rooms::dynamodb::client(&settings);
    let progress = Progress::of(&client).await?;
    let mut past_rooms = match progress {
        Progress::NoTable => {
            let name = embedded::TABLE_NAME;
            embedded::create_table(client.clone(), name, embedded::Stream::Off).await?
        }
        Progress::Unfilled | Progress::Filled => {
            PastRooms::new(client.clone(), embedded::TABLE_NAME)
        }
    };
    let is_kept = progress == Progress::Filled;
    if !is_kept && !arguments.empty {
        fill(&past_rooms).await?;
    }
    if arguments.whole_history == Switch::On {
        past_rooms = with_history(&client, &past_rooms).await?;
    }
    if !is_kept {
        start_stream(past_rooms.table()).await?;
    }
    expiry::delete_expired(database);
    if !arguments.no_stream {
        // The previous run may have stopped before it read the stream's last records.
        let from = if is_kept { ShardIteratorType::TrimHorizon } else { ShardIteratorType::Latest };
        foreign::count(past_rooms.clone(), &settings, from).await?;
    }

    let credentials = ApiCredentials { key: arguments.api_key, secret: arguments.api_secret };
    let url = format!("http://{}", endpoint_listener.local_addr()?);
    let data = arguments.data.as_deref();
    print_history(data, !is_kept && !arguments.empty);
    print_guide(&url, &dynamodb, container_url, &credentials);
    let app = App { credentials: credentials.into(), past_rooms, dialect: arguments.answers };
    axum::serve(endpoint_listener, serve::router(app))
        .with_graceful_shutdown(async {
            // Without a signal to wait for, the server is stopped from outside.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
        .await?;
    match data {
        Some(file) => println!("\nstopped; the history is kept in {}", file.display()),
        None => println!("\nstopped; the history is gone"),
    }
    Ok(())
}

async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            format!("{address} is in use by another program: stop it, or choose another address with {flag}")
        }
        _ => format!("cannot listen on {address} ({flag}): {error}"),
    })
}

/// Progress of earlier runs with the same database.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    NoTable,
    /// A run was interrupted while it filled the table. The table has no stream yet.
    Unfilled,
    Filled,
}

impl Progress {
    async fn of(client: &Client) -> Result<Self, Box<dyn Error>> {
        let tables = client.list_tables().send().await?.table_names.unwrap_or_default();
        if !tables.iter().any(|name| name == embedded::TABLE_NAME) {
            return Ok(Progress::NoTable);
        }
        let described = client.describe_table().table_name(embedded::TABLE_NAME).send().await?;
        let stream = described.table.and_then(|table| table.stream_specification);
        Ok(if stream.is_some() { Progress::Filled } else { Progress::Unfilled })
    }
}

/// Fills the table with the sample, room by room.
async fn fill(past_rooms: &PastRooms) -> Result<(), Box<dyn Error>> {
    /// Sessions between two steps of the progress bar.
    const STEP: usize = 490;
    let sessions = sample::sessions();
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template(
        "recording the sample history {bar:30} {pos}/{len} sessions, {eta} left",
    )?;
    let progress =
        ProgressBar::with_draw_target(Some(sessions.len() as u64), target).with_style(style);
    for step in sessions.chunks(STEP) {
        past_rooms.record(step).await?;
        progress.inc(step.len() as u64);
    }
    progress.finish_and_clear();
    Ok(())
}

/// Returns the handle with a history table that agrees with the table.
async fn with_history(
    client: &Client,
    past_rooms: &PastRooms,
) -> Result<PastRooms, Box<dyn Error>> {
    let name = embedded::HISTORY_TABLE_NAME;
    if !client.list_tables().send().await?.table_names().iter().any(|table| table == name) {
        schema::create_history_table(client, name)?.send().await?;
    }
    let past_rooms = past_rooms.with_history(name);
    if let Some(mut reconciliation) = past_rooms.reconciliation(ProjectionMode::Write) {
        while reconciliation.next().await?.is_some() {}
    }
    Ok(past_rooms)
}

/// Gives the table that is filled its stream.
async fn start_stream(table: &Table) -> Result<(), Box<dyn Error>> {
    let update = table.client().update_table().table_name(table.name());
    update.stream_specification(schema::stream()?).send().await?;
    Ok(())
}

fn print_history(data: Option<&Path>, is_sample: bool) {
    if is_sample {
        println!("past rooms of:");
        for (room, sessions) in sample::rooms() {
            let noun = if sessions == 1 { "session" } else { "sessions" };
            println!("  {room:<14} {sessions:>5} {noun}");
        }
    }
    if let Some(file) = data {
        println!("history kept in {}", file.display());
    }
}

fn print_guide(
    url: &str,
    dynamodb: &str,
    for_containers: Option<SocketAddr>,
    credentials: &ApiCredentials,
) {
    const EXAMPLE: &str = r#"{"room_ids":["room01"],"limit":2}"#;
    println!("\nDynamoDB   {dynamodb}  (table {})", embedded::TABLE_NAME);
    if let Some(address) = for_containers {
        println!("           http://{address}  (open to every container on Docker's bridge)");
    }
    println!("endpoint   {url}{}", route::PATHS[0]);
    println!("webhooks   {url}{WEBHOOK_PATH}");
    println!("page       {url}/");
    println!("API key    {}", credentials.key);
    println!("API secret {}", credentials.secret);
    println!("\nTry it:\n");
    println!(
        "curl -s {url}{} -H 'Content-Type: application/json' -H '{}: {}' -H '{}: {}' -d '{EXAMPLE}'",
        route::PATHS[0],
        auth::API_KEY_HEADER,
        credentials.key,
        auth::SIGNATURE_HEADER,
        auth::sign(&credentials.secret, EXAMPLE.as_bytes()),
    );
    print_webhook(url, credentials);
    println!("\nCtrl-C ends it.");
}

/// Prints how to tell of a meeting that has ended: signed, valid for an hour.
fn print_webhook(url: &str, credentials: &ApiCredentials) {
    let now = jiff::Timestamp::now().as_second();
    let event = format!(
        r#"{{"event":"session_ended","room":{{"sid":"SID_hook","room_id":"room01","creation_time":"{}","metadata":"{{\"room_title\":\"By webhook\"}}"}},"created_at":"{now}"}}"#,
        now - 600
    );
    let token = verify::sign(credentials, event.as_bytes(), now + 3600);
    println!("\nA meeting of room01 has ended:\n");
    println!(
        "curl -s {url}{WEBHOOK_PATH} -H 'Content-Type: application/json' -H 'Hash-Token: {token}' -d '{event}'"
    );
}
