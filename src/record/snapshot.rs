//! What the table holds of the sessions that are about to be written: the conditions of their
//! transaction are made of it.

use std::collections::{BTreeSet, HashMap};

use futures_util::future::try_join_all;

use crate::table::keys::{KeyRange, RowKey};
use crate::table::past_room::{PastRoom, SessionRow};
use crate::table::schema::ROOM_TALLY;
use crate::table::{Consistency, RowQuery, Table, TableError, retention};

/// A room's tally, as far as writers have to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TallyState {
    /// There is one; counts are added to it.
    Present,
    /// There is none, and no session either: the first writer begins it, complete.
    EmptyRoom,
    /// There is none, but there are sessions of another writer.
    Untallied,
}

/// The sessions and the rooms' tallies, as they were a moment ago.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    /// A row that cannot be read as a session is `None`.
    sessions: HashMap<RowKey, Option<PastRoom>>,
    /// When they expire, of those that do.
    expires: HashMap<RowKey, i64>,
    tallies: HashMap<String, TallyState>,
}

impl Snapshot {
    /// Reads the sessions with these keys, and the state of their rooms.
    pub async fn read(table: &Table, keys: &[RowKey]) -> Result<Self, TableError> {
        let room_ids: BTreeSet<&str> = keys.iter().map(|key| &*key.room_id).collect();
        let tally_keys = room_ids.iter().map(|room_id| RowKey::room_tally(*room_id));
        let all_keys = keys.iter().cloned().chain(tally_keys);

        let mut snapshot = Snapshot::default();
        for item in table.get_rows(all_keys, Consistency::Strong).await? {
            let Some(key) = RowKey::of_item(&item) else {
                continue;
            };
            if key.sort_key == ROOM_TALLY {
                snapshot.tallies.insert(key.room_id, TallyState::Present);
            } else {
                snapshot.expires.extend(retention::expires(&item).map(|time| (key.clone(), time)));
                let session = SessionRow::from_item(item).and_then(|row| row.into_past_room().ok());
                snapshot.sessions.insert(key, session);
            }
        }
        let without_tally =
            room_ids.into_iter().filter(|room_id| !snapshot.tallies.contains_key(*room_id));
        let states = without_tally.map(|room_id| async move {
            Ok::<_, TableError>((room_id.to_owned(), state_without_tally(table, room_id).await?))
        });
        let states = try_join_all(states.collect::<Vec<_>>()).await?;
        snapshot.tallies.extend(states);
        Ok(snapshot)
    }

    /// What is stored of a session. `None`: nothing; `Some(None)`: something that is no session.
    pub fn session(&self, key: &RowKey) -> Option<&Option<PastRoom>> {
        self.sessions.get(key)
    }

    /// When a session expires, in UNIX seconds. `None`: never, or it is not there.
    pub fn expires(&self, key: &RowKey) -> Option<i64> {
        self.expires.get(key).copied()
    }

    /// The state of a room's tally.
    pub fn tally(&self, room_id: &str) -> TallyState {
        self.tallies.get(room_id).copied().unwrap_or(TallyState::EmptyRoom)
    }
}

async fn state_without_tally(table: &Table, room_id: &str) -> Result<TallyState, TableError> {
    let range = KeyRange::sessions();
    let query = RowQuery { limit: Some(1), ..RowQuery::keys(room_id, &range, Consistency::Strong) };
    let page = table.query(query).await?;
    Ok(if page.items.is_empty() { TallyState::EmptyRoom } else { TallyState::Untallied })
}
