//! The table and the client to reach it.

use std::sync::Arc;

use crate::table::bucket::Level;
use crate::table::requests::meter::Meter;
use crate::table::requests::pace::{Pace, Turn};
use aws_sdk_dynamodb::Client;

/// Requests that one [`Table`] has in flight at once, and so about as many connections, each of
/// which has to be opened once: enough to ask the rooms of a page of 20 in one round trip. On a
/// Lambda function's share of a processor more of them would only wait for one another.
pub const MAX_IN_FLIGHT: usize = 20;

/// Which state of the table a read may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// Half the price; may lag behind by about a second.
    Eventual,
    /// Every write that was acknowledged before the read began.
    Strong,
}

/// The table of past rooms and the client to reach it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) client: Client,
    pub(crate) name: Arc<str>,
    pace: Arc<Pace>,
    meter: Option<Arc<Meter>>,
    finest: Level,
}

impl Table {
    /// The table called `name`, reached with `client`. Sends nothing.
    pub fn new(client: Client, name: impl Into<Arc<str>>) -> Self {
        let pace = Arc::new(Pace::fixed(MAX_IN_FLIGHT));
        Table { client, name: name.into(), pace, meter: None, finest: Level::Hour }
    }

    /// The [history table](crate::table::history) called `name`, whose sessions are counted by the
    /// minute, too. Sends nothing.
    pub fn history(client: Client, name: impl Into<Arc<str>>) -> Self {
        Table { finest: Level::Minute, ..Table::new(client, name) }
    }

    /// The same table; its requests are counted by `meter`.
    #[must_use]
    pub fn metered(&self, meter: &Arc<Meter>) -> Self {
        Table { meter: Some(Arc::clone(meter)), ..self.clone() }
    }

    /// The same table, for work that may take its time: at most so many requests are in flight at once,
    /// fewer at first, and fewer when DynamoDB throttles.
    #[must_use]
    pub fn adapting(&self, most_in_flight: usize) -> Self {
        Table { pace: Arc::new(Pace::adapting(most_in_flight)), ..self.clone() }
    }

    /// The finest level by which the table's sessions are counted.
    pub(crate) fn finest(&self) -> Level {
        self.finest
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The SDK's client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The most requests at once.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.pace.most()
    }

    /// Waits until one more request may be in flight. Who has a turn waits for no other.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        self.pace.turn().await
    }

    /// Counts an answered request.
    pub(crate) fn count_request(&self, units: f64) {
        if let Some(meter) = &self.meter {
            meter.add(units);
        }
    }
}
