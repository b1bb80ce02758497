//! `past-rooms-admin delete`.

use std::error::Error;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use past_rooms::table::keys::KeyRange;
use past_rooms::table::rows::session::format_timestamp;
use past_rooms::table::{Consistency, RowQuery};
use past_rooms::{PastRooms, RowKey, SessionKey};
use serde_json::json;

use crate::stop::Stopped;
use crate::{Outcome, output, progress, question, rooms, times};

/// Sessions that one transaction deletes.
const SESSIONS_AT_ONCE: usize = 49;

/// Delete sessions of a room, together with their counts.
///
/// An import from a server that still has them brings them back.
#[derive(clap::Args)]
pub struct Arguments {
    /// The room
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    room: String,

    /// Only sessions created before this time (RFC 3339, or `2026-11-22 10:00:00` in UTC, or UNIX seconds)
    #[arg(long, value_name = "TIME", value_parser = time)]
    before: Option<Timestamp>,

    /// Only the session with this room_sid
    #[arg(long, value_name = "SID", value_parser = NonEmptyStringValueParser::new())]
    sid: Option<String>,

    /// Only the row with this sort key, of a session or a stray row; may be given more than once
    #[arg(long, value_name = "KEY", value_parser = sort_key, conflicts_with_all = ["before", "sid"])]
    sort_key: Vec<String>,

    /// Only say which sessions would be deleted
    #[arg(long)]
    dry_run: bool,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

fn sort_key(text: &str) -> Result<String, String> {
    if KeyRange::sessions().contains(text) {
        return Ok(text.to_owned());
    }
    Err("expected a sort key that begins with a digit; `tally` takes care of tallies".to_owned())
}

/// The time in a session's sort key.
fn created(sort_key: &str) -> &str {
    sort_key.split('#').next().unwrap_or(sort_key)
}

fn time(text: &str) -> Result<Timestamp, String> {
    times::parse(text, &TimeZone::UTC)?.ok_or_else(|| format!("expected {}", times::EXPECTED))
}

pub async fn run(past_rooms: &PastRooms, arguments: &Arguments) -> Result<Outcome, Box<dyn Error>> {
    let room_id = &*arguments.room;
    let keys = matching(past_rooms, arguments).await?;
    let exists = !keys.is_empty() || past_rooms.exists(room_id).await?;
    let sessions = output::count(keys.len() as u64, "session");
    let missing = arguments.sid.as_ref().filter(|_| keys.is_empty());
    let mut deleted = 0;
    let text = match (keys.first(), keys.last()) {
        (Some(first), Some(last)) => {
            let span = format!("of {room_id}, from {} to {}", created(first), created(last));
            if arguments.dry_run {
                format!("{sessions} {span} would be deleted (dry run)")
            } else {
                let question = format!("Delete {sessions} {span}?");
                if !arguments.yes && !question::confirmed(&question)? {
                    return Err("nothing was deleted".into());
                }
                delete(past_rooms, room_id, &keys, &mut deleted).await.map_err(|error| {
                    let done = format!(
                        "{deleted} of {sessions} are deleted. To delete the rest, start the same command \
                         again"
                    );
                    Stopped { error, done }
                })?;
                output::note("An import from a server that still has them brings them back.");
                format!("{room_id}: {} deleted", output::count(deleted, "session"))
            }
        }
        _ if !exists => rooms::no_such(room_id),
        _ => match missing {
            Some(room_sid) => {
                format!("{room_id}: no session with the room_sid {room_sid:?}; nothing was deleted")
            }
            None => format!("{room_id}: 0 sessions deleted"),
        },
    };
    let fields = json!({
        "room_id": room_id, "exists": exists, "sessions": keys.len(), "deleted": deleted,
        "dry_run": arguments.dry_run,
    });
    output::summary(fields, text);
    Ok(if exists && missing.is_none() { Outcome::Success } else { Outcome::Differences })
}

/// Deletes sessions of a room, and counts them in `deleted`, also if an error ends it.
async fn delete(
    past_rooms: &PastRooms,
    room_id: &str,
    keys: &[String],
    deleted: &mut u64,
) -> Result<(), Box<dyn Error>> {
    progress::begin("sessions deleted", Some(keys.len() as u64));
    for keys in keys.chunks(SESSIONS_AT_ONCE) {
        let gone = past_rooms.delete_rows(room_id, keys).await?;
        *deleted += gone;
        progress::add(gone);
    }
    Ok(())
}

/// The keys of the sessions to delete, the oldest first.
async fn matching(
    past_rooms: &PastRooms,
    arguments: &Arguments,
) -> Result<Vec<String>, Box<dyn Error>> {
    let range = KeyRange::sessions();
    let before = arguments.before.map(format_timestamp);
    let is_before =
        |key: &SessionKey| before.as_deref().is_none_or(|before| key.created() < before);
    if let Some(room_sid) = &arguments.sid {
        let keys = past_rooms.table().keys_by_sid(room_sid).await?.into_iter();
        let keys = keys.filter(|key| key.room_id == arguments.room);
        let keys = keys.filter_map(|key| key.session_key()).filter(is_before);
        return Ok(keys.map(|key| key.as_str().to_owned()).collect());
    }
    if !arguments.sort_key.is_empty() {
        let rows = arguments.sort_key.iter();
        let rows = rows.map(|key| RowKey::new(&*arguments.room, key.as_str()));
        let rows = past_rooms.table().get_rows(rows, Consistency::Strong).await?;
        let keys = rows.iter().filter_map(RowKey::of_item);
        let mut keys: Vec<String> = keys.map(|key| key.sort_key).collect();
        keys.sort_unstable();
        return Ok(keys);
    }
    let mut keys = Vec::new();
    let query = RowQuery::keys(&arguments.room, &range, Consistency::Strong);
    let visit = |item| {
        let key = SessionKey::of_item(&item).filter(is_before);
        keys.extend(key.map(|key| key.as_str().to_owned()));
    };
    past_rooms.table().walk(query, visit).await?;
    Ok(keys)
}
