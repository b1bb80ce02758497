//! `past-rooms-admin tally`.

use std::error::Error;

use futures_util::{StreamExt, stream};
use past_rooms::{Difference, PastRooms, TallyReport};
use serde_json::{Value, json};

use crate::output::count;
use crate::rooms::{InFlight, ROOMS_AT_ONCE, Rooms, Trouble, quoted};
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
    json: bool,
) -> Result<Outcome, Box<dyn Error>> {
    let check = arguments.check;
    let past_rooms = &past_rooms.with_max_in_flight(arguments.in_flight.most());
    let rooms = arguments.rooms.list(past_rooms).await?;
    let (mut totals, mut trouble) = (Totals::default(), Trouble::new(table, rooms.len()));
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
            // It has rows all the same: those of a meeting that goes on.
            Ok(report) if arguments.rooms.all && !report.exists => {}
            Ok(report) => {
                trouble.none();
                totals.add(&report);
                print(room_id, &report, check, json);
            }
            Err(error) => trouble.with(room_id, &error, json)?,
        }
    }
    let Totals { rooms, sessions, differing, .. } = totals;
    if !json {
        let verb = if check { "differ" } else { "were mended" };
        output::line(format_args!(
            "{} with {}; {differing} {verb}{}",
            count(rooms, "room"),
            count(sessions, "session"),
            trouble.summary()
        ));
    }
    let differs = totals.unknown > 0 || check && (differing > 0 || totals.stray > 0);
    Ok(match (trouble.any(), differs) {
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

fn print(room_id: &str, report: &TallyReport, check: bool, as_json: bool) {
    if as_json {
        output::line(report_as_json(room_id, report));
        return;
    }
    if !report.exists {
        return rooms::unknown(room_id);
    }
    let TallyReport { sessions, untallied, differences, stray, .. } = report;
    let found = match (report.is_consistent(), untallied, check) {
        (true, _, _) => "the tallies agree",
        (false, true, true) => "not tallied",
        (false, true, false) => "tallied",
        (false, false, true) => "the tallies differ",
        (false, false, false) => "the tallies are mended",
    };
    output::line(format_args!("{room_id}: {}, {found}", count(*sessions, "session")));
    for Difference { bucket, tallied, sessions, .. } in differences {
        if !untallied {
            let tallied = tallied.map_or("not readable".to_owned(), |count| count.to_string());
            output::line(format_args!("  {bucket}: tallied {tallied}, there are {sessions}"));
        }
    }
    for key in stray {
        output::line(format_args!(
            "  {}: not a session, because its sort key does not begin with a time and a #. To delete \
             it: past-rooms-admin delete --room {} --sort-key {}",
            key.sort_key,
            quoted(room_id),
            quoted(&key.sort_key)
        ));
    }
}

fn report_as_json(room_id: &str, report: &TallyReport) -> Value {
    let differences = report.differences.iter().map(|difference| {
        json!({"bucket": difference.bucket.prefix(), "tallied": difference.tallied, "sessions": difference.sessions})
    });
    json!({
        "room_id": room_id,
        "exists": report.exists,
        "sessions": report.sessions,
        "agrees": report.exists && report.is_consistent(),
        "untallied": report.untallied,
        "differences": differences.collect::<Vec<_>>(),
        "stray": report.stray.iter().map(|key| &*key.sort_key).collect::<Vec<_>>(),
    })
}
