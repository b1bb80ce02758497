//! Cost of a page at any depth, for this project's reader and for one that reads everything.
//!
//! `cargo bench --bench pages` fills histories of 100 000 sessions in rooms and of 1 000 000 sessions of
//! all rooms, one after the other, in an embedded DynamoDB, and reads pages of 20 from them. Requests,
//! round trips and read units are counted on a clock that only requests move, so they do not depend on the
//! machine. `cargo bench --bench pages -- all-rooms` reads only the pages of all rooms.

mod database;
mod history;
mod measure;
mod report;
#[path = "../../tests/sim/timed.rs"]
#[allow(clippy::expect_used, reason = "made for the tests")]
mod timed;
mod usual;

use std::error::Error;
use std::path::PathBuf;

use history::History;

const HISTORIES: [History; 7] = [
    History::Even(1),
    History::WorkingHours,
    History::Even(10),
    History::Even(100),
    History::SameHour,
    History::MostlyUnused,
    History::Uneven,
];

/// Sessions of all rooms in the busiest hours.
const BUSIEST: [usize; 2] = [1500, 5000];

fn main() -> Result<(), Box<dyn Error>> {
    let (file, picture) = output_files()?;
    let only_all_rooms = std::env::args().any(|argument| argument == "all-rooms");
    let mut measured = Vec::new();
    let mut add = |history| {
        report::print_rows(&history);
        measured.push(history);
    };
    report::print_heading();
    if !only_all_rooms {
        for history in HISTORIES {
            add(measure::rooms(history)?);
        }
    }
    for busiest in BUSIEST {
        add(measure::all_rooms(busiest)?);
    }
    report::print_times(&measured);
    if let Some(one_room) = measured.first().filter(|history| history.busiest.is_none()) {
        report::draw(one_room, &picture)?;
    }
    let reached = report::print_goals(&measured);
    std::fs::write(&file, serde_json::to_string_pretty(&measured)? + "\n")?;
    println!("\nwritten: {}", file.display());
    if reached { Ok(()) } else { Err("a goal was missed".into()) }
}

/// Returns the files of the results: figures go into the folder that cargo builds in, the picture into the
/// documentation. Opens both now and not after minutes of measuring.
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
