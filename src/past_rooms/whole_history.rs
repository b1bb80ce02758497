//! The sessions of all rooms in one order: the [history table](crate::table::history).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::try_join;

use super::PastRooms;
use crate::page::{self, CountsCache, Page, PageQuery, ReadError};
use crate::table::history::{self, ALL_ROOMS, COMPLETE};
use crate::table::keys::KeyRange;
use crate::table::{Consistency, Meter, Table, TableError};
#[cfg(feature = "history")]
use crate::{
    record::WriteError,
    record::project::{self, Mode, Projected},
    table::keys::RowKey,
};

/// The history table and what this process knows of it.
#[derive(Debug, Clone)]
pub(super) struct WholeHistory {
    table: Table,
    cache: Arc<CountsCache>,
    is_complete: Arc<AtomicBool>,
}

impl WholeHistory {
    fn new(table: Table) -> Self {
        WholeHistory { table, cache: Arc::default(), is_complete: Arc::default() }
    }

    /// The same history table; `meter` counts its requests.
    pub fn metered(&self, meter: &Arc<Meter>) -> Self {
        WholeHistory { table: self.table.metered(meter), ..self.clone() }
    }

    /// Reads a page of all rooms' sessions, which is a page of the one room of the history table.
    ///
    /// A table without sessions needs no projection, so its page is empty.
    pub async fn page(&self, table: &Table, query: &PageQuery) -> Result<Page, ReadError> {
        let query = PageQuery { room_ids: vec![ALL_ROOMS.to_owned()], ..query.clone() };
        let read = page::read_page(&self.table, &self.cache, &query);
        if self.is_complete.load(Ordering::Relaxed) {
            return read.await;
        }
        let (is_complete, page) = try_join(async { Ok(self.is_complete().await?) }, read).await?;
        if !is_complete && !is_without_sessions(table).await? {
            return Err(ReadError::HistoryIncomplete);
        }
        Ok(page)
    }

    async fn is_complete(&self) -> Result<bool, TableError> {
        let state = self.table.get_row(history::state_key(), Consistency::Eventual).await?;
        let is_complete = state.is_some_and(|state| state.contains_key(COMPLETE));
        self.is_complete.fetch_or(is_complete, Ordering::Relaxed);
        Ok(is_complete)
    }
}

/// Returns whether a table is so small that one request reads it, and has no session.
async fn is_without_sessions(table: &Table) -> Result<bool, TableError> {
    let sessions = KeyRange::sessions();
    let page = table
        .client()
        .scan()
        .table_name(table.name())
        .consistent_read(true)
        .select(aws_sdk_dynamodb::types::Select::Count)
        .filter_expression("created_sid BETWEEN :low AND :high")
        .expression_attribute_values(
            ":low",
            aws_sdk_dynamodb::types::AttributeValue::S(sessions.low),
        )
        .expression_attribute_values(
            ":high",
            aws_sdk_dynamodb::types::AttributeValue::S(sessions.high),
        )
        .send()
        .await
        .map_err(|error| TableError::new("Scan", &error))?;
    Ok(page.count() == 0 && page.last_evaluated_key().is_none())
}

impl PastRooms {
    /// The same history; a query without room ids is answered from the history table `table_name`,
    /// which has the [schema](crate::table::schema::create_history_table) of this project.
    ///
    /// The function on the table's stream fills it, so it lags behind the table, usually by less than a
    /// second.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use past_rooms::{PageQuery, PastRooms};
    ///
    /// let config = aws_config::load_from_env().await;
    /// let client = aws_sdk_dynamodb::Client::new(&config);
    /// let past_rooms = PastRooms::new(client, "past-rooms").with_history("past-rooms-history");
    /// let newest = past_rooms.page(&PageQuery::all_rooms()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_history(&self, table_name: impl Into<Arc<str>>) -> Self {
        let table = Table::new(self.table.client().clone(), table_name);
        PastRooms { history: Some(WholeHistory::new(table)), ..self.clone() }
    }

    /// Returns whether a query without room ids can be answered.
    pub fn has_history(&self) -> bool {
        self.history.is_some()
    }

    /// Projects the sessions at these keys into the history table, if this handle has one.
    #[cfg(feature = "history")]
    pub(crate) async fn project(
        &self,
        keys: impl IntoIterator<Item = RowKey>,
    ) -> Result<Projected, WriteError> {
        match &self.history {
            Some(history) => project::project(&self.table, &history.table, keys, Mode::Write).await,
            None => Ok(Projected::default()),
        }
    }

    /// Continues the projection of the sessions that existed before the stream function, until it is
    /// complete or the deadline is near. Returns whether it is complete.
    #[cfg(feature = "history")]
    pub(crate) async fn complete_history(
        &self,
        deadline: tokio::time::Instant,
    ) -> Result<bool, WriteError> {
        let Some(history) = &self.history else { return Ok(true) };
        if history.is_complete.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let is_complete = project::complete(&self.table, &history.table, deadline).await?;
        history.is_complete.fetch_or(is_complete, Ordering::Relaxed);
        Ok(is_complete)
    }

    /// Returns an iteration that brings the history table into agreement with the table. `None`: this
    /// handle has no history table.
    #[cfg(feature = "history")]
    pub fn reconciliation(&self, mode: Mode) -> Option<Reconciliation> {
        let history = self.history.as_ref()?.table.clone();
        Some(Reconciliation { table: self.table.clone(), history, mode, step: Step::Table(None) })
    }
}

/// Brings the history table into agreement with the table, step by step, while others write.
#[cfg(feature = "history")]
#[derive(Debug)]
pub struct Reconciliation {
    table: Table,
    history: Table,
    mode: Mode,
    step: Step,
}

/// Where a reconciliation continues.
#[cfg(feature = "history")]
#[derive(Debug, Clone)]
enum Step {
    /// Behind this key of the table: sessions that are missing or different.
    Table(Option<RowKey>),
    /// Behind this key of the history table: rows without a session.
    History(Option<RowKey>),
    End,
}

/// What one step of a [`Reconciliation`] did.
#[cfg(feature = "history")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// Sessions of the table that it read.
    pub sessions: u64,
    /// The differences.
    pub differences: Projected,
}

#[cfg(feature = "history")]
impl Reconciliation {
    /// Reconciles some hundred rows. `None`: it is finished, and the history table is complete.
    ///
    /// # Errors
    /// [`WriteError`] if DynamoDB fails. The next call repeats the step.
    pub async fn next(&mut self) -> Result<Option<Reconciled>, WriteError> {
        let (scanned, after) = match self.step.clone() {
            Step::Table(after) => (&self.table, after),
            Step::History(after) => (&self.history, after),
            Step::End => return Ok(None),
        };
        let is_table = matches!(self.step, Step::Table(_));
        let (keys, next) = if is_table {
            project::scan(scanned, after).await?
        } else {
            project::scan_sources(scanned, after).await?
        };
        let keys: Vec<RowKey> =
            keys.into_iter().filter(|key| history::key(key).is_some()).collect();
        let sessions = if is_table { keys.len() as u64 } else { 0 };
        let differences = project::reconcile(&self.table, &self.history, keys, self.mode).await?;
        self.step = match (is_table, next) {
            (true, Some(next)) => Step::Table(Some(next)),
            (true, None) => Step::History(None),
            (false, Some(next)) => Step::History(Some(next)),
            (false, None) => Step::End,
        };
        if matches!(self.step, Step::End) && self.mode == Mode::Write {
            project::write_state(&self.history, None).await?;
        }
        Ok(Some(Reconciled { sessions, differences }))
    }
}
