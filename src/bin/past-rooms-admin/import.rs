//! `past-rooms-admin import`.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use indicatif::ProgressBar;
use jiff::tz::TimeZone;
use past_rooms::{Meter, PastRooms, Session};

use crate::duplicates::{Duplicates, Verdict};
use crate::files::{self, Format, Line, Lines, Row};
use crate::rejects::{Reject, Rejects};
use crate::row::{ImportedRow, item_bytes};
use crate::totals::Totals;
use crate::{Outcome, advice, output};

/// Rows that are read before they are written: enough that the rooms among them share their
/// transactions.
const ROWS_AT_ONCE: usize = 5_000;

/// Bytes of rows that are read before they are written, whichever is reached first.
const BYTES_AT_ONCE: usize = 16 << 20;

/// Rejected rows that are reported on the terminal; all are counted and written to `--rejects`.
const REPORTED_REJECTS: u64 = 20;

/// Bring past sessions in from files.
///
/// Columns are found by the names in the first line (or by the keys of the JSON objects), either
/// the API's (room_id, room_sid, room_title, joined_participants, webhook_url, created, ended,
/// analytics_file_id) or plugNmeet's own (roomId, sid, file_id). room_id, room_sid and created are
/// required; other columns are ignored.
///
/// Importing the same rows again changes nothing, so an import that was interrupted is simply
/// started again. A session that is in the input twice with different values is rejected where it
/// comes the second time.
#[derive(clap::Args)]
pub struct Arguments {
    /// Files to import; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The files' format, if their names do not tell (.csv, .tsv, .jsonl)
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// The time zone of MySQL datetimes, for example Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = time_zone)]
    time_zone: TimeZone,

    /// Write rejected rows here as JSON Lines, with the reason; once mended, the file can be
    /// imported. It is replaced at the end of an import, not before
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,

    /// Read and check the files, and write nothing to the table
    #[arg(long)]
    dry_run: bool,
}

impl Arguments {
    pub fn needs_table(&self) -> bool {
        !self.dry_run
    }
}

fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name)
        .map_err(|_| "expected a time zone's name, such as UTC or Europe/Berlin".to_owned())
}

pub async fn run(
    past_rooms: &PastRooms,
    arguments: &Arguments,
    json: bool,
) -> Result<Outcome, Box<dyn Error>> {
    let start = Instant::now();
    let meter = Arc::new(Meter::default());
    let rejects = arguments.rejects.as_deref();
    let rejects = rejects.map(|path| Rejects::create(path, &arguments.files)).transpose()?;
    let mut import = Import {
        past_rooms: past_rooms.metered(&meter),
        arguments,
        rejects,
        duplicates: Duplicates::new(),
        progress: output::progress(&arguments.files)?,
        totals: Totals::default(),
        imported_to: None,
        meter,
    };
    let mut stopped = false;
    for path in &arguments.files {
        match import.file(path).await {
            Ok(()) => continue,
            Err(Failure::File(reason)) => {
                import.say(&format!("error: {}: {reason}", path.display()));
            }
            Err(Failure::Stop(error)) => {
                import.report_stop(&error.to_string());
                stopped = true;
            }
        }
        import.totals.incomplete = true;
        if stopped {
            break;
        }
    }
    import.progress.finish_and_clear();
    let finished = match import.rejects.take() {
        Some(rejects) if !stopped => rejects.finish(),
        _ => Ok(()),
    };
    import.totals.print(start.elapsed(), &import.meter, arguments.dry_run, json);
    finished.map_err(|error| format!("the rejected rows could not be written: {error}"))?;
    Ok(import.totals.outcome())
}

/// Why a file was not imported to its end.
enum Failure {
    /// The file cannot be read on; the next one may be.
    File(String),
    /// Nothing can be written any more.
    Stop(Box<dyn Error>),
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Stop(error.into())
    }
}

struct Import<'a> {
    past_rooms: PastRooms,
    arguments: &'a Arguments,
    rejects: Option<Rejects>,
    duplicates: Duplicates,
    progress: ProgressBar,
    totals: Totals,
    /// The last row, as file and line, of those that are all imported.
    imported_to: Option<String>,
    meter: Arc<Meter>,
}

impl Import<'_> {
    async fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let name = path.to_string_lossy();
        let lines = self.open(path, &name).map_err(Failure::File)?;
        self.duplicates.start_file(&name);
        let rows_before = self.totals.rows;
        let mut last_line = 0;
        let mut broken = None;
        let mut sessions = Vec::with_capacity(ROWS_AT_ONCE);
        let mut bytes = 0;
        for line in lines {
            let line = match line {
                Ok(line) => line,
                Err(error) => {
                    broken = Some(Failure::File(error.to_string()));
                    break;
                }
            };
            self.totals.rows += 1;
            last_line = line.number;
            let Some(session) = self.session(&name, line)? else {
                continue;
            };
            bytes += item_bytes(&session);
            sessions.push(session);
            if sessions.len() == ROWS_AT_ONCE || bytes >= BYTES_AT_ONCE {
                self.write(&mut sessions).await?;
                bytes = 0;
                self.imported_to = Some(format!("{name}:{last_line}"));
            }
        }
        self.write(&mut sessions).await?;
        if self.totals.rows > rows_before {
            self.imported_to = Some(format!("{name}:{last_line}"));
        } else if broken.is_none() {
            self.say(&format!("{name} has no rows"));
        }
        broken.map_or(Ok(()), Err)
    }

    fn open(&self, path: &Path, name: &str) -> Result<Lines<'static>, String> {
        let format = self
            .arguments
            .format
            .or_else(|| Format::of_file(name))
            .ok_or("the name does not tell the format: say --format csv, tsv or jsonl")?;
        let input: Box<dyn Read> = if name == "-" {
            Box::new(io::stdin().lock())
        } else {
            Box::new(File::open(path).map_err(|error| error.to_string())?)
        };
        let input = self.progress.wrap_read(input);
        files::read(input, format).map_err(|error| error.to_string())
    }

    /// The session of a line, if it is one that has to be written. A line that is none is rejected.
    fn session(&mut self, file: &str, line: Line) -> io::Result<Option<Session>> {
        let number = line.number;
        let (reason, reject) = match line.row {
            Ok(row) => match self.accept(&row, number) {
                Ok(accepted) => return Ok(accepted.map(|row| row.session)),
                Err(reason) => (reason, Reject::from(row)),
            },
            Err(unreadable) => (unreadable.reason.clone(), Reject::from(unreadable)),
        };
        self.totals.rejected += 1;
        if self.totals.rejected <= REPORTED_REJECTS {
            self.say(&format!("{file}:{number}: {reason}"));
        } else if self.totals.rejected == REPORTED_REJECTS + 1 {
            self.say("more rows are rejected; --rejects FILE has them all");
        }
        if let Some(rejects) = &mut self.rejects {
            rejects.add(file, number, &reason, reject)?;
        }
        Ok(None)
    }

    /// `Ok(None)`: it has been there already.
    fn accept(&mut self, row: &Row, line: u64) -> Result<Option<ImportedRow>, String> {
        let row = ImportedRow::read(row, &self.arguments.time_zone)?;
        let verdict = self.duplicates.look_up(&row, line);
        match verdict.map_err(|error| error.to_string())? {
            Verdict::First => Ok(Some(row)),
            Verdict::Repeated => {
                self.totals.repeated += 1;
                Ok(None)
            }
            Verdict::Differs { file, line } => Err(format!(
                "{file}:{line} has the same session with other values; keep one of the two, or \
                 import this one afterwards"
            )),
        }
    }

    async fn write(&mut self, sessions: &mut Vec<Session>) -> Result<(), Failure> {
        if !self.arguments.dry_run {
            self.totals.recorded += self.past_rooms.record(sessions).await?;
        }
        sessions.clear();
        let rate = self.totals.rows as f64 / self.progress.elapsed().as_secs_f64().max(0.001);
        self.progress.set_message(format!("{} rows, {rate:.0}/s", self.totals.rows));
        Ok(())
    }

    /// Tells the user something, above the progress bar.
    fn say(&self, text: &str) {
        self.progress.suspend(|| output::note(text));
    }

    /// Says why the import has stopped, how far it came, and how to go on.
    fn report_stop(&self, error: &str) {
        self.say(&format!("error: {error}"));
        if let Some(advice) = advice::on(error, self.past_rooms.table().name()) {
            self.say(&advice);
        }
        let done = match &self.imported_to {
            Some(row) => format!("All rows up to {row} are done, and some after it may be."),
            None => "A part of its first rows may be imported.".to_owned(),
        };
        let rejects = match self.arguments.rejects {
            Some(_) => " The file of rejects is as it was before.",
            None => "",
        };
        self.say(&format!(
            "The import has stopped. {done} To go on, start the same command again: rows that are in \
             the table are found unchanged, none is counted twice.{rejects}"
        ));
    }
}
