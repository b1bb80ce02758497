//! Every sample invocation of `events/` against the sample history: it gives the answer stored beside it. The stored
//! answers were made from the sample's rows with a few lines of another language, by sorting and cutting.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Database, request_of, sample, send};
use crate::webhook;

/// Prefix of the names of the webhooks' events. They are sent in the order of their names.
const WEBHOOK: &str = "webhook-";

/// The events' files; the answers' are beside them, as `NAME.answer.json`.
fn events(are_webhooks: bool) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let files = fs::read_dir(folder).expect("events/").map(|file| file.expect("a file").path());
    let is_event = |file: &PathBuf| {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.ends_with(".json")
            && !name.ends_with(".answer.json")
            && name != "env.json"
            && name.starts_with(WEBHOOK) == are_webhooks
    };
    let mut files: Vec<_> = files.filter(is_event).collect();
    files.sort();
    files
}

#[tokio::test]
async fn every_event_has_its_stored_answer() {
    let database = Database::start().await;
    database.record(&sample::sessions()).await;
    let events = events(false);
    assert!(events.len() >= 10);
    for file in events {
        let event = fs::read_to_string(&file).expect("an event");
        let stored = fs::read(file.with_extension("answer.json")).expect("an answer beside it");
        let stored: Value = serde_json::from_slice(&stored).expect("JSON");
        let request = request_of(&event);
        let answer = send(&database.app(), request).await;
        assert_eq!(answer.body, stored["body"], "{}", file.display());
        assert_eq!(Value::from(answer.status), stored["statusCode"], "{}", file.display());
    }
}

#[tokio::test]
async fn every_webhook_has_its_stored_answer() {
    let database = Database::start().await;
    let app = webhook::app(database.past_rooms.clone());
    let events = events(true);
    assert!(events.len() >= 5);
    for file in events {
        let event = fs::read_to_string(&file).expect("an event");
        let stored = fs::read(file.with_extension("answer.json")).expect("an answer beside it");
        let stored: Value = serde_json::from_slice(&stored).expect("JSON");
        let (status, body) = webhook::send(&app, request_of(&event)).await;
        assert_eq!(body, stored["body"], "{}", file.display());
        assert_eq!(Value::from(status), stored["statusCode"], "{}", file.display());
    }
}

#[test]
fn sample_has_the_rooms_it_prints() {
    let sessions = sample::sessions();
    for (room, count) in sample::rooms() {
        assert_eq!(
            sessions.iter().filter(|session| session.room_id == room).count(),
            count,
            "{room}"
        );
    }
}
