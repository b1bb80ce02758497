//! Many seeds on all processors, with progress; one seed with its events.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::focus::Focus;
use crate::run::{self, Outcome};
use crate::scheduler::Counters;

/// Interval at which progress is printed.
const PROGRESS: Duration = Duration::from_secs(10);

/// A number in an environment variable.
pub fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}")))
}

/// Reads the focus of all seeds from the environment. `None`: each seed has its own.
pub fn focus() -> Option<Focus> {
    let name = std::env::var("SIM_FOCUS").ok()?;
    Some(Focus::named(&name).unwrap_or_else(|| panic!("SIM_FOCUS must be a focus, not {name:?}")))
}

/// Runs one seed, and prints its events.
pub fn replay(seed: u64, focus: Option<Focus>) {
    let Outcome { result, trace } = run::run(seed, focus, true);
    trace.iter().for_each(|line| println!("{line}"));
    match result {
        Ok(counters) => println!("seed {seed} is right: {counters:?}"),
        Err(violation) => panic!("seed {seed}: {violation}"),
    }
}

/// Runs `count` seeds from `first` on; panics with the first that fails.
pub fn run_all(first: u64, count: u64, focus: Option<Focus>) {
    let began = Instant::now();
    let next = AtomicU64::new(first);
    let failed = AtomicBool::new(false);
    let failures = Mutex::new(Vec::new());
    let sums = Mutex::new((Counters::default(), Instant::now()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !failed.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    match run::run(seed, focus, false).result {
                        Ok(counters) => {
                            let mut sums = sums.lock().expect("the sums");
                            sums.0 += counters;
                            if sums.1.elapsed() > PROGRESS {
                                sums.1 = Instant::now();
                                report(seed + 1 - first, began, &sums.0);
                            }
                        }
                        Err(violation) => {
                            failed.store(true, Ordering::Relaxed);
                            failures.lock().expect("the failures").push((seed, violation));
                        }
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("the failures");
    failures.sort();
    if let Some((seed, violation)) = failures.first() {
        panic!(
            "seed {seed}, number {} of this run: {violation}\n\
             replay it with the same SIM_FOCUS and SIM_SEED={seed} cargo test --test sim every_page -- --nocapture",
            seed - first + 1
        );
    }
    report(count, began, &sums.into_inner().expect("the sums").0);
}

fn report(seeds: u64, began: Instant, sums: &Counters) {
    let seconds = began.elapsed().as_secs_f64();
    println!("{seeds} seeds in {seconds:.0} s, {:.1} a second: {sums:?}", seeds as f64 / seconds);
}
