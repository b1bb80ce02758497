//! `past-rooms-admin history`.

use std::error::Error;

use past_rooms::lambda::config::HISTORY_TABLE;
use past_rooms::{PastRooms, Projected, ProjectionMode};
use serde_json::json;

use crate::output::count;
use crate::stop::Stop;
use crate::work::{Summary, Work};
use crate::{Outcome, progress};

/// Bring the history table, which lists the sessions of all rooms, into agreement with the table
///
/// Run it once after WholeHistory was switched on for a table that already has sessions, and after events of the
/// stream were lost. It is safe while others write: the function on the stream goes on projecting. If it is
/// interrupted, run it again.
#[derive(clap::Args)]
pub struct Arguments {
    /// Name of the history table (the output HistoryTableName of the stack)
    #[arg(long, value_name = "NAME", env = HISTORY_TABLE, value_parser = crate::name)]
    history_table: String,

    /// Compare the two tables and change nothing
    #[arg(long)]
    check: bool,
}

pub struct History<'a> {
    past_rooms: PastRooms,
    arguments: &'a Arguments,
    sessions: u64,
    differences: Projected,
}

impl<'a> History<'a> {
    pub fn new(past_rooms: &PastRooms, arguments: &'a Arguments) -> Self {
        let past_rooms = past_rooms.with_history(&*arguments.history_table);
        History { past_rooms, arguments, sessions: 0, differences: Projected::default() }
    }
}

impl Work for History<'_> {
    async fn run(&mut self, _: &Stop) -> Result<(), Box<dyn Error>> {
        let mode = if self.arguments.check { ProjectionMode::Check } else { ProjectionMode::Write };
        let mut reconciliation =
            self.past_rooms.reconciliation(mode).ok_or("there is no history table")?;
        progress::begin("sessions compared", None);
        let mut is_at_history = false;
        loop {
            if reconciliation.is_at_history() && !is_at_history {
                is_at_history = true;
                progress::begin("rows of the history table compared", None);
            }
            match reconciliation.next().await {
                Ok(Some(step)) => {
                    self.sessions += step.sessions;
                    self.differences += step.differences;
                    progress::add(step.rows);
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.differences += reconciliation.unfinished();
                    return Err(error.into());
                }
            }
        }
    }

    fn summary(&self) -> Summary {
        let Projected { added, changed, deleted } = self.differences;
        let (sessions, check) = (self.sessions, self.arguments.check);
        let [is_added, is_changed, is_deleted] = match check {
            true => ["missing in the history table", "different", "too many"],
            false => ["added to the history table", "changed", "deleted"],
        };
        let text = format!(
            "{}: {added} {is_added}, {changed} {is_changed}, {deleted} {is_deleted}",
            count(sessions, "session")
        );
        let fields = json!({
            "sessions": sessions, "added": added, "changed": changed, "deleted": deleted,
            "checked_only": check,
        });
        let differs = check && !self.differences.is_empty();
        Summary { fields, text, outcome: Outcome::of(false, differs) }
    }
}
