//! Recording the session of a meeting that is over, in one transaction with its counts and with the
//! meeting's row, which gets the session's key.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::builders::UpdateBuilder;

use crate::record::error::WriteError;
use crate::record::merge;
use crate::record::place::place;
use crate::record::row::{ReportedTimes, Row, Stored};
use crate::record::snapshot::Snapshot;
use crate::record::transaction::Transaction;
use crate::record::withdraw::Withdrawn;
use crate::table::Table;
use crate::table::keys::RowKey;
use crate::table::rows::past_room::PastRoom;
use crate::table::rows::retention::Retention;
use crate::table::rows::session::Session;
use crate::table::rows::time::parse_known;

/// A session to record, and what is known of the rows that it already has.
pub(crate) struct Settlement<'a> {
    /// The session as its meeting has it.
    pub session: &'a Session,
    /// Its retention.
    pub retention: Retention,
    /// Whether its `created` is better than that of a row of another writer.
    pub created_is_certain: bool,
    /// Whether its `ended` is better than that of a row of another writer.
    pub ended_is_certain: bool,
    /// Its key in an earlier settlement.
    pub recorded: Option<RowKey>,
    /// Its own values at that time. Other times of a row are another writer's. `None`: not known.
    pub before: Option<&'a PastRoom>,
    /// Its values, if it was recorded too early and withdrawn.
    pub withdrawn: Option<&'a Withdrawn>,
}

/// Records the session, once: at its own key, or at that of a row of another writer whose `created`
/// is better; other rows of it are deleted. What is not empty in any of them is kept. `claim` is the
/// update of the meeting's own row for the given key, on condition that the row is unchanged.
///
/// A session that was recorded and no longer exists was deleted on purpose, and is not recorded again.
pub(crate) async fn settle(
    table: &Table,
    settlement: &Settlement<'_>,
    claim: impl FnOnce(UpdateBuilder, &RowKey) -> UpdateBuilder,
    claimed: &RowKey,
) -> Result<(), WriteError> {
    let own = settlement.session.key()?;
    let known = [Some(own.clone()), settlement.recorded.clone()];
    let known: BTreeSet<RowKey> = known.into_iter().flatten().collect();
    let mut keys: Vec<RowKey> = known.iter().cloned().collect();
    let mut snapshot = Snapshot::read(table, &keys).await?;
    // After the room's version was read: what another recorder puts from then on, it raises.
    let mut found = table.keys_by_sid(&settlement.session.room_sid).await?;
    found.retain(|key| key.room_id == own.room_id && !known.contains(key));
    let found: Vec<RowKey> = found.into_iter().collect();
    snapshot.add(table, &found).await?;
    keys.extend(found);
    let rows = rows_of(&snapshot, &keys, &settlement.session.room_sid);

    let mut transaction = Transaction::exclusive(table);
    let target = if settlement.recorded.is_some() && rows.is_empty() {
        own
    } else {
        let session = merged(settlement, &rows);
        let target = session.key()?;
        let was_certain =
            settlement.withdrawn.is_some_and(|withdrawn| withdrawn.created_is_certain)
                || rows.values().any(|stored| has_certain_created(stored));
        let certain = ReportedTimes {
            created: settlement.created_is_certain || was_certain,
            ended: settlement.ended_is_certain,
        };
        let row =
            Row { reported: Some(certain), ..Row::of_session(&session, settlement.retention) };
        let others: Vec<RowKey> = rows.keys().copied().cloned().collect();
        place(&mut transaction, &snapshot, (&target, &row), &others)?;
        target
    };
    let update = transaction.update(claimed.clone());
    transaction.push_update(claim(update, &target))?;
    transaction.write(&snapshot).await?;
    Ok(())
}

/// Returns the existing rows of the session.
fn rows_of<'a>(
    snapshot: &'a Snapshot,
    keys: &'a [RowKey],
    room_sid: &str,
) -> BTreeMap<&'a RowKey, &'a Stored> {
    let rows = keys.iter().filter_map(|key| Some((key, snapshot.session(key)?)));
    rows.filter(|(_, row)| row.room.as_ref().is_some_and(|room| room.room_sid == room_sid))
        .collect()
}

/// Returns whether webhooks reported the beginning, or an import replaced a guess of it.
fn has_certain_created(stored: &Stored) -> bool {
    stored.reported.is_some_and(|reported| reported.created)
}

/// The session with what its rows know better.
fn merged(settlement: &Settlement<'_>, rows: &BTreeMap<&RowKey, &Stored>) -> Session {
    let mut session = settlement.session.clone();
    let rooms = || rows.iter().filter_map(|(key, stored)| Some((*key, stored.room.as_ref()?)));
    let foreign_time = |of: fn(&PastRoom) -> &str| {
        let is_own = |key: &RowKey, room: &PastRoom| match settlement.before {
            Some(before) => of(before) == of(room),
            None => settlement.recorded.as_ref() == Some(key),
        };
        rooms().find_map(|(key, room)| parse_known(of(room)).filter(|_| !is_own(key, room)))
    };
    if !settlement.created_is_certain {
        let withdrawn = |is_certain: bool| {
            let withdrawn =
                settlement.withdrawn.filter(|it| it.created_is_certain == is_certain)?;
            parse_known(&withdrawn.room.created)
        };
        let certain = || {
            let stored = rows.values().find(|stored| has_certain_created(stored))?;
            parse_known(&stored.room.as_ref()?.created)
        };
        let foreign = || foreign_time(|row| &row.created);
        let known = withdrawn(true).or_else(certain).or_else(foreign);
        let known = known.or_else(|| withdrawn(false));
        session.created = known.unwrap_or(session.created);
    }
    if !settlement.ended_is_certain {
        let foreign = foreign_time(|row| &row.ended).filter(|ended| *ended >= session.created);
        session.ended = foreign.or(session.ended);
    }
    // The beginning may come from another writer, whose clock or time zone differs.
    session.ended = session.ended.map(|ended| ended.max(session.created));
    let mut room = session.to_past_room();
    rooms().for_each(|(_, other)| merge::fill(&mut room, other));
    settlement.withdrawn.iter().for_each(|withdrawn| merge::fill(&mut room, &withdrawn.room));
    session.room_title = room.room_title;
    session.webhook_url = room.webhook_url;
    session.analytics_file_id = room.analytics_file_id;
    session.joined_participants = u32::try_from(room.joined_participants).unwrap_or(u32::MAX);
    session
}
