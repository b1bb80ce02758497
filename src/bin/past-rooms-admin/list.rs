//! `past-rooms-admin list`.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use clap::builder::NonEmptyStringValueParser;
use futures_util::StreamExt;
use past_rooms::table::keys::KeyRange;
use past_rooms::table::{Consistency, RowQuery};
use past_rooms::{PastRooms, RowKey, SessionKey};
use serde_json::json;

use crate::stop::Stop;
use crate::work::{Summary, Work};
use crate::{Outcome, output, progress, rooms};

/// List the rooms with their number of sessions and their first and last session.
///
/// Counts the sessions themselves, not the tallies. Without --room it reads the whole table, eventually consistent.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only this room; may be given more than once
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    room: Vec<String>,
}

/// The sessions of a room.
#[derive(Default)]
struct Sessions {
    number: u64,
    first: Option<SessionKey>,
    last: Option<SessionKey>,
}

impl Sessions {
    fn add(&mut self, key: SessionKey) {
        self.number += 1;
        progress::add(1);
        if self.first.as_ref().is_none_or(|first| key < *first) {
            self.first = Some(key.clone());
        }
        if self.last.as_ref().is_none_or(|last| key > *last) {
            self.last = Some(key);
        }
    }
}

pub struct List<'a> {
    past_rooms: &'a PastRooms,
    arguments: &'a Arguments,
    rooms: u64,
    sessions: u64,
    unknown: u64,
}

impl<'a> List<'a> {
    pub fn new(past_rooms: &'a PastRooms, arguments: &'a Arguments) -> Self {
        List { past_rooms, arguments, rooms: 0, sessions: 0, unknown: 0 }
    }
}

impl Work for List<'_> {
    async fn run(&mut self, _: &Stop) -> Result<(), Box<dyn Error>> {
        progress::begin("sessions listed", None);
        let found = match &*self.arguments.room {
            [] => all(self.past_rooms).await?,
            room_ids => some(self.past_rooms, room_ids).await?,
        };
        for (room_id, found) in &found {
            let exists = found.number > 0 || self.past_rooms.exists(room_id).await?;
            print(room_id, found, exists);
            self.rooms += u64::from(exists);
            self.unknown += u64::from(!exists);
            self.sessions += found.number;
        }
        Ok(())
    }

    fn summary(&self) -> Summary {
        let List { rooms, sessions, unknown, .. } = *self;
        let (with, of) = (output::count(sessions, "session"), output::count(rooms, "room"));
        Summary {
            fields: json!({"rooms": rooms, "sessions": sessions, "unknown_rooms": unknown}),
            text: format!("{of} with {with}"),
            outcome: Outcome::of(false, unknown > 0),
        }
    }
}

fn print(room_id: &str, found: &Sessions, exists: bool) {
    let created = |key: &Option<SessionKey>| key.as_ref().map(|key| key.created().to_owned());
    let (first, last) = (created(&found.first), created(&found.last));
    let number = output::count(found.number, "session");
    let text = match (&first, &last) {
        _ if !exists => rooms::no_such(room_id),
        (Some(first), Some(last)) => format!("{room_id}: {number}, {first} to {last}"),
        _ => format!("{room_id}: {number}"),
    };
    let fields = json!({
        "room_id": room_id, "exists": exists, "sessions": found.number, "first": first, "last": last,
    });
    output::result("room", fields, text);
}

/// Returns the sessions of every room that has any.
async fn all(past_rooms: &PastRooms) -> Result<BTreeMap<String, Sessions>, Box<dyn Error>> {
    let mut rooms: BTreeMap<String, Sessions> = BTreeMap::new();
    let mut pages = past_rooms.table().key_pages();
    while let Some(page) = pages.next().await {
        for key in page?.iter().filter_map(RowKey::of_item) {
            if let Some(session) = key.session_key() {
                rooms.entry(key.room_id).or_default().add(session);
            }
        }
    }
    Ok(rooms)
}

/// Returns the sessions of these rooms, strongly consistent.
async fn some(
    past_rooms: &PastRooms,
    room_ids: &[String],
) -> Result<BTreeMap<String, Sessions>, Box<dyn Error>> {
    let mut rooms = BTreeMap::new();
    for room_id in room_ids.iter().collect::<BTreeSet<_>>() {
        let range = KeyRange::sessions();
        let query = RowQuery::keys(room_id, &range, Consistency::Strong);
        let mut sessions = Sessions::default();
        let visit = |item| SessionKey::of_item(&item).into_iter().for_each(|key| sessions.add(key));
        past_rooms.table().walk(query, visit).await?;
        rooms.insert(room_id.clone(), sessions);
    }
    Ok(rooms)
}
