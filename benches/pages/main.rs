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
use std::path::Path;

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
    let mut costs = Vec::new();
    for (number, scenario) in Scenario::ALL.into_iter().enumerate() {
        let database = Database::start(number).await?;
        eprintln!("{}: reading", scenario.name());
        costs.extend(measure::scenario(&database, scenario).await?);
    }
    report::print_table(&costs);
    let reached = report::print_goals(&costs);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (file, picture) = (
        folder.join("target/pages.json"),
        folder.join("benches/pages.svg"),
    );
    report::write_file(&costs, &file)?;
    report::draw(&costs, &picture)?;
    println!("\nwritten: target/pages.json, benches/pages.svg");
    if reached {
        Ok(())
    } else {
        Err("a goal was missed".into())
    }
}
