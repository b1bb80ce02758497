//! Invalid answers: cut, empty, of another room, out of order. The library must return an error for
//! an invalid answer; a page that is made of it is wrong.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::database::{HISTORY, Reply, TABLE};

/// Makes an answer to a read of several rows invalid.
pub fn corrupt(random: &mut Rng, request: &str, reply: Reply) -> Reply {
    if reply.status != 200 {
        return reply;
    }
    let whole: Value = serde_json::from_str(&reply.body).expect("JSON");
    // The index and a scan have rows of any room, in any order.
    let has_order = request.contains("KeyConditionExpression") && !request.contains("IndexName");
    let is_batch = request.contains("RequestItems");
    let kinds = if has_order || is_batch { 10 } else { 6 };
    let body = match random.u8(0..kinds) {
        0 => String::new(),
        1 => "{}".to_owned(),
        2 => reply.body[..reply.body.len() / 2].to_owned(),
        3 => without(whole, "ConsumedCapacity"),
        4 if whole.get("Items").is_some() => without(whole, "Items"),
        4 => without(whole, "Responses"),
        5 => with_rows(whole, |rows| drop(rows.pop())),
        // If a page is not full, the lack of this key cannot be detected.
        8 if is_full(request, &whole) => without(whole, "LastEvaluatedKey"),
        6 => with_rows(whole, |rows| rows.reverse()),
        7 => with_rows(whole, |rows| {
            if let Some(row) = rows.first_mut() {
                row["room_id"] = json!({"S": "another room"});
            }
        }),
        8 => with_rows(whole, |rows| rows.extend(rows.last().cloned())),
        // The last one only where there are two, because it says where the next page begins.
        _ => with_rows(whole, |rows| {
            let second = rows.len() / 2;
            if second > 0 {
                rows.swap(second - 1, second);
            }
        }),
    };
    Reply { body, ..reply }
}

/// Whether an answer has as many rows as were asked for.
fn is_full(request: &str, answer: &Value) -> bool {
    let request: Value = serde_json::from_str(request).expect("JSON");
    request["Limit"].as_u64().is_some_and(|limit| answer["Count"].as_u64() == Some(limit))
}

fn without(mut answer: Value, field: &str) -> String {
    if let Some(fields) = answer.as_object_mut() {
        fields.remove(field);
    }
    answer.to_string()
}

/// Changes the rows of an answer, but not the `Count` of a query. A `BatchGetItem` with a row too
/// few is valid, because the row may not exist. So such an answer also loses its `UnprocessedKeys`.
fn with_rows(mut answer: Value, change: impl FnOnce(&mut Vec<Value>)) -> String {
    let is_query = answer.get("Items").is_some();
    let rows = match is_query {
        true => answer.get_mut("Items"),
        false => answer.get_mut("Responses").and_then(Value::as_object_mut).and_then(|tables| {
            let table = if tables.contains_key(TABLE) { TABLE } else { HISTORY };
            tables.get_mut(table)
        }),
    };
    let Some(rows) = rows.and_then(Value::as_array_mut) else { return String::new() };
    let before = rows.len();
    change(rows);
    if !is_query && rows.len() < before {
        return without(answer, "UnprocessedKeys");
    }
    answer.to_string()
}
