//! `past-rooms-admin history`.

use std::error::Error;

use past_rooms::{PastRooms, Projected, ProjectionMode};
use serde_json::json;

use crate::output::count;
use crate::{Outcome, output, progress};

/// Bring the history table, which lists the sessions of all rooms, into agreement with the table
///
/// Run it once after WholeHistory was switched on for a table that already has sessions, and after events of the
/// stream were lost. It is safe while others write: the function on the stream goes on projecting. If it is
/// interrupted, run it again.
#[derive(clap::Args)]
pub struct Arguments {
    /// Name of the history table (the output HistoryTableName of the stack)
    #[arg(long, value_name = "NAME", env = "HISTORY_TABLE")]
    history_table: String,

    /// Compare the two tables and change nothing
    #[arg(long)]
    check: bool,
}

pub async fn run(past_rooms: &PastRooms, arguments: &Arguments) -> Result<Outcome, Box<dyn Error>> {
    let past_rooms = past_rooms.with_history(&*arguments.history_table);
    let mode = if arguments.check { ProjectionMode::Check } else { ProjectionMode::Write };
    let mut reconciliation = past_rooms.reconciliation(mode).ok_or("there is no history table")?;
    progress::begin("sessions", None);
    let (mut sessions, mut differences) = (0, Projected::default());
    while let Some(step) = reconciliation.next().await? {
        sessions += step.sessions;
        differences += step.differences;
        progress::add(step.sessions);
    }
    let Projected { added, changed, deleted } = differences;
    let sessions_text = count(sessions, "session");
    let text = match arguments.check {
        true => format!(
            "{sessions_text}: {added} missing in the history table, {changed} different, {deleted} too many"
        ),
        false => format!(
            "{sessions_text}: {added} added to the history table, {changed} changed, {deleted} deleted"
        ),
    };
    let fields = json!({
        "sessions": sessions, "added": added, "changed": changed, "deleted": deleted,
        "checked_only": arguments.check,
    });
    output::summary(fields, text);
    Ok(match arguments.check && !differences.is_empty() {
        true => Outcome::Differences,
        false => Outcome::Success,
    })
}
