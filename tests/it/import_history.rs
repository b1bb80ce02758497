//! Imports of sessions that are in the table already: by an earlier import, by
//! webhooks, under another time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use past_rooms::table::keys::SessionKey;
use past_rooms::table::schema::EXPIRES;
use past_rooms::{Entry, Fields, Marks, PastRoom};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::admin::{File, admin, text};
use crate::import_files::{counts, import, lines, stored};
use crate::record::assert_agreement;
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, history};
use crate::webhook;

/// 2026-11-22T10:00:00Z.
const START: i64 = 1_795_341_600;

/// A file of these rows.
fn file(rows: &[Value]) -> File {
    File::new("history.jsonl", rows.iter().map(|row| format!("{row}\n")).collect::<String>())
}

fn row(room_sid: &str, more: &Value) -> Value {
    let mut row = json!({"room_id": "r", "room_sid": room_sid, "created": START});
    let more = more.as_object().expect("an object").clone();
    row.as_object_mut().expect("an object").extend(more);
    row
}

/// Imports these rows, and returns how many were new, changed, unchanged, rejected and moved.
async fn import_rows(database: &Database, rows: &[Value], options: &[&str]) -> [u64; 5] {
    let file = file(rows);
    let (_, summary, said) = import(database, &[&[file.path()], options].concat()).await;
    assert_eq!(summary["complete"], true, "{said}");
    let [new, changed, unchanged, rejected] = counts(&summary);
    [new, changed, unchanged, rejected, summary["moved"].as_u64().expect("a number")]
}

/// The only session of the table.
async fn one(database: &Database) -> PastRoom {
    assert_eq!(assert_agreement(database).await, 1);
    stored(database).await.into_values().next().expect("a session")
}

async fn post(database: &Database, events: &[Value]) {
    let app = webhook::app(database.past_rooms.clone());
    for event in events {
        assert_eq!(webhook::post(&app, event).await, 200);
    }
}

#[tokio::test]
async fn absent_column_keeps_and_empty_value_clears() {
    let database = Database::start().await;
    let all = json!({"room_title": "T", "joined_participants": 7, "webhook_url": "https://x",
        "ended": START + 60, "analytics_file_id": "f"});
    assert_eq!(import_rows(&database, &[row("a", &all)], &[]).await, [1, 0, 0, 0, 0]);
    let full = one(&database).await;
    assert_eq!(import_rows(&database, &[row("a", &json!({}))], &[]).await, [0, 0, 1, 0, 0]);
    assert_eq!(one(&database).await, full);
    let some = [row("a", &json!({"joined_participants": 8}))];
    assert_eq!(import_rows(&database, &some, &[]).await, [0, 1, 0, 0, 0]);
    assert_eq!(import_rows(&database, &some, &[]).await, [0, 0, 1, 0, 0]);
    assert_eq!(one(&database).await, PastRoom { joined_participants: 8, ..full.clone() });
    let empty = [row("a", &json!({"room_title": "", "ended": null, "file_id": ""}))];
    assert_eq!(import_rows(&database, &empty, &[]).await, [0, 1, 0, 0, 0]);
    assert_eq!(import_rows(&database, &empty, &[]).await, [0, 0, 1, 0, 0]);
    let cleared = PastRoom {
        room_title: String::new(),
        ended: String::new(),
        analytics_file_id: None,
        joined_participants: 8,
        ..full
    };
    assert_eq!(one(&database).await, cleared);
}

/// The meeting in a nightly export: without participants and analytics.
fn exported(created: i64) -> Value {
    row(
        "SID_x",
        &json!({"created": created, "room_title": "Title of SID_x", "joined_participants": 0,
            "webhook_url": "", "ended": START + 602, "analytics_file_id": null}),
    )
}

#[tokio::test]
async fn import_and_webhooks_make_one_session() {
    let events = webhook::meeting("r", "SID_x", START);
    let mut expected = None;
    // How many of the events came before the import.
    for before in [0, 5, 8, 9, 10] {
        let database = Database::start().await;
        post(&database, &events[..before]).await;
        import_rows(&database, &[exported(START)], &[]).await;
        post(&database, &events[before..]).await;
        let again = import_rows(&database, &[exported(START)], &[]).await;
        assert_eq!((again[0], again[3]), (0, 0), "{before}");
        let again = import_rows(&database, &[exported(START)], &[]).await;
        assert_eq!(again, [0, 0, 1, 0, 0], "{before}");
        let one = one(&database).await;
        assert_eq!(one.joined_participants, 3, "{before}");
        assert_eq!(one.analytics_file_id.as_deref(), Some("SID_x-file"), "{before}");
        assert_eq!(&one, expected.get_or_insert(one.clone()), "{before}");
    }
}

#[tokio::test]
async fn import_fills_what_webhooks_lack() {
    let database = Database::start().await;
    let mut events = webhook::meeting("r", "SID_x", START);
    let analytics = events.pop().expect("analytics");
    post(&database, &events).await;
    let mut exported = exported(START);
    exported["analytics_file_id"] = json!("of the export");
    exported["joined_participants"] = json!(5);
    exported["room_title"] = json!("Another");
    assert_eq!(import_rows(&database, &[exported.clone()], &[]).await, [0, 1, 0, 0, 0]);
    let filled = one(&database).await;
    assert_eq!(filled.analytics_file_id.as_deref(), Some("of the export"));
    assert_eq!((filled.joined_participants, &*filled.room_title), (5, "Title of SID_x"));
    post(&database, &[analytics]).await;
    assert_eq!(one(&database).await.joined_participants, 5);
    exported["joined_participants"] = json!(1);
    let overwritten = import_rows(&database, &[exported.clone()], &["--overwrite"]).await;
    assert_eq!(overwritten, [0, 1, 0, 0, 0]);
    let one = one(&database).await;
    assert_eq!((one.joined_participants, &*one.room_title), (1, "Another"));
}

#[tokio::test]
async fn import_replaces_guessed_times() {
    let database = Database::start().await;
    let events = webhook::meeting("r", "SID_x", START);
    // Without room_created, the beginning is that of session_ended, a second late.
    post(&database, &events[1..9]).await;
    assert_eq!(one(&database).await.created, "2026-11-22T10:00:01.000Z");
    assert_eq!(import_rows(&database, &[exported(START)], &[]).await, [0, 0, 0, 0, 1]);
    let moved = one(&database).await;
    assert_eq!((&*moved.created, moved.joined_participants), ("2026-11-22T10:00:00.000Z", 3));
    // Nor is it taken for a guess from then on.
    assert_eq!(import_rows(&database, &[exported(START + 3600)], &[]).await, [0, 0, 0, 1, 0]);
    post(&database, &events[9..]).await;
    let one = one(&database).await;
    assert_eq!((&*one.created, one.joined_participants), ("2026-11-22T10:00:00.000Z", 3));
    assert_eq!(one.analytics_file_id.as_deref(), Some("SID_x-file"));
}

#[tokio::test]
async fn webhooks_never_end_a_session_before_it_begins() {
    // Without room_created, the imported beginning stays, here with a wrong time zone.
    let database = Database::start().await;
    let late = row("SID_x", &json!({"created": START + 7200}));
    assert_eq!(import_rows(&database, &[late], &[]).await, [1, 0, 0, 0, 0]);
    post(&database, &webhook::meeting("r", "SID_x", START)[1..8]).await;
    let session = one(&database).await;
    assert_eq!(session.created, "2026-11-22T12:00:00.000Z");
    assert_eq!(session.ended, session.created);
    // An impossible end does not replace a presumed one.
    let database = Database::start().await;
    let early = row("SID_x", &json!({"created": START, "ended": START - 3600}));
    assert_eq!(import_rows(&database, &[early], &[]).await, [1, 0, 0, 0, 0]);
    post(&database, &webhook::unended("r", "SID_x", START)).await;
    crate::meetings::expire_timers(&database, START + 80 + past_rooms::meeting::SILENCE).await;
    assert_eq!(one(&database).await.ended, "2026-11-22T10:01:20.000Z");
}

#[tokio::test]
async fn session_of_another_time_is_rejected_or_moved() {
    let database = Database::start().await;
    let title = |title: &str| json!({"room_title": title, "file_id": "f"});
    let first = [row("a", &title("A")), row("b", &title("B")), row("c", &title("C"))];
    assert_eq!(import_rows(&database, &first, &[]).await, [3, 0, 0, 0, 0]);
    // Two are an hour and a year later; one is where it was; one has no row yet.
    let second = [
        row("a", &json!({"created": START + 3600, "room_title": "A2"})),
        row("d", &json!({})),
        row("b", &json!({"created": START + 31_536_000})),
        row("c", &json!({})),
    ];
    let second_file = file(&second);
    let rejects = second_file.beside("rejects.jsonl");
    let arguments = [second_file.path(), "--rejects", &rejects];
    let (status, summary, said) = import(&database, &arguments).await;
    assert_eq!((status, counts(&summary)), (1, [1, 0, 1, 2]), "{said}");
    for named in [
        "history.jsonl:1: the session \"a\" is in the table with created 2026-11-22T10:00:00.000Z, \
         here it is 2026-11-22T11:00:00.000Z",
        "history.jsonl:3: the session \"b\"",
    ] {
        assert!(said.contains(named), "{said}");
    }
    let rows = lines(&rejects);
    let numbers: Vec<_> = rows.iter().map(|row| &row["rejected_line"]).collect();
    assert_eq!((numbers, &rows[0]["room_title"]), (vec![&json!(1), &json!(3)], &json!("A2")));
    assert_eq!(assert_agreement(&database).await, 4);

    // The rejects are a file like any other.
    let (status, summary, said) = import(&database, &[&rejects, "--move"]).await;
    assert_eq!((status, counts(&summary), &summary["moved"]), (0, [0; 4], &json!(2)), "{said}");
    assert_eq!(assert_agreement(&database).await, 4);
    let sessions = stored(&database).await;
    assert_eq!(sessions["a"].created, "2026-11-22T11:00:00.000Z");
    assert_eq!(sessions["a"].room_title, "A2");
    // Values absent from the file moved along.
    assert_eq!(sessions["a"].analytics_file_id.as_deref(), Some("f"));
    assert_eq!(sessions["b"].created, "2027-11-22T10:00:00.000Z");
    assert_eq!(sessions["b"].room_title, "B");
    assert_eq!(import_rows(&database, &second, &["--move"]).await, [0, 0, 4, 0, 0]);
    // And back.
    assert_eq!(import_rows(&database, &first, &["--move"]).await, [0, 0, 1, 0, 2]);
    assert_eq!(assert_agreement(&database).await, 4);
}

#[tokio::test]
async fn move_leaves_one_row_of_a_repeated_session() {
    let database = Database::start().await;
    let twice = ["2026-11-22T09:00:00Z", "2026-11-22T10:00:00Z", "2025-11-22T10:00:00Z"];
    for created in twice {
        database.record(&[crate::support::session("r", created, "a")]).await;
    }
    assert_eq!(import_rows(&database, &[row("a", &json!({}))], &[]).await, [0, 0, 1, 0, 0]);
    assert_eq!(assert_agreement(&database).await, 3);
    assert_eq!(import_rows(&database, &[row("a", &json!({}))], &["--move"]).await[4], 1);
    assert_eq!(one(&database).await.created, "2026-11-22T10:00:00.000Z");
}

#[tokio::test]
async fn move_keeps_values_absent_from_the_file() {
    let database = Database::start().await;
    let mut full = crate::support::session("r", "2026-11-22T09:00:00Z", "a");
    full.room_title = "T".to_owned();
    full.joined_participants = 12;
    full.ended = Some("2026-11-22T11:00:00Z".parse().expect("a time"));
    full.analytics_file_id = Some("f".to_owned());
    // A blank row at the time of the file does not win over it.
    for blank in [false, true] {
        database.record(std::slice::from_ref(&full)).await;
        if blank {
            let mut blank = crate::support::session("r", "2026-11-22T10:00:00Z", "a");
            blank.room_title = String::new();
            blank.joined_participants = 0;
            blank.ended = None;
            database.past_rooms.delete("r", &keys_of(&database).await).await.expect("deleted");
            database.record(&[full.clone(), blank]).await;
        }
        assert_eq!(import_rows(&database, &[row("a", &json!({}))], &["--move"]).await[4], 1);
        let moved = one(&database).await;
        assert_eq!(moved.created, "2026-11-22T10:00:00.000Z");
        let kept = (&*moved.room_title, moved.joined_participants, &*moved.ended);
        assert_eq!(kept, ("T", 12, "2026-11-22T11:00:00.000Z"), "{blank}");
        assert_eq!(moved.analytics_file_id.as_deref(), Some("f"));
    }
}

async fn keys_of(database: &Database) -> Vec<SessionKey> {
    database.all_items().await.iter().filter_map(SessionKey::of_item).collect()
}

#[tokio::test]
async fn concurrent_imports_give_a_session_one_row() {
    let row = |sid: i64, shift: i64| {
        json!({"room_id": format!("r{}", sid % 5), "room_sid": format!("s{sid}"),
            "created": START + 60 * sid + shift})
    };
    let rows = |shift| (0..600).map(|sid| row(sid, shift)).collect::<Vec<_>>();
    for options in [&[][..], &["--move"]] {
        let database = Database::start().await;
        let (one, other) = (file(&rows(0)), file(&rows(3600)));
        let import_file = |file: &File| {
            let arguments = [
                &[file.path().to_owned()][..],
                &options.iter().map(|option| (*option).to_owned()).collect::<Vec<_>>(),
            ]
            .concat();
            let database = &database;
            async move {
                let arguments: Vec<&str> = arguments.iter().map(|argument| &**argument).collect();
                import(database, &arguments).await
            }
        };
        let (one, other) = tokio::join!(import_file(&one), import_file(&other));
        let new = one.1["new"].as_u64().unwrap_or(0) + other.1["new"].as_u64().unwrap_or(0);
        assert_eq!(new, 600, "{}{}", one.2, other.2);
        assert_eq!(assert_agreement(&database).await, 600);
        assert_eq!(stored(&database).await.len(), 600);
    }
}

#[tokio::test]
async fn last_beginning_of_a_session_wins() {
    let database = Database::start().await;
    let rows = [row("a", &json!({})), row("a", &json!({"created": START + 3600}))];
    for expected in [[1, 0, 0, 0, 0], [0, 0, 1, 0, 0]] {
        assert_eq!(import_rows(&database, &rows, &[]).await, expected);
    }
    assert_eq!(import_rows(&database, &rows, &["--move"]).await, [0, 0, 1, 0, 0]);
    assert_eq!(one(&database).await.created, "2026-11-22T11:00:00.000Z");
}

#[tokio::test]
async fn history_of_a_wrong_time_zone_is_moved() {
    let database = Database::start().await;
    let rows: Vec<Value> = (0..700)
        .map(|number| {
            json!({"room_id": format!("r{}", number % 3), "room_sid": format!("{number:03}"),
                "created": START + 600 * number})
        })
        .collect();
    assert_eq!(import_rows(&database, &rows, &[]).await, [700, 0, 0, 0, 0]);
    let shifted: Vec<Value> = rows
        .iter()
        .map(|row| {
            let mut row = row.clone();
            row["created"] = json!(row["created"].as_i64().expect("seconds") - 7200);
            row
        })
        .collect();
    assert_eq!(import_rows(&database, &shifted, &[]).await, [0, 0, 0, 700, 0]);
    assert_eq!(import_rows(&database, &shifted, &["--move"]).await, [0, 0, 0, 0, 700]);
    assert_eq!(import_rows(&database, &shifted, &["--move"]).await, [0, 0, 700, 0, 0]);
    assert_eq!(assert_agreement(&database).await, 700);
}

#[tokio::test]
async fn import_sets_expiry_and_skips_expired() {
    let database = Database::start().await;
    let now = Timestamp::now().as_second();
    let at = |sid: &str, created: i64| row(sid, &json!({"created": created, "ended": created}));
    let rows = file(&[at("new", now - 86_400), at("old", now - 40 * 86_400)]);
    let expires = async || {
        let rows = database.all_items().await.into_iter();
        let expires = rows.filter_map(|row| row.get(EXPIRES)?.as_n().ok()?.parse::<i64>().ok());
        expires.collect::<Vec<_>>()
    };
    let arguments = [rows.path(), "--retention-days", "30"];
    let (status, summary, said) = import(&database, &arguments).await;
    assert_eq!((status, counts(&summary), &summary["expired"]), (0, [1, 0, 0, 0], &json!(1)));
    assert_eq!(expires().await, [now + 29 * 86_400], "{said}");
    // The variable means the same. 0 sets no expiry.
    let import = |days: &'static str| {
        let mut import = admin(&database, &database.endpoint, &["import", rows.path()]);
        import.env("RETENTION_DAYS", days);
        async move { text(&import.output().await.expect("it runs").stdout).to_owned() }
    };
    assert!(import("60").await.contains("1 new, 1 changed, 0 unchanged, 0 rejected"));
    assert!(import("0").await.contains("0 new, 0 changed, 2 unchanged, 0 rejected"));
    assert_eq!(expires().await.len(), 2);
    assert_eq!(assert_agreement(&database).await, 2);
}

#[tokio::test]
async fn outage_ends_the_import_with_its_progress() {
    let database = Database::start().await;
    let rows = |from: i64, to: i64| {
        let row = |number| json!({"room_id": format!("r{}", number % 40), "room_sid": format!("{number}"), "created": START + number});
        (from..to).map(row).collect::<Vec<_>>()
    };
    let (first, second) = (file(&rows(0, 400)), file(&rows(400, 800)));
    // The first file is written, then DynamoDB does not answer any more.
    let proxy = Proxy::start(&database.endpoint, {
        let transactions = AtomicUsize::new(0);
        move |_, operation| {
            let is_write = operation == "TransactWriteItems";
            let add = usize::from(is_write);
            match transactions.fetch_add(add, Ordering::SeqCst) + add {
                0..=14 => Fault::Pass,
                _ => Fault::CutBefore,
            }
        }
    })
    .await;
    let arguments = ["import", "--patience", "1", first.path(), second.path()];
    let import_out = admin(&database, &proxy.endpoint, &arguments).output().await;
    let output = import_out.expect("it runs");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("All rows up to {}:", first.path())), "{said}");
    assert!(said.contains("start the same command again"), "{said}");
    let stored = assert_agreement(&database).await as u64;
    let printed = text(&output.stdout);
    assert!(printed.contains(&format!("{stored} new, 0 changed")), "{printed} of {stored}");
    let (_, summary, _) = import(&database, &[first.path(), second.path()]).await;
    assert_eq!(counts(&summary), [800 - stored, 0, stored, 0]);
    assert_eq!(assert_agreement(&database).await, 800);
}

#[tokio::test]
async fn rows_with_lost_answers_are_new() {
    let database = Database::start().await;
    // More answers are lost than the SDK retries, so the importer looks at the rows again.
    let proxy = Proxy::start(&database.endpoint, {
        let transactions = AtomicUsize::new(0);
        move |_, operation| match operation {
            "TransactWriteItems" if transactions.fetch_add(1, Ordering::SeqCst) < 7 => {
                Fault::CutAfter
            }
            _ => Fault::Pass,
        }
    })
    .await;
    let sessions = history("room01", 30, 60);
    let entry = |session| Entry { session, fields: Fields::default(), marks: Marks::default() };
    let entries: Vec<Entry> = sessions.into_iter().map(entry).collect();
    let written = database.at(&proxy.endpoint).importer().write(&entries).await.expect("written");
    assert_eq!((written.recorded.new, written.recorded.unchanged), (30, 0));
    assert_eq!(assert_agreement(&database).await, 30);

    let file = file(&rows_of_rooms(8));
    let arguments = ["import", "--json", file.path()];
    let output = admin(&database, &proxy.endpoint, &arguments).output().await.expect("it runs");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = assert_agreement(&database).await as u64;
    assert_eq!(counts(&summary), [rows - 30, 0, 0, 0], "{}", text(&output.stderr));
}

/// Some rows of each of these rooms, enough for a transaction of its own.
fn rows_of_rooms(rooms: i64) -> Vec<Value> {
    let row = |number| {
        json!({"room_id": format!("r{:02}", number % rooms), "room_sid": format!("{number:04}"),
            "created": START + number})
    };
    (0..rooms * 40).map(row).collect()
}

#[tokio::test]
async fn rooms_are_imported_concurrently_in_order() {
    let database = Database::start().await;
    // No transaction is answered until eight are under way.
    let (sent, all) = (AtomicUsize::new(0), Arc::new(Semaphore::new(0)));
    let proxy = Proxy::start(&database.endpoint, move |_, operation| match operation {
        "TransactWriteItems" => {
            if sent.fetch_add(1, Ordering::SeqCst) == 7 {
                all.add_permits(1000);
            }
            Fault::Hold(Arc::clone(&all))
        }
        _ => Fault::Pass,
    })
    .await;
    let file = file(&rows_of_rooms(12));
    let output = admin(&database, &proxy.endpoint, &["import", file.path()]).output().await;
    let output = output.expect("it runs");
    assert!(text(&output.stdout).contains("480 new, 0 changed"), "{}", text(&output.stderr));
    assert_eq!(assert_agreement(&database).await, 480);
    // Twelve looks at the table, twelve whether the room is empty, and twelve transactions: none met
    // another one.
    assert!(proxy.requests() <= 36, "{} requests", proxy.requests());
}

#[tokio::test]
async fn import_succeeds_under_throttling() {
    let database = Database::start().await;
    let sent = AtomicUsize::new(0);
    let proxy = Proxy::start(&database.endpoint, move |_, operation| {
        match (operation, sent.fetch_add(1, Ordering::SeqCst) % 3) {
            ("TransactWriteItems", 0) => Fault::Cancel(&["None", "ThrottlingError"]),
            (_, 1) => Fault::Refuse(400, "ProvisionedThroughputExceededException"),
            _ => Fault::Pass,
        }
    })
    .await;
    let file = file(&rows_of_rooms(12));
    let output = admin(&database, &proxy.endpoint, &["import", file.path()]).output().await;
    let output = output.expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(assert_agreement(&database).await, 480);
}
