//! A row as DynamoDB has it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// One row as the SDK gives it.
pub type Item = HashMap<String, AttributeValue>;
