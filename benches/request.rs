//! The function's own work per request, without DynamoDB.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a benchmark that cannot run panics"
)]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use criterion::{Criterion, criterion_group, criterion_main};
use lambda_http::http::HeaderMap;
use past_rooms::api::request::FetchPastRooms;
use past_rooms::api::{answer, auth, request};
use past_rooms::config::{ApiCredentials, Dialect};
use past_rooms::{Page, PageQuery, PastRoom, PastRooms};
use serde_json::json;

fn credentials() -> ApiCredentials {
    ApiCredentials { key: "plugnmeet".to_owned(), secret: "local-demo-secret".to_owned() }
}

/// A body that asks for a hundred rooms.
fn body() -> Vec<u8> {
    let rooms: Vec<String> = (0..ROOMS).map(room_id).collect();
    serde_json::to_vec(&json!({"room_ids": rooms, "from": 20, "limit": 100})).expect("a body")
}

/// A page of a hundred sessions.
fn page() -> Page {
    let room = |number: usize| PastRoom {
        room_title: "Weekly project sync: planning and open points".to_owned(),
        room_id: format!("room-{number:03}"),
        room_sid: format!("SID_{number:012}"),
        joined_participants: number as i64,
        webhook_url: "https://lms.example.org/plugnmeet/webhook".to_owned(),
        created: "2026-11-22T10:00:00.000Z".to_owned(),
        ended: "2026-11-22T11:00:00.000Z".to_owned(),
        analytics_file_id: Some(format!("SID_{number:012}-1795195256")),
    };
    Page { total: 100_000, sessions: (0..100).map(room).collect() }
}

/// A client whose answers are there already: a room's tally and its eight newest sessions, one a minute.
fn canned_dynamodb() -> Client {
    let answers: HashMap<String, String> =
        (0..ROOMS).map(|room| (room_id(room), canned_answer(room))).collect();
    let answer = move |request: HttpRequest| {
        let body = request.body().bytes().unwrap_or_default();
        let body: serde_json::Value = serde_json::from_slice(body).expect("a query");
        let room = body["ExpressionAttributeValues"][":room"]["S"].as_str().expect("a room");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(
            StatusCode::try_from(200).expect("a status"),
            SdkBody::from(answers[room].clone()),
        )))
    };
    let connector = SharedHttpConnector::new(Canned(Arc::new(answer)));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "benchmark"))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    Client::from_conf(config)
}

fn canned_answer(room: usize) -> String {
    let text = |text: String| json!({"S": text});
    let session = |minute: usize| {
        let (created, sid) = (
            format!("2026-11-22T10:{minute:02}:{:02}.000Z", room % 60),
            format!("SID_{room:03}_{minute}"),
        );
        json!({
            "room_id": text(room_id(room)), "created_sid": text(format!("{created}#{sid}")), "room_sid": text(sid),
            "room_title": text("Weekly project sync: planning and open points".to_owned()),
            "joined_participants": {"N": "12"}, "webhook_url": text("https://lms.example.org/plugnmeet/webhook".to_owned()),
            "created": text(created), "ended": text("2026-11-22T11:00:00.000Z".to_owned()),
            "analytics_file_id": text(format!("SID_{room:03}_{minute}-1795195256")),
        })
    };
    let tally = json!({"room_id": text(room_id(room)), "created_sid": text("~".to_owned()), "2026-11": {"N": "8"}});
    let items: Vec<_> = [tally].into_iter().chain((0..8).rev().map(session)).collect();
    json!({"ConsumedCapacity": {"CapacityUnits": 0.5}, "Count": 9, "ScannedCount": 9, "Items": items}).to_string()
}

const ROOMS: usize = 100;

fn room_id(room: usize) -> String {
    format!("room-{room:03}")
}

/// Answers without a network.
#[derive(Clone)]
struct Canned(Arc<dyn Fn(HttpRequest) -> HttpConnectorFuture + Send + Sync>);

impl std::fmt::Debug for Canned {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Canned")
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        (self.0)(request)
    }
}

fn benchmarks(criterion: &mut Criterion) {
    let (credentials, body) = (credentials(), body());
    let mut headers = HeaderMap::new();
    let signature = auth::sign(&credentials.secret, &body);
    headers.insert("api-key", "plugnmeet".parse().expect("a value"));
    headers.insert("hash-signature", signature.parse().expect("a value"));
    criterion.bench_function("authenticate a request for 100 rooms", |bencher| {
        bencher.iter(|| auth::authenticate(&credentials, black_box(&headers), black_box(&body)));
    });
    criterion.bench_function("parse a request for 100 rooms", |bencher| {
        bencher.iter(|| request::parse(Dialect::default(), black_box(&body)));
    });
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let query = PageQuery::new((0..ROOMS).map(room_id)).from(20).limit(100);
    let past_rooms = PastRooms::new(canned_dynamodb(), "past-rooms");
    criterion.bench_function("sign, send, receive and merge 100 rooms", |bencher| {
        bencher.iter(|| {
            let page = runtime.block_on(past_rooms.page(&query));
            assert_eq!(page.expect("a page").sessions.len(), 100);
        });
    });
    let page = page();
    let request = FetchPastRooms { order_by: query.order.to_string(), query };
    for (dialect, name) in [
        (Dialect::Documented, "answer with 100 rows"),
        (Dialect::Plugnmeet, "answer with 100 rows, as a plugNmeet server does"),
    ] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| answer::page(dialect, black_box(&request), black_box(&page)));
        });
    }
}

criterion_group!(request_work, benchmarks);
criterion_main!(request_work);
