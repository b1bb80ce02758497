//! `Scan`: which rooms a table has, which ids several of its sessions share, and its [whole
//! rows](super::pages).

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::operation::RequestId;
use aws_sdk_dynamodb::operation::scan::ScanOutput;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use futures_util::future::try_join_all;

use crate::table::item::Item;
use crate::table::keys::{RowKey, string_attribute};
use crate::table::requests::answer::{InvalidAnswer, ensure, present, units, valid};
use crate::table::requests::client::{Consistency, Table};
use crate::table::requests::error::TableError;
use crate::table::schema::{BY_SID, PARTITION_KEY, ROOM_SID, SORT_KEY};

const OPERATION: &str = "Scan";

/// Parts of a table that are scanned side by side.
pub(crate) const SEGMENTS: i32 = 8;
/// Default maximum of rows that one request reads. It bounds the memory of many requests at once.
const ROWS_AT_ONCE: i32 = 3000;

/// The scanned part of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    pub index: Option<&'static str>,
    /// Without any, whole rows.
    pub attributes: &'static [&'static str],
    /// One part of the table, of [`SEGMENTS`].
    pub segment: Option<i32>,
    /// Maximum number of rows that one request reads.
    pub rows: i32,
    /// Which state of the table to read.
    pub consistency: Consistency,
}

impl Source {
    /// The table with all its rows and attributes.
    pub const ALL: Self = Source {
        index: None,
        attributes: &[],
        segment: None,
        rows: ROWS_AT_ONCE,
        consistency: Consistency::Eventual,
    };
}

const ROOMS: Source = Source { attributes: &[PARTITION_KEY], ..Source::ALL };
const SIDS: Source =
    Source { index: Some(BY_SID), attributes: &[ROOM_SID, PARTITION_KEY, SORT_KEY], ..Source::ALL };

/// The rooms of a table, some at a time, each once.
///
/// A scan returns the rows of one partition one after the other, so a room is new when it differs
/// from the one before.
#[derive(Debug)]
pub struct RoomIds {
    table: Table,
    source: Source,
    start: Option<Item>,
    last: Option<String>,
    at_end: bool,
}

impl RoomIds {
    /// Begins at the first room of `table`. Sends nothing yet.
    pub fn new(table: &Table) -> Self {
        RoomIds::of(table, ROOMS)
    }

    fn of(table: &Table, source: Source) -> Self {
        RoomIds { table: table.clone(), source, start: None, last: None, at_end: false }
    }

    /// The next rooms, of one page of the scan: now and then none. `None`: there are no more.
    ///
    /// # Errors
    /// [`TableError`] if the table cannot be scanned; the next call tries the same page again.
    pub async fn next(&mut self) -> Result<Option<Vec<String>>, TableError> {
        if self.at_end {
            return Ok(None);
        }
        let (items, next) = self.table.scan(self.source, self.start.clone()).await?;
        Ok(Some(self.take(&items, next)))
    }

    fn take(&mut self, items: &[Item], next: Option<Item>) -> Vec<String> {
        let mut rooms = Vec::new();
        for room_id in items.iter().filter_map(|item| string_attribute(item, PARTITION_KEY)) {
            if self.last.as_deref() != Some(room_id) {
                self.last = Some(room_id.to_owned());
                rooms.extend(self.last.clone());
            }
        }
        self.start = next;
        self.at_end = self.start.is_none();
        rooms
    }

    /// All that are left.
    async fn all(mut self) -> Result<Vec<String>, TableError> {
        let mut rooms = Vec::new();
        while !self.at_end {
            let page = self.table.scan(self.source, self.start.clone()).await?;
            rooms.extend(self.take(&page.0, page.1));
        }
        Ok(rooms)
    }
}

impl Table {
    /// All rooms of the table, in the order of their ids. Reads the whole table, in several parts
    /// side by side.
    ///
    /// # Errors
    /// [`TableError`] if the table cannot be scanned.
    pub async fn rooms(&self) -> Result<Vec<String>, TableError> {
        let segments = (0..SEGMENTS).map(|segment| Source { segment: Some(segment), ..ROOMS });
        let segments = segments.map(|source| RoomIds::of(self, source).all());
        let mut rooms = try_join_all(segments).await?.concat();
        rooms.sort_unstable();
        Ok(rooms)
    }

    /// Returns the ids that several sessions have, with their keys. Reads the whole index [`BY_SID`], which
    /// may lag behind the table by about a second. Calls `read` with the number of rows of each page.
    ///
    /// # Errors
    /// [`TableError`] if the index cannot be scanned, or if the table has no such index.
    pub async fn repeated_sids(
        &self,
        mut read: impl FnMut(u64),
    ) -> Result<BTreeMap<String, BTreeSet<RowKey>>, TableError> {
        let mut sids = RepeatedSids::default();
        let mut start = None;
        loop {
            let (items, next) = self.scan(SIDS, start).await?;
            read(items.len() as u64);
            items.iter().for_each(|item| sids.add(item));
            start = next;
            if start.is_none() {
                return Ok(sids.end());
            }
        }
    }

    /// Reads one page, and returns where to continue.
    pub(crate) async fn scan(
        &self,
        source: Source,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), TableError> {
        valid(|| self.scan_once(source, start.clone())).await
    }

    async fn scan_once(
        &self,
        source: Source,
        start: Option<Item>,
    ) -> Result<Result<(Vec<Item>, Option<Item>), TableError>, TableError> {
        let mut request = self
            .client
            .scan()
            .table_name(&*self.name)
            .set_index_name(source.index.map(str::to_owned))
            .set_segment(source.segment)
            .set_total_segments(source.segment.map(|_| SEGMENTS))
            .limit(source.rows)
            .consistent_read(source.consistency == Consistency::Strong)
            .set_exclusive_start_key(start)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let mut projection = Vec::new();
        for (index, name) in source.attributes.iter().enumerate() {
            projection.push(format!("#a{index}"));
            request = request.expression_attribute_names(format!("#a{index}"), *name);
        }
        let projection = (!projection.is_empty()).then(|| projection.join(", "));
        let request = request.set_projection_expression(projection);
        let page = self
            .send(request.send())
            .await
            .map_err(|error| TableError::new(OPERATION, &self.name, &error))?;
        let request_id = page.request_id().map(str::to_owned);
        let invalid = |invalid: InvalidAnswer| invalid.of(OPERATION, request_id.as_deref());
        self.count_request(units(page.consumed_capacity.as_slice()));
        Ok(validate(source, page).map_err(invalid))
    }
}

/// Returns the rows of an answer, and where to continue.
fn validate(
    source: Source,
    answer: ScanOutput,
) -> Result<(Vec<Item>, Option<Item>), InvalidAnswer> {
    let items = present(answer.items, "Items")?;
    ensure(usize::try_from(answer.count) == Ok(items.len()), || {
        format!("Count is {}, but it has {} rows", answer.count, items.len())
    })?;
    let next = match answer.last_evaluated_key {
        // A scan that is stopped by its limit always says where to continue.
        None if i32::try_from(items.len()) == Ok(source.rows) && source.index.is_none() => {
            items.last().and_then(RowKey::of_item).map(RowKey::into_item)
        }
        next => next,
    };
    Ok((items, next))
}

/// Collects the repeated ids from the index's rows. Rows of one id follow each other, because the id is the
/// index's partition key.
#[derive(Default)]
struct RepeatedSids {
    room_sid: String,
    keys: BTreeSet<RowKey>,
    found: BTreeMap<String, BTreeSet<RowKey>>,
}

impl RepeatedSids {
    fn add(&mut self, item: &Item) {
        let room_sid = string_attribute(item, ROOM_SID).unwrap_or_default();
        if room_sid != self.room_sid {
            self.take();
            room_sid.clone_into(&mut self.room_sid);
        }
        // Rows of other writers that are not sessions do not count.
        self.keys.extend(RowKey::of_item(item).filter(|key| key.session_key().is_some()));
    }

    fn take(&mut self) {
        let keys = std::mem::take(&mut self.keys);
        if keys.len() > 1 {
            self.found.insert(std::mem::take(&mut self.room_sid), keys);
        }
    }

    fn end(mut self) -> BTreeMap<String, BTreeSet<RowKey>> {
        self.take();
        self.found
    }
}
