//! The embedded DynamoDB, asked in this process without a socket: an operation's name and a JSON
//! body in, a status and a JSON body out.

use dynoxide::ImportOptions;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub const TABLE: &str = "past-rooms";

/// The table with the projection of all rooms.
pub const HISTORY: &str = "past-rooms-history";

/// An answer of DynamoDB over HTTP.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub body: String,
}

/// A database with one table.
pub struct Database {
    database: dynoxide::Database,
    table: &'static str,
}

impl Database {
    /// An empty table.
    fn new(table: &'static str) -> Self {
        let memory = dynoxide::Database::memory().expect("a database");
        let database = Database { database: memory, table };
        let request = json!({
            "TableName": table,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "room_id", "AttributeType": "S"},
                {"AttributeName": "created_sid", "AttributeType": "S"},
                {"AttributeName": "room_sid", "AttributeType": "S"},
            ],
            "GlobalSecondaryIndexes": [{
                "IndexName": "by_sid",
                "KeySchema": [{"AttributeName": "room_sid", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }],
            "KeySchema": [
                {"AttributeName": "room_id", "KeyType": "HASH"},
                {"AttributeName": "created_sid", "KeyType": "RANGE"},
            ],
        });
        let reply = database.execute("CreateTable", &request.to_string());
        assert_eq!(reply.status, 200, "{}", reply.body);
        database
    }

    /// A table with these rows.
    pub fn filled(table: &'static str, rows: &[Value]) -> Self {
        let database = Database::new(table);
        database.import(rows);
        database
    }

    /// Puts rows as they are.
    fn import(&self, rows: &[Value]) {
        let rows = rows.iter().map(|row| serde_json::from_value(row.clone()).expect("an item"));
        let imported =
            self.database.import_items(self.table, rows.collect(), ImportOptions::default());
        imported.expect("imported");
    }

    /// Does what a request asks for.
    pub fn execute(&self, operation: &str, body: &str) -> Reply {
        let database = &self.database;
        match operation {
            "BatchGetItem" => reply(body, |request| database.batch_get_item(request)),
            "CreateTable" => reply(body, |request| database.create_table(request)),
            "DeleteItem" => reply(body, |request| database.delete_item(request)),
            "GetItem" => reply(body, |request| database.get_item(request)),
            "PutItem" => reply(body, |request| database.put_item(request)),
            "Query" => reply(body, |request| database.query(request)),
            "Scan" => reply(body, |request| database.scan(request)),
            "TransactWriteItems" => reply(body, |request| database.transact_write_items(request)),
            _ => panic!("the simulation does not know {operation}"),
        }
    }

    /// Every row of the table.
    pub fn rows(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut request = json!({"TableName": self.table});
        loop {
            let reply = self.execute("Scan", &request.to_string());
            let mut answer: Value = serde_json::from_str(&reply.body).expect("JSON");
            rows.extend(answer["Items"].as_array().expect("items").iter().cloned());
            match answer["LastEvaluatedKey"].take() {
                Value::Null => return rows,
                key => request["ExclusiveStartKey"] = key,
            }
        }
    }

    /// One row.
    pub fn row(&self, room_id: &str, sort_key: &str) -> Option<Value> {
        let request = json!({
            "TableName": self.table,
            "Key": {"room_id": {"S": room_id}, "created_sid": {"S": sort_key}},
            "ConsistentRead": true,
        });
        let reply = self.execute("GetItem", &request.to_string());
        let mut answer: Value = serde_json::from_str(&reply.body).expect("JSON");
        Some(answer["Item"].take()).filter(|item| !item.is_null())
    }
}

/// The table that a `BatchGetItem` reads.
pub fn table_of_batch(request: &Value) -> &'static str {
    if request["RequestItems"].get(TABLE).is_some() { TABLE } else { HISTORY }
}

fn reply<Request: DeserializeOwned, Answer: Serialize>(
    body: &str,
    execute: impl FnOnce(Request) -> dynoxide::Result<Answer>,
) -> Reply {
    let request = serde_json::from_str(body).expect("a request as DynamoDB takes it");
    match execute(request) {
        Ok(answer) => {
            // With its fields in order, so that an answer that is cut is cut in the same place when
            // its seed is run again.
            let answer = serde_json::to_value(&answer).expect("an answer");
            Reply { status: 200, body: answer.to_string() }
        }
        Err(error) => Reply { status: error.status_code(), body: error.to_json() },
    }
}
