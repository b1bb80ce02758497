//! The handle of the library's users: reading, recording and keeping a history.

mod all_rooms;
mod upkeep;
mod whole_history;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;

use crate::maintenance::{self, Recount};
use crate::page::{self, CountsCache, Page, PageQuery, ReadError};
use crate::record::{self, Importer, Recorded, WriteError};
use crate::table::keys::{KeyRange, SessionKey};
use crate::table::rows::retention::Retention;
use crate::table::rows::session::Session;
use crate::table::{Meter, Table};
use whole_history::WholeHistory;

/// A history of past rooms in a DynamoDB table. Cheap to clone; clones share the bound on requests
/// in flight and what they remember of rooms.
#[derive(Debug, Clone)]
pub struct PastRooms {
    table: Table,
    cache: Arc<CountsCache>,
    retention: Retention,
    history: Option<WholeHistory>,
}

impl PastRooms {
    /// The history in the table `table_name`, which has the [schema](crate::table::schema) of this
    /// project, reached with `client`. Sends nothing.
    ///
    /// ```no_run
    /// # async fn example() {
    /// use past_rooms::PastRooms;
    ///
    /// let config = aws_config::load_from_env().await;
    /// let past_rooms = PastRooms::new(aws_sdk_dynamodb::Client::new(&config), "past-rooms");
    /// # }
    /// ```
    pub fn new(client: Client, table_name: impl Into<Arc<str>>) -> Self {
        PastRooms {
            table: Table::new(client, table_name),
            cache: Arc::default(),
            retention: Retention::default(),
            history: None,
        }
    }

    /// Returns a handle on the same history whose recorded sessions expire `days` days after their end
    /// (or their beginning, if the end is not known). DynamoDB deletes them within some days from then on,
    /// if the table's time to live is set to the attribute
    /// [`EXPIRES`](crate::table::schema::EXPIRES). 0: sessions are kept forever; those that expire
    /// already still do.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/history.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let past_rooms = sample_history().await?;
    /// use past_rooms::Session;
    ///
    /// let session = Session::new("room01", "SID_c", "2026-11-22T10:00:00Z".parse()?);
    /// let kept = past_rooms.with_retention_days(365);
    /// assert_eq!(kept.record(&[session.clone()]).await?.new, 1);
    /// // Recorded again with another retention, it expires at another time.
    /// let kept = past_rooms.with_retention_days(30);
    /// assert_eq!(kept.record(&[session.clone()]).await?.changed, 1);
    /// assert_eq!(past_rooms.record(&[session]).await?.unchanged, 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_retention_days(&self, days: u32) -> Self {
        PastRooms { retention: Retention::days(days), ..self.clone() }
    }

    /// The same history; what is asked through this handle is counted by `meter`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/history.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let past_rooms = sample_history().await?;
    /// use std::sync::Arc;
    /// use past_rooms::{Meter, PageQuery};
    ///
    /// let meter = Arc::new(Meter::default());
    /// past_rooms.metered(&meter).page(&PageQuery::new(["room01"])).await?;
    /// assert_eq!((meter.requests(), meter.units()), (1, 0.5));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn metered(&self, meter: &Arc<Meter>) -> Self {
        let history = self.history.as_ref().map(|history| history.metered(meter));
        PastRooms { table: self.table.metered(meter), history, ..self.clone() }
    }

    /// The same history with another maximum number of requests in flight, which clones of the returned
    /// handle share.
    #[must_use]
    pub fn with_max_in_flight(&self, max_in_flight: usize) -> Self {
        PastRooms { table: self.table.with_max_in_flight(max_in_flight), ..self.clone() }
    }

    /// Returns the retention of sessions recorded through this handle.
    #[cfg(feature = "meetings")]
    pub(crate) fn retention(&self) -> Retention {
        self.retention
    }

    /// The table that the history is in.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Reads a page of past sessions across rooms, at a cost that does not depend on how deep it is.
    ///
    /// The page is a slice of the history in which each write that overlaps the call is either seen
    /// or not; its total is exact in the same sense and never contradicts its rows.
    ///
    /// # Errors
    /// [`ReadError`] if DynamoDB fails, if a row of the page is not a session, or if the sessions
    /// change faster than they can be read. A page is never shorter than it should be.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/history.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let past_rooms = sample_history().await?;
    /// use past_rooms::{Order, PageQuery};
    ///
    /// let query = PageQuery::new(["room01", "room02"]).from(1).limit(20).order(Order::Desc);
    /// let page = past_rooms.page(&query).await?;
    /// assert_eq!(page.total, 2);
    /// assert_eq!(page.sessions.len(), 1);
    /// assert_eq!(page.sessions[0].room_sid, "SID_a");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn page(&self, query: &PageQuery) -> Result<Page, ReadError> {
        match &self.history {
            _ if !query.is_of_all_rooms() => page::read_page(&self.table, &self.cache, query).await,
            Some(history) => history.page(&self.table, query).await,
            None => Err(ReadError::HistoryOff),
        }
    }

    /// Records past sessions together with their counts, in as few transactions as DynamoDB's
    /// limits allow. Recording a session again changes its other fields and no count. Of a session
    /// that is given more than once, the last counts.
    ///
    /// A session costs 7 to 15 write units, recorded on its own.
    ///
    /// # Errors
    /// [`WriteError::Invalid`] before anything is written; the others if DynamoDB refuses, or stays
    /// throttled or in conflict for longer than the bound on trying again. Then each transaction
    /// is written as a whole or not at all; recording the same sessions again is always safe.
    ///
    /// If DynamoDB's answer to a transaction was lost, its sessions may be returned as unchanged
    /// although this call recorded them.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/history.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let past_rooms = sample_history().await?;
    /// use past_rooms::{PageQuery, Session};
    ///
    /// let mut session = Session::new("room01", "SID_c", "2026-11-22T10:00:00Z".parse()?);
    /// session.room_title = "Design review".to_owned();
    /// session.ended = Some("2026-11-22T11:00:00Z".parse()?);
    /// let recorded = past_rooms.record(&[session]).await?;
    /// assert_eq!((recorded.new, recorded.changed, recorded.unchanged), (1, 0, 0));
    /// assert_eq!(past_rooms.page(&PageQuery::new(["room01"])).await?.total, 3);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn record(&self, sessions: &[Session]) -> Result<Recorded, WriteError> {
        record::record(&self.table, self.retention, sessions).await
    }

    /// Imports sessions, as files have them: in part, in any order, and again and again.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/history.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let past_rooms = sample_history().await?;
    /// use past_rooms::{Entry, Field, Fields, Marks, Session};
    ///
    /// let mut session = Session::new("room01", "SID_a", "2026-11-20T10:00:00Z".parse()?);
    /// session.analytics_file_id = Some("file".to_owned());
    /// let fields = Fields::default().with(Field::AnalyticsFileId);
    /// let entry = Entry { session, fields, marks: Marks::default() };
    /// let written = past_rooms.importer().write(&[entry]).await?;
    /// assert_eq!((written.recorded.changed, written.misplaced.len()), (1, 0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn importer(&self) -> Importer {
        Importer::new(&self.table, self.retention)
    }

    /// Deletes sessions of a room together with their counts, and returns how many were there.
    ///
    /// # Errors
    /// As [`record`](Self::record). After an error some of the sessions may be deleted; those are
    /// counted no longer, all others still are.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/history.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let past_rooms = sample_history().await?;
    /// use past_rooms::{PageQuery, SessionKey};
    ///
    /// let key = SessionKey::parse("2026-11-20T10:00:00.000Z#SID_a").expect("a session's key");
    /// assert_eq!(past_rooms.delete("room01", &[key.clone()]).await?, 1);
    /// assert_eq!(past_rooms.delete("room01", &[key]).await?, 0);
    /// assert_eq!(past_rooms.page(&PageQuery::new(["room01"])).await?.total, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn delete(&self, room_id: &str, keys: &[SessionKey]) -> Result<u64, WriteError> {
        record::delete(&self.table, room_id, keys.iter().map(SessionKey::as_str)).await
    }

    /// As [`delete`](Self::delete), for sessions and [stray rows](crate::table) by their sort keys. Sort
    /// keys of other rows are ignored.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    pub async fn delete_rows(
        &self,
        room_id: &str,
        sort_keys: &[String],
    ) -> Result<u64, WriteError> {
        let range = KeyRange::sessions();
        let sort_keys = sort_keys.iter().map(|key| &**key).filter(|key| range.contains(key));
        record::delete(&self.table, room_id, sort_keys).await
    }

    /// Recounts the months of a room that these sessions lie in, after an external writer put or deleted
    /// them; it makes no difference whether they exist. A room without a complete tally gets one. Costs
    /// as much as reading those months' sessions, and some write units a month. Safe while others write,
    /// and as often as you like.
    ///
    /// The installation does this by itself, in the function on the table's stream.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/history.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let past_rooms = sample_history().await?;
    /// use past_rooms::{PageQuery, RowKey, SessionKey};
    ///
    /// // An external writer puts a row without counting it.
    /// let sort_key = "2026-11-22T10:00:00.000Z#SID_c";
    /// let table = past_rooms.table();
    /// let row = RowKey::new("room01", sort_key).into_item();
    /// table.client().put_item().table_name(table.name()).set_item(Some(row)).send().await?;
    ///
    /// let key = SessionKey::parse(sort_key).expect("a session's key");
    /// let recount = past_rooms.recount("room01", &[key]).await?;
    /// assert_eq!((recount.hours, recount.corrected), (1, 1));
    /// assert_eq!(past_rooms.page(&PageQuery::new(["room01"]).from(1)).await?.total, 3);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recount(&self, room_id: &str, keys: &[SessionKey]) -> Result<Recount, WriteError> {
        maintenance::recount(&self.table, room_id, keys).await
    }
}
