//! `past-rooms-admin import`.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use past_rooms::table::rows::retention::Retention;
use past_rooms::{Importer, Meter, PastRooms, Session, Stopped};
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::chunk::{Chunk, Rejected};
use crate::files::{Line, Lines, Row};
use crate::input::{Input, LastRows};
use crate::output::Few;
use crate::rejects::{Reject, Rejects};
use crate::row::{ImportedRow, NAMED_COLUMNS};
use crate::stop::{Reason, Stop};
use crate::totals::{Reached, Totals};
use crate::work::{Summary, Work};
use crate::{output, progress};

pub use crate::options::Arguments;

pub struct Import<'a> {
    importer: Importer,
    retention: Retention,
    start: Instant,
    meter: Arc<Meter>,
    /// UNIX seconds.
    now: i64,
    arguments: &'a Arguments,
    rejects: Option<Rejects>,
    last_rows: LastRows,
    stop: &'a Stop,
    /// Rows that are done.
    done: Arc<AtomicU64>,
    totals: Totals,
    reached: Reached,
    /// Whether an input could not be read.
    is_unreadable: bool,
    /// Rows whose end is before their beginning.
    impossible_ends: Few,
    /// Columns that no import reads.
    ignored: BTreeSet<String>,
    /// Those of them that the user has not been told yet.
    unnamed: Vec<String>,
}

impl<'a> Import<'a> {
    /// Prepares an import.
    ///
    /// # Errors
    /// If the file of rejects cannot be created, or `RETENTION_DAYS` is not a number.
    pub fn new(
        past_rooms: &PastRooms,
        arguments: &'a Arguments,
        stop: &'a Stop,
    ) -> Result<Self, Box<dyn Error>> {
        let meter = Arc::new(Meter::default());
        let rejects = arguments.rejects.as_deref();
        let rejects = rejects.map(|path| Rejects::create(path, &arguments.files)).transpose()?;
        let done = Arc::new(AtomicU64::new(0));
        let retention_days = arguments.retention_days()?;
        let history = past_rooms.metered(&meter).with_retention_days(retention_days);
        Ok(Import {
            importer: arguments.importer(&history, stop.patience()).counting(&done),
            retention: Retention::days(retention_days),
            start: Instant::now(),
            meter,
            now: Timestamp::now().as_second(),
            arguments,
            rejects,
            last_rows: LastRows::default(),
            stop,
            done,
            totals: Totals { incomplete: true, ..Totals::default() },
            reached: Reached::default(),
            is_unreadable: false,
            impossible_ends: Few::default(),
            ignored: BTreeSet::new(),
            unnamed: Vec::new(),
        })
    }
}

impl Work for Import<'_> {
    async fn run(&mut self, _: &Stop) -> Result<(), Box<dyn Error>> {
        let (files, format) = (self.arguments.files.clone(), self.arguments.format);
        let open = move || files.iter().map(|path| Input::new(path, format)).collect();
        let inputs: Vec<Input> = spawn_blocking(open).await?;
        self.all(&inputs).await?;
        self.totals.incomplete = self.is_unreadable;
        Ok(self.rejects.take().map_or(Ok(()), Rejects::finish)?)
    }

    fn summary(&self) -> Summary {
        self.totals.summary(self.start.elapsed(), &self.meter, self.arguments.mode())
    }

    fn reached(&mut self, _: &str) -> String {
        self.reached.text(self.rejects.take().and_then(Rejects::keep).as_deref())
    }
}

impl Import<'_> {
    async fn all(&mut self, inputs: &[Input]) -> Result<(), Box<dyn Error>> {
        let rows = self.look_ahead(inputs)?;
        progress::begin("rows done", Some(rows));
        for input in inputs {
            self.file(input).await?;
        }
        if self.totals.rows != rows {
            return Err("the files have changed while they were read".into());
        }
        Ok(())
    }

    /// Notes the last row of each session, and returns the number of rows. What is wrong with the inputs is
    /// reported when they are imported.
    fn look_ahead(&mut self, inputs: &[Input]) -> Result<u64, Reason> {
        progress::begin("rows read", None);
        let mut rows = 0;
        for lines in inputs.iter().filter_map(|input| input.lines().ok()) {
            for line in lines.map_while(Result::ok) {
                self.stop.check()?;
                rows += 1;
                progress::add(1);
                let row = line.row.ok();
                let row = row.map(|row| ImportedRow::read(&row, &self.arguments.time_zone));
                if let Some(Ok(row)) = row {
                    self.last_rows.note(&row.session, rows);
                }
            }
        }
        Ok(rows)
    }

    async fn file(&mut self, input: &Input) -> Result<(), Box<dyn Error>> {
        let name = &*input.name;
        let rows_before = self.totals.rows;
        let mut chunk = Chunk::default();
        let outcome = match input.lines() {
            Ok(lines) => self.lines(name, lines, &mut chunk).await?,
            Err(reason) => Err(reason),
        };
        self.write(name, chunk).await?;
        if let Err(reason) = outcome {
            self.is_unreadable = true;
            output::error(&reason, None, None, Some(("file", name)));
        } else if self.totals.rows == rows_before {
            output::warning(json!({"file": name}), format_args!("{name} has no rows"));
        }
        Ok(())
    }

    /// Imports the lines of a file but those that are left in `chunk`. Returns an error of the file as a text.
    async fn lines(
        &mut self,
        file: &str,
        lines: Lines<'_>,
        chunk: &mut Chunk,
    ) -> Result<Result<(), String>, Box<dyn Error>> {
        for line in lines {
            let line = match line {
                Ok(line) => line,
                Err(error) => return Ok(Err(error.to_string())),
            };
            self.stop.check()?;
            self.totals.rows += 1;
            let bytes = line.bytes;
            self.take(file, chunk, line);
            if chunk.is_full_after(bytes) {
                self.write(file, std::mem::take(chunk)).await?;
            }
        }
        Ok(Ok(()))
    }

    /// Adds a line to the chunk, as a session to write or as a rejected row, unless nothing is to be done.
    fn take(&mut self, file: &str, chunk: &mut Chunk, line: Line) {
        let number = line.number;
        let rejected = match line.row {
            Ok(row) => {
                self.note_ignored(&row);
                match ImportedRow::read(&row, &self.arguments.time_zone) {
                    Ok(read) => return self.accept(file, chunk, number, (row, read)),
                    Err(reason) => (reason, Reject::from(row)),
                }
            }
            Err(unreadable) => (unreadable.reason.clone(), Reject::from(unreadable)),
        };
        self.done.fetch_add(1, Ordering::Relaxed);
        chunk.reject(number, rejected.0, rejected.1);
    }

    /// Adds a session to the chunk, unless a later row has it or it has expired.
    fn accept(
        &mut self,
        file: &str,
        chunk: &mut Chunk,
        line: u64,
        (row, read): (Row, ImportedRow),
    ) {
        if self.last_rows.supersede(&read.session, self.totals.rows) {
            self.totals.repeated += 1;
            self.done.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if is_reversed(&read.session) {
            self.warn_of_end(file, line, "ended");
        }
        if self.has_expired(&read) {
            self.totals.expired += 1;
        } else {
            let kept = self.rejects.is_some().then_some(row);
            return chunk.add(read, line, kept);
        }
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Warns of a session whose end is before its beginning. It is imported nevertheless.
    fn warn_of_end(&mut self, file: &str, line: u64, end: &str) {
        let text = format_args!("{file}:{line}: {end} is before created; check --time-zone");
        let report = || output::warning(json!({"file": file, "line": line}), text);
        self.impossible_ends.add(report, "more rows have an ended before created");
    }

    /// Remembers a row's columns that no import reads.
    fn note_ignored(&mut self, row: &Row) {
        for name in ImportedRow::ignored(row) {
            if self.ignored.len() < NAMED_COLUMNS && self.ignored.insert(name.clone()) {
                self.unnamed.push(name.clone());
            }
        }
    }

    fn reject(&mut self, file: &str, rejected: Rejected) -> Result<(), String> {
        let Rejected { line, reason, row } = rejected;
        let fields = json!({"file": file, "line": line, "reason": reason});
        let text = format_args!("{file}:{line}: {reason}");
        let report = || output::problem("rejected", fields, text);
        if let Some(rejects) = &mut self.rejects {
            rejects.add(file, line, &reason, row)?;
        }
        self.totals.rejected.add(report, "more rows are rejected; --rejects FILE has them all");
        Ok(())
    }

    /// Returns whether DynamoDB would delete the session at once.
    fn has_expired(&self, row: &ImportedRow) -> bool {
        let ImportedRow { session, marks, .. } = row;
        let expires = self.retention.expires(session.created, session.ended);
        expires.or(marks.expires()).is_some_and(|expires| expires <= self.now)
    }

    async fn write(&mut self, file: &str, mut chunk: Chunk) -> Result<(), Box<dyn Error>> {
        if !self.unnamed.is_empty() {
            let columns = std::mem::take(&mut self.unnamed);
            let text = format!("{file}: columns ignored: {}", columns.join(", "));
            output::warning(json!({"file": file, "columns": columns}), text);
        }
        let number = chunk.entries.len();
        if !self.arguments.needs_table() {
            self.done.fetch_add(number as u64, Ordering::Relaxed);
            chunk.entries.clear();
        }
        let mut reason = None;
        let show = || progress::set(self.done.load(Ordering::Relaxed));
        let stop = async { reason = Some(self.stop.wait(show).await) };
        let outcome = self.importer.write_until(&chunk.entries, stop).await;
        let (written, certain, stopped) = match outcome {
            Ok(written) => (written, number, None),
            Err(Stopped { error, written, certain, attempted, .. }) => {
                self.reached.further = attempted;
                (written, certain, Some(error))
            }
        };
        self.totals.recorded += written.recorded;
        self.totals.moved += written.moved;
        for index in written.reversed {
            let entry = chunk.entries.get(index);
            // A row with two such times of its own has been reported.
            if let Some(line) = chunk.line(index + 1)
                && entry.is_some_and(|entry| !is_reversed(&entry.session))
            {
                self.warn_of_end(file, line, "the stored ended");
            }
        }
        for misplaced in &written.misplaced {
            chunk.misplace(misplaced);
        }
        if let Some(line) = chunk.line(certain) {
            self.reached.row = Some(format!("{file}:{line}"));
        }
        for rejected in chunk.take_rejected() {
            self.reject(file, rejected)?;
        }
        match (reason, stopped) {
            (Some(reason), _) => Err(reason.into()),
            (None, stopped) => Ok(stopped.map_or(Ok(()), Err)?),
        }
    }
}

/// Returns whether a session's end is before its beginning.
fn is_reversed(session: &Session) -> bool {
    session.ended.is_some_and(|ended| ended < session.created)
}
