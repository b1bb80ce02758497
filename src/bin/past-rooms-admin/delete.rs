//! `past-rooms-admin delete`.

use std::error::Error;
use std::io::{self, IsTerminal, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use past_rooms::record::delete;
use past_rooms::table::schema::KeyRange;
use past_rooms::table::session::{SessionRow, to_text};
use past_rooms::table::{Consistency, Meter, RowQuery, Table};
use serde_json::json;

use crate::{Outcome, output, times};

/// Delete sessions of a room, together with their counts.
#[derive(clap::Args)]
pub struct Arguments {
    /// The room
    #[arg(long, value_name = "ID")]
    room: String,

    /// Only sessions created before this time (RFC 3339, or `2026-11-22 10:00:00` in UTC, or UNIX
    /// seconds)
    #[arg(long, value_name = "TIME", value_parser = time)]
    before: Option<Timestamp>,

    /// Only the session with this room_sid
    #[arg(long, value_name = "SID")]
    sid: Option<String>,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

fn time(text: &str) -> Result<Timestamp, String> {
    times::parse(text, &TimeZone::UTC)?.ok_or_else(|| format!("expected {}", times::EXPECTED))
}

pub async fn run(
    table: &Table,
    arguments: &Arguments,
    json: bool,
) -> Result<Outcome, Box<dyn Error>> {
    let meter = Meter::default();
    let keys = matching(table, arguments, &meter).await?;
    let deleted = match (keys.first(), keys.last()) {
        (Some(first), Some(last)) => {
            let question = format!(
                "Delete {} sessions of {}, from {} to {}?",
                keys.len(),
                arguments.room,
                time_of(first),
                time_of(last)
            );
            if !arguments.yes && !confirmed(&question)? {
                return Err("nothing was deleted".into());
            }
            delete(table, &arguments.room, &keys, &meter).await?
        }
        _ => 0,
    };
    if json {
        output::line(json!({"room_id": arguments.room, "deleted": deleted}));
    } else {
        output::line(format_args!(
            "{}: {deleted} sessions deleted",
            arguments.room
        ));
    }
    Ok(Outcome::Well)
}

/// The sort keys of the sessions to delete, the oldest first.
async fn matching(
    table: &Table,
    arguments: &Arguments,
    meter: &Meter,
) -> Result<Vec<String>, Box<dyn Error>> {
    let range = KeyRange::sessions();
    let before = arguments.before.map(to_text);
    let mut keys = Vec::new();
    let query = RowQuery::keys(&arguments.room, &range, Consistency::Strong);
    table
        .walk(query, meter, |item| {
            let Some(key) = SessionRow::key_of(&item) else {
                return;
            };
            let sid = key.split_once('#').map(|(_, sid)| sid);
            let is_before = before.as_deref().is_none_or(|before| time_of(key) < before);
            if is_before && (arguments.sid.is_none() || arguments.sid.as_deref() == sid) {
                keys.push(key.to_owned());
            }
        })
        .await?;
    Ok(keys)
}

fn time_of(key: &str) -> &str {
    key.split_once('#').map_or(key, |(time, _)| time)
}

fn confirmed(question: &str) -> Result<bool, Box<dyn Error>> {
    if !io::stdin().is_terminal() {
        return Err(format!("{question} Nobody is there to answer; say --yes if so").into());
    }
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
