//! How fast `past-rooms-admin tally --all` goes through a whole table, where every request to
//! DynamoDB takes a while.
//!
//! `cargo bench --bench tally` fills an embedded DynamoDB in a process of its own with 120 000
//! sessions of 128 rooms that no tally counts, and runs the tool on it through a proxy that delays
//! every request: building all tallies, checking them, and setting when the sessions expire; and the
//! first two once more with one request in flight. It prints a row for each. `SESSIONS`, `ROOMS` and
//! `DELAY_MS` change the figures; `TOOL` names another build of the tool, which is run without options.

#[path = "../../examples/local/embedded.rs"]
mod embedded;
#[path = "../../tests/it/support/proxy.rs"]
#[allow(dead_code, clippy::expect_used, reason = "made for the tests, which use more of it")]
mod proxy;

use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use past_rooms::{PastRooms, Session, dynamodb};
use tokio::net::TcpListener;

use proxy::{Fault, Proxy};

const BUILD: &[&str] = &["tally", "--all"];
const BUILD_ONE: &[&str] = &["tally", "--all", "--in-flight", "1"];
const CHECK: &[&str] = &["tally", "--all", "--check"];
const CHECK_ONE: &[&str] = &["tally", "--all", "--check", "--in-flight", "1"];
const EXPIRE: &[&str] = &["retention", "--all", "--days", "36500", "--yes"];

/// The argument that makes the benchmark's process a database.
const SERVE: &str = "--serve-database";

/// Rows that one `BatchWriteItem` takes.
const ROWS_PER_REQUEST: u64 = 25;

/// How often the tool's memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (sessions, rooms) = (number("SESSIONS", 120_000)?, number("ROOMS", 128)?);
    if env::args().any(|argument| argument == SERVE) {
        return serve(sessions, rooms).await;
    }
    let delay = Duration::from_millis(number("DELAY_MS", 5)?);
    println!("{sessions} sessions of {rooms} rooms, {delay:?} a request");
    println!("| command | seconds | requests | most at once | peak memory |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    if env::var("TOOL").is_ok() {
        measure(delay, &[BUILD, CHECK]).await?;
        return Ok(());
    }
    let many = measure(delay, &[BUILD, CHECK, EXPIRE, EXPIRE]).await?;
    let one = measure(delay, &[BUILD_ONE, CHECK_ONE]).await?;
    for (one, many) in one.into_iter().zip(many) {
        println!("{:.1} times as fast as with one in flight", one / many);
    }
    Ok(())
}

fn number(variable: &str, default: u64) -> Result<u64, Box<dyn Error>> {
    Ok(match env::var(variable) {
        Ok(number) => number.parse()?,
        Err(_) => default,
    })
}

/// Is a database, until the input ends.
async fn serve(sessions: u64, rooms: u64) -> Result<(), Box<dyn Error>> {
    let endpoint =
        embedded::start(&dynoxide::Database::memory()?, [TcpListener::bind("127.0.0.1:0").await?])?;
    let client = dynamodb::patient_client(&embedded::settings(&endpoint));
    let past_rooms =
        embedded::create_table(client, embedded::TABLE_NAME, embedded::Stream::Off).await?;
    let numbers: Vec<u64> = (0..sessions).collect();
    let batches = numbers.chunks(ROWS_PER_REQUEST as usize);
    let puts = batches.map(|numbers| put(&past_rooms, numbers, rooms));
    stream::iter(puts).buffer_unordered(2).try_collect::<Vec<()>>().await?;
    println!("{endpoint}");
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
    Ok(())
}

/// Puts sessions as a writer does that knows nothing of tallies.
async fn put(past_rooms: &PastRooms, numbers: &[u64], rooms: u64) -> Result<(), Box<dyn Error>> {
    let mut requests = Vec::new();
    for number in numbers {
        let created = Timestamp::from_second(1_560_000_000 + (number * 1950).cast_signed())?;
        let room_id = format!("room-{:04}", number % rooms);
        let mut session = Session::new(room_id, format!("SID_{number:09}"), created);
        session.room_title = format!("A meeting of ordinary length, number {number}");
        session.webhook_url = "https://example.org/webhooks/plugnmeet".to_owned();
        session.ended = Some(created);
        let mut row = session.key()?.into_item();
        row.extend(serde_dynamo::to_item::<_, std::collections::HashMap<String, AttributeValue>>(
            session.to_past_room(),
        )?);
        let put = PutRequest::builder().set_item(Some(row)).build()?;
        requests.push(WriteRequest::builder().put_request(put).build());
    }
    let table = past_rooms.table();
    table.client().batch_write_item().request_items(table.name(), requests).send().await?;
    Ok(())
}

/// Runs these on a table without tallies, one after the other, and returns their seconds.
async fn measure(delay: Duration, commands: &[&[&str]]) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut database = Command::new(env::current_exe()?)
        .arg(SERVE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = database.stdout.take().ok_or("no output")?;
    let lines = tokio::task::spawn_blocking(|| BufReader::new(output).lines().next());
    let endpoint = lines.await?.ok_or("the database did not start")??;
    let mut seconds = Vec::new();
    for arguments in commands {
        seconds.push(run(&endpoint, delay, arguments).await?);
    }
    // It ends by itself, too, when its input ends.
    database.kill()?;
    database.wait()?;
    Ok(seconds)
}

async fn run(endpoint: &str, delay: Duration, arguments: &[&str]) -> Result<f64, Box<dyn Error>> {
    let proxy = Proxy::start(endpoint, move |_, _| Fault::Delay(delay)).await;
    let tool = env::var("TOOL").unwrap_or(env!("CARGO_BIN_EXE_past-rooms-admin").to_owned());
    let start = Instant::now();
    let mut tool = tokio::process::Command::new(PathBuf::from(tool))
        .args(arguments)
        .env_clear()
        .env("AWS_ENDPOINT_URL_DYNAMODB", &proxy.endpoint)
        .envs([("AWS_REGION", "us-east-1"), ("TABLE_NAME", embedded::TABLE_NAME)])
        .envs([("AWS_ACCESS_KEY_ID", "local"), ("AWS_SECRET_ACCESS_KEY", "local")])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let id = tool.id().ok_or("it has ended")?;
    let mut peak = None;
    let status = loop {
        tokio::select! {
            status = tool.wait() => break status?,
            () = tokio::time::sleep(LOOK) => peak = peak_memory(id).or(peak),
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    let peak = peak.map_or("unknown".to_owned(), |kilobytes| format!("{} MB", kilobytes / 1024));
    let (requests, most) = (proxy.requests(), proxy.most_in_flight());
    let command = arguments.join(" ");
    println!("| `{command}` | {seconds:.1} | {requests} | {most} | {peak} |");
    match status.success() {
        true => Ok(seconds),
        false => Err(format!("{command} ended with {status}").into()),
    }
}

/// The most memory that a process had at once, in KB, where the system tells.
fn peak_memory(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
