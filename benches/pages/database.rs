//! The embedded DynamoDB in a process of its own, so that its memory and its work are not the reader's.

#[path = "../../examples/local/embedded.rs"]
mod embedded;
#[path = "../../tests/it/support/proxy.rs"]
#[allow(dead_code, clippy::expect_used, reason = "made for the tests, which use more of it")]
mod proxy;

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use past_rooms::{PastRooms, dynamodb};
use tokio::net::TcpListener;

use crate::scenario::Scenario;
use proxy::{Fault, Proxy};

/// The argument that makes the benchmark's process a database, with the scenario's number behind it.
const SERVE: &str = "--serve-scenario";

/// What every DynamoDB request takes, where the round trips of a few requests are measured.
pub const DELAY: Duration = Duration::from_millis(20);

/// The same for a reader of megabytes: so long that the emulator's own work, seconds of it, does not blur the count.
pub const LONG_DELAY: Duration = Duration::from_millis(500);

/// A filled database.
pub struct Database {
    process: Child,
    /// As fast as it is.
    pub past_rooms: PastRooms,
    /// Behind [`DELAY`].
    pub slow: PastRooms,
    /// Behind [`LONG_DELAY`].
    pub very_slow: PastRooms,
}

impl Database {
    /// Starts a process with the database of a scenario.
    pub fn start(scenario: usize) -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([SERVE, &scenario.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("no output")?;
        let mut endpoints = BufReader::new(output).lines();
        let mut next = || {
            endpoints.next().ok_or("the database did not start")?.map_err(Box::<dyn Error>::from)
        };
        Ok(Database {
            past_rooms: past_rooms_at(&next()?),
            slow: past_rooms_at(&next()?),
            very_slow: past_rooms_at(&next()?),
            process,
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // It ends by itself, too, when its input ends.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn past_rooms_at(endpoint: &str) -> PastRooms {
    PastRooms::new(dynamodb::client(&embedded::settings(endpoint)), embedded::TABLE_NAME)
}

/// If this process was started to be a database: is one, until its input ends.
pub async fn serve_if_asked() -> Result<bool, Box<dyn Error>> {
    let mut arguments = std::env::args().skip_while(|argument| argument != SERVE).skip(1);
    let Some(number) = arguments.next() else {
        return Ok(false);
    };
    let endpoint =
        embedded::start(&dynoxide::Database::memory()?, [TcpListener::bind("127.0.0.1:0").await?])?;
    let client = dynamodb::client(&embedded::settings(&endpoint));
    let past_rooms =
        embedded::create_table(client, embedded::TABLE_NAME, embedded::Stream::Off).await?;
    fill(&past_rooms, Scenario::ALL[number.parse::<usize>()?]).await?;
    let proxy = Proxy::start(&endpoint, |_, _| Fault::Delay(DELAY)).await;
    let slower_proxy = Proxy::start(&endpoint, |_, _| Fault::Delay(LONG_DELAY)).await;
    println!("{endpoint}\n{}\n{}", proxy.endpoint, slower_proxy.endpoint);
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
    Ok(true)
}

async fn fill(past_rooms: &PastRooms, scenario: Scenario) -> Result<(), Box<dyn Error>> {
    let sessions = scenario.sessions();

    for (step, part) in sessions.chunks(9800).enumerate() {
        eprint!(
            "\r\x1b[K{}: recording {} of {} sessions",
            scenario.name(),
            step * 9800,
            sessions.len()
        );
        std::io::stderr().flush()?;
        past_rooms.record(part).await?;
    }
    eprint!("\r\x1b[K");
    Ok(())
}
