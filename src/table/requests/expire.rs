//! Expiry of the table's sessions: setting it on an existing row, and whether DynamoDB honours it.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, TimeToLiveStatus};

use crate::table::keys::RowKey;
use crate::table::requests::answer::units;
use crate::table::requests::client::Table;
use crate::table::requests::error::TableError;
use crate::table::rows::tally::number;
use crate::table::schema::{EXPIRES, PARTITION_KEY};

impl Table {
    /// Sets when a session expires, in UNIX seconds (`None`: never), if it is there and its attribute
    /// `name` still has this value. Returns whether it was.
    ///
    /// # Errors
    /// [`TableError`] if DynamoDB fails.
    pub(crate) async fn set_expires(
        &self,
        key: &RowKey,
        expires: Option<i64>,
        (name, value): (&str, Option<&AttributeValue>),
    ) -> Result<bool, TableError> {
        const OPERATION: &str = "UpdateItem";
        let mut request = self
            .client
            .update_item()
            .table_name(&*self.name)
            .set_key(Some(key.clone().into_item()))
            .expression_attribute_names("#room", PARTITION_KEY)
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_names("#name", name)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        request = match expires {
            Some(time) => request
                .update_expression("SET #expires = :expires")
                .expression_attribute_values(":expires", number(time)),
            None => request.update_expression("REMOVE #expires"),
        };
        request = match value {
            Some(value) => request
                .condition_expression("attribute_exists(#room) AND #name = :value")
                .expression_attribute_values(":value", value.clone()),
            None => request
                .condition_expression("attribute_exists(#room) AND attribute_not_exists(#name)"),
        };
        match self.send(request.send()).await {
            Ok(answer) => {
                self.count_request(units(answer.consumed_capacity.as_slice()));
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(TableError::new(OPERATION, &self.name, &error)),
            },
        }
    }

    /// Whether DynamoDB deletes the sessions that have expired.
    ///
    /// # Errors
    /// [`TableError`] if DynamoDB fails.
    pub async fn deletes_expired(&self) -> Result<bool, TableError> {
        const OPERATION: &str = "DescribeTimeToLive";
        let request = self.client.describe_time_to_live().table_name(&*self.name);
        let answer =
            request.send().await.map_err(|error| TableError::new(OPERATION, &self.name, &error))?;
        let enabled = answer.time_to_live_description.filter(|description| {
            let status = description.time_to_live_status.as_ref();
            matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
        });
        Ok(enabled.is_some_and(|enabled| enabled.attribute_name.as_deref() == Some(EXPIRES)))
    }
}
