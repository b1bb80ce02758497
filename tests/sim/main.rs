//! A deterministic simulation: readers and writers of every kind, the real code, the real embedded
//! database, and an HTTP client that is a scheduler. What a seed does is decided by the seed alone.
//!
//! `cargo test --test sim` runs some seeds, `SIM_SEEDS=…` as many as you like, with progress under
//! `-- --nocapture`. `SIM_SEED=…` runs one and prints its events. `SIM_FOCUS=…` gives all seeds one focus.
//! `docs/internals/testing.md` says what is simulated and what is checked.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a simulation that cannot go on has failed"
)]

mod actors;
mod cluster;
mod content;
mod corruption;
mod cost;
mod database;
mod faults;
mod finish;
mod focus;
mod half_seen;
mod history;
mod miscounts;
mod network;
mod plan;
mod projection;
mod promise;
mod run;
mod scheduler;
mod seeds;
mod stream;
mod tallies;
mod timed;
mod views;

/// Seeds of a plain `cargo test`.
const SEEDS: u64 = 2000;

#[test]
fn every_page_is_true_while_others_write() {
    let focus = seeds::focus();
    match (seeds::number("SIM_SEED"), seeds::number("SIM_FIRST"), seeds::number("SIM_SEEDS")) {
        (Some(seed), _, _) => seeds::replay(seed, focus),
        (None, first, count) => seeds::run_all(first.unwrap_or(0), count.unwrap_or(SEEDS), focus),
    }
}

#[test]
fn seed_repeats_exactly() {
    for seed in 0..20 {
        let (first, again) = (run::run(seed, None, true), run::run(seed, None, true));
        assert!(!first.trace.is_empty());
        assert_eq!(first.trace, again.trace, "seed {seed}");
    }
}
