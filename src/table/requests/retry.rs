//! Trying again, within a bound, with waits that grow: one back-off for the whole crate.

use std::time::Duration;

/// The longest wait before the second attempt; it doubles up to the longest of all.
const FIRST_WAIT: Duration = Duration::from_millis(25);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Exponential back-off with full jitter.
#[derive(Debug)]
pub(crate) struct Backoff {
    left: u32,
    longest_wait: Duration,
}

impl Backoff {
    /// For this many attempts in all, the first included.
    pub fn new(attempts: u32) -> Self {
        Backoff { left: attempts, longest_wait: FIRST_WAIT }
    }

    /// After a failed attempt: waits and returns true, or returns false if it was the last one.
    pub async fn wait(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return false;
        }
        // Full jitter: clients that collided do not collide again at the same moment.
        tokio::time::sleep(self.longest_wait.mul_f64(fastrand::f64())).await;
        self.longest_wait = LONGEST_WAIT.min(self.longest_wait * 2);
        true
    }
    /// Waits for the longest time, whatever the number of attempts.
    pub async fn wait_longest(&self) {
        tokio::time::sleep(LONGEST_WAIT.mul_f64(fastrand::f64())).await;
    }
}

/// Runs `operation` until it succeeds, fails with an error that is not transient, or has failed
/// `attempts` times; then its last error is returned.
///
/// Every attempt must read the table again: a refused write may have taken effect nevertheless, or
/// another writer may have written the same.
pub(crate) async fn with_retries<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(
    attempts: u32,
    is_transient: impl Fn(&E) -> bool,
    operation: impl Fn() -> F,
) -> Result<T, E> {
    let mut backoff = Backoff::new(attempts);
    loop {
        match operation().await {
            Err(error) if is_transient(&error) => {
                tracing::debug!(%error, "trying again");
                if !backoff.wait().await {
                    return Err(error);
                }
            }
            outcome => return outcome,
        }
    }
}
