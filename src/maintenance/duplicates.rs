//! Ids that several sessions have.
//!
//! A media server gives an id once, so these are one session that was stored several times: imported
//! with another time zone, say, or from two sources.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{Hash, Hasher};

use crate::table::keys::{RowKey, SessionKey};
use crate::table::{Table, TableError};

/// An id that several sessions have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repeated {
    /// The id.
    pub room_sid: String,
    /// The sessions' keys.
    pub keys: BTreeSet<RowKey>,
}

/// Finds the ids that sessions of several rooms have.
pub(crate) async fn between_rooms(table: &Table) -> Result<Vec<Repeated>, TableError> {
    let found = table.sids_of_several_rooms().await?;
    Ok(found.into_iter().map(|(room_sid, keys)| Repeated { room_sid, keys }).collect())
}

/// The ids of many sessions, in 8 bytes each.
#[derive(Debug, Default)]
pub(crate) struct Digest(Vec<u64>);

impl Digest {
    pub fn add(&mut self, key: &SessionKey) {
        self.0.push(digest(key.room_sid()));
    }

    pub fn merge(&mut self, other: Digest) {
        self.0.extend(other.0);
    }

    /// Those that there are twice: the same ids, or, very rarely, others.
    pub fn candidates(mut self) -> Candidates {
        self.0.sort_unstable();
        let pairs = self.0.windows(2).filter(|pair| pair[0] == pair[1]);
        Candidates { digests: pairs.map(|pair| pair[0]).collect(), sids: BTreeMap::new() }
    }
}

fn digest(room_sid: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    room_sid.hash(&mut hasher);
    hasher.finish()
}

/// Ids that may be there several times, and where.
#[derive(Debug)]
pub(crate) struct Candidates {
    digests: HashSet<u64>,
    sids: BTreeMap<String, BTreeSet<SessionKey>>,
}

impl Candidates {
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// A session, if its id is one of them.
    pub fn add(&mut self, key: SessionKey) {
        if self.digests.contains(&digest(key.room_sid())) {
            self.sids.entry(key.room_sid().to_owned()).or_default().insert(key);
        }
    }

    /// The ids of several sessions of this room.
    pub fn repeated(self, room_id: &str) -> Vec<Repeated> {
        let row = |key: SessionKey| RowKey::new(room_id, key.as_str());
        let several = self.sids.into_iter().filter(|(_, keys)| keys.len() > 1);
        let rows = several.map(|(room_sid, keys)| (room_sid, keys.into_iter().map(row)));
        rows.map(|(room_sid, keys)| Repeated { room_sid, keys: keys.collect() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_several_sessions_is_found_with_their_keys() {
        let keys = [(1, "a"), (2, "b"), (3, "a"), (4, "c")];
        let keys = keys.map(|(day, sid)| format!("2024-01-{day:02}T10:00:00.000Z#{sid}"));
        let keys = keys.map(|key| SessionKey::parse(key).expect("a session's key"));
        let (mut one, mut other) = (Digest::default(), Digest::default());
        keys[..2].iter().for_each(|key| one.add(key));
        keys[2..].iter().for_each(|key| other.add(key));
        one.merge(other);
        let mut candidates = one.candidates();
        assert!(!candidates.is_empty());
        // As if the id of another session had the same digest.
        candidates.digests.insert(digest("c"));
        keys.iter().for_each(|key| candidates.add(key.clone()));
        let found = candidates.repeated("room01");
        let both = [&keys[0], &keys[2]].map(|key| RowKey::new("room01", key.as_str())).into();
        assert_eq!(found, [Repeated { room_sid: "a".to_owned(), keys: both }]);
        assert!(Digest::default().candidates().is_empty());
    }
}
