//! One `TransactWriteItems`: sessions, their counts, and the conditions under which both are written.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::operation::RequestId;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnConsumedCapacity, TransactWriteItem, Update,
};

use crate::record::cancellation::{Cancellation, cancellation};
use crate::record::error::WriteError;
use crate::record::row::{Row, Stored, delete_unchanged, update_unchanged};
use crate::record::snapshot::{Snapshot, TallyState};
use crate::table::bucket::{Bucket, Level};
use crate::table::keys::RowKey;
use crate::table::rows::tally::{self, INCOMPLETE, VERSION, number};
use crate::table::schema::{COUNTED, PARTITION_KEY};
use crate::table::{Item, Table, TableError, units};

const OPERATION: &str = "TransactWriteItems";

/// The condition that a row exists; `#room` is the partition key.
pub(crate) const EXISTS: &str = "attribute_exists(#room)";
/// The condition that a row does not exist.
pub(crate) const DOES_NOT_EXIST: &str = "attribute_not_exists(#room)";

/// Numbers to add to the attributes of a tally.
type Additions = BTreeMap<String, i64>;

/// A transaction in the making.
pub(crate) struct Transaction<'a> {
    table: &'a Table,
    actions: Vec<TransactWriteItem>,
    /// Additions by room and by tally (a month's or an hour's).
    counts: BTreeMap<String, BTreeMap<Bucket, Additions>>,
    /// Whether it fails if another recorder has put or deleted a session of its rooms.
    is_exclusive: bool,
}

impl<'a> Transaction<'a> {
    pub fn new(table: &'a Table) -> Self {
        Transaction { table, actions: Vec::new(), counts: BTreeMap::new(), is_exclusive: false }
    }

    /// Makes the transaction fail if another recorder has put or deleted a session of its rooms since
    /// the snapshot was read. So a session that was looked for by its sid and not found is put once.
    pub fn exclusive(table: &'a Table) -> Self {
        Transaction { is_exclusive: true, ..Transaction::new(table) }
    }

    /// Raises the version of a room's tally, even if no session is put or deleted.
    #[cfg(feature = "history")]
    pub fn raise(&mut self, room_id: &str) {
        self.counts.entry(room_id.to_owned()).or_default();
    }

    /// Puts a session that is not there yet, counts it, and marks it as counted. Attributes of
    /// others come along.
    pub fn put_new(&mut self, key: &RowKey, row: &Row, others: Item) -> Result<(), WriteError> {
        let mut item = others;
        item.extend(key.clone().into_item());
        item.extend(attributes(key, row)?);
        item.insert(COUNTED.to_owned(), AttributeValue::Bool(true));
        let put = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(item))
            .condition_expression(DOES_NOT_EXIST)
            .expression_attribute_names("#room", PARTITION_KEY);
        let put = put.build().map_err(|error| TableError::unbuildable(OPERATION, &error))?;
        self.push(TransactWriteItem::builder().put(put).build());
        self.count(key, 1);
        Ok(())
    }

    /// Puts a projected row, on condition that it is new, and counts it; or on condition that it exists.
    #[cfg(feature = "history")]
    pub fn put_projected(
        &mut self,
        key: &RowKey,
        item: Item,
        is_new: bool,
    ) -> Result<(), WriteError> {
        let put = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(item))
            .condition_expression(if is_new { DOES_NOT_EXIST } else { EXISTS })
            .expression_attribute_names("#room", PARTITION_KEY);
        let put = put.build().map_err(|error| TableError::unbuildable(OPERATION, &error))?;
        self.push(TransactWriteItem::builder().put(put).build());
        if is_new {
            self.count(key, 1);
        }
        Ok(())
    }

    /// Changes what is different in an existing session, if it is still as it was read. Attributes that
    /// others added stay.
    pub fn change(&mut self, key: &RowKey, stored: &Stored, row: &Row) -> Result<(), WriteError> {
        let before = stored.room.clone().map(|room| Row { room, expires: None, reported: None });
        let before = before.map_or(Ok(Item::new()), |before| attributes(key, &before))?;
        let mut update = update_unchanged(self.update(key.clone()), stored);
        let (mut set, mut remove) = (Vec::new(), Vec::new());
        let after = attributes(key, row)?;
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            remove.push(format!("#r{}", remove.len()));
            update = update.expression_attribute_names(format!("#r{}", remove.len() - 1), name);
        }
        for (index, (name, value)) in after.into_iter().enumerate() {
            if before.get(&name) != Some(&value) {
                set.push(format!("#a{index} = :a{index}"));
                update = update
                    .expression_attribute_names(format!("#a{index}"), name)
                    .expression_attribute_values(format!(":a{index}"), value);
            }
        }
        self.push_update(update.update_expression(set_and_remove(&set, &remove)))
    }

    /// Deletes an existing session, and counts it no longer.
    pub fn delete(&mut self, key: &RowKey) -> Result<(), WriteError> {
        let delete = Delete::builder()
            .condition_expression(EXISTS)
            .expression_attribute_names("#room", PARTITION_KEY);
        self.push_delete(key, delete)
    }

    /// The same, if the session is still as it was read.
    pub fn delete_as_read(&mut self, key: &RowKey, stored: &Stored) -> Result<(), WriteError> {
        self.push_delete(key, delete_unchanged(Delete::builder(), stored))
    }

    fn push_delete(&mut self, key: &RowKey, delete: DeleteBuilder) -> Result<(), WriteError> {
        let delete = delete.table_name(self.table.name()).set_key(Some(key.clone().into_item()));
        let delete = delete.build().map_err(|error| TableError::unbuildable(OPERATION, &error))?;
        self.push(TransactWriteItem::builder().delete(delete).build());
        self.count(key, -1);
        Ok(())
    }

    /// Adds to the tallies of the month of a session, and of its hour if minutes are counted. Stray rows
    /// are not counted.
    fn count(&mut self, key: &RowKey, by: i64) {
        let Some(session) = key.session_key() else { return };
        let tallies = self.counts.entry(key.room_id.clone()).or_default();
        for (tally, part) in tally::counting(&session, self.table.finest()) {
            let attribute = part.map(tally::attribute);
            let attribute = attribute.unwrap_or_else(|| tally::WITHOUT_MINUTE.to_owned());
            *tallies.entry(tally).or_default().entry(attribute).or_default() += by;
        }
    }

    /// Writes all of it, or nothing. Returns the rooms whose version it has raised.
    pub async fn write(mut self, snapshot: &Snapshot) -> Result<BTreeSet<String>, WriteError> {
        let mut raised = BTreeSet::new();
        for (room_id, tallies) in std::mem::take(&mut self.counts) {
            let months = tallies.iter().filter(|(bucket, _)| bucket.level() == Level::Month);
            let mut sums: Additions = months
                .map(|(month, hours)| (tally::attribute(*month), hours.values().sum()))
                .collect();
            let state = snapshot.tally(&room_id);
            if state == TallyState::Untallied && sums.values().all(|sum| *sum < 0) {
                // No tally counts these sessions. No writer may begin one at this moment.
                self.check_no_tally(room_id)?;
                continue;
            }
            for (bucket, mut parts) in tallies {
                if bucket.level() == Level::Month {
                    parts.insert(VERSION.to_owned(), 1);
                }
                let update = self.update(RowKey::tally(&*room_id, bucket));
                self.push_update(adding(update, &parts, ""))?;
            }
            sums.insert(VERSION.to_owned(), 1);
            let update = self.update(RowKey::room_tally(&*room_id));
            self.push_update(match state {
                TallyState::Present if self.is_exclusive => {
                    at_version(adding(update, &sums, ""), snapshot.version(&room_id))
                }
                TallyState::Present => on_condition(adding(update, &sums, ""), EXISTS),
                TallyState::EmptyRoom if self.is_exclusive => {
                    on_condition(adding(update, &sums, ""), DOES_NOT_EXIST)
                }
                // The first writer begins the tally, and the next ones only add to it.
                TallyState::EmptyRoom => adding(update, &sums, ""),
                TallyState::Untallied => {
                    let update = update
                        .expression_attribute_names("#incomplete", INCOMPLETE)
                        .expression_attribute_values(":true", AttributeValue::Bool(true));
                    let update = adding(update, &sums, " SET #incomplete = :true");
                    on_condition(update, DOES_NOT_EXIST)
                }
            })?;
            raised.insert(room_id);
        }
        self.send().await?;
        Ok(raised)
    }

    fn check_no_tally(&mut self, room_id: String) -> Result<(), WriteError> {
        let check = ConditionCheck::builder()
            .table_name(self.table.name())
            .set_key(Some(RowKey::room_tally(room_id).into_item()))
            .condition_expression(DOES_NOT_EXIST)
            .expression_attribute_names("#room", PARTITION_KEY);
        let check = check.build().map_err(|error| TableError::unbuildable(OPERATION, &error))?;
        self.push(TransactWriteItem::builder().condition_check(check).build());
        Ok(())
    }

    /// An update of a row, to be filled.
    pub fn update(&self, key: RowKey) -> UpdateBuilder {
        Update::builder().table_name(self.table.name()).set_key(Some(key.into_item()))
    }

    pub fn push_update(&mut self, update: UpdateBuilder) -> Result<(), WriteError> {
        let update = update.build().map_err(|error| TableError::unbuildable(OPERATION, &error))?;
        self.push(TransactWriteItem::builder().update(update).build());
        Ok(())
    }

    pub fn push(&mut self, action: TransactWriteItem) {
        self.actions.push(action);
    }

    /// Sends the actions as they are.
    pub async fn send(self) -> Result<(), WriteError> {
        if self.actions.is_empty() {
            return Ok(());
        }
        let request = self
            .table
            .client()
            .transact_write_items()
            .set_transact_items(Some(self.actions))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer =
            self.table.send(request.send()).await.map_err(|error| match cancellation(&error) {
                Some(Cancellation::Conflict) => WriteError::Conflict,
                Some(Cancellation::Throttled) => {
                    TableError::throttled(OPERATION, error.request_id()).into()
                }
                None => TableError::new(OPERATION, self.table.name(), &error).into(),
            });
        let answer = answer?;
        self.table.count_request(units(answer.consumed_capacity()));
        Ok(())
    }
}

/// Adds to counts, and does what `more` says.
fn adding(mut update: UpdateBuilder, counts: &Additions, more: &str) -> UpdateBuilder {
    let mut add = Vec::with_capacity(counts.len());
    for (index, (attribute, by)) in counts.iter().enumerate() {
        add.push(format!("#c{index} :c{index}"));
        update = update
            .expression_attribute_names(format!("#c{index}"), attribute)
            .expression_attribute_values(format!(":c{index}"), number(by));
    }
    update.update_expression(format!("ADD {}{more}", add.join(", ")))
}

/// An update of a room tally that still has this version.
fn at_version(update: UpdateBuilder, version: Option<u64>) -> UpdateBuilder {
    let update = update.expression_attribute_names("#version", VERSION);
    match version {
        Some(version) => update
            .condition_expression("#version = :version")
            .expression_attribute_values(":version", number(version)),
        // A release before versions wrote it last.
        None => on_condition(update, "attribute_exists(#room) AND attribute_not_exists(#version)"),
    }
}

/// Returns an update expression of these parts.
pub(crate) fn set_and_remove(set: &[String], remove: &[String]) -> String {
    let clause = |word: &str, parts: &[String]| match parts {
        [] => String::new(),
        parts => format!("{word} {} ", parts.join(", ")),
    };
    clause("SET", set) + &clause("REMOVE", remove)
}

/// An update under [`EXISTS`] or [`DOES_NOT_EXIST`].
pub(crate) fn on_condition(update: UpdateBuilder, condition: &str) -> UpdateBuilder {
    update.condition_expression(condition).expression_attribute_names("#room", PARTITION_KEY)
}

/// A session's attributes without its primary key.
fn attributes(key: &RowKey, row: &Row) -> Result<Item, WriteError> {
    row.attributes().map_err(|error| WriteError::Unrepresentable {
        key: key.clone(),
        reason: error.to_string(),
    })
}
