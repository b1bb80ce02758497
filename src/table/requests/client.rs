//! The table and the client to reach it.

use std::sync::Arc;

use crate::table::bucket::Level;
use crate::table::requests::meter::Meter;
use aws_sdk_dynamodb::Client;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Default maximum of requests that one [`Table`] has in flight: enough to query the rooms of a page of
/// 20 in one round trip. About as many connections have to be opened. On a Lambda function's share of a
/// processor, more requests would only wait for one another.
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
    permits: Arc<Semaphore>,
    max_in_flight: usize,
    meter: Option<Arc<Meter>>,
    finest: Level,
}

impl Table {
    /// The table called `name`, reached with `client`. Sends nothing.
    pub fn new(client: Client, name: impl Into<Arc<str>>) -> Self {
        Table {
            client,
            name: name.into(),
            permits: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            max_in_flight: MAX_IN_FLIGHT,
            meter: None,
            finest: Level::Hour,
        }
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

    /// The same table with another maximum number of requests in flight.
    #[must_use]
    pub fn with_max_in_flight(&self, max_in_flight: usize) -> Self {
        let max_in_flight = max_in_flight.max(1);
        Table { permits: Arc::new(Semaphore::new(max_in_flight)), max_in_flight, ..self.clone() }
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

    /// Maximum number of requests in flight.
    pub(crate) fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    /// Sends a request as soon as fewer than the maximum are in flight.
    pub(crate) fn send<T>(&self, request: impl Future<Output = T>) -> impl Future<Output = T> {
        // The SDK's futures are large.
        let request = Box::pin(request);
        async move {
            // The semaphore is never closed.
            let _permit: Option<SemaphorePermit<'_>> = self.permits.acquire().await.ok();
            let answer = request.await;
            if self.permits.available_permits() == 0 {
                yield_to_pool().await;
            }
            answer
        }
    }

    /// Counts an answered request.
    pub(crate) fn count_request(&self, units: f64) {
        if let Some(meter) = &self.meter {
            meter.add(units);
        }
    }
}

/// Lets the HTTP client's tasks return the connection of an answered request to its pool: with TLS up to
/// four, one after the other. Otherwise the next request finds none there and opens another.
async fn yield_to_pool() {
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
}
