//! The operator's tool lists rooms and shows sessions.

use aws_sdk_dynamodb::types::AttributeValue;
use past_rooms::RowKey;
use serde_json::{Value, json};

use crate::admin::{run, text};
use crate::support::{Database, history, row_of, sample, session};

/// Returns the exit status, and the objects that a command prints with `--json`.
async fn objects(database: &Database, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = run(database, &[arguments, &["--json"]].concat()).await;
    (output.status.code(), crate::admin::objects(&output.stdout))
}

#[tokio::test]
async fn list_counts_the_sessions_of_every_room() {
    let database = Database::start().await;
    database.record(&history("room02", 3, 60)).await;
    // Without a tally, and not a session.
    database.put_foreign(&[session("room01", "2024-05-01T10:00:00Z", "SID_x")]).await;
    database.put_item(RowKey::new("room03", "!meeting#SID_y").into_item()).await;
    let output = run(&database, &["list"]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let expected = "\
room01: 1 session, 2024-05-01T10:00:00.000Z to 2024-05-01T10:00:00.000Z
room02: 3 sessions, 2024-01-01T00:00:00.000Z to 2024-01-01T02:00:00.000Z
2 rooms with 4 sessions
";
    assert_eq!(text(&output.stdout), expected);
    let (status, listed) = objects(&database, &["list", "--room", "room02"]).await;
    let room = json!({
        "type": "room", "room_id": "room02", "exists": true, "sessions": 3,
        "first": "2024-01-01T00:00:00.000Z", "last": "2024-01-01T02:00:00.000Z",
    });
    let summary = json!({
        "type": "summary", "complete": true, "rooms": 1, "sessions": 3, "unknown_rooms": 0,
    });
    assert_eq!((status, listed), (Some(0), vec![room, summary]));
}

#[tokio::test]
async fn list_of_the_sample_agrees_with_its_sessions() {
    let database = Database::start().await;
    let sessions = sample::sessions();
    database.record(&sessions).await;
    let (status, mut listed) = objects(&database, &["list"]).await;
    let summary = listed.pop().expect("a summary");
    assert_eq!((status, &summary["sessions"]), (Some(0), &4107.into()));
    assert!(listed.is_sorted_by_key(|room| room["room_id"].as_str().expect("an id").to_owned()));
    for room in &listed {
        let created = sessions.iter().filter(|session| room["room_id"] == *session.room_id);
        let created: Vec<String> = created.map(|session| session.to_past_room().created).collect();
        let expected =
            (json!(created.len()), json!(created.iter().min()), json!(created.iter().max()));
        assert_eq!(
            (&room["sessions"], &room["first"], &room["last"]),
            (&expected.0, &expected.1, &expected.2)
        );
    }
    assert_eq!(listed.len(), 6);
}

#[tokio::test]
async fn list_tells_unknown_rooms_from_empty_ones() {
    let database = Database::start().await;
    let sessions = history("room01", 2, 60);
    database.record(&sessions).await;
    let keys: Vec<_> = sessions.iter().map(crate::support::session_key).collect();
    database.past_rooms.delete("room01", &keys).await.expect("deleted");
    let output = run(&database, &["list", "--room", "romo01", "--room", "room01"]).await;
    let expected = "\
romo01: no such room: it has no sessions and no tally
room01: 0 sessions
1 room with 0 sessions
";
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), expected));
    let output = run(&database, &["list"]).await;
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), "0 rooms with 0 sessions\n")
    );
}

#[tokio::test]
async fn show_has_the_whole_row() {
    let database = Database::start().await;
    let mut row = row_of(&session("room01", "2024-05-01T10:00:00Z", "SID_x"));
    row.insert("expires".to_owned(), AttributeValue::N("1795341600".to_owned()));
    row.insert("of_others".to_owned(), AttributeValue::Ss(vec!["a\n".to_owned()]));
    row.insert("room_title".to_owned(), AttributeValue::S("\u{1b}[2Jtitle".to_owned()));
    database.put_item(row).await;
    let output = run(&database, &["show", "--sid", "SID_x"]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let expected = r#"room_id: room01
created_sid: 2024-05-01T10:00:00.000Z#SID_x
expires: 1795341600 (2026-11-22T10:00:00Z)
room_sid: SID_x
room_title: "\u{1b}[2Jtitle"
joined_participants: 3
webhook_url: https://example.org/hook
created: 2024-05-01T10:00:00.000Z
ended: 2024-05-01T10:00:00.000Z
of_others: ["a\n"]
"#;
    assert_eq!(text(&output.stdout), expected);
    let (status, shown) = objects(&database, &["show", "--sid", "SID_x", "--room", "room01"]).await;
    assert_eq!((status, shown.len()), (Some(0), 2));
    assert_eq!(shown[0]["type"], "session");
    let row = &shown[0]["row"];
    assert_eq!((&row["expires"], &row["of_others"]), (&1795341600.into(), &json!(["a\n"])));
    assert_eq!(shown[1], json!({"type": "summary", "complete": true, "sessions": 1}));
}

#[tokio::test]
async fn show_of_an_unknown_session_fails() {
    let database = Database::start().await;
    database.record(&history("room01", 3, 60)).await;
    for (arguments, said) in [
        (&["--sid", "TYPO"][..], "no session with the room_sid \"TYPO\"\n"),
        (
            &["--sid", "SID_000001", "--room", "room02"],
            "room02: no session with the room_sid \"SID_000001\"\n",
        ),
    ] {
        let output = run(&database, &[&["show"], arguments].concat()).await;
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), said));
    }
}

#[tokio::test]
async fn show_has_all_sessions_of_an_id() {
    let database = Database::start().await;
    let twice = ["room02", "room01"].map(|room| session(room, "2024-05-01T10:00:00Z", "SID_x"));
    database.record(&twice).await;
    let (status, shown) = objects(&database, &["show", "--sid", "SID_x"]).await;
    let rooms: Vec<&Value> = shown.iter().map(|object| &object["row"]["room_id"]).collect();
    assert_eq!((status, rooms), (Some(0), vec![&json!("room01"), &json!("room02"), &Value::Null]));
    let output = run(&database, &["show", "--sid", "SID_x"]).await;
    assert!(text(&output.stdout).contains("2 sessions have this room_sid"));
}
