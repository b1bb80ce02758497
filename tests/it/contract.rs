//! Every row of the endpoint's contract: addresses, the body's fields and their bounds, the answers.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use lambda_http::{Request, RequestExt, http::Method};
use past_rooms::api::handler::App;
use past_rooms::lambda::config::Dialect;
use past_rooms::{Meter, PageQuery, ReadError};
use serde_json::{Value, json};

use crate::support::{Answer, Database, SECRET, ask, history, request, send, session, signed};

/// A database with three sessions of `room01`, a minute apart.
async fn three_sessions() -> Database {
    let database = Database::start().await;
    database.record(&history("room01", 3, 1)).await;
    database
}

fn assert_error(answer: &Answer, status: u16, named: &str) {
    assert_eq!(answer.status, status, "{:?}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.body.as_object().expect("an object").len(), 2, "{:?}", answer.body);
    assert_eq!(answer.body["status"], false);
    assert!(answer.msg().contains(named), "{:?} does not name {named:?}", answer.msg());
}

// Addresses and methods.

fn at(path: &str, method: Method) -> Request {
    let mut request = signed(r#"{"room_ids":["room01"]}"#).with_raw_http_path(path);
    *request.method_mut() = method;
    request
}

#[tokio::test]
async fn both_paths_are_the_same_endpoint() {
    let database = three_sessions().await;
    for path in ["/auth/room/fetchPastRooms", "/room/fetchPastRooms"] {
        let answer = send(&database.app(), at(path, Method::POST)).await;
        assert_eq!((answer.status, answer.total()), (200, 3), "{path}");
        // The same authentication, too.
        let unsigned = request(b"{}", &[]).with_raw_http_path(path);
        assert_error(&send(&database.app(), unsigned).await, 401, "API-KEY");
    }
}

#[tokio::test]
async fn extra_slashes_make_no_difference() {
    let database = three_sessions().await;
    for path in [
        "//auth/room/fetchPastRooms",
        "/auth/room/fetchPastRooms/",
        "/auth//room///fetchPastRooms//",
        "//room/fetchPastRooms",
        "/room/fetchPastRooms/",
    ] {
        let answer = send(&database.app(), at(path, Method::POST)).await;
        assert_eq!((answer.status, answer.total()), (200, 3), "{path}");
        assert_error(&send(&database.app(), at(path, Method::GET)).await, 405, "POST");
    }
}

#[tokio::test]
async fn other_paths_are_not_found() {
    let database = three_sessions().await;
    for path in [
        "/",
        "",
        "/room",
        "//",
        "/room/fetchPastRooms/x",
        "/room/ /fetchPastRooms",
        "/room/fetchpastrooms",
        "/room/createRoom",
    ] {
        assert_error(
            &send(&database.app(), at(path, Method::POST)).await,
            404,
            "/auth/room/fetchPastRooms",
        );
    }
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    let database = three_sessions().await;
    for method in
        [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS, Method::HEAD, Method::PATCH]
    {
        let answer = send(&database.app(), at("/room/fetchPastRooms", method)).await;
        assert_error(&answer, 405, "POST");
        assert_eq!(answer.headers["allow"], "POST");
    }
    // A path that is not there is not there for any method.
    assert_error(&send(&database.app(), at("/other", Method::GET)).await, 404, "POST");
}

// The body.

async fn assert_invalid(body: &str, named: &str) {
    let database = three_sessions().await;
    let answer = ask(&database.app(), body).await;
    assert_error(&answer, 400, named);
}

#[tokio::test]
async fn body_must_be_a_json_object() {
    for body in [
        "",
        " ",
        "null",
        "[]",
        "\"room01\"",
        "42",
        "{",
        "{\"room_ids\":[\"room01\"]} {}",
        "{'room_ids':[]}",
    ] {
        assert_invalid(body, "JSON object").await;
    }
    let database = three_sessions().await;
    let answer = send(&database.app(), signed(b"{\"room_ids\":[\"\xff\"]}")).await;
    assert_error(&answer, 400, "JSON object");
}

#[tokio::test]
async fn room_ids_are_required_and_bounded() {
    for body in [r#"{}"#, r#"{"room_ids":null}"#, r#"{"room_ids":[]}"#, r#"{"rooms":["room01"]}"#] {
        assert_invalid(body, "room_ids").await;
    }
    for wrong in
        ["\"room01\"", "1", "true", "{}", "[1]", "[null]", "[[\"room01\"]]", "[\"room01\",2]"]
    {
        assert_invalid(&format!(r#"{{"room_ids":{wrong}}}"#), "array of strings").await;
    }
    assert_invalid(r#"{"room_ids":[""]}"#, "empty").await;
    assert_invalid(r#"{"room_ids":["room01",""]}"#, "empty").await;

    // 2048 bytes, not characters: `ü` has two.
    let longest = "ü".repeat(1024);
    let database = three_sessions().await;
    let answer = ask(&database.app(), &json!({"room_ids": [longest]}).to_string()).await;
    assert_eq!(answer.status, 200);
    assert_invalid(&json!({"room_ids": [format!("{longest}x")]}).to_string(), "2048").await;
}

#[tokio::test]
async fn thousand_different_rooms_are_accepted() {
    let database = three_sessions().await;
    let mut rooms: Vec<String> = (0..1000).map(|number| format!("room{number:02}")).collect();
    let answer = ask(&database.app(), &json!({"room_ids": rooms}).to_string()).await;
    assert_eq!((answer.status, answer.total()), (200, 3));
    // Repeats count once, in the limit and in the total.
    rooms.extend(rooms.clone());
    let answer = ask(&database.app(), &json!({"room_ids": rooms}).to_string()).await;
    assert_eq!((answer.status, answer.total()), (200, 3));
    rooms.push("one more".to_owned());
    let answer = ask(&database.app(), &json!({"room_ids": rooms}).to_string()).await;
    assert_error(&answer, 400, "1000");
}

#[tokio::test]
async fn spellings_of_the_sdks_are_accepted() {
    let database = three_sessions().await;
    for body in [
        // The JS SDK 1.x sends what its caller wrote.
        r#"{"room_ids":["room01"],"from":1,"limit":1,"order_by":"ASC"}"#,
        // The JS SDK 2.x and the PHP SDK serialise protobuf messages.
        r#"{"roomIds":["room01"],"from":1,"limit":1,"orderBy":"ASC"}"#,
        // Numbers as floats and as strings, unknown fields.
        r#"{"roomIds":["room01"],"from":1.0,"limit":"1","order_by":"asc","unknown":{"room_ids":1}}"#,
    ] {
        let answer = ask(&database.app(), body).await;
        assert_eq!(answer.status, 200, "{body}: {:?}", answer.body);
        assert_eq!(answer.sids(), ["SID_000001"], "{body}");
        let result = &answer.body["result"];
        assert_eq!(
            (&result["from"], &result["limit"], &result["order_by"]),
            (&json!(1), &json!(1), &json!("ASC"))
        );
    }
}

#[tokio::test]
async fn absent_null_and_zero_mean_the_default() {
    let database = three_sessions().await;
    for fields in [
        "",
        r#","from":null,"limit":null,"order_by":null"#,
        r#","from":0,"limit":0,"orderBy":"""#,
        r#","from":"0","limit":"0""#,
        r#","from":0.0,"limit":0e5"#,
        r#","from":-0,"limit":-0.0"#,
    ] {
        let body = format!(r#"{{"room_ids":["room01"]{fields}}}"#);
        let answer = ask(&database.app(), &body).await;
        assert_eq!(answer.status, 200, "{body}: {:?}", answer.body);
        let result = &answer.body["result"];
        assert_eq!(
            (&result["from"], &result["limit"], &result["order_by"]),
            (&json!(0), &json!(20), &json!("DESC")),
            "{body}"
        );
        assert_eq!(answer.sids(), ["SID_000002", "SID_000001", "SID_000000"]);
    }
}

#[tokio::test]
async fn repeated_field_is_rejected() {
    for (body, named) in [
        (r#"{"room_ids":["room01"],"room_ids":["room01"]}"#, "room_ids"),
        (r#"{"room_ids":["room01"],"roomIds":["room01"]}"#, "room_ids"),
        (r#"{"room_ids":["room01"],"order_by":"ASC","orderBy":"ASC"}"#, "order_by"),
        (r#"{"room_ids":["room01"],"from":1,"from":1}"#, "from"),
        (r#"{"room_ids":["room01"],"limit":null,"limit":1}"#, "limit"),
    ] {
        assert_invalid(body, &format!("{named} is given twice")).await;
    }
    // An unknown field may appear repeatedly.
    let database = three_sessions().await;
    assert_eq!(ask(&database.app(), r#"{"x":1,"x":2,"room_ids":["room01"]}"#).await.status, 200);
}

#[tokio::test]
async fn numbers_are_bounded() {
    let database = three_sessions().await;
    for (from, limit, answered) in [
        (json!(4294967295u32), json!(4294967295u32), (4294967295u64, 100)),
        (json!("4294967295"), json!("2e1"), (4294967295, 20)),
        (json!("1.5e1"), json!("0.10e1"), (15, 1)),
        (json!("-0"), json!("-0.0e5"), (0, 20)),
        (json!("4294967294.00"), json!("1000E-1"), (4294967294, 100)),
        (json!(1), json!(1), (1, 1)),
        (json!(2e0), json!(99), (2, 99)),
        (json!(0), json!(100), (0, 100)),
        (json!(0), json!(101), (0, 100)),
        (json!(0), json!(20.0), (0, 20)),
    ] {
        let body = json!({"room_ids": ["room01"], "from": from, "limit": limit}).to_string();
        let answer = ask(&database.app(), &body).await;
        assert_eq!(answer.status, 200, "{body}: {:?}", answer.body);
        let result = &answer.body["result"];
        assert_eq!(
            (result["from"].as_u64(), result["limit"].as_u64()),
            (Some(answered.0), Some(answered.1))
        );
    }
    for field in ["from", "limit"] {
        for wrong in [
            "-1",
            "4294967296",
            "1.5",
            "1e10",
            "1e400",
            "-0.5",
            "\"-1\"",
            "\"4294967296\"",
            "\"1.5\"",
            "\"1e-1\"",
            "\"1e10\"",
            "\"-1e0\"",
            "\"05\"",
            "\"5.\"",
            "\"99999999999\"",
            "\"\"",
            "\"ten\"",
            "\" 1\"",
            "\"1 \"",
            "\"+1\"",
            "\"0x10\"",
            "true",
            "[1]",
            "{}",
        ] {
            let body = format!(r#"{{"room_ids":["room01"],"{field}":{wrong}}}"#);
            let answer = ask(&database.app(), &body).await;
            // A number that JSON itself cannot hold is not JSON.
            let named = "0 to 4294967295";
            assert_error(&answer, 400, named);
        }
    }
}

#[tokio::test]
async fn orders_are_accepted_in_any_case() {
    let database = three_sessions().await;
    for (order, answered) in
        [("ASC", "ASC"), ("asc", "ASC"), ("Asc", "ASC"), ("DESC", "DESC"), ("desc", "DESC")]
    {
        let answer =
            ask(&database.app(), &json!({"room_ids": ["room01"], "order_by": order}).to_string())
                .await;
        assert_eq!(answer.body["result"]["order_by"], answered);
        let first = if answered == "ASC" { "SID_000000" } else { "SID_000002" };
        assert_eq!(answer.sids()[0], first);
    }
    for wrong in ["\"ASCENDING\"", "\" ASC\"", "\"DESC;\"", "1", "true", "[\"ASC\"]"] {
        assert_invalid(&format!(r#"{{"room_ids":["room01"],"order_by":{wrong}}}"#), "order_by")
            .await;
    }
}

#[tokio::test]
async fn body_beyond_256_kib_is_rejected() {
    let database = three_sessions().await;
    let body = |bytes: usize| {
        let frame = r#"{"room_ids":["room01"],"pad":""}"#.len();
        format!(r#"{{"room_ids":["room01"],"pad":"{}"}}"#, "x".repeat(bytes - frame))
    };
    assert_eq!(ask(&database.app(), &body(256 * 1024)).await.status, 200);
    assert_error(&ask(&database.app(), &body(256 * 1024 + 1)).await, 413, "262144");
}

// The answers.

#[tokio::test]
async fn answer_has_only_documented_fields() {
    let database = Database::start().await;
    let mut with_file = session("room01", "2026-11-22T10:00:00.5Z", "SID_a");
    with_file.analytics_file_id = Some("file-1".to_owned());
    let mut without_end = session("room01", "2026-11-22T09:00:00Z", "SID_b");
    without_end.ended = None;
    database.record(&[with_file, without_end]).await;
    let answer = ask(&database.app(), r#"{"room_ids":["room01"],"limit":5}"#).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(
        answer.body,
        json!({
            "status": true,
            "msg": "success",
            "result": {
                "total_rooms": 2,
                "from": 0,
                "limit": 5,
                "order_by": "DESC",
                "rooms_list": [
                    {
                        "room_title": "The title of SID_a",
                        "room_id": "room01",
                        "room_sid": "SID_a",
                        "joined_participants": 3,
                        "webhook_url": "https://example.org/hook",
                        "created": "2026-11-22T10:00:00.500Z",
                        "ended": "2026-11-22T10:00:00.500Z",
                        "analytics_file_id": "file-1"
                    },
                    {
                        "room_title": "The title of SID_b",
                        "room_id": "room01",
                        "room_sid": "SID_b",
                        "joined_participants": 3,
                        "webhook_url": "https://example.org/hook",
                        "created": "2026-11-22T09:00:00.000Z",
                        "ended": ""
                    }
                ]
            }
        })
    );
}

#[tokio::test]
async fn rooms_without_sessions_fail_as_in_plugnmeet() {
    let database = three_sessions().await;
    for body in [
        r#"{"room_ids":["nobody"]}"#,
        r#"{"room_ids":["nobody","none"],"from":7,"order_by":"ASC"}"#,
    ] {
        let answer = ask(&database.app(), body).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, json!({"status": false, "msg": "no info found"}));
    }
}

#[tokio::test]
async fn total_is_right_beyond_the_end() {
    let database = three_sessions().await;
    for from in [3, 4, 21, 22, 4294967295u64] {
        for order in ["ASC", "DESC"] {
            let body = json!({"room_ids": ["room01", "nobody"], "from": from, "order_by": order})
                .to_string();
            let answer = ask(&database.app(), &body).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.body["status"], true);
            assert_eq!(answer.total(), 3);
            assert_eq!(answer.body["result"]["rooms_list"], json!([]));
        }
    }
}

// Rows of other writers.

/// A row of `room01` with these attributes beside its key.
async fn with_row(sort_key: &str, attributes: Value) -> Database {
    let database = Database::start().await;
    let mut row: std::collections::HashMap<String, AttributeValue> =
        serde_dynamo::to_item(attributes).expect("attributes");
    row.insert("room_id".to_owned(), AttributeValue::S("room01".to_owned()));
    row.insert("created_sid".to_owned(), AttributeValue::S(sort_key.to_owned()));
    database.put_item(row).await;
    database
}

#[tokio::test]
async fn missing_attributes_read_as_empty() {
    let database = with_row("2026-11-22T10:00:00.000Z#SID_x", json!({})).await;
    let answer = ask(&database.app(), r#"{"room_ids":["room01"]}"#).await;
    assert_eq!(
        answer.body["result"]["rooms_list"],
        json!([{
            "room_title": "", "room_id": "room01", "room_sid": "", "joined_participants": 0, "webhook_url": "",
            "created": "", "ended": ""
        }])
    );
}

#[tokio::test]
async fn times_of_external_writers_are_unchanged() {
    let attributes = json!({"created": "2026-11-22T12:00:00+02:00", "ended": "at noon"});
    let database = with_row("2026-11-22T10:00:00.000Z#SID_x", attributes).await;
    let server = App { dialect: Dialect::Plugnmeet, ..database.app() };
    for (app, created) in
        [(database.app(), "2026-11-22T12:00:00+02:00"), (server, "2026-11-22T10:00:00Z")]
    {
        let answer = ask(&app, r#"{"room_ids":["room01"]}"#).await;
        let room = &answer.body["result"]["rooms_list"][0];
        assert_eq!([&room["created"], &room["ended"]], [created, "at noon"]);
    }
}

#[tokio::test]
async fn unknown_attributes_are_not_answered() {
    let attributes =
        json!({"room_title": "t", "analytics_file_id": "", "extra": {"a": [1]}, "ttl": 5});
    let database = with_row("2026-11-22T10:00:00.000Z#SID_x", attributes).await;
    let answer = ask(&database.app(), r#"{"room_ids":["room01"]}"#).await;
    let room = answer.body["result"]["rooms_list"][0].as_object().expect("a room").clone();
    assert_eq!(room["room_title"], "t");
    assert_eq!(room.len(), 7, "{room:?}");
}

#[tokio::test]
async fn attribute_of_a_wrong_type_is_an_error() {
    for attributes in [
        json!({"room_title": 5}),
        json!({"room_title": null}),
        json!({"joined_participants": "5"}),
        json!({"joined_participants": 1.5}),
        json!({"ended": ["2026"]}),
        json!({"analytics_file_id": {"id": 1}}),
    ] {
        let database = with_row("2026-11-22T10:00:00.000Z#SID_x", attributes.clone()).await;
        database.put_foreign(&history("room01", 2, 1)).await;
        let answer = ask(&database.app(), r#"{"room_ids":["room01"]}"#).await;
        assert_error(&answer, 500, "internal error");
        assert_eq!(answer.msg(), "internal error", "{attributes}");
    }
}

#[tokio::test]
async fn other_rows_are_ignored() {
    // Before, between and behind the sessions and the tally, and more of them than a page has rows.
    let mut keys: Vec<String> = ["", "!", "#", "#2026-11x", "/", ":", "A", "meta", "~~", "~x", "é"]
        .map(str::to_owned)
        .into();
    keys.retain(|key| !key.is_empty());
    keys.extend((0..150).map(|number| format!("user#{number}")));
    for recorded in [true, false] {
        let database = Database::start().await;
        let sessions = history("room01", 30, 60);
        if recorded {
            database.record(&sessions).await;
        } else {
            database.put_foreign(&sessions).await;
        }
        for key in &keys {
            let row = [("room_id", "room01"), ("created_sid", key), ("room_title", "no session")];
            let row =
                row.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
            database.put_item(row.into()).await;
        }
        for order in ["ASC", "DESC"] {
            for from in [0, 15, 25] {
                let body =
                    json!({"room_ids": ["room01"], "from": from, "limit": 20, "order_by": order});
                let answer = ask(&database.app(), &body.to_string()).await;
                let mut expected: Vec<_> =
                    sessions.iter().map(|session| session.room_sid.clone()).collect();
                if order == "DESC" {
                    expected.reverse();
                }
                let end = expected.len().min(from + 20);
                assert_eq!((answer.total(), answer.sids()), (30, expected[from..end].to_vec()));
            }
        }
    }
}

#[tokio::test]
async fn no_answer_has_the_secret() {
    let database = three_sessions().await;
    for body in ["", "{}", r#"{"room_ids":["room01"]}"#] {
        assert!(!ask(&database.app(), body).await.body.to_string().contains(SECRET));
    }
}

#[tokio::test]
async fn reading_ends_once_a_page_is_too_large() {
    let database = Database::start().await;
    let mut sessions = history("room01", 100, 60);
    for session in &mut sessions {
        session.room_title = "x".repeat(200_000);
    }
    database.record(&sessions).await;
    let query = PageQuery::new(["room01"]).limit(100).max_bytes(6_000_000);
    let meter = Arc::new(Meter::default());
    match database.past_rooms.metered(&meter).page(&query).await {
        Err(ReadError::TooLarge { sessions: 30, .. }) => {}
        other => panic!("{other:?}"),
    }
    // 20 MB are 20 requests: DynamoDB sends 1 MB at a time.
    assert!(meter.requests() <= 8, "{}", meter.requests());
    let limit = async |limit: usize| {
        let body = json!({"room_ids": ["room01"], "limit": limit}).to_string();
        ask(&database.app(), &body).await
    };
    assert_error(&limit(100).await, 413, "limit of at most 31");
    assert_eq!(limit(31).await.status, 200);
    assert_error(&limit(32).await, 413, "limit of at most 31");
}

#[tokio::test]
async fn too_large_page_asks_for_a_smaller_limit() {
    let database = Database::start().await;
    let mut sessions = history("room01", 100, 60);
    for session in &mut sessions {
        // A quote takes two bytes in the answer, and four in what Lambda sends.
        session.room_title = "\"".repeat(20_000);
    }
    database.record(&sessions).await;
    let ask_for = async |limit: usize| {
        let body = json!({"room_ids": ["room01"], "limit": limit}).to_string();
        ask(&database.app(), &body).await
    };
    let answer = ask_for(100).await;
    assert_error(&answer, 413, "limit of at most ");
    let limit: usize = answer.msg().rsplit(' ').next().expect("a word").parse().expect("a number");
    let answer = ask_for(limit).await;
    assert_eq!(answer.status, 200);
    let sent = json!({"statusCode": 200, "headers": {}, "body": answer.body.to_string()});
    let bytes_of_a_session = 4 * 20_000;
    assert!(sent.to_string().len() < 6_291_556);
    assert!(sent.to_string().len() + 2 * bytes_of_a_session > 6_291_556, "no smaller than need be");
    assert_error(&ask_for(limit + 2).await, 413, "limit of at most ");
}
