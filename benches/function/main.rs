//! Processor time and memory of the built function: its start, and warm requests.
//!
//! `cargo bench --bench function` builds the function as a release has it, and `bare`, the least function
//! that `lambda_http` makes. It runs them under Lambda's runtime API, with an embedded DynamoDB over TLS.
//! A process's usage is read from the system's accounting, so other processes matter little. With
//! `-- --instructions` they do not matter at all, and everything takes fifty times as long.

mod function;
#[path = "../pages/history.rs"]
#[allow(dead_code, reason = "made for the pages, which have more of them")]
mod history;
mod support;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use function::{Function, Pair, WARM_UP};
use history::History;
use past_rooms::Session;
use serde_json::json;
use support::Database;

/// Histories of ten years, and their sessions.
const HISTORIES: [(History, usize); 5] = [
    (History::Even(1), 5000),
    (History::Even(10), 10_000),
    (History::Even(100), 30_000),
    (History::SameHour, 30_000),
    (History::MostlyUnused, 30_000),
];

/// Measures the processor time of a function.
#[derive(Debug, Parser)]
struct Arguments {
    /// Another build of the function to compare with
    #[arg(long)]
    against: Option<PathBuf>,
    /// Build of the function to measure; by default it is built
    #[arg(long)]
    program: Option<PathBuf>,
    /// Count instructions under valgrind, too
    #[arg(long)]
    instructions: bool,
    /// Only requests whose names contain this text
    #[arg(long, default_value = "")]
    only: String,
    /// Warm requests of each kind
    #[arg(long, default_value_t = 300)]
    requests: u32,
    /// Cold starts of each program
    #[arg(long, default_value_t = 40)]
    starts: u32,
    /// The argument that `cargo bench` passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// One kind of request.
struct Request {
    name: String,
    body: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let folder = std::env::temp_dir().join(format!("past-rooms-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = measure(&arguments, &folder).await;
    std::fs::remove_dir_all(&folder)?;
    if measured? { Ok(()) } else { Err("a goal was missed".into()) }
}

/// Measures everything. Returns whether all goals are reached.
async fn measure(arguments: &Arguments, folder: &Path) -> Result<bool, Box<dyn Error>> {
    let target = target()?;
    std::fs::copy("Cargo.lock", "benches/function/bare/Cargo.lock")?;
    let bare = build("bare", &target, &["--manifest-path", "benches/function/bare/Cargo.toml"])?;
    let ours = &match &arguments.program {
        Some(program) => program.clone(),
        None => build("past-rooms", &target, &["--bin", "past-rooms"])?,
    };
    let sessions = HISTORIES.iter().flat_map(|(history, count)| history.sessions(*count));
    let sessions: Vec<Session> = sessions.collect();
    let database = Database::start(&sessions, folder).await?;

    println!(
        "| cold start | initialisation, processor ms | first request, processor ms | connections |"
    );
    println!("| --- | ---: | ---: | ---: |");
    let front = requests()[0].body.clone();
    let mut programs = vec![
        ("`bare`", &bare, Pair::Variables),
        ("past-rooms", ours, Pair::Variables),
        ("past-rooms, pair in a secret", ours, Pair::Secret),
    ];
    if let Some(other) = &arguments.against {
        programs.push(("the other build", other, Pair::Variables));
    }
    let mut starts = Vec::new();
    for (name, program, pair) in programs {
        let start = cold(program, &database, pair, &front, arguments.starts).await?;
        println!(
            "| {name} | {:.2} | {:.2} | {} |",
            start.initialisation, start.request, start.connections
        );
        starts.push(start);
    }

    println!(
        "\n| warm request | processor ms | other build | ratio | million instructions | other build | ratio | connections | peak MB |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let (mut most_connections, mut most_memory) = (0, 0.0_f64);
    let requests = requests().into_iter().filter(|request| request.name.contains(&arguments.only));
    for Request { name, body } in requests {
        let programs = [Some(ours), arguments.against.as_ref()];
        let (mut cells, mut last) = (Vec::new(), (0, 0.0));
        let mut times = [f64::NAN; 2];
        // In turn, so that a busy machine slows both.
        for _ in 0..3 {
            for (time, program) in times.iter_mut().zip(programs) {
                let Some(program) = program else { continue };
                let warm = warm(program, &database, &body, arguments.requests / 3).await?;
                *time = time.min(warm.0);
                if program == ours {
                    last = (warm.1, warm.2);
                }
            }
        }
        cells.extend(compared(times));
        let mut counts = [f64::NAN; 2];
        if arguments.instructions {
            for (count, program) in counts.iter_mut().zip(programs) {
                let Some(program) = program else { continue };
                let counted = function::instructions(program, &database, &body, folder).await?;
                *count = counted as f64 / 1e6;
            }
        }
        cells.extend(compared(counts));
        println!("| {name} | {} | {} | {:.1} |", cells.join(" | "), last.0, last.1);
        most_connections = most_connections.max(last.0);
        most_memory = most_memory.max(last.1);
    }
    let goals = [
        ("initialisation / `bare`'s", 2.4, starts[1].initialisation / starts[0].initialisation),
        ("reading the secret, ms", 15.0, starts[2].initialisation - starts[1].initialisation),
        ("connections for the secret", 1.0, starts[2].connections - starts[1].connections),
        ("connections of a process", 24.0, most_connections as f64),
        ("peak memory, MB", 24.0, most_memory),
        ("binary, MB", 9.0, std::fs::metadata(ours)?.len() as f64 / 1e6),
    ];
    println!("\n| goal | at most | measured | |\n| --- | ---: | ---: | --- |");
    for (what, bound, measured) in goals {
        let word = if measured <= bound { "reached" } else { "MISSED" };
        println!("| {what} | {bound} | {measured:.2} | {word} |");
    }
    Ok(goals.iter().all(|(_, bound, measured)| measured <= bound))
}

/// Returns the folder that cargo builds in.
fn target() -> Result<PathBuf, Box<dyn Error>> {
    // target/release/deps/function-….
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).ok_or("the benchmark is not in a target folder")?;
    Ok(target.join("function"))
}

/// Builds a program as a release has it, and returns its path.
fn build(name: &str, target: &Path, arguments: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
    let mut cargo = Command::new(env!("CARGO"));
    let cargo = cargo.args(["build", "--release"]).args(arguments).arg("--target-dir").arg(target);
    if !cargo.status()?.success() {
        return Err(format!("{name} does not build").into());
    }
    Ok(target.join("release").join(name))
}

fn requests() -> Vec<Request> {
    let places = [("first page", 0), ("deep", 3)];
    let requests = HISTORIES.iter().flat_map(|(history, count)| {
        places.map(|(place, part)| Request {
            name: format!("{}, {place}", history.name()),
            body: json!({"room_ids": history.room_ids(), "from": count * part / 7}).to_string(),
        })
    });
    requests.collect()
}

/// Returns two figures and their ratio as cells of a table.
fn compared([ours, other]: [f64; 2]) -> [String; 3] {
    let cell = |figure: f64| match figure.is_nan() {
        true => "-".to_owned(),
        false => format!("{figure:.2}"),
    };
    [cell(ours), cell(other), cell(ours / other)]
}

/// Medians of a program's starts.
struct Start {
    /// Milliseconds of processor time until the program asks for an event.
    initialisation: f64,
    /// The same for the first request.
    request: f64,
    /// Connections opened until the first request is answered.
    connections: f64,
}

/// Starts a program several times.
async fn cold(
    program: &Path,
    database: &Database,
    pair: Pair,
    body: &str,
    starts: u32,
) -> Result<Start, Box<dyn Error>> {
    let mut figures = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..starts {
        let opened = || database.front.take_opened() + database.secrets.take_opened();
        opened();
        let mut function = Function::start(program, database, pair, None).await?;
        let started = function.processor_time()?;
        function.invoke(body, 1).await?;
        figures[0].push(started);
        figures[1].push(function.processor_time()? - started);
        figures[2].push(opened() as f64);
    }
    let [initialisation, request, connections] = figures.map(|mut figures| {
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
    });
    Ok(Start { initialisation, request, connections })
}

/// Returns a warm request's milliseconds of processor time, the process's connections, and its peak memory.
async fn warm(
    program: &Path,
    database: &Database,
    body: &str,
    requests: u32,
) -> Result<(f64, usize, f64), Box<dyn Error>> {
    database.front.take_opened();
    let mut function = Function::start(program, database, Pair::Variables, None).await?;
    function.invoke(body, WARM_UP).await?;
    let before = function.processor_time()?;
    function.invoke(body, requests).await?;
    let used = (function.processor_time()? - before) / f64::from(requests.max(1));
    Ok((used, database.front.take_opened(), function.peak_memory()?))
}
