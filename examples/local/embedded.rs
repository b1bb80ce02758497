//! An embedded DynamoDB on loopback, inside this process: nothing to install, nothing left behind.
//!
//! It is reached over HTTP with the AWS SDK, as DynamoDB itself is.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use dynoxide::Database;
use past_rooms::PastRooms;
use past_rooms::table::schema;
use tokio::net::TcpListener;

/// Whether a table has its stream.
#[allow(dead_code, reason = "nobody who includes this needs both")]
#[derive(Clone, Copy)]
pub enum Stream {
    On,
    Off,
}

type Error = Box<dyn std::error::Error>;

/// The table's name in every local run.
pub const TABLE_NAME: &str = "past-rooms";

/// The name of the history table in every local run.
#[allow(dead_code, reason = "only some of those who include this have one")]
pub const HISTORY_TABLE_NAME: &str = "past-rooms-history";

/// Serves a database on all of `listeners` for as long as the runtime lives, and returns the URL on
/// the first.
pub fn start(
    database: &Database,
    listeners: impl IntoIterator<Item = TcpListener>,
) -> Result<String, Error> {
    let mut first = None;
    for listener in listeners {
        let address = listener.local_addr()?;
        first.get_or_insert(address);
        tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
    }
    let address = first.ok_or("there is nothing to listen on")?;
    Ok(format!("http://{address}"))
}

/// The SDK's settings for `endpoint`. The emulator looks at the form of the credentials only.
pub fn settings(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("local", "local", None, None, "local");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .build()
}

/// Creates a table from the project's one definition of it; to be filled, better without the stream: at
/// every row that is written the emulator looks through its whole stream, which DynamoDB does not.
pub async fn create_table(client: Client, name: &str, stream: Stream) -> Result<PastRooms, Error> {
    let table = schema::create_table(&client, name)?;
    match stream {
        Stream::On => table.send().await?,
        Stream::Off => table.set_stream_specification(None).send().await?,
    };
    schema::set_time_to_live(&client, name)?.send().await?;
    Ok(PastRooms::new(client, name))
}
