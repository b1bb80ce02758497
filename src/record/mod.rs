//! Writing: past sessions and the tallies that count them, in one transaction.
//!
//! - A session that is new is put and counted, in its room's tally and in its month's. One that is there already has
//!   its mutable fields changed and no count. Any crash leaves all of it or none.
//! - Conditions on the rows make that true whoever else writes: a session is counted only by the transaction that put
//!   it, and a tally is begun only by one writer. A transaction that is refused for it looks again and goes on from
//!   what it then finds; so does one whose answer was lost.
//! - A room that already has sessions but no tally was filled by somebody else's writer. Its tally is begun with the
//!   mark `incomplete`, so that readers go on counting, until it is [built](tallies).
//!
//! Rooms whose tally is complete must not be written by others than this module: nobody would count their sessions.

mod delete;
mod look;
pub mod tallies;
mod transaction;

pub use delete::{Deleted, delete};
pub use transaction::WriteError;

use crate::table::session::{InvalidSession, Session};
use crate::table::tally::month_of;
use crate::table::{Meter, Table};
use look::Look;
use transaction::{MAX_ACTIONS, Transaction, until_written};

/// Bytes of sessions in one transaction at the most. DynamoDB allows 4 MB; this leaves room for keys and tallies.
const MAX_TRANSACTION_BYTES: usize = 3_000_000;

/// What became of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recorded {
    /// Were not there, and are now, and counted.
    pub new: u64,
    /// Were there, and have new values in some of their mutable fields.
    pub changed: u64,
    /// Were there just so.
    pub unchanged: u64,
}

impl std::ops::AddAssign for Recorded {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
    }
}

/// Records one past session.
///
/// # Errors
/// [`WriteError::Invalid`] before anything is written; the others if DynamoDB refuses, or stays throttled or in
/// conflict for longer than the bound on trying again. Then the session is there and counted, or neither; recording
/// it again is safe in any case.
pub async fn record(
    table: &Table,
    session: &Session,
    meter: &Meter,
) -> Result<Recorded, WriteError> {
    record_all(table, std::slice::from_ref(session), meter).await
}

/// Records many past sessions, in as few transactions as DynamoDB's limits allow. Of a session that is in `sessions`
/// more than once, the last counts.
///
/// # Errors
/// As [`record`]. An invalid session is found before anything is written; after any other error some transactions may
/// be written, each of them whole.
pub async fn record_all(
    table: &Table,
    sessions: &[Session],
    meter: &Meter,
) -> Result<Recorded, WriteError> {
    let mut recorded = Recorded::default();
    for pack in packs(sessions)? {
        recorded += until_written!(record_pack(table, &pack, meter))?;
    }
    Ok(recorded)
}

/// A session and its sort key.
type Keyed<'a> = (String, &'a Session);

/// Sessions that fit into one transaction, even if all of them are new.
fn packs(sessions: &[Session]) -> Result<Vec<Vec<Keyed<'_>>>, InvalidSession> {
    let mut keyed: Vec<Keyed<'_>> = Vec::with_capacity(sessions.len());
    for session in sessions {
        keyed.push((session.sort_key()?, session));
    }
    // By room and time, so that as many as possible share their tallies. The sort is stable: of equals, the last stays.
    keyed.sort_by(|(key, session), (other_key, other)| {
        session
            .room_id
            .cmp(&other.room_id)
            .then_with(|| key.cmp(other_key))
    });
    keyed.reverse();
    keyed.dedup_by(|(key, session), (other_key, other)| {
        session.room_id == other.room_id && key == other_key
    });
    keyed.reverse();

    let mut packs = Vec::new();
    let mut pack: Vec<Keyed<'_>> = Vec::new();
    let (mut actions, mut bytes) = (0, 0);
    for (key, session) in keyed {
        let last = pack.last();
        let new_room = last.is_none_or(|(_, last)| last.room_id != session.room_id);
        let new_month = new_room || last.is_none_or(|(last, _)| month_of(last) != month_of(&key));
        let more_actions = 1 + usize::from(new_room) + usize::from(new_month);
        let more_bytes = size(session);
        if actions + more_actions > MAX_ACTIONS
            || (actions > 0 && bytes + more_bytes > MAX_TRANSACTION_BYTES)
        {
            packs.push(std::mem::take(&mut pack));
            (actions, bytes) = (3, more_bytes);
        } else {
            actions += more_actions;
            bytes += more_bytes;
        }
        pack.push((key, session));
    }
    if !pack.is_empty() {
        packs.push(pack);
    }
    Ok(packs)
}

/// About how many bytes a session has in the table.
fn size(session: &Session) -> usize {
    const NAMES_AND_TIMES: usize = 250;
    let analytics_file_id = session.analytics_file_id.as_ref().map_or(0, String::len);
    NAMES_AND_TIMES
        + session.room_id.len()
        + 2 * session.room_sid.len()
        + session.room_title.len()
        + session.webhook_url.len()
        + analytics_file_id
}

async fn record_pack(
    table: &Table,
    pack: &[Keyed<'_>],
    meter: &Meter,
) -> Result<Recorded, WriteError> {
    let keys: Vec<_> = pack
        .iter()
        .map(|(key, session)| (session.room_id.as_str(), key.as_str()))
        .collect();
    let look = Look::at(table, &keys, meter).await?;
    let mut transaction = Transaction::new(table);
    let mut recorded = Recorded::default();
    for (key, session) in pack {
        match look.session(&session.room_id, key) {
            None => {
                transaction.put_new(key, session)?;
                transaction.count(&session.room_id, key, 1)?;
                recorded.new += 1;
            }
            Some(stored) if stored.as_ref() == Some(&session.to_past_room()) => {
                recorded.unchanged += 1
            }
            Some(_) => {
                transaction.change(key, session)?;
                recorded.changed += 1;
            }
        }
    }
    transaction.write(&look, meter).await?;
    Ok(recorded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(room: &str, created: &str, sid: &str) -> Session {
        Session {
            room_id: room.to_owned(),
            room_sid: sid.to_owned(),
            room_title: String::new(),
            joined_participants: 0,
            webhook_url: String::new(),
            created: created.parse().expect("a time"),
            ended: None,
            analytics_file_id: None,
        }
    }

    #[test]
    fn a_transaction_holds_98_sessions_of_one_month() {
        let sessions: Vec<_> = (0..99)
            .map(|number| session("room", "2026-11-22T10:00:00Z", &format!("{number:03}")))
            .collect();
        let sizes = |sessions: &[Session]| -> Vec<usize> {
            packs(sessions)
                .expect("valid")
                .iter()
                .map(Vec::len)
                .collect()
        };
        assert_eq!(sizes(&sessions[..98]), [98]);
        assert_eq!(sizes(&sessions), [98, 1]);
    }

    #[test]
    fn rooms_share_a_transaction() {
        let sessions: Vec<_> = (0..34)
            .map(|number| session(&format!("room{number:02}"), "2026-11-22T10:00:00Z", "s"))
            .collect();
        // Three actions each: the session, its month's tally, its room's.
        let packs = packs(&sessions).expect("valid");
        assert_eq!(packs.iter().map(Vec::len).collect::<Vec<_>>(), [33, 1]);
    }

    #[test]
    fn of_a_session_given_twice_the_last_stays() {
        let mut later = session("room", "2026-11-22T10:00:00Z", "s");
        later.room_title = "later".to_owned();
        let sessions = [session("room", "2026-11-22T10:00:00Z", "s"), later];
        let packs = packs(&sessions).expect("valid");
        assert_eq!(packs.len(), 1);
        assert_eq!(packs[0].len(), 1);
        assert_eq!(packs[0][0].1.room_title, "later");
    }
}
