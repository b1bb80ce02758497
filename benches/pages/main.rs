//! What a page costs at any depth, for this project's reader, for the usual way, and at the least.
//!
//! `cargo bench --bench pages` fills five histories of 100 000 sessions each, one after the other, in an embedded
//! DynamoDB in a process of its own, and reads pages of 20 from them. Everything is counted or measured in the same
//! run; nothing depends on the machine but the milliseconds.

mod database;
mod measure;
mod report;
mod scenario;
mod usual;

use std::error::Error;
use std::path::PathBuf;

use database::Database;
use peak_alloc::PeakAlloc;
use scenario::Scenario;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if database::serve_if_asked().await? {
        return Ok(());
    }
    let (file, picture) = output_files()?;
    let mut costs = Vec::new();
    for (number, scenario) in Scenario::ALL.into_iter().enumerate() {
        let database = Database::start(number)?;
        eprintln!("{}: reading", scenario.name());
        costs.extend(measure::scenario(&database, scenario).await?);
    }
    report::print_table(&costs);
    let reached = report::print_goals(&costs);
    report::write_file(&costs, &file)?;
    report::draw(&costs, &picture)?;
    println!("\nwritten: {}, {}", file.display(), picture.display());
    if reached { Ok(()) } else { Err("a goal was missed".into()) }
}

/// Where the results go: figures into the folder that cargo builds in, wherever that is, and the
/// picture into the documentation. Both are tried now, not after minutes of measuring.
fn output_files() -> Result<(PathBuf, PathBuf), Box<dyn Error>> {
    // target/release/deps/pages-….
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).ok_or("the benchmark is not in a target folder")?;
    let files = (target.join("pages.json"), PathBuf::from("docs/pages.svg"));
    for file in [&files.0, &files.1] {
        let open = std::fs::OpenOptions::new().create(true).append(true).open(file);
        open.map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    }
    Ok(files)
}
