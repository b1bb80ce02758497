//! The one definition of the table: its keys, its index, its stream, its time to live. A test compares
//! the template with it; the local table, the tests and the benchmarks are created from it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::operation::update_time_to_live::builders::UpdateTimeToLiveFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
    TimeToLiveSpecification,
};

/// The partition key's attribute (string).
pub const PARTITION_KEY: &str = "room_id";
/// The sort key's attribute (string).
pub const SORT_KEY: &str = "created_sid";

/// The index that finds a session by its id: a global secondary index with the keys only.
pub const BY_SID: &str = "by_sid";
/// The partition key's attribute of [`BY_SID`] (string). Only sessions have it, so no other row is
/// in the index.
pub const ROOM_SID: &str = "room_sid";

/// The attribute that this project's writers give the sessions that they put and count (`BOOL`, true).
/// A session without it was put by another writer, and may not be counted yet.
pub const COUNTED: &str = "counted";
/// The attribute with the time at which DynamoDB may delete a session (`N`, UNIX seconds): the one
/// that the table's time to live is set to.
pub const EXPIRES: &str = "expires";
/// The attribute of sessions that webhooks recorded (`S`): which of their times are certain, `created`
/// and `ended`, with a space between them. An import only fills in what such a session lacks.
pub const BY_WEBHOOKS: &str = "by_webhooks";

/// View type of the table's stream: the new image of a row, with the mark [`COUNTED`] if a session
/// has it. A deletion has only the key.
pub const STREAM_VIEW: &str = "NEW_IMAGE";

/// The sort key of a room's tally.
pub const ROOM_TALLY: &str = "~";
/// Prefix of the sort key of a month's tally, and of an hour's tally in the history table.
pub const TALLY_PREFIX: &str = "#";

/// Prefix of the sort key of a meeting in progress; its `room_sid` follows.
pub const MEETING_PREFIX: &str = "!meeting#";
/// Prefix of the sort keys of a meeting's people.
pub const PEOPLE_PREFIX: &str = "!people#";
/// Prefix of the sort key of a meeting's timer.
pub const TIMER_PREFIX: &str = "!timer#";

/// The attributes that this project's writers give a session.
pub const SESSION_ATTRIBUTES: [&str; 12] = [
    PARTITION_KEY,
    SORT_KEY,
    COUNTED,
    EXPIRES,
    BY_WEBHOOKS,
    ROOM_SID,
    "room_title",
    "joined_participants",
    "webhook_url",
    "created",
    "ended",
    "analytics_file_id",
];

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
    let attribute = |name: &str| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
    };
    let key = |name: &str, key_type: KeyType| {
        KeySchemaElement::builder().attribute_name(name).key_type(key_type).build()
    };
    let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
    let by_sid = GlobalSecondaryIndex::builder()
        .index_name(BY_SID)
        .key_schema(key(ROOM_SID, KeyType::Hash)?)
        .projection(keys_only)
        .build()?;
    Ok(client
        .create_table()
        .table_name(table_name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute(PARTITION_KEY)?)
        .attribute_definitions(attribute(SORT_KEY)?)
        .attribute_definitions(attribute(ROOM_SID)?)
        .key_schema(key(PARTITION_KEY, KeyType::Hash)?)
        .key_schema(key(SORT_KEY, KeyType::Range)?)
        .global_secondary_indexes(by_sid)
        .stream_specification(stream()?))
}

/// Returns the request that creates a [history table](super::history): the same keys, and no index,
/// stream or expiry.
///
/// # Errors
/// [`BuildError`] if the SDK finds a required field missing, which this function sets.
pub fn create_history_table(
    client: &Client,
    table_name: &str,
) -> Result<CreateTableFluentBuilder, BuildError> {
    let mut table =
        client.create_table().table_name(table_name).billing_mode(BillingMode::PayPerRequest);
    for (name, key_type) in [(PARTITION_KEY, KeyType::Hash), (SORT_KEY, KeyType::Range)] {
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name(name).key_type(key_type);
        table = table.attribute_definitions(attribute.build()?).key_schema(key.build()?);
    }
    Ok(table)
}

/// The table's stream.
///
/// # Errors
/// [`BuildError`] if the SDK finds a required field missing, which this function sets.
pub fn stream() -> Result<StreamSpecification, BuildError> {
    let view = StreamViewType::from(STREAM_VIEW);
    StreamSpecification::builder().stream_enabled(true).stream_view_type(view).build()
}

/// The request after which a table's sessions expire by their attribute [`EXPIRES`].
///
/// # Errors
/// [`BuildError`] if the SDK finds a required field missing, which this function sets.
pub fn set_time_to_live(
    client: &Client,
    table_name: &str,
) -> Result<UpdateTimeToLiveFluentBuilder, BuildError> {
    let expires =
        TimeToLiveSpecification::builder().attribute_name(EXPIRES).enabled(true).build()?;
    Ok(client.update_time_to_live().table_name(table_name).time_to_live_specification(expires))
}
