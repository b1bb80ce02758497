//! The ids of a room's sessions: whether a session exists with another time.
//!
//! The index `by_sid` finds one session a request. Where an import brings many of a room, one look
//! at all keys of the room is cheaper, and remembered.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::table::keys::{KeyRange, RowKey, SessionKey};
use crate::table::{Consistency, RowQuery, Table, TableError};

/// Maximum sessions of a room to read for each one that is looked for. 4 KB hold about 11 rows, so at
/// this ratio reading the room costs about as many read units as looking up each session, in far fewer
/// requests.
const ROWS_PER_LOOK_UP: u64 = 16;

/// Ids of a room that are remembered: about 20 MB. In larger rooms, sessions are looked up.
const MAX_REMEMBERED: usize = 1_000_000;

/// Look-ups of one room at once.
const LOOK_UPS: usize = 16;

/// The known ids of a room's sessions.
#[derive(Debug, Default)]
pub(super) struct Sids {
    /// The ids, by a hash, and whether there are several of that hash. `None`: not known.
    ids: Option<HashMap<u64, bool>>,
    hasher: RandomState,
    /// The sum of the room's tally as long as no other recorder writes.
    sum: u64,
    /// The version of the room's tally as long as no other recorder writes. It also changes where the
    /// sum does not: if one session was put and another one deleted.
    version: Option<u64>,
    /// Number of sids looked up one by one.
    looked_up: u64,
}

impl Sids {
    pub fn forget(&mut self) {
        self.ids = None;
    }

    /// Returns the number of remembered ids.
    pub fn remembered(&self) -> usize {
        self.ids.as_ref().map_or(0, HashMap::len)
    }

    /// Forgets the ids if the room's tally has another sum or version: another recorder has written.
    /// Returns whether it did.
    pub fn check(&mut self, sum: Option<u64>, version: Option<u64>) -> bool {
        let is_wrong = sum != Some(self.sum) || version != self.version;
        let is_wrong = self.ids.is_some() && is_wrong;
        if is_wrong {
            self.forget();
        }
        is_wrong
    }

    /// Notes that the room has no sessions.
    pub fn set_empty(&mut self) {
        self.ids = Some(HashMap::new());
        self.sum = 0;
        self.version = None;
    }

    /// Returns whether a session may exist, at whatever time.
    pub fn may_have(&self, room_sid: &str) -> bool {
        let hash = self.hasher.hash_one(room_sid);
        self.ids.as_ref().is_none_or(|ids| ids.contains_key(&hash))
    }

    /// Returns whether a session may exist more than once.
    pub fn may_have_several(&self, room_sid: &str) -> bool {
        let hash = self.hasher.hash_one(room_sid);
        self.ids.as_ref().is_none_or(|ids| ids.get(&hash).is_some_and(|several| *several))
    }

    /// Notes that the import itself has put (or deleted) sessions and raised the tally's version.
    pub fn written(&mut self, more: i64, is_raised: bool) {
        self.sum = self.sum.saturating_add_signed(more);
        if is_raised {
            self.version = Some(self.version.unwrap_or_default() + 1);
        }
    }

    /// Returns where these sessions are in the room. The room has a sum, if that is known, and a version.
    pub async fn find<'a>(
        &mut self,
        table: &Table,
        (room_id, sum, version): (&str, Option<u64>, Option<u64>),
        wanted: &[&'a str],
    ) -> Result<HashMap<&'a str, Vec<RowKey>>, TableError> {
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let look_ups = self.looked_up + wanted.len() as u64;
        if let Some(sum) = sum.filter(|sum| *sum <= ROWS_PER_LOOK_UP * look_ups) {
            self.version = version;
            return self.read_all(table, room_id, wanted, sum).await;
        }
        self.looked_up = look_ups;
        let look_up = |room_sid: &'a str| async move {
            let mut keys: Vec<RowKey> = table.keys_by_sid(room_sid).await?.into_iter().collect();
            keys.retain(|key| key.room_id == room_id && key.session_key().is_some());
            Ok((room_sid, keys))
        };
        stream::iter(wanted.iter().map(|room_sid| look_up(room_sid)))
            .buffer_unordered(LOOK_UPS)
            .try_collect()
            .await
    }

    async fn read_all<'a>(
        &mut self,
        table: &Table,
        room_id: &str,
        wanted: &[&'a str],
        sum: u64,
    ) -> Result<HashMap<&'a str, Vec<RowKey>>, TableError> {
        let mut found: HashMap<&'a str, Vec<RowKey>> =
            wanted.iter().map(|room_sid| (*room_sid, Vec::new())).collect();
        let mut ids = HashMap::new();
        let range = KeyRange::sessions();
        let query = RowQuery::keys(room_id, &range, Consistency::Strong);
        table
            .walk(query, |item| {
                let key = SessionKey::of_item(&item);
                let Some((key, room_sid)) = key.as_ref().map(|key| (key, key.room_sid())) else {
                    return;
                };
                if let Some(keys) = found.get_mut(room_sid) {
                    keys.push(RowKey::new(room_id, key.as_str()));
                }
                if ids.len() <= MAX_REMEMBERED {
                    let hash = self.hasher.hash_one(room_sid);
                    ids.entry(hash).and_modify(|several| *several = true).or_insert(false);
                }
            })
            .await?;
        self.ids = Some(ids).filter(|ids| ids.len() <= MAX_REMEMBERED);
        self.sum = sum;
        Ok(found)
    }
}
