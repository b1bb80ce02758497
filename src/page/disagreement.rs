//! Rooms whose tallies contradict the rows that were read, and what a second look says of them.
//!
//! A session that is recorded while a page is read may be in the tally and not in the rows, or the
//! other way round. That is not an error, and the page is right. A wrong tally may have placed the page
//! wrongly, too, so the page cannot be trusted. Reading the tally a second time tells the two cases
//! apart.

use std::collections::HashMap;

use super::counts::RoomCounts;
use super::cursor::{Contradiction, RoomCursor};
use super::error::ReadError;
use crate::table::bucket::Bucket;
use crate::table::keys::RowKey;
use crate::table::rows::tally;
use crate::table::{Consistency, Item, Table, isolation};

/// A room whose tally contradicts its rows, or itself.
pub(super) struct Disagreement {
    room_id: String,
    /// The contradiction between its tally rows.
    in_tally: Option<String>,
    /// The contradiction between its rows and the tally.
    in_rows: Option<Contradiction>,
    /// The rows of the tally as they were read.
    tally_rows: Vec<(RowKey, Option<Item>)>,
}

/// The rooms whose tallies contradict each other or the rows.
pub(super) fn disagreements(rooms: Vec<RoomCounts>, cursors: &[RoomCursor]) -> Vec<Disagreement> {
    let tallied = rooms.into_iter().filter(RoomCounts::is_tallied);
    tallied
        .filter_map(|mut room| {
            let cursor = cursors.binary_search_by(|cursor| cursor.room_id.cmp(&room.room_id));
            let in_rows = cursor.ok().and_then(|cursor| cursors[cursor].contradiction());
            let in_tally = room.disagreement.take();
            (in_tally.is_some() || in_rows.is_some()).then(|| Disagreement {
                room_id: room.room_id.clone(),
                in_tally,
                in_rows,
                tally_rows: room.into_tally_rows(),
            })
        })
        .collect()
}

/// The result of reading the tally of a room that disagrees a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Sessions were recorded or deleted while the page was read, at least as many as disagree.
    Explained,
    /// The tally has changed, but that does not explain it.
    Unclear,
    /// The tally has not changed: it is wrong.
    Wrong,
}

/// Reads the tally rows of the rooms that disagree a second time. If one seems wrong, the page may
/// have seen a transaction in part, so it waits until transactions are whole and reads them again. It
/// waits once a page, because many wrong tallies are found one after another.
pub(super) async fn judge(
    table: &Table,
    rooms: &[Disagreement],
    has_waited: &mut bool,
) -> Result<Vec<Verdict>, ReadError> {
    let verdicts = look_again(table, rooms).await?;
    if *has_waited || !verdicts.contains(&Verdict::Wrong) {
        return Ok(verdicts);
    }
    isolation::until_transactions_are_whole().await;
    *has_waited = true;
    look_again(table, rooms).await
}

async fn look_again(table: &Table, rooms: &[Disagreement]) -> Result<Vec<Verdict>, ReadError> {
    let keys = rooms.iter().flat_map(|room| &room.tally_rows).map(|(key, _)| key.clone());
    let now = table.get_rows_by_key(keys, Consistency::Strong).await?;
    Ok(rooms.iter().map(|room| room.verdict(&now)).collect())
}

impl Disagreement {
    pub fn room_id(&self) -> &str {
        &self.room_id
    }

    /// Returns a text that names the contradiction.
    pub fn reason(&self) -> String {
        let in_rows = self.in_rows.as_ref().map(ToString::to_string);
        self.in_tally.clone().or(in_rows).unwrap_or_default()
    }

    fn verdict(&self, now: &HashMap<RowKey, Item>) -> Verdict {
        let is_unchanged =
            self.tally_rows.iter().all(|(key, before)| now.get(key) == before.as_ref());
        let is_explained = match (&self.in_tally, &self.in_rows) {
            (None, Some(contradiction)) => {
                let Contradiction { bucket, counted, read } = contradiction;
                // From what was counted to what is counted now leads over what was read.
                count_now(&self.room_id, *bucket, now).is_some_and(|now| {
                    (counted < read && *read <= now) || (now <= *read && read < counted)
                })
            }
            // Which of its rows was read too early, the next attempt shows.
            _ => false,
        };
        match (is_unchanged, is_explained) {
            (true, _) => Verdict::Wrong,
            (false, true) => Verdict::Explained,
            // Another part of the tally has changed, not the one that disagrees.
            (false, false) if self.is_bucket_unchanged(now) => Verdict::Wrong,
            (false, false) => Verdict::Unclear,
        }
    }

    fn is_bucket_unchanged(&self, now: &HashMap<RowKey, Item>) -> bool {
        let in_rows = self.in_rows.as_ref().filter(|_| self.in_tally.is_none());
        in_rows.is_some_and(|contradiction| {
            count_now(&self.room_id, contradiction.bucket, now) == Some(contradiction.counted)
        })
    }
}

/// Returns the number of sessions of a bucket by the room's tally rows. `None`: they cannot be read.
fn count_now(room_id: &str, bucket: Bucket, now: &HashMap<RowKey, Item>) -> Option<u64> {
    let counts = match bucket.parent() {
        None => tally::read_room_tally(now.get(&RowKey::room_tally(room_id))?).ok()?.months,
        Some(parent) => match now.get(&RowKey::tally(room_id, parent)) {
            Some(row) => tally::read_tally(parent, row).ok()?,
            // Its parts were not asked for, because the tally had no session in it.
            None => return count_now(room_id, parent, now),
        },
    };
    Some(counts.get(&bucket).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::rows::tally::number;

    fn tally(counts: &[(&str, u64)]) -> Item {
        let counts = counts.iter().map(|(month, count)| ((*month).to_owned(), number(count)));
        RowKey::room_tally("r").into_item().into_iter().chain(counts).collect()
    }

    /// The verdict where November was counted as `counted`, and `read` rows were found.
    fn verdict(before: &[(&str, u64)], read: u64, now: &[(&str, u64)]) -> Verdict {
        let counted = before.iter().find(|(month, _)| *month == "2026-11").map_or(0, |(_, n)| *n);
        let november = Bucket::parse("2026-11").expect("a month");
        let key = RowKey::room_tally("r");
        let room = Disagreement {
            room_id: "r".to_owned(),
            in_tally: None,
            in_rows: Some(Contradiction { bucket: november, counted, read }),
            tally_rows: vec![(key.clone(), Some(tally(before)))],
        };
        room.verdict(&HashMap::from([(key, tally(now))]))
    }

    #[test]
    fn unchanged_disagreeing_tally_is_wrong() {
        let before = [("2026-10", 100), ("2026-11", 100)];
        assert_eq!(verdict(&before, 50, &before), Verdict::Wrong);
        assert_eq!(verdict(&before, 101, &before), Verdict::Wrong);
    }

    #[test]
    fn change_elsewhere_explains_nothing() {
        let before = [("2026-10", 100), ("2026-11", 100)];
        let now = [("2026-10", 100), ("2026-11", 100), ("2026-12", 1)];
        assert_eq!(verdict(&before, 50, &now), Verdict::Wrong);
    }

    #[test]
    fn as_many_writes_explain_a_disagreement() {
        let before = [("2026-11", 100)];
        assert_eq!(verdict(&before, 101, &[("2026-11", 101)]), Verdict::Explained);
        assert_eq!(verdict(&before, 101, &[("2026-11", 103)]), Verdict::Explained);
        assert_eq!(verdict(&before, 98, &[("2026-11", 97)]), Verdict::Explained);
        // A month that was begun meanwhile.
        assert_eq!(
            verdict(&[("2026-10", 5)], 1, &[("2026-10", 5), ("2026-11", 1)]),
            Verdict::Explained
        );
    }

    #[test]
    fn fewer_writes_leave_a_disagreement_unclear() {
        let before = [("2026-11", 100)];
        assert_eq!(verdict(&before, 105, &[("2026-11", 101)]), Verdict::Unclear);
        assert_eq!(verdict(&before, 105, &[("2026-11", 99)]), Verdict::Unclear);
        assert_eq!(verdict(&before, 50, &[("2026-11", 99)]), Verdict::Unclear);
    }
}
