//! Sessions that are in the input twice.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};

use past_rooms::InvalidSession;

use crate::row::ImportedRow;

/// Parts of the memory that grow one at a time: a growing part is there twice for a moment.
const PARTS: usize = 256;

/// What the sessions so far were, in 17 bytes and a half-empty table for each: 36 MB for up to 1.8
/// million, 71 MB for up to 3.6 million, and so on.
///
/// A session is remembered by 64 bits of a hash, and its values by 32. Among three million sessions
/// two different ones have the same with a probability of one in four million; the later would be
/// taken for a duplicate.
pub struct Duplicates {
    parts: Vec<HashMap<u64, Seen>>,
    hasher: RandomState,
    /// The inputs, and the number of lines before each.
    files: Vec<(String, u32)>,
    lines: u32,
}

struct Seen {
    values: u32,
    /// The line, counted over all inputs.
    line: u32,
}

/// What a row is to those before it.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    First,
    /// The same session with the same values has been there.
    Repeated,
    /// The same session with other values has been there, or with another beginning.
    Differs {
        file: String,
        line: u64,
    },
}

impl Duplicates {
    pub fn new() -> Self {
        Duplicates {
            parts: (0..PARTS).map(|_| HashMap::new()).collect(),
            hasher: RandomState::new(),
            files: Vec::new(),
            lines: 0,
        }
    }

    /// The next rows are of this input.
    pub fn start_file(&mut self, name: &str) {
        self.files.push((name.to_owned(), self.lines));
    }

    /// Looks a row of the current input up, and remembers it if it is the first of its session.
    ///
    /// # Errors
    /// If the row is no session that can be stored.
    pub fn look_up(&mut self, row: &ImportedRow, line: u64) -> Result<Verdict, InvalidSession> {
        let session = &row.session;
        let room = session.to_past_room();
        session.key()?;
        let key = self.hasher.hash_one((&room.room_id, &room.room_sid));
        let values = self.hasher.hash_one((
            &room.created,
            &room.room_title,
            room.joined_participants,
            &room.webhook_url,
            &room.ended,
            &room.analytics_file_id,
            &row.columns,
            row.marks,
        )) as u32;
        let before = self.files.last().map_or(0, |file| file.1);
        self.lines = before.saturating_add(u32::try_from(line).unwrap_or(u32::MAX));
        match self.parts[(key % PARTS as u64) as usize].entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(Seen { values, line: self.lines });
                Ok(Verdict::First)
            }
            Entry::Occupied(seen) if seen.get().values == values => Ok(Verdict::Repeated),
            Entry::Occupied(seen) => {
                let line = seen.get().line;
                let file = self.files.partition_point(|(_, before)| *before < line);
                let earlier = &self.files[file.saturating_sub(1)];
                Ok(Verdict::Differs { file: earlier.0.clone(), line: u64::from(line - earlier.1) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use serde_json::{Value, json};

    fn row(sid: &str, more: &Value) -> ImportedRow {
        let mut row = json!({"room_id": "room01", "room_sid": sid, "created": 1795341600});
        let row = row.as_object_mut().expect("an object");
        row.extend(more.as_object().expect("an object").clone());
        ImportedRow::read(row, &TimeZone::UTC).expect("a session")
    }

    #[test]
    fn a_session_is_known_by_its_key_and_told_apart_by_its_values() {
        let mut duplicates = Duplicates::new();
        duplicates.start_file("a.csv");
        let first = json!({"room_title": "one", "ended": 1795345200});
        let mut line = 1;
        let mut verdict = |row| {
            line += 1;
            duplicates.look_up(&row, line).expect("valid")
        };
        assert_eq!(verdict(row("a", &first)), Verdict::First);
        assert_eq!(verdict(row("b", &first)), Verdict::First);
        assert_eq!(verdict(row("a", &json!({"room_id": "room02"}))), Verdict::First);
        assert_eq!(verdict(row("a", &first)), Verdict::Repeated);
        // What is not stored makes no difference.
        let same = json!({"room_title": "one", "ended": "1795345200.0001"});
        assert_eq!(verdict(row("a", &same)), Verdict::Repeated);
        for other in [
            json!({"room_title": "two", "ended": 1795345200}),
            json!({"room_title": "one", "ended": 1795345201}),
            json!({"room_title": "one"}),
            json!({"room_title": "one", "ended": 1795345200, "created": 1795341601}),
            json!({"room_title": "one", "ended": 1795345200, "file_id": null}),
        ] {
            assert_eq!(
                verdict(row("a", &other)),
                Verdict::Differs { file: "a.csv".to_owned(), line: 2 }
            );
        }
    }

    #[test]
    fn the_earlier_row_is_named_with_its_own_file_and_line() {
        let mut duplicates = Duplicates::new();
        for (file, sid) in [("a.csv", "a"), ("empty.csv", ""), ("b.csv", "b"), ("c.csv", "c")] {
            duplicates.start_file(file);
            if !sid.is_empty() {
                duplicates.look_up(&row(sid, &json!({})), 7).expect("valid");
            }
        }
        for (sid, named) in [("a", "a.csv"), ("b", "b.csv"), ("c", "c.csv")] {
            let row = row(sid, &json!({"room_title": "another"}));
            assert_eq!(
                duplicates.look_up(&row, 9).expect("valid"),
                Verdict::Differs { file: named.to_owned(), line: 7 }
            );
        }
    }
}
