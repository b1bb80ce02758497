//! Which sessions go into one transaction.

use crate::table::keys::RowKey;
use crate::table::rows::session::{InvalidSession, Session};

use crate::record::transaction::MAX_ACTIONS;

/// Maximum bytes of sessions in one transaction. DynamoDB allows 4 MB; this leaves room for keys and
/// tallies.
pub(crate) const MAX_TRANSACTION_BYTES: usize = 3_000_000;

/// A session and its key.
pub(crate) type Keyed<'a> = (RowKey, &'a Session);

/// Divides sessions into batches that each fit into one transaction, even if all of them are new.
/// If a session appears twice, the last one wins.
pub(crate) fn batches(sessions: &[Session]) -> Result<Vec<Vec<Keyed<'_>>>, InvalidSession> {
    let mut batches = Vec::new();
    let mut batch: Vec<Keyed<'_>> = Vec::new();
    let (mut actions, mut bytes) = (0, 0);
    for (key, session) in sorted(sessions)? {
        let last = batch.last().map(|(key, _)| key);
        let is_new_room = last.is_none_or(|last| last.room_id != key.room_id);
        let is_new_month = is_new_room || last.is_none_or(|last| !is_same_month(last, &key));
        let more_actions = 1 + usize::from(is_new_room) + usize::from(is_new_month);
        let more_bytes = size(session);
        if actions + more_actions > MAX_ACTIONS
            || (actions > 0 && bytes + more_bytes > MAX_TRANSACTION_BYTES)
        {
            batches.push(std::mem::take(&mut batch));
            (actions, bytes) = (3, more_bytes);
        } else {
            actions += more_actions;
            bytes += more_bytes;
        }
        batch.push((key, session));
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    Ok(batches)
}

/// By room and time, so that as many as possible share their tallies; each key once.
fn sorted(sessions: &[Session]) -> Result<Vec<Keyed<'_>>, InvalidSession> {
    let keyed = sessions.iter().map(|session| Ok((session.key()?, session)));
    let mut keyed: Vec<Keyed<'_>> = keyed.collect::<Result<_, InvalidSession>>()?;
    // The sort is stable, so of equal keys the last is the one given last.
    keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
    keyed.reverse();
    keyed.dedup_by(|(one, _), (other, _)| one == other);
    keyed.reverse();
    Ok(keyed)
}

fn is_same_month(one: &RowKey, other: &RowKey) -> bool {
    let month = |key: &RowKey| key.session_key().map(|key| key.month());
    month(one) == month(other)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn session(room_id: &str, room_sid: &str) -> Session {
        Session::new(room_id, room_sid, "2026-11-22T10:00:00Z".parse().expect("a time"))
    }

    fn sizes(sessions: &[Session]) -> Vec<usize> {
        batches(sessions).expect("valid").iter().map(Vec::len).collect()
    }

    #[test]
    fn transaction_holds_98_sessions_of_a_month() {
        let sessions: Vec<_> =
            (0..99).map(|number| session("room", &format!("{number:03}"))).collect();
        assert_eq!(sizes(&sessions[..98]), [98]);
        assert_eq!(sizes(&sessions), [98, 1]);
    }

    #[test]
    fn rooms_share_a_transaction() {
        let sessions: Vec<_> =
            (0..34).map(|number| session(&format!("room{number:02}"), "s")).collect();
        // Three actions each: the session, its month's tally, its room's.
        assert_eq!(sizes(&sessions), [33, 1]);
    }

    #[test]
    fn transaction_stays_below_dynamodbs_bytes() {
        let mut sessions: Vec<_> =
            (0..20).map(|number| session("room", &format!("{number:03}"))).collect();
        for session in &mut sessions {
            session.room_title = "x".repeat(390_000);
        }
        assert_eq!(sizes(&sessions), [7, 7, 6]);
    }

    #[test]
    fn last_of_a_repeated_session_wins() {
        let mut later = session("room", "s");
        later.room_title = "later".to_owned();
        let sessions = [session("room", "s"), later];
        let batches = batches(&sessions).expect("valid");
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].len(), 1);
        assert_eq!(batches[0][0].1.room_title, "later");
    }
}
