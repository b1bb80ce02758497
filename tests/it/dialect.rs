//! The dialect `plugnmeet`: row by row what plugnmeet-server 2.4 answers, and where it differs from
//! the API's documentation.

use lambda_http::{RequestExt, http::Method};
use past_rooms::api::handler::App;
use past_rooms::lambda::config::Dialect;
use serde_json::{Value, json};

use crate::support::proxy::{Fault, Proxy};
use crate::support::{Answer, Database, KEY, SECRET, app, ask, request, send, session, signed};

fn plugnmeet(app: App) -> App {
    App { dialect: Dialect::Plugnmeet, ..app }
}

/// A session with an analytics file, and a newer one with an unknown end.
async fn two_sessions() -> Database {
    let database = Database::start().await;
    let mut first = session("room01", "2026-08-20T10:00:00.999Z", "SID_a");
    first.ended = Some("2026-08-20T11:00:00.001Z".parse().expect("a time"));
    first.analytics_file_id = Some("file-1".to_owned());
    let mut second = session("room01", "2026-08-21T10:00:00Z", "SID_b");
    second.ended = None;
    database.record(&[first, second]).await;
    database
}

async fn ask_server(body: Value) -> Answer {
    ask(&plugnmeet(two_sessions().await.app()), &body.to_string()).await
}

/// Asserts that an error came with HTTP status 200, and returns its message.
fn assert_error(answer: &Answer, status_code: &str) -> String {
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/json");
    for header in ["allow", "retry-after"] {
        assert!(!answer.headers.contains_key(header), "{header} goes with another status");
    }
    let msg = answer.msg().to_owned();
    assert_eq!(answer.body, json!({"status": false, "msg": msg, "status_code": status_code}));
    msg
}

#[tokio::test]
async fn page_is_as_a_server_sends_it() {
    let answer = ask_server(json!({"room_ids": ["room01"], "from": 0, "limit": 0})).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        json!({
            "status": true,
            "msg": "success",
            "status_code": "SUCCESS",
            "result": {
                "total_rooms": "2",
                "from": 0,
                "limit": 20,
                "order_by": "DESC",
                "rooms_list": [
                    {
                        "room_title": "The title of SID_b",
                        "room_id": "room01",
                        "room_sid": "SID_b",
                        "joined_participants": "3",
                        "webhook_url": "https://example.org/hook",
                        "created": "2026-08-21T10:00:00Z",
                        "ended": "0001-01-01T00:00:00Z"
                    },
                    {
                        "room_title": "The title of SID_a",
                        "room_id": "room01",
                        "room_sid": "SID_a",
                        "joined_participants": "3",
                        "webhook_url": "https://example.org/hook",
                        "created": "2026-08-20T10:00:00Z",
                        "ended": "2026-08-20T11:00:00Z",
                        "analytics_file_id": "file-1"
                    }
                ]
            }
        })
    );
}

#[tokio::test]
async fn empty_result_is_as_a_server_sends_it() {
    let answer = ask_server(json!({"room_ids": ["nobody"]})).await;
    assert_eq!(assert_error(&answer, "NOT_FOUND"), "no room found");
}

#[tokio::test]
async fn order_is_exactly_asc_or_desc_and_echoed() {
    let newest = ["SID_b", "SID_a"];
    let oldest = ["SID_a", "SID_b"];
    for (order_by, echoed, sids) in [
        (json!("ASC"), "ASC", oldest),
        (json!("DESC"), "DESC", newest),
        (json!("asc"), "asc", newest),
        (json!(" ASC"), " ASC", newest),
        (json!("created, id"), "created, id", newest),
        (json!(""), "DESC", newest),
        (Value::Null, "DESC", newest),
    ] {
        let body = json!({"room_ids": ["room01"], "order_by": order_by});
        let answer = ask_server(body).await;
        let result = &answer.body["result"];
        let rooms = result["rooms_list"].as_array().expect("rooms").iter();
        let found: Vec<&str> = rooms.filter_map(|room| room["room_sid"].as_str()).collect();
        assert_eq!((result["order_by"].as_str(), &found[..]), (Some(echoed), &sids[..]));
    }
}

#[tokio::test]
async fn errors_have_status_200_and_a_code() {
    for body in ["", "[]", "{}", r#"{"room_ids":[]}"#, r#"{"room_ids":["room01"],"order_by":1}"#] {
        let answer = ask(&plugnmeet(two_sessions().await.app()), body).await;
        assert!(!assert_error(&answer, "INVALID_PARAMETERS").is_empty());
    }
    let app = plugnmeet(two_sessions().await.app());
    let too_large = " ".repeat(256 * 1024 + 1);
    assert_error(&ask(&app, &too_large).await, "INVALID_PARAMETERS");
    let elsewhere = signed("{}").with_raw_http_path("/other");
    assert_error(&send(&app, elsewhere).await, "INVALID_PARAMETERS");
    let mut get = signed("{}");
    *get.method_mut() = Method::GET;
    assert_error(&send(&app, get).await, "INVALID_PARAMETERS");
}

#[tokio::test]
async fn failing_database_is_an_internal_error() {
    let database = two_sessions().await;
    let proxy = Proxy::start(&database.endpoint, |_, _| Fault::CutBefore).await;
    let app = plugnmeet(app(database.at(&proxy.endpoint)));
    let answer = ask(&app, r#"{"room_ids":["room01"]}"#).await;
    assert!(assert_error(&answer, "INTERNAL_SERVER_ERROR").contains("try again"));
}

#[tokio::test]
async fn only_authentication_has_an_error_status() {
    let app = plugnmeet(two_sessions().await.app());
    let signature = past_rooms::api::auth::sign(SECRET, b"{}");
    for (headers, status_code) in [
        (vec![], "MISSING_REQUIRED_PARAMETER"),
        (vec![("API-KEY", KEY)], "MISSING_REQUIRED_PARAMETER"),
        (vec![("API-KEY", "other"), ("HASH-SIGNATURE", &*signature)], "INVALID_API_KEY"),
        (
            vec![("API-KEY", KEY), ("HASH-SIGNATURE", &*signature.replace(char::is_numeric, "a"))],
            "INVALID_TOKEN_OR_SIGNATURE",
        ),
        (vec![("API-KEY", KEY), ("HASH-SIGNATURE", "xyz")], "INVALID_TOKEN_OR_SIGNATURE"),
    ] {
        let answer = send(&app, request(b"{}", &headers)).await;
        assert_eq!(answer.status, 401, "{headers:?}");
        assert_eq!(
            (&answer.body["status"], &answer.body["status_code"]),
            (&json!(false), &json!(status_code))
        );
        assert!(answer.msg().contains("the header"), "{}", answer.msg());
    }
}
