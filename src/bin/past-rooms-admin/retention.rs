//! `past-rooms-admin retention`.

use std::error::Error;

use futures_util::{StreamExt, stream};
use past_rooms::{Expiries, PastRooms, WriteError};
use serde_json::json;

use crate::rooms::{Failures, InFlight, ROOMS_AT_ONCE, Rooms};
use crate::{Outcome, output, progress, question, rooms};

/// Set, or clear, when existing sessions expire.
///
/// DynamoDB deletes a session some days after it has expired, and the counts follow. The template's parameter
/// RetentionDays lets only sessions expire that are recorded from then on; this command is for those before. It is
/// safe while sessions are being recorded, and when it was interrupted, start it again.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    rooms: Rooms,

    #[command(flatten)]
    in_flight: InFlight,

    /// Days after its end (or its beginning, if the end is not known) for which a session is kept; 0: forever
    #[arg(long, value_name = "N")]
    days: u32,

    /// Only count, change nothing
    #[arg(long)]
    dry_run: bool,

    /// Do not ask, even if sessions expire at once
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Pass {
    Look,
    Change,
}

pub async fn run(
    past_rooms: &PastRooms,
    arguments: &Arguments,
    table: &str,
) -> Result<Outcome, Box<dyn Error>> {
    let past_rooms = past_rooms
        .with_retention_days(arguments.days)
        .with_max_in_flight(arguments.in_flight.most());
    let listed = arguments.rooms.list(&past_rooms).await?;
    let rooms = (&*listed, arguments.rooms.all);
    if arguments.days > 0 && past_rooms.table().deletes_expired().await.is_ok_and(|does| !does) {
        output::note(
            "warning: the table's time to live is not set to the attribute expires, so DynamoDB \
             deletes nothing. The documentation of past-rooms-admin says how to set it.",
        );
    }
    let is_asking = arguments.days > 0 && !arguments.yes && !arguments.dry_run;
    if is_asking {
        let mut failures = Failures::new(table, listed.len());
        let found = pass(&past_rooms, rooms, Pass::Look, &mut failures, false).await?.expiries;
        let question = format!(
            "{} of {} sessions ended more than {} days ago: DynamoDB will delete them within some \
             days, for good. Go on?",
            found.overdue, found.sessions, arguments.days
        );
        if found.overdue > 0 && !question::confirmed(&question)? {
            return Err("nothing was changed".into());
        }
    }
    let kind = if arguments.dry_run { Pass::Look } else { Pass::Change };
    let mut failures = Failures::new(table, listed.len());
    let Found { rooms, unknown, expiries } =
        pass(&past_rooms, rooms, kind, &mut failures, true).await?;
    let Expiries { sessions, changed, overdue, undated, .. } = expiries;
    let undated_text = match undated {
        0 => String::new(),
        undated => format!("; {undated} have no time and are left as they are"),
    };
    let text = format!(
        "{} with {}: {}, {overdue} expire at once{undated_text}{}",
        output::count(rooms, "room"),
        output::count(sessions, "session"),
        changed_text(&expiries, kind),
        failures.text()
    );
    let fields = json!({
        "rooms": rooms, "sessions": sessions, "changed": changed, "overdue": overdue, "undated": undated,
        "unknown_rooms": unknown, "failed": failures.number(), "dry_run": arguments.dry_run,
    });
    output::summary(fields, text);
    Ok(match (failures.number() > 0, unknown > 0) {
        (true, _) => Outcome::Incomplete,
        (false, true) => Outcome::Differences,
        (false, false) => Outcome::Success,
    })
}

/// What was found of all.
#[derive(Default)]
struct Found {
    rooms: u64,
    /// Rooms that were asked for and have nothing.
    unknown: u64,
    expiries: Expiries,
}

/// Goes through the rooms and, if `is_printed`, prints a result for each.
async fn pass(
    past_rooms: &PastRooms,
    (rooms, all): (&[String], bool),
    kind: Pass,
    failures: &mut Failures<'_>,
    is_printed: bool,
) -> Result<Found, Box<dyn Error>> {
    let mut sum = Found::default();
    let work = if kind == Pass::Look { "rooms looked at" } else { "rooms done" };
    progress::begin(work, Some(rooms.len() as u64));
    let found =
        stream::iter(rooms).map(async |room_id| (room_id, look(past_rooms, room_id, kind).await));
    let mut found = Box::pin(found.buffered(ROOMS_AT_ONCE));
    while let Some((room_id, found)) = found.next().await {
        progress::add(1);
        match found {
            // It has only rows of a meeting in progress.
            Ok(None) if all => {}
            Ok(found) => {
                failures.end_row();
                sum.expiries += found.unwrap_or_default();
                sum.rooms += u64::from(found.is_some());
                sum.unknown += u64::from(found.is_none());
                if is_printed {
                    print(room_id, found, kind);
                }
            }
            Err(error) => failures.add(room_id, &error)?,
        }
    }
    Ok(sum)
}

/// What was found of a room. `None`: it has nothing.
async fn look(
    past_rooms: &PastRooms,
    room_id: &str,
    kind: Pass,
) -> Result<Option<Expiries>, WriteError> {
    let found = match kind {
        Pass::Look => past_rooms.check_retention(room_id).await?,
        Pass::Change => past_rooms.apply_retention(room_id).await?,
    };
    let exists = found.sessions > 0 || past_rooms.exists(room_id).await?;
    Ok(exists.then_some(found))
}

fn print(room_id: &str, found: Option<Expiries>, kind: Pass) {
    let Expiries { sessions, changed, overdue, undated, .. } = found.unwrap_or_default();
    let fields = json!({
        "room_id": room_id, "exists": found.is_some(), "sessions": sessions, "changed": changed,
        "overdue": overdue, "undated": undated, "dry_run": kind == Pass::Look,
    });
    let text = match found {
        None => rooms::no_such(room_id),
        Some(found) => {
            let sessions = output::count(sessions, "session");
            format!("{room_id}: {sessions}, {}", changed_text(&found, kind))
        }
    };
    output::result("room", fields, text);
}

fn changed_text(found: &Expiries, kind: Pass) -> String {
    match kind {
        Pass::Look => format!("{} would be changed", found.changed),
        Pass::Change => format!("{} changed", found.changed),
    }
}
