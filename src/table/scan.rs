//! `Scan`: which rooms a table has. Reads the whole table, so it is for operators only.

use aws_sdk_dynamodb::operation::RequestId;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use super::answer::{InvalidAnswer, consumed, present};
use super::client::{Item, Table};
use super::error::TableError;
use super::keys::string_attribute;
use super::schema::PARTITION_KEY;

const OPERATION: &str = "Scan";

/// The rooms of a table, some at a time, each once.
///
/// A scan returns the rows of one partition one after the other, so a room is new when it differs
/// from the one before.
#[derive(Debug)]
pub struct RoomIds {
    table: Table,
    start: Option<Item>,
    last: Option<String>,
    at_end: bool,
}

impl RoomIds {
    /// Begins at the first room of `table`. Sends nothing yet.
    pub fn new(table: &Table) -> Self {
        RoomIds { table: table.clone(), start: None, last: None, at_end: false }
    }

    /// The next rooms, of one page of the scan: now and then none. `None`: there are no more.
    ///
    /// # Errors
    /// [`TableError`] if the table cannot be scanned; the next call tries the same page again.
    pub async fn next(&mut self) -> Result<Option<Vec<String>>, TableError> {
        if self.at_end {
            return Ok(None);
        }
        let page = self
            .table
            .client()
            .scan()
            .table_name(self.table.name())
            .projection_expression("#room")
            .expression_attribute_names("#room", PARTITION_KEY)
            .set_exclusive_start_key(self.start.clone())
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| TableError::new(OPERATION, &error))?;
        let request_id = page.request_id().map(str::to_owned);
        let invalid = |invalid: InvalidAnswer| invalid.of(OPERATION, request_id.as_deref());
        self.table.count_request(consumed(page.consumed_capacity.as_slice()).map_err(invalid)?);
        let mut rooms = Vec::new();
        for item in present(page.items, "Items").map_err(invalid)? {
            let room_id = string_attribute(&item, PARTITION_KEY);
            if room_id.is_some() && room_id != self.last.as_deref() {
                self.last = room_id.map(str::to_owned);
                rooms.extend(self.last.clone());
            }
        }
        self.start = page.last_evaluated_key;
        self.at_end = self.start.is_none();
        Ok(Some(rooms))
    }
}
