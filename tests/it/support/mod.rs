//! Parts shared by the tests: a database of their own for each, and the endpoint on it.

#[path = "../../../examples/local/embedded.rs"]
pub mod embedded;
mod engine;
pub mod exchange;
pub mod lambda;
pub mod proxy;
#[path = "../../../examples/local/sample.rs"]
pub mod sample;
pub mod stream;
pub mod tls;
pub mod tunnel;

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use jiff::Timestamp;
use lambda_http::http::HeaderMap;
use lambda_http::request::LambdaRequest;
use lambda_http::{Body, Context, Request, RequestExt, http};
use past_rooms::api::event::check;
use past_rooms::api::handler::{App, handle};
use past_rooms::api::{auth, route};
use past_rooms::lambda::config::{ApiCredentials, Dialect};
use past_rooms::table::Item;
use past_rooms::{PastRoom, PastRooms, RowKey, Session, SessionKey};
use serde_json::Value;

use self::engine::Engine;
use self::exchange::Exchange;

pub const KEY: &str = "plugnmeet";
pub const SECRET: &str = "local-demo-secret";

/// A DynamoDB with an empty table, and the URL to reach it.
pub struct Database {
    pub endpoint: String,
    pub past_rooms: PastRooms,
    engine: Engine,
}

impl Database {
    pub async fn start() -> Self {
        let engine = Engine::start().await;
        let endpoint = engine.endpoint.clone();
        let past_rooms = PastRooms::new(engine.client_at(&endpoint), &*engine.table_name);
        Database { endpoint, past_rooms, engine }
    }

    /// The history at another URL, as through a proxy.
    pub fn at(&self, endpoint: &str) -> PastRooms {
        PastRooms::new(self.engine.client_at(endpoint), self.past_rooms.table().name())
    }

    /// The variables with which a program reaches the history at `endpoint`.
    pub fn variables(&self, endpoint: &str) -> Vec<(&'static str, String)> {
        self.engine.variables(endpoint)
    }

    /// The SDK's settings for this DynamoDB.
    pub fn settings(&self) -> &SdkConfig {
        &self.engine.settings
    }

    /// The endpoint on this database.
    pub fn app(&self) -> App {
        app(self.past_rooms.clone())
    }

    /// Records sessions as the library does.
    pub async fn record(&self, sessions: &[Session]) {
        self.past_rooms.record(sessions).await.expect("recorded");
    }

    /// Puts sessions as a writer does that knows nothing of tallies.
    pub async fn put_foreign(&self, sessions: &[Session]) {
        for session in sessions {
            self.put_item(row_of(session)).await;
        }
    }

    /// Puts any row.
    pub async fn put_item(&self, item: Item) {
        let table = self.past_rooms.table();
        let put = table.client().put_item().table_name(table.name()).set_item(Some(item));
        put.send().await.expect("put");
    }

    /// Deletes any row, as a writer does that knows nothing of tallies.
    pub async fn delete_item(&self, key: RowKey) {
        let table = self.past_rooms.table();
        let delete = table.client().delete_item().table_name(table.name());
        delete.set_key(Some(key.into_item())).send().await.expect("deleted");
    }

    /// A row, if there is one.
    pub async fn item(&self, room_id: &str, sort_key: &str) -> Option<Item> {
        let table = self.past_rooms.table();
        let key = RowKey::new(room_id, sort_key).into_item();
        let get = table.client().get_item().table_name(table.name()).set_key(Some(key));
        get.send().await.expect("got").item
    }

    /// Every row of the table.
    pub async fn all_items(&self) -> Vec<Item> {
        let table = self.past_rooms.table();
        let scan = table.client().scan().table_name(table.name());
        let rows = scan.into_paginator().items().send();
        rows.collect::<Result<_, _>>().await.expect("scanned")
    }
}

/// The endpoint on a history.
pub fn app(past_rooms: PastRooms) -> App {
    let credentials = ApiCredentials { key: KEY.to_owned(), secret: SECRET.to_owned() };
    App { credentials: credentials.into(), past_rooms, dialect: Dialect::default() }
}

/// The row of a session as any writer might put it.
pub fn row_of(session: &Session) -> Item {
    let mut row: Item = serde_dynamo::to_item(session.to_past_room()).expect("an item");
    row.extend(session.key().expect("a key").into_item());
    row
}

/// The sort key of a session.
pub fn session_key(session: &Session) -> SessionKey {
    session.key().ok().and_then(|key| key.session_key()).expect("a key")
}

/// A session of a room.
pub fn session(room_id: &str, created: &str, room_sid: &str) -> Session {
    let mut session = Session::new(room_id, room_sid, time(created));
    session.room_title = format!("The title of {room_sid}");
    session.joined_participants = 3;
    session.webhook_url = "https://example.org/hook".to_owned();
    session.ended = Some(session.created);
    session
}

pub fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// A history of one room: a session every `minutes`, the oldest first.
pub fn history(room_id: &str, sessions: usize, minutes: i64) -> Vec<Session> {
    let start = time("2024-01-01T00:00:00Z").as_second();
    (0..sessions as i64)
        .map(|number| {
            let created = Timestamp::from_second(start + number * minutes * 60).expect("a time");
            session(room_id, &created.to_string(), &format!("SID_{number:06}"))
        })
        .collect()
}

/// An answer of the endpoint.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn msg(&self) -> &str {
        self.body["msg"].as_str().expect("msg is a string")
    }

    pub fn total(&self) -> u64 {
        self.body["result"]["total_rooms"].as_u64().expect("total_rooms is a number")
    }

    pub fn rooms(&self) -> Vec<PastRoom> {
        serde_json::from_value(self.body["result"]["rooms_list"].clone()).expect("past rooms")
    }

    pub fn sids(&self) -> Vec<String> {
        self.rooms().into_iter().map(|room| room.room_sid).collect()
    }
}

/// The request that the function makes of an event.
pub fn request_of(event: &str) -> Request {
    let mut event: LambdaRequest = serde_json::from_str(event).expect("an event of API Gateway");
    check(&mut event);
    event.into()
}

/// Sends a request. One without a context of its own has time enough, however busy the machine is.
pub async fn send(app: &App, request: Request) -> Answer {
    let request = match request.lambda_context_ref() {
        Some(_) => request,
        None => {
            let mut context = Context::default();
            let deadline = SystemTime::now() + Duration::from_secs(300);
            let since_epoch = deadline.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
            context.deadline = since_epoch.as_millis() as u64;
            request.with_lambda_context(context)
        }
    };
    let exchange = Exchange::of(&request);
    let response = handle(app, request).await;
    let (parts, body) = response.into_parts();
    let body = serde_json::from_slice(body.as_ref()).expect("every answer is JSON");
    let status = parts.status.as_u16();
    exchange.answered(status, &body);
    Answer { status, headers: parts.headers, body }
}

/// A signed request with this body.
pub fn signed(body: impl AsRef<[u8]>) -> Request {
    let body = body.as_ref();
    request(
        body,
        &[(auth::API_KEY_HEADER, KEY), (auth::SIGNATURE_HEADER, &auth::sign(SECRET, body))],
    )
}

/// A request with this body and these headers.
pub fn request(body: &[u8], headers: &[(&str, &str)]) -> Request {
    let mut request = http::Request::builder().method(route::METHOD).uri(route::PATHS[0]);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::Binary(body.to_vec())).expect("a request");
    request.with_raw_http_path(route::PATHS[0])
}

/// Asks for past rooms.
pub async fn ask(app: &App, body: &str) -> Answer {
    send(app, signed(body)).await
}
