//! `past-rooms-admin import`.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::tz::TimeZone;
use past_rooms::{Meter, PastRooms, Recorded, Session};
use serde_json::json;

use crate::Outcome;
use crate::rows::{self, Format, Line};

/// Rows that are read before they are written: enough that the rooms among them share their transactions.
const ROWS_AT_ONCE: usize = 5_000;

/// Rejected rows that are reported on the terminal; all are counted and written to `--rejects`.
const REPORTED_REJECTS: u64 = 20;

/// Bring past sessions in from files.
///
/// Columns are found by the names in the first line (or by the keys of the JSON objects), either the API's (room_id,
/// room_sid, room_title, joined_participants, webhook_url, created, ended, analytics_file_id) or plugNmeet's own
/// (roomId, sid, file_id). room_id, room_sid and created are required; other columns are ignored.
///
/// Importing the same rows again changes nothing, so an import that was interrupted is simply started again.
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

    /// Write rejected rows here as JSON Lines, with the reason; once mended, the file can be imported
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,

    /// Read and check the files, and write nothing to the table
    #[arg(long)]
    dry_run: bool,
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
    let mut import = Import {
        past_rooms: past_rooms.metered(&meter),
        arguments,
        rejects: match &arguments.rejects {
            Some(path) => {
                Some(BufWriter::new(File::create(path).map_err(|error| named(path, &error))?))
            }
            None => None,
        },
        progress: progress(&arguments.files)?,
        recorded: Recorded::default(),
        rows: 0,
        rejected: 0,
        meter,
    };
    for path in &arguments.files {
        import.file(path).await?;
    }
    if let Some(rejects) = &mut import.rejects {
        rejects.flush()?;
    }
    import.progress.finish_and_clear();
    import.print_summary(start.elapsed().as_secs_f64(), json);
    Ok(if import.rejected == 0 { Outcome::Success } else { Outcome::Differences })
}

/// An error with the file's name in front.
fn named(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

/// A bar over the files' bytes; hidden where nobody looks.
fn progress(files: &[PathBuf]) -> Result<ProgressBar, Box<dyn Error>> {
    let bytes = files
        .iter()
        .map(|path| std::fs::metadata(path).map(|file| file.len()))
        .sum::<io::Result<u64>>();
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    Ok(match bytes {
        Ok(bytes) => ProgressBar::with_draw_target(Some(bytes), target)
            .with_style(ProgressStyle::with_template("{bar:30} {percent}%  {msg}  {eta} left")?),
        Err(_) => ProgressBar::with_draw_target(None, target)
            .with_style(ProgressStyle::with_template("{spinner} {msg}")?),
    })
}

struct Import<'a> {
    past_rooms: PastRooms,
    arguments: &'a Arguments,
    rejects: Option<BufWriter<File>>,
    progress: ProgressBar,
    recorded: Recorded,
    rows: u64,
    rejected: u64,
    meter: Arc<Meter>,
}

impl Import<'_> {
    async fn file(&mut self, path: &Path) -> Result<(), Box<dyn Error>> {
        let name = path.to_string_lossy();
        let format = self.arguments.format.or_else(|| Format::of_file(&name)).ok_or_else(|| {
            format!("{name}: the name does not tell the format: say --format csv, tsv or jsonl")
        })?;
        let input: Box<dyn Read> = if name == "-" {
            Box::new(io::stdin().lock())
        } else {
            Box::new(File::open(path).map_err(|error| named(path, &error))?)
        };
        let progress = self.progress.clone();
        let lines =
            rows::read(progress.wrap_read(input), format).map_err(|error| named(path, &error))?;
        let mut sessions = Vec::with_capacity(ROWS_AT_ONCE);
        for line in lines {
            self.rows += 1;
            sessions.extend(self.session(&name, line)?);
            if sessions.len() == ROWS_AT_ONCE {
                self.write(&mut sessions).await?;
            }
        }
        self.write(&mut sessions).await
    }

    /// The session of a line; a line without one is rejected.
    fn session(&mut self, file: &str, line: Line) -> io::Result<Option<Session>> {
        let (row, reason) = match line.row {
            Ok(row) => match rows::session(&row, &self.arguments.time_zone) {
                Ok(session) => return Ok(Some(session)),
                Err(reason) => (row, reason),
            },
            Err(reason) => (rows::Row::new(), reason),
        };
        self.rejected += 1;
        if self.rejected <= REPORTED_REJECTS {
            let number = line.number;
            self.progress.suspend(|| eprintln!("{file}:{number}: {reason}"));
        } else if self.rejected == REPORTED_REJECTS + 1 {
            self.progress
                .suspend(|| eprintln!("more rows are rejected; --rejects FILE has them all"));
        }
        if let Some(rejects) = &mut self.rejects {
            let mut reject = json!({"rejected_file": file, "rejected_line": line.number, "rejected_reason": reason});
            if let Some(reject) = reject.as_object_mut() {
                reject.extend(row.into_iter().map(|(name, value)| (name, value.into())));
            }
            writeln!(rejects, "{reject}")?;
        }
        Ok(None)
    }

    async fn write(&mut self, sessions: &mut Vec<Session>) -> Result<(), Box<dyn Error>> {
        if !self.arguments.dry_run {
            self.recorded += self.past_rooms.record(sessions).await?;
        }
        sessions.clear();
        let rate = self.rows as f64 / self.progress.elapsed().as_secs_f64().max(0.001);
        self.progress.set_message(format!("{} rows, {rate:.0}/s", self.rows));
        Ok(())
    }

    fn print_summary(&self, seconds: f64, json: bool) {
        let Recorded { new, changed, unchanged, .. } = self.recorded;
        let rate = self.rows as f64 / seconds.max(0.001);
        if json {
            println!(
                "{}",
                json!({
                    "rows": self.rows, "new": new, "changed": changed, "unchanged": unchanged,
                    "rejected": self.rejected, "seconds": seconds, "rows_per_second": rate,
                    "dynamodb_requests": self.meter.requests(), "dynamodb_units": self.meter.units(),
                    "dry_run": self.arguments.dry_run,
                })
            );
            return;
        }
        let written = if self.arguments.dry_run {
            "nothing written (dry run)".to_owned()
        } else {
            format!("{new} new, {changed} changed, {unchanged} unchanged")
        };
        println!(
            "{} rows in {seconds:.1} s ({rate:.0}/s): {written}, {} rejected",
            self.rows, self.rejected
        );
    }
}
