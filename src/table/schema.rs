//! The one definition of the table's keys. The template is held against it by a test, and the local table, the
//! tests and the benchmarks are created from it.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use aws_sdk_dynamodb::{Client, operation::create_table::builders::CreateTableFluentBuilder};

use super::Item;

/// The partition key's attribute (string).
pub const PARTITION_KEY: &str = "room_id";
/// The sort key's attribute (string).
pub const SORT_KEY: &str = "created_sid";

/// DynamoDB's limit for a partition key's value, in bytes of UTF-8.
///
/// Source: Amazon DynamoDB Developer Guide, "Quotas", *Partition key length*.
pub const MAX_PARTITION_KEY_BYTES: usize = 2048;
/// DynamoDB's limit for a sort key's value, in bytes of UTF-8.
///
/// Source: Amazon DynamoDB Developer Guide, "Quotas", *Sort key length*.
pub const MAX_SORT_KEY_BYTES: usize = 1024;

/// The greatest character: behind a prefix, it makes the key above every key with that prefix that is in use.
const LAST_CHARACTER: char = '\u{10FFFF}';

/// A range of sort keys, both ends included, in byte order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    pub low: String,
    pub high: String,
}

impl KeyRange {
    /// Every session of a room: the keys that start with a digit.
    pub fn sessions() -> Self {
        KeyRange {
            low: "0".to_owned(),
            high: after_prefix("9"),
        }
    }

    /// Every key that starts with `prefix`.
    pub fn with_prefix(prefix: &str) -> Self {
        KeyRange {
            low: prefix.to_owned(),
            high: after_prefix(prefix),
        }
    }
}

/// The end of the range of keys that start with `prefix`.
pub fn after_prefix(prefix: &str) -> String {
    format!("{prefix}{LAST_CHARACTER}")
}

/// The primary key of a row, as the requests want it.
pub fn primary_key(room_id: &str, sort_key: &str) -> Item {
    Item::from([
        (
            PARTITION_KEY.to_owned(),
            AttributeValue::S(room_id.to_owned()),
        ),
        (SORT_KEY.to_owned(), AttributeValue::S(sort_key.to_owned())),
    ])
}

/// A row's text attribute, such as one of its keys.
pub fn text<'a>(item: &'a Item, attribute: &str) -> Option<&'a str> {
    item.get(attribute)?.as_s().ok().map(String::as_str)
}

/// The request that makes a table of this schema, on demand, as the template makes it.
pub fn create_table(
    client: &Client,
    table_name: &str,
) -> Result<CreateTableFluentBuilder, BuildError> {
    let mut request = client
        .create_table()
        .table_name(table_name)
        .billing_mode(BillingMode::PayPerRequest);
    for (attribute, key_type) in [(PARTITION_KEY, KeyType::Hash), (SORT_KEY, KeyType::Range)] {
        request = request
            .attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name(attribute)
                    .attribute_type(ScalarAttributeType::S)
                    .build()?,
            )
            .key_schema(
                KeySchemaElement::builder()
                    .attribute_name(attribute)
                    .key_type(key_type)
                    .build()?,
            );
    }
    Ok(request)
}
