//! The summary of an import.

use std::time::Duration;

use past_rooms::{Meter, Recorded};
use serde_json::json;

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
    pub rejected: u64,
    /// Sessions that the table had with another `created`.
    pub moved: u64,
    /// Rows of sessions that have expired.
    pub expired: u64,
    /// A part of the input has not been imported.
    pub incomplete: bool,
}

impl Totals {
    pub fn outcome(&self) -> Outcome {
        match (self.incomplete, self.rejected) {
            (true, _) => Outcome::Incomplete,
            (false, 0) => Outcome::Success,
            (false, _) => Outcome::Differences,
        }
    }

    pub fn print(&self, time: Duration, meter: &Meter, mode: Mode) {
        let Recorded { new, changed, unchanged, .. } = self.recorded;
        let seconds = time.as_secs_f64();
        let written = new + changed + unchanged + self.moved;
        let done = match self.incomplete {
            true => written + self.expired + self.repeated + self.rejected,
            false => self.rows,
        };
        let rate = done as f64 / seconds.max(0.001);
        let fields = json!({
            "rows": self.rows, "new": new, "changed": changed, "unchanged": unchanged,
            "moved": self.moved, "expired": self.expired, "repeated": self.repeated,
            "rejected": self.rejected, "complete": !self.incomplete, "seconds": seconds,
            "rows_per_second": rate, "dynamodb_requests": meter.requests(),
            "dynamodb_units": meter.units(), "dry_run": mode != Mode::Write,
        });
        let counts = format!("{new} new, {changed} changed, {unchanged} unchanged");
        let written = match mode {
            Mode::Write => counts,
            Mode::Compare => format!("nothing written (dry run); would be {counts}"),
            Mode::Read => "nothing written (dry run)".to_owned(),
        };
        let incomplete = if self.incomplete { "; incomplete, see the errors" } else { "" };
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
            "{rows} in {seconds:.1} s ({rate:.0}/s): {written}{moved}{expired}{repeated}, {} rejected{incomplete}",
            self.rejected
        );
        output::summary(fields, text);
    }
}
