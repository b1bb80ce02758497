//! How many rooms are worked on at once: more while all goes well, fewer when DynamoDB throttles.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// How many requests an import begins with.
const FIRST: usize = 8;

/// A bound on what is in flight that finds its own place: it grows with every success, by one a
/// round once DynamoDB has throttled, and is halved by throttling, once for all that was sent before.
#[derive(Debug)]
pub(super) struct Pace {
    permits: Semaphore,
    state: Mutex<State>,
    most: usize,
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

/// Leave for one request, or for some that follow each other.
#[derive(Debug)]
pub(super) struct Leave<'a> {
    pace: &'a Pace,
    permit: Option<SemaphorePermit<'a>>,
    halvings: u64,
}

impl Pace {
    /// At most so many at once.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        let limit = FIRST.min(most);
        let state = State { limit, excess: 0, successes: 0, halvings: 0 };
        Pace { permits: Semaphore::new(limit), state: Mutex::new(state), most }
    }

    /// How many at once, at the most.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Waits for its turn.
    pub async fn enter(&self) -> Leave<'_> {
        // The semaphore is never closed.
        let permit = self.permits.acquire().await.ok();
        Leave { pace: self, permit, halvings: self.state().halvings }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// It went well.
    pub fn succeeded(self) {
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

    /// DynamoDB takes no more of them.
    pub fn throttled(self) {
        let mut state = self.pace.state();
        // What was sent before the last halving says nothing of the limit after it.
        if self.halvings == state.halvings {
            let less = state.limit / 2;
            state.limit -= less;
            state.excess += less;
            state.successes = 0;
            state.halvings += 1;
        }
    }
}

impl Drop for Leave<'_> {
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

    fn limit(pace: &Pace) -> usize {
        pace.state().limit
    }

    #[tokio::test]
    async fn it_grows_while_all_goes_well_and_not_beyond_its_bound() {
        let pace = Pace::new(20);
        for _ in 0..8 {
            pace.enter().await.succeeded();
        }
        assert_eq!((limit(&pace), pace.permits.available_permits()), (16, 16));
        for _ in 0..100 {
            pace.enter().await.succeeded();
        }
        assert_eq!((limit(&pace), pace.permits.available_permits()), (20, 20));
    }

    #[tokio::test]
    async fn throttling_halves_it_once_for_all_that_was_sent_before() {
        let pace = Pace::new(100);
        let mut sent = Vec::new();
        for _ in 0..8 {
            sent.push(pace.enter().await);
        }
        for leave in sent {
            leave.throttled();
        }
        assert_eq!((limit(&pace), pace.permits.available_permits()), (4, 4));
        // Then it grows by one a round.
        for _ in 0..4 {
            pace.enter().await.succeeded();
        }
        assert_eq!((limit(&pace), pace.permits.available_permits()), (5, 5));
        for _ in 0..10 {
            pace.enter().await.throttled();
        }
        assert_eq!((limit(&pace), pace.permits.available_permits()), (1, 1));
    }

    #[tokio::test]
    async fn one_that_is_given_up_gives_its_place_back() {
        let pace = Pace::new(1);
        drop(pace.enter().await);
        pace.enter().await.succeeded();
        assert_eq!(pace.permits.available_permits(), 1);
    }
}
