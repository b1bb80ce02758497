//! The least function that makes one DynamoDB query, with everything at its default: the baseline of the start-up
//! benchmark for the first and the warm request.

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_http::{Error, Request, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let client = &Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    lambda_http::run(service_fn(move |_: Request| async move {
        let rows = client
            .query()
            .table_name(std::env::var("TABLE_NAME")?)
            .key_condition_expression("room_id = :room")
            .expression_attribute_values(":room", AttributeValue::S("room01".to_owned()))
            .scan_index_forward(false)
            .limit(20)
            .send()
            .await?;
        Ok::<_, Error>(format!(r#"{{"rows":{}}}"#, rows.count()))
    }))
    .await
}
