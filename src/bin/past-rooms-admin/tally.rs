//! `past-rooms-admin tally`.

use std::error::Error;

use futures_util::{StreamExt, stream};
use past_rooms::{Difference, PastRooms, TallyReport};
use serde_json::json;

use crate::output::count;
use crate::rooms::{Failures, InFlight, ROOMS_AT_ONCE, Rooms, quoted};
use crate::{Outcome, output, progress, rooms};

/// Build, repair or verify the tallies of rooms.
///
/// Tallies count a room's sessions by month and by hour; with them any page is read at a constant cost. Sessions that
/// this project records or imports are counted as they are written. Rooms filled by another writer are read by
/// counting until this command has built their tallies. It is safe while sessions are being recorded or imported.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    rooms: Rooms,

    #[command(flatten)]
    in_flight: InFlight,

    /// Compare and change nothing. Exit with 1 if anything differs
    #[arg(long)]
    check: bool,
}

#[derive(Default)]
struct Totals {
    rooms: u64,
    sessions: u64,
    differing: u64,
    unknown: u64,
    stray: usize,
}

pub async fn run(
    past_rooms: &PastRooms,
    arguments: &Arguments,
    table: &str,
) -> Result<Outcome, Box<dyn Error>> {
    let check = arguments.check;
    let past_rooms = &past_rooms.with_max_in_flight(arguments.in_flight.most());
    let rooms = arguments.rooms.list(past_rooms).await?;
    let (mut totals, mut failures) = (Totals::default(), Failures::new(table, rooms.len()));
    let work = if check { "rooms checked" } else { "rooms tallied" };
    progress::begin(work, Some(rooms.len() as u64));
    let reports = stream::iter(&rooms).map(async |room_id| {
        let report = match check {
            true => past_rooms.check_tally(room_id).await,
            false => past_rooms.tally(room_id).await,
        };
        (room_id, report)
    });
    let mut reports = Box::pin(reports.buffered(ROOMS_AT_ONCE));
    while let Some((room_id, report)) = reports.next().await {
        progress::add(1);
        match report {
            // It has only rows of a meeting in progress.
            Ok(report) if arguments.rooms.all && !report.exists => {}
            Ok(report) => {
                failures.end_row();
                totals.add(&report);
                print(room_id, &report, check);
            }
            Err(error) => failures.add(room_id, &error)?,
        }
    }
    let Totals { rooms, sessions, differing, unknown, stray } = totals;
    let text = format!(
        "{} with {}; {differing} {}{}",
        count(rooms, "room"),
        count(sessions, "session"),
        if check { "differ" } else { "were mended" },
        failures.text()
    );
    let fields = json!({
        "rooms": rooms, "sessions": sessions, "differing": differing, "unknown_rooms": unknown,
        "failed": failures.number(), "checked_only": check, "stray": stray,
    });
    output::summary(fields, text);
    let differs = unknown > 0 || check && (differing > 0 || stray > 0);
    Ok(match (failures.number() > 0, differs) {
        (true, _) => Outcome::Incomplete,
        (false, true) => Outcome::Differences,
        (false, false) => Outcome::Success,
    })
}

impl Totals {
    fn add(&mut self, report: &TallyReport) {
        self.rooms += u64::from(report.exists);
        self.unknown += u64::from(!report.exists);
        self.sessions += report.sessions;
        self.differing += u64::from(!report.is_consistent());
        self.stray += report.stray.len();
    }
}

fn print(room_id: &str, report: &TallyReport, check: bool) {
    let differences = report.differences.iter().map(|difference| {
        json!({"bucket": difference.bucket.prefix(), "tallied": difference.tallied, "sessions": difference.sessions})
    });
    let fields = json!({
        "room_id": room_id,
        "exists": report.exists,
        "sessions": report.sessions,
        "agrees": report.exists && report.is_consistent(),
        "untallied": report.untallied,
        "differences": differences.collect::<Vec<_>>(),
        "stray": report.stray.iter().map(|key| &*key.sort_key).collect::<Vec<_>>(),
    });
    output::result("room", fields, text(room_id, report, check));
}

fn text(room_id: &str, report: &TallyReport, check: bool) -> String {
    if !report.exists {
        return rooms::no_such(room_id);
    }
    let TallyReport { sessions, untallied, differences, stray, .. } = report;
    let found = match (report.is_consistent(), untallied, check) {
        (true, _, _) => "the tallies agree",
        (false, true, true) => "not tallied",
        (false, true, false) => "tallied",
        (false, false, true) => "the tallies differ",
        (false, false, false) => "the tallies are mended",
    };
    let mut text = format!("{room_id}: {}, {found}", count(*sessions, "session"));
    let differences = differences.iter().filter(|_| !untallied);
    for Difference { bucket, tallied, sessions, .. } in differences {
        let tallied = tallied.map_or("not readable".to_owned(), |count| count.to_string());
        text += &format!("\n  {bucket}: tallied {tallied}, there are {sessions}");
    }
    for key in stray {
        text += &format!(
            "\n  {}: not a session, because its sort key does not begin with a time and a #. To delete \
             it: past-rooms-admin delete --room {} --sort-key {}",
            key.sort_key,
            quoted(room_id),
            quoted(&key.sort_key)
        );
    }
    text
}
