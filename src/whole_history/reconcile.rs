//! Bringing the [history table](crate::table::history) into agreement with the table: the first build,
//! and repair.

use crate::record::WriteError;
use crate::table::Table;
use crate::table::keys::RowKey;
use crate::whole_history::project::{self, Cause, Mode, Projected};
use crate::whole_history::projected_row;

/// Brings the history table into agreement with the table, step by step, while others write.
#[derive(Debug)]
pub struct Reconciliation {
    table: Table,
    history: Table,
    mode: Mode,
    step: Step,
    unfinished: Projected,
}

/// The place at which a reconciliation continues.
#[derive(Debug, Clone)]
enum Step {
    /// Behind this key of the table: sessions that are missing or different.
    Table(Option<RowKey>),
    /// Behind this key of the history table: rows without a session.
    History(Option<RowKey>),
    End,
}

/// The outcome of one step of a [`Reconciliation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// Sessions of the table that it read.
    pub sessions: u64,
    /// Rows that it read, of the table or of the history table.
    pub rows: u64,
    /// The differences.
    pub differences: Projected,
}

impl Reconciliation {
    pub(crate) fn new(table: &Table, history: &Table, mode: Mode) -> Self {
        Reconciliation {
            table: table.clone(),
            history: history.clone(),
            mode,
            step: Step::Table(None),
            unfinished: Projected::default(),
        }
    }

    /// Reconciles some hundred rows. `None`: it is finished, and the history table is complete.
    ///
    /// # Errors
    /// [`WriteError`] if DynamoDB fails. The next call repeats the step.
    pub async fn next(&mut self) -> Result<Option<Reconciled>, WriteError> {
        let (scanned, after) = match self.step.clone() {
            Step::Table(after) => (&self.table, after),
            Step::History(after) => (&self.history, after),
            Step::End => return Ok(None),
        };
        let is_table = matches!(self.step, Step::Table(_));
        let (keys, next) = if is_table {
            project::scan(scanned, after).await?
        } else {
            project::scan_sources(scanned, after).await?
        };
        let keys: Vec<RowKey> =
            keys.into_iter().filter(|key| projected_row::key(key).is_some()).collect();
        let rows = keys.len() as u64;
        let cause = Cause::Reconciliation(self.mode);
        self.unfinished = Projected::default();
        let projected = &mut self.unfinished;
        project::project_into(projected, &self.table, &self.history, keys, cause).await?;
        let mut differences = std::mem::take(projected);
        if !is_table && self.mode == Mode::Check {
            // The step over the table has counted the other differences.
            differences = Projected { deleted: differences.deleted, ..Projected::default() };
        }
        self.step = match (is_table, next) {
            (true, Some(next)) => Step::Table(Some(next)),
            (true, None) => Step::History(None),
            (false, Some(next)) => Step::History(Some(next)),
            (false, None) => Step::End,
        };
        if matches!(self.step, Step::End) && self.mode == Mode::Write {
            project::write_state(&self.history, None).await?;
        }
        let sessions = if is_table { rows } else { 0 };
        Ok(Some(Reconciled { sessions, rows, differences }))
    }

    /// Returns whether the next step looks for rows of the history table without a session.
    pub fn is_at_history(&self) -> bool {
        matches!(self.step, Step::History(_))
    }

    /// Returns the differences that the last step has written or found, if it failed.
    pub fn unfinished(&self) -> Projected {
        self.unfinished
    }
}
