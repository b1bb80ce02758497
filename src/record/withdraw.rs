//! Withdrawing the session of a meeting that was presumed to be over and goes on: its row is deleted
//! with its counts, and the meeting's own row keeps the values until the real end.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use serde::{Deserialize, Serialize};

use crate::record::error::WriteError;
use crate::record::merge;
use crate::record::row::Stored;
use crate::record::snapshot::Snapshot;
use crate::record::transaction::Transaction;
use crate::table::Table;
use crate::table::keys::RowKey;
use crate::table::rows::past_room::PastRoom;
use crate::table::rows::time::parse_known;

/// The values of a session that was withdrawn, but for its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Withdrawn {
    pub room: PastRoom,
    /// Whether `created` is that of plugNmeet's database.
    pub created_is_certain: bool,
}

impl Withdrawn {
    /// Returns the values as the meeting's row has them.
    pub fn encode(&self) -> String {
        // Strings and numbers can always be written as JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the values. `None`: the text is malformed.
    pub fn decode(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    fn of(stored: &Stored) -> Option<Self> {
        let room = PastRoom { ended: String::new(), ..stored.room.clone()? };
        Some(Withdrawn { room, created_is_certain: stored.reported?.created })
    }
}

/// A session that may have been recorded too early.
pub(crate) struct Premature<'a> {
    pub room_id: &'a str,
    pub room_sid: &'a str,
    /// Its key as its meeting recorded it, if that is known.
    pub recorded: Option<RowKey>,
    /// When its meeting was last seen, in UNIX seconds.
    pub last_seen: i64,
}

/// Deletes a session that webhooks recorded with a presumed end, no later than its meeting was last seen.
/// `release` completes the update of the meeting's own row at `released`. Returns whether the session
/// existed.
///
/// A session whose end was reported or imported stays.
pub(crate) async fn withdraw(
    table: &Table,
    premature: &Premature<'_>,
    release: impl FnOnce(UpdateBuilder, &Withdrawn) -> UpdateBuilder,
    released: &RowKey,
) -> Result<bool, WriteError> {
    let mut keys: BTreeSet<RowKey> = table.keys_by_sid(premature.room_sid).await?;
    keys.retain(|key| key.room_id == premature.room_id);
    keys.extend(premature.recorded.clone());
    let keys: Vec<RowKey> = keys.into_iter().collect();
    if keys.is_empty() {
        return Ok(false);
    }
    let snapshot = Snapshot::read(table, &keys).await?;
    let rows = keys.iter().filter_map(|key| Some((key, snapshot.session(key)?)));
    let mut transaction = Transaction::new(table);
    let mut withdrawn: Option<Withdrawn> = None;
    for (key, stored) in rows.filter(|(_, stored)| premature.is(stored)) {
        transaction.delete_as_read(key, stored)?;
        match (&mut withdrawn, Withdrawn::of(stored)) {
            (Some(first), Some(other)) => merge::fill(&mut first.room, &other.room),
            (first, other) => *first = first.take().or(other),
        }
    }
    let Some(withdrawn) = withdrawn else {
        return Ok(false);
    };
    let update = transaction.update(released.clone());
    transaction.push_update(release(update, &withdrawn))?;
    transaction.write(&snapshot).await?;
    Ok(true)
}

impl Premature<'_> {
    fn is(&self, stored: &Stored) -> bool {
        let (Some(reported), Some(room)) = (stored.reported, &stored.room) else {
            return false;
        };
        let ended = parse_known(&room.ended);
        let is_stale = ended.is_some_and(|ended| ended.as_second() <= self.last_seen);
        room.room_sid == self.room_sid && !reported.ended && is_stale
    }
}
