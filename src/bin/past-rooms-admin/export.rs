//! `past-rooms-admin export`.

use std::error::Error;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use past_rooms::table::{Item, RowKind, Table};
use past_rooms::{PastRooms, RowKey};
use serde_json::json;

use crate::destination::Destination;
use crate::exported::{Exported, ExportedSession};
use crate::output::Few;
use crate::rooms::{InFlight, Rooms};
use crate::stop::Stop;
use crate::work::{Summary, Work};
use crate::{Outcome, output, progress, rooms};

/// Write sessions as JSON Lines, which `import` takes.
///
/// Moves a table that was restored from a backup, or that a deleted stack left, into that of a stack: export the
/// one, and import into the other. Meetings in progress are left out, and so are tallies, because an import counts
/// again. Other rows that are left out are named on standard error. What is written while it runs may be in the
/// export or not.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    rooms: Rooms,

    #[command(flatten)]
    in_flight: InFlight,

    /// Write to this file, which must not exist, instead of standard output (also `-`). The file appears when
    /// it is complete
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Arguments {
    /// Returns whether the sessions go to standard output.
    pub fn is_on_stdout(&self) -> bool {
        self.output.as_deref().is_none_or(|file| file == Path::new("-"))
    }
}

pub struct Export<'a> {
    past_rooms: PastRooms,
    arguments: &'a Arguments,
    found: ExportFindings,
    /// Whether what was read is in the output: a file appears when it is complete.
    is_written: bool,
}

impl<'a> Export<'a> {
    pub fn new(past_rooms: &PastRooms, arguments: &'a Arguments) -> Self {
        let past_rooms = past_rooms.with_max_in_flight(arguments.in_flight.most());
        let is_written = arguments.is_on_stdout();
        Export { past_rooms, arguments, found: ExportFindings::default(), is_written }
    }
}

impl Work for Export<'_> {
    async fn run(&mut self, _: &Stop) -> Result<(), Box<dyn Error>> {
        let mut output = Destination::open(self.arguments.output.as_deref())?;
        progress::begin(if self.is_written { "sessions exported" } else { "sessions read" }, None);
        let Export { past_rooms, arguments, found, is_written } = self;
        found.all(past_rooms.table(), &arguments.rooms, &mut output).await?;
        if found.sessions == 0 && !arguments.rooms.all && !arguments.is_on_stdout() {
            let rooms: Vec<&str> = arguments.rooms.named().map(String::as_str).collect();
            let error = format!("no sessions in {}, so no file is written", rooms.join(", "));
            output::error(&error, None, None, None);
            found.is_empty = true;
            return Ok(());
        }
        output.finish()?;
        *is_written = true;
        Ok(())
    }

    fn summary(&self) -> Summary {
        self.found.summary(if self.is_written { self.found.sessions } else { 0 })
    }

    fn reached(&mut self, done: &str) -> String {
        let end = if self.is_written { "the export is incomplete" } else { "no file is written" };
        format!("{done}; {end}. Running the same command again is safe.")
    }
}

/// The findings.
#[derive(Default)]
struct ExportFindings {
    sessions: u64,
    /// Sessions that an import writes in another form.
    rewritten: Few,
    /// Sessions that have attributes of others, which are left out.
    stripped: Few,
    /// Rows among the sessions that are not exported.
    unfit: u64,
    foreign: u64,
    tallies: u64,
    meetings: u64,
    /// Requested rooms that do not exist.
    unknown: u64,
    /// Whether no file was written because the rooms have no sessions.
    is_empty: bool,
}

impl ExportFindings {
    async fn all(
        &mut self,
        table: &Table,
        which: &Rooms,
        output: &mut Destination,
    ) -> Result<(), Box<dyn Error>> {
        if which.all {
            let mut pages = table.pages();
            while let Some(page) = pages.next().await {
                self.rows(page?, output)?;
            }
        }
        for room_id in which.named() {
            let mut pages = table.pages_of_room(room_id);
            let mut is_known = false;
            while let Some(page) = pages.next().await {
                let page = page?;
                is_known |= !page.is_empty();
                self.rows(page, output)?;
            }
            if !is_known {
                self.unknown += 1;
                let fields = json!({"room_id": room_id, "exists": false});
                output::problem("room", fields, rooms::no_such(room_id));
            }
        }
        Ok(())
    }

    fn rows(&mut self, rows: Vec<Item>, output: &mut Destination) -> Result<(), Box<dyn Error>> {
        for item in rows {
            let key = RowKey::of_item(&item).ok_or("a row has no key")?;
            match Exported::of(&key, item) {
                Exported::Session(ExportedSession { text, is_rewritten, others }) => {
                    output.line(&text)?;
                    self.sessions += 1;
                    progress::add(1);
                    if is_rewritten {
                        let change = "it is exported, but its key or its times are not in the form that \
                                      an import gives them";
                        name_change(&mut self.rewritten, &key, change, "are not in that form");
                    }
                    if !others.is_empty() {
                        let others = others.join(", ");
                        let change =
                            format!("it is exported without attributes of others: {others}");
                        name_change(&mut self.stripped, &key, change, "have attributes of others");
                    }
                }
                Exported::Unfit(reason) => {
                    self.unfit += 1;
                    leave_out(&key, &reason);
                }
                Exported::Foreign => {
                    self.foreign += 1;
                    leave_out(&key, "it is no session");
                }
                Exported::Bookkeeping(RowKind::Meeting) => self.meetings += 1,
                Exported::Bookkeeping(_) => self.tallies += 1,
            }
        }
        Ok(())
    }
}

/// Reports a row that is not exported.
fn leave_out(key: &RowKey, reason: &str) {
    let fields = json!({"room_id": key.room_id, "created_sid": key.sort_key, "reason": reason});
    output::problem("left_out", fields, format_args!("{key}: it is not exported: {reason}"));
}

/// Counts a session that an import changes, and names it if it is one of the first.
fn name_change(number: &mut Few, key: &RowKey, change: impl Display, all_are: &str) {
    let fields = json!({"room_id": key.room_id, "created_sid": key.sort_key});
    let report = || output::warning(fields, format_args!("{key}: {change}"));
    number.add(report, &format!("more sessions {all_are}; the last line has their number"));
}

impl ExportFindings {
    /// Returns the summary of an output with this number of sessions.
    fn summary(&self, sessions: u64) -> Summary {
        let ExportFindings { rewritten, stripped, unfit, foreign, tallies, meetings, .. } = self;
        let unknown = self.unknown;
        let left_out = unfit + foreign;
        let fields = json!({
            "sessions": sessions, "rewritten": rewritten.0, "stripped": stripped.0, "left_out": left_out,
            "tallies": tallies, "meetings": meetings, "unknown_rooms": unknown,
        });
        let some = |number: u64, what: &str| match number {
            0 => String::new(),
            number => format!("; {number} {what}"),
        };
        let text = format!(
            "{} exported{}{}{}{}",
            output::count(sessions, "session"),
            some(rewritten.0, "of them will be imported in another form"),
            some(stripped.0, "of them without attributes of others"),
            some(left_out, "rows not exported, see above"),
            some(*meetings, "rows of meetings in progress, or just over, left out"),
        );
        let differs = left_out + unknown > 0 || self.is_empty;
        Summary { fields, text, outcome: Outcome::of(false, differs) }
    }
}
