//! `past-rooms-admin delete`.

use std::collections::BTreeSet;
use std::error::Error;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use past_rooms::table::keys::KeyRange;
use past_rooms::table::rows::session::format_timestamp;
use past_rooms::table::{Consistency, RowQuery};
use past_rooms::{PastRooms, RowKey, SessionKey};
use serde_json::json;

use crate::stop::Stop;
use crate::work::{Summary, Work};
use crate::{Outcome, output, progress, question, rooms, times};

/// Sessions deleted by one call: one transaction, even if each is in a month of its own. So what is counted is
/// what is deleted, also if a call fails.
const SESSIONS_AT_ONCE: usize = 49;

/// Delete all sessions of a room, or those that options select, together with their counts.
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

    /// Only count the sessions that would be deleted
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

pub struct Delete<'a> {
    past_rooms: &'a PastRooms,
    arguments: &'a Arguments,
    /// Whether the room exists. `None`: not known yet.
    exists: Option<bool>,
    /// Keys of the matching rows, the oldest first.
    keys: Vec<String>,
    /// Ids and keys that were requested and not deleted, with the reason.
    missing: Vec<(&'a str, String)>,
    deleted: u64,
}

impl<'a> Delete<'a> {
    pub fn new(past_rooms: &'a PastRooms, arguments: &'a Arguments) -> Self {
        let (keys, missing) = (Vec::new(), Vec::new());
        Delete { past_rooms, arguments, exists: None, keys, missing, deleted: 0 }
    }

    /// Finds the rows to delete.
    async fn find(&mut self) -> Result<(), Box<dyn Error>> {
        let (table, arguments) = (self.past_rooms.table(), self.arguments);
        if let Some(room_sid) = &arguments.sid {
            let found = table.keys_by_sid(room_sid).await?.into_iter();
            let found: Vec<_> = found.filter(|key| key.session_key().is_some()).collect();
            let here = found.iter().filter(|key| key.room_id == arguments.room);
            let keys: Vec<_> = here.filter_map(RowKey::session_key).collect();
            let matching = keys.iter().filter(|key| arguments.is_before(key));
            self.keys = matching.map(|key| key.as_str().to_owned()).collect();
            if self.keys.is_empty() {
                let elsewhere = found.first().map(|key| &*key.room_id);
                self.missing.push((room_sid, why_not(room_sid, keys.first(), elsewhere)));
            }
        } else if arguments.sort_key.is_empty() {
            let range = KeyRange::sessions();
            let query = RowQuery::keys(&arguments.room, &range, Consistency::Strong);
            let visit = |item| {
                let key = SessionKey::of_item(&item).filter(|key| arguments.is_before(key));
                self.keys.extend(key.map(|key| key.as_str().to_owned()));
            };
            table.walk(query, visit).await?;
        } else {
            let wanted: BTreeSet<&str> = arguments.sort_key.iter().map(String::as_str).collect();
            let rows = wanted.iter().map(|key| RowKey::new(&*arguments.room, *key));
            let rows = table.get_rows(rows, Consistency::Strong).await?;
            let keys = rows.iter().filter_map(RowKey::of_item);
            self.keys = keys.map(|key| key.sort_key).collect();
            self.keys.sort_unstable();
            let missing =
                wanted.into_iter().filter(|key| !self.keys.iter().any(|found| found == key));
            let missing = missing.map(|key| (key, format!("no row with the sort key {key:?}")));
            self.missing = missing.collect();
        }
        let exists = !self.keys.is_empty() || self.past_rooms.exists(&arguments.room).await?;
        self.exists = Some(exists);
        Ok(())
    }

    /// Describes the sessions to delete, if there are any.
    fn span(&self) -> Option<String> {
        let (first, last) = (created(self.keys.first()?), created(self.keys.last()?));
        let sessions = output::count(self.keys.len() as u64, "session");
        Some(format!("{sessions} of {}, from {first} to {last}", self.arguments.room))
    }
}

/// Returns why no session with this room_sid is deleted. `here` is its key in the room.
fn why_not(room_sid: &str, here: Option<&SessionKey>, elsewhere: Option<&str>) -> String {
    match (here, elsewhere) {
        (Some(key), _) => format!(
            "the session with the room_sid {room_sid:?} was created at {}, which is not before --before",
            key.created()
        ),
        (None, Some(room_id)) => {
            format!("{}, but the room {room_id} has one", rooms::no_session(room_sid))
        }
        (None, None) => rooms::no_session(room_sid),
    }
}

impl Arguments {
    fn is_before(&self, key: &SessionKey) -> bool {
        self.before.is_none_or(|before| key.created() < &*format_timestamp(before))
    }
}

impl Work for Delete<'_> {
    async fn run(&mut self, _: &Stop) -> Result<(), Box<dyn Error>> {
        self.find().await?;
        let Some(span) = self.span().filter(|_| !self.arguments.dry_run) else { return Ok(()) };
        if !self.arguments.yes && !question::confirmed(&format!("Delete {span}?")).await? {
            return Err("nothing was deleted".into());
        }
        progress::begin("sessions deleted", Some(self.keys.len() as u64));
        for keys in self.keys.chunks(SESSIONS_AT_ONCE) {
            let gone = self.past_rooms.delete_rows(&self.arguments.room, keys).await?;
            self.deleted += gone;
            progress::add(gone);
        }
        output::note("An import from a server that still has them brings them back.");
        Ok(())
    }

    fn summary(&self) -> Summary {
        let Delete { arguments, exists, keys, missing, deleted, .. } = self;
        let room_id = &*arguments.room;
        let mut lines: Vec<_> =
            missing.iter().map(|(_, reason)| format!("{room_id}: {reason}")).collect();
        let deleted_text = || format!("{room_id}: {} deleted", output::count(*deleted, "session"));
        match self.span() {
            Some(span) if arguments.dry_run => {
                lines.push(format!("{span} would be deleted (dry run)"));
            }
            Some(_) => lines.push(deleted_text()),
            None if *exists == Some(false) => lines = vec![rooms::no_such(room_id)],
            None if missing.is_empty() => lines.push(deleted_text()),
            None => lines.push(format!("{room_id}: nothing was deleted")),
        }
        let names: Vec<_> = missing.iter().map(|(name, _)| name).collect();
        let fields = json!({
            "room_id": room_id, "exists": exists, "sessions": keys.len(), "deleted": deleted,
            "missing": names, "dry_run": arguments.dry_run,
        });
        let differs = *exists != Some(true) || !missing.is_empty();
        Summary { fields, text: lines.join("\n"), outcome: Outcome::of(false, differs) }
    }
}
