//! The stored state of the sessions that are about to be written: the conditions of their
//! transaction are made of it.

use std::collections::{BTreeSet, HashMap};

use futures_util::future::try_join_all;

use crate::record::row::Stored;
use crate::table::keys::{KeyRange, RowKey, SessionKey};
use crate::table::rows::tally::{self, INCOMPLETE, VERSION};
use crate::table::schema::ROOM_TALLY;
use crate::table::{Consistency, Item, RowQuery, Table, TableError};

/// A room's tally, as far as writers have to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TallyState {
    /// The tally exists; counts are added to it.
    Present,
    /// Neither a tally nor a session exists: the first writer begins the tally, complete.
    EmptyRoom,
    /// No tally exists, but sessions of another writer do.
    Untallied,
}

/// The sessions and the rooms' tallies, as they were a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    sessions: HashMap<RowKey, Stored>,
    tallies: HashMap<String, TallyState>,
    /// Numbers of sessions that the complete tallies count, by room.
    sums: HashMap<String, u64>,
    /// The versions of the room tallies. Every recorder raises them.
    versions: HashMap<String, u64>,
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
                snapshot.sums.extend(sum(&item).map(|sum| (key.room_id.clone(), sum)));
                snapshot.versions.extend(version(&item).map(|now| (key.room_id.clone(), now)));
                snapshot.tallies.insert(key.room_id, TallyState::Present);
            } else {
                snapshot.sessions.insert(key, Stored::of_item(item));
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

    /// Returns the snapshot of a room without external writers, from its tally.
    #[cfg(feature = "history")]
    pub fn of_room_tally(room_id: &str, tally: Option<&Item>) -> Self {
        let mut snapshot = Snapshot::default();
        if let Some(tally) = tally {
            snapshot.tallies.insert(room_id.to_owned(), TallyState::Present);
            snapshot.versions.extend(version(tally).map(|now| (room_id.to_owned(), now)));
        }
        snapshot
    }

    /// Reads more sessions of the same rooms.
    pub async fn add(&mut self, table: &Table, keys: &[RowKey]) -> Result<(), TableError> {
        let rows = table.get_rows_by_key(keys.iter().cloned(), Consistency::Strong).await?;
        self.sessions.extend(rows.into_iter().map(|(key, item)| (key, Stored::of_item(item))));
        Ok(())
    }

    /// Returns the stored row of a session. `None`: it has none.
    pub fn session(&self, key: &RowKey) -> Option<&Stored> {
        self.sessions.get(key)
    }

    /// Returns the number of a room's sessions, if its tally knows.
    pub fn sum(&self, room_id: &str) -> Option<u64> {
        let is_empty = self.tally(room_id) == TallyState::EmptyRoom;
        self.sums.get(room_id).copied().or(is_empty.then_some(0))
    }

    /// The version of a room's tally. `None`: it has none.
    pub fn version(&self, room_id: &str) -> Option<u64> {
        self.versions.get(room_id).copied()
    }

    /// Notes that a transaction has counted sessions of this room and raised its version.
    pub fn raised(&mut self, room_id: String) {
        *self.versions.entry(room_id.clone()).or_default() += 1;
        self.tallies.insert(room_id, TallyState::Present);
    }

    /// The state of a room's tally.
    pub fn tally(&self, room_id: &str) -> TallyState {
        self.tallies.get(room_id).copied().unwrap_or(TallyState::EmptyRoom)
    }
}

/// The sum of the months. `None`: they are not all of the room's.
fn sum(room_tally: &Item) -> Option<u64> {
    if room_tally.contains_key(INCOMPLETE) {
        return None;
    }
    let months = room_tally.iter().filter(|(name, _)| tally::month(name).is_some());
    let counts = months.filter_map(|(_, count)| count.as_n().ok()?.parse::<u64>().ok());
    Some(counts.fold(0, u64::saturating_add))
}

fn version(room_tally: &Item) -> Option<u64> {
    room_tally.get(VERSION)?.as_n().ok()?.parse().ok()
}

async fn state_without_tally(table: &Table, room_id: &str) -> Result<TallyState, TableError> {
    let range = KeyRange::sessions();
    let mut query = RowQuery::keys(room_id, &range, Consistency::Strong);
    let mut after: Option<String> = None;
    // The first rows may be stray.
    for limit in std::iter::once(Some(1)).chain(std::iter::repeat(None)) {
        query.limit = limit;
        let page = table.query(RowQuery { after: after.as_deref(), ..query.clone() }).await?;
        if page.items.iter().any(|item| SessionKey::of_item(item).is_some()) {
            return Ok(TallyState::Untallied);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(TallyState::EmptyRoom)
}
