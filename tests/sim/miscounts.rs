//! Tallies that are wrong from the beginning, without any write.
//!
//! A tally counts a session too few or too many after an external writer has put or deleted a
//! session. The model assumes such a writer: until the room's tally is built, such a session may be
//! seen or not. Only external writers touch it.

use fastrand::Rng;
use past_rooms::RowKey;

use crate::content::Version;
use crate::plan::Calendar;
use crate::tallies::{self, Tallies};

/// A session that is counted and not there, or there and not counted: its state when it was counted,
/// and its state.
pub type Miscounted = (RowKey, Option<Version>, Option<Version>);

/// The first version of these sessions. No other sessions have their versions.
const VERSION: Version = 1_000_000;

/// The wrong tallies of a run.
pub struct Miscounts {
    random: Rng,
    /// Whether this run has any.
    any: bool,
    pub all: Vec<Miscounted>,
    /// Sessions that only the hours count wrongly, by their place in `all`, and their state when
    /// they were counted.
    by_hour: Vec<(usize, Option<Version>)>,
}

impl Miscounts {
    /// In a quarter of the runs that may have some. Leaves `random` as it is, so that the others stay what they were.
    pub fn new(random: &Rng, may_have: bool) -> Self {
        let mut random = random.clone().fork();
        let any = random.u8(0..4) == 0 && may_have;
        Miscounts { random, any, all: vec![], by_hour: vec![] }
    }

    /// Whether this run has any.
    pub fn any(&self) -> bool {
        self.any
    }

    /// The tallies of a room with these sessions, wrong in two of three rooms of such a run. Where a
    /// month is missing, its sessions are taken from `keys`: they are not counted.
    pub fn tallies(
        &mut self,
        room_id: &str,
        keys: &mut Vec<RowKey>,
        calendar: &Calendar,
    ) -> Tallies {
        if !self.any || self.random.u8(0..3) == 0 {
            return tallies::expected(&*keys);
        }
        let first = self.all.len();
        let random = &mut self.random;
        let counted_too_much = random.bool();
        for _ in 0..random.usize(1..=3) {
            let key = RowKey::new(room_id, calendar.sort_key(random, 'f'));
            let version = Some(VERSION + self.all.len() as Version);
            let (before, after) = if counted_too_much { (version, None) } else { (None, version) };
            if !self.all.iter().any(|(other, ..)| *other == key) {
                self.all.push((key, before, after));
            }
        }
        let new = &self.all[first..];
        let is_month_missing = !counted_too_much && random.bool();
        if is_month_missing {
            keys.retain(|key| new.iter().all(|(other, ..)| month(other) != month(key)));
        }
        let right = tallies::expected(
            keys.iter().chain(new.iter().filter(|new| new.2.is_some()).map(|(key, ..)| key)),
        );
        let wrong = tallies::expected(
            keys.iter().chain(new.iter().filter(|new| new.1.is_some()).map(|(key, ..)| key)),
        );
        // Wrong by month and by hour, or by one of them, so that the two do not fit.
        match random.u8(0..3) {
            0 => wrong,
            1 => mixed(&wrong, &right),
            _ => {
                // The months are right, so a reader that ignores the hours misses nothing.
                for (index, (_, before, after)) in self.all.iter_mut().enumerate().skip(first) {
                    self.by_hour.push((index, *before));
                    *before = *after;
                }
                mixed(&right, &wrong)
            }
        }
    }

    /// Excuses wrong hours in the rooms that a run deletes from. A delete between the reads of `~`
    /// and of the month's row makes a wrong month agree with a right `~` by accident.
    pub fn excuse(&mut self, is_deleted_from: impl Fn(&str) -> bool) {
        for (index, counted) in &self.by_hour {
            let (key, before, _) = &mut self.all[*index];
            if is_deleted_from(&key.room_id) {
                *before = *counted;
            }
        }
    }
}

fn month(key: &RowKey) -> &str {
    &key.sort_key[..7]
}

/// The months of one, the hours of the other.
fn mixed(months: &Tallies, hours: &Tallies) -> Tallies {
    let months = months.iter().filter(|(row, _)| *row == "~");
    let hours = hours.iter().filter(|(row, _)| *row != "~");
    months.chain(hours).map(|(row, counts)| (row.clone(), counts.clone())).collect()
}
