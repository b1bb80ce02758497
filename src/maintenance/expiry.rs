//! Setting when existing sessions expire.
//!
//! Each row is changed on its own, on condition that its `ended` is still the one that its expiry was
//! computed from. So a session that is recorded meanwhile keeps its expiry. An interrupted run can be
//! started again: rows that are right already are only read.

use std::future::ready;
use std::ops::AddAssign;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use crate::maintenance::room_tallies::RoomTallies;
use crate::record::{ATTEMPTS, WriteError};
use crate::table::keys::{KeyRange, RowKey};
use crate::table::rows::retention::{self, ENDED, Retention};
use crate::table::schema::EXPIRES;
use crate::table::{Consistency, Item, RowQuery, Table};

/// Rows that one request reads.
const ROWS_AT_ONCE: usize = 1000;
/// Rows of a room that are changed at the same time.
const CHANGES_AT_ONCE: usize = 16;

/// Outcome of setting the expiry of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Expiries {
    /// Existing sessions.
    pub sessions: u64,
    /// Those that expired at another time, or never, or that expire now and did not.
    pub changed: u64,
    /// Those whose time has come: DynamoDB deletes them within some days.
    pub overdue: u64,
    /// Those without a known time, neither of their end nor of their beginning. They are left as they
    /// are.
    pub undated: u64,
}

impl AddAssign for Expiries {
    fn add_assign(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.changed += other.changed;
        self.overdue += other.overdue;
        self.undated += other.undated;
    }
}

/// Whether anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Look,
    Change,
}

/// Lets the sessions of a room expire as `retention` says. Calls `note` for each session that is done.
pub(crate) async fn apply(
    table: &Table,
    retention: Retention,
    room_id: &str,
    mode: Mode,
    mut note: impl FnMut(Expiries),
) -> Result<Expiries, WriteError> {
    let room = RoomTallies { table, room_id };
    let now = Timestamp::now().as_second();
    let mut found = Expiries::default();
    let has_failed = AtomicBool::new(false);
    let range = KeyRange::sessions();
    let query = RowQuery::attributes(room_id, &range, &[ENDED, EXPIRES], Consistency::Strong);
    let query = RowQuery { limit: Some(ROWS_AT_ONCE), ..query };
    let mut after: Option<String> = None;
    loop {
        let page = room.table.query(RowQuery { after: after.as_deref(), ..query.clone() }).await?;
        let begun = stream::iter(page.items)
            .take_while(|_| ready(!has_failed.load(Ordering::Relaxed)))
            .map(|item| change(table, retention, item, mode, now));
        let mut changes = pin!(begun.buffer_unordered(CHANGES_AT_ONCE));
        // After an error, changes in flight are still counted.
        let mut failed = Ok(());
        while let Some(changed) = changes.next().await {
            match changed {
                Ok(one) => {
                    found += one;
                    note(one);
                }
                Err(error) => {
                    has_failed.store(true, Ordering::Relaxed);
                    failed = failed.and(Err(error));
                }
            }
        }
        failed?;
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// Changes one row, if it has to be.
async fn change(
    table: &Table,
    retention: Retention,
    item: Item,
    mode: Mode,
    now: i64,
) -> Result<Expiries, WriteError> {
    let Some(key) = RowKey::of_item(&item).filter(|key| key.session_key().is_some()) else {
        return Ok(Expiries::default());
    };
    let mut row = Some(item);
    for _ in 0..ATTEMPTS {
        let Some(item) = row else {
            // It was deleted meanwhile.
            return Ok(Expiries::default());
        };
        let Some(expires) = retention.of_row(&item) else {
            return Ok(Expiries { sessions: 1, undated: 1, ..Expiries::default() });
        };
        let is_right = retention::expires(&item) == expires
            && (expires.is_some() || !item.contains_key(EXPIRES));
        let found = Expiries {
            sessions: 1,
            changed: u64::from(!is_right),
            overdue: u64::from(expires.is_some_and(|time| time <= now)),
            undated: 0,
        };
        if is_right || mode == Mode::Look {
            return Ok(found);
        }
        if table.set_expires(&key, expires, (ENDED, item.get(ENDED))).await? {
            return Ok(found);
        }
        row = table.get_row(key.clone(), Consistency::Strong).await?;
    }
    Err(WriteError::Conflict)
}
