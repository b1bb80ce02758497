//! Whole rows, a page at a time: of the table, or of a room.

use futures_util::stream::{self, Stream};

use crate::table::item::Item;
use crate::table::keys::KeyRange;
use crate::table::requests::client::{Consistency, Table};
use crate::table::requests::error::TableError;
use crate::table::requests::query::RowQuery;
use crate::table::requests::scan::{SEGMENTS, Source};
use crate::table::schema::{PARTITION_KEY, SORT_KEY};

/// Every attribute of every row.
const EVERYTHING: Source = Source::ALL;

/// The keys of every row.
const KEYS: Source = Source { attributes: &[PARTITION_KEY, SORT_KEY], ..Source::ALL };

/// Rows that one query reads.
const ROWS_AT_ONCE: usize = 1000;

impl Table {
    /// Returns all rows of the table. Several segments are read concurrently, each a page at a time and
    /// only while the stream is polled, so at most one page of each is in memory. The rows of a room
    /// follow one another within their pages, but pages of several rooms alternate. A row written
    /// during the scan may be included or not.
    ///
    /// The stream ends with the first error.
    pub fn pages(&self) -> impl Stream<Item = Result<Vec<Item>, TableError>> + Unpin {
        self.scan_pages(EVERYTHING)
    }

    /// Returns the keys of all rows, as [`pages`](Self::pages) does the rows.
    pub fn key_pages(&self) -> impl Stream<Item = Result<Vec<Item>, TableError>> + Unpin {
        self.scan_pages(KEYS)
    }

    fn scan_pages(
        &self,
        source: Source,
    ) -> impl Stream<Item = Result<Vec<Item>, TableError>> + Unpin {
        let parts = (0..SEGMENTS).map(move |segment| {
            let source = Source { segment: Some(segment), ..source };
            let part = stream::try_unfold(Next::From(None), move |next| async move {
                let Next::From(start) = next else { return Ok(None) };
                let (items, last) = self.scan(source, start).await?;
                Ok(Some((items, Next::after(last))))
            });
            Box::pin(part)
        });
        stream::select_all(parts)
    }

    /// Returns all rows of a room in the order of their keys, strongly consistent.
    ///
    /// The stream ends with the first error.
    pub fn pages_of_room(
        &self,
        room_id: &str,
    ) -> impl Stream<Item = Result<Vec<Item>, TableError>> + Unpin {
        Box::pin(stream::try_unfold(Next::From(None), move |next| async move {
            let Next::From(after): Next<String> = next else { return Ok(None) };
            let range = KeyRange::all();
            let query = RowQuery {
                after: after.as_deref(),
                limit: Some(ROWS_AT_ONCE),
                ..RowQuery::rows(room_id, &range, Consistency::Strong)
            };
            let page = self.query(query).await?;
            Ok(Some((page.items, Next::after(page.next))))
        }))
    }
}

/// The continuation of a listing.
enum Next<T> {
    /// From the beginning, or behind this.
    From(Option<T>),
    Nowhere,
}

impl<T> Next<T> {
    fn after(last: Option<T>) -> Self {
        last.map_or(Next::Nowhere, |last| Next::From(Some(last)))
    }
}
