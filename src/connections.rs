//! Connections that may have died in silence.
//!
//! Between two invocations Lambda freezes a function, for minutes or hours. Meanwhile its pooled
//! connections may be closed, and nobody tells: a request that is sent on such a connection is
//! never answered. Waited for until the attempt's time-out, and tried one by one, a few dead
//! connections cost seconds and fail the request.
//!
//! So a request that is sent when nothing else was answered since the client was last idle is
//! given up after [`SILENCE`], and with it the whole pool: all that follow are sent on new
//! connections. One request pays for it, less than a second.
//!
//! The limit is not for requests that follow an answer, nor for those after a pool was renewed:
//! what is slow then is DynamoDB or the processor, and new connections would make it worse.
//!
//! The moment is told by requests, not by a clock, because a frozen function's clock may stand
//! still, too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// How long a pool may be silent. DynamoDB answers in milliseconds; the longest that was measured
/// without a dead connection is 624 ms, for a hundred TLS handshakes on a seventh of a processor.
pub const SILENCE: Duration = Duration::from_millis(750);

/// An HTTP client that gives up its connections when they are silent.
#[derive(Debug)]
pub struct RenewingClient {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    new_pool: fn() -> SharedHttpClient,
    pool: SharedHttpClient,
    /// How often the pool was renewed.
    generation: u64,
    in_flight: usize,
    /// Whether a request was answered since none was in flight.
    answered: bool,
    /// Whether the pool was renewed and no request was answered since.
    is_new: bool,
}

impl RenewingClient {
    /// A client whose pools are made by `new_pool`.
    pub fn new(new_pool: fn() -> SharedHttpClient) -> Self {
        let state = State {
            new_pool,
            pool: new_pool(),
            generation: 0,
            in_flight: 0,
            answered: false,
            is_new: false,
        };
        RenewingClient { state: Arc::new(Mutex::new(state)) }
    }
}

impl HttpClient for RenewingClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let (pool, generation) = {
            let state = lock(&self.state);
            (state.pool.clone(), state.generation)
        };
        let connector = pool.http_connector(settings, components);
        let state = Arc::clone(&self.state);
        SharedHttpConnector::new(WatchedConnector { connector, generation, state })
    }
}

/// A connector of one pool.
#[derive(Debug)]
struct WatchedConnector {
    connector: SharedHttpConnector,
    generation: u64,
    state: Arc<Mutex<State>>,
}

impl HttpConnector for WatchedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let in_flight = InFlight::new(&self.state);
        let generation = self.generation;
        let answer = self.connector.call(request);
        HttpConnectorFuture::new(async move {
            let answer = if in_flight.may_be_dead {
                tokio::time::timeout(SILENCE, answer).await.unwrap_or_else(|_| {
                    in_flight.renew(generation);
                    Err(ConnectorError::timeout("the connection is silent".into()))
                })
            } else {
                answer.await
            };
            in_flight.answered(answer.is_ok());
            answer
        })
    }
}

/// A request in flight; it is no longer when this is dropped.
struct InFlight {
    state: Arc<Mutex<State>>,
    may_be_dead: bool,
}

impl InFlight {
    fn new(shared: &Arc<Mutex<State>>) -> Self {
        let mut state = lock(shared);
        if state.in_flight == 0 {
            state.answered = false;
        }
        state.in_flight += 1;
        let may_be_dead = !state.answered && !state.is_new;
        InFlight { state: Arc::clone(shared), may_be_dead }
    }

    fn answered(&self, is_answered: bool) {
        if is_answered {
            let mut state = lock(&self.state);
            state.answered = true;
            state.is_new = false;
        }
    }

    /// Gives up the pool of a generation, if nobody else did.
    fn renew(&self, generation: u64) {
        let mut state = lock(&self.state);
        if state.generation == generation {
            state.generation += 1;
            state.pool = (state.new_pool)();
            state.is_new = true;
            tracing::debug!("the connections to DynamoDB were silent and are made anew");
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.state).in_flight -= 1;
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
