//! Tests of rows made sessions.

use super::*;
use crate::files::{self, Format};
use serde_json::json;

fn read(row: Value) -> Result<ImportedRow, String> {
    let Value::Object(row) = row else {
        panic!("an object");
    };
    ImportedRow::read(&row, &TimeZone::UTC)
}

/// A row with its required columns, and these.
fn with(more: Value) -> Result<ImportedRow, String> {
    let mut row = json!({"room_id": "room01", "room_sid": "SID_a", "created": 1795341600});
    let (Value::Object(row_map), Value::Object(more)) = (&mut row, more) else {
        panic!("objects");
    };
    row_map.extend(more);
    read(row)
}

fn of_file(text: &str, format: Format) -> ImportedRow {
    let mut lines = files::read(text.as_bytes(), format).expect("a header");
    let line = lines.next().expect("a row").expect("read");
    ImportedRow::read(&line.row.expect("readable"), &TimeZone::UTC).expect("a session")
}

#[test]
fn formats_and_column_names_are_equivalent() {
    let csv = "room_id,room_sid,room_title,joined_participants,webhook_url,created,ended,analytics_file_id\n\
               room01,SID_a,\"A, \"\"b\"\"\nc\",5,https://x,2026-11-22T10:00:00Z,,f1\n";
    let tsv = "roomId\tsid\troom_title\tjoined_participants\twebhook_url\tcreated\tended\tfile_id\n\
               room01\tSID_a\tA, \"b\"\\nc\t5\thttps://x\t2026-11-22 10:00:00\tNULL\tf1\n";
    let jsonl = "\n{\"roomId\":\"room01\",\"room_sid\":\"SID_a\",\"room_title\":\"A, \\\"b\\\"\\nc\",\
                 \"joined_participants\":5,\"webhook_url\":\"https://x\",\"created\":1795341600,\"ended\":null,\
                 \"file_id\":\"f1\",\"other\":[1]}\n";
    let expected = of_file(csv, Format::Csv);
    assert_eq!(expected.session.room_title, "A, \"b\"\nc");
    assert_eq!(expected.columns, BTreeSet::from(Column::ALL));
    assert_eq!(of_file(tsv, Format::Tsv), expected);
    assert_eq!(of_file(jsonl, Format::Jsonl), expected);
}

#[test]
fn absent_column_differs_from_an_empty_one() {
    let required = BTreeSet::from(Column::REQUIRED);
    let absent = with(json!({"other": 1})).expect("a session");
    assert_eq!(absent.columns, required);
    for (empty, column) in [
        (json!({"room_title": ""}), Column::RoomTitle),
        (json!({"ended": null}), Column::Ended),
        (json!({"file_id": null}), Column::AnalyticsFileId),
    ] {
        let empty = with(empty).expect("a session");
        assert_eq!(empty.session, absent.session);
        assert_eq!(&empty.columns - &required, BTreeSet::from([column]));
    }
    let csv = of_file("sid,created,room_id,ended\na,2026-11-22T10:00:00Z,r,\n", Format::Csv);
    assert_eq!(&csv.columns - &required, BTreeSet::from([Column::Ended]));
}

#[test]
fn camel_case_columns_are_known_others_ignored() {
    let row = json!({
        "roomId": "room01", "roomSid": "SID_a", "created": 1795341600, "roomTitle": "t",
        "joinedParticipants": 3, "webhookUrl": "https://x", "ended": null,
        "analyticsFileId": "f1", "room_titel": "x", "rejected_line": 4, "expires": 5,
    });
    let read = read(row.clone()).expect("a session");
    assert_eq!(read.columns, BTreeSet::from(Column::ALL));
    assert_eq!((&*read.session.room_title, read.session.joined_participants), ("t", 3));
    let ignored: Vec<_> = ImportedRow::ignored(row.as_object().expect("an object")).collect();
    assert_eq!(ignored, ["room_titel"]);
}

#[test]
fn numbers_keep_their_digits_as_text() {
    let line = r#"{"room_id":"r","room_sid":"a","created":1795341600.25,"joined_participants":7.0,
        "room_title":1.10,"webhook_url":12345678901234567890123,"other":1e400}"#;
    let session = of_file(&line.replace('\n', ""), Format::Jsonl).session;
    assert_eq!((&*session.room_title, &*session.webhook_url), ("1.10", "12345678901234567890123"));
    assert_eq!(session.joined_participants, 7);
    assert_eq!(session.created.to_string(), "2026-11-22T10:00:00.25Z");
}

#[test]
fn export_names_are_read_in_both_spellings() {
    use past_rooms::table::schema::{COUNTED, SESSION_ATTRIBUTES};
    let camel = |name: &str| {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| {
            let (initial, rest) = word.split_at(1);
            name + &initial.to_uppercase() + rest
        })
    };
    let value = |name: &str| match name {
        "created" => json!("2026-11-22T10:00:00.000Z"),
        "ended" => json!("2026-11-22T11:00:00.000Z"),
        "joined_participants" | "expires" => json!(1_795_341_600),
        "by_webhooks" => json!("created ended"),
        name => json!(name),
    };
    // Attributes that only the table has are not exported.
    let names = SESSION_ATTRIBUTES.iter().filter(|name| ![COUNTED, "created_sid"].contains(*name));
    let names: Vec<&str> = names.copied().collect();
    let row = |spelled: &dyn Fn(&str) -> String| -> Row {
        names.iter().map(|name| (spelled(name), value(name))).collect()
    };
    let (snake, camel) = (row(&|name| name.to_owned()), row(&camel));
    assert!(camel.contains_key("byWebhooks") && camel.contains_key("analyticsFileId"));
    let of = |row: &Row| ImportedRow::read(row, &TimeZone::UTC).expect("a session");
    assert_eq!(of(&camel), of(&snake));
    assert_ne!(of(&snake).marks, Marks::default());
    for row in [&snake, &camel] {
        assert_eq!(ImportedRow::ignored(row).count(), 0, "{row:?}");
    }
}

#[test]
fn participants_are_integers_in_any_spelling() {
    for (spelling, number) in [
        (json!(7), 7),
        (json!(7.0), 7),
        (json!(0.7e1), 7),
        (json!("7"), 7),
        (json!(" 7.0 "), 7),
        (json!("7e0"), 7),
        (json!(4294967295u32), u32::MAX),
        (json!(null), 0),
        (json!(""), 0),
    ] {
        let row = with(json!({"joined_participants": spelling})).expect("a session");
        assert_eq!(row.session.joined_participants, number, "{spelling}");
    }
    for spelling in [
        json!(-1),
        json!(7.5),
        json!(4294967296u64),
        json!("seven"),
        json!("1e30"),
        json!("0x7"),
        json!(true),
    ] {
        let reason = with(json!({"joined_participants": spelling})).expect_err("wrong");
        assert!(reason.starts_with("joined_participants: "), "{reason}");
    }
}

#[test]
fn wrong_column_is_named() {
    for (wrong, named) in [
        (json!({"room_id": ""}), "room_id must not be empty"),
        (json!({"room_id": null}), "room_id must not be empty"),
        (json!({"created": null}), "created is missing"),
        (json!({"created": 0}), "created: \"0\" means an unknown time"),
        (json!({"created": "0001-01-01"}), "created: \"0001-01-01\" means an unknown time"),
        (json!({"created": "never"}), "created: \"never\" is no time"),
        (json!({"ended": "20240101"}), "ended: "),
        (json!({"room_title": ["a"]}), "room_title: [\"a\"] is no text"),
        (json!({"room_id": 1.10}), "room_id: the number was read as 1.1 and has lost digits"),
        (json!({"room_sid": 12_345_678_901_234_568_000_000.0}), "room_sid: the number"),
        (json!({"file_id": 1e2}), "analytics_file_id: the number"),
        (json!({"sid": "b"}), "both room_sid and sid"),
        (json!({"rejected_text": "a,b"}), "not corrected yet"),
    ] {
        let reason = with(wrong).expect_err("wrong");
        assert!(reason.contains(named), "{reason}");
    }
}

#[test]
fn integer_id_keeps_its_digits() {
    let row = with(json!({"room_id": u64::MAX})).expect("a session");
    assert_eq!(row.session.room_id, "18446744073709551615");
}

#[test]
fn row_beyond_400_kb_is_wrong() {
    let without_title = with(json!({})).expect("a session").session.to_past_room();
    let longest = MAX_ITEM_BYTES - without_title.item_bytes();
    assert!(with(json!({"room_title": "x".repeat(longest)})).is_ok());
    let reason = with(json!({"room_title": "x".repeat(longest + 1)})).expect_err("too large");
    assert!(reason.contains(&format!("room_title alone has {}", longest + 1)), "{reason}");
}
