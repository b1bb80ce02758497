//! A meeting's rows in the table. Each write takes effect whatever else is written at the same time:
//! a report replaces only a lesser one, and people are added to sets.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};

use super::state::{Kind, Meeting, Report};
use crate::record::Withdrawn;
use crate::table::keys::{KeyRange, RowKey, string_attribute};
use crate::table::rows::meeting::{
    BEGUN, RECORDED, RECORDED_KEY, WITHDRAWN, meeting_key, meetings_prefix, sid_of_meeting,
    timer_key,
};
use crate::table::rows::tally::{VERSION, number};
use crate::table::schema::{EXPIRES, PARTITION_KEY};
use crate::table::{Consistency, Item, RowQuery, Table, TableError, units};

const OPERATION: &str = "UpdateItem";

/// A meeting as stored.
#[derive(Debug, Clone)]
pub(super) struct StoredMeeting {
    pub room_id: String,
    pub room_sid: String,
    pub meeting: Meeting,
    /// Raised by every write. `None`: the row does not exist.
    pub version: Option<String>,
    /// Whether what its first report starts is done.
    pub begun: bool,
    /// Key of its recorded session.
    pub recorded_key: Option<RowKey>,
    /// The recorded values.
    pub recorded: Option<String>,
    /// Its session, if it was recorded too early and withdrawn.
    pub withdrawn: Option<Withdrawn>,
}

impl StoredMeeting {
    fn of_item(room_id: &str, room_sid: &str, item: &Item) -> Self {
        let mut meeting = Meeting::default();
        for kind in Kind::ALL {
            if let Some(report) = string_attribute(item, kind.attribute()) {
                meeting.add_encoded(kind, report.to_owned());
            }
        }
        let version = item.get(VERSION).and_then(|version| version.as_n().ok().cloned());
        let recorded_key = string_attribute(item, RECORDED_KEY);
        StoredMeeting {
            room_id: room_id.to_owned(),
            room_sid: room_sid.to_owned(),
            meeting,
            version,
            begun: item.contains_key(BEGUN),
            recorded_key: recorded_key.map(|key| RowKey::new(room_id, key)),
            recorded: string_attribute(item, RECORDED).map(str::to_owned),
            withdrawn: string_attribute(item, WITHDRAWN).and_then(Withdrawn::decode),
        }
    }

    /// Completes an update of the meeting's row: its session is recorded at `key`. Fails if the row
    /// changed since it was read.
    pub fn claim(&self, update: UpdateBuilder, key: &RowKey, recorded: &str) -> UpdateBuilder {
        self.if_unchanged(update)
            .update_expression("SET #recorded = :recorded, #key = :key ADD #version :one")
            .expression_attribute_values(":recorded", AttributeValue::S(recorded.to_owned()))
            .expression_attribute_values(":key", AttributeValue::S(key.sort_key.clone()))
    }

    /// Completes an update of the meeting's row: its session is recorded no longer. Fails if the row
    /// changed since it was read.
    pub fn release(&self, update: UpdateBuilder, withdrawn: &Withdrawn) -> UpdateBuilder {
        self.if_unchanged(update)
            .update_expression(
                "SET #withdrawn = :withdrawn REMOVE #recorded, #key ADD #version :one",
            )
            .expression_attribute_names("#withdrawn", WITHDRAWN)
            .expression_attribute_values(":withdrawn", AttributeValue::S(withdrawn.encode()))
    }

    fn if_unchanged(&self, update: UpdateBuilder) -> UpdateBuilder {
        let version = AttributeValue::N(self.version.clone().unwrap_or_default());
        update
            .condition_expression("#version = :version")
            .expression_attribute_names("#recorded", RECORDED)
            .expression_attribute_names("#key", RECORDED_KEY)
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":version", version)
            .expression_attribute_values(":one", number(1))
    }
}

/// Adds a report to a meeting, and returns the meeting as it is then, reports of others included.
pub(super) async fn add_report(
    table: &Table,
    (room_id, room_sid): (&str, &str),
    (kind, report): (Kind, &Report),
    expires: i64,
) -> Result<StoredMeeting, TableError> {
    let request = table
        .client()
        .update_item()
        .table_name(table.name())
        .set_key(Some(meeting_key(room_id, room_sid).into_item()))
        .update_expression("SET #kind = :report, #expires = :expires ADD #version :one")
        .condition_expression("attribute_not_exists(#kind) OR #kind < :report")
        .expression_attribute_names("#kind", kind.attribute())
        .expression_attribute_names("#expires", EXPIRES)
        .expression_attribute_names("#version", VERSION)
        .expression_attribute_values(":report", AttributeValue::S(report.encode()))
        .expression_attribute_values(":expires", number(expires))
        .expression_attribute_values(":one", number(1))
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .return_consumed_capacity(ReturnConsumedCapacity::Total);
    let item = match request.send().await {
        Ok(answer) => {
            table.count_request(units(answer.consumed_capacity.as_slice()));
            answer.attributes
        }
        Err(error) => match refused(&error) {
            Some(item) => {
                table.count_request(0.0);
                Some(item)
            }
            None => return Err(TableError::new(OPERATION, table.name(), &error)),
        },
    };
    match item {
        Some(item) => Ok(StoredMeeting::of_item(room_id, room_sid, &item)),
        None => read(table, room_id, room_sid).await,
    }
}

/// The row as it is, if an update was refused because it has a greater report, or the same.
fn refused<R>(error: &SdkError<UpdateItemError, R>) -> Option<Item> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item.clone(),
        _ => None,
    }
}

/// Reads a meeting, strongly consistent. Without a row it has no reports.
pub(super) async fn read(
    table: &Table,
    room_id: &str,
    room_sid: &str,
) -> Result<StoredMeeting, TableError> {
    let row = table.get_row(meeting_key(room_id, room_sid), Consistency::Strong).await?;
    Ok(StoredMeeting::of_item(room_id, room_sid, &row.unwrap_or_default()))
}

/// Reads all meetings of a room.
pub(super) async fn of_room(
    table: &Table,
    room_id: &str,
) -> Result<Vec<StoredMeeting>, TableError> {
    let range = KeyRange::with_prefix(meetings_prefix());
    let mut meetings = Vec::new();
    table
        .walk(RowQuery::rows(room_id, &range, Consistency::Strong), |item| {
            let key = RowKey::of_item(&item);
            if let Some(room_sid) = key.as_ref().and_then(sid_of_meeting) {
                meetings.push(StoredMeeting::of_item(room_id, room_sid, &item));
            }
        })
        .await?;
    Ok(meetings)
}

/// Sets the time at which to look whether a meeting is over.
pub(super) async fn set_timer(
    table: &Table,
    room_id: &str,
    room_sid: &str,
    expires: i64,
) -> Result<(), TableError> {
    let mut item = timer_key(room_id, room_sid).into_item();
    item.insert(EXPIRES.to_owned(), number(expires));
    let request = table
        .client()
        .put_item()
        .table_name(table.name())
        .set_item(Some(item))
        .return_consumed_capacity(ReturnConsumedCapacity::Total);
    let answer =
        request.send().await.map_err(|error| TableError::new("PutItem", table.name(), &error))?;
    table.count_request(units(answer.consumed_capacity.as_slice()));
    Ok(())
}

/// Notes that what a meeting's first report starts is done.
pub(super) async fn set_begun(
    table: &Table,
    room_id: &str,
    room_sid: &str,
) -> Result<(), TableError> {
    let begun = AttributeValue::Bool(true);
    set(table, meeting_key(room_id, room_sid), (BEGUN, begun)).await
}

/// Sets an attribute of a row, unless the row has expired meanwhile.
pub(super) async fn set(
    table: &Table,
    key: RowKey,
    (attribute, value): (&str, AttributeValue),
) -> Result<(), TableError> {
    let request = table
        .client()
        .update_item()
        .table_name(table.name())
        .set_key(Some(key.into_item()))
        .update_expression("SET #attribute = :value")
        .condition_expression("attribute_exists(#room)")
        .expression_attribute_names("#attribute", attribute)
        .expression_attribute_names("#room", PARTITION_KEY)
        .expression_attribute_values(":value", value)
        .return_consumed_capacity(ReturnConsumedCapacity::Total);
    match request.send().await {
        Ok(answer) => table.count_request(units(answer.consumed_capacity.as_slice())),
        Err(error) if has_expired(&error) => table.count_request(0.0),
        Err(error) => return Err(TableError::new(OPERATION, table.name(), &error)),
    }
    Ok(())
}

fn has_expired<R>(error: &SdkError<UpdateItemError, R>) -> bool {
    let error = error.as_service_error();
    error.is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}
