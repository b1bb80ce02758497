//! Building, repairing and verifying the tallies of a room from its sessions, while others record.
//!
//! It goes month by month. A month's tally has a version that every writer raises, in the same transaction in which it
//! changes the month's counts. So: read the month's tally, count the month's sessions, and set both the month's and the
//! room's count on condition that the version is still the same. If it is not, somebody recorded in between, and the
//! month is counted again. What is recorded in other months meanwhile adds itself to whatever is there.
//!
//! A room that had no tally is marked `incomplete` until all its months are done, so readers do not trust it before.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnConsumedCapacity, TransactWriteItem};

use super::transaction::{
    DOES_NOT_EXIST, EXISTS, Transaction, WriteError, on_condition, until_written,
};
use crate::table::schema::{KeyRange, PARTITION_KEY, primary_key};
use crate::table::session::SessionRow;
use crate::table::tally::{self, Counts, INCOMPLETE, MONTH_TALLY_PREFIX, ROOM_TALLY, VERSION};
use crate::table::{Consistency, Item, Meter, RowQuery, Table, TableFailure, units};

/// A difference between a tally and the sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub room_id: String,
    /// A month (`2026-11`), or an hour (`2026-11-22T10`).
    pub bucket: String,
    /// What the tally says; `None` where it cannot be read.
    pub tallied: Option<u64>,
    /// What there is.
    pub sessions: u64,
}

/// What was found about a room's tallies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Sessions of the room.
    pub sessions: u64,
    /// Whether the room had no complete tally.
    pub untallied: bool,
    pub differences: Vec<Difference>,
}

impl Report {
    fn take_in(&mut self, found: &Examined, room_id: &str, month: &str) {
        self.sessions += found.sessions();
        self.differences.extend(found.differences(room_id, month));
    }

    /// Whether there is nothing to repair.
    pub fn agrees(&self) -> bool {
        self.differences.is_empty() && !(self.untallied && self.sessions > 0)
    }
}

/// Compares a room's tallies with its sessions, and changes nothing.
///
/// # Errors
/// [`WriteError`] if DynamoDB fails, or a month changes faster than it can be counted.
pub async fn check(table: &Table, room_id: &str, meter: &Meter) -> Result<Report, WriteError> {
    let tallies = Tallies {
        table,
        room_id,
        meter,
    };
    let mut report = tallies.report().await?;
    for month in tallies.months().await? {
        let found = until_written!(tallies.examine(&month))?;
        report.take_in(&found, room_id, &month);
    }
    Ok(report)
}

/// Makes a room's tallies agree with its sessions, and says what did not.
///
/// # Errors
/// As [`check`]; [`WriteError::NoTime`] if a session's sort key is no time, which no tally can count. What is repaired
/// until then stays; a room that was untallied stays so for its readers.
pub async fn build(table: &Table, room_id: &str, meter: &Meter) -> Result<Report, WriteError> {
    let tallies = Tallies {
        table,
        room_id,
        meter,
    };
    let mut report = tallies.report().await?;
    let mut months = tallies.months().await?;
    if months.is_empty() {
        return Ok(report);
    }
    until_written!(tallies.begin())?;
    // Months that appear from here on are begun by writers who count in them.
    months.extend(tallies.months().await?);
    for month in months {
        let found = until_written!(tallies.repair(&month))?;
        report.take_in(&found, room_id, &month);
    }
    until_written!(tallies.complete())?;
    Ok(report)
}

/// The rooms of a table, some at a time, each once.
///
/// A scan brings the rows of one partition one after the other, so a room is new when it differs from the one before.
pub struct Rooms<'a> {
    table: &'a Table,
    start: Option<Item>,
    last: Option<String>,
    at_end: bool,
}

impl<'a> Rooms<'a> {
    pub fn of(table: &'a Table) -> Self {
        Rooms {
            table,
            start: None,
            last: None,
            at_end: false,
        }
    }

    /// The next rooms, which may be none for once. `None`: there are no more.
    ///
    /// # Errors
    /// [`TableFailure`] if the table cannot be scanned.
    pub async fn next(&mut self, meter: &Meter) -> Result<Option<Vec<String>>, TableFailure> {
        if self.at_end {
            return Ok(None);
        }
        let scan = self
            .table
            .client()
            .scan()
            .table_name(self.table.name())
            .projection_expression("#room")
            .expression_attribute_names("#room", PARTITION_KEY)
            .set_exclusive_start_key(self.start.take())
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let page = scan
            .send()
            .await
            .map_err(|error| TableFailure::new("Scan", error))?;
        meter.add(units(page.consumed_capacity.as_slice()));
        let mut rooms = Vec::new();
        for mut item in page.items.unwrap_or_default() {
            if let Some(AttributeValue::S(room_id)) = item.remove(PARTITION_KEY)
                && self.last.as_ref() != Some(&room_id)
            {
                self.last = Some(room_id.clone());
                rooms.push(room_id);
            }
        }
        self.start = page.last_evaluated_key;
        self.at_end = self.start.is_none();
        Ok(Some(rooms))
    }
}

struct Tallies<'a> {
    table: &'a Table,
    room_id: &'a str,
    meter: &'a Meter,
}

/// A month: what its tallies say, and what there is. Both at one moment: no recorder wrote in between.
struct Examined {
    version: Option<String>,
    /// `None`: not readable.
    tallied_hours: Option<Counts>,
    /// `None`: not readable.
    tallied_month: Option<u64>,
    hours: Counts,
}

impl Examined {
    fn sessions(&self) -> u64 {
        self.hours.values().sum()
    }

    fn agrees(&self) -> bool {
        self.tallied_hours.as_ref() == Some(&self.hours)
            && self.tallied_month == Some(self.sessions())
    }

    fn differences(&self, room_id: &str, month: &str) -> Vec<Difference> {
        let difference = |bucket: &str, tallied, sessions| Difference {
            room_id: room_id.to_owned(),
            bucket: bucket.to_owned(),
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
        let hours: BTreeSet<&String> = tallied.keys().chain(self.hours.keys()).collect();
        for hour in hours {
            let count = |counts: &Counts| counts.get(hour).copied().unwrap_or_default();
            if count(tallied) != count(&self.hours) {
                differences.push(difference(hour, Some(count(tallied)), count(&self.hours)));
            }
        }
        differences
    }
}

impl Tallies<'_> {
    async fn row(&self, key: &str) -> Result<Option<Item>, TableFailure> {
        let keys = [(self.room_id, key)];
        let rows = self
            .table
            .get_rows(&keys, Consistency::Strong, self.meter)
            .await?;
        Ok(rows.into_iter().next())
    }

    /// A report that nothing is found for yet.
    async fn report(&self) -> Result<Report, TableFailure> {
        let row = self.row(ROOM_TALLY).await?;
        Ok(Report {
            untallied: row.is_none_or(|row| row.contains_key(INCOMPLETE)),
            ..Report::default()
        })
    }

    /// Makes sure that the room has a tally, incomplete if it had none.
    async fn begin(&self) -> Result<(), WriteError> {
        if self.row(ROOM_TALLY).await?.is_some() {
            return Ok(());
        }
        let mut transaction = Transaction::new(self.table);
        let update = transaction
            .update(self.room_id, ROOM_TALLY)
            .update_expression("SET #incomplete = :true")
            .expression_attribute_names("#incomplete", INCOMPLETE)
            .expression_attribute_values(":true", AttributeValue::Bool(true));
        transaction.push_update(on_condition(update, DOES_NOT_EXIST))?;
        transaction.send(self.meter).await
    }

    async fn complete(&self) -> Result<(), WriteError> {
        let mut transaction = Transaction::new(self.table);
        let update = transaction
            .update(self.room_id, ROOM_TALLY)
            .update_expression("REMOVE #incomplete")
            .expression_attribute_names("#incomplete", INCOMPLETE);
        transaction.push_update(on_condition(update, EXISTS))?;
        transaction.send(self.meter).await
    }

    /// The months that have sessions or a count.
    async fn months(&self) -> Result<BTreeSet<String>, TableFailure> {
        let mut months = BTreeSet::new();
        if let Some(row) = self.row(ROOM_TALLY).await? {
            let bookkeeping = primary_key("", "");
            months.extend(
                row.into_keys()
                    .filter(|name| name != INCOMPLETE && !bookkeeping.contains_key(name)),
            );
        }
        self.walk_keys(&KeyRange::with_prefix(MONTH_TALLY_PREFIX), |item| {
            months.extend(tally::month_of_tally(&item).map(str::to_owned));
        })
        .await?;
        // From the first session of a month to the first of a later one: one small request a month.
        let mut range = KeyRange::sessions();
        while let Some(key) = self.first_session(&range).await? {
            let month = tally::month_of(&key).to_owned();
            range.low = tally::bucket_end(&month).max(format!("{key}\u{0}"));
            months.insert(month);
        }
        Ok(months)
    }

    async fn first_session(&self, range: &KeyRange) -> Result<Option<String>, TableFailure> {
        if range.low > range.high {
            return Ok(None);
        }
        let query = RowQuery {
            limit: Some(1),
            ..RowQuery::keys(self.room_id, range, Consistency::Strong)
        };
        let page = self.table.query(query, self.meter).await?;
        Ok(page
            .items
            .first()
            .and_then(|item| SessionRow::key_of(item).map(str::to_owned)))
    }

    async fn examine(&self, month: &str) -> Result<Examined, WriteError> {
        let tally_key = tally::month_tally_key(month);
        let before = self.row(&tally_key).await?;
        let room = self.row(ROOM_TALLY).await?;
        let mut hours = Counts::new();
        let mut untimely = None;
        self.walk_keys(&KeyRange::with_prefix(month), |item| {
            let Some(key) = SessionRow::key_of(&item).filter(|key| tally::month_of(key) == month)
            else {
                return;
            };
            let hour = tally::hour_of(key);
            if tally::hour_attribute(hour).is_none() {
                untimely = Some(key.to_owned());
            }
            *hours.entry(hour.to_owned()).or_default() += 1;
        })
        .await?;
        if let Some(sort_key) = untimely {
            let room_id = self.room_id.to_owned();
            return Err(WriteError::NoTime { room_id, sort_key });
        }
        if version(&before) != version(&self.row(&tally_key).await?) {
            return Err(WriteError::Conflict);
        }
        let tallied_month = room.as_ref().and_then(|room| match room.get(month) {
            Some(AttributeValue::N(count)) => count.parse().ok(),
            Some(_) => None,
            None => Some(0),
        });
        Ok(Examined {
            version: version(&before),
            tallied_hours: before.as_ref().map_or(Some(Counts::new()), |row| {
                tally::read_month_tally(month, row).ok()
            }),
            tallied_month: tallied_month.or(room.is_none().then_some(0)),
            hours,
        })
    }

    /// Examines a month, and sets its counts if they do not agree.
    async fn repair(&self, month: &str) -> Result<Examined, WriteError> {
        let found = self.examine(month).await?;
        if found.agrees() {
            return Ok(found);
        }
        let version = found.version.as_deref().unwrap_or("0");
        let next_version = version.parse::<u64>().unwrap_or_default() + 1;
        let mut item = primary_key(self.room_id, &tally::month_tally_key(month));
        item.insert(
            VERSION.to_owned(),
            AttributeValue::N(next_version.to_string()),
        );
        for (hour, count) in &found.hours {
            if let Some(attribute) = tally::hour_attribute(hour) {
                item.insert(attribute, AttributeValue::N(count.to_string()));
            }
        }
        let mut put = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(item))
            .expression_attribute_names("#version", VERSION);
        put = match &found.version {
            Some(version) => put
                .condition_expression("#version = :version")
                .expression_attribute_values(":version", AttributeValue::N(version.clone())),
            None => put.condition_expression("attribute_not_exists(#version)"),
        };
        let mut transaction = Transaction::new(self.table);
        transaction.push(TransactWriteItem::builder().put(put.build()?).build());
        let update = transaction
            .update(self.room_id, ROOM_TALLY)
            .expression_attribute_names("#month", month);
        let update = match found.sessions() {
            0 => update.update_expression("REMOVE #month"),
            sessions => update
                .update_expression("SET #month = :sessions")
                .expression_attribute_values(":sessions", AttributeValue::N(sessions.to_string())),
        };
        transaction.push_update(on_condition(update, EXISTS))?;
        transaction.send(self.meter).await?;
        Ok(found)
    }

    async fn walk_keys(
        &self,
        range: &KeyRange,
        visit: impl FnMut(Item),
    ) -> Result<(), TableFailure> {
        let query = RowQuery::keys(self.room_id, range, Consistency::Strong);
        self.table.walk(query, self.meter, visit).await
    }
}

fn version(row: &Option<Item>) -> Option<String> {
    row.as_ref()?.get(VERSION)?.as_n().ok().cloned()
}
