//! `past-rooms-admin tally`, `delete` and `retention`, run as their users run them.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use past_rooms::table::Consistency;
use past_rooms::table::rows::tally::VERSION;
use past_rooms::table::schema::EXPIRES;
use past_rooms::{Meter, PageQuery, RowKey, Session};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::{Semaphore, mpsc};

use crate::admin::{admin, objects, run, text};
use crate::record::assert_agreement;
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, history, session, time};

const DAY: i64 = 86_400;

#[tokio::test]
async fn stray_rows_are_listed_and_can_be_deleted() {
    let database = Database::start().await;
    for room in ["a", "b", "c"] {
        let mut sessions = history(room, 30, 600);
        sessions.iter_mut().for_each(|session| session.room_sid.push_str(room));
        database.put_foreign(&sessions).await;
    }
    for sort_key in ["20240112 it's#x", "2024-13-01T00:00:00.000Z#y"] {
        database.put_item(RowKey::new("b", sort_key).into_item()).await;
    }
    for command in [&["tally", "--all"][..], &["tally", "--all", "--check"]] {
        let output = run(&database, command).await;
        let is_check = command.contains(&"--check");
        assert_eq!(output.status.code(), Some(i32::from(is_check)), "{command:?}");
        let printed = text(&output.stdout);
        assert!(printed.contains("b: 30 sessions") && printed.contains("3 rooms with 90 sessions"));
        for quoted in [r"'20240112 it'\''s#x'", "'2024-13-01T00:00:00.000Z#y'"] {
            assert!(
                printed.contains(&format!("delete --room 'b' --sort-key {quoted}")),
                "{printed}"
            );
        }
    }
    let tally = database.item("b", "~").await.expect("a tally");
    assert!(!tally.contains_key("incomplete"), "{tally:?}");
    let page = database.past_rooms.page(&PageQuery::new(["b"]).limit(100)).await.expect("a page");
    assert_eq!((page.total, page.sessions.len()), (30, 30));

    let delete = |sort_key: &'static str| {
        ["delete", "--room", "b", "--yes", "--sort-key", sort_key].map(str::to_owned)
    };
    let output = run(&database, &["delete", "--room", "b", "--yes", "--sort-key", "~"]).await;
    assert_eq!(output.status.code(), Some(2), "no session");
    for (sort_key, status, deleted) in [
        ("2024-13-01T00:00:00.000Z#y", 0, "b: 1 session deleted"),
        ("20240112 it's#x", 0, "b: 1 session deleted"),
        ("20240112 it's#x", 1, "b: no row with the sort key \"20240112 it's#x\""),
    ] {
        let arguments = delete(sort_key);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = run(&database, &arguments).await;
        assert_eq!(output.status.code(), Some(status), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains(deleted), "{}", text(&output.stdout));
    }
    let output = run(&database, &["tally", "--all", "--check"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert_eq!(assert_agreement(&database).await, 90);
}

#[tokio::test]
async fn repeated_ids_are_listed_by_their_own_command() {
    let database = Database::start().await;
    database.record(&history("a", 30, 600)).await;
    database.record(&[session("a", "2025-01-01T00:00:00Z", "SID_000007")]).await;
    database.record(&[session("b", "2025-01-01T01:00:00Z", "SID_000008")]).await;
    database.record(&[session("b", "2025-01-01T02:00:00Z", "SID_of_b")]).await;
    let output = run(&database, &["duplicates"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let expected = "\
SID_000007 is the id of 2 sessions:
  a: 2024-01-03T22:00:00.000Z#SID_000007
  a: 2025-01-01T00:00:00.000Z#SID_000007
SID_000008 is the id of 2 sessions:
  a: 2024-01-04T08:00:00.000Z#SID_000008
  b: 2025-01-01T01:00:00.000Z#SID_000008
33 sessions, 2 repeated ids
";
    assert_eq!(text(&output.stdout), expected);
    let output = run(&database, &["duplicates", "--json"]).await;
    let objects: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(objects[0]["room_sid"], "SID_000007");
    assert_eq!(objects[0]["keys"].as_array().map(Vec::len), Some(2));
    assert_eq!((&objects[2]["sessions"], &objects[2]["repeated"]), (&json!(33), &json!(2)));
    // The tallies are right: they count sessions, not ids.
    assert_eq!(run(&database, &["tally", "--all", "--check"]).await.status.code(), Some(0));
    for sort_key in ["2025-01-01T00:00:00.000Z#SID_000007", "2024-01-04T08:00:00.000Z#SID_000008"] {
        let delete = ["delete", "--room", "a", "--yes", "--sort-key", sort_key];
        assert_eq!(run(&database, &delete).await.status.code(), Some(0));
    }
    let output = run(&database, &["duplicates"]).await;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "31 sessions, 0 repeated ids\n");
}

#[tokio::test]
async fn unknown_room_is_reported_and_empty_is_fine() {
    let database = Database::start().await;
    database.record(&history("room01", 3, 600)).await;
    for check in [&["--check"][..], &[]] {
        let arguments = [&["tally", "--room", "romo01", "--room", "room01"], check].concat();
        let output = run(&database, &arguments).await;
        assert_eq!(output.status.code(), Some(1));
        let printed = text(&output.stdout);
        assert!(printed.contains("romo01: no such room"), "{printed}");
        assert!(printed.contains("1 room with 3 sessions"), "{printed}");
        let json = run(&database, &[&arguments[..], &["--json"]].concat()).await;
        let first = text(&json.stdout).lines().next().expect("a line");
        let report: Value = serde_json::from_str(first).expect("JSON");
        assert_eq!((&report["exists"], &report["agrees"]), (&false.into(), &false.into()));
    }
    let says = async |arguments: &[&str]| {
        let output = run(&database, arguments).await;
        (output.status.code(), text(&output.stdout).lines().next().unwrap_or_default().to_owned())
    };
    let nothing = "romo01: no such room: it has no sessions and no tally".to_owned();
    for command in [
        &["delete", "--room", "romo01", "--yes"][..],
        &["delete", "--room", "romo01", "--yes", "--sid", "SID_000001"],
        &["retention", "--room", "romo01", "--room", "room01", "--days", "36500"],
        &["retention", "--room", "romo01", "--days", "36500", "--dry-run"],
    ] {
        assert_eq!(says(command).await, (Some(1), nothing.clone()), "{command:?}");
        let json = says(&[command, &["--json"]].concat()).await.1;
        let report: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(report["exists"], false, "{json}");
    }
    assert_eq!(database.item("romo01", "~").await, None, "nothing is made of it");
    // A room that was emptied is one.
    database.past_rooms.delete("room01", &keys_of(&history("room01", 3, 600))).await.expect("gone");
    for command in [
        &["tally", "--room", "room01", "--check"][..],
        &["delete", "--room", "room01", "--yes"],
        &["retention", "--room", "room01", "--days", "36500"],
    ] {
        assert_eq!(says(command).await.0, Some(0), "{command:?}");
    }
    // And one that has nothing but a meeting that goes on is no mistake of those who ask for all.
    let meeting = RowKey::new("room02", "!meeting#SID_x").into_item();
    database.put_item(meeting).await;
    for command in [
        &["tally", "--all"][..],
        &["tally", "--all", "--check"],
        &["retention", "--all", "--days", "36500"],
    ] {
        let output = run(&database, command).await;
        let printed = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{printed}");
        assert!(printed.contains("\n1 room with 0 sessions"), "{printed}");
    }
}

fn keys_of(sessions: &[Session]) -> Vec<past_rooms::SessionKey> {
    sessions.iter().map(crate::support::session_key).collect()
}

#[tokio::test]
async fn closed_output_ends_quietly() {
    let database = Database::start().await;
    for room in 0..80 {
        database.record(&history(&format!("room{room:02}"), 1, 600)).await;
    }
    let (reached, mut at_it) = mpsc::unbounded_channel();
    let until = Arc::new(Semaphore::new(0));
    let hold = Arc::clone(&until);
    // The last requests wait until the reader is gone.
    let proxy = Proxy::start(&database.endpoint, move |number, _| {
        if number < 200 {
            return Fault::Pass;
        }
        let _ = reached.send(());
        Fault::Hold(Arc::clone(&hold))
    })
    .await;
    let mut tally = admin(&database, &proxy.endpoint, &["tally", "--all", "--check"]);
    let tally = tally.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tally = tally.spawn().expect("it runs");
    let mut lines = BufReader::new(tally.stdout.take().expect("output")).lines();
    assert!(lines.next_line().await.expect("read").is_some_and(|line| line.starts_with("room00")));
    at_it.recv().await.expect("it comes to that request");
    drop(lines);
    until.add_permits(1000);
    let output = tally.wait_with_output().await.expect("it ends");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(141), ""));
}

#[tokio::test]
async fn large_room_is_counted_in_few_requests() {
    let database = Database::start().await;
    // Eight years, every day and more: more keys than one request reads.
    let sessions = history("room01", 3500, 1203);
    database.record(&sessions).await;
    let meter = Arc::new(Meter::default());
    let metered = database.past_rooms.metered(&meter);
    let report = metered.check_tally("room01").await.expect("checked");
    assert!(report.is_consistent() && report.sessions == 3500, "{report:?}");
    // The tallies twice, the room's twice, the first keys, the last key, eight stretches.
    assert!(meter.requests() <= 14, "{}", meter.requests());
    database.delete_item(sessions[3400].key().expect("a key")).await;
    database.put_foreign(&[session("room01", "2024-01-01T00:30:00Z", "other")]).await;
    let report = metered.check_tally("room01").await.expect("checked");
    let buckets: BTreeSet<String> =
        report.differences.iter().map(|difference| difference.bucket.prefix()).collect();
    let hour = &sessions[3400].created.to_string()[..13];
    assert_eq!(buckets, ["2024-01", "2024-01-01T00", &hour[..7], hour].map(str::to_owned).into());
    assert_eq!(report.sessions, 3500);
    let mended = database.past_rooms.tally("room01").await.expect("mended");
    assert_eq!(mended.differences, report.differences);
    // Without any tally, the whole is built in a few transactions.
    for row in database.all_items().await {
        let key = RowKey::of_item(&row).expect("a key");
        if key.session_key().is_none() {
            database.delete_item(key).await;
        }
    }
    let before = meter.requests();
    assert!(metered.tally("room01").await.expect("built").untallied);
    assert!(meter.requests() - before <= 25, "{}", meter.requests() - before);
    assert_eq!(assert_agreement(&database).await, 3500);
}

/// Sessions of half a year ago: no expiry that is written is older than three years.
fn recent(room_id: &str, sessions: usize) -> Vec<Session> {
    let mut sessions = history(room_id, sessions, 600);
    let start = sessions[0].created;
    let to_recent = jiff::Timestamp::now().as_second() - 180 * DAY - start.as_second();
    for session in &mut sessions {
        session.created += jiff::SignedDuration::from_secs(to_recent);
        session.ended = Some(session.created);
    }
    sessions
}

async fn expires(database: &Database, session: &Session) -> Option<i64> {
    let key = session.key().expect("a key");
    let row = database.item(&key.room_id, &key.sort_key).await.expect("a session");
    row.get(EXPIRES).map(|time| time.as_n().expect("a number").parse().expect("a time"))
}

#[tokio::test]
async fn retention_is_set_on_existing_sessions() {
    let database = Database::start().await;
    let (mut a, b) = (recent("a", 3), recent("b", 40));
    a[1].ended = None;
    a[2].ended = Some(time("2999-01-01T00:00:00Z"));
    database.record(&a).await;
    database.put_foreign(&b).await;
    let mut odd = RowKey::new("b", "2024-01-12T10#undated").into_item();
    odd.insert("room_title".to_owned(), AttributeValue::S("odd".to_owned()));
    database.put_item(odd.clone()).await;
    let retention = async |more: &[&str]| {
        let output = run(&database, &[&["retention"], more].concat()).await;
        let printed = [text(&output.stdout), text(&output.stderr)].concat();
        (output.status.code().expect("it ended"), printed)
    };
    // Sessions would expire at once, so the command asks.
    let before = database.all_items().await;
    let (status, printed) = retention(&["--all", "--days", "30"]).await;
    assert_eq!(status, 2);
    assert!(printed.contains("42 of 44 sessions ended more than 30 days ago"), "{printed}");
    let (status, printed) = retention(&["--all", "--days", "30", "--dry-run"]).await;
    assert_eq!(status, 0);
    assert!(
        printed.contains("43 would be changed, 42 expire at once; 1 have no time"),
        "{printed}"
    );
    assert!(database.all_items().await == before, "nothing was written");

    let (status, printed) = retention(&["--room", "a", "--days", "30", "--yes"]).await;
    assert_eq!((status, expires(&database, &b[0]).await), (0, None));
    assert!(printed.contains("a: 3 sessions, 3 changed"), "{printed}");
    let after = |time: jiff::Timestamp| Some(time.as_second() + 30 * DAY);
    assert_eq!(expires(&database, &a[0]).await, after(a[0].created));
    assert_eq!(expires(&database, &a[1]).await, after(a[1].created));
    assert_eq!(expires(&database, &a[2]).await, after(time("2999-01-01T00:00:00Z")));
    let (_, printed) = retention(&["--all", "--days", "30", "--yes"]).await;
    assert!(printed.contains("2 rooms with 44 sessions: 40 changed"), "{printed}");
    assert_eq!(database.item("b", "2024-01-12T10#undated").await, Some(odd));
    // This command sets the same expiry as recording.
    let kept = database.past_rooms.with_retention_days(30);
    assert_eq!(kept.record(&a).await.expect("recorded").unchanged, 3);

    let (status, printed) = retention(&["--all", "--days", "0", "--json"]).await;
    let objects = objects(printed.as_bytes());
    let changed: Vec<&Value> = objects.iter().map(|object| &object["changed"]).collect();
    assert_eq!((status, changed), (0, vec![&3.into(), &40.into(), &43.into()]));
    assert_eq!(expires(&database, &a[0]).await, None);
    assert_eq!(retention(&["--all"]).await.0, 2, "--days is required");
}

#[tokio::test]
async fn killed_retention_resumes_beside_writers() {
    let database = Database::start().await;
    let mut sessions = recent("a", 40);
    database.record(&sessions).await;
    let days = ["retention", "--room", "a", "--days", "30", "--yes"];
    // While the first change is on its way, the session gets another end, and the next is deleted.
    let (reached, mut at_it) = mpsc::unbounded_channel();
    let until = Arc::new(Semaphore::new(0));
    let hold = Arc::clone(&until);
    let proxy = Proxy::start(&database.endpoint, move |_, operation| {
        if operation != "UpdateItem" {
            return Fault::Pass;
        }
        let _ = reached.send(());
        Fault::Hold(Arc::clone(&hold))
    })
    .await;
    let mut retention = admin(&database, &proxy.endpoint, &days);
    let retention = retention.stdout(Stdio::piped()).spawn().expect("it runs");
    at_it.recv().await.expect("it comes to that request");
    sessions[0].ended = Some(time("2999-01-01T00:00:00Z"));
    database.record(&sessions[..1]).await;
    let deleted = [crate::support::session_key(&sessions[1])];
    database.past_rooms.delete("a", &deleted).await.expect("deleted");
    until.add_permits(1000);
    let output = retention.wait_with_output().await.expect("it ends");
    assert!(output.status.success());
    assert!(
        text(&output.stdout).contains("a: 39 sessions, 39 changed"),
        "{}",
        text(&output.stdout)
    );
    let ended = time("2999-01-01T00:00:00Z").as_second();
    assert_eq!(expires(&database, &sessions[0]).await, Some(ended + 30 * DAY));
    let key = sessions[1].key().expect("a key");
    assert_eq!(database.item("a", &key.sort_key).await, None, "what is deleted stays deleted");
    assert_eq!(assert_agreement(&database).await, 39);

    // Killed after some changes, it does the rest when it is started again.
    let (reached, mut at_it) = mpsc::unbounded_channel();
    let proxy = Proxy::start(&database.endpoint, move |number, _| {
        if number < 12 {
            return Fault::Pass;
        }
        let _ = reached.send(());
        Fault::Stall
    })
    .await;
    let days = ["retention", "--room", "a", "--days", "60", "--yes"];
    let mut retention = admin(&database, &proxy.endpoint, &days).spawn().expect("it runs");
    at_it.recv().await.expect("it comes to that request");
    retention.kill().await.expect("killed");
    let output = run(&database, &days).await;
    assert!(output.status.success());
    for session in sessions.iter().filter(|session| session.room_sid != "SID_000001") {
        let ended = session.ended.expect("an end").as_second();
        assert_eq!(expires(&database, session).await, Some(ended + 60 * DAY));
    }
}

#[tokio::test]
async fn built_tally_keeps_its_version() {
    let database = Database::start().await;
    database.record(&history("room01", 3, 60)).await;
    let table = database.past_rooms.table();
    let version = || async {
        let tally = RowKey::room_tally("room01");
        let tally = table.get_row(tally, Consistency::Strong).await.expect("a tally");
        tally.and_then(|tally| tally.get(VERSION).cloned())
    };
    let before = version().await;
    assert!(before.is_some());
    database.past_rooms.tally("room01").await.expect("built");
    assert_eq!(version().await, before);
}
