//! Reasons for an import to stop before its end.

use std::error::Error;
use std::path::Path;

use serde_json::json;

use crate::stop::Reason;
use crate::{Outcome, advice, output};

/// Why an import stopped.
pub enum Failure {
    Interrupted,
    Error(Box<dyn Error>),
}

impl Failure {
    /// Reports why the import stopped.
    pub fn report(&self, table: &str) -> Outcome {
        match self {
            Failure::Interrupted => {
                output::problem("error", json!({"error": "interrupted"}), "interrupted");
                Outcome::Interrupted
            }
            Failure::Error(error) => {
                let advice = advice::on(&**error, table);
                output::error(&error.to_string(), advice.as_deref(), None);
                Outcome::Incomplete
            }
        }
    }
}

impl From<String> for Failure {
    fn from(error: String) -> Self {
        Failure::Error(error.into())
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Interrupted => Failure::Interrupted,
            Reason::Outage(error) => Failure::Error(error.into()),
        }
    }
}

/// How far a stopped import came.
#[derive(Default)]
pub struct Reached {
    /// File and line of the last row before which every row is done.
    pub row: Option<String>,
    /// Whether rows after it may be done.
    pub further: bool,
}

impl Reached {
    /// Returns how far the import came and how to go on; `rejects` is the file with the rows rejected so far.
    pub fn report(&self, rejects: Option<&Path>) -> String {
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
            "The import has stopped. {done} To go on, start the same command again, which is safe: rows \
             in the table are found unchanged, and none is counted twice.{}",
            rejects.unwrap_or_default()
        )
    }
}
