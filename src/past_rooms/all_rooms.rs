//! The handle's operations on the [history table](crate::table::history).

use std::sync::Arc;

use super::PastRooms;
use super::whole_history::WholeHistory;
#[cfg(feature = "history")]
use crate::record::WriteError;
use crate::table::Table;
#[cfg(feature = "history")]
use crate::table::keys::RowKey;
#[cfg(feature = "history")]
use crate::whole_history::{
    project::{Mode, Projected},
    reconcile::Reconciliation,
};

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
        let table = Table::history(self.table.client().clone(), table_name);
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
            Some(history) => history.project(&self.table, keys).await,
            None => Ok(Projected::default()),
        }
    }

    /// Continues the projection of the sessions that existed before the stream function, until it is
    /// complete or the deadline has passed.
    #[cfg(feature = "history")]
    pub(crate) async fn complete_history(
        &self,
        deadline: tokio::time::Instant,
    ) -> Result<(), WriteError> {
        match &self.history {
            Some(history) => history.complete(&self.table, deadline).await,
            None => Ok(()),
        }
    }

    /// Returns an iteration that brings the history table into agreement with the table. `None`: this
    /// handle has no history table.
    #[cfg(feature = "history")]
    pub fn reconciliation(&self, mode: Mode) -> Option<Reconciliation> {
        Some(self.history.as_ref()?.reconciliation(&self.table, mode))
    }
}
