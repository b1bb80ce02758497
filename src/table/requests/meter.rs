//! Counts what requests cost at DynamoDB.

use std::sync::atomic::{AtomicU64, Ordering};

/// The cost of the requests counted with it. Shared by the requests in flight.
#[derive(Debug, Default)]
pub struct Meter {
    requests: AtomicU64,
    /// DynamoDB charges reads by the half unit, so halves count exactly.
    half_units: AtomicU64,
}

impl Meter {
    /// Counts one request that consumed `units` read (or write) units.
    pub fn add(&self, units: f64) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.half_units.fetch_add((units * 2.0).round() as u64, Ordering::Relaxed);
    }

    /// Requests that DynamoDB answered. The SDK's own retries of a request are not counted again.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Units consumed, as DynamoDB reported them.
    pub fn units(&self) -> f64 {
        self.half_units.load(Ordering::Relaxed) as f64 / 2.0
    }
}
