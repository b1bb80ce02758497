//! The sessions of all rooms in one order, read from the [history table](crate::table::history).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::try_join;

use crate::page::{self, CountsCache, Page, PageQuery, ReadError};
#[cfg(feature = "history")]
use crate::record::WriteError;
use crate::table::history::{self, ALL_ROOMS, COMPLETE};
use crate::table::keys::RowKey;
use crate::table::requests::scan::Source;
use crate::table::schema::{PARTITION_KEY, SORT_KEY};
use crate::table::{Consistency, Meter, Table, TableError};
#[cfg(feature = "history")]
use crate::whole_history::{
    project::{self, Cause, Mode, Projected},
    reconcile::Reconciliation,
};

/// The history table and what this process knows of it.
#[derive(Debug, Clone)]
pub(super) struct WholeHistory {
    table: Table,
    cache: Arc<CountsCache>,
    is_complete: Arc<AtomicBool>,
}

impl WholeHistory {
    /// Returns a handle that knows nothing of the table yet.
    pub fn new(table: Table) -> Self {
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

    /// Projects the sessions at these keys of `table`.
    #[cfg(feature = "history")]
    pub async fn project(
        &self,
        table: &Table,
        keys: impl IntoIterator<Item = RowKey>,
    ) -> Result<Projected, WriteError> {
        project::project(table, &self.table, keys, Cause::Event).await
    }

    /// Continues the projection of the sessions that existed before the stream function, until it is
    /// complete or the deadline has passed.
    #[cfg(feature = "history")]
    pub async fn complete(
        &self,
        table: &Table,
        deadline: tokio::time::Instant,
    ) -> Result<(), WriteError> {
        if !self.is_complete.load(Ordering::Relaxed) {
            let is_complete = project::complete(table, &self.table, deadline).await?;
            self.is_complete.fetch_or(is_complete, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Returns an iteration that brings the history table into agreement with `table`.
    #[cfg(feature = "history")]
    pub fn reconciliation(&self, table: &Table, mode: Mode) -> Reconciliation {
        Reconciliation::new(table, &self.table, mode)
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
    let keys = Source { attributes: &[PARTITION_KEY, SORT_KEY], ..Source::ALL };
    let keys = Source { consistency: Consistency::Strong, ..keys };
    let (rows, next) = table.scan(keys, None).await?;
    let is_session = |row| RowKey::of_item(row).is_some_and(|key| key.session_key().is_some());
    Ok(next.is_none() && !rows.iter().any(is_session))
}
