// The beginning of the examples of the library's documentation: a history of their own, in an
// embedded DynamoDB. They include this file, so it cannot begin with `//!`.

/// Two sessions of `room01` in a database that lives as long as the example.
async fn sample_history() -> Result<past_rooms::PastRooms, Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory()?));
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::from_static("us-east-1"))
        .credentials_provider(aws_sdk_dynamodb::config::Credentials::new("a", "b", None, None, ""))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    past_rooms::table::schema::create_table(&client, "past-rooms")?.send().await?;
    let past_rooms = past_rooms::PastRooms::new(client, "past-rooms");
    for (created, room_sid) in
        [("2026-11-20T10:00:00Z", "SID_a"), ("2026-11-21T10:00:00Z", "SID_b")]
    {
        let session = past_rooms::Session::new("room01", room_sid, created.parse()?);
        past_rooms.record(&[session]).await?;
    }
    Ok(past_rooms)
}
