//! The embedded DynamoDB in a process of its own, behind proxies that make it as slow as one that is
//! far away.

#[path = "../../examples/local/embedded.rs"]
#[allow(dead_code, reason = "made for the local run, which uses more of it")]
mod embedded;
#[path = "../../tests/it/support/proxy.rs"]
#[allow(dead_code, clippy::expect_used, reason = "made for the tests, which use more of it")]
mod proxy;

use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use past_rooms::dynamodb;
use proxy::{Fault, Proxy};
use tokio::net::TcpListener;

/// The argument that makes the benchmark's process a database.
const SERVE: &str = "--serve";

/// Returns the delays of every request.
pub fn delays() -> Result<Vec<Duration>, Box<dyn Error>> {
    let milliseconds = env::var("IMPORT_DELAYS").unwrap_or("5,25".to_owned());
    let milliseconds = milliseconds.split(',').map(|number| number.trim().parse());
    Ok(milliseconds.map(|number| number.map(Duration::from_millis)).collect::<Result<_, _>>()?)
}

/// An empty database.
pub struct Database {
    process: Child,
    /// One for each delay.
    endpoints: Vec<String>,
}

impl Database {
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new(env::current_exe()?)
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("no output")?;
        let endpoints = BufReader::new(output).lines().take(delays()?.len());
        let endpoints = endpoints.collect::<Result<_, _>>()?;
        Ok(Database { process, endpoints })
    }

    /// The variables with which a program reaches it with this delay.
    pub fn variables(&self, delay: usize) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
        let endpoint = self.endpoints.get(delay).ok_or("the database did not start")?;
        Ok(vec![
            ("AWS_ENDPOINT_URL_DYNAMODB", endpoint.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "local".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("TABLE_NAME", embedded::TABLE_NAME.to_owned()),
        ])
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // It ends by itself, too, when its input ends.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// If this process was started to be a database: is one, until its input ends.
pub async fn serve_if_asked() -> Result<bool, Box<dyn Error>> {
    if !env::args().any(|argument| argument == SERVE) {
        return Ok(false);
    }
    let database = dynoxide::Database::memory()?;
    let endpoint = embedded::start(&database, [TcpListener::bind("127.0.0.1:0").await?])?;
    let client = dynamodb::client(&embedded::settings(&endpoint));
    embedded::create_table(client, embedded::TABLE_NAME, embedded::Stream::Off).await?;
    for delay in delays()? {
        println!("{}", Proxy::start(&endpoint, move |_, _| Fault::Delay(delay)).await.endpoint);
    }
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
    Ok(true)
}
