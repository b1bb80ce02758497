//! Reading a whole room: its tallies' counts, and its sessions by hour.
//!
//! The tallies of all months are read before and after the sessions are counted. A month whose version
//! was the same both times was not written in between, so the counts of its tally and of its sessions
//! are of one moment. The other months are reported, and have to be read again.
//!
//! That takes four requests for a room of less than 1 MB, however many months it has, and a
//! [wait](crate::table::requests::isolation) before its sessions are counted. A larger one is counted in
//! several stretches side by side.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use crate::maintenance::audit::MonthAudit;
use crate::maintenance::room_tallies::RoomTallies;
use crate::record::WriteError;
use crate::table::bucket::{self, Bucket, Counts, Level};
use crate::table::keys::{self, KeyRange, RowKey, SessionKey};
use crate::table::rows::tally::{self, VERSION};
use crate::table::schema::TALLY_PREFIX;
use crate::table::{Consistency, Item, RowQuery, TableError, isolation};

/// Stretches of a large room that are counted side by side.
const STRETCHES: u64 = 8;

/// Maximum keys of one request. It bounds the memory of many requests at once.
const KEYS_AT_ONCE: usize = 3000;

/// A room's tallies, and its sessions.
pub(crate) struct Survey {
    /// The months' tallies. `None`: the month was written meanwhile.
    pub months: BTreeMap<Bucket, Option<MonthAudit>>,
    /// Sessions of the room.
    pub sessions: u64,
    /// Whether the room has a tally, or a part of one.
    pub has_tally: bool,
    /// Rows among the sessions that are not sessions.
    pub stray: Vec<RowKey>,
}

/// Sessions as counted.
#[derive(Default)]
struct Counted {
    hours: Counts,
    stray: BTreeSet<RowKey>,
}

impl Counted {
    fn add(&mut self, items: &[Item]) {
        for key in items.iter().filter_map(RowKey::of_item) {
            if let Some(key) = key.session_key() {
                bucket::count(&mut self.hours, key.hour());
            } else if keys::is_stray(&key.sort_key) {
                self.stray.insert(key);
            }
        }
    }

    fn merge(&mut self, other: Counted) {
        for (hour, sessions) in other.hours {
            *self.hours.entry(hour).or_default() += sessions;
        }
        self.stray.extend(other.stray);
    }
}

impl RoomTallies<'_> {
    /// Reads the whole room.
    pub async fn survey(&self) -> Result<Survey, WriteError> {
        let before = self.month_tallies(None).await?;
        let room_tally = self.room_tally().await?;
        if room_tally.is_some() || !before.is_empty() {
            isolation::until_transactions_are_whole().await;
        }
        let counted = self.count().await?;
        let after = self.month_tallies(Some(&[VERSION])).await?;

        let mut hours: BTreeMap<Bucket, Counts> = BTreeMap::new();
        for (hour, sessions) in counted.hours {
            hours.entry(hour.within(Level::Month)).or_default().insert(hour, sessions);
        }
        let tallied = room_tally.iter().flat_map(|row| row.keys());
        let tallied = tallied.filter_map(|name| tally::month(name));
        let names = [before.keys(), after.keys()].into_iter().flatten().chain(hours.keys());
        let names: BTreeSet<Bucket> = names.copied().chain(tallied).collect();
        let version = |row: Option<&Item>| row.and_then(|row| row.get(VERSION)).cloned();
        let sessions = hours.values().flat_map(Counts::values).sum();
        let months = names.into_iter().map(|month| {
            let (tally, hours) = (before.get(&month), hours.remove(&month).unwrap_or_default());
            let audit = MonthAudit::new(month, tally, room_tally.as_ref(), hours);
            let is_same = audit.version == version(after.get(&month));
            (month, is_same.then_some(audit))
        });
        Ok(Survey {
            months: months.collect(),
            sessions,
            has_tally: room_tally.is_some() || !before.is_empty(),
            stray: counted.stray.into_iter().collect(),
        })
    }

    /// The tallies of all months, or some of their attributes.
    async fn month_tallies(
        &self,
        attributes: Option<&[&str]>,
    ) -> Result<BTreeMap<Bucket, Item>, TableError> {
        let range = KeyRange::with_prefix(TALLY_PREFIX);
        let query = match attributes {
            Some(names) => RowQuery::attributes(self.room_id, &range, names, Consistency::Strong),
            None => RowQuery::rows(self.room_id, &range, Consistency::Strong),
        };
        let mut rows = BTreeMap::new();
        self.visit(query, |items| {
            for item in items {
                let bucket = tally::bucket_of_tally(&item);
                if let Some(month) = bucket.filter(|bucket| bucket.level() == Level::Month) {
                    rows.insert(month, item);
                }
            }
        })
        .await?;
        Ok(rows)
    }

    /// Counts the room's sessions.
    async fn count(&self) -> Result<Counted, TableError> {
        let range = KeyRange::sessions();
        let first = self.table.query(sessions(self.room_id, &range)).await?;
        let mut counted = Counted::default();
        counted.add(&first.items);
        let Some(after) = first.next else {
            return Ok(counted);
        };
        let last = RowQuery { ascending: false, limit: Some(1), ..sessions(self.room_id, &range) };
        let last = self.table.query(last).await?.items.first().and_then(SessionKey::of_item);
        let stretches = stretches(&after, last.as_ref());
        let stretches = stretches.iter().enumerate().map(async |(number, range)| {
            let mut counted = Counted::default();
            let after = (number == 0).then_some(&*after);
            let query = RowQuery { after, ..sessions(self.room_id, range) };
            self.visit(query, |items| counted.add(&items)).await?;
            Ok::<_, TableError>(counted)
        });
        for stretch in try_join_all(stretches).await? {
            counted.merge(stretch);
        }
        Ok(counted)
    }

    /// Reads all pages of a query.
    pub async fn visit(
        &self,
        query: RowQuery<'_>,
        mut visit: impl FnMut(Vec<Item>),
    ) -> Result<(), TableError> {
        let mut after = query.after.map(str::to_owned);
        loop {
            let page =
                self.table.query(RowQuery { after: after.as_deref(), ..query.clone() }).await?;
            visit(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Reads the room's tally.
    pub async fn room_tally(&self) -> Result<Option<Item>, TableError> {
        self.row(RowKey::room_tally(self.room_id)).await
    }
}

fn sessions<'a>(room_id: &'a str, range: &'a KeyRange) -> RowQuery<'a> {
    let query = RowQuery::keys(room_id, range, Consistency::Strong);
    RowQuery { limit: Some(KEYS_AT_ONCE), ..query }
}

/// Divides the sessions after a key into stretches of about as many months.
///
/// Neighbours share the key between them, which is a month and so no session's.
fn stretches(after: &str, last: Option<&SessionKey>) -> Vec<KeyRange> {
    let KeyRange { high: end, .. } = KeyRange::sessions();
    let number = |key: &SessionKey| key.month().number();
    let first = SessionKey::parse(after).as_ref().map(number);
    let last = last.map(number);
    let mut ranges = Vec::new();
    let mut low = after.to_owned();
    if let (Some(first), Some(last)) = (first, last) {
        let months = last.saturating_sub(first) + 1;
        let stretches = STRETCHES.min(months);
        for stretch in 1..stretches {
            let high = Bucket::month(first + months * stretch / stretches).prefix();
            ranges.push(KeyRange { low, high: high.clone() });
            low = high;
        }
    }
    ranges.push(KeyRange { low, high: end });
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(after: &str, last: &str) -> Vec<String> {
        let ranges = stretches(after, SessionKey::parse(last).as_ref());
        assert_eq!(ranges.last().map(|range| &*range.high), Some(&*KeyRange::sessions().high));
        for pair in ranges.windows(2) {
            assert_eq!(pair[0].high, pair[1].low);
        }
        ranges.into_iter().map(|range| range.low).collect()
    }

    #[test]
    fn large_room_is_divided_between_months() {
        let after = "2024-01-22T10:00:00.000Z#x";
        assert_eq!(bounds(after, after), [after]);
        assert_eq!(bounds(after, "2024-02-01T00:00:00.000Z#y"), [after, "2024-02"]);
        let eight = bounds(after, "2025-04-01T00:00:00.000Z#y");
        assert_eq!((eight.len(), &*eight[1], &*eight[7]), (8, "2024-03", "2025-03"));
        assert_eq!(bounds("2024", "9"), ["2024"]);
    }
}
