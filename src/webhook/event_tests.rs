//! Bodies as plugNmeet sends them, and others.

use serde_json::{Value, json};

use super::*;

const ROOM: &str = r#"{"room_title":"Algebra","webhook_url":"https://x","x":1}"#;

fn body(event: &str) -> Value {
    json!({
        "event": event,
        "room": {"sid": "SID_x", "room_id": "r", "creation_time": "1795341600", "metadata": ROOM},
        "created_at": "1795341601",
        "id": "6",
    })
}

fn read(body: &Value) -> Result<Option<Notice>, InvalidEvent> {
    parse(body.to_string().as_bytes())
}

fn notice(body: &Value) -> Notice {
    read(body).expect("valid").expect("needed")
}

#[test]
fn integers_are_strings_or_numbers() {
    let strings = body("room_created");
    let mut numbers = strings.clone();
    numbers["created_at"] = json!(1_795_341_601);
    numbers["room"]["creation_time"] = json!(1_795_341_600);
    for body in [strings, numbers] {
        let notice = notice(&body);
        assert_eq!((notice.kind, notice.report.at), (Kind::RoomCreated, 1_795_341_601));
        assert_eq!(notice.report.details.created, Some(1_795_341_600));
        assert_eq!(notice.report.details.title, "Algebra");
        assert_eq!(notice.report.details.webhook_url, "https://x");
        assert_eq!(notice.person, None);
    }
}

#[test]
fn bots_are_not_participants() {
    for (identity, is_person) in [
        ("u1", true),
        ("sip_4912345", true),
        ("RECORDER_BOT", false),
        ("RTMP_BOT", false),
        ("pnm_agent-1", false),
        ("pnm_tts_agent-1", false),
        ("ingres_1", false),
        ("", false),
    ] {
        for event in ["participant_joined", "participant_left"] {
            let mut body = body(event);
            body["participant"] = json!({"sid": "PA_1", "identity": identity});
            assert_eq!(notice(&body).person.is_some(), is_person, "{identity}");
        }
    }
    let mut ended = body("session_ended");
    ended["participant"] = json!({"identity": "u1"});
    assert_eq!(notice(&ended).person, None);
}

#[test]
fn both_events_name_the_analytics() {
    let mut artifact = body("artifact_created");
    artifact["room_artifact"] = json!({"type": "MEETING_ANALYTICS", "artifact_id": "file-1"});
    let mut older = body("analytics_proceeded");
    older["analytics"] = json!({"file_id": "file-1"});
    for body in [&artifact, &older] {
        let notice = notice(body);
        assert_eq!((notice.kind, &*notice.report.details.analytics), (Kind::Analytics, "file-1"));
    }
    artifact["room_artifact"]["type"] = json!("RECORDING");
    assert_eq!(read(&artifact).expect("valid"), None);
    assert!(read(&body("artifact_created")).is_err());
}

#[test]
fn invalid_title_keeps_the_webhook_url() {
    for title in ["5", "1e400", "null", "[1]", "{}"] {
        let mut body = body("room_created");
        let metadata = format!(r#"{{"room_title":{title},"webhook_url":"https://x"}}"#);
        body["room"]["metadata"] = json!(metadata);
        let details = notice(&body).report.details;
        assert_eq!((&*details.title, &*details.webhook_url), ("", "https://x"), "{title}");
    }
}

#[test]
fn bad_field_loses_neither_the_others_nor_the_event() {
    let metadata = |text: &str| {
        let mut body = body("room_created");
        body["room"]["metadata"] = json!(text);
        body
    };
    let both = r#"{"room_title":"","roomTitle":"T","webhook_url":"https://x","webhookUrl":5}"#;
    let details = notice(&metadata(both)).report.details;
    assert_eq!((&*details.title, &*details.webhook_url), ("T", "https://x"));
    let twice = r#"{"room_title":"S","room_title":"T","webhook_url":"https://x"}"#;
    assert_eq!(notice(&metadata(twice)).report.details.title, "T");
    let mut object = body("room_created");
    object["room"]["metadata"] = json!({"webhook_url": "https://x"});
    assert_eq!(notice(&object).report.details.webhook_url, "https://x");
    for (pointer, value) in [
        ("/room/metadata", Value::Null),
        ("/room/metadata", json!(5)),
        ("/room/creation_time", json!("x")),
        ("/room/creation_time", json!([1])),
        ("/room/creation_time", json!(1e300)),
        ("/participant", json!(5)),
        ("/room_artifact", json!("x")),
        ("/analytics", json!([])),
    ] {
        let mut body = body("room_created");
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        body.pointer_mut(parent).expect("there")[name] = value;
        assert_eq!(notice(&body).room_sid, "SID_x", "{body}");
    }
    let mut body = body("room_created").to_string();
    body.insert_str(1, r#""participant":1e400,"roomId":"other","#);
    assert_eq!(parse(body.as_bytes()).expect("valid").expect("needed").room_id, "r");
}

#[test]
fn early_creation_time_is_unknown() {
    for early in ["0", "-62135596800", "3600", "946684799"] {
        let mut body = body("room_created");
        body["room"]["creation_time"] = json!(early);
        assert_eq!(notice(&body).report.details.created, None, "{early}");
    }
}

#[test]
fn other_events_are_not_needed() {
    for event in ["", "track_published", "recording_proceeded", "ROOM_CREATED"] {
        assert_eq!(read(&json!({"event": event})).expect("valid"), None, "{event}");
    }
}

#[test]
fn unusable_field_is_named() {
    let with = |pointer: &str, value: Value| {
        let mut body = body("room_created");
        *body.pointer_mut(pointer).expect("there") = value;
        read(&body).expect_err("invalid").to_string()
    };
    for (pointer, value, named) in [
        ("/room", Value::Null, "room"),
        ("/created_at", json!("0"), "created_at"),
        ("/created_at", json!("x"), "created_at"),
        ("/created_at", json!("-5"), "created_at"),
        ("/created_at", json!("946684799"), "created_at"),
        ("/created_at", json!("1795341600000"), "created_at"),
        ("/room/creation_time", json!(1_795_341_600_000_i64), "creation_time"),
        ("/room/creation_time", json!("253402300799"), "creation_time"),
        ("/room/sid", json!(""), "room_sid"),
        ("/room/room_id", json!(""), "room_id"),
        ("/room/room_id", json!("r".repeat(2049)), "room_id"),
        (
            "/room/metadata",
            json!(json!({"room_title": "t".repeat(4097)}).to_string()),
            "room_title",
        ),
    ] {
        let error = with(pointer, value);
        assert!(error.contains(named), "{error}");
    }
    for body in ["", "[]", "{", "null", "\"x\""] {
        assert!(parse(body.as_bytes()).is_err(), "{body}");
    }
    let deep = "[".repeat(100_000);
    assert!(parse(format!(r#"{{"event":"room_created","x":{deep}"#).as_bytes()).is_err());
    for metadata in ["no JSON", "null", "[]", "5", &*deep, &*format!(r#"{{"x":{deep}"#)] {
        let mut body = body("room_created");
        body["room"]["metadata"] = json!(metadata);
        assert_eq!(notice(&body).report.details.title, "");
    }
}
