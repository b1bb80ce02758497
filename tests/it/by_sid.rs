//! One session by its id: the field of the request, what it costs, and an independent model.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use past_rooms::{Meter, Order, PageQuery, Session};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::proxy::{Fault, Proxy};
use crate::support::{Answer, Database, app, ask, history, session, session_key};

/// `SID_000000` to `SID_000029` in `room01`, and `SID_x` in `room02`.
async fn two_rooms() -> Database {
    let database = Database::start().await;
    database.record(&history("room01", 30, 60)).await;
    database.record(&[session("room02", "2024-01-01T05:00:00Z", "SID_x")]).await;
    database
}

async fn ask_for(database: &Database, body: Value) -> Answer {
    ask(&database.app(), &body.to_string()).await
}

#[tokio::test]
async fn session_is_found_by_its_id() {
    let database = two_rooms().await;
    for name in ["room_sid", "roomSid"] {
        let body = json!({"room_ids": ["room02", "room01"], name: "SID_000007"});
        let answer = ask_for(&database, body).await;
        assert_eq!((answer.status, answer.total()), (200, 1), "{:?}", answer.body);
        let whole = ask_for(&database, json!({"room_ids": ["room01"], "limit": 30})).await;
        let rooms = whole.rooms();
        let expected = rooms.iter().filter(|room| room.room_sid == "SID_000007").cloned();
        assert_eq!(answer.rooms(), expected.collect::<Vec<_>>());
        let result = &answer.body["result"];
        assert_eq!((&result["from"], &result["limit"]), (&json!(0), &json!(20)));
    }
}

#[tokio::test]
async fn session_must_be_in_a_requested_room() {
    let database = two_rooms().await;
    for (room, sid) in [("room02", "SID_000007"), ("room01", "SID_x"), ("room01", "nobody")] {
        let answer = ask_for(&database, json!({"room_ids": [room], "room_sid": sid})).await;
        assert_eq!(answer.body, json!({"status": false, "msg": "no info found"}), "{sid}");
    }
    // Without rooms, any room will do.
    for body in
        [json!({"room_sid": "SID_000007"}), json!({"room_ids": [], "room_sid": "SID_000007"})]
    {
        assert_eq!(ask_for(&database, body).await.sids(), ["SID_000007"]);
    }
}

#[tokio::test]
async fn empty_id_does_not_filter() {
    let database = two_rooms().await;
    for sid in [json!(""), Value::Null] {
        let answer = ask_for(&database, json!({"room_ids": ["room01"], "room_sid": sid})).await;
        assert_eq!(answer.total(), 30);
    }
}

#[tokio::test]
async fn malformed_id_is_an_error_with_the_field() {
    let database = two_rooms().await;
    let mut bodies: Vec<String> = [json!(5), json!(["SID_x"]), json!({}), json!("ü".repeat(1025))]
        .map(|sid| json!({"room_ids": ["room01"], "room_sid": sid}).to_string())
        .into();
    bodies.push(r#"{"room_ids":["room01"],"room_sid":"a","roomSid":"b"}"#.to_owned());
    for body in bodies {
        let answer = ask(&database.app(), &body).await;
        assert_eq!(answer.status, 400, "{:?}", answer.body);
        assert!(answer.msg().contains("room_sid"), "{}", answer.msg());
    }
    let longest = "ü".repeat(1024);
    let answer = ask_for(&database, json!({"room_ids": ["room01"], "room_sid": longest})).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn from_and_limit_apply() {
    let database = two_rooms().await;
    for from in [1, 20, 4294967295u64] {
        let body = json!({"room_ids": ["room02"], "room_sid": "SID_x", "from": from});
        let answer = ask_for(&database, body).await;
        assert_eq!((answer.total(), answer.rooms()), (1, vec![]));
    }
    let query = PageQuery::new(["room02"]).room_sid("SID_x").limit(0);
    let page = database.past_rooms.page(&query).await.expect("a page");
    assert_eq!((page.total, page.sessions), (1, vec![]));
}

#[tokio::test]
async fn session_by_id_costs_two_small_reads() {
    let database = two_rooms().await;
    for (sid, requests, units) in [("SID_000007", 2, 1.0), ("SID_x", 1, 0.5), ("nobody", 1, 0.5)] {
        let meter = Arc::new(Meter::default());
        let query = PageQuery::new(["room01"]).room_sid(sid);
        database.past_rooms.metered(&meter).page(&query).await.expect("a page");
        assert_eq!((meter.requests(), meter.units()), (requests, units), "{sid}");
    }
}

#[tokio::test]
async fn other_rows_are_not_found_by_id() {
    let database = two_rooms().await;
    for key in ["~x", "#x", "meta"] {
        let row = [("room_id", "room01"), ("created_sid", key), ("room_sid", "SID_000007")];
        let row = row.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
        database.put_item(row.into()).await;
    }
    let body = json!({"room_ids": ["room01"], "room_sid": "SID_000007"});
    assert_eq!(ask_for(&database, body).await.sids(), ["SID_000007"]);
}

#[tokio::test]
async fn session_deleted_meanwhile_is_seen_or_not() {
    let database = two_rooms().await;
    let gate = Arc::new(Semaphore::new(0));
    let proxy = {
        let gate = Arc::clone(&gate);
        let hold = move |_, operation: &str| match operation {
            "BatchGetItem" => Fault::Hold(Arc::clone(&gate)),
            _ => Fault::Pass,
        };
        Proxy::start(&database.endpoint, hold).await
    };
    let past_rooms = database.at(&proxy.endpoint);
    let query = PageQuery::new(["room02"]).room_sid("SID_x");
    let read = tokio::spawn(async move { past_rooms.page(&query).await });
    // The index has told where it is; the row is about to be read.
    while proxy.requests() < 2 {
        tokio::task::yield_now().await;
    }
    let key = session_key(&session("room02", "2024-01-01T05:00:00Z", "SID_x"));
    assert_eq!(database.past_rooms.delete("room02", &[key]).await.expect("deleted"), 1);
    gate.add_permits(1);
    let page = read.await.expect("no panic").expect("a page");
    assert_eq!((page.total, page.sessions), (0, vec![]));
}

#[tokio::test]
async fn missing_index_is_an_error() {
    let database = two_rooms().await;
    let refuse = |_, _: &str| Fault::Refuse(400, "ValidationException");
    let proxy = Proxy::start(&database.endpoint, refuse).await;
    let body = r#"{"room_ids":["room02"],"room_sid":"SID_x"}"#;
    let answer = ask(&app(database.at(&proxy.endpoint)), body).await;
    assert_eq!((answer.status, answer.msg()), (500, "internal error"));
}

const ROOMS: [&str; 3] = ["r0", "r1", "r2"];

/// Sessions of a few rooms, hours and ids, so that ids repeat.
fn sessions() -> impl Strategy<Value = Vec<Session>> {
    let session = (0..ROOMS.len(), 0..4_u8, 0..4_u8).prop_map(|(room, hour, sid)| {
        session(ROOMS[room], &format!("2024-01-01T{hour:02}:00:00Z"), &format!("s{sid}"))
    });
    vec(session, 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn repeated_ids_are_all_found_in_order(
        sessions in sessions(),
        mask in 1..8_usize,
        sid in 0..5_u8,
        (from, limit, ascending) in (0..4_usize, 0..4_usize, any::<bool>()),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let rooms: Vec<&str> =
            (0..ROOMS.len()).filter(|room| mask >> room & 1 == 1).map(|room| ROOMS[room]).collect();
        let sid = format!("s{sid}");
        let mut expected: Vec<(String, String)> = sessions
            .iter()
            .filter(|session| session.room_sid == sid && rooms.contains(&&*session.room_id))
            .map(|session| (session.created.to_string(), session.room_id.clone()))
            .collect();
        expected.sort();
        expected.dedup();
        if !ascending {
            expected.reverse();
        }
        let order = if ascending { Order::Asc } else { Order::Desc };
        let query = PageQuery::new(rooms).from(from as u64).limit(limit).order(order).room_sid(sid);
        let page = runtime.expect("a runtime").block_on(async {
            let database = Database::start().await;
            database.put_foreign(&sessions).await;
            database.past_rooms.page(&query).await.expect("a page")
        });
        prop_assert_eq!(page.total, expected.len() as u64);
        let found: Vec<(String, String)> = page
            .sessions
            .into_iter()
            .map(|room| (room.created.replace(".000", ""), room.room_id))
            .collect();
        let window: Vec<_> = expected.into_iter().skip(from).take(limit).collect();
        prop_assert_eq!(found, window);
    }
}
