//! What a request costs the built function in processor time, beside two baselines in the same run.
//!
//! `.ci/processor` builds the function and the baselines, and runs this with their paths. Everything
//! runs here: an embedded DynamoDB, a server in front of it that remembers its answers and speaks
//! TLS, and Lambda's runtime API. So the function's process does nothing but its own work, which is
//! read from the system's accounting, or counted by `valgrind --tool=callgrind`.

mod case;
mod dynamodb;
mod function;
mod measure;
mod report;
mod runtime;
mod share;

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;

/// Measures the processor time of requests.
#[derive(Debug, Parser)]
struct Arguments {
    /// The least function that `lambda_http` makes
    bare: PathBuf,
    /// The least function that makes one query
    smallest: PathBuf,
    /// The function
    past_rooms: PathBuf,
    /// Another build of the function, to compare with in the same run
    #[arg(long)]
    against: Option<PathBuf>,
    /// Requests of each case
    #[arg(long, default_value_t = 200)]
    requests: u32,
    /// Cold starts of each kind
    #[arg(long, default_value_t = 15)]
    starts: u32,
    /// Measure the instructions of requests, too
    #[arg(long)]
    instructions: bool,
    /// Measure the wall time at Lambda's shares, too
    #[arg(long)]
    shares: bool,
    /// Only with so many rooms
    #[arg(long, value_delimiter = ',', default_values_t = case::ROOMS)]
    rooms: Vec<usize>,
    /// Where the figures go; by default into the folder that cargo builds in
    #[arg(long)]
    file: Option<PathBuf>,
    /// What `cargo bench` passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let file = match &arguments.file {
        Some(file) => file.clone(),
        None => default_file()?,
    };
    // Tried now, not after minutes of measuring.
    let open = std::fs::OpenOptions::new().create(true).append(true).open(&file);
    open.map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    let figures = measure::all(&arguments).await?;
    report::print(&figures);
    std::fs::write(&file, serde_json::to_string_pretty(&figures)? + "\n")?;
    println!("\nwritten: {}", file.display());
    Ok(())
}

/// A file in the folder that cargo builds in, wherever that is.
fn default_file() -> Result<PathBuf, Box<dyn Error>> {
    // target/release/deps/processor-….
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).ok_or("the benchmark is not in a target folder")?;
    Ok(target.join("processor.json"))
}
