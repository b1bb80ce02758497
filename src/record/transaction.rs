//! One `TransactWriteItems`: the sessions and the counts that belong to them, with the conditions under which they do;
//! and trying again, within a bound, when DynamoDB was busy or somebody else was first.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnConsumedCapacity, TransactWriteItem, Update,
};

use super::look::{Look, TallyState};
use crate::table::schema::{PARTITION_KEY, primary_key};
use crate::table::session::{InvalidSession, Session};
use crate::table::tally::{self, INCOMPLETE, ROOM_TALLY, VERSION};
use crate::table::{FailureKind, Item, Meter, Table, TableFailure, units};

/// Actions in one transaction at the most.
///
/// Source: Amazon DynamoDB API Reference, `TransactWriteItems`.
pub(super) const MAX_ACTIONS: usize = 100;

/// How often a transaction is tried, and the longest wait before the second time; it doubles up to the highest.
const MAX_TRIES: u32 = 12;
const FIRST_WAIT: Duration = Duration::from_millis(25);
const HIGHEST_WAIT: Duration = Duration::from_secs(2);

/// Why sessions were not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Invalid(#[from] InvalidSession),
    #[error(transparent)]
    Table(#[from] TableFailure),
    /// A condition did not hold any more, or another transaction was at the same rows.
    #[error("other writers were at the same rows, {MAX_TRIES} times in a row; try again")]
    Conflict,
    /// A session is among the sessions, but its key has no time in it.
    #[error(
        "the row room_id={room_id:?} created_sid={sort_key:?} cannot be tallied: its sort key is no time"
    )]
    NoTime { room_id: String, sort_key: String },
    #[error("a request to DynamoDB could not be made: {0}")]
    Request(#[from] BuildError),
    #[error("a session could not be made a row: {0}")]
    Row(#[from] serde_dynamo::Error),
}

impl WriteError {
    fn may_pass(&self) -> bool {
        match self {
            WriteError::Conflict => true,
            WriteError::Table(failure) => failure.kind == FailureKind::Unavailable,
            _ => false,
        }
    }
}

/// Trying again, within a bound. Every try must look anew: what was refused may have been written all the same, or by
/// somebody else.
pub(super) struct Tries {
    left: u32,
    longest_wait: Duration,
}

impl Tries {
    pub fn new() -> Self {
        Tries {
            left: MAX_TRIES,
            longest_wait: FIRST_WAIT,
        }
    }

    /// After a failure: waits, and says to try again; or says not to, because it is for good, or was tried enough.
    pub async fn again_after(&mut self, error: &WriteError) -> bool {
        self.left -= 1;
        if self.left == 0 || !error.may_pass() {
            return false;
        }
        tracing::debug!(%error, "writing again");
        // Full jitter: writers that collided do not collide again at the same moment.
        tokio::time::sleep(self.longest_wait.mul_f64(fastrand::f64())).await;
        self.longest_wait = HIGHEST_WAIT.min(self.longest_wait * 2);
        true
    }
}

/// Awaits `$try` until it succeeds, fails for good, or was tried often enough.
macro_rules! until_written {
    ($try:expr) => {{
        let mut tries = $crate::record::transaction::Tries::new();
        loop {
            match $try.await {
                Err(error) if tries.again_after(&error).await => {}
                outcome => break outcome,
            }
        }
    }};
}
pub(super) use until_written;

/// What to add to the attributes of a tally.
type Hours = BTreeMap<String, i64>;

/// A transaction in the making.
pub(super) struct Transaction<'a> {
    table: &'a Table,
    actions: Vec<TransactWriteItem>,
    /// What to add, by room and month, to which hour.
    counts: BTreeMap<(String, String), Hours>,
}

impl<'a> Transaction<'a> {
    pub fn new(table: &'a Table) -> Self {
        Transaction {
            table,
            actions: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Puts a session that is not there.
    pub fn put_new(&mut self, key: &str, session: &Session) -> Result<(), WriteError> {
        let mut item = primary_key(&session.room_id, key);
        item.extend(attributes(session)?);
        let put = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(item))
            .condition_expression(DOES_NOT_EXIST)
            .expression_attribute_names("#room", PARTITION_KEY)
            .build()?;
        self.push(TransactWriteItem::builder().put(put).build());
        Ok(())
    }

    /// Changes the mutable fields of a session that is there. Attributes that others added stay.
    pub fn change(&mut self, key: &str, session: &Session) -> Result<(), WriteError> {
        let attributes = attributes(session)?;
        let mut update = self.update(&session.room_id, key);
        let mut set = Vec::with_capacity(attributes.len());
        for (number, (name, value)) in attributes.into_iter().enumerate() {
            set.push(format!("#a{number} = :a{number}"));
            update = update
                .expression_attribute_names(format!("#a{number}"), name)
                .expression_attribute_values(format!(":a{number}"), value);
        }
        let mut expression = format!("SET {}", set.join(", "));
        if session.to_past_room().analytics_file_id.is_none() {
            expression.push_str(" REMOVE #analytics");
            update = update.expression_attribute_names("#analytics", "analytics_file_id");
        }
        self.push_update(on_condition(update.update_expression(expression), EXISTS))?;
        Ok(())
    }

    /// Deletes a session that is there.
    pub fn delete(&mut self, room_id: &str, key: &str) -> Result<(), BuildError> {
        let delete = Delete::builder()
            .table_name(self.table.name())
            .set_key(Some(primary_key(room_id, key)))
            .condition_expression(EXISTS)
            .expression_attribute_names("#room", PARTITION_KEY)
            .build()?;
        self.push(TransactWriteItem::builder().delete(delete).build());
        Ok(())
    }

    /// Counts a session, or with -1 counts it no longer.
    pub fn count(&mut self, room_id: &str, key: &str, by: i64) -> Result<(), WriteError> {
        let Some(hour) = tally::hour_attribute(tally::hour_of(key)) else {
            return Err(WriteError::NoTime {
                room_id: room_id.to_owned(),
                sort_key: key.to_owned(),
            });
        };
        let month = (room_id.to_owned(), tally::month_of(key).to_owned());
        *self
            .counts
            .entry(month)
            .or_default()
            .entry(hour)
            .or_default() += by;
        Ok(())
    }

    /// Writes all of it, or nothing.
    pub async fn write(mut self, look: &Look, meter: &Meter) -> Result<(), WriteError> {
        let mut rooms: BTreeMap<String, Vec<(String, Hours)>> = BTreeMap::new();
        for ((room_id, month), hours) in std::mem::take(&mut self.counts) {
            rooms.entry(room_id).or_default().push((month, hours));
        }
        for (room_id, months) in rooms {
            let sums: BTreeMap<String, i64> = months
                .iter()
                .map(|(month, hours)| (month.clone(), hours.values().sum()))
                .collect();
            let state = look.tally(&room_id);
            if state == TallyState::NeverBegun && sums.values().all(|sum| *sum < 0) {
                // Nothing counts these sessions; only nobody must begin to in this moment.
                self.check_no_tally(&room_id)?;
                continue;
            }
            for (month, mut add) in months {
                add.insert(VERSION.to_owned(), 1);
                let update = self.update(&room_id, &tally::month_tally_key(&month));
                self.push_update(adding(update, &add, ""))?;
            }
            let update = self.update(&room_id, ROOM_TALLY);
            self.push_update(match state {
                TallyState::Begun => on_condition(adding(update, &sums, ""), EXISTS),
                // Whoever is first begins it, and the next only add.
                TallyState::NoneYet => adding(update, &sums, ""),
                TallyState::NeverBegun => {
                    let update = update
                        .expression_attribute_names("#incomplete", INCOMPLETE)
                        .expression_attribute_values(":true", AttributeValue::Bool(true));
                    let update = adding(update, &sums, " SET #incomplete = :true");
                    on_condition(update, DOES_NOT_EXIST)
                }
            })?;
        }
        self.send(meter).await
    }

    fn check_no_tally(&mut self, room_id: &str) -> Result<(), BuildError> {
        let check = ConditionCheck::builder()
            .table_name(self.table.name())
            .set_key(Some(primary_key(room_id, ROOM_TALLY)))
            .condition_expression(DOES_NOT_EXIST)
            .expression_attribute_names("#room", PARTITION_KEY)
            .build()?;
        self.push(TransactWriteItem::builder().condition_check(check).build());
        Ok(())
    }

    /// An update of a row, to be filled.
    pub fn update(&self, room_id: &str, key: &str) -> UpdateBuilder {
        Update::builder()
            .table_name(self.table.name())
            .set_key(Some(primary_key(room_id, key)))
    }

    pub fn push_update(&mut self, update: UpdateBuilder) -> Result<(), BuildError> {
        self.push(TransactWriteItem::builder().update(update.build()?).build());
        Ok(())
    }

    pub fn push(&mut self, action: TransactWriteItem) {
        self.actions.push(action);
    }

    /// Sends what is in it as it is.
    pub async fn send(self, meter: &Meter) -> Result<(), WriteError> {
        if self.actions.is_empty() {
            return Ok(());
        }
        let sent = self
            .table
            .client()
            .transact_write_items()
            .set_transact_items(Some(self.actions))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match sent {
            Ok(answer) => {
                meter.add(units(answer.consumed_capacity()));
                Ok(())
            }
            Err(error) if is_conflict(&error) => Err(WriteError::Conflict),
            Err(error) => Err(TableFailure::new("TransactWriteItems", error).into()),
        }
    }
}

/// Adds to counts, and does what `more` says.
fn adding(mut update: UpdateBuilder, counts: &Hours, more: &str) -> UpdateBuilder {
    let mut add = Vec::with_capacity(counts.len());
    for (number, (attribute, by)) in counts.iter().enumerate() {
        add.push(format!("#c{number} :c{number}"));
        update = update
            .expression_attribute_names(format!("#c{number}"), attribute)
            .expression_attribute_values(format!(":c{number}"), AttributeValue::N(by.to_string()));
    }
    update.update_expression(format!("ADD {}{more}", add.join(", ")))
}

/// An update under [`EXISTS`] or [`DOES_NOT_EXIST`].
pub(super) fn on_condition(update: UpdateBuilder, condition: &str) -> UpdateBuilder {
    update
        .condition_expression(condition)
        .expression_attribute_names("#room", PARTITION_KEY)
}

/// The condition that a row is there; `#room` is the partition key.
pub(super) const EXISTS: &str = "attribute_exists(#room)";
/// The condition that a row is not there.
pub(super) const DOES_NOT_EXIST: &str = "attribute_not_exists(#room)";

/// Whether a transaction was cancelled for reasons that another try, after another look, can find gone: a condition,
/// another transaction, or throttling. The reasons are one an action, `None` for those that were not the cause.
fn is_conflict<R>(error: &SdkError<TransactWriteItemsError, R>) -> bool {
    const PASSING: [&str; 5] = [
        "None",
        "ConditionalCheckFailed",
        "TransactionConflict",
        "ProvisionedThroughputExceeded",
        "ThrottlingError",
    ];
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => canceled
            .cancellation_reasons()
            .iter()
            .all(|reason| reason.code().is_none_or(|code| PASSING.contains(&code))),
        _ => false,
    }
}

/// A session's attributes without its primary key, under the API's names.
fn attributes(session: &Session) -> Result<Item, WriteError> {
    let mut attributes: Item = serde_dynamo::to_item(session.to_past_room())?;
    attributes.remove(PARTITION_KEY);
    Ok(attributes)
}
