//! Plays a meeting to the local run, event by event as a plugNmeet server sends them, and shows its
//! session appear in the history.

use std::error::Error;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use past_rooms::api::{auth, route};
use past_rooms::lambda::config::ApiCredentials;
use past_rooms::webhook::{handler::PATH, verify};
use serde_json::{Value, json};

/// Order of the events.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Order {
    /// As they happen.
    Straight,
    /// In any order.
    Shuffled,
    /// In any order, each twice.
    Doubled,
}

/// Play a meeting to the local run and show its session appear in the history.
#[derive(Parser)]
struct Arguments {
    /// Order of the events
    #[arg(value_enum, default_value = "straight")]
    order: Order,

    /// URL of the local run
    #[arg(long, default_value = "http://127.0.0.1:9000")]
    url: String,

    /// The room
    #[arg(long, default_value = "meeting-room")]
    room: String,

    /// Number of people who join
    #[arg(long, default_value_t = 3)]
    people: usize,

    /// The API key
    #[arg(long, env = "API_KEY", default_value = "plugnmeet")]
    api_key: String,

    /// The API secret
    #[arg(long, env = "API_SECRET", hide_env_values = true, default_value = "local-demo-secret")]
    api_secret: String,
}

struct Server {
    url: String,
    credentials: ApiCredentials,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Server {
    async fn post(
        &self,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Result<(u16, Value), Box<dyn Error>> {
        let mut request = Request::post(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_string())))?;
        let answer = self.client.request(request).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok((status, serde_json::from_slice(&body)?))
    }

    async fn tell(&self, event: &Value) -> Result<(), Box<dyn Error>> {
        let body = event.to_string();
        let expires = Timestamp::now().as_second() + 300;
        let token = verify::sign(&self.credentials, body.as_bytes(), expires);
        let headers = [("Authorization", &*token), ("Hash-Token", &token)];
        let (status, answer) = self.post(PATH, event, &headers).await?;
        println!("{:<20} {status} {answer}", event["event"].as_str().unwrap_or_default());
        Ok(())
    }

    async fn newest(&self, room: &str) -> Result<Value, Box<dyn Error>> {
        let body = json!({"room_ids": [room], "limit": 1});
        let signature = auth::sign(&self.credentials.secret, body.to_string().as_bytes());
        let headers =
            [(auth::API_KEY_HEADER, &*self.credentials.key), (auth::SIGNATURE_HEADER, &signature)];
        Ok(self.post(route::PATHS[0], &body, &headers).await?.1)
    }
}

/// The events of a meeting of ten minutes that has just ended.
fn events(room_id: &str, people: usize) -> Vec<Value> {
    let start = Timestamp::now().as_second() - 600;
    let sid = format!("SID_{:08x}", fastrand::u32(..));
    let metadata = json!({"room_title": "A played meeting", "webhook_url": ""}).to_string();
    let event = |name: &str, at: i64| {
        json!({
            "event": name,
            "room": {
                "sid": sid,
                "room_id": room_id,
                "creation_time": start.to_string(),
                "metadata": metadata,
            },
            "id": format!("{:016x}", fastrand::u64(..)),
            "created_at": (start + at).to_string(),
        })
    };
    let person = |name: &str, at: i64, number: usize| {
        let mut event = event(name, at);
        event["participant"] = json!({"identity": format!("user-{number}")});
        event
    };
    let mut events = vec![event("room_created", 0)];
    events.extend((0..people).map(|number| person("participant_joined", 1, number)));
    events.extend((0..people).map(|number| person("participant_left", 599, number)));
    events.push(event("session_ended", 600));
    events.push(event("room_finished", 601));
    let mut analytics = event("artifact_created", 660);
    analytics["room_artifact"] =
        json!({"type": "MEETING_ANALYTICS", "artifact_id": format!("{sid}-{start}")});
    events.push(analytics);
    events
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let server = Server {
        url: arguments.url,
        credentials: ApiCredentials { key: arguments.api_key, secret: arguments.api_secret },
        client: Client::builder(TokioExecutor::new()).build_http(),
    };
    let mut events = events(&arguments.room, arguments.people);
    if arguments.order == Order::Doubled {
        events.extend_from_within(..);
    }
    if arguments.order != Order::Straight {
        fastrand::shuffle(&mut events);
    }
    for event in &events {
        server.tell(event).await?;
    }
    let told = Instant::now();
    let newest = server.newest(&arguments.room).await?;
    println!("\nthe newest session of {}, {:?} later:\n{newest:#}", arguments.room, told.elapsed());
    Ok(())
}
