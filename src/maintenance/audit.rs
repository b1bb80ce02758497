//! A comparison of a month's tallies with its sessions.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::table::Item;
use crate::table::bucket::{Bucket, Counts};
use crate::table::keys::RowKey;
use crate::table::rows::tally::{self, VERSION};

/// A difference between a tally and the sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The room.
    pub room_id: String,
    /// The month or hour.
    pub bucket: Bucket,
    /// Its count in the tally; `None`: the tally cannot be read.
    pub tallied: Option<u64>,
    /// Its sessions.
    pub sessions: u64,
}

/// The state of a room's tallies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TallyReport {
    /// Sessions of the room.
    pub sessions: u64,
    /// Whether the room had no complete tally.
    pub untallied: bool,
    /// Whether the room has any session or tally.
    pub exists: bool,
    /// The differences between tallies and sessions.
    pub differences: Vec<Difference>,
    /// Rows with a sort key that begins with a digit and is no session's. Readers ignore them.
    pub stray: Vec<RowKey>,
}

impl TallyReport {
    pub(crate) fn add(&mut self, audit: &MonthAudit, room_id: &str, month: Bucket) {
        self.sessions += audit.sessions();
        self.differences.extend(audit.differences(room_id, month));
    }

    /// Whether there is nothing to repair.
    pub fn is_consistent(&self) -> bool {
        self.differences.is_empty() && !(self.untallied && self.sessions > 0)
    }
}

/// A month's tallies and the counts of its sessions, both at one moment: no recorder wrote in between.
pub(crate) struct MonthAudit {
    /// The version of the month's tally; `None`: the tally or its version is missing.
    pub version: Option<AttributeValue>,
    /// `None`: not readable.
    tallied_hours: Option<Counts>,
    /// `None`: not readable.
    tallied_month: Option<u64>,
    /// The sessions by hour.
    pub hours: Counts,
}

impl MonthAudit {
    /// The tally rows as read (`None`: no such row) and the sessions as counted.
    pub fn new(
        month: Bucket,
        month_tally: Option<&Item>,
        room_tally: Option<&Item>,
        hours: Counts,
    ) -> Self {
        let tallied_hours = match month_tally {
            Some(row) => tally::read_tally(month, row).ok(),
            None => Some(Counts::new()),
        };
        let tallied_month = match room_tally.and_then(|row| row.get(&tally::attribute(month))) {
            Some(count) => count.as_n().ok().and_then(|count| count.parse().ok()),
            None => Some(0),
        };
        let version = month_tally.and_then(|row| row.get(VERSION)).cloned();
        MonthAudit { version, tallied_hours, tallied_month, hours }
    }

    pub fn sessions(&self) -> u64 {
        self.hours.values().sum()
    }

    pub fn is_consistent(&self) -> bool {
        self.tallied_hours.as_ref() == Some(&self.hours)
            && self.tallied_month == Some(self.sessions())
    }

    /// Hours whose count was wrong; all of them where the tally is not readable.
    pub fn wrong_hours(&self) -> u64 {
        let Some(tallied) = &self.tallied_hours else {
            return self.hours.len() as u64;
        };
        let hours: BTreeSet<&Bucket> = tallied.keys().chain(self.hours.keys()).collect();
        hours.into_iter().filter(|hour| tallied.get(hour) != self.hours.get(hour)).count() as u64
    }

    fn differences(&self, room_id: &str, month: Bucket) -> Vec<Difference> {
        let difference = |bucket: Bucket, tallied, sessions| Difference {
            room_id: room_id.to_owned(),
            bucket,
            tallied,
            sessions,
        };
        let mut differences = Vec::new();
        if self.tallied_month != Some(self.sessions()) {
            differences.push(difference(month, self.tallied_month, self.sessions()));
        }
        let Some(tallied) = &self.tallied_hours else {
            differences.push(difference(month, None, self.sessions()));
            return differences;
        };
        let hours: BTreeSet<&Bucket> = tallied.keys().chain(self.hours.keys()).collect();
        for hour in hours {
            let count = |counts: &Counts| counts.get(hour).copied().unwrap_or_default();
            let (tallied, sessions) = (count(tallied), count(&self.hours));
            if tallied != sessions {
                differences.push(difference(*hour, Some(tallied), sessions));
            }
        }
        differences
    }
}
