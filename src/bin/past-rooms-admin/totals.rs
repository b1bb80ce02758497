//! The summary of an import, and how far a stopped one came.

use std::path::Path;
use std::time::Duration;

use past_rooms::{Meter, Recorded};
use serde_json::json;

use crate::output::Few;
use crate::work::Summary;
use crate::{Outcome, output};

/// Work of an import on the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Write,
    /// Compares them with the table, and writes nothing.
    Compare,
    /// Checks the files only.
    Read,
}

#[derive(Default)]
pub struct Totals {
    pub rows: u64,
    pub recorded: Recorded,
    /// Rows of sessions that a later row has.
    pub repeated: u64,
    pub rejected: Few,
    /// Sessions that the table had with another `created`.
    pub moved: u64,
    /// Rows of sessions that have expired.
    pub expired: u64,
    /// A part of the input is not imported, or not yet.
    pub incomplete: bool,
}

/// The progress of an import.
#[derive(Default)]
pub struct Reached {
    /// File and line of the last row before which every row is done.
    pub row: Option<String>,
    /// Whether rows after it may be done.
    pub further: bool,
}

impl Reached {
    /// Returns how far the import came and how to go on; `rejects` is the file with the rows rejected so far.
    pub fn text(&self, rejects: Option<&Path>) -> String {
        let done = match (&self.row, self.further) {
            (Some(row), true) => {
                format!("All rows up to {row} are done, and some after it may be.")
            }
            (Some(row), false) => format!("All rows up to {row} are done, and none after it."),
            (None, true) => "Some rows may be imported.".to_owned(),
            (None, false) => "No row was imported.".to_owned(),
        };
        let rejects =
            rejects.map(|path| format!(" The rows rejected so far are in {}.", path.display()));
        format!(
            "The import has stopped. {done} To go on, start the same command again, which is safe: rows in the \
             table are found unchanged, and none is counted twice.{}",
            rejects.unwrap_or_default()
        )
    }
}

impl Totals {
    pub fn summary(&self, time: Duration, meter: &Meter, mode: Mode) -> Summary {
        let Recorded { new, changed, unchanged, .. } = self.recorded;
        let seconds = time.as_secs_f64();
        let written = new + changed + unchanged + self.moved;
        let done = match self.incomplete {
            true => written + self.expired + self.repeated + self.rejected.0,
            false => self.rows,
        };
        let rate = done as f64 / seconds.max(0.001);
        let fields = json!({
            "rows": self.rows, "new": new, "changed": changed, "unchanged": unchanged,
            "moved": self.moved, "expired": self.expired, "repeated": self.repeated,
            "rejected": self.rejected.0, "seconds": seconds, "rows_per_second": rate,
            "dynamodb_requests": meter.requests(), "dynamodb_units": meter.units(),
            "dry_run": mode != Mode::Write,
        });
        let counts = format!("{new} new, {changed} changed, {unchanged} unchanged");
        let written = match mode {
            Mode::Write => counts,
            Mode::Compare => format!("nothing written (dry run); would be {counts}"),
            Mode::Read => "nothing written (dry run)".to_owned(),
        };
        let some = |number: u64, what: &str| match number {
            0 => String::new(),
            number => format!(", {number} {what}"),
        };
        let (moved, expired) = (some(self.moved, "moved"), some(self.expired, "expired"));
        let repeated = some(self.repeated, "repeated (the last row of a session wins)");
        let rows = match self.incomplete {
            true => format!("{done} of {} read", output::count(self.rows, "row")),
            false => output::count(self.rows, "row"),
        };
        let text = format!(
            "{rows} in {seconds:.1} s ({rate:.0}/s): {written}{moved}{expired}{repeated}, {} rejected",
            self.rejected.0
        );
        Summary { fields, text, outcome: Outcome::of(self.incomplete, self.rejected.0 > 0) }
    }
}
