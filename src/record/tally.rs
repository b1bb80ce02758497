//! Building, repairing and checking the tallies of a room, while others record.
//!
//! It goes month by month. A month's tally has a version that every writer raises, in the same
//! transaction in which it changes the month's counts. So: read the month's tally, count the
//! month's sessions, and set both the month's and the room's count on condition that the version is
//! still the same. If it is not, somebody recorded in between, and the month is counted again. What
//! is recorded in other months meanwhile adds itself to whatever is there.
//!
//! A room that had no tally is marked `incomplete` until all its months are done, so readers do not
//! trust it before.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};

use super::audit::{MonthAudit, TallyReport};
use super::error::{ATTEMPTS, WriteError};
use super::transaction::{DOES_NOT_EXIST, EXISTS, Transaction, on_condition};
use crate::table::bucket::{self, Bucket, Counts};
use crate::table::calendar;
use crate::table::keys::{KeyRange, RowKey, SessionKey};
use crate::table::retry::with_retries;
use crate::table::schema::{MONTH_TALLY_PREFIX, PARTITION_KEY, SORT_KEY};
use crate::table::tally::{self, INCOMPLETE, VERSION, number};
use crate::table::{Consistency, Item, RowQuery, Table, TableError};

/// Compares a room's tallies with its sessions, and changes nothing.
pub(crate) async fn check(table: &Table, room_id: &str) -> Result<TallyReport, WriteError> {
    let room = RoomTallies { table, room_id };
    let mut report = room.report().await?;
    for month in room.months().await? {
        let audit = with_retries(ATTEMPTS, WriteError::is_transient, || room.audit(&month)).await?;
        report.add(&audit, room_id, &month);
    }
    Ok(report)
}

/// Makes a room's tallies agree with its sessions, and reports what did not.
///
/// What is repaired before an error stays repaired; a room that was untallied stays so for its
/// readers, and one with a session that cannot be tallied becomes it.
pub(crate) async fn build(table: &Table, room_id: &str) -> Result<TallyReport, WriteError> {
    RoomTallies { table, room_id }.build(Raise::WhereWrong).await
}

/// Which months' versions a repair raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raise {
    /// Those whose counts were wrong.
    WhereWrong,
    /// All, so that whoever counted a month before writes nothing to it any more.
    Always,
}

/// The tallies of one room.
pub(super) struct RoomTallies<'a> {
    pub table: &'a Table,
    pub room_id: &'a str,
}

impl RoomTallies<'_> {
    pub async fn build(&self, raise: Raise) -> Result<TallyReport, WriteError> {
        match self.build_months(raise).await {
            Err(error @ WriteError::UntimedKey { .. }) => {
                if let WriteError::UntimedKey { key } = &error {
                    self.mark_untimed(&key.sort_key).await?;
                }
                Err(error)
            }
            outcome => outcome,
        }
    }

    async fn build_months(&self, raise: Raise) -> Result<TallyReport, WriteError> {
        let mut report = self.report().await?;
        let mut months = self.months().await?;
        if months.is_empty() {
            return Ok(report);
        }
        with_retries(ATTEMPTS, WriteError::is_transient, || self.begin()).await?;
        // Months that appear from here on are begun by writers who count in them.
        months.extend(self.months().await?);
        for month in months {
            let attempt = || self.repair(&month, raise);
            let audit = with_retries(ATTEMPTS, WriteError::is_transient, attempt).await?;
            report.add(&audit, self.room_id, &month);
        }
        with_retries(ATTEMPTS, WriteError::is_transient, || self.complete()).await?;
        Ok(report)
    }

    pub async fn row(&self, key: RowKey) -> Result<Option<Item>, TableError> {
        self.table.get_row(key, Consistency::Strong).await
    }

    pub async fn room_tally(&self) -> Result<Option<Item>, TableError> {
        self.row(RowKey::room_tally(self.room_id)).await
    }

    /// A report with nothing found yet.
    async fn report(&self) -> Result<TallyReport, TableError> {
        let row = self.room_tally().await?;
        let untallied = row.is_none_or(|row| row.contains_key(INCOMPLETE));
        Ok(TallyReport { untallied, ..TallyReport::default() })
    }

    /// Makes sure that the room has a tally, incomplete if it had none, and that it has no attribute
    /// that no tally has.
    async fn begin(&self) -> Result<(), WriteError> {
        let Some(row) = self.room_tally().await? else {
            return self.set_incomplete(AttributeValue::Bool(true), DOES_NOT_EXIST).await;
        };
        let names = row.keys().filter(|name| {
            !calendar::is_month(name)
                && ![PARTITION_KEY, SORT_KEY, INCOMPLETE].contains(&name.as_str())
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

    /// Marks a room that has a tally as one with a session that no tally can count, and says which.
    pub async fn mark_untimed(&self, sort_key: &str) -> Result<(), WriteError> {
        let attempt = || async {
            match self.room_tally().await? {
                None => Ok(()),
                Some(_) => {
                    self.set_incomplete(AttributeValue::S(sort_key.to_owned()), EXISTS).await
                }
            }
        };
        with_retries(ATTEMPTS, WriteError::is_transient, attempt).await
    }

    async fn set_incomplete(
        &self,
        value: AttributeValue,
        condition: &str,
    ) -> Result<(), WriteError> {
        let update = Transaction::new(self.table)
            .update(RowKey::room_tally(self.room_id))
            .update_expression("SET #incomplete = :value")
            .expression_attribute_names("#incomplete", INCOMPLETE)
            .expression_attribute_values(":value", value);
        self.update_tally(on_condition(update, condition)).await
    }

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

    /// The months that have sessions or a count.
    async fn months(&self) -> Result<BTreeSet<String>, WriteError> {
        let mut months = BTreeSet::new();
        if let Some(row) = self.room_tally().await? {
            months.extend(row.into_keys().filter(|name| calendar::is_month(name)));
        }
        self.walk_keys(&KeyRange::with_prefix(MONTH_TALLY_PREFIX), |item| {
            let month = tally::month_of_tally(&item).filter(|month| calendar::is_month(month));
            months.extend(month.map(str::to_owned));
        })
        .await?;
        // From the first session of a month to the first of a later one: a small request a month.
        let mut range = KeyRange::sessions();
        while let Some(key) = self.first_session(&range).await? {
            let (Some(month), Some(_)) = (key.month(), key.hour()) else {
                return Err(self.untimed(&key));
            };
            range.low = Bucket::new(month).last_key();
            months.insert(month.to_owned());
        }
        Ok(months)
    }

    async fn first_session(&self, range: &KeyRange) -> Result<Option<SessionKey>, TableError> {
        if range.is_empty() {
            return Ok(None);
        }
        let query =
            RowQuery { limit: Some(1), ..RowQuery::keys(self.room_id, range, Consistency::Strong) };
        let page = self.table.query(query).await?;
        Ok(page.items.first().and_then(SessionKey::of_item))
    }

    /// Counts a month's sessions beside what its tallies say.
    async fn audit(&self, month: &str) -> Result<MonthAudit, WriteError> {
        let month_key = RowKey::month_tally(self.room_id, month);
        let month_tally = self.row(month_key.clone()).await?;
        let room_tally = self.room_tally().await?;
        let mut hours = Counts::new();
        let mut untimed = None;
        self.walk_keys(&KeyRange::with_prefix(month), |item| {
            if let Some(key) = SessionKey::of_item(&item) {
                bucket::count(&mut hours, Bucket::hour_of(&key));
                untimed = untimed.take().or_else(|| key.hour().is_none().then_some(key));
            }
        })
        .await?;
        if let Some(key) = untimed {
            return Err(self.untimed(&key));
        }
        let audit = MonthAudit::new(month, month_tally.as_ref(), room_tally.as_ref(), hours);
        let now = self.row(month_key).await?;
        if audit.version.as_ref() != now.as_ref().and_then(|row| row.get(VERSION)) {
            return Err(WriteError::Conflict);
        }
        Ok(audit)
    }

    fn untimed(&self, key: &SessionKey) -> WriteError {
        WriteError::UntimedKey { key: RowKey::new(self.room_id, key.as_str()) }
    }

    /// Audits a month, and sets its counts if they do not agree.
    pub async fn repair(&self, month: &str, raise: Raise) -> Result<MonthAudit, WriteError> {
        let audit = self.audit(month).await?;
        if audit.is_consistent() && raise == Raise::WhereWrong {
            return Ok(audit);
        }
        let mut transaction = Transaction::new(self.table);
        transaction.push(self.put_month_tally(month, &audit)?);
        let update = transaction
            .update(RowKey::room_tally(self.room_id))
            .expression_attribute_names("#month", month);
        let update = match audit.sessions() {
            0 => update.update_expression("REMOVE #month"),
            sessions => update
                .update_expression("SET #month = :sessions")
                .expression_attribute_values(":sessions", number(sessions)),
        };
        transaction.push_update(on_condition(update, EXISTS))?;
        transaction.send().await?;
        Ok(audit)
    }

    /// Replaces a month's tally by what was counted, if nobody wrote it since.
    fn put_month_tally(
        &self,
        month: &str,
        audit: &MonthAudit,
    ) -> Result<TransactWriteItem, WriteError> {
        // A version that is no number, of whatever hand, is replaced like any other.
        let version = audit.version.as_ref().and_then(|version| version.as_n().ok());
        let version = version.and_then(|version| version.parse::<u64>().ok()).unwrap_or_default();
        let mut item = RowKey::month_tally(self.room_id, month).into_item();
        item.insert(VERSION.to_owned(), number(version.checked_add(1).unwrap_or_default()));
        for (hour, count) in &audit.hours {
            if let Some(attribute) = tally::hour_attribute(hour.prefix()) {
                item.insert(attribute, number(count));
            }
        }
        let mut put = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(item))
            .expression_attribute_names("#version", VERSION);
        put = match &audit.version {
            Some(version) => put
                .condition_expression("#version = :version")
                .expression_attribute_values(":version", version.clone()),
            None => put.condition_expression("attribute_not_exists(#version)"),
        };
        let put = put.build().map_err(|error| TableError::unbuildable("Put", &error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    pub async fn walk_keys(
        &self,
        range: &KeyRange,
        visit: impl FnMut(Item),
    ) -> Result<(), TableError> {
        let query = RowQuery::keys(self.room_id, range, Consistency::Strong);
        self.table.walk(query, visit).await
    }
}
