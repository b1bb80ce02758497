//! Options of an import.

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use past_rooms::lambda::config::{self, ConfigError};
use past_rooms::{Importer, PastRooms};

use crate::files::Format;
use crate::rooms::InFlight;
use crate::totals::Mode;

/// Bring past sessions in from files.
///
/// Columns are found by the names in the first line (or by the keys of the JSON objects), either
/// the API's (room_id, room_sid, room_title, joined_participants, webhook_url, created, ended,
/// analytics_file_id), their camel-case spellings, or plugNmeet's own (sid, file_id). room_id, room_sid
/// and created are required; other columns are ignored, and named once.
///
/// Importing the same rows again changes nothing, so an interrupted import is simply started again. If a
/// session appears in the input twice, the last row wins.
///
/// An import from a server that still has deleted sessions brings them back. To erase a session for good,
/// delete it on the server first.
///
/// A missing column leaves the stored value unchanged; an empty value clears it. Values that webhooks
/// recorded stay, and missing ones are filled in.
#[derive(clap::Args)]
pub struct Arguments {
    /// Files to import; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// The files' format, if their names do not tell (.csv, .tsv, .jsonl)
    #[arg(long, value_enum)]
    pub format: Option<Format>,

    /// The time zone of MySQL datetimes, for example Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = time_zone)]
    pub time_zone: TimeZone,

    /// Write rejected rows here as JSON Lines, with the reason; once corrected, the file can be
    /// imported. An existing file is replaced at the end of the import
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,

    /// Move sessions that the table has with another `created`, instead of rejecting them
    #[arg(long = "move")]
    pub moves: bool,

    /// Also replace values that webhooks recorded
    #[arg(long)]
    pub overwrite: bool,

    /// Days after its end for which a session is kept; expired ones are left out; 0: without limit
    /// [env: RETENTION_DAYS] [default: 0]
    #[arg(long, value_name = "DAYS")]
    retention_days: Option<u32>,

    #[command(flatten)]
    pub in_flight: InFlight,

    /// Read and check the files, and write nothing to the table; with --move or --overwrite, also
    /// compare them with the table and count what would change
    #[arg(long)]
    pub dry_run: bool,
}

impl Arguments {
    pub fn needs_table(&self) -> bool {
        !self.dry_run || self.moves || self.overwrite
    }

    pub fn mode(&self) -> Mode {
        match (self.dry_run, self.needs_table()) {
            (false, _) => Mode::Write,
            (true, true) => Mode::Compare,
            (true, false) => Mode::Read,
        }
    }

    /// Returns for how many days after their end sessions are kept. An empty variable counts as unset.
    ///
    /// # Errors
    /// If the variable is not a number.
    pub fn retention_days(&self) -> Result<u32, ConfigError> {
        self.retention_days.map_or_else(config::retention_days, Ok)
    }

    /// Returns an importer with these options.
    pub fn importer(&self, past_rooms: &PastRooms, patience: Duration) -> Importer {
        let importer = past_rooms.importer().in_flight(self.in_flight.most()).patience(patience);
        let importer = if self.moves { importer.moving() } else { importer };
        let importer = if self.overwrite { importer.overwriting() } else { importer };
        if self.dry_run { importer.comparing() } else { importer }
    }
}

fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name)
        .map_err(|_| "expected a time zone's name, such as UTC or Europe/Berlin".to_owned())
}
