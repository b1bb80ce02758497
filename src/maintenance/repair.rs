//! Counting months, and setting their tallies.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::maintenance::audit::MonthAudit;
use crate::maintenance::room_tallies::RoomTallies;
use crate::record::{ATTEMPTS, EXISTS, Transaction, WriteError, on_condition, set_and_remove};
use crate::table::bucket::{self, Bucket, Counts};
use crate::table::keys::{KeyRange, RowKey, SessionKey};
use crate::table::requests::retry::with_retries;
use crate::table::rows::tally::{self, INCOMPLETE, VERSION, number};
use crate::table::{Consistency, RowQuery, TableError, isolation};

/// Maximum number of months that are set in one transaction. It fails as a whole if a recorder writes
/// to one of them.
pub(crate) const MONTHS_PER_TRANSACTION: usize = 24;
/// Months of a room that are counted at the same time.
const MONTHS_AT_ONCE: usize = 4;

impl RoomTallies<'_> {
    /// Sets the counts of months, and returns what was found. Months without an audit are counted
    /// first.
    pub async fn repair_all(
        &self,
        months: impl IntoIterator<Item = (Bucket, Option<MonthAudit>)>,
    ) -> Result<BTreeMap<Bucket, MonthAudit>, WriteError> {
        let mut done = BTreeMap::new();
        let (mut counted, mut changed) = (Vec::new(), Vec::new());
        for (month, audit) in months {
            match audit {
                None => changed.push(month),
                Some(audit) => counted.push((month, audit)),
            }
        }
        while !counted.is_empty() {
            let some = counted.split_off(counted.len().saturating_sub(MONTHS_PER_TRANSACTION));
            // A throttled transaction is sent again as it is: counting each month again is more work.
            let attempt = || self.set(&some);
            match with_retries(ATTEMPTS, WriteError::is_table_transient, attempt).await {
                Ok(()) => done.extend(some),
                Err(WriteError::Conflict) => {
                    changed.extend(some.into_iter().map(|(month, _)| month));
                }
                Err(error) => return Err(error),
            }
        }
        for month in changed {
            let attempt = || self.repair(month);
            let audit = with_retries(ATTEMPTS, WriteError::is_transient, attempt).await?;
            done.insert(month, audit);
        }
        Ok(done)
    }

    /// Counts the sessions of months beside their tallies. `None`: the room has no complete tally.
    ///
    /// The rows may be of different moments. [`set`](Self::set) fails if one has changed since.
    pub async fn audit_months(
        &self,
        months: &[Bucket],
    ) -> Result<Option<Vec<(Bucket, MonthAudit)>>, WriteError> {
        let room_key = RowKey::room_tally(self.room_id);
        let key = |month: Bucket| RowKey::tally(self.room_id, month);
        let keys = months.iter().map(|month| key(*month)).chain([room_key.clone()]);
        let rows = self.table.get_rows_by_key(keys, Consistency::Strong).await?;
        let Some(room) = rows.get(&room_key).filter(|room| !room.contains_key(INCOMPLETE)) else {
            return Ok(None);
        };
        isolation::until_transactions_are_whole().await;
        let audits = stream::iter(months.iter().copied()).map(async |month| {
            let hours = self.count_hours(month).await?;
            Ok((month, MonthAudit::new(month, rows.get(&key(month)), Some(room), hours)))
        });
        audits.buffered(MONTHS_AT_ONCE).try_collect().await.map(Some)
    }

    /// Counts a month's sessions beside its tallies, all at one moment.
    pub async fn audit(&self, month: Bucket) -> Result<MonthAudit, WriteError> {
        let month_key = RowKey::tally(self.room_id, month);
        let month_tally = self.row(month_key.clone()).await?;
        let room_tally = self.room_tally().await?;
        isolation::until_transactions_are_whole().await;
        let hours = self.count_hours(month).await?;
        let audit = MonthAudit::new(month, month_tally.as_ref(), room_tally.as_ref(), hours);
        let now = self.row(month_key).await?;
        if audit.version.as_ref() != now.as_ref().and_then(|row| row.get(VERSION)) {
            return Err(WriteError::Conflict);
        }
        Ok(audit)
    }

    /// Counts a month's sessions by hour.
    async fn count_hours(&self, month: Bucket) -> Result<Counts, WriteError> {
        let mut hours = Counts::new();
        let range = KeyRange::of_bucket(month);
        let query = RowQuery::keys(self.room_id, &range, Consistency::Strong);
        self.visit(query, |items| {
            let keys = items.iter().filter_map(SessionKey::of_item);
            keys.for_each(|key| bucket::count(&mut hours, key.hour()));
        })
        .await?;
        Ok(hours)
    }

    /// Counts a month, and sets its tallies.
    async fn repair(&self, month: Bucket) -> Result<MonthAudit, WriteError> {
        let audit = self.audit(month).await?;
        let months = [(month, audit)];
        self.set(&months).await?;
        let [(_, audit)] = months;
        Ok(audit)
    }

    /// Sets the tallies of months to what was counted, if no writer has changed them since.
    async fn set(&self, months: &[(Bucket, MonthAudit)]) -> Result<(), WriteError> {
        let mut transaction = Transaction::new(self.table);
        let mut update = transaction.update(RowKey::room_tally(self.room_id));
        let (mut set, mut remove) = (Vec::new(), Vec::new());
        for (index, (month, audit)) in months.iter().enumerate() {
            transaction.push(self.put_month_tally(*month, audit)?);
            update =
                update.expression_attribute_names(format!("#m{index}"), tally::attribute(*month));
            if audit.sessions() == 0 {
                remove.push(format!("#m{index}"));
            } else {
                set.push(format!("#m{index} = :m{index}"));
                let sessions = number(audit.sessions());
                update = update.expression_attribute_values(format!(":m{index}"), sessions);
            }
        }
        let update = update.update_expression(set_and_remove(&set, &remove));
        transaction.push_update(on_condition(update, EXISTS))?;
        transaction.send().await
    }

    /// Replaces a month's tally by what was counted, if its version is unchanged.
    fn put_month_tally(
        &self,
        month: Bucket,
        audit: &MonthAudit,
    ) -> Result<TransactWriteItem, WriteError> {
        // A version that is not a number is replaced like any other.
        let version = audit.version.as_ref().and_then(|version| version.as_n().ok());
        let version = version.and_then(|version| version.parse::<u64>().ok()).unwrap_or_default();
        let mut item = RowKey::tally(self.room_id, month).into_item();
        item.insert(VERSION.to_owned(), number(version.checked_add(1).unwrap_or_default()));
        item.extend(
            audit.hours.iter().map(|(hour, count)| (tally::attribute(*hour), number(count))),
        );
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
}
