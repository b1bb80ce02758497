//! The function's own binary, invoked through Lambda's runtime API: as many invocations at once as Lambda offers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::support::lambda::{Lambda, end, function, program};
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, history};

const BODY: &str = r#"{"room_ids":["room01"],"limit":3}"#;

/// Starts a runtime API with a number of invocations.
fn lambda(invocations: usize) -> Lambda {
    let lambda = Lambda::start(Duration::from_secs(30));
    for _ in 0..invocations {
        lambda.invoke(BODY);
    }
    lambda
}

/// A DynamoDB that answers no query before `together` of them are there.
async fn waiting_for(together: usize, database: &Database) -> Proxy {
    let (all, arrived) = (Arc::new(Semaphore::new(0)), Semaphore::new(together));
    Proxy::start(&database.endpoint, move |_, operation| {
        if operation != "Query" {
            return Fault::Pass;
        }
        if let Ok(permit) = arrived.try_acquire() {
            permit.forget();
        }
        if arrived.available_permits() == 0 {
            all.add_permits(together);
        }
        Fault::Hold(Arc::clone(&all))
    })
    .await
}

#[tokio::test]
async fn concurrent_invocations_are_answered() {
    for at_once in [1, 3] {
        let database = Database::start().await;
        database.record(&history("room01", 3, 60)).await;
        let proxy = waiting_for(at_once, &database).await;
        let mut lambda = lambda(6);
        let _function =
            function(&database, &proxy.endpoint, &lambda.address, at_once).spawn().expect("runs");
        for _ in 0..6 {
            // If they were answered one after another, the first would never end.
            let answer = lambda.answer().await;
            assert_eq!(answer["statusCode"], 200, "{answer}");
        }
    }
}

#[tokio::test]
async fn end_of_the_runtime_api_is_a_normal_end() {
    let database = Database::start().await;
    for invocations in [1, 3] {
        let mut lambda = lambda(invocations);
        let function =
            function(&database, &database.endpoint, &lambda.address, 1).spawn().expect("runs");
        for _ in 0..invocations {
            lambda.answer().await;
        }
        drop(lambda);
        let (status, printed) = end(function).await;
        assert_eq!(status.code(), Some(0), "{printed}");
        assert!(!printed.contains("ERROR"), "{printed}");
        assert_eq!(printed.matches("status=200").count(), invocations, "{printed}");
    }
}

#[tokio::test]
async fn missing_runtime_api_is_an_error() {
    let database = Database::start().await;
    // A port without a listener.
    let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let address = address.expect("a free port").to_string();
    let function = function(&database, &database.endpoint, &address, 1).spawn().expect("runs");
    let (status, printed) = end(function).await;
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains("ERROR") && printed.contains("cannot run"), "{printed}");
}

#[tokio::test]
async fn log_has_the_true_status_in_any_dialect() {
    let database = Database::start().await;
    let failing = Proxy::start(&database.endpoint, |_, _| Fault::CutBefore).await;
    for (dialect, answered) in [("documented", 503), ("plugnmeet", 200)] {
        let mut lambda = lambda(1);
        let function = function(&database, &failing.endpoint, &lambda.address, 1)
            .env("ANSWERS", dialect)
            .spawn()
            .expect("runs");
        assert_eq!(lambda.answer().await["statusCode"], answered, "{dialect}");
        drop(lambda);
        let (_, printed) = end(function).await;
        assert!(printed.contains("request status=503"), "{dialect}: {printed}");
    }
}

#[tokio::test]
async fn played_meeting_is_in_the_history() {
    let database = Database::start().await;
    let events = [
        "webhook-1-room-created",
        "webhook-2-participant-joined",
        "webhook-3-session-ended",
        "webhook-6-bad-token",
    ];
    let mut lambda = Lambda::start(Duration::from_secs(30));
    for name in events {
        lambda.invoke_stored(name);
    }
    let path = env!("CARGO_BIN_EXE_past-rooms-webhook");
    let function = program(path, &database, &database.endpoint, &lambda.address, 1);
    let _function = { function }.spawn().expect("runs");
    for status in [200, 200, 200, 401] {
        assert_eq!(lambda.answer().await["statusCode"], status);
    }
    let end = std::time::Instant::now();
    let query = past_rooms::PageQuery::new(["weekly-call"]);
    let page = database.past_rooms.page(&query).await.expect("a page");
    assert!(end.elapsed() < Duration::from_secs(1));
    assert_eq!((page.total, page.sessions.len()), (1, 1));
    assert_eq!(
        (&*page.sessions[0].room_sid, page.sessions[0].joined_participants),
        ("SID_webhook", 1)
    );
}
