//! The function's own binary under every fault of DynamoDB and of the way to it: the envelope, in
//! time, one cause in the log for each 5xx, and never a page that is not the right one.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::lambda::{Lambda, end, function};
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, ask, history};

/// Time that Lambda gives an invocation.
const TIMEOUT: Duration = Duration::from_millis(2500);

/// Read with each kind of request: tallies in a batch, hours, rows; and a room without a tally.
const BODY: &str = r#"{"room_ids":["room01","room02","room03"],"from":30,"limit":20}"#;

/// Changes an answer.
type Edit = fn(&mut Value);

/// The faults, and the status that one of them at every request from some one on may lead to.
fn faults() -> Vec<(&'static str, Fault, &'static [u64])> {
    let edit = |edit: Edit| Fault::Edit(edit);
    vec![
        ("dropped before", Fault::CutBefore, &[503]),
        ("dropped after", Fault::CutAfter, &[503]),
        ("truncated", Fault::CutInside, &[503]),
        ("hangs", Fault::Stall, &[503]),
        ("slow", Fault::Delay(Duration::from_millis(100)), &[200]),
        ("slower than the time there is", Fault::Delay(Duration::from_millis(1500)), &[503]),
        ("empty 200", Fault::Empty, &[503]),
        ("no JSON", Fault::Garbage, &[503]),
        ("{}", edit(|answer| *answer = json!({})), &[503]),
        // A batch has no such fields, so where only a batch is left to hit the page is right.
        ("no Items", edit(|answer| drop(remove(answer, "Items"))), &[503, 200]),
        ("a Count above the items", edit(count_more), &[503, 200]),
        ("rows of another room", edit(of_another_room), &[503]),
        (
            "LastEvaluatedKey missing",
            edit(|answer| drop(remove(answer, "LastEvaluatedKey"))),
            &[503, 200],
        ),
        ("LastEvaluatedKey stuck", edit(stay), &[503, 200]),
        ("throttled", Fault::Refuse(400, "ProvisionedThroughputExceededException"), &[503]),
        ("HTTP 429", Fault::Refuse(429, "TooManyRequests"), &[503]),
        ("HTTP 500", Fault::Refuse(500, "InternalServerError"), &[503]),
        ("HTTP 503", Fault::Refuse(503, "ServiceUnavailable"), &[503]),
        ("access denied", Fault::Refuse(400, "AccessDeniedException"), &[500]),
    ]
}

fn remove(answer: &mut Value, field: &str) -> Option<Value> {
    answer.as_object_mut().and_then(|fields| fields.remove(field))
}

fn count_more(answer: &mut Value) {
    if let Some(count) = answer["Count"].as_u64() {
        answer["Count"] = (count + 1).into();
    }
}

/// The rows of a query, or of the one table of a batch.
fn rows(answer: &mut Value) -> Option<&mut Vec<Value>> {
    if answer.get("Items").is_some() {
        return answer["Items"].as_array_mut();
    }
    answer.get_mut("Responses")?.as_object_mut()?.values_mut().next()?.as_array_mut()
}

fn of_another_room(answer: &mut Value) {
    for row in rows(answer).into_iter().flatten() {
        row["room_id"] = json!({"S": "room09"});
    }
}

/// Every answer goes on from its first row.
fn stay(answer: &mut Value) {
    let first = answer["Items"][0].clone();
    if first.is_object() {
        answer["LastEvaluatedKey"] =
            json!({"room_id": first["room_id"], "created_sid": first["created_sid"]});
    }
}

/// The envelope of an answer, and how long it took.
async fn invoke(lambda: &mut Lambda) -> (u64, Value) {
    let started = Instant::now();
    lambda.invoke(BODY);
    let answer = lambda.answer().await;
    let took = started.elapsed();
    assert!(took < TIMEOUT, "answered after {took:?}");
    let body = answer["body"].as_str().expect("a body");
    (answer["statusCode"].as_u64().expect("a status"), serde_json::from_str(body).expect("JSON"))
}

#[tokio::test]
async fn faults_are_logged_and_give_no_wrong_page() {
    let database = Database::start().await;
    database.record(&history("room01", 60, 60)).await;
    database.record(&history("room02", 60, 45)).await;
    database.put_foreign(&history("room03", 30, 90)).await;
    let expected = ask(&database.app(), BODY).await;
    assert_eq!((expected.status, expected.total()), (200, 150));
    for (name, fault, statuses) in faults() {
        join_all((0..3).map(|healthy| {
            assert_fault(&database, name, &fault, statuses, healthy, &expected.body)
        }))
        .await;
    }
}

/// Invokes a function whose requests to DynamoDB all meet the fault, but the first `healthy` of
/// the page, which come after the one with which the function starts.
async fn assert_fault(
    database: &Database,
    name: &str,
    fault: &Fault,
    statuses: &[u64],
    healthy: usize,
    expected: &Value,
) {
    let hit = fault.clone();
    let decide = move |number, _: &str| {
        if number <= healthy { Fault::Pass } else { hit.clone() }
    };
    let proxy = Proxy::start(&database.endpoint, decide).await;
    let mut lambda = Lambda::start(TIMEOUT);
    let function = function(database, &proxy.endpoint, &lambda.address, 1).spawn().expect("runs");
    let (status, body) = invoke(&mut lambda).await;
    let what = format!("{name} after {healthy}: {status} {body}");
    assert!(proxy.requests() > healthy + 1, "{what}: no request met it");
    drop(lambda);
    let (_, printed) = end(function).await;
    assert!(statuses.contains(&status), "{what}\n{printed}");
    let causes: Vec<&str> = printed.lines().filter(|line| line.contains("ERROR")).collect();
    if status == 200 {
        assert_eq!(&body, expected, "{what}");
        assert_eq!(causes, [""; 0], "{what}");
        return;
    }
    assert_eq!(body["status"], false, "{what}");
    assert!(body["msg"].as_str().is_some_and(|msg| !msg.is_empty()), "{what}");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(2), "{what}");
    let [cause] = causes[..] else { panic!("{what}: {} causes\n{printed}", causes.len()) };
    assert!(cause.contains("request-0") && cause.contains("cause=\""), "{what}\n{cause}");
    assert!(!cause.contains("cause=\"\""), "{what}\n{cause}");
}
