//! The faults of one run, and their rates.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::database::{Reply, table_of_batch};

/// Probabilities: of what may become of a request, and of what may happen between two events.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    lost_request: f64,
    lost_answer: f64,
    silence: f64,
    refusal: f64,
    cancellation: f64,
    unprocessed: f64,
    corruption: f64,
    /// A read that may see the replica does.
    pub stale: f64,
    /// The replica catches up.
    pub replication: f64,
    /// A writer is stopped, and restarts.
    pub restart: f64,
}

/// The fate of one request.
#[derive(Debug, Clone)]
pub enum Fate {
    /// It takes effect and is answered.
    Delivered,
    /// It is answered, but a part of it is left undone.
    Unprocessed,
    /// It takes no effect; the client sees a broken connection.
    LostRequest,
    /// It takes effect; the client sees a broken connection.
    LostAnswer,
    /// It takes effect or not; the client hears nothing.
    Silence { has_effect: bool },
    /// It takes no effect; DynamoDB says why.
    Refused(Reply),
    /// It is answered with what cannot be an answer.
    Corrupted,
}

impl Faults {
    /// In some runs nothing goes wrong but the order; in the others some kinds of fault occur,
    /// rarely or often.
    pub fn new(random: &mut Rng) -> Self {
        let density = [0.0, 0.0, 0.01, 0.03, 0.1, 0.3][random.usize(0..6)];
        let mut often = || if random.bool() { density } else { 0.0 };
        let mut faults = Faults {
            lost_request: often(),
            lost_answer: often(),
            silence: often() / 3.0,
            refusal: often(),
            cancellation: often(),
            unprocessed: often() * 3.0,
            corruption: often(),
            restart: often() / 5.0,
            ..Faults::default()
        };
        if random.bool() {
            faults.stale = [0.2, 0.5, 1.0][random.usize(0..3)];
            faults.replication = [0.0, 0.02, 0.2][random.usize(0..3)];
        }
        faults
    }

    /// Makes faults of requests rarer.
    pub fn thin_out(&mut self, factor: f64) {
        for fault in [
            &mut self.lost_request,
            &mut self.lost_answer,
            &mut self.silence,
            &mut self.refusal,
            &mut self.cancellation,
            &mut self.unprocessed,
            &mut self.corruption,
        ] {
            *fault *= factor;
        }
    }

    /// Whether there is a replica.
    pub fn lag(&self) -> bool {
        self.stale > 0.0
    }

    /// Draws what becomes of a request.
    pub fn fate(&self, random: &mut Rng, operation: &str, body: &str) -> Fate {
        let mut drawn = |probability: f64| probability > 0.0 && random.f64() < probability;
        if drawn(self.lost_request) {
            Fate::LostRequest
        } else if drawn(self.lost_answer) {
            Fate::LostAnswer
        } else if drawn(self.silence) {
            Fate::Silence { has_effect: random.bool() }
        } else if drawn(self.refusal) {
            Fate::Refused(refusal(random))
        } else if operation == "TransactWriteItems" && drawn(self.cancellation) {
            Fate::Refused(cancellation(random, body))
        } else if operation == "BatchGetItem" && drawn(self.unprocessed) {
            Fate::Unprocessed
        } else if ["Query", "BatchGetItem", "Scan"].contains(&operation) && drawn(self.corruption) {
            Fate::Corrupted
        } else {
            Fate::Delivered
        }
    }
}

fn refusal(random: &mut Rng) -> Reply {
    let (status, code) = [
        (400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"),
        (400, "com.amazon.coral.availability#ThrottlingException"),
        (400, "com.amazonaws.dynamodb.v20120810#RequestLimitExceeded"),
        (500, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
        (503, "com.amazon.coral.availability#ServiceUnavailable"),
        (429, "com.amazon.coral.availability#ThrottlingException"),
    ][random.usize(0..6)];
    let body = json!({"__type": code, "message": "refused"});
    Reply { status, body: if status == 429 { String::new() } else { body.to_string() } }
}

/// As DynamoDB cancels a transaction: a reason for each of its actions, `None` for most.
fn cancellation(random: &mut Rng, body: &str) -> Reply {
    let request: Value = serde_json::from_str(body).expect("JSON");
    let actions = request["TransactItems"].as_array().expect("actions").len();
    let (code, message) = [
        ("TransactionConflict", "Transaction is ongoing for the item"),
        ("ThrottlingError", "Throughput exceeds the current capacity of your table or index."),
        (
            "ProvisionedThroughputExceeded",
            "The level of configured provisioned throughput for the table was exceeded.",
        ),
    ][random.usize(0..3)];
    let cause = random.usize(0..actions);
    let reasons: Vec<Value> = (0..actions)
        .map(|action| match action == cause {
            true => json!({"Code": code, "Message": message}),
            false => json!({"Code": "None"}),
        })
        .collect();
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        ),
        "CancellationReasons": reasons,
    });
    Reply { status: 400, body: body.to_string() }
}

/// Leaves some of the keys of a `BatchGetItem` unprocessed.
pub fn leave_unprocessed(random: &mut Rng, request: &str, reply: Reply) -> Reply {
    if reply.status != 200 {
        return reply;
    }
    let mut answer: Value = serde_json::from_str(&reply.body).expect("JSON");
    let mut left: Value = serde_json::from_str(request).expect("JSON");
    let table = table_of_batch(&left);
    let mut left = left["RequestItems"][table].take();
    let keys = left["Keys"].as_array_mut().expect("keys");
    let certain = random.usize(0..keys.len());
    let mut number = 0..;
    keys.retain(|_| number.next() == Some(certain) || random.bool());
    let is_key = |key: &Value, row: &Value| {
        key["room_id"] == row["room_id"] && key["created_sid"] == row["created_sid"]
    };
    let rows = answer["Responses"][table].as_array_mut().expect("rows");
    rows.retain(|row| !keys.iter().any(|key| is_key(key, row)));
    answer["UnprocessedKeys"] = json!({table: left});
    Reply { body: answer.to_string(), ..reply }
}
