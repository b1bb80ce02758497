//! `past-rooms-admin retention`.

use std::error::Error;

use futures_util::{StreamExt, stream};
use past_rooms::{Expiries, PastRooms, WriteError};
use serde_json::json;

use crate::output::count;
use crate::rooms::{InFlight, ROOMS_AT_ONCE, Rooms, Trouble};
use crate::{Outcome, output, progress, question, rooms};

/// Set, or clear, when sessions that are there expire.
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

    /// Days after its end (or its beginning, if the end is not known) for which a session is kept; 0: for ever
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
    json: bool,
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
        let mut trouble = Trouble::new(table, listed.len());
        let found = pass(&past_rooms, rooms, Pass::Look, &mut trouble, None).await?.expiries;
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
    let mut trouble = Trouble::new(table, listed.len());
    let Found { rooms, unknown, expiries } =
        pass(&past_rooms, rooms, kind, &mut trouble, Some(json)).await?;
    if !json {
        let Expiries { sessions, overdue, undated, .. } = expiries;
        let undated = match undated {
            0 => String::new(),
            undated => format!("; {undated} have no time and are left as they are"),
        };
        output::line(format_args!(
            "{} with {}: {}, {overdue} expire at once{undated}{}",
            count(rooms as u64, "room"),
            count(sessions, "session"),
            changed(&expiries, kind),
            trouble.summary()
        ));
    }
    Ok(match (trouble.any(), unknown > 0) {
        (true, _) => Outcome::Incomplete,
        (false, true) => Outcome::Differences,
        (false, false) => Outcome::Success,
    })
}

/// What was found of all.
#[derive(Default)]
struct Found {
    rooms: usize,
    /// Rooms that were asked for and have nothing.
    unknown: usize,
    expiries: Expiries,
}

/// Goes through the rooms; with `printed`, prints what was found of each, as JSON or as text.
async fn pass(
    past_rooms: &PastRooms,
    (rooms, all): (&[String], bool),
    kind: Pass,
    trouble: &mut Trouble<'_>,
    printed: Option<bool>,
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
            // It has rows all the same: those of a meeting that goes on.
            Ok(None) if all => {}
            Ok(found) => {
                trouble.none();
                sum.expiries += found.unwrap_or_default();
                sum.rooms += usize::from(found.is_some());
                sum.unknown += usize::from(found.is_none());
                if let Some(as_json) = printed {
                    print(room_id, found, kind, as_json);
                }
            }
            Err(error) => trouble.with(room_id, &error, printed == Some(true))?,
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

fn print(room_id: &str, found: Option<Expiries>, kind: Pass, as_json: bool) {
    let Expiries { sessions, overdue, undated, .. } = found.unwrap_or_default();
    if as_json {
        output::line(json!({
            "room_id": room_id, "exists": found.is_some(), "sessions": sessions,
            "changed": found.unwrap_or_default().changed,
            "overdue": overdue, "undated": undated, "dry_run": kind == Pass::Look,
        }));
    } else if let Some(found) = found {
        let sessions = count(sessions, "session");
        output::line(format_args!("{room_id}: {sessions}, {}", changed(&found, kind)));
    } else {
        rooms::unknown(room_id);
    }
}

fn changed(found: &Expiries, kind: Pass) -> String {
    match kind {
        Pass::Look => format!("{} would be changed", found.changed),
        Pass::Change => format!("{} changed", found.changed),
    }
}
