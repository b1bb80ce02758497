//! `past-rooms-admin retention`.

use std::cell::Cell;
use std::error::Error;

use past_rooms::{Expiries, PastRooms, WriteError};
use serde_json::json;

use crate::rooms::{Failures, InFlight, Rooms};
use crate::stop::Stop;
use crate::work::{Summary, Work};
use crate::{Outcome, output, progress, question, rooms};

/// Set, or clear, when existing sessions expire.
///
/// DynamoDB deletes a session some days after it has expired, and the counts follow. The template's parameter
/// RetentionDays applies only to sessions recorded from then on; this command is for those before. It is safe
/// while sessions are being recorded. If it is interrupted, run it again.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    rooms: Rooms,

    #[command(flatten)]
    in_flight: InFlight,

    /// Days after its end (or its beginning, if the end is unknown) for which a session is kept; 0: without limit
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
    /// Looks before the question, and prints nothing.
    Ask,
    Look,
    Change,
}

pub struct Expiry<'a> {
    past_rooms: PastRooms,
    arguments: &'a Arguments,
    failures: Failures<'a>,
    found: ExpiryFindings,
}

/// The findings and the changes.
#[derive(Default)]
struct ExpiryFindings {
    rooms: Cell<u64>,
    /// Requested rooms that do not exist.
    unknown: Cell<u64>,
    expiries: Cell<Expiries>,
}

impl<'a> Expiry<'a> {
    pub fn new(past_rooms: &'a PastRooms, arguments: &'a Arguments) -> Self {
        let failures = Failures::new(past_rooms.table().name());
        let past_rooms = past_rooms
            .with_retention_days(arguments.days)
            .with_max_in_flight(arguments.in_flight.most());
        Expiry { past_rooms, arguments, failures, found: ExpiryFindings::default() }
    }

    fn pass(&self) -> Pass {
        if self.arguments.dry_run { Pass::Look } else { Pass::Change }
    }

    /// Asks whether to go on, if sessions would expire at once.
    async fn ask(&self, rooms: &[String], stop: &Stop) -> Result<(), Box<dyn Error>> {
        let found = ExpiryFindings::default();
        let looked = self.all(rooms, Pass::Ask, (&found, &self.failures.fresh()), stop).await;
        progress::end();
        looked?;
        let Expiries { sessions, overdue, .. } = found.expiries.get();
        let question = format!(
            "{overdue} of {sessions} sessions ended more than {} days ago: DynamoDB will delete them within some \
             days, for good. Go on?",
            self.arguments.days
        );
        if overdue > 0 && !question::confirmed(&question).await? {
            return Err("nothing was changed".into());
        }
        Ok(())
    }

    /// Goes through the rooms, and prints a result for each unless it is for the question.
    async fn all(
        &self,
        rooms: &[String],
        pass: Pass,
        (found, failures): (&ExpiryFindings, &Failures<'_>),
        stop: &Stop,
    ) -> Result<(), Box<dyn Error>> {
        progress::begin(
            if pass == Pass::Change { "sessions done" } else { "sessions looked at" },
            None,
        );
        let note = |one| {
            let mut sum = found.expiries.get();
            sum += one;
            found.expiries.set(sum);
            progress::add(1);
        };
        let look = async |room_id: &str| look(&self.past_rooms, room_id, pass, note).await;
        let done = |room_id: &str, of_room: Option<Expiries>| {
            // Otherwise it has only rows of a meeting in progress.
            if of_room.is_some() || !self.arguments.rooms.all {
                let count = if of_room.is_some() { &found.rooms } else { &found.unknown };
                count.set(count.get() + 1);
                if pass != Pass::Ask {
                    print(room_id, of_room, pass);
                }
            }
        };
        failures.each(rooms, stop, look, done).await
    }
}

impl Work for Expiry<'_> {
    async fn run(&mut self, stop: &Stop) -> Result<(), Box<dyn Error>> {
        let arguments = self.arguments;
        let rooms = arguments.rooms.list(&self.past_rooms).await?;
        let deletes_expired = self.past_rooms.table().deletes_expired();
        if arguments.days > 0 && deletes_expired.await.is_ok_and(|does| !does) {
            output::warning(
                json!({}),
                "the table's time to live is not set to the attribute expires, so DynamoDB deletes nothing. The \
                 documentation of past-rooms-admin says how to set it.",
            );
        }
        if arguments.days > 0 && !arguments.yes && !arguments.dry_run {
            self.ask(&rooms, stop).await?;
        }
        self.all(&rooms, self.pass(), (&self.found, &self.failures), stop).await
    }

    fn summary(&self) -> Summary {
        let (rooms, unknown) = (self.found.rooms.get(), self.found.unknown.get());
        let expiries = self.found.expiries.get();
        let Expiries { sessions, changed, overdue, undated, .. } = expiries;
        let failed = self.failures.number();
        let undated_text = match undated {
            0 => String::new(),
            undated => format!("; {undated} have no time and are left as they are"),
        };
        let text = format!(
            "{} with {}: {}, {overdue} expire at once{undated_text}{}",
            output::count(rooms, "room"),
            output::count(sessions, "session"),
            changed_text(&expiries, self.pass()),
            self.failures.text()
        );
        let fields = json!({
            "rooms": rooms, "sessions": sessions, "changed": changed, "overdue": overdue, "undated": undated,
            "unknown_rooms": unknown, "failed": failed, "dry_run": self.arguments.dry_run,
        });
        Summary { fields, text, outcome: Outcome::of(failed > 0, unknown > 0) }
    }
}

/// Returns what was found of a room. `None`: it does not exist.
async fn look(
    past_rooms: &PastRooms,
    room_id: &str,
    pass: Pass,
    note: impl FnMut(Expiries),
) -> Result<Option<Expiries>, WriteError> {
    let found = match pass {
        Pass::Change => past_rooms.apply_retention_noting(room_id, note).await?,
        _ => past_rooms.check_retention_noting(room_id, note).await?,
    };
    let exists = found.sessions > 0 || past_rooms.exists(room_id).await?;
    Ok(exists.then_some(found))
}

fn print(room_id: &str, found: Option<Expiries>, pass: Pass) {
    let Expiries { sessions, changed, overdue, undated, .. } = found.unwrap_or_default();
    let fields = json!({
        "room_id": room_id, "exists": found.is_some(), "sessions": sessions, "changed": changed,
        "overdue": overdue, "undated": undated, "dry_run": pass != Pass::Change,
    });
    let text = match found {
        None => rooms::no_such(room_id),
        Some(found) => {
            let sessions = output::count(sessions, "session");
            format!("{room_id}: {sessions}, {}", changed_text(&found, pass))
        }
    };
    output::result("room", fields, text);
}

fn changed_text(found: &Expiries, pass: Pass) -> String {
    match pass {
        Pass::Change => format!("{} changed", found.changed),
        _ => format!("{} would be changed", found.changed),
    }
}
