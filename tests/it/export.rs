//! Exports of a table, and imports of them into another, which make the same rows.

use aws_sdk_dynamodb::types::AttributeValue;
use past_rooms::RowKey;
use past_rooms::table::Item;
use past_rooms::table::schema::{BY_WEBHOOKS, EXPIRES};
use serde_json::Value;

use crate::admin::{File, admin, objects, run, text};
use crate::import_files::{counts, import, lines};
use crate::record::assert_agreement;
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, history, row_of, sample, session, time};
use crate::webhook;

/// Exports into a file, and returns the exit status, the summary and what else was said.
async fn export(database: &Database, arguments: &[&str], path: &str) -> (i32, Value, String) {
    let arguments = [&["export", "--json", "--output", path], arguments].concat();
    let output = run(database, &arguments).await;
    let said = text(&output.stderr).trim_end().to_owned();
    let summary = objects(&output.stdout).pop().unwrap_or_else(|| panic!("no summary: {said}"));
    (output.status.code().expect("a status"), summary, said)
}

/// The sessions' rows as they are in the table, in the order of their keys.
async fn sessions(database: &Database) -> Vec<(RowKey, Item)> {
    let items = database.all_items().await.into_iter();
    let rows = items.map(|item| (RowKey::of_item(&item).expect("a key"), item));
    let mut rows: Vec<_> = rows.filter(|(key, _)| key.session_key().is_some()).collect();
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    rows
}

/// A table with sessions of every kind: some that expire, and some that webhooks recorded, one of them
/// with presumed times only.
async fn full() -> Database {
    let database = Database::start().await;
    database.record(&sample::sessions()).await;
    let mut odd = session("rooms / \"ü\" 😀", "2126-11-22T10:00:00.123Z", "SID #1\n");
    odd.room_title = "\\N \t\u{0}\u{2028}NULL".to_owned();
    odd.joined_participants = u32::MAX;
    odd.analytics_file_id = Some("file".to_owned());
    let mut unended = session("expiring", "2126-11-22T11:00:00Z", "SID_2");
    unended.ended = None;
    let kept = database.past_rooms.with_retention_days(365);
    kept.record(&[odd, unended]).await.expect("recorded");
    let app = webhook::app(database.past_rooms.clone());
    let mut events = webhook::meeting("called", "SID_3", time("2026-11-22T10:00:00Z").as_second());
    events.extend(webhook::unended("called", "SID_4", time("2026-11-22T14:00:00Z").as_second()));
    events.extend(webhook::meeting("called", "SID_5", time("2026-11-22T18:00:00Z").as_second()));
    for event in &events {
        assert_eq!(webhook::post(&app, event).await, 200);
    }
    database
}

#[tokio::test]
async fn import_of_an_export_restores_rows() {
    let (database, moved) = (full().await, Database::start().await);
    let before = sessions(&database).await;
    let has = |name: &str| before.iter().filter(|(_, item)| item.contains_key(name)).count();
    assert_eq!((before.len(), has(EXPIRES), has(BY_WEBHOOKS)), (4112, 2, 3));
    let file = File::new("empty", "");
    let path = file.beside("history.jsonl");
    let (status, summary, said) = export(&database, &["--all"], &path).await;
    assert_eq!((status, &summary["sessions"], &*said), (0, &4112.into(), ""));
    assert_eq!((&summary["rewritten"], &summary["left_out"]), (&0.into(), &0.into()));
    let (status, summary, said) = import(&moved, &[&*path]).await;
    assert_eq!((status, counts(&summary)), (0, [4112, 0, 0, 0]), "{said}");
    assert!(sessions(&moved).await == before);
    assert_eq!(assert_agreement(&moved).await, 4112);
    let (_, summary, _) = import(&moved, &[&*path]).await;
    assert_eq!(counts(&summary), [0, 0, 4112, 0]);
    // Where they came from they are the same, too.
    let (_, summary, _) = import(&database, &[&*path]).await;
    assert_eq!(counts(&summary), [0, 0, 4112, 0]);
    assert!(sessions(&database).await == before);
}

#[tokio::test]
async fn only_named_rooms_are_exported() {
    let database = full().await;
    // `-` is standard output, and a room that is named twice is exported once.
    let rooms =
        ["--room", "board-meeting", "--room", "called", "--room", "nobody", "--room", "called"];
    let output = run(&database, &[&["export", "--output", "-"], &rooms[..]].concat()).await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("nobody: no such room"), "{said}");
    assert!(said.contains("12 sessions exported; "), "{said}");
    let lines = text(&output.stdout).lines();
    let keys = lines.map(|line| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        (line["room_id"].as_str().expect("a room").to_owned(), line["created"].to_string())
    });
    let keys: Vec<_> = keys.collect();
    assert_eq!(keys.len(), 12);
    assert!(keys.is_sorted(), "{keys:?}");
    assert!(keys.iter().all(|(room, _)| rooms.contains(&&**room)), "{keys:?}");
}

#[tokio::test]
async fn export_names_rows_it_cannot_restore() {
    let database = Database::start().await;
    database.record(&history("room01", 5, 60)).await;
    let text_of = |text: &str| AttributeValue::S(text.to_owned());
    let foreign = async |sort_key: &str, changes: &[(&str, Option<AttributeValue>)]| {
        let mut row = row_of(&session("room01", "2026-11-22T10:00:00Z", "SID_x"));
        row.extend(RowKey::new("room01", sort_key).into_item());
        for (name, value) in changes {
            match value {
                Some(value) => drop(row.insert((*name).to_owned(), value.clone())),
                None => drop(row.remove(*name)),
            }
        }
        database.put_item(row).await;
    };
    let number = Some(AttributeValue::N("1".to_owned()));
    foreign("2026-11-22T10:00:01.000Z#type", &[("room_title", number)]).await;
    foreign("2026-11-22T10:00:02.000Z#sid", &[("room_sid", None)]).await;
    foreign("2026-11-22T10:00:03.000Z#time", &[("created", Some(text_of("soon")))]).await;
    foreign("20261122#x", &[("created", None)]).await;
    foreign("note", &[("room_sid", None)]).await;
    foreign("!note", &[("room_sid", None)]).await;
    foreign("2026-11-22T10:00:05Z#SID_short", &[("room_sid", Some(text_of("SID_short")))]).await;
    let others = [("room_sid", Some(text_of("o"))), ("mine", Some(text_of("m")))];
    let others = [&others[..], &[("expires", Some(text_of("never")))]].concat();
    foreign("2026-11-22T10:00:00.000Z#o", &others).await;
    let file = File::new("empty", "");
    let path = file.beside("history.jsonl");
    for which in [&["--all"][..], &["--room", "room01"]] {
        let _ = std::fs::remove_file(&path);
        let (status, summary, said) = export(&database, which, &path).await;
        assert_eq!((status, &summary["sessions"]), (1, &7.into()), "{said}");
        assert_eq!((&summary["rewritten"], &summary["left_out"]), (&1.into(), &6.into()));
        for named in [
            "#type\": it is not exported: room_title is not a string",
            "#sid\": it is not exported: room_sid must not be empty",
            "#time\": it is not exported: created: \"soon\" is no time",
            "\"20261122#x\": it is not exported: it is no session",
            "\"note\": it is not exported: it is no session",
            "\"!note\": it is not exported: it is no session",
            "#SID_short\": it is exported, but its key or its times",
            "#o\": it is exported without attributes of others: expires, mine",
        ] {
            assert!(said.contains(named), "{named}: {said}");
        }
        let is_named = |line: &str| line.contains(r#"room_id="room01" created_sid=""#);
        assert_eq!(said.lines().filter(|line| is_named(line)).count(), 8, "{said}");
        assert_eq!(lines(&path).len(), 7);
    }
    let moved = Database::start().await;
    let (status, summary, said) = import(&moved, &[&*path]).await;
    assert_eq!((status, counts(&summary)), (0, [7, 0, 0, 0]), "{said}");
    assert!(moved.item("room01", "2026-11-22T10:00:00.000Z#SID_short").await.is_some());
}

#[tokio::test]
async fn export_names_20_changed_rows_and_counts_all() {
    let database = Database::start().await;
    for second in 10..33 {
        let sid = format!("SID_{second}");
        let mut row = row_of(&session("room01", &format!("2026-11-22T10:00:{second}.000Z"), &sid));
        let key = RowKey::new("room01", format!("2026-11-22T10:00:{second}Z#{sid}"));
        row.extend(key.into_item());
        row.insert("mine".to_owned(), AttributeValue::S("m".to_owned()));
        database.put_item(row).await;
    }
    let output = run(&database, &["export", "--room", "room01"]).await;
    let said = text(&output.stderr);
    assert_eq!(
        (output.status.code(), text(&output.stdout).lines().count()),
        (Some(0), 23),
        "{said}"
    );
    let number = |what: &str| said.lines().filter(|line| line.contains(what)).count();
    assert_eq!(number("not in the form that an import gives them"), 20, "{said}");
    assert_eq!(number("exported without attributes of others: mine"), 20, "{said}");
    assert_eq!(number("more sessions are not in that form; the last line has"), 1, "{said}");
    assert_eq!(number("more sessions have attributes of others; the last line has"), 1, "{said}");
    let summary = "23 sessions exported; 23 of them will be imported in another form; \
                   23 of them without attributes of others";
    assert_eq!(said.lines().last(), Some(summary));
    let file = File::new("empty", "");
    let (status, summary, _) = export(&database, &["--all"], &file.beside("history.jsonl")).await;
    assert_eq!((status, &summary["rewritten"], &summary["stripped"]), (0, &23.into(), &23.into()));
    assert_eq!(summary["left_out"], 0);
}

#[tokio::test]
async fn expired_session_returns_without_its_expiry() {
    let (database, moved) = (Database::start().await, Database::start().await);
    let expiring = database.past_rooms.with_retention_days(1);
    expiring.record(&history("room01", 3, 60)).await.expect("recorded");
    let file = File::new("empty", "");
    let path = file.beside("history.jsonl");
    let (status, ..) = export(&database, &["--all"], &path).await;
    assert_eq!(status, 0);
    let (_, summary, _) = import(&moved, &[&*path]).await;
    assert_eq!((counts(&summary), &summary["expired"]), ([0; 4], &3.into()));
    let without = lines(&path).into_iter().map(|mut line| {
        line.as_object_mut().expect("an object").remove(EXPIRES).expect("an expiry");
        format!("{line}\n")
    });
    let without = File::new("history.jsonl", without.collect::<String>());
    let (_, summary, _) = import(&moved, &[without.path()]).await;
    assert_eq!(counts(&summary), [3, 0, 0, 0]);
}

#[tokio::test]
async fn export_file_appears_only_when_complete() {
    let database = Database::start().await;
    database.record(&history("room01", 50, 60)).await;
    let file = File::new("history.jsonl", "mine");
    let arguments = ["export", "--all", "--output", file.path()];
    let output = run(&database, &arguments).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("already exists"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_to_string(file.path()).expect("the file"), "mine");
    let proxy = Proxy::start(&database.endpoint, |number, _| match number {
        0..5 => Fault::Pass,
        _ => Fault::Refuse(400, "AccessDeniedException"),
    })
    .await;
    let path = file.beside("other.jsonl");
    let arguments = ["export", "--all", "--output", &path];
    let output = admin(&database, &proxy.endpoint, &arguments).output().await.expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let summary = text(&output.stdout);
    assert_eq!(summary, "0 sessions exported; incomplete, see the errors\n");
    let said = text(&output.stderr);
    assert!(
        said.contains(" sessions read; no file is written") && said.contains("actions"),
        "{said}"
    );
    let names = || {
        let folder = std::path::Path::new(&path).parent().expect("a folder");
        let entries = std::fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["history.jsonl"]);
    let output = run(&database, &arguments).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(lines(&path).len(), 50);
    assert_eq!(names().len(), 2);
}

#[tokio::test]
async fn wrong_columns_of_an_export_are_named() {
    let database = Database::start().await;
    let csv = "room_id,room_sid,created,expires,by_webhooks\n\
               r,a,2026-11-22T10:00:00Z,2026-11-22T10:00:00Z,\n\
               r,b,2026-11-22T10:00:00Z,,begun\n\
               r,c,2026-11-22T10:00:00Z,5795341600,ended\n";
    let file = File::new("history.csv", csv);
    let (status, summary, said) = import(&database, &[file.path()]).await;
    assert_eq!((status, counts(&summary)), (1, [1, 0, 0, 2]));
    assert!(said.contains("history.csv:2: expires: \"2026-11-22T10:00:00Z\" is no time"), "{said}");
    assert!(said.contains("history.csv:3: by_webhooks: expected created, ended"), "{said}");
    let [(_, row)] = &sessions(&database).await[..] else { panic!("one session") };
    assert_eq!(row[EXPIRES], AttributeValue::N("5795341600".to_owned()));
    assert_eq!(row[BY_WEBHOOKS], AttributeValue::S("ended".to_owned()));
}
