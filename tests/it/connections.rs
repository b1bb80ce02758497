//! Connections that died while the function was frozen.

use std::time::{Duration, SystemTime};

use lambda_http::{Context, RequestExt};
use serde_json::json;

use crate::support::silent::Tunnel;
use crate::support::{Database, app, history, send, signed};

#[tokio::test]
async fn one_request_pays_for_dead_connections_and_only_once() {
    let database = Database::start().await;
    let rooms: Vec<String> = (0..30).map(|number| format!("room{number}")).collect();
    let sessions: Vec<_> = rooms.iter().flat_map(|room| history(room, 2, 60)).collect();
    database.record(&sessions).await;
    let tunnel = Tunnel::start(&database.endpoint).await;
    let app = app(database.at(&tunnel.endpoint));
    let ask = async |rooms: &[String]| {
        let body = json!({"room_ids": rooms}).to_string();
        let mut context = Context::default();
        // Enough for one silence, not for an attempt's time-out or for silence after silence.
        let deadline = SystemTime::now() + Duration::from_millis(2500);
        let since_epoch = deadline.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        context.deadline = since_epoch.as_millis() as u64;
        send(&app, signed(body).with_lambda_context(context)).await
    };
    // Thirty requests, as many at once as the bound allows: so many connections stay in the pool.
    assert_eq!(ask(&rooms).await.total(), 60);
    tunnel.kill_open_connections();
    for _ in 0..10 {
        let answer = ask(&rooms[..3]).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        assert_eq!(answer.total(), 6);
    }
    // Only what the first request sent at once met dead connections; the rest were not tried.
    assert!((1..=3).contains(&tunnel.used_when_dead()), "{}", tunnel.used_when_dead());
}
