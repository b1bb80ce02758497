//! Invalid answers of DynamoDB: an error, never a page.

use serde_json::{Value, json};

use crate::support::proxy::{Fault, Proxy};
use crate::support::{Answer, Database, app, ask, history};

/// Its rooms are read by each kind of request: tallies in a batch, hours, rows, and one counted.
const BODY: &str = r#"{"room_ids":["room01","room02","room03"],"from":30,"limit":20}"#;

async fn three_rooms() -> Database {
    let database = Database::start().await;
    database.record(&history("room01", 60, 60)).await;
    database.record(&history("room02", 60, 45)).await;
    database.put_foreign(&history("room03", 30, 90)).await;
    database
}

/// Asks while one request, or every one from it on, is answered otherwise.
async fn ask_with(database: &Database, number: usize, only: bool, fault: Fault) -> (Answer, usize) {
    let decide = move |at, _: &str| {
        let is_hit = if only { at == number } else { at >= number };
        if is_hit { fault.clone() } else { Fault::Pass }
    };
    let proxy = Proxy::start(&database.endpoint, decide).await;
    let answer = ask(&app(database.at(&proxy.endpoint)), BODY).await;
    (answer, proxy.requests())
}

/// Changes an answer.
type Edit = fn(&mut Value);

/// Ways to make an answer invalid. An edit that does not apply to a request changes nothing.
const EDITS: [(&str, Edit); 15] = [
    ("an empty object", |answer| *answer = json!({})),
    ("no rows", |answer| drop(answer.as_object_mut().expect("an object").remove("Items"))),
    ("null for rows", |answer| set(answer, "Items", &Value::Null)),
    ("a count above the rows", |answer| {
        if let Some(count) = answer["Count"].as_u64() {
            answer["Count"] = (count + 1).into();
        }
    }),
    ("half of the rows", |answer| {
        edit_rows(answer, |rows| rows.truncate(rows.len() / 2));
    }),
    ("a row of another room", |answer| {
        edit_rows(answer, |rows| rows[0]["room_id"]["S"] = "room09".into());
    }),
    ("a row without its room", |answer| {
        edit_rows(answer, |rows| rows[0]["room_id"] = json!({"N": "1"}));
    }),
    ("a row out of the range", |answer| {
        edit_rows(answer, |rows| rows[0]["created_sid"]["S"] = "z".into());
    }),
    ("rows in another order", |answer| edit_rows(answer, |rows| rows.reverse())),
    ("a row twice", |answer| {
        edit_rows(answer, |rows| {
            let last = rows.len() - 1;
            rows[last] = rows[0].clone();
        });
    }),
    ("a stuck LastEvaluatedKey", |answer| {
        let first = answer["Items"][0].clone();
        if answer["Items"].as_array().is_some_and(|rows| rows.len() > 1) {
            answer["LastEvaluatedKey"] =
                json!({"room_id": first["room_id"], "created_sid": first["created_sid"]});
        }
    }),
    ("a LastEvaluatedKey of another room", |answer| {
        if answer["Items"].is_array() {
            let sort_key = json!({"S": "2026-01-01T00:00:00.000Z#x"});
            answer["LastEvaluatedKey"] =
                json!({"room_id": {"S": "other"}, "created_sid": sort_key});
        }
    }),
    ("no consumed capacity", |answer| {
        drop(answer.as_object_mut().expect("an object").remove("ConsumedCapacity"));
    }),
    ("no responses", |answer| {
        drop(answer.as_object_mut().expect("an object").remove("Responses"));
    }),
    ("null for unprocessed keys", |answer| set(answer, "UnprocessedKeys", &Value::Null)),
];

fn set(answer: &mut Value, field: &str, value: &Value) {
    if answer.get(field).is_some() {
        answer[field] = value.clone();
    }
}

/// Changes the rows of a query, or of the one table of a batch, if there are at least two.
fn edit_rows(answer: &mut Value, edit: impl Fn(&mut Vec<Value>)) {
    let rows = match answer.get_mut("Responses") {
        Some(tables) => tables.as_object_mut().and_then(|tables| tables.values_mut().next()),
        None => answer.get_mut("Items"),
    };
    if let Some(rows) = rows.and_then(Value::as_array_mut).filter(|rows| rows.len() > 1) {
        edit(rows);
    }
}

#[tokio::test]
async fn one_invalid_answer_makes_no_difference() {
    let database = three_rooms().await;
    let expected = ask(&database.app(), BODY).await;
    assert_eq!(expected.status, 200);
    for (what, edit) in EDITS {
        for number in 0.. {
            let (answer, requests) = ask_with(&database, number, true, Fault::Edit(edit)).await;
            if requests <= number {
                break;
            }
            assert_eq!(
                (answer.status, &answer.body),
                (200, &expected.body),
                "{what}, request {number}"
            );
        }
    }
}

#[tokio::test]
async fn endless_invalid_answers_are_503() {
    let database = three_rooms().await;
    let expected = ask(&database.app(), BODY).await;
    let mut errors = 0;
    for (what, edit) in EDITS {
        for number in 0..4 {
            let (answer, _) = ask_with(&database, number, false, Fault::Edit(edit)).await;
            match answer.status {
                200 => assert_eq!(answer.body, expected.body, "{what}, request {number}"),
                status => {
                    assert_eq!(status, 503, "{what}, request {number}");
                    assert_ne!(what, "no consumed capacity");
                    errors += 1;
                }
            }
        }
    }
    assert!(errors > 30, "{errors} errors");
}

#[tokio::test]
async fn answer_without_json_is_an_error() {
    let database = three_rooms().await;
    for number in 0..4 {
        for (fault, status) in [
            (Fault::Empty, 503),
            (Fault::Garbage, 503),
            (Fault::Refuse(429, "TooManyRequests"), 503),
        ] {
            let (answer, _) = ask_with(&database, number, false, fault.clone()).await;
            assert_eq!(answer.status, status, "{fault:?}, request {number}: {:?}", answer.body);
        }
    }
}

#[tokio::test]
async fn unprocessed_keys_are_requested_again() {
    let database = three_rooms().await;
    let expected = ask(&database.app(), BODY).await;
    for left in [1, 2, 99] {
        // Of the first three requests, so that keys are left unprocessed repeatedly.
        let decide = move |number, operation: &str| match operation {
            "BatchGetItem" if number < 3 => Fault::LeaveUnprocessed(left),
            _ => Fault::Pass,
        };
        let proxy = Proxy::start(&database.endpoint, decide).await;
        let answer = ask(&app(database.at(&proxy.endpoint)), BODY).await;
        assert_eq!((answer.status, &answer.body), (200, &expected.body), "{left} keys left");
    }
}

#[tokio::test]
async fn endlessly_unprocessed_keys_are_an_error() {
    let database = Database::start().await;
    let rooms: Vec<String> = (0..9).map(|number| format!("room{number}")).collect();
    let body = json!({"room_ids": rooms, "from": 30}).to_string();
    // One key of nine is processed at a time; there are fewer attempts than keys.
    let decide = |_, operation: &str| match operation {
        "BatchGetItem" => Fault::LeaveUnprocessed(99),
        _ => Fault::Pass,
    };
    let proxy = Proxy::start(&database.endpoint, decide).await;
    let answer = ask(&app(database.at(&proxy.endpoint)), &body).await;
    assert_eq!(answer.status, 503, "{:?}", answer.body);
}
