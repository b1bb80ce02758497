//! Reasons to stop a command early: SIGINT, or a DynamoDB that fails for longer than `--patience`.
//!
//! The SDK retries each request of the tool without a limit. The interceptor here sees when requests
//! succeed and why attempts fail, and so decides for the whole command when to give up.

use std::error::Error;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use futures_util::future::{Either, select};
use past_rooms::dynamodb;
use serde_json::json;
use tokio::runtime::Builder;
use tokio::signal::ctrl_c;

use crate::{Outcome, advice, output, progress};

/// Exit status after SIGINT: 128 and the signal's number.
pub const INTERRUPTED: u8 = 130;

/// Time that a command has after SIGINT to end by itself. It does not if it waits for input.
const GRACE: Duration = Duration::from_secs(1);

/// How often a waiting command looks for a reason to stop, and shows its progress.
const TICK: Duration = Duration::from_millis(50);

/// Shortest time without an answer that counts as a failure.
const NO_ANSWER: Duration = Duration::from_secs(1);

/// Longest time without a success before the user is told that the command waits.
const SILENT: Duration = Duration::from_secs(2);

/// More attempts of a request than a usual patience allows. The SDK adds up the waits of all of them
/// before each attempt, so this is no larger number.
const MAX_ATTEMPTS: u32 = 2000;

const FIRST_BACKOFF: Duration = Duration::from_millis(25);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);
/// An attempt that takes longer has failed. It is not longer than the patience.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Reason for a command to stop before its end.
#[derive(Debug)]
pub enum Reason {
    Interrupted,
    Outage(Outage),
}

/// DynamoDB failed for longer than the patience.
#[derive(Debug, thiserror::Error)]
#[error("no request to DynamoDB succeeded for {} s (--patience): {cause}", patience.as_secs())]
pub struct Outage {
    patience: Duration,
    cause: String,
    /// Whether DynamoDB answered, but with errors.
    pub is_answered: bool,
}

/// An error, and how far the command came.
#[derive(Debug, thiserror::Error)]
#[error("{error}; {done}")]
pub struct Stopped {
    #[source]
    pub error: Box<dyn Error>,
    pub done: String,
}

/// Watches for a reason to stop.
#[derive(Debug, Clone)]
pub struct Stop(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    patience: Duration,
    is_interrupted: AtomicBool,
    requests: Mutex<Requests>,
}

#[derive(Debug, Default)]
struct Requests {
    in_flight: usize,
    /// When the last one succeeded, or the first one began; `None` if none is in flight.
    since: Option<Instant>,
    /// Why the last attempt since then failed.
    cause: Option<String>,
    /// Whether that attempt was answered.
    is_answered: bool,
    is_told: bool,
}

impl Stop {
    pub fn new(patience: Duration) -> Self {
        Stop(Arc::new(Inner {
            patience,
            is_interrupted: AtomicBool::new(false),
            requests: Mutex::default(),
        }))
    }

    pub fn patience(&self) -> Duration {
        self.0.patience
    }

    /// Returns a client that retries for as long as this does not stop the command.
    pub fn client(&self, settings: &SdkConfig) -> Client {
        let retries = RetryConfig::standard()
            .with_max_attempts(MAX_ATTEMPTS)
            .with_initial_backoff(FIRST_BACKOFF)
            .with_max_backoff(LONGEST_BACKOFF);
        let unlimited = TokenBucket::unlimited();
        let partition = RetryPartition::custom("past-rooms-admin").token_bucket(unlimited).build();
        let mut config = dynamodb::patient_client(settings).config().to_builder();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .disable_operation_timeout();
        config.set_timeout_config(Some(timeouts.build()));
        config.set_retry_partition(Some(partition));
        Client::from_conf(config.retry_config(retries).interceptor(self.clone()).build())
    }

    /// Takes SIGINT from now on. A command that does not end by itself is ended.
    ///
    /// # Errors
    /// If there can be no further thread.
    pub fn listen(&self) -> io::Result<()> {
        let stop = self.clone();
        let signals = Builder::new_current_thread().enable_all().build()?;
        let listen = move || {
            signals.block_on(async {
                if ctrl_c().await.is_ok() {
                    stop.0.is_interrupted.store(true, Ordering::SeqCst);
                    select(pin!(ctrl_c()), pin!(tokio::time::sleep(GRACE))).await;
                    std::process::exit(INTERRUPTED.into());
                }
            });
        };
        thread::Builder::new().name("signals".to_owned()).spawn(listen).map(drop)
    }

    /// Returns a reason to stop now, if one exists.
    fn reason(&self) -> Option<Reason> {
        if self.0.is_interrupted.load(Ordering::SeqCst) {
            return Some(Reason::Interrupted);
        }
        let patience = self.0.patience;
        let mut requests = self.requests();
        let waiting = requests.since?.elapsed();
        let cause = requests.cause.clone();
        // Without a failure, an answer may be on its way.
        let longest = if cause.is_some() { patience } else { patience.max(NO_ANSWER) };
        if waiting >= longest {
            let cause = cause.unwrap_or_else(|| "no answer".to_owned());
            let is_answered = requests.is_answered;
            return Some(Reason::Outage(Outage { patience, cause, is_answered }));
        }
        if let Some(cause) = cause
            && !requests.is_told
            && waiting >= SILENT.min(patience / 2)
        {
            requests.is_told = true;
            drop(requests);
            output::note(format_args!(
                "DynamoDB fails, trying again for {} s (--patience): {cause}",
                patience.as_secs()
            ));
        }
        None
    }

    /// Shows the progress.
    ///
    /// # Errors
    /// A reason to stop now, if one exists.
    pub fn check(&self) -> Result<(), Reason> {
        progress::show().into_iter().for_each(output::note);
        self.reason().map_or(Ok(()), Err)
    }

    /// Waits for a reason to stop. Meanwhile, it shows the progress, which `update` sets.
    pub async fn wait(&self, mut update: impl FnMut()) -> Reason {
        loop {
            if let Err(reason) = self.check() {
                return reason;
            }
            update();
            tokio::time::sleep(TICK).await;
        }
    }

    /// Runs a command until it ends or has to be stopped. Then the user is told how far it came.
    pub async fn unless(
        &self,
        command: impl Future<Output = Result<Outcome, Box<dyn Error>>>,
    ) -> Result<Outcome, Box<dyn Error>> {
        let reason = match select(pin!(command), pin!(self.wait(|| ()))).await {
            Either::Left((outcome, _)) => {
                progress::end();
                return outcome;
            }
            Either::Right((reason, _)) => reason,
        };
        let done = progress::done();
        progress::end();
        const AGAIN: &str = "Running the same command again is safe";
        match reason {
            Reason::Interrupted => {
                let text = format!("interrupted: {done}. {AGAIN}.");
                output::problem("error", json!({ "error": text }), &text);
                Ok(Outcome::Interrupted)
            }
            Reason::Outage(outage) => {
                Err(Stopped { error: outage.into(), done: format!("{done}. {AGAIN}") }.into())
            }
        }
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.0.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Stop {
    fn name(&self) -> &'static str {
        "Stop"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut requests = self.requests();
        requests.in_flight += 1;
        requests.since.get_or_insert_with(Instant::now);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Err(error)) = context.output_or_error() {
            let mut requests = self.requests();
            requests.cause = Some(advice::causes(error));
            requests.is_answered = !error.is_connector_error() && !error.is_timeout_error();
        }
        Ok(())
    }

    /// A request that ended was answered: everything else is retried.
    fn read_after_execution(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut requests = self.requests();
        let in_flight = requests.in_flight.saturating_sub(1);
        let since = (in_flight > 0).then(Instant::now);
        *requests = Requests { in_flight, since, ..Requests::default() };
        Ok(())
    }
}
