//! Speed of `past-rooms-admin import` with slow requests to DynamoDB.
//!
//! `cargo bench --bench import` imports 117 000 sessions of 128 rooms through proxies that delay
//! every request: with many requests in flight and with one, into an empty table and again. It
//! prints a row for each, and the speed-up of many in flight.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `IMPORT_ROWS`, `IMPORT_ROOMS` | another history |
//! | `IMPORT_DELAYS` | other delays in milliseconds, such as `5,25` |
//! | `IMPORT_TOOL` | another build of the tool, which is run without options |

mod database;

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use database::{Database, delays};
use serde_json::{Value, json};
use tokio::process::Command;

/// Interval at which the tool's memory is read. The system keeps its peak.
const LOOK: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if database::serve_if_asked().await? {
        return Ok(());
    }
    let (rows, rooms) = (number("IMPORT_ROWS", 117_000)?, number("IMPORT_ROOMS", 128)?);
    let folder = env::temp_dir().join(format!("past-rooms-import-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let file = folder.join("history.jsonl");
    write_history(&file, rows, rooms)?;
    println!("{rows} sessions of {rooms} rooms");
    println!(
        "| a request takes | in flight | import | seconds | rows/s | requests | peak memory |"
    );
    println!("| ---: | ---: | --- | ---: | ---: | ---: | ---: |");
    let outcome = measure(&file).await;
    fs::remove_dir_all(&folder)?;
    outcome
}

fn number(variable: &str, default: u64) -> Result<u64, Box<dyn Error>> {
    Ok(match env::var(variable) {
        Ok(number) => number.parse()?,
        Err(_) => default,
    })
}

/// A history as plugNmeet exports it: by time, so that the rooms' sessions are mixed.
fn write_history(path: &Path, rows: u64, rooms: u64) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::new(File::create(path)?);
    for number in 0..rows {
        let created = 1_700_000_000 + number * 600;
        let row = json!({
            "room_id": format!("room-{:04}", number % rooms),
            "room_sid": format!("SID_{number:09}"),
            "room_title": format!("A meeting of ordinary length, number {number}"),
            "joined_participants": number % 40,
            "webhook_url": "https://example.org/webhooks/plugnmeet",
            "created": created,
            "ended": created + 3600,
            "analytics_file_id": (number % 3 == 0).then(|| format!("analytics-{number}")),
        });
        writeln!(file, "{row}")?;
    }
    Ok(file.flush()?)
}

async fn measure(file: &Path) -> Result<(), Box<dyn Error>> {
    if let Ok(tool) = env::var("IMPORT_TOOL") {
        for delay in 0..delays()?.len() {
            let database = Database::start()?;
            run(&PathBuf::from(tool.clone()), &database, delay, None, file).await?;
        }
        return Ok(());
    }
    let tool = PathBuf::from(env!("CARGO_BIN_EXE_past-rooms-admin"));
    for delay in 0..delays()?.len() {
        let mut seconds = Vec::new();
        for in_flight in [32, 1] {
            let database = Database::start()?;
            seconds.push(run(&tool, &database, delay, Some(in_flight), file).await?);
            run(&tool, &database, delay, Some(in_flight), file).await?;
        }
        if let [many, one] = *seconds {
            println!("{:.1} times as fast as with one in flight", one / many);
        }
    }
    Ok(())
}

/// Imports the file, prints how that went, and returns the seconds.
async fn run(
    tool: &Path,
    database: &Database,
    delay: usize,
    in_flight: Option<u32>,
    file: &Path,
) -> Result<f64, Box<dyn Error>> {
    let mut command = Command::new(tool);
    command.args(["import", "--json"]).arg(file).env_clear().stdout(Stdio::piped());
    command.envs(database.variables(delay)?);
    if let Some(in_flight) = in_flight {
        command.args(["--in-flight", &in_flight.to_string()]);
    }
    let child = command.spawn()?;
    let id = child.id().ok_or("it has ended")?;
    let watch = tokio::spawn(async move {
        let mut peak = 0;
        loop {
            peak = peak.max(peak_memory(id).unwrap_or(peak));
            tokio::time::sleep(LOOK).await;
            if peak_memory(id).is_none() {
                return peak;
            }
        }
    });
    let output = child.wait_with_output().await?;
    let peak = watch.await?;
    let summary: Value = serde_json::from_slice(&output.stdout)?;
    let number = |name: &str| summary[name].as_f64().unwrap_or_default();
    let what = if number("new") > 0.0 { "all new" } else { "all there" };
    println!(
        "| {} ms more | {} | {what} | {:.1} | {:.0} | {} | {} MB |",
        delays()?.get(delay).ok_or("no such delay")?.as_millis(),
        in_flight.map_or("-".to_owned(), |number| number.to_string()),
        number("seconds"),
        number("rows_per_second"),
        number("dynamodb_requests"),
        peak >> 10,
    );
    Ok(number("seconds"))
}

/// The most KB that a process ever had, where the system tells.
fn peak_memory(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().strip_suffix("kB")?.trim().parse().ok()
}
