//! The template and the code say the same of the table's stream, of the function on it, and of the
//! time to live.

use past_rooms::lambda::config::{HISTORY_TABLE, RETENTION_DAYS, TABLE_NAME};
use past_rooms::table::schema::{EXPIRES, STREAM_VIEW};

use crate::template::{granted, properties, template, variables};

#[test]
fn stream_and_time_to_live_are_of_the_schema() {
    let table = properties("Table");
    assert_eq!(table["StreamSpecification"]["StreamViewType"].as_str(), Some(STREAM_VIEW));
    let time_to_live = &table["TimeToLiveSpecification"];
    assert_eq!(time_to_live["AttributeName"].as_str(), Some(EXPIRES));
    assert_eq!(time_to_live["Enabled"].as_bool(), Some(true));
}

#[test]
fn failed_stream_events_go_to_a_queue() {
    let function = properties("StreamFunction");
    let read =
        [TABLE_NAME, HISTORY_TABLE, RETENTION_DAYS, "SSL_CERT_FILE", "AWS_ENDPOINT_URL_DYNAMODB"];
    assert_eq!(variables("StreamFunction"), read.map(str::to_owned).into());
    let mapping = &function["Events"]["Table"]["Properties"];
    assert_eq!(mapping["Stream"].as_str(), Some("Table.StreamArn"));
    assert_eq!(mapping["FunctionResponseTypes"][0].as_str(), Some("ReportBatchItemFailures"));
    assert_eq!(mapping["BisectBatchOnFunctionError"].as_bool(), Some(true));
    for bound in ["MaximumRetryAttempts", "MaximumRecordAgeInSeconds"] {
        assert!(mapping[bound].as_i64().is_some_and(|bound| bound > 0), "{bound}");
    }
    let destination = &mapping["DestinationConfig"]["OnFailure"]["Destination"];
    assert_eq!(destination.as_str(), Some("StreamDeadLetters.Arn"));
    let queue = properties("StreamDeadLetters");
    assert_eq!(queue["MessageRetentionPeriod"].as_i64(), Some(14 * 86_400));
    assert_eq!(queue["SqsManagedSseEnabled"].as_bool(), Some(true));
}

#[test]
fn stream_function_has_minimal_permissions() {
    let role = properties("StreamRole");
    let granted: Vec<(String, String)> = granted(&role)
        .into_iter()
        .map(|(actions, resource)| (actions.join(" "), resource))
        .collect();
    let granted: Vec<(&str, &str)> =
        granted.iter().map(|(actions, resource)| (&**actions, &**resource)).collect();
    assert_eq!(
        granted,
        [
            (
                "dynamodb:Query dynamodb:BatchGetItem dynamodb:PutItem dynamodb:UpdateItem \
                 dynamodb:DeleteItem dynamodb:ConditionCheckItem",
                "Table.Arn"
            ),
            ("dynamodb:Query", "${Table.Arn}/index/by_sid"),
            (
                "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator",
                "Table.StreamArn"
            ),
            ("dynamodb:ListStreams", "${Table.Arn}/stream/*"),
            ("sqs:SendMessage", "StreamDeadLetters.Arn"),
            ("logs:CreateLogStream logs:PutLogEvents", "StreamLogGroup.Arn"),
            ("xray:PutTraceSegments xray:PutTelemetryRecords", "*"),
        ]
    );
}

#[test]
fn stream_function_is_optional() {
    let template = template();
    let resources = template["Resources"].as_hash().expect("resources");
    let of_stream = resources
        .iter()
        .filter(|(name, _)| name.as_str().is_some_and(|name| name.starts_with("Stream")));
    let mut count = 0;
    for (name, resource) in of_stream {
        assert_eq!(resource["Condition"].as_str(), Some("CountForeignWrites"), "{name:?}");
        count += 1;
    }
    assert_eq!(count, 9);
}
