//! `past-rooms-admin import`.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::ProgressBar;
use jiff::Timestamp;
use past_rooms::table::rows::retention::Retention;
use past_rooms::{Importer, Meter, PastRooms, Stopped};

use crate::chunk::{Chunk, Rejected};
use crate::duplicates::{Duplicates, Verdict};
use crate::failure::{Failure, bytes, how_to_go_on};
use crate::files::{self, Line, Row};
use crate::rejects::{Reject, Rejects};
use crate::row::{ImportedRow, NAMED_COLUMNS};
use crate::stop::{Reason, Stop};
use crate::totals::Totals;
use crate::{Outcome, advice, output, progress};

pub use crate::options::Arguments;

/// Rejected rows that are reported on the terminal; all are counted and written to `--rejects`.
const REPORTED_REJECTS: u64 = 20;

pub async fn run(
    past_rooms: &PastRooms,
    arguments: &Arguments,
    stop: &Stop,
    json: bool,
) -> Result<Outcome, Box<dyn Error>> {
    let start = Instant::now();
    let meter = Arc::new(Meter::default());
    let rejects = arguments.rejects.as_deref();
    let rejects = rejects.map(|path| Rejects::create(path, &arguments.files)).transpose()?;
    let done = Arc::new(AtomicU64::new(0));
    let retention_days = arguments.retention_days()?;
    let history = past_rooms.metered(&meter).with_retention_days(retention_days);
    let mut import = Import {
        table: past_rooms.table().name().to_owned(),
        importer: arguments.importer(&history, stop.patience()).counting(&done),
        stop,
        done,
        retention: Retention::days(retention_days),
        now: Timestamp::now().as_second(),
        arguments,
        rejects,
        duplicates: Duplicates::new(),
        read: ProgressBar::hidden(),
        bytes: bytes(&arguments.files),
        shown_to: 0,
        totals: Totals::default(),
        imported_to: None,
        impossible_ends: 0,
        ignored: BTreeSet::new(),
        unnamed: Vec::new(),
        meter,
    };
    let mut stopped = None;
    progress::begin("rows done", None);
    for path in &arguments.files {
        match import.file(path).await {
            Ok(()) => continue,
            Err(Failure::File(reason)) => {
                output::note(format_args!("error: {}: {reason}", path.display()));
            }
            Err(Failure::Stop(error)) => {
                import.report_stop(&format!("error: {error}"), Some(&error.to_string()));
                stopped = Some(Outcome::Incomplete);
            }
            Err(Failure::Interrupted(Reason::Outage(cause))) => {
                import.report_stop(&format!("error: {cause}"), Some(&cause));
                stopped = Some(Outcome::Incomplete);
            }
            Err(Failure::Interrupted(Reason::Interrupted)) => {
                import.report_stop("interrupted", None);
                stopped = Some(Outcome::Interrupted);
            }
        }
        import.totals.incomplete = true;
        if stopped.is_some() {
            break;
        }
    }
    progress::end();
    let finished = match import.rejects.take() {
        Some(rejects) if stopped.is_none() => rejects.finish(),
        _ => Ok(()),
    };
    import.totals.print(start.elapsed(), &import.meter, arguments.mode(), json);
    finished.map_err(|error| format!("the rejected rows could not be written: {error}"))?;
    Ok(stopped.unwrap_or_else(|| import.totals.outcome()))
}

struct Import<'a> {
    table: String,
    importer: Importer,
    retention: Retention,
    /// UNIX seconds.
    now: i64,
    arguments: &'a Arguments,
    rejects: Option<Rejects>,
    duplicates: Duplicates,
    stop: &'a Stop,
    /// Rows that are done.
    done: Arc<AtomicU64>,
    /// Counts the bytes that were read; it is never shown.
    read: ProgressBar,
    /// Bytes of all files.
    bytes: Option<u64>,
    /// Bytes of the rows before those that are written now.
    shown_to: u64,
    totals: Totals,
    /// The last row, as file and line, of those that are all imported.
    imported_to: Option<String>,
    /// Rows whose end is before their beginning.
    impossible_ends: u64,
    /// Columns that no import reads.
    ignored: BTreeSet<String>,
    /// Those of them that the user has not been told yet.
    unnamed: Vec<String>,
    meter: Arc<Meter>,
}

impl Import<'_> {
    async fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let name = path.to_string_lossy();
        let lines = files::open(path, self.arguments.format, &self.read).map_err(Failure::File)?;
        self.duplicates.start_file(&name);
        let rows_before = self.totals.rows;
        let mut broken = None;
        let mut chunk = Chunk::default();
        for line in lines {
            let line = match line {
                Ok(line) => line,
                Err(error) => {
                    broken = Some(Failure::File(error.to_string()));
                    break;
                }
            };
            if let Some(reason) = self.stop.reason() {
                return Err(Failure::Interrupted(reason));
            }
            self.totals.rows += 1;
            self.take(&name, &mut chunk, line);
            if chunk.is_full() {
                self.write(&name, std::mem::take(&mut chunk)).await?;
            }
        }
        self.write(&name, chunk).await?;
        if self.totals.rows == rows_before && broken.is_none() {
            output::note(format_args!("{name} has no rows"));
        }
        broken.map_or(Ok(()), Err)
    }

    /// Takes a line in: as a session that has to be written, or as one that is rejected.
    fn take(&mut self, file: &str, chunk: &mut Chunk, line: Line) {
        let number = line.number;
        match line.row {
            Ok(row) => {
                self.note_ignored(&row);
                match self.accept(&row, number) {
                    Ok(None) => {}
                    Ok(Some(accepted)) => {
                        if accepted.session.ended.is_some_and(|end| end < accepted.session.created)
                        {
                            self.warn_of_end(file, number);
                        }
                        let kept = self.rejects.is_some().then(|| Reject::kept(&row));
                        chunk.add(accepted, number, kept);
                    }
                    Err(reason) => chunk.reject(number, reason, Reject::from(row)),
                }
            }
            Err(unreadable) => {
                chunk.reject(number, unreadable.reason.clone(), Reject::from(unreadable));
            }
        }
    }

    /// Warns of a session whose end is before its beginning. It is imported as the file has it.
    fn warn_of_end(&mut self, file: &str, line: u64) {
        self.impossible_ends += 1;
        if self.impossible_ends <= REPORTED_REJECTS {
            output::note(format_args!(
                "warning: {file}:{line}: ended is before created; check --time-zone"
            ));
        } else if self.impossible_ends == REPORTED_REJECTS + 1 {
            output::note("warning: more rows have an ended before created");
        }
    }

    /// Remembers a row's columns that no import reads.
    fn note_ignored(&mut self, row: &Row) {
        for name in ImportedRow::ignored(row) {
            if self.ignored.len() < NAMED_COLUMNS && self.ignored.insert(name.clone()) {
                self.unnamed.push(name.clone());
            }
        }
    }

    fn reject(&mut self, file: &str, rejected: Rejected) -> io::Result<()> {
        let Rejected { line, reason, row } = rejected;
        self.totals.rejected += 1;
        if self.totals.rejected <= REPORTED_REJECTS {
            output::note(format_args!("{file}:{line}: {reason}"));
        } else if self.totals.rejected == REPORTED_REJECTS + 1 {
            output::note("more rows are rejected; --rejects FILE has them all");
        }
        match &mut self.rejects {
            Some(rejects) => rejects.add(file, line, &reason, row),
            None => Ok(()),
        }
    }

    /// `Ok(None)`: it has been there already, or is not kept any more.
    fn accept(&mut self, row: &Row, line: u64) -> Result<Option<ImportedRow>, String> {
        let row = ImportedRow::read(row, &self.arguments.time_zone)?;
        let verdict = self.duplicates.look_up(&row, line);
        match verdict.map_err(|error| error.to_string())? {
            Verdict::First if self.has_expired(&row) => {
                self.totals.expired += 1;
                Ok(None)
            }
            Verdict::First => Ok(Some(row)),
            Verdict::Repeated => {
                self.totals.repeated += 1;
                Ok(None)
            }
            Verdict::Differs { file, line } => Err(format!(
                "{file}:{line} has the same session with other values; keep one of the two, or \
                 import this one afterwards (with --move, if its created is another)"
            )),
        }
    }

    /// Whether DynamoDB would delete the session as soon as it is there.
    fn has_expired(&self, row: &ImportedRow) -> bool {
        let ImportedRow { session, marks, .. } = row;
        let expires = self.retention.expires(session.ended.unwrap_or(session.created));
        expires.or(marks.expires()).is_some_and(|expires| expires <= self.now)
    }

    async fn write(&mut self, file: &str, mut chunk: Chunk) -> Result<(), Failure> {
        if !self.unnamed.is_empty() {
            output::note(format_args!("{file}: columns ignored: {}", self.unnamed.join(", ")));
            self.unnamed.clear();
        }
        let entries = if self.arguments.needs_table() { &*chunk.entries } else { &[] };
        let (before, read) = (self.done.load(Ordering::Relaxed), self.read.position());
        let (all, number) = (self.bytes, entries.len().max(1) as f64);
        let show = || {
            let done = self.done.load(Ordering::Relaxed);
            let part = (done - before) as f64 / number;
            let bytes = self.shown_to as f64 + part * (read - self.shown_to) as f64;
            progress::set(done, all.map(|all| (bytes / all as f64).min(1.0)));
        };
        let mut reason = None;
        let stop = async { reason = Some(self.stop.wait(show).await) };
        let outcome = self.importer.write_until(entries, stop).await;
        self.shown_to = read;
        let (written, certain, stopped) = match outcome {
            Ok(written) => (written, chunk.entries.len(), None),
            Err(Stopped { error, written, certain, .. }) => (written, certain, Some(error)),
        };
        self.totals.recorded += written.recorded;
        self.totals.moved += written.moved;
        for misplaced in &written.misplaced {
            chunk.misplace(misplaced);
        }
        for rejected in chunk.take_rejected() {
            self.reject(file, rejected)?;
        }
        if let Some(line) = chunk.line(certain) {
            self.imported_to = Some(format!("{file}:{line}"));
        }
        if let Some(reason) = reason {
            return Err(Failure::Interrupted(reason));
        }
        stopped.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Says why the import has stopped, how far it came, and how to go on.
    fn report_stop(&self, why: &str, error: Option<&str>) {
        output::note(why);
        if let Some(advice) = error.and_then(|error| advice::on(error, &self.table)) {
            output::note(&advice);
        }
        let keeps_rejects = self.arguments.rejects.is_some();
        output::note(how_to_go_on(self.imported_to.as_deref(), keeps_rejects));
    }
}
