//! Connections that broke while the function was frozen, and between two requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryPartition;
use past_rooms::dynamodb::connections::{FreshConnections, IDLE};
use past_rooms::{PageQuery, PastRooms, dynamodb};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::support::tunnel::{Break, Tunnel};
use crate::support::{Database, history};

/// A history behind a tunnel, read with the function's own client and a wall clock that the test sets.
struct Behind {
    tunnel: Tunnel,
    past_rooms: PastRooms,
    rooms: Vec<String>,
    passed: Arc<AtomicU64>,
    _database: Database,
}

impl Behind {
    /// Fills `rooms` rooms with two sessions each.
    async fn new(rooms: usize, delay: Duration) -> Self {
        let database = Database::start().await;
        let rooms: Vec<String> = (0..rooms).map(|number| format!("room{number}")).collect();
        let sessions: Vec<_> = rooms.iter().flat_map(|room| history(room, 2, 60)).collect();
        database.record(&sessions).await;
        let tunnel = Tunnel::start(&database.endpoint, delay).await;
        let direct = database.at(&tunnel.endpoint);
        let passed = Arc::new(AtomicU64::new(0));
        let seconds = Arc::clone(&passed);
        let clock = move || SystemTime::now() + Duration::from_secs(seconds.load(Ordering::SeqCst));
        let connections = FreshConnections::new(dynamodb::http_client, clock);
        // The SDK bounds the retries of a process; each test has a bound of its own.
        let partition = RetryPartition::custom("connections").build();
        let config = direct.table().client().config().to_builder();
        let config = config.http_client(connections).retry_partition(partition);
        let past_rooms = PastRooms::new(Client::from_conf(config.build()), direct.table().name());
        Behind { tunnel, past_rooms, rooms, passed, _database: database }
    }

    /// Lets as much time pass by the wall clock as makes a pool too old.
    fn pause(&self) {
        self.passed.fetch_add(IDLE.as_secs(), Ordering::SeqCst);
    }

    /// Reads a page of all rooms, at once. `None`: DynamoDB could not be read.
    async fn total(&self) -> Option<u64> {
        let page = self.past_rooms.page(&PageQuery::new(self.rooms.clone())).await;
        page.map_err(|error| eprintln!("{error}")).ok().map(|page| page.total)
    }
}

const BREAKS: [Break; 4] = [Break::Silent, Break::Closed, Break::Reset, Break::ResetAtFirstWrite];

#[tokio::test]
async fn broken_idle_connections_are_not_used() {
    for connections in [1, 6, 20] {
        let behind = Behind::new(connections, Duration::ZERO).await;
        for how in BREAKS {
            assert_eq!(behind.total().await, Some(2 * connections as u64));
            behind.tunnel.break_connections(how);
            behind.pause();
            let start = Instant::now();
            assert_eq!(behind.total().await, Some(2 * connections as u64), "{how:?}");
            // No attempt waited for an answer: those of the SDK take 3 seconds.
            assert!(start.elapsed() < Duration::from_secs(2), "{how:?}: {:?}", start.elapsed());
        }
    }
}

#[tokio::test]
async fn broken_connections_cost_one_attempt() {
    for connections in [1, 6, 20] {
        for how in [Break::Closed, Break::Reset, Break::ResetAtFirstWrite] {
            let behind = Behind::new(connections, Duration::ZERO).await;
            assert_eq!(behind.total().await, Some(2 * connections as u64));
            behind.tunnel.break_connections(how);
            assert_eq!(behind.total().await, Some(2 * connections as u64), "{how:?}");
            assert_eq!(behind.total().await, Some(2 * connections as u64), "{how:?}");
        }
    }
}

#[tokio::test]
async fn silent_connections_cost_one_attempt() {
    for connections in [1, 6, 20] {
        let behind = Behind::new(connections, Duration::ZERO).await;
        assert_eq!(behind.total().await, Some(2 * connections as u64));
        behind.tunnel.break_connections(Break::Silent);
        let start = Instant::now();
        // It may fail, because an invocation may end before the attempt's time-out.
        behind.total().await;
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        let opened = behind.tunnel.opened();
        assert_eq!(behind.total().await, Some(2 * connections as u64));
        assert!(behind.tunnel.opened() <= opened + connections);
    }
}

#[tokio::test]
async fn slow_answers_open_few_connections() {
    let behind = Behind::new(10, Duration::from_millis(100)).await;
    for _ in 0..10 {
        assert_eq!(behind.total().await, Some(20));
    }
    assert!(behind.tunnel.opened() <= 12, "{} connections", behind.tunnel.opened());
}

#[tokio::test]
async fn requests_name_the_application_and_its_version() {
    let database = Database::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let past_rooms = database.at(&endpoint);
    let page = tokio::spawn(async move { past_rooms.page(&PageQuery::new(["room01"])).await });
    let (mut connection, _) = listener.accept().await.expect("a connection");
    let mut head = Vec::new();
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        connection.read_buf(&mut head).await.expect("a request");
    }
    page.abort();
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let application = concat!("app/past-rooms-", env!("CARGO_PKG_VERSION"));
    assert!(head.contains("user-agent: aws-sdk-rust/") && head.contains(application), "{head}");
}
