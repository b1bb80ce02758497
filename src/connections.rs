//! Connections that may have died in silence.
//!
//! Between two invocations Lambda freezes a function, for minutes or hours. Meanwhile its pooled
//! connections may be closed, and nobody tells: a request that is sent on such a connection is
//! never answered. Waited for until the attempt's time-out, and tried one by one, a few dead
//! connections cost seconds and fail the request.
//!
//! So requests that are sent when nothing was answered since the client was last idle are given up
//! when no answer at all came for [`SILENCE`], and with them the whole pool: all that follow are
//! sent on new connections. One request pays for it, less than a second.
//!
//! The limit is not for requests that follow an answer, nor for the SDK's second attempt at one, nor
//! for those after a pool was renewed, and it begins anew with every answer: what is slow then is
//! DynamoDB or the processor, and new connections would make it worse.
//!
//! Whether the client was idle is told by its requests, not by a clock, because a frozen function's
//! clock may stand still, too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::time::Instant;

use crate::trust;

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
    /// When the last answer came, or the first request of those in flight was sent.
    last_sign: Instant,
    /// Whether the pool is new, and no request was answered on it within [`SILENCE`] yet.
    is_new: bool,
    /// Whether the pool was made when the system's certificate authorities were trusted.
    is_system_trusted: bool,
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
            last_sign: Instant::now(),
            is_new: true,
            is_system_trusted: trust::is_system_trusted(),
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
        let in_flight = InFlight::new(&self.state, is_first_attempt(&request));
        let generation = self.generation;
        let answer = self.connector.call(request);
        HttpConnectorFuture::new(async move {
            let answer = tokio::select! {
                biased;
                answer = answer => answer,
                () = in_flight.silence() => {
                    in_flight.renew(generation);
                    Err(ConnectorError::timeout("the connection is silent".into()))
                }
            };
            in_flight.answered(answer.is_ok());
            answer.map_err(|error| match trust::is_unknown_issuer(&error) {
                // Of a kind that the SDK tries again, now on the new pool.
                true if in_flight.trust_the_system(generation) => ConnectorError::io(error.into()),
                _ => error,
            })
        })
    }
}

/// A request in flight; it is no longer when this is dropped.
struct InFlight {
    state: Arc<Mutex<State>>,
    may_be_dead: bool,
    sent: Instant,
}

impl InFlight {
    fn new(shared: &Arc<Mutex<State>>, is_first_attempt: bool) -> Self {
        let mut state = lock(shared);
        if state.in_flight == 0 {
            state.answered = false;
            state.last_sign = Instant::now();
        }
        state.in_flight += 1;
        let may_be_dead = is_first_attempt && !state.answered && !state.is_new;
        InFlight { state: Arc::clone(shared), may_be_dead, sent: Instant::now() }
    }

    /// Ends when no answer came for [`SILENCE`]; never, where connections cannot be dead.
    async fn silence(&self) {
        if !self.may_be_dead {
            std::future::pending::<()>().await;
        }
        loop {
            let until = lock(&self.state).last_sign + SILENCE;
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    fn answered(&self, is_answered: bool) {
        if is_answered {
            let mut state = lock(&self.state);
            state.answered = true;
            state.last_sign = Instant::now();
            // Where even new connections are slow, making them anew again would be slower still.
            state.is_new &= self.sent.elapsed() >= SILENCE;
        }
    }

    /// Gives up the pool of a generation, if nobody else did.
    fn renew(&self, generation: u64) {
        let mut state = lock(&self.state);
        if state.generation == generation {
            state.generation += 1;
            state.pool = (state.new_pool)();
            state.is_new = true;
            state.is_system_trusted = trust::is_system_trusted();
            tracing::debug!("the connections to DynamoDB are made anew");
        }
    }

    /// Gives up a pool that trusts Amazon's certificate authorities only. Whether that, or another
    /// request since then, made a new one.
    fn trust_the_system(&self, generation: u64) -> bool {
        trust::trust_the_system();
        if !lock(&self.state).is_system_trusted {
            self.renew(generation);
        }
        lock(&self.state).generation != generation
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.state).in_flight -= 1;
    }
}

/// Whether the SDK sends a request for the first time.
///
/// Source: AWS SDKs and Tools Reference Guide, "Retry behavior", header `amz-sdk-request`.
fn is_first_attempt(request: &HttpRequest) -> bool {
    let attempt = request.headers().get("amz-sdk-request");
    attempt.is_none_or(|attempt| attempt.starts_with("attempt=1;") || attempt == "attempt=1")
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
