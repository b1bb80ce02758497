//! The command line of the local run.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::Parser;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};
use past_rooms::lambda::config::Dialect;

/// The API secret unless another is chosen.
pub const DEMO_SECRET: &str = "local-demo-secret";

/// A command line that argument errors show.
const EXAMPLE: &str = "cargo run --example local -- --listen 9305";
/// The same of errors about `--dynamodb`.
const DYNAMODB_EXAMPLE: &str = "cargo run --example local -- --dynamodb 8001";

/// Answer fetchPastRooms on this machine, from an embedded DynamoDB with a sample history.
///
/// The page at `/` shows the history and what its pages cost.
///
/// Every start fills a new database in memory with the same sessions, unless `--data` names a file.
#[derive(Debug, Parser)]
#[command(name = "local")]
pub struct Arguments {
    /// Address of the endpoint: a port, or an address with a port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000", value_parser = address)]
    pub listen: SocketAddr,

    /// Address of the embedded DynamoDB, for `cargo lambda watch`, the AWS CLI or a table viewer
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000", value_parser = address)]
    pub dynamodb: SocketAddr,

    /// Serve DynamoDB to containers, too, on this machine's address on Docker's bridge
    #[arg(long)]
    pub container: bool,

    /// Keep the database in this file from one start to the next
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,

    /// Begin without the sample history, for a history of your own
    #[arg(long)]
    pub empty: bool,

    /// Leave rows of other writers uncounted, as an installation without the function on the stream
    #[arg(long)]
    pub no_stream: bool,

    /// List the sessions of all rooms in answers to requests without room ids
    #[arg(long, value_name = "SWITCH", default_value = "on")]
    pub whole_history: Switch,

    /// The API key that clients send
    #[arg(long, env = "API_KEY", default_value = "plugnmeet")]
    pub api_key: String,

    /// The API secret that clients sign with
    #[arg(long, env = "API_SECRET", hide_env_values = true, default_value = DEMO_SECRET)]
    pub api_secret: String,

    /// Form of answers: documented, or plugnmeet as plugnmeet-server 2.4 sends them
    #[arg(long, value_name = "DIALECT", env = "ANSWERS", default_value = "documented")]
    pub answers: Dialect,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl Arguments {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// A message for the terminal, with an [`EXAMPLE`]; or the help that was asked for.
    pub fn read(line: impl IntoIterator<Item = String>) -> Result<Self, clap::Error> {
        Arguments::try_parse_from(line).map_err(|mut error| {
            if error.use_stderr() {
                let of_dynamodb = matches!(error.get(ContextKind::InvalidArg),
                    Some(ContextValue::String(argument)) if argument.starts_with("--dynamodb"));
                let example = if of_dynamodb { DYNAMODB_EXAMPLE } else { EXAMPLE };
                let example = StyledStr::from(example);
                let context = ContextValue::StyledStrs(vec![example]);
                error.insert(ContextKind::Suggested, context);
            }
            error
        })
    }
}

/// Reads an address as people type it: `9305`, `localhost:9305`, `127.0.0.1:9305`, `[::1]:9305`.
fn address(text: &str) -> Result<SocketAddr, String> {
    const EXPECTED: &str =
        "expected a port or an address with a port, such as 9305 or localhost:9305";
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse::<u16>() {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let addresses = text.to_socket_addrs().map_err(|_| EXPECTED.to_owned())?;
    // `localhost` is often both; the printed addresses are those of IPv4.
    let mut addresses: Vec<SocketAddr> = addresses.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.first().copied().ok_or_else(|| EXPECTED.to_owned())
}
