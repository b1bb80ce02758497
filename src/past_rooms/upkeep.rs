//! Upkeep of a whole history: its tallies, and when its sessions expire.

use super::PastRooms;
use crate::maintenance::{self, Expiries, Mode, Repeated, TallyReport};
use crate::record::WriteError;
use crate::table::{RoomIds, TableError};

impl PastRooms {
    /// Builds or repairs the tallies of a room from its sessions, while others may record, and
    /// reports what was wrong. Reads every key of the room, strongly consistent.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/history.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let past_rooms = sample_history().await?;
    /// let report = past_rooms.tally("room01").await?;
    /// assert_eq!(report.sessions, 2);
    /// assert!(report.is_consistent(), "{:?}", report.differences);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn tally(&self, room_id: &str) -> Result<TallyReport, WriteError> {
        maintenance::build(&self.table, room_id).await
    }

    /// Compares the tallies of a room with its sessions, and changes nothing.
    ///
    /// # Errors
    /// As [`tally`](Self::tally).
    pub async fn check_tally(&self, room_id: &str) -> Result<TallyReport, WriteError> {
        maintenance::check(&self.table, room_id).await
    }

    /// Applies [this handle's retention](Self::with_retention_days) to the existing sessions of a room:
    /// sets their time of expiry, or clears it for a handle that keeps sessions forever. Safe while others
    /// write; if it is interrupted, call it again. Costs one write unit for each 1 KB of a changed
    /// session.
    ///
    /// # Errors
    /// As [`record`](Self::record). What was changed before an error stays changed.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/history.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let past_rooms = sample_history().await?;
    /// let kept = past_rooms.with_retention_days(36_500);
    /// assert_eq!(kept.apply_retention("room01").await?.changed, 2);
    /// assert_eq!(kept.apply_retention("room01").await?.changed, 0);
    /// assert_eq!(past_rooms.apply_retention("room01").await?.changed, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn apply_retention(&self, room_id: &str) -> Result<Expiries, WriteError> {
        self.apply_retention_noting(room_id, |_| ()).await
    }

    /// As [`apply_retention`](Self::apply_retention), and calls `note` for each session that is done, also if an error
    /// ends it.
    ///
    /// # Errors
    /// As [`apply_retention`](Self::apply_retention).
    pub async fn apply_retention_noting(
        &self,
        room_id: &str,
        note: impl FnMut(Expiries),
    ) -> Result<Expiries, WriteError> {
        maintenance::apply(&self.table, self.retention, room_id, Mode::Change, note).await
    }

    /// Returns what [`apply_retention`](Self::apply_retention) would find, without changing anything.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub async fn check_retention(&self, room_id: &str) -> Result<Expiries, WriteError> {
        self.check_retention_noting(room_id, |_| ()).await
    }

    /// As [`check_retention`](Self::check_retention), and calls `note` for each session that was read.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub async fn check_retention_noting(
        &self,
        room_id: &str,
        note: impl FnMut(Expiries),
    ) -> Result<Expiries, WriteError> {
        maintenance::apply(&self.table, self.retention, room_id, Mode::Look, note).await
    }

    /// Returns the ids that several sessions have, in one room or in several. A media server gives each id
    /// once. Reads the whole index `by_sid`, and calls `read` with the number of rows of each page.
    ///
    /// # Errors
    /// [`TableError`] if DynamoDB fails, or if the table has no such index.
    pub async fn repeated(&self, read: impl FnMut(u64)) -> Result<Vec<Repeated>, TableError> {
        maintenance::repeated(&self.table, read).await
    }

    /// Whether a room has any session or tally. One that was emptied still has a tally.
    ///
    /// # Errors
    /// [`TableError`] if DynamoDB fails.
    pub async fn exists(&self, room_id: &str) -> Result<bool, TableError> {
        maintenance::exists(&self.table, room_id).await
    }

    /// The rooms of the table, some at a time. Reads the whole table.
    pub fn room_ids(&self) -> RoomIds {
        RoomIds::new(&self.table)
    }
}
