//! Building, repairing and checking the tallies of a room, while others record.
//!
//! The whole room is [read at once](super::survey). A month's tally has a version that every writer
//! raises, in the same transaction in which it changes the month's counts. So wrong months are
//! set on condition that their version is what it was before their sessions were counted. If it is not,
//! another writer recorded in between, and the month is counted again, on its own. Sessions recorded in
//! other months meanwhile are added to the counts as they are then.
//!
//! The version of every month is raised, also if its counts are right. Otherwise another process that
//! counted the month before the last change could still write its stale count.
//!
//! A query beside a transaction may miss a session whose count was read already. So between reading a
//! tally and counting the sessions there is a [wait](crate::table::requests::isolation).
//!
//! A room that had no tally is marked `incomplete` until all its months are done, so readers do not
//! trust it before.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::maintenance::audit::{MonthAudit, TallyReport};
use crate::record::{ATTEMPTS, WriteError};
use crate::record::{DOES_NOT_EXIST, EXISTS, Transaction, on_condition};
use crate::table::bucket::Bucket;
use crate::table::keys::{KeyRange, RowKey};
use crate::table::requests::retry::with_retries;
use crate::table::rows::tally::{self, INCOMPLETE, VERSION};
use crate::table::schema::{PARTITION_KEY, SORT_KEY, TALLY_PREFIX};
use crate::table::{Consistency, Item, RowQuery, Table, TableError};

/// Months of a room that are looked at one by one at the same time.
const MONTHS_AT_ONCE: usize = 4;

/// Compares a room's tallies with its sessions, and changes nothing.
pub(crate) async fn check(table: &Table, room_id: &str) -> Result<TallyReport, WriteError> {
    let room = RoomTallies { table, room_id };
    let mut report = room.report().await?;
    let survey = room.survey().await?;
    report.exists = survey.has_tally || survey.sessions > 0 || !survey.stray.is_empty();
    // A month that seems wrong is looked at again: what was read may be of the middle of a
    // transaction, some rows from before it and some from after.
    let untallied = report.untallied;
    let audits = stream::iter(survey.months).map(async |(month, audit)| {
        let audit = match audit.filter(|audit| untallied || audit.is_consistent()) {
            Some(audit) => audit,
            None => with_retries(ATTEMPTS, WriteError::is_transient, || room.audit(month)).await?,
        };
        Ok::<_, WriteError>((month, audit))
    });
    let audits: Vec<(Bucket, MonthAudit)> = audits.buffered(MONTHS_AT_ONCE).try_collect().await?;
    for (month, audit) in &audits {
        report.add(audit, room_id, *month);
    }
    report.stray = survey.stray;
    Ok(report)
}

/// Whether a room has any session or tally.
pub(crate) async fn exists(table: &Table, room_id: &str) -> Result<bool, TableError> {
    let room = RoomTallies { table, room_id };
    Ok(room.room_tally().await?.is_some() || room.has_rows().await?)
}

/// Makes a room's tallies agree with its sessions, and reports what did not.
///
/// Repairs made before an error remain. Readers go on counting a room without a complete
/// tally.
pub(crate) async fn build(table: &Table, room_id: &str) -> Result<TallyReport, WriteError> {
    RoomTallies { table, room_id }.build().await
}

/// The tallies of one room.
pub(crate) struct RoomTallies<'a> {
    pub table: &'a Table,
    pub room_id: &'a str,
}

impl RoomTallies<'_> {
    pub async fn build(&self) -> Result<TallyReport, WriteError> {
        let mut report = self.report().await?;
        if report.untallied && !self.has_rows().await? {
            return Ok(report);
        }
        report.exists = true;
        with_retries(ATTEMPTS, WriteError::is_transient, || self.begin()).await?;
        // Months that appear from here on are begun by writers who count in them.
        let survey = self.survey().await?;
        report.stray = survey.stray;
        for (month, audit) in self.repair_all(survey.months).await? {
            report.add(&audit, self.room_id, month);
        }
        if report.untallied {
            with_retries(ATTEMPTS, WriteError::is_transient, || self.complete()).await?;
        }
        Ok(report)
    }

    /// Whether the room has a session, or a tally of a month.
    async fn has_rows(&self) -> Result<bool, TableError> {
        let range = KeyRange { low: TALLY_PREFIX.to_owned(), ..KeyRange::sessions() };
        let query = RowQuery::keys(self.room_id, &range, Consistency::Strong);
        let page = self.table.query(RowQuery { limit: Some(1), ..query }).await?;
        Ok(!page.items.is_empty() || page.next.is_some())
    }

    pub async fn row(&self, key: RowKey) -> Result<Option<Item>, TableError> {
        self.table.get_row(key, Consistency::Strong).await
    }

    /// A report with nothing found yet.
    async fn report(&self) -> Result<TallyReport, TableError> {
        let row = self.room_tally().await?;
        let untallied = row.is_none_or(|row| row.contains_key(INCOMPLETE));
        Ok(TallyReport { untallied, ..TallyReport::default() })
    }

    /// Begins the room's tally, incomplete, if it has none, and removes attributes that no tally has. The
    /// version stays: importers rely on it growing.
    async fn begin(&self) -> Result<(), WriteError> {
        let Some(row) = self.room_tally().await? else {
            return self.set_incomplete().await;
        };
        let names = row.keys().filter(|name| {
            tally::month(name).is_none()
                && ![PARTITION_KEY, SORT_KEY, INCOMPLETE, VERSION].contains(&name.as_str())
        });
        let names: Vec<&String> = names.collect();
        if names.is_empty() {
            return Ok(());
        }
        let mut transaction = Transaction::new(self.table);
        let mut update = transaction.update(RowKey::room_tally(self.room_id));
        let mut remove = Vec::new();
        for (index, name) in names.into_iter().enumerate() {
            remove.push(format!("#n{index}"));
            update = update.expression_attribute_names(format!("#n{index}"), name);
        }
        let update = update.update_expression(format!("REMOVE {}", remove.join(", ")));
        transaction.push_update(on_condition(update, EXISTS))?;
        transaction.send().await
    }

    /// Begins the room's tally as incomplete.
    async fn set_incomplete(&self) -> Result<(), WriteError> {
        let update = Transaction::new(self.table)
            .update(RowKey::room_tally(self.room_id))
            .update_expression("SET #incomplete = :true")
            .expression_attribute_names("#incomplete", INCOMPLETE)
            .expression_attribute_values(":true", AttributeValue::Bool(true));
        self.update_tally(on_condition(update, DOES_NOT_EXIST)).await
    }

    /// Lets readers trust the tally.
    async fn complete(&self) -> Result<(), WriteError> {
        let update = Transaction::new(self.table)
            .update(RowKey::room_tally(self.room_id))
            .update_expression("REMOVE #incomplete")
            .expression_attribute_names("#incomplete", INCOMPLETE);
        self.update_tally(on_condition(update, EXISTS)).await
    }

    async fn update_tally(&self, update: UpdateBuilder) -> Result<(), WriteError> {
        let mut transaction = Transaction::new(self.table);
        transaction.push_update(update)?;
        transaction.send().await
    }
}
