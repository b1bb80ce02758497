//! The one definition of the table's keys. The template is held against it by a test; the local
//! table, the tests and the benchmarks are created from it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};

/// The partition key's attribute (string).
pub const PARTITION_KEY: &str = "room_id";
/// The sort key's attribute (string).
pub const SORT_KEY: &str = "created_sid";

/// The sort key of a room's tally.
pub const ROOM_TALLY: &str = "~";
/// What the sort key of a month's tally starts with; the month follows.
pub const MONTH_TALLY_PREFIX: &str = "#";

/// DynamoDB's limit for a partition key's value, in bytes of UTF-8.
///
/// Source: Amazon DynamoDB Developer Guide, "Quotas", *Partition key length*.
pub const MAX_PARTITION_KEY_BYTES: usize = 2048;
/// DynamoDB's limit for a sort key's value, in bytes of UTF-8.
///
/// Source: Amazon DynamoDB Developer Guide, "Quotas", *Sort key length*.
pub const MAX_SORT_KEY_BYTES: usize = 1024;

/// The request that creates a table of this schema, on demand, as the template does.
///
/// # Errors
/// [`BuildError`] if the SDK finds a required field missing, which this function sets.
pub fn create_table(
    client: &Client,
    table_name: &str,
) -> Result<CreateTableFluentBuilder, BuildError> {
    let mut request =
        client.create_table().table_name(table_name).billing_mode(BillingMode::PayPerRequest);
    for (attribute, key_type) in [(PARTITION_KEY, KeyType::Hash), (SORT_KEY, KeyType::Range)] {
        request = request
            .attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name(attribute)
                    .attribute_type(ScalarAttributeType::S)
                    .build()?,
            )
            .key_schema(
                KeySchemaElement::builder().attribute_name(attribute).key_type(key_type).build()?,
            );
    }
    Ok(request)
}
