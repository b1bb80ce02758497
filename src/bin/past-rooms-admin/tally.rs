//! `past-rooms-admin tally`.

use std::error::Error;

use past_rooms::{Difference, PastRooms, TallyReport};
use serde_json::json;

use crate::output::count;
use crate::rooms::{Failures, InFlight, Rooms, quoted};
use crate::stop::Stop;
use crate::work::{Summary, Work};
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

pub struct Tally<'a> {
    past_rooms: PastRooms,
    arguments: &'a Arguments,
    failures: Failures<'a>,
    totals: TallyTotals,
}

#[derive(Clone, Copy, Default)]
struct TallyTotals {
    rooms: u64,
    sessions: u64,
    differing: u64,
    unknown: u64,
    stray: usize,
}

impl<'a> Tally<'a> {
    pub fn new(past_rooms: &'a PastRooms, arguments: &'a Arguments) -> Self {
        let failures = Failures::new(past_rooms.table().name());
        let past_rooms = past_rooms.with_max_in_flight(arguments.in_flight.most());
        Tally { past_rooms, arguments, failures, totals: TallyTotals::default() }
    }
}

impl Work for Tally<'_> {
    async fn run(&mut self, stop: &Stop) -> Result<(), Box<dyn Error>> {
        let Tally { past_rooms, arguments, failures, totals } = self;
        let check = arguments.check;
        let rooms = arguments.rooms.list(past_rooms).await?;
        let work = if check { "rooms checked" } else { "rooms tallied" };
        progress::begin(work, Some(rooms.len() as u64));
        let report = async |room_id: &str| match check {
            true => past_rooms.check_tally(room_id).await,
            false => past_rooms.tally(room_id).await,
        };
        let done = |room_id: &str, report: TallyReport| {
            progress::add(1);
            // Otherwise it has only rows of a meeting in progress.
            if report.exists || !arguments.rooms.all {
                totals.add(&report);
                print(room_id, &report, check);
            }
        };
        failures.each(&rooms, stop, report, done).await
    }

    fn summary(&self) -> Summary {
        let TallyTotals { rooms, sessions, differing, unknown, stray } = self.totals;
        let (check, failed) = (self.arguments.check, self.failures.number());
        let text = format!(
            "{} with {}; {differing} {}{}",
            count(rooms, "room"),
            count(sessions, "session"),
            if check { "differ" } else { "were repaired" },
            self.failures.text()
        );
        let fields = json!({
            "rooms": rooms, "sessions": sessions, "differing": differing, "unknown_rooms": unknown,
            "failed": failed, "checked_only": check, "stray": stray,
        });
        let differs = unknown > 0 || check && (differing > 0 || stray > 0);
        Summary { fields, text, outcome: Outcome::of(failed > 0, differs) }
    }
}

impl TallyTotals {
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
        (false, false, false) => "the tallies are repaired",
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
