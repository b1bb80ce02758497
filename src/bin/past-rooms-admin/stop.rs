//! Reasons to stop a command early: SIGINT or SIGTERM, or a DynamoDB that fails for longer than `--patience`.
//!
//! The SDK retries each request of the tool without a limit. An interceptor in [`requests`](crate::requests) notes
//! when requests succeed and why attempts fail. After SIGINT it refuses new requests. So a command ends once its
//! requests in flight are answered, and has counted what they did.

use std::error::Error;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use futures_util::future::{Either, select};
use past_rooms::dynamodb;
use tokio::runtime::Builder;
use tokio::signal::ctrl_c;
#[cfg(unix)]
use tokio::signal::unix;
use tokio::time::timeout;

use crate::requests::Requests;
use crate::{output, progress};

/// Exit status after SIGINT and SIGTERM: 128 and the number of SIGINT.
pub const INTERRUPTED: u8 = 130;

/// Time that requests in flight have after SIGINT to be answered.
const GRACE: Duration = Duration::from_secs(3);

/// Time that a command has to end after that. It does not if it waits for the reader of its output.
const LAST: Duration = Duration::from_secs(1);

/// Interval at which a waiting command looks for a reason to stop, and shows its progress.
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
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    #[error("interrupted")]
    Interrupted,
    #[error(transparent)]
    Outage(#[from] Outage),
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

/// State of SIGINT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Signal {
    None,
    /// No request begins any more.
    Drain,
    /// Requests in flight are given up.
    Now,
}

/// Waits for SIGINT or SIGTERM, as a service manager sends it. SIGHUP keeps its meaning, for `nohup`.
async fn interrupt() -> io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = unix::signal(unix::SignalKind::terminate())?;
        match select(pin!(ctrl_c()), pin!(terminate.recv())).await {
            Either::Left((interrupted, _)) => interrupted,
            Either::Right(_) => Ok(()),
        }
    }
    #[cfg(not(unix))]
    ctrl_c().await
}

/// Watches for a reason to stop.
#[derive(Debug, Clone)]
pub struct Stop(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    patience: Duration,
    /// A [`Signal`].
    signal: AtomicU8,
    /// Whether the user knows that the command waits after a signal.
    is_told: AtomicBool,
    requests: Mutex<Requests>,
}

impl Stop {
    pub fn new(patience: Duration) -> Self {
        Stop(Arc::new(Inner {
            patience,
            signal: AtomicU8::new(Signal::None as u8),
            is_told: AtomicBool::new(false),
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
                if interrupt().await.is_ok() {
                    stop.set(Signal::Drain);
                    let _ = timeout(GRACE, interrupt()).await;
                    stop.set(Signal::Now);
                    let _ = timeout(LAST, interrupt()).await;
                    std::process::exit(INTERRUPTED.into());
                }
            });
        };
        thread::Builder::new().name("signals".to_owned()).spawn(listen).map(drop)
    }

    fn set(&self, signal: Signal) {
        self.0.signal.store(signal as u8, Ordering::SeqCst);
    }

    pub fn is_at(&self, signal: Signal) -> bool {
        self.0.signal.load(Ordering::SeqCst) >= signal as u8
    }

    /// Returns whether SIGINT has kept the command from a request.
    pub fn has_refused(&self) -> bool {
        self.requests().is_refused
    }

    /// Returns an outage that has lasted for the patience, if one exists.
    fn outage(&self) -> Option<Outage> {
        let patience = self.0.patience;
        let mut requests = self.requests();
        let waiting = requests.since?.elapsed();
        let cause = requests.cause.clone();
        // Without a failure, an answer may be on its way.
        let longest = if cause.is_some() { patience } else { patience.max(NO_ANSWER) };
        if waiting >= longest {
            let cause = cause.unwrap_or_else(|| "no answer".to_owned());
            return Some(Outage { patience, cause, is_answered: requests.is_answered });
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
        if self.is_at(Signal::Drain) {
            return Err(Reason::Interrupted);
        }
        self.outage().map_or(Ok(()), |outage| Err(outage.into()))
    }

    /// Waits until requests in flight are to be given up: after an outage, or some time after SIGINT. Meanwhile, it
    /// shows the progress, which `update` sets.
    pub async fn wait(&self, mut update: impl FnMut()) -> Reason {
        let mut is_idle = false;
        loop {
            update();
            match self.check() {
                Ok(()) => {}
                Err(Reason::Interrupted) => {
                    let in_flight = self.requests().in_flight;
                    // Without requests for a while, the command waits for something else.
                    if self.is_at(Signal::Now) || is_idle && in_flight == 0 {
                        return Reason::Interrupted;
                    }
                    is_idle = in_flight == 0;
                    // An import waits here twice.
                    if !is_idle && !self.0.is_told.swap(true, Ordering::SeqCst) {
                        let requests = output::count(in_flight as u64, "request");
                        output::note(format_args!(
                            "interrupted: waiting for {requests} in flight; to stop at once, interrupt again"
                        ));
                    }
                }
                Err(reason) => return reason,
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Runs a command until it ends or has to be stopped.
    ///
    /// # Errors
    /// That of the command, or the [`Reason`] to stop it.
    pub async fn unless(
        &self,
        command: impl Future<Output = Result<(), Box<dyn Error>>>,
    ) -> Result<(), Box<dyn Error>> {
        let mut command = pin!(command);
        let ended = match select(command.as_mut(), pin!(self.wait(|| ()))).await {
            Either::Left((ended, _)) => ended,
            // An import sees the reason itself, a little later.
            Either::Right((reason, _)) => {
                timeout(4 * TICK, command).await.unwrap_or(Err(reason.into()))
            }
        };
        if self.has_refused() { Err(Reason::Interrupted.into()) } else { ended }
    }

    /// Returns what is done so far. If DynamoDB has not answered a request that writes, it may be more.
    pub fn at_least(&self, done: String) -> String {
        if self.requests().writing > 0 { format!("at least {done}") } else { done }
    }

    pub fn requests(&self) -> MutexGuard<'_, Requests> {
        self.0.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
