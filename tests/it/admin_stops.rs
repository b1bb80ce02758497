//! The operator's tool stops: by SIGINT, or when DynamoDB fails for longer than its patience.

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::admin::{File, admin, objects, run, text};
use crate::record::assert_agreement;
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, history};
use crate::whole_history::with_history;

/// Rows of 20 rooms, which need a transaction each.
fn csv() -> String {
    let row = |number: usize| format!("room{:02},s{number},{}\n", number % 20, 1795341600 + number);
    "room_id,room_sid,created\n".to_owned() + &(0..800).map(row).collect::<String>()
}

/// The fate of a request in flight at an interrupt.
#[derive(Clone, Copy, PartialEq)]
enum InFlight {
    /// It is answered once the command waits for it.
    Answered,
    /// It is written, and never answered.
    Lost,
}

/// Runs a command against a database that holds back everything after `requests` of `operation`, or of any if it is
/// empty, and interrupts it then.
async fn interrupted(
    database: &Database,
    (operation, requests): (&'static str, usize),
    in_flight: InFlight,
    arguments: &[&str],
) -> Output {
    let (held, reached) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let never = Arc::clone(&held);
    let is_reached = Arc::clone(&reached);
    let seen = AtomicUsize::new(0);
    let proxy = Proxy::start(&database.endpoint, move |_, name| {
        if !operation.is_empty() && name != operation
            || seen.fetch_add(1, Ordering::SeqCst) < requests
        {
            return Fault::Pass;
        }
        is_reached.add_permits(1);
        if in_flight == InFlight::Lost { Fault::Stall } else { Fault::Hold(Arc::clone(&never)) }
    })
    .await;
    let mut command = admin(database, &proxy.endpoint, arguments);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    drop(reached.acquire().await);
    let id = child.id().expect("it runs").to_string();
    Command::new("kill").args(["-INT", &id]).status().await.expect("kill");
    let mut said = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut lines = Vec::new();
    while let Some(line) = said.next_line().await.expect("a line") {
        if line.starts_with("interrupted: waiting for") {
            held.add_permits(1000);
        }
        lines.push(line);
    }
    let output = child.wait_with_output().await.expect("it ends");
    Output { stderr: lines.join("\n").into_bytes(), ..output }
}

#[tokio::test]
async fn interrupted_import_reports_and_resumes() {
    let database = Database::start().await;
    let file = File::new("history.csv", csv());
    let rejects = file.beside("rejects.jsonl");
    let import = ["import", file.path(), "--rejects", &rejects, "--in-flight", "1"];
    let output =
        interrupted(&database, ("TransactWriteItems", 5), InFlight::Answered, &import).await;
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert_eq!(said.matches("interrupted: waiting").count(), 1, "{said}");
    assert!(said.contains("error: interrupted") && said.contains("which is safe"), "{said}");
    let stored = assert_agreement(&database).await;
    assert!(stored > 0 && stored < 800, "{stored}");
    assert!(printed.contains(&format!("{stored} of 800 rows read in")), "{printed}");
    assert!(printed.contains(&format!("{stored} new")), "{printed}");
    let folder = Path::new(&rejects).parent().expect("a folder");
    assert_eq!(std::fs::read_dir(folder).expect("a folder").count(), 1, "only the input is left");
    let output = run(&database, &["import", file.path()]).await;
    assert!(text(&output.stdout).contains(&format!("{stored} unchanged")));
    assert_eq!(assert_agreement(&database).await, 800);
}

#[tokio::test]
async fn interrupted_delete_and_export_report() {
    let database = Database::start().await;
    database.record(&history("room01", 200, 60)).await;
    let delete = ["delete", "--room", "room01", "--yes"];
    let third = ("TransactWriteItems", 2);
    let output = interrupted(&database, third, InFlight::Answered, &delete).await;
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("error: interrupted\n147 of 200 sessions deleted. Running"), "{said}");
    assert!(said.contains("again is safe"), "{said}");
    assert_eq!(text(&output.stdout), "room01: 147 sessions deleted; incomplete, see the errors\n");
    assert_eq!(assert_agreement(&database).await, 53);
    let first = ("TransactWriteItems", 0);
    let output = interrupted(&database, first, InFlight::Lost, &delete).await;
    let said = text(&output.stderr);
    assert!(said.contains("at least 0 of 53 sessions deleted"), "{said}");

    let file = File::new("history.csv", "");
    let place = file.beside("export.jsonl");
    let export = ["export", "--room", "room01", "--output", &place];
    let output = interrupted(&database, ("Query", 0), InFlight::Lost, &export).await;
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let output = run(&database, &export).await;
    assert!(output.status.success(), "nothing is in its way: {}", text(&output.stderr));
}

#[tokio::test]
async fn interrupted_retention_counts_changed_sessions() {
    let database = Database::start().await;
    database.record(&history("room01", 60, 60)).await;
    database.record(&history("room02", 60, 60)).await;
    let retention = ["retention", "--all", "--days", "36500", "--json"];
    let output = interrupted(&database, ("UpdateItem", 40), InFlight::Answered, &retention).await;
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    let rows = database.all_items().await;
    let changed = rows.iter().filter(|row| row.contains_key("expires")).count();
    assert!((41..120).contains(&changed), "{changed}");
    assert!(said.contains(&format!("{changed} sessions done")), "{said}");
    let summary = objects(&output.stdout).pop().expect("a summary");
    assert_eq!((&summary["changed"], &summary["complete"]), (&changed.into(), &false.into()));
}

#[tokio::test]
async fn history_shows_progress_in_both_tables() {
    let database = Database::start().await;
    let past_rooms = with_history(&database).await;
    database.record(&history("room01", 60, 60)).await;
    let name = format!("{}-history", past_rooms.table().name());
    let command = ["history", "--history-table", &name];
    let output = interrupted(&database, ("Scan", 1), InFlight::Lost, &command).await;
    let said = text(&output.stderr);
    assert!(said.contains("0 rows of the history table compared"), "{said}");
    assert!(text(&output.stdout).starts_with("60 sessions: 60 added"), "{output:?}");
}

#[tokio::test]
async fn interrupted_commands_fail_with_a_summary() {
    let database = Database::start().await;
    let file = File::new("history.csv", csv());
    let place = file.beside("export.jsonl");
    let commands = [
        &["import", file.path()][..],
        &["export", "--all", "--output", &place],
        &["list"],
        &["show", "--sid", "s1"],
        &["tally", "--all"],
        &["duplicates"],
        &["history", "--history-table", "past-rooms-history"],
        &["delete", "--room", "room01", "--yes"],
        &["retention", "--all", "--days", "0"],
    ];
    let database = &database;
    let runs = commands.map(|command| async move {
        let arguments = [command, &["--json"]].concat();
        (command, interrupted(database, ("", 0), InFlight::Lost, &arguments).await)
    });
    let mut runs = stream::iter(runs).buffer_unordered(5);
    while let Some((command, output)) = runs.next().await {
        assert_eq!(output.status.code(), Some(130), "{command:?}: {}", text(&output.stderr));
        assert_is_stopped(&output);
    }
}

#[tokio::test]
async fn signals_end_an_import_waiting_for_input() {
    let database = Database::start().await;
    for (signal, number) in [("-INT", 2), ("-TERM", 15)] {
        assert_ends_by(&database, signal, number).await;
    }
}

async fn assert_ends_by(database: &Database, signal: &str, number: u32) {
    let import = ["import", "-", "--format", "csv", "--json"];
    let mut import = admin(database, &database.endpoint, &import);
    let import = import.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = import.spawn().expect("it starts");
    let stdin = child.stdin.take();
    let id = child.id().expect("it runs").to_string();
    let takes_signal = || {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a status");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("signals");
        u64::from_str_radix(caught.trim(), 16).expect("a mask") & (1 << (number - 1)) != 0
    };
    while !takes_signal() {
        tokio::task::yield_now().await;
    }
    Command::new("kill").args([signal, &id]).status().await.expect("kill");
    let output = child.wait_with_output().await.expect("it ends");
    drop(stdin);
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let printed = objects(&output.stdout);
    let types: Vec<_> = printed.iter().map(|object| &object["type"]).collect();
    assert_eq!(types, ["error", "summary"]);
}

/// The last objects are an error and a summary.
fn assert_is_stopped(output: &Output) {
    let printed = objects(&output.stdout);
    let types: Vec<_> = printed.iter().map(|object| &object["type"]).collect();
    assert_eq!(types, ["error", "summary"], "{}", text(&output.stderr));
    assert_eq!(printed[1]["complete"], false);
    assert!(printed[1]["unconfirmed"].is_u64());
    assert!(printed[1].get("exists").is_none_or(Value::is_null), "it is not known");
}

#[tokio::test]
async fn every_command_ends_after_its_patience() {
    let database = Database::start().await;
    let file = File::new("history.csv", csv());
    let place = file.beside("export.jsonl");
    let silent = Proxy::start(&database.endpoint, |_, _| Fault::Stall).await;
    let commands = [
        &["import", file.path()][..],
        &["export", "--all", "--output", &place],
        &["list"],
        &["list", "--room", "room01"],
        &["show", "--sid", "s1"],
        &["tally", "--all"],
        &["tally", "--room", "room01", "--check"],
        &["duplicates"],
        &["history", "--history-table", "past-rooms-history"],
        &["delete", "--room", "room01", "--yes"],
        &["retention", "--all", "--days", "0"],
    ];
    let runs = ["http://127.0.0.1:9", &*silent.endpoint].into_iter().flat_map(|endpoint| {
        let database = &database;
        commands.map(|command| async move {
            let arguments = [command, &["--patience", "5", "--json"]].concat();
            let start = Instant::now();
            let output = admin(database, endpoint, &arguments).output().await.expect("it runs");
            (command, endpoint, output, start.elapsed())
        })
    });
    // A few at a time: starting a process takes long on a busy machine.
    let mut runs = stream::iter(runs).buffer_unordered(6);
    while let Some((command, endpoint, output, time)) = runs.next().await {
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {said}");
        assert_is_stopped(&output);
        let bounds = Duration::from_secs(4)..Duration::from_secs(9);
        assert!(bounds.contains(&time), "{command:?} at {endpoint} took {time:?}");
        assert!(said.contains("succeeded for 5 s (--patience)"), "{command:?}: {said}");
        assert!(said.contains("DynamoDB cannot be reached"), "{command:?}: {said}");
        if endpoint.ends_with(":9") {
            assert!(said.contains("trying again for 5 s (--patience): connector error"), "{said}");
        }
    }
}

#[tokio::test]
async fn commands_succeed_under_throttling() {
    let database = Database::start().await;
    let proxy = Proxy::start(&database.endpoint, |number, _| match number % 10 {
        0..=6 => Fault::Refuse(400, "ProvisionedThroughputExceededException"),
        _ => Fault::Pass,
    })
    .await;
    let file = File::new("history.csv", csv());
    for (arguments, result) in [
        (&["import", file.path()][..], "800 new"),
        (&["tally", "--all", "--check"], "0 differ"),
        (&["duplicates"], "0 repeated ids"),
        (&["retention", "--all", "--days", "0"], "0 changed"),
        (&["export", "--all"], "\"room_sid\":\"s799\""),
        (&["list"], "20 rooms with 800 sessions"),
        (&["show", "--sid", "s799"], "room_sid: s799"),
        (&["delete", "--room", "room00", "--yes"], "40 sessions deleted"),
    ] {
        let output = admin(&database, &proxy.endpoint, arguments).output().await.expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stdout).contains(result), "{arguments:?}");
    }
    assert_eq!(assert_agreement(&database).await, 760);
}
