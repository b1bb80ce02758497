//! Connections that a freeze may have broken.
//!
//! Lambda freezes a function between two invocations, for minutes or hours. Its pooled connections may
//! be closed meanwhile, sometimes without a packet that says so: a request on such a connection is never
//! answered. One rule keeps requests off them:
//!
//! - a pool that was not used for [`IDLE`] is not used again;
//! - a pool on which a request failed, or was given up, is not used again. The SDK's next attempt then
//!   opens a new connection, however many broken ones were left in the pool.
//!
//! The wall clock measures [`IDLE`], because the monotonic clock may stand still during a freeze.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// Time without a request after which a pool is replaced.
pub const IDLE: Duration = Duration::from_secs(20);

/// An HTTP client that replaces its connection pool after a pause or a failed request.
pub struct FreshConnections {
    pool: Arc<Mutex<Pool>>,
    new_pool: fn() -> SharedHttpClient,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

/// The current pool.
struct Pool {
    client: SharedHttpClient,
    last_used: SystemTime,
    is_usable: bool,
    /// Number of pools before this one.
    generation: u64,
}

impl FreshConnections {
    /// Returns a client with pools made by `new_pool`; `clock` is [`SystemTime::now`] except in tests.
    pub fn new(
        new_pool: fn() -> SharedHttpClient,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Self {
        let (client, last_used) = (new_pool(), clock());
        let pool = Pool { client, last_used, is_usable: true, generation: 0 };
        FreshConnections { pool: Arc::new(Mutex::new(pool)), new_pool, clock: Box::new(clock) }
    }
}

impl fmt::Debug for FreshConnections {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FreshConnections(…)")
    }
}

impl HttpClient for FreshConnections {
    /// Returns a connector of a usable pool. The SDK calls this for every attempt at a request.
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let now = (self.clock)();
        let mut pool = lock(&self.pool);
        // A clock that was set back says nothing about the pause.
        let is_idle = now.duration_since(pool.last_used).is_ok_and(|pause| pause >= IDLE);
        if is_idle || !pool.is_usable {
            pool.client = (self.new_pool)();
            pool.is_usable = true;
            pool.generation += 1;
        }
        pool.last_used = now;
        SharedHttpConnector::new(PooledConnector {
            connector: pool.client.http_connector(settings, components),
            generation: pool.generation,
            pool: Arc::clone(&self.pool),
        })
    }
}

/// A connector of one pool.
struct PooledConnector {
    connector: SharedHttpConnector,
    generation: u64,
    pool: Arc<Mutex<Pool>>,
}

impl fmt::Debug for PooledConnector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PooledConnector(…)")
    }
}

impl HttpConnector for PooledConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.connector.call(request);
        let mut attempt = Attempt {
            pool: Arc::clone(&self.pool),
            generation: self.generation,
            is_answered: false,
        };
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            attempt.end(answer.is_ok());
            answer
        })
    }
}

/// A request on a pool. Dropped without an answer (an error, or a time-out of the SDK), it makes the
/// pool unusable.
struct Attempt {
    pool: Arc<Mutex<Pool>>,
    generation: u64,
    is_answered: bool,
}

impl Attempt {
    fn end(&mut self, is_answered: bool) {
        self.is_answered = is_answered;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut pool = lock(&self.pool);
        if !self.is_answered && pool.generation == self.generation {
            pool.is_usable = false;
        }
    }
}

fn lock(pool: &Mutex<Pool>) -> MutexGuard<'_, Pool> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}
