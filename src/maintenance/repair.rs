//! Counting single months again, and setting what their tallies say.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};

use crate::maintenance::audit::MonthAudit;
use crate::maintenance::room_tallies::RoomTallies;
use crate::maintenance::survey::Survey;
use crate::record::{ATTEMPTS, WriteError};
use crate::record::{EXISTS, Transaction, on_condition};
use crate::table::bucket::{self, Bucket, Counts};
use crate::table::keys::{KeyRange, RowKey, SessionKey};
use crate::table::requests::retry::with_retries;
use crate::table::rows::tally::{self, VERSION, number};
use crate::table::{Consistency, RowQuery, TableError, isolation};

/// Months that are set in one transaction. It fails as a whole if somebody records in one of them.
const MONTHS_PER_TRANSACTION: usize = 24;

impl RoomTallies<'_> {
    /// Sets the counts of all months, and returns what was found.
    pub async fn repair_all(
        &self,
        survey: Survey,
    ) -> Result<BTreeMap<String, MonthAudit>, WriteError> {
        let mut done = BTreeMap::new();
        let (mut counted, mut changed) = (Vec::new(), Vec::new());
        for (month, audit) in survey.months {
            match audit {
                None => changed.push(month),
                Some(audit) => counted.push((month, audit)),
            }
        }
        while !counted.is_empty() {
            let some = counted.split_off(counted.len().saturating_sub(MONTHS_PER_TRANSACTION));
            // What was throttled is sent again as it is: looking at each month anew would be more work.
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
            let attempt = || self.repair(&month);
            let audit = with_retries(ATTEMPTS, WriteError::is_transient, attempt).await?;
            done.insert(month, audit);
        }
        Ok(done)
    }

    /// Counts a month's sessions beside what its tallies say.
    pub async fn audit(&self, month: &str) -> Result<MonthAudit, WriteError> {
        let month_key = RowKey::month_tally(self.room_id, month);
        let month_tally = self.row(month_key.clone()).await?;
        let room_tally = self.room_tally().await?;
        isolation::until_transactions_are_whole().await;
        let mut hours = Counts::new();
        let mut untimed = None;
        let range = KeyRange::with_prefix(month);
        let query = RowQuery::keys(self.room_id, &range, Consistency::Strong);
        self.visit(query, |items| {
            for key in items.iter().filter_map(SessionKey::of_item) {
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

    /// Audits a month, and sets its counts.
    pub async fn repair(&self, month: &str) -> Result<MonthAudit, WriteError> {
        let audit = self.audit(month).await?;
        let months = [(month.to_owned(), audit)];
        self.set(&months).await?;
        let [(_, audit)] = months;
        Ok(audit)
    }

    /// Sets the counts of months to what was counted, if nobody wrote them since.
    async fn set(&self, months: &[(String, MonthAudit)]) -> Result<(), WriteError> {
        let mut transaction = Transaction::new(self.table);
        let mut update = transaction.update(RowKey::room_tally(self.room_id));
        let (mut set, mut remove) = (Vec::new(), Vec::new());
        for (index, (month, audit)) in months.iter().enumerate() {
            transaction.push(self.put_month_tally(month, audit)?);
            update = update.expression_attribute_names(format!("#m{index}"), month);
            if audit.sessions() == 0 {
                remove.push(format!("#m{index}"));
            } else {
                set.push(format!("#m{index} = :m{index}"));
                let sessions = number(audit.sessions());
                update = update.expression_attribute_values(format!(":m{index}"), sessions);
            }
        }
        let clause = |word: &str, parts: &[String]| match parts {
            [] => String::new(),
            parts => format!("{word} {} ", parts.join(", ")),
        };
        let expression = clause("SET", &set) + &clause("REMOVE", &remove);
        transaction.push_update(on_condition(update.update_expression(expression), EXISTS))?;
        transaction.send().await
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
}
