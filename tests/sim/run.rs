//! One run: a seed from its beginning to its end.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::actors;
use crate::cluster::Cluster;
use crate::database::{HISTORY, TABLE};
use crate::faults::Faults;
use crate::finish;
use crate::focus::Focus;
use crate::plan::Plan;
use crate::projection::Beginning;
use crate::scheduler::{Counters, Scheduler};
use crate::stream::Stream;

/// The outcome of a run.
pub struct Outcome {
    /// The problem; `Ok`: none.
    pub result: Result<Counters, String>,
    /// The events, if they were asked for.
    pub trace: Vec<String>,
}

/// Runs a seed, about `focus` if there is one. The same seed does the same, event by event.
pub fn run(seed: u64, focus: Option<Focus>, traced: bool) -> Outcome {
    // The waits of the library and of the SDK, and the SDK's tokens, are drawn from this thread's
    // generator.
    fastrand::seed(seed);
    let mut random = Rng::with_seed(seed);
    let plan = Plan::new(random.fork(), focus);
    let mut faults = Faults::new(&mut random);
    plan.focus.adjust(&mut faults, &mut random);
    let stream = plan.streams.then(|| Stream::new(plan.projection.is_some()));
    let cluster = Cluster::new(TABLE, &plan.rows, &plan.miscounted, faults.lag(), stream);
    let projection = plan.projection.map(|beginning| {
        let rows = beginning.rows(&mut random, &plan.sessions);
        Cluster::new(HISTORY, &rows, &[], faults.lag(), None)
    });
    let scheduler = Scheduler::new(cluster, projection, faults, random, &plan.actors);
    scheduler.world().focus = plan.focus;
    scheduler.world().trace.0 = traced.then(Vec::new);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let work = std::panic::AssertUnwindSafe(|| {
        tokio::task::LocalSet::new().block_on(&runtime, simulate(&scheduler, plan));
    });
    let result = std::panic::catch_unwind(work).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
    });
    let mut world = scheduler.world();
    Outcome {
        trace: world.trace.0.take().unwrap_or_default(),
        result: result.map(|()| world.counters.clone()),
    }
}

async fn simulate(scheduler: &Arc<Scheduler>, plan: Plan) {
    let actors = actors::spawn(scheduler, plan.actors);
    drive(scheduler, actors).await;
    let is_wrong = plan.projection == Some(Beginning::Wrong);
    finish::check(scheduler, &plan.room_ids, is_wrong).await;
}

/// Lets one event happen after the other, each when no actor can go on without it, until all actors
/// are done.
pub async fn drive(scheduler: &Scheduler, mut actors: JoinSet<()>) {
    loop {
        // The clock stands still as long as any actor can go on, so this waits for all of them.
        tokio::time::sleep(Duration::from_millis(1)).await;
        if scheduler.step() {
            continue;
        }
        // The remaining actors wait for a time, or are done.
        let arrives = scheduler.world().next_arrival();
        if actors.is_empty() && arrives.is_none() {
            return;
        }
        tokio::select! {
            biased;
            Some(done) = actors.join_next() => {
                if let Err(error) = done {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
            () = scheduler.held_more() => {}
            () = tokio::time::sleep_until(arrives.unwrap_or_else(Instant::now)),
                if arrives.is_some() => {}
        }
    }
}
