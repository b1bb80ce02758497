//! `past-rooms-admin tally`.

use std::error::Error;

use past_rooms::{Difference, PastRooms, TallyReport};
use serde_json::json;

use crate::{Outcome, output};

/// Build, repair or verify the tallies of rooms.
///
/// Tallies count a room's sessions by month and by hour; with them any page is read at a constant cost. Sessions that
/// this project records or imports are counted as they are written. Rooms filled by another writer are read by
/// counting until this command has built their tallies. It is safe while sessions are being recorded or imported.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("rooms").required(true))]
pub struct Arguments {
    /// A room; may be given more than once
    #[arg(long, value_name = "ID", group = "rooms")]
    room: Vec<String>,

    /// All rooms of the table (reads the whole table)
    #[arg(long, group = "rooms")]
    all: bool,

    /// Only compare, change nothing; exit with 1 if anything differs
    #[arg(long)]
    check: bool,
}

#[derive(Default)]
struct Totals {
    rooms: u64,
    sessions: u64,
    differing: u64,
}

pub async fn run(
    past_rooms: &PastRooms,
    arguments: &Arguments,
    json: bool,
) -> Result<Outcome, Box<dyn Error>> {
    let mut totals = Totals::default();
    for room_id in &arguments.room {
        room(past_rooms, room_id, arguments, json, &mut totals).await?;
    }
    if arguments.all {
        let mut rooms = past_rooms.room_ids();
        while let Some(some) = rooms.next().await? {
            for room_id in some {
                room(past_rooms, &room_id, arguments, json, &mut totals).await?;
            }
        }
    }
    let Totals { rooms, sessions, differing } = totals;
    if !json {
        let verb = if arguments.check { "differ" } else { "were mended" };
        output::line(format_args!("{rooms} rooms with {sessions} sessions; {differing} {verb}"));
    }
    Ok(if arguments.check && differing > 0 { Outcome::Differences } else { Outcome::Success })
}

async fn room(
    past_rooms: &PastRooms,
    room_id: &str,
    arguments: &Arguments,
    json: bool,
    totals: &mut Totals,
) -> Result<(), Box<dyn Error>> {
    let report = if arguments.check {
        past_rooms.check_tally(room_id).await?
    } else {
        past_rooms.tally(room_id).await?
    };
    totals.rooms += 1;
    totals.sessions += report.sessions;
    totals.differing += u64::from(!report.is_consistent());
    if json {
        output::line(as_json(room_id, &report));
    } else {
        print(room_id, &report, arguments.check);
    }
    Ok(())
}

fn print(room_id: &str, report: &TallyReport, check: bool) {
    let TallyReport { sessions, untallied, differences, .. } = report;
    let found = match (report.is_consistent(), untallied, check) {
        (true, _, _) => "the tallies agree",
        (false, true, true) => "not tallied",
        (false, true, false) => "tallied",
        (false, false, true) => "the tallies differ",
        (false, false, false) => "the tallies are mended",
    };
    output::line(format_args!("{room_id}: {sessions} sessions, {found}"));
    if *untallied {
        return;
    }
    for Difference { bucket, tallied, sessions, .. } in differences {
        let tallied = tallied.map_or("not readable".to_owned(), |count| count.to_string());
        output::line(format_args!("  {bucket}: tallied {tallied}, there are {sessions}"));
    }
}

fn as_json(room_id: &str, report: &TallyReport) -> serde_json::Value {
    let differences = report.differences.iter().map(|difference| {
        json!({"bucket": difference.bucket, "tallied": difference.tallied, "sessions": difference.sessions})
    });
    json!({
        "room_id": room_id,
        "sessions": report.sessions,
        "agrees": report.is_consistent(),
        "untallied": report.untallied,
        "differences": differences.collect::<Vec<_>>(),
    })
}
