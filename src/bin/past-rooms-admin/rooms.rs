//! Options of commands that work on some rooms or on all, and the rooms that fail.

use std::cell::Cell;
use std::collections::HashSet;
use std::error::Error;
use std::future::ready;
use std::pin::pin;

use futures_util::{StreamExt, stream};
use past_rooms::{PastRooms, WriteError};

use crate::stop::Stop;
use crate::{advice, output};

/// Maximum number of rooms in work.
const ROOMS_AT_ONCE: usize = 32;

/// Number of rooms that fail in a row because of DynamoDB before the command gives up.
const FAILURES_IN_A_ROW: u64 = 5;

/// Selection of rooms.
#[derive(clap::Args)]
#[group(id = "which", required = true, multiple = false)]
pub struct Rooms {
    /// A room; may be given more than once
    #[arg(long, value_name = "ID", group = "which")]
    pub room: Vec<String>,

    /// All rooms of the table (reads the whole table)
    #[arg(long, group = "which")]
    pub all: bool,
}

/// Limit on concurrent requests.
#[derive(clap::Args)]
pub struct InFlight {
    /// Maximum requests in flight; fewer when DynamoDB throttles
    #[arg(long, value_name = "NUMBER", default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(1..=256))]
    in_flight: u16,
}

impl InFlight {
    pub fn most(&self) -> usize {
        self.in_flight.into()
    }
}

impl Rooms {
    /// Returns the ids of the rooms. Those of all rooms are sorted.
    pub async fn list(&self, past_rooms: &PastRooms) -> Result<Vec<String>, Box<dyn Error>> {
        Ok(match self.all {
            true => past_rooms.table().rooms().await?,
            false => self.named().cloned().collect(),
        })
    }

    /// Returns the rooms given with `--room`, each once.
    pub fn named(&self) -> impl Iterator<Item = &String> {
        let mut seen = HashSet::new();
        self.room.iter().filter(move |room_id| seen.insert(*room_id))
    }
}

/// Returns a message about a room without sessions and tally.
pub fn no_such(room_id: &str) -> String {
    format!("{room_id}: no such room: it has no sessions and no tally")
}

/// Returns a message about a `room_sid` that no session has.
pub fn no_session(room_sid: &str) -> String {
    format!("no session with the room_sid {room_sid:?}")
}

/// Rooms that failed. One does not stop the others, unless DynamoDB fails again and again.
pub struct Failures<'a> {
    table: &'a str,
    number: Cell<u64>,
}

impl<'a> Failures<'a> {
    pub fn new(table: &'a str) -> Self {
        Failures { table, number: Cell::new(0) }
    }

    /// Does `work` on rooms side by side, and passes the results to `done` in the order of the rooms. Reports rooms
    /// that fail.
    ///
    /// # Errors
    /// If too many failed in a row. Rooms in work are finished before.
    pub async fn each<T>(
        &self,
        rooms: &[String],
        stop: &Stop,
        work: impl AsyncFn(&str) -> Result<T, WriteError>,
        mut done: impl FnMut(&str, T),
    ) -> Result<(), Box<dyn Error>> {
        let is_over = Cell::new(false);
        let begun = stream::iter(rooms).take_while(|_| ready(!is_over.get()));
        let results = begun.map(async |room_id| (room_id, work(room_id).await));
        let mut results = pin!(results.buffered(ROOMS_AT_ONCE));
        let (mut in_a_row, mut last) = (0, None);
        while let Some((room_id, result)) = results.next().await {
            match result {
                Ok(found) => {
                    in_a_row = 0;
                    done(room_id, found);
                }
                Err(_) if stop.has_refused() => is_over.set(true),
                Err(error) => {
                    self.report(room_id, &error);
                    in_a_row = if matches!(error, WriteError::Table(_)) { in_a_row + 1 } else { 0 };
                    if in_a_row == FAILURES_IN_A_ROW {
                        is_over.set(true);
                        last = last.or(Some(room_id));
                    }
                }
            }
        }
        last.map_or(Ok(()), |room_id| {
            Err(format!(
                "{FAILURES_IN_A_ROW} rooms in a row failed, the last of {} is {room_id}; the rest is left as it is",
                rooms.len()
            )
            .into())
        })
    }

    fn report(&self, room_id: &str, error: &WriteError) {
        self.number.set(self.number.get() + 1);
        let advice = advice::on(error, self.table);
        output::error(&error.to_string(), advice.as_deref(), None, Some(("room_id", room_id)));
    }

    /// Returns no failures, of the same table.
    pub fn fresh(&self) -> Self {
        Failures::new(self.table)
    }

    /// Returns the number of rooms that failed.
    pub fn number(&self) -> u64 {
        self.number.get()
    }

    /// Returns the number of rooms that failed as a part of the last line.
    pub fn text(&self) -> String {
        match self.number() {
            0 => String::new(),
            number => format!("; {number} failed"),
        }
    }
}

/// Returns a word quoted for a shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_room_id_is_one_word_in_a_shell() {
        assert_eq!(quoted("2024 #x"), "'2024 #x'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
