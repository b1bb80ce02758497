//! What is in the table of the sessions that are about to be written: the conditions of their transaction are made of
//! it.

use std::collections::HashMap;

use futures_util::future::try_join_all;

use crate::table::schema::{KeyRange, PARTITION_KEY, SORT_KEY, text};
use crate::table::session::{PastRoom, SessionRow};
use crate::table::tally::ROOM_TALLY;
use crate::table::{Consistency, Item, Meter, RowQuery, Table, TableFailure};

/// A room's tally, as far as writers have to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TallyState {
    /// There is one; counts are added to it.
    Begun,
    /// There is none, and no session either: the first writer begins it, complete.
    NoneYet,
    /// There is none, but there are sessions of another writer.
    NeverBegun,
}

/// The sessions and the rooms' tallies, as they were a moment ago.
#[derive(Debug)]
pub(super) struct Look {
    /// By room id and sort key. A row that cannot be read as a session is `None`.
    sessions: HashMap<(String, String), Option<PastRoom>>,
    tallies: HashMap<String, TallyState>,
}

impl Look {
    /// Looks at the sessions with these keys (room id, sort key), and at their rooms.
    pub async fn at(
        table: &Table,
        keys: &[(&str, &str)],
        meter: &Meter,
    ) -> Result<Self, TableFailure> {
        let mut room_ids: Vec<&str> = keys.iter().map(|(room_id, _)| *room_id).collect();
        room_ids.sort_unstable();
        room_ids.dedup();
        let tally_keys = room_ids.iter().map(|room_id| (*room_id, ROOM_TALLY));
        let all_keys: Vec<_> = keys.iter().copied().chain(tally_keys).collect();

        let mut look = Look {
            sessions: HashMap::new(),
            tallies: HashMap::new(),
        };
        for item in table
            .get_rows(&all_keys, Consistency::Strong, meter)
            .await?
        {
            let Some((room_id, key)) = key_of(&item) else {
                continue;
            };
            if key == ROOM_TALLY {
                look.tallies.insert(room_id, TallyState::Begun);
            } else {
                let session = SessionRow::from_item(item).and_then(|row| row.into_past_room().ok());
                look.sessions.insert((room_id, key), session);
            }
        }
        let without_tally: Vec<&str> = room_ids
            .into_iter()
            .filter(|room_id| !look.tallies.contains_key(*room_id))
            .collect();
        let states = without_tally
            .iter()
            .map(|room_id| state_without_tally(table, room_id, meter));
        let states = try_join_all(states).await?;
        let rooms = without_tally.into_iter().map(str::to_owned);
        look.tallies.extend(rooms.zip(states));
        Ok(look)
    }

    /// What is stored of a session. `None`: nothing; `Some(None)`: something that is no session.
    pub fn session(&self, room_id: &str, key: &str) -> Option<&Option<PastRoom>> {
        self.sessions.get(&(room_id.to_owned(), key.to_owned()))
    }

    pub fn tally(&self, room_id: &str) -> TallyState {
        self.tallies
            .get(room_id)
            .copied()
            .unwrap_or(TallyState::NoneYet)
    }
}

fn key_of(item: &Item) -> Option<(String, String)> {
    let owned = |attribute| text(item, attribute).map(str::to_owned);
    Some((owned(PARTITION_KEY)?, owned(SORT_KEY)?))
}

async fn state_without_tally(
    table: &Table,
    room_id: &str,
    meter: &Meter,
) -> Result<TallyState, TableFailure> {
    let range = KeyRange::sessions();
    let query = RowQuery {
        limit: Some(1),
        ..RowQuery::keys(room_id, &range, Consistency::Strong)
    };
    let page = table.query(query, meter).await?;
    Ok(if page.items.is_empty() {
        TallyState::NoneYet
    } else {
        TallyState::NeverBegun
    })
}
