//! Imports that are killed at any moment, on a network that loses connections.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::sync::mpsc;

use crate::admin::{File, admin, text};
use crate::record::assert_agreement;
use crate::support::Database;
use crate::support::proxy::{Fault, Proxy};

/// Number of rooms, each with enough sessions for a transaction of its own.
const ROOMS: usize = 110;
const SESSIONS: usize = 33 * ROOMS;
const KILLS: usize = 50;

/// One of this number of requests loses its connection.
const LOST: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn import_killed_50_times_has_every_row_once() {
    let database = Database::start().await;
    let random = Arc::new(Mutex::new(fastrand::Rng::with_seed(9)));
    let row = |number: usize| {
        json!({"room_id": format!("room{:02}", number % ROOMS), "room_sid": format!("{number:04}"),
            "created": 1_795_341_600 + 7200 * number, "room_title": "A title"})
    };
    let rows = (0..SESSIONS).map(|number| format!("{}\n", row(number)));
    let file = File::new("history.jsonl", rows.collect::<String>());

    // The transaction at which the import is killed, of those that come from now on.
    let kill_in = Arc::new(AtomicUsize::new(usize::MAX));
    let (reached, mut at_it) = mpsc::unbounded_channel();
    let proxy = Proxy::start(&database.endpoint, {
        let (kill_in, random) = (Arc::clone(&kill_in), Arc::clone(&random));
        move |_, operation| {
            let is_write = operation == "TransactWriteItems";
            let left = kill_in.fetch_sub(usize::from(is_write), Ordering::SeqCst);
            let mut random = random.lock().expect("a generator");
            match left {
                // Killed before it is written, or before it is answered.
                0 if is_write => {
                    let _ = reached.send(());
                    [Fault::Stall, Fault::CutAfter][random.usize(..2)].clone()
                }
                _ if random.usize(..LOST) == 0 => {
                    [Fault::CutBefore, Fault::CutAfter, Fault::CutInside][random.usize(..3)].clone()
                }
                _ => Fault::Pass,
            }
        }
    })
    .await;

    let mut killed = 0;
    while killed < KILLS {
        let requests = random.lock().expect("a generator").usize(..2);
        kill_in.store(requests, Ordering::SeqCst);
        let arguments = ["import", "--in-flight", "2", file.path()];
        let mut import = admin(&database, &proxy.endpoint, &arguments);
        let mut import = import.stdout(Stdio::null()).spawn().expect("it runs");
        tokio::select! {
            _ = at_it.recv() => {
                import.kill().await.expect("killed");
                killed += 1;
            }
            ended = import.wait() => panic!("it was done after {killed} kills: {ended:?}"),
        }
        while at_it.try_recv().is_ok() {}
    }
    kill_in.store(usize::MAX, Ordering::SeqCst);
    let output = admin(&database, &proxy.endpoint, &["import", file.path()]).output().await;
    let output = output.expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(assert_agreement(&database).await, SESSIONS);
    let output = admin(&database, &database.endpoint, &["import", file.path()]).output().await;
    let printed = output.expect("it runs").stdout;
    let expected = format!("0 new, 0 changed, {SESSIONS} unchanged, 0 rejected");
    assert!(text(&printed).contains(&expected), "{}", text(&printed));
}
