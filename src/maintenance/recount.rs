//! Recounting the months of a room in which an external writer put or deleted sessions.
//!
//! Nothing is added or subtracted for a change: its event may come twice, late, or after the row has
//! changed again. The month that it lies in is counted instead, and its tallies are set, on condition
//! that the month's version is unchanged since before the count. So the result does not depend on how
//! often, when and in which order events are handled after the last change.
//!
//! The version is raised even if nothing is wrong. Of two processes that count a month at the same time,
//! one may have counted before the last change, and would otherwise write its stale count after the
//! other found everything right.

use std::collections::BTreeSet;

use crate::maintenance::audit::MonthAudit;
use crate::maintenance::repair::MONTHS_PER_TRANSACTION;
use crate::maintenance::room_tallies::RoomTallies;
use crate::record::{ATTEMPTS, WriteError};
use crate::table::Table;
use crate::table::bucket::{Bucket, Level};
use crate::table::keys::SessionKey;
use crate::table::requests::retry::with_retries;

/// The outcome of a recount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Recount {
    /// Hours in which the given sessions lie.
    pub hours: u64,
    /// Hours of their months whose count was wrong, and is right now.
    pub corrected: u64,
}

/// Recounts the months that these keys lie in, whether sessions with these keys exist or not.
pub(crate) async fn recount(
    table: &Table,
    room_id: &str,
    keys: &[SessionKey],
) -> Result<Recount, WriteError> {
    let hours: BTreeSet<Bucket> = keys.iter().map(SessionKey::hour).collect();
    let months: BTreeSet<Bucket> = hours.iter().map(|hour| hour.within(Level::Month)).collect();
    let months: Vec<Bucket> = months.into_iter().collect();
    let room = RoomTallies { table, room_id };
    let mut recount = Recount { hours: hours.len() as u64, corrected: 0 };
    for some in months.chunks(MONTHS_PER_TRANSACTION) {
        let attempt = || room.audit_months(some);
        let Some(audits) = with_retries(ATTEMPTS, WriteError::is_transient, attempt).await? else {
            // Building the tally counts all months.
            let differences = room.build().await?.differences;
            let hours = differences.iter().filter(|one| one.bucket.level() == Level::Hour);
            recount.corrected = hours.count() as u64;
            return Ok(recount);
        };
        let repaired =
            room.repair_all(audits.into_iter().map(|(month, audit)| (month, Some(audit)))).await?;
        recount.corrected += repaired.values().map(MonthAudit::wrong_hours).sum::<u64>();
    }
    Ok(recount)
}
