//! Counting again the hours of a room in which somebody else put or deleted sessions.
//!
//! Nothing is added or subtracted for a change: news of it may come twice, late, or after the row
//! has changed again. The hour that it lies in is counted instead, and what the tallies say of that
//! hour is set, on condition that the month's version is what it was before counting. So it makes
//! no difference how often, when and in which order this is done after the last change.
//!
//! The version is raised even where nothing is wrong. Of two who count an hour at the same time, one
//! may have counted before the last change, and would write what it found after the other had found
//! everything right.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use futures_util::future::try_join_all;

use crate::maintenance::room_tallies::RoomTallies;
use crate::record::{ATTEMPTS, WriteError};
use crate::record::{EXISTS, Transaction, on_condition};
use crate::table::bucket::{Bucket, Counts};
use crate::table::calendar::MONTH_BYTES;
use crate::table::keys::{RowKey, SessionKey};
use crate::table::requests::retry::with_retries;
use crate::table::rows::tally::{self, INCOMPLETE, VERSION, number};
use crate::table::{Consistency, Item, RowQuery, Table, TableError, isolation};

/// Hours of one month that are counted one by one. If there are more, the whole month is counted,
/// with fewer requests; and an update of so many attributes stays far below DynamoDB's 4 KB for an
/// expression.
const MAX_HOURS: usize = 50;

/// Months that are set in one transaction. Each of them writes the room's tally, so they could not go
/// side by side.
const MONTHS_AT_ONCE: usize = 24;

/// What was found when hours were counted again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Recount {
    /// Hours in which the given sessions lie.
    pub hours: u64,
    /// Hours of the room whose count was wrong, and is right now.
    pub corrected: u64,
    /// A session of the room that no tally can count, because its sort key does not begin with a
    /// time. As long as it is there, the room's sessions are counted by readers.
    pub untimed: Option<RowKey>,
}

/// Hours by month, as sort keys begin with them.
type Hours<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Counts again the hours that these keys lie in, whether there are sessions with these keys or not.
pub(crate) async fn recount(
    table: &Table,
    room_id: &str,
    keys: &[SessionKey],
) -> Result<Recount, WriteError> {
    let mut hours = Hours::new();
    let mut untimed = Vec::new();
    for key in keys {
        match (key.month(), key.hour()) {
            (Some(month), Some(hour)) => drop(hours.entry(month).or_default().insert(hour)),
            _ => untimed.push(RowKey::new(room_id, key.as_str())),
        }
    }
    let room = RoomTallies { table, room_id };
    let recount = room.recount(&hours, untimed).await?;
    let hours = hours.values().map(|hours| hours.len() as u64).sum();
    Ok(Recount { hours, ..recount })
}

/// A month whose hours were counted.
struct CountedMonth<'a> {
    month: &'a str,
    /// The version of its tally; `None`: there is none.
    version: Option<AttributeValue>,
    /// The counts to set, by attribute.
    wrong: BTreeMap<String, u64>,
    /// What to add to the room's count of the month.
    difference: i64,
}

impl RoomTallies<'_> {
    async fn recount(
        &self,
        hours: &Hours<'_>,
        untimed: Vec<RowKey>,
    ) -> Result<Recount, WriteError> {
        let rows = self.table.get_rows(untimed, Consistency::Strong).await?;
        if let Some(key) = rows.first().and_then(RowKey::of_item) {
            self.mark_untimed(&key.sort_key).await?;
            return Ok(untimed_at(key));
        }
        let months: Vec<(&str, &BTreeSet<&str>)> =
            hours.iter().map(|(month, hours)| (*month, hours)).collect();
        // Without any, there is still the room to look at.
        let none = months.is_empty().then_some(&months[..]);
        let mut recount = Recount::default();
        for some in none.into_iter().chain(months.chunks(MONTHS_AT_ONCE)) {
            match self.recount_some(some).await {
                Ok(Some(corrected)) => recount.corrected += corrected,
                Ok(None) => return self.rebuild_if_possible().await,
                Err(WriteError::UntimedKey { key }) => {
                    self.mark_untimed(&key.sort_key).await?;
                    return Ok(untimed_at(key));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(recount)
    }

    /// Builds the room's tally, unless a session that no tally can count is known to be there.
    async fn rebuild_if_possible(&self) -> Result<Recount, WriteError> {
        let untimed = match self.room_tally().await? {
            Some(tally) => self.untimed_by_mark(&tally).await?,
            None => None,
        };
        match untimed {
            Some(key) => Ok(untimed_at(key)),
            None => self.rebuild().await,
        }
    }

    /// Builds the room's tally.
    async fn rebuild(&self) -> Result<Recount, WriteError> {
        match self.build().await {
            Ok(report) => {
                let hours = report.differences.iter();
                let hours = hours.filter(|difference| difference.bucket.len() > MONTH_BYTES);
                Ok(Recount { corrected: hours.count() as u64, ..Recount::default() })
            }
            Err(WriteError::UntimedKey { key }) => Ok(untimed_at(key)),
            Err(error) => Err(error),
        }
    }

    /// Counts some hours of some months, and returns how many of their hours were wrong. `None`: the
    /// room has no complete tally.
    async fn recount_some(
        &self,
        months: &[(&str, &BTreeSet<&str>)],
    ) -> Result<Option<u64>, WriteError> {
        let together = || self.recount_together(months);
        match with_retries(ATTEMPTS, WriteError::is_table_transient, together).await {
            // Somebody wrote one of them meanwhile. Each on its own, the others need not wait for it.
            Err(WriteError::Conflict) => {}
            outcome => return outcome,
        }
        let mut corrected = 0;
        for month in months.chunks(1) {
            let alone = || self.recount_together(month);
            match with_retries(ATTEMPTS, WriteError::is_transient, alone).await? {
                Some(some) => corrected += some,
                None => return Ok(None),
            }
        }
        Ok(Some(corrected))
    }

    async fn recount_together(
        &self,
        months: &[(&str, &BTreeSet<&str>)],
    ) -> Result<Option<u64>, WriteError> {
        let room_key = RowKey::room_tally(self.room_id);
        let month_key = |month: &str| RowKey::month_tally(self.room_id, month);
        let keys = months.iter().map(|(month, _)| month_key(month));
        let keys = keys.chain([room_key.clone()]);
        let rows: HashMap<RowKey, Item> =
            self.table.get_rows_by_key(keys, Consistency::Strong).await?;
        let Some(room) = rows.get(&room_key).filter(|room| !room.contains_key(INCOMPLETE)) else {
            return Ok(None);
        };
        isolation::until_transactions_are_whole().await;
        let (mut counted, mut corrected) = (Vec::new(), 0);
        for (month, hours) in months {
            let row = rows.get(&month_key(month));
            match tallied_hours(month, room, row).filter(|_| hours.len() <= MAX_HOURS) {
                Some(tallied) => counted.push(self.count_month(month, hours, tallied, row)),
                None => corrected += self.repair(month).await?.wrong_hours(),
            }
        }
        let counted = try_join_all(counted).await?;
        self.set_counts(&counted).await?;
        corrected += counted.iter().map(|month| month.wrong.len() as u64).sum::<u64>();
        Ok(Some(corrected))
    }

    /// Counts some hours of a month, beside what its tally says of them.
    async fn count_month<'a>(
        &self,
        month: &'a str,
        hours: &BTreeSet<&str>,
        tallied: Counts,
        row: Option<&Item>,
    ) -> Result<CountedMonth<'a>, TableError> {
        let sessions = try_join_all(hours.iter().map(|hour| self.count_hour(hour))).await?;
        let version = row.and_then(|row| row.get(VERSION)).cloned();
        let mut counted = CountedMonth { month, version, wrong: BTreeMap::new(), difference: 0 };
        for (hour, sessions) in hours.iter().zip(sessions) {
            let tallied = tallied.get(&Bucket::new(*hour)).copied().unwrap_or_default();
            if let Some(attribute) = tally::hour_attribute(hour).filter(|_| sessions != tallied) {
                counted.wrong.insert(attribute, sessions);
                counted.difference += sessions.cast_signed() - tallied.cast_signed();
            }
        }
        Ok(counted)
    }

    async fn count_hour(&self, hour: &str) -> Result<u64, TableError> {
        let mut sessions = 0;
        let range = Bucket::new(hour).range();
        let query = RowQuery::keys(self.room_id, &range, Consistency::Strong);
        self.table.walk(query, |_| sessions += 1).await?;
        Ok(sessions)
    }

    /// Sets the counts of hours, and the months' with them, if nobody wrote these months since they
    /// were read; raises their versions in any case.
    async fn set_counts(&self, months: &[CountedMonth<'_>]) -> Result<(), WriteError> {
        let mut transaction = Transaction::new(self.table);
        let mut room = transaction.update(RowKey::room_tally(self.room_id));
        let mut add = Vec::new();
        for counted in months {
            transaction.push_update(self.update_of_month(&transaction, counted))?;
            if counted.difference != 0 {
                let index = add.len();
                add.push(format!("#m{index} :m{index}"));
                room = room
                    .expression_attribute_names(format!("#m{index}"), counted.month)
                    .expression_attribute_values(format!(":m{index}"), number(counted.difference));
            }
        }
        if !add.is_empty() {
            let room = room.update_expression(format!("ADD {}", add.join(", ")));
            transaction.push_update(on_condition(room, EXISTS))?;
        }
        transaction.send().await
    }

    fn update_of_month(
        &self,
        transaction: &Transaction<'_>,
        counted: &CountedMonth<'_>,
    ) -> UpdateBuilder {
        let mut update = transaction
            .update(RowKey::month_tally(self.room_id, counted.month))
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":one", number(1));
        let mut set = Vec::with_capacity(counted.wrong.len());
        for (index, (attribute, count)) in counted.wrong.iter().enumerate() {
            set.push(format!("#h{index} = :h{index}"));
            update = update
                .expression_attribute_names(format!("#h{index}"), attribute)
                .expression_attribute_values(format!(":h{index}"), number(count));
        }
        let set = if set.is_empty() { String::new() } else { format!(" SET {}", set.join(", ")) };
        update = update.update_expression(format!("ADD #version :one{set}"));
        match &counted.version {
            Some(version) => update
                .condition_expression("#version = :version")
                .expression_attribute_values(":version", version.clone()),
            None => update.condition_expression("attribute_not_exists(#version)"),
        }
    }
}

fn untimed_at(key: RowKey) -> Recount {
    Recount { untimed: Some(key), ..Recount::default() }
}

/// The month's counts by hour. `None`: they are not readable, or do not add up to the room's count of
/// the month.
fn tallied_hours(month: &str, room: &Item, row: Option<&Item>) -> Option<Counts> {
    let hours = match row {
        Some(row) => tally::read_month_tally(month, row).ok()?,
        None => Counts::new(),
    };
    let version = row.and_then(|row| row.get(VERSION));
    let is_number = |version: &AttributeValue| {
        version.as_n().is_ok_and(|version| version.parse::<u64>().is_ok())
    };
    let sum = match room.get(month) {
        Some(count) => count.as_n().ok()?.parse().ok()?,
        None => 0,
    };
    let agrees = hours.values().sum::<u64>() == sum && version.is_none_or(is_number);
    agrees.then_some(hours)
}
