//! With `--json`, every command of the operator's tool prints objects of one shape.

use serde_json::Value;

use crate::admin::{File, admin, objects, run, text};
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, history, session};
use crate::whole_history::with_history;

fn types(objects: &[Value]) -> Vec<&str> {
    objects.iter().map(|object| object["type"].as_str().expect("a type")).collect()
}

#[tokio::test]
async fn every_command_ends_with_a_summary() {
    let database = Database::start().await;
    with_history(&database).await;
    let history_table = format!("{}-history", database.past_rooms.table().name());
    database.record(&history("room01", 3, 60)).await;
    database.record(&[session("room02", "2024-05-01T10:00:00Z", "SID_000001")]).await;
    let file =
        File::new("history.csv", "room_id,room_sid,created\nroom01,a,2026-11-22T10:00:00Z\n");
    let bad = File::new("bad.csv", "room_id,room_sid,created\nroom01,b,tomorrow\n");
    let exported = file.beside("exported.jsonl");
    let odd =
        File::new("odd.csv", "room_id,room_sid,created,titel\nroom01,a,2026-11-22T10:00:00Z,x\n");
    let man = file.beside("man");
    for (arguments, status, expected) in [
        (&["import", file.path()][..], 0, &["summary"][..]),
        (&["import", bad.path()], 1, &["rejected", "summary"]),
        (&["import", odd.path()], 0, &["warning", "summary"]),
        (&["import", "missing.csv"], 2, &["error", "summary"]),
        (&["completions", "bash"], 0, &["completions", "summary"]),
        (&["man", &man], 0, &["summary"]),
        (&["man", file.path()], 2, &["error", "summary"]),
        (&["list"], 0, &["room", "room", "summary"]),
        (&["show", "--sid", "SID_000001"], 0, &["session", "session", "summary"]),
        (&["show", "--sid", "TYPO"], 1, &["summary"]),
        (&["export", "--all", "--output", &exported], 0, &["summary"]),
        (
            &["export", "--room", "romo01", "--output", &file.beside("none")],
            1,
            &["room", "error", "summary"],
        ),
        (&["tally", "--all", "--check"], 0, &["room", "room", "summary"]),
        (&["tally", "--room", "romo01"], 1, &["room", "summary"]),
        (&["duplicates"], 1, &["repeated", "summary"]),
        (&["history", "--history-table", &history_table], 0, &["summary"]),
        (&["retention", "--all", "--days", "0"], 0, &["room", "room", "summary"]),
        (&["delete", "--room", "room02", "--dry-run"], 0, &["summary"]),
        (&["delete", "--room", "room02", "--yes"], 0, &["summary"]),
        (&["delete", "--room", "romo01", "--yes"], 1, &["summary"]),
    ] {
        let output = run(&database, &[arguments, &["--json"]].concat()).await;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        let printed = objects(&output.stdout);
        assert_eq!(types(&printed), expected, "{arguments:?}");
        let summary = printed.last().expect("a summary");
        assert_eq!(summary["complete"], status < 2, "{arguments:?}");
        let wrong = run(&database, &[arguments, &["--json", "--nonsense"]].concat()).await;
        assert_eq!(types(&objects(&wrong.stdout)), ["error", "summary"], "{arguments:?}");
    }
}

#[tokio::test]
async fn stdout_of_export_has_only_sessions() {
    let database = Database::start().await;
    database.record(&history("room01", 3, 60)).await;
    let output = run(&database, &["export", "--all", "--room", "--json"]).await;
    assert_eq!(output.status.code(), Some(2), "--room excludes --all");
    let output = run(&database, &["export", "--all", "--json"]).await;
    let sids = objects(&output.stdout);
    assert!(sids.len() == 3 && sids.iter().all(|session| session["type"].is_null()), "{sids:?}");
    assert_eq!(types(&objects(&output.stderr)), ["summary"]);
}

#[tokio::test]
async fn errors_are_objects_with_a_text() {
    let database = Database::start().await;
    database.record(&history("room01", 3, 60)).await;
    database.record(&history("room02", 3, 60)).await;
    let denied = |fails: fn(usize) -> bool| {
        Proxy::start(&database.endpoint, move |number, _| match fails(number) {
            true => Fault::Refuse(400, "AccessDeniedException"),
            false => Fault::Pass,
        })
    };
    let proxy = denied(|number| number == 1).await;
    let tally = ["tally", "--room", "room01", "--room", "room02", "--check", "--json"];
    let output = admin(&database, &proxy.endpoint, &tally).output().await.expect("it runs");
    let mut printed = objects(&output.stdout);
    let summary = printed.pop().expect("a summary");
    assert_eq!(
        (output.status.code(), &summary["failed"], &summary["rooms"]),
        (Some(2), &1.into(), &1.into())
    );
    printed.sort_by_key(|object| object["type"].to_string());
    assert_eq!(types(&printed), ["error", "room"]);
    assert_ne!(printed[0]["room_id"], printed[1]["room_id"]);
    let advice = printed[0]["advice"].as_str().expect("advice");
    assert!(advice.contains("actions") && text(&output.stderr).contains(advice));

    let proxy = denied(|_| true).await;
    let output = admin(&database, &proxy.endpoint, &["list", "--json"]).output().await;
    let output = output.expect("it runs");
    let printed = objects(&output.stdout);
    assert_eq!((output.status.code(), types(&printed)), (Some(2), vec!["error", "summary"]));
    assert!(printed[0]["error"].as_str().is_some_and(|text| text.contains("AccessDenied")));
    assert!(printed[0]["advice"].as_str().is_some_and(|text| text.contains("actions")));

    for arguments in
        [&["tally", "--json"][..], &["--json", "show", "--sid", ""], &["--json", "lst"]]
    {
        let output = run(&database, arguments).await;
        let printed = objects(&output.stdout);
        assert_eq!((output.status.code(), types(&printed)), (Some(2), vec!["error", "summary"]));
        assert!(text(&output.stderr).contains(printed[0]["error"].as_str().expect("a text")));
    }
}
