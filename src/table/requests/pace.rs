//! How many requests are in flight at once: a bound, and below it, for work that may take its time,
//! what DynamoDB takes.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// How many requests work begins with that finds its own pace.
const FIRST: usize = 8;

/// How long a place is kept, at the most, after a request that was throttled with no other in flight:
/// there is no other way to send fewer.
const PAUSE: Duration = Duration::from_secs(1);

/// A bound on what is in flight. One that adapts grows with every success, by one a round once
/// DynamoDB has throttled, and is halved by throttling, once for all that was sent before.
#[derive(Debug)]
pub(crate) struct Pace {
    permits: Semaphore,
    state: Mutex<State>,
    most: usize,
    adapts: bool,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Permits to be taken back as soon as they come.
    excess: usize,
    /// Successes since the limit was last changed.
    successes: usize,
    /// How often the limit was halved.
    halvings: u64,
}

/// Leave for one request.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pace: &'a Pace,
    permit: Option<SemaphorePermit<'a>>,
    halvings: u64,
}

impl Pace {
    /// So many at once, whatever DynamoDB says.
    pub fn fixed(most: usize) -> Self {
        Pace::new(most, most, false)
    }

    /// At most so many at once, and fewer at first and where DynamoDB throttles.
    pub fn adapting(most: usize) -> Self {
        let most = most.max(1);
        Pace::new(FIRST.min(most), most, true)
    }

    fn new(limit: usize, most: usize, adapts: bool) -> Self {
        let state = State { limit, excess: 0, successes: 0, halvings: 0 };
        Pace { permits: Semaphore::new(limit), state: Mutex::new(state), most, adapts }
    }

    /// How many at once, at the most.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Waits for its turn.
    pub async fn turn(&self) -> Turn<'_> {
        // The semaphore is never closed.
        let permit = self.permits.acquire().await.ok();
        Turn { pace: self, permit, halvings: self.state().halvings }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// The request was answered; the pace learns from how that went.
    pub async fn end<T, E>(
        self,
        outcome: Result<T, E>,
        is_throttled: impl FnOnce(&Result<T, E>) -> bool,
    ) -> Result<T, E> {
        if self.pace.permits.available_permits() == 0 {
            let_connection_go().await;
        }
        if is_throttled(&outcome) {
            self.throttled().await;
        } else if outcome.is_ok() {
            self.succeeded();
        }
        outcome
    }

    fn succeeded(self) {
        let mut state = self.pace.state();
        state.successes += 1;
        let round = if state.halvings == 0 { 1 } else { state.limit };
        if state.successes >= round && state.limit < self.pace.most {
            state.successes = 0;
            state.limit += 1;
            if state.excess > 0 {
                state.excess -= 1;
            } else {
                self.pace.permits.add_permits(1);
            }
        }
    }

    async fn throttled(self) {
        if self.pace.adapts && self.halve() == 1 {
            tokio::time::sleep(PAUSE.mul_f64(fastrand::f64())).await;
        }
    }

    /// Returns the limit until then, or the one that others have set meanwhile.
    fn halve(&self) -> usize {
        let mut state = self.pace.state();
        let limit = state.limit;
        // What was sent before the last halving says nothing of the limit after it.
        if self.halvings == state.halvings {
            let less = limit / 2;
            state.limit -= less;
            state.excess += less - self.pace.permits.forget_permits(less);
            state.successes = 0;
            state.halvings += 1;
        }
        limit
    }
}

/// Lets the HTTP client put the connection of an answered request back into its pool, for which some of
/// its tasks have to run, one after the other: seen were up to four, with TLS. Whoever has the next turn
/// would find none there, and open another.
async fn let_connection_go() {
    let mut tasks = 4;
    poll_fn(|context| match tasks {
        0 => Poll::Ready(()),
        _ => {
            tasks -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.pace.state();
        if let Some(permit) = self.permit.take_if(|_| state.excess > 0) {
            state.excess -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(pace: &Pace) -> (usize, usize) {
        (pace.state().limit, pace.permits.available_permits())
    }

    async fn succeed(pace: &Pace, times: usize) {
        for _ in 0..times {
            pace.turn().await.end(Ok::<_, ()>(()), |_| false).await.expect("it succeeded");
        }
    }

    async fn refuse(pace: &Pace) {
        let outcome = pace.turn().await.end(Err::<(), _>(()), Result::is_err).await;
        outcome.expect_err("it is refused");
    }

    #[tokio::test]
    async fn it_grows_while_all_goes_well_and_not_beyond_its_bound() {
        let pace = Pace::adapting(20);
        succeed(&pace, 8).await;
        assert_eq!(limit(&pace), (16, 16));
        succeed(&pace, 100).await;
        assert_eq!(limit(&pace), (20, 20));
    }

    #[tokio::test]
    async fn throttling_halves_it_once_for_all_that_was_sent_before() {
        let pace = Pace::adapting(100);
        let mut sent = Vec::new();
        for _ in 0..8 {
            sent.push(pace.turn().await);
        }
        for turn in sent {
            turn.throttled().await;
        }
        assert_eq!(limit(&pace), (4, 4));
        // Then it grows by one a round.
        succeed(&pace, 4).await;
        assert_eq!(limit(&pace), (5, 5));
        for _ in 0..3 {
            refuse(&pace).await;
        }
        assert_eq!(limit(&pace), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn at_one_at_a_time_whoever_is_throttled_keeps_the_place_for_a_while() {
        let pace = Pace::adapting(1);
        let start = tokio::time::Instant::now();
        for _ in 0..50 {
            refuse(&pace).await;
        }
        assert_eq!(limit(&pace), (1, 1));
        assert!(start.elapsed() > 5 * PAUSE, "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn a_failure_that_is_no_throttling_changes_nothing() {
        let pace = Pace::adapting(20);
        pace.turn().await.end(Err::<(), _>(()), |_| false).await.expect_err("it failed");
        assert_eq!(limit(&pace), (8, 8));
    }

    #[tokio::test]
    async fn one_that_is_given_up_gives_its_place_back() {
        let pace = Pace::adapting(1);
        drop(pace.turn().await);
        succeed(&pace, 1).await;
        assert_eq!(limit(&pace), (1, 1));
    }

    /// Starts tasks that start one another.
    fn start(tasks: usize, ran: tokio::sync::mpsc::UnboundedSender<usize>) {
        tokio::spawn(async move {
            ran.send(tasks).expect("it is counted");
            if tasks > 1 {
                start(tasks - 1, ran);
            }
        });
    }

    #[tokio::test]
    async fn four_tasks_that_start_one_another_run_before_a_turn_ends() {
        // A task like theirs: that of a test runs at other times.
        let work = tokio::spawn(async {
            let pace = Pace::fixed(1);
            let turn = pace.turn().await;
            let (sender, ran) = tokio::sync::mpsc::unbounded_channel();
            start(9, sender);
            turn.end(Ok::<_, ()>(()), |_| false).await.expect("it succeeded");
            ran.len()
        });
        assert_eq!(work.await.expect("it ends"), 4);
    }

    #[tokio::test]
    async fn a_fixed_bound_stays_whatever_happens() {
        let pace = Pace::fixed(20);
        refuse(&pace).await;
        succeed(&pace, 10).await;
        assert_eq!(limit(&pace), (20, 20));
    }
}
