//! Projecting sessions into the [history table](crate::table::history).
//!
//! A projection takes keys, not contents: it reads the session at a key as it is now, and puts or
//! deletes its row in the history table, together with the counts. So events that come twice, late, or
//! after the row has changed again lead to the same rows. DynamoDB writes an event when it commits the
//! row, so a strongly consistent read shows at least the change of the event.
//!
//! Several processes may project at the same time: those of two shards, a build, and one that Lambda
//! has given up while its last transaction is on its way. So each transaction raises the version of the
//! room tally, on condition that the version is still what it was before the table was read. Of two
//! transactions, the one that read the table earlier is written earlier or fails. For an event the
//! version is raised even if nothing else is written, because a transaction with an older state may be
//! on its way.
//!
//! The projection is *complete* once every session that existed before it began is projected, too. The
//! state row says so, or how far the scan of the table has come.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::time::Instant;

use crate::record::Snapshot;
use crate::record::{ATTEMPTS, WriteError};
use crate::record::{MAX_BYTES, Transaction, batches};
use crate::table::history::{self, ALL_ROOMS, COMPLETE, HISTORY_ROOM, HISTORY_SORT_KEY};
use crate::table::keys::RowKey;
use crate::table::requests::retry::with_retries;
use crate::table::requests::scan::Source;
use crate::table::schema::{PARTITION_KEY, SORT_KEY};
use crate::table::{Consistency, Item, Table, TableError};
use crate::whole_history::projected_row;

/// Rows that one step of the scan reads.
const ROWS_PER_STEP: i32 = 500;
/// The attributes of the state row with the key after which the scan continues.
const AFTER: [&str; 2] = ["after_room_id", "after_created_sid"];

/// Rows of the history table that a projection put or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Projected {
    /// Sessions that were missing.
    pub added: u64,
    /// Sessions whose row was different.
    pub changed: u64,
    /// Rows without a session.
    pub deleted: u64,
}

impl Projected {
    /// Returns whether the history table agreed with the table.
    pub fn is_empty(&self) -> bool {
        *self == Projected::default()
    }
}

impl std::ops::AddAssign for Projected {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.changed += other.changed;
        self.deleted += other.deleted;
    }
}

/// The treatment of differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Write what the table has.
    Write,
    /// Count the differences.
    Check,
}

/// Why sessions are projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// An event of the stream: the last one of a session decides what is projected of it.
    Event,
    /// A build or a comparison, beside the stream function.
    Reconciliation(Mode),
}

/// Projects the sessions at these keys of `table` into `history`. Other keys are ignored.
pub(crate) async fn project(
    table: &Table,
    history: &Table,
    keys: impl IntoIterator<Item = RowKey>,
    cause: Cause,
) -> Result<Projected, WriteError> {
    let mut projected = Projected::default();
    project_into(&mut projected, table, history, keys, cause).await?;
    Ok(projected)
}

/// Does the same as [`project`], and adds what is done to `projected`, also if an error ends it.
pub(crate) async fn project_into(
    projected: &mut Projected,
    table: &Table,
    history: &Table,
    keys: impl IntoIterator<Item = RowKey>,
    cause: Cause,
) -> Result<(), WriteError> {
    // In the order of time, so that a transaction touches few months.
    let keys: BTreeMap<RowKey, RowKey> =
        keys.into_iter().filter_map(|key| Some((projected_row::key(&key)?, key))).collect();
    for batch in batches(history, keys, |(own_key, _)| (own_key, 0)) {
        let attempt = || project_batch(table, history, &batch, cause);
        *projected += with_retries(ATTEMPTS, WriteError::is_transient, attempt).await?;
    }
    Ok(())
}

/// A row of the history table by its key, and the key of its session.
type Pair = (RowKey, RowKey);

async fn project_batch(
    table: &Table,
    history: &Table,
    batch: &[Pair],
    cause: Cause,
) -> Result<Projected, WriteError> {
    // The history table is read first: what changes in the table after that has an event of its own.
    let room_tally = RowKey::room_tally(ALL_ROOMS);
    let own_keys = batch.iter().map(|(own_key, _)| own_key.clone()).chain([room_tally.clone()]);
    let mut before = history.get_rows_by_key(own_keys, Consistency::Strong).await?;
    let mut snapshot = Snapshot::of_room_tally(ALL_ROOMS, before.get(&room_tally));
    let keys = batch.iter().map(|(_, key)| key.clone());
    let mut rows = table.get_rows_by_key(keys, Consistency::Strong).await?;
    let mut projected = Projected::default();
    let mut transaction = Transaction::exclusive(history);
    if cause == Cause::Event {
        transaction.raise(ALL_ROOMS);
    }
    let mut bytes = 0;
    for (own_key, key) in batch {
        let after = rows.remove(key).map(|row| projected_row::row(own_key, key, &row));
        let size = after.as_ref().map_or(0, projected_row::size);
        if bytes + size > MAX_BYTES {
            let full = std::mem::replace(&mut transaction, Transaction::exclusive(history));
            write(full, &mut snapshot, cause).await?;
            bytes = 0;
        }
        bytes += size;
        match (before.remove(own_key), after) {
            (None, Some(after)) => {
                transaction.put_projected(own_key, after, true)?;
                projected.added += 1;
            }
            (Some(before), Some(after)) if before != after => {
                transaction.raise(ALL_ROOMS);
                transaction.put_projected(own_key, after, false)?;
                projected.changed += 1;
            }
            (Some(_), None) => {
                transaction.delete(own_key)?;
                projected.deleted += 1;
            }
            _ => {}
        }
    }
    write(transaction, &mut snapshot, cause).await?;
    Ok(projected)
}

async fn write(
    transaction: Transaction<'_>,
    snapshot: &mut Snapshot,
    cause: Cause,
) -> Result<(), WriteError> {
    if cause != Cause::Reconciliation(Mode::Check) {
        let raised = transaction.write(snapshot).await?;
        raised.into_iter().for_each(|room_id| snapshot.raised(room_id));
    }
    Ok(())
}

/// Projects the sessions that existed before the stream function projected any: continues the scan of
/// the table until its end, which completes the projection, or until the deadline. Returns whether the
/// projection is complete.
pub(crate) async fn complete(
    table: &Table,
    history: &Table,
    deadline: Instant,
) -> Result<bool, WriteError> {
    let state = history.get_row(history::state_key(), Consistency::Strong).await?;
    let state = state.unwrap_or_default();
    if state.contains_key(COMPLETE) {
        return Ok(true);
    }
    let [room_id, sort_key] = AFTER.map(|name| state.get(name)?.as_s().ok().cloned());
    let mut after = room_id.zip(sort_key).map(|(room_id, key)| RowKey::new(room_id, key));
    while Instant::now() < deadline {
        let (keys, next) = scan(table, after).await?;
        project(table, history, keys, Cause::Reconciliation(Mode::Write)).await?;
        write_state(history, next.as_ref()).await?;
        if next.is_none() {
            return Ok(true);
        }
        after = next;
    }
    Ok(false)
}

/// Reads the keys of some rows, strongly consistent, and the key after which to continue.
pub(crate) async fn scan(
    table: &Table,
    after: Option<RowKey>,
) -> Result<(Vec<RowKey>, Option<RowKey>), TableError> {
    let (rows, next) = scan_rows(table, after, &[PARTITION_KEY, SORT_KEY]).await?;
    Ok((rows.iter().filter_map(RowKey::of_item).collect(), next))
}

/// Reads the keys of the sessions that some rows of the history table project, and the key after which
/// to continue.
pub(crate) async fn scan_sources(
    history: &Table,
    after: Option<RowKey>,
) -> Result<(Vec<RowKey>, Option<RowKey>), TableError> {
    const ATTRIBUTES: [&str; 4] = [PARTITION_KEY, SORT_KEY, HISTORY_ROOM, HISTORY_SORT_KEY];
    let (rows, next) = scan_rows(history, after, &ATTRIBUTES).await?;
    Ok((rows.iter().filter_map(projected_row::source).collect(), next))
}

async fn scan_rows(
    table: &Table,
    after: Option<RowKey>,
    attributes: &'static [&'static str],
) -> Result<(Vec<Item>, Option<RowKey>), TableError> {
    let source = Source { attributes, rows: ROWS_PER_STEP, ..Source::ALL };
    let source = Source { consistency: Consistency::Strong, ..source };
    let (rows, next) = table.scan(source, after.map(RowKey::into_item)).await?;
    Ok((rows, next.as_ref().and_then(RowKey::of_item)))
}

/// Records how far the scan is. `None`: it is at its end. A complete projection stays complete.
pub(crate) async fn write_state(history: &Table, after: Option<&RowKey>) -> Result<(), WriteError> {
    let mut state = history::state_key().into_item();
    match after {
        Some(after) => {
            for (name, value) in AFTER.into_iter().zip([&after.room_id, &after.sort_key]) {
                state.insert(name.to_owned(), AttributeValue::S(value.clone()));
            }
        }
        None => drop(state.insert(COMPLETE.to_owned(), AttributeValue::Bool(true))),
    }
    let put = history.client().put_item().table_name(history.name()).set_item(Some(state));
    // A slower scan must not undo the completion.
    let put = match after {
        Some(_) => put
            .condition_expression("attribute_not_exists(#complete)")
            .expression_attribute_names("#complete", COMPLETE),
        None => put,
    };
    match put.send().await {
        Ok(_) => Ok(()),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
        {
            Ok(())
        }
        Err(error) => Err(TableError::new("PutItem", history.name(), &error).into()),
    }
}
