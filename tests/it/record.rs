//! Recording, deleting and tallying: after whatever happens, sessions and tallies agree.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use past_rooms::table::bucket::Bucket;
use past_rooms::{Recorded, Session, SessionKey, WriteError};
use tokio::sync::{Semaphore, mpsc};

use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, ask, history, session, session_key, time};

/// Counts the table's sessions and compares them with every tally there is; independent of the code that does so.
pub async fn assert_agreement(database: &Database) -> usize {
    let mut sessions = 0;
    let mut counted: BTreeMap<(String, String, String), i64> = BTreeMap::new();
    let mut tallied: BTreeMap<(String, String, String), i64> = BTreeMap::new();
    for item in database.all_items().await {
        let room = item["room_id"].as_s().expect("a room").clone();
        let key = item["created_sid"].as_s().expect("a key").clone();
        if key.starts_with(|first: char| first.is_ascii_digit()) {
            sessions += 1;
            let month = key[..7].to_owned();
            let day: u32 = key[8..10].parse().expect("a day");
            let hour: u32 = key[11..13].parse().expect("an hour");
            let hour_of_month = ((day - 1) * 24 + hour).to_string();
            *counted.entry((room.clone(), "~".to_owned(), month.clone())).or_default() += 1;
            *counted.entry((room, format!("#{month}"), hour_of_month)).or_default() += 1;
            continue;
        }
        if key.starts_with('!') {
            // A meeting in progress.
            continue;
        }
        for (attribute, value) in item {
            if let AttributeValue::N(count) = value
                && attribute != "version"
                && count != "0"
            {
                tallied.insert(
                    (room.clone(), key.clone(), attribute),
                    count.parse().expect("a count"),
                );
            }
        }
    }
    assert_eq!(tallied, counted);
    sessions
}

#[tokio::test]
async fn recording_again_changes_mutable_fields() {
    let database = Database::start().await;
    let mut one = session("room01", "2026-11-22T10:00:00Z", "SID_x");
    // How many were new, changed and unchanged.
    let record = async |session: &Session| {
        let session = std::slice::from_ref(session);
        let recorded = database.past_rooms.record(session).await.expect("recorded");
        (recorded.new, recorded.changed, recorded.unchanged)
    };
    assert_eq!(record(&one).await, (1, 0, 0));
    assert_eq!(record(&one).await, (0, 0, 1));
    one.room_title = "Another title".to_owned();
    one.joined_participants = 99;
    one.ended = Some(time("2026-11-22T12:00:00Z"));
    one.webhook_url = String::new();
    one.analytics_file_id = Some("file".to_owned());
    assert_eq!(record(&one).await, (0, 1, 0));
    let answer = ask(&database.app(), r#"{"room_ids":["room01"]}"#).await;
    assert_eq!(answer.rooms(), [one.to_past_room()]);
    one.analytics_file_id = None;
    assert_eq!(record(&one).await, (0, 1, 0));
    let answer = ask(&database.app(), r#"{"room_ids":["room01"]}"#).await;
    assert_eq!(answer.rooms(), [one.to_past_room()]);
    assert_eq!(assert_agreement(&database).await, 1);
}

#[tokio::test]
async fn last_of_a_repeated_session_is_recorded() {
    let database = Database::start().await;
    let first = session("room01", "2026-11-22T10:00:00Z", "SID_x");
    let mut last = first.clone();
    last.room_title = "Last".to_owned();
    let recorded = database.past_rooms.record(&[first, last.clone()]).await.expect("recorded");
    assert_eq!((recorded.new, recorded.changed), (1, 0));
    let answer = ask(&database.app(), r#"{"room_ids":["room01"]}"#).await;
    assert_eq!(answer.rooms(), [last.to_past_room()]);
}

#[tokio::test]
async fn rows_are_as_documented() {
    let database = Database::start().await;
    database.record(&[session("room01", "2026-11-22T10:30:00.5Z", "SID_x")]).await;
    let number = |text: &str| AttributeValue::N(text.to_owned());
    let tally = database.item("room01", "~").await.expect("a room tally");
    assert_eq!((&tally["2026-11"], &tally["version"]), (&number("1"), &number("1")));
    assert_eq!(tally.len(), 4);
    // The 22nd, 10 h: 21 * 24 + 10.
    let month = database.item("room01", "#2026-11").await.expect("a month tally");
    assert_eq!((&month["514"], &month["version"]), (&number("1"), &number("1")));
    let row = database.item("room01", "2026-11-22T10:30:00.500Z#SID_x").await.expect("a session");
    assert_eq!(row["created"], AttributeValue::S("2026-11-22T10:30:00.500Z".to_owned()));
    assert_eq!(row["joined_participants"], number("3"));
    assert!(!row.contains_key("analytics_file_id"));
}

#[tokio::test]
async fn many_sessions_take_few_transactions() {
    let database = Database::start().await;
    let transactions = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&transactions);
    let proxy = Proxy::start(&database.endpoint, move |_, operation| {
        if operation == "TransactWriteItems" {
            counter.fetch_add(1, Ordering::SeqCst);
        }
        Fault::Pass
    })
    .await;
    let table = database.at(&proxy.endpoint);
    let sessions = history("room01", 980, 1);
    let recorded = table.record(&sessions).await.expect("recorded");
    assert_eq!(recorded.new, 980);
    assert_eq!(transactions.load(Ordering::SeqCst), 10);
    let recorded = table.record(&sessions).await.expect("recorded");
    assert_eq!(recorded.unchanged, 980);
    assert_eq!(
        transactions.load(Ordering::SeqCst),
        10,
        "what is there already is not written again"
    );
    assert_eq!(assert_agreement(&database).await, 980);
}

#[tokio::test]
async fn invalid_session_prevents_all_writes() {
    let database = Database::start().await;
    let sessions = [
        session("room01", "2026-11-22T10:00:00Z", "SID_x"),
        session("room01", "2026-11-22T10:00:00Z", ""),
    ];
    let error = database.past_rooms.record(&sessions).await.expect_err("invalid");
    assert!(matches!(error, WriteError::Invalid(_)), "{error}");
    assert!(database.all_items().await.is_empty());
}

#[tokio::test]
async fn writes_in_any_order_are_counted_right() {
    let database = Database::start().await;
    let sessions = Arc::new(history("room01", 200, 500));
    let writers = (0..8).map(|writer| {
        let (table, sessions) = (database.past_rooms.clone(), Arc::clone(&sessions));
        tokio::spawn(async move {
            // Every session is written by two writers, in different orders.
            let mut mine: Vec<Session> = (0..200)
                .filter(|number| number % 4 == writer % 4)
                .map(|number| sessions[number].clone())
                .collect();
            if writer >= 4 {
                mine.reverse();
            }
            let mut recorded = Recorded::default();
            for session in &mine {
                recorded += table.record(std::slice::from_ref(session)).await.expect("recorded");
            }
            recorded.new
        })
    });
    let mut new = 0;
    for writer in writers.collect::<Vec<_>>() {
        new += writer.await.expect("a writer");
    }
    assert_eq!(new, 200);
    assert_eq!(assert_agreement(&database).await, 200);
}

/// Records a session through a proxy that does something else with the first transactions.
async fn record_through(
    database: &Database,
    transactions: usize,
    fault: Fault,
) -> Result<Recorded, WriteError> {
    let left = AtomicUsize::new(transactions);
    let decide = move |_, operation: &str| {
        let is_next = operation == "TransactWriteItems"
            && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        if is_next { fault.clone() } else { Fault::Pass }
    };
    let proxy = Proxy::start(&database.endpoint, decide).await;
    let one = session("room01", "2026-11-22T10:00:00Z", "SID_x");
    database.at(&proxy.endpoint).record(&[one]).await
}

#[tokio::test]
async fn cancelled_transaction_is_retried() {
    for fault in [
        Fault::Cancel(&["TransactionConflict", "None", "None"]),
        Fault::Cancel(&["None", "ThrottlingError", "None"]),
        Fault::Cancel(&["None", "None", "ProvisionedThroughputExceeded"]),
        Fault::Cancel(&["ConditionalCheckFailed", "None", "None"]),
        Fault::Refuse(400, "ThrottlingException"),
        Fault::Refuse(400, "TransactionInProgressException"),
        Fault::Refuse(500, "InternalServerError"),
        Fault::CutBefore,
        Fault::CutAfter,
    ] {
        let database = Database::start().await;
        let recorded = record_through(&database, 4, fault.clone()).await;
        assert!(recorded.is_ok(), "{fault:?}: {recorded:?}");
        assert_eq!(assert_agreement(&database).await, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn always_cancelled_transaction_is_an_error() {
    let database = Database::start().await;
    let fault = Fault::Cancel(&["TransactionConflict", "None", "None"]);
    let error = record_through(&database, usize::MAX, fault).await.expect_err("an error");
    assert_eq!(error, WriteError::Conflict);
    assert!(error.is_transient());
    assert!(database.all_items().await.is_empty());
}

#[tokio::test]
async fn permanent_cancellation_is_not_retried() {
    let database = Database::start().await;
    for fault in [
        Fault::Cancel(&["ValidationError", "None", "None"]),
        Fault::Cancel(&["None", "ItemCollectionSizeLimitExceeded", "None"]),
        Fault::Refuse(400, "AccessDeniedException"),
    ] {
        // One try more would find DynamoDB well again.
        let error = record_through(&database, 1, fault).await.expect_err("an error");
        assert!(!error.is_transient(), "{error}");
        assert!(database.all_items().await.is_empty());
    }
}

/// Cuts the connection at the `cut`th request, before or after DynamoDB has it, and fails every request after it: the
/// writer is as good as killed there. Then it is started again.
async fn assert_survives_kills(
    prepare: impl AsyncFn(&Database),
    write: impl AsyncFn(&past_rooms::PastRooms) -> bool,
    left: usize,
) {
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::CutInside] {
        for cut in 0.. {
            let database = Database::start().await;
            prepare(&database).await;
            let dead = Arc::new(AtomicBool::new(false));
            let (was_cut, fault) = (Arc::clone(&dead), fault.clone());
            let proxy = Proxy::start(&database.endpoint, move |number, _| {
                if number < cut {
                    Fault::Pass
                } else if was_cut.swap(true, Ordering::SeqCst) {
                    // Not retryable, so that the writer gives up at once.
                    Fault::Refuse(400, "AccessDeniedException")
                } else {
                    fault.clone()
                }
            })
            .await;
            let finished = write(&database.at(&proxy.endpoint)).await;
            assert_eq!(finished, !dead.load(Ordering::SeqCst));
            if finished {
                break;
            }
            assert_consistent(&database).await;
            assert!(write(&database.past_rooms).await, "started again, it ends");
            assert_eq!(assert_agreement(&database).await, left);
        }
    }
}

/// In the middle of things, too, nothing is counted that is not there, and nothing there is not counted, for rooms
/// whose tally is trusted.
async fn assert_consistent(database: &Database) {
    let tally = database.item("room01", "~").await;
    if tally.is_some_and(|tally| !tally.contains_key("incomplete")) {
        assert_agreement(database).await;
    }
}

#[tokio::test]
async fn killed_writer_leaves_counts_right() {
    let sessions = history("room01", 150, 700);
    assert_survives_kills(async |_| {}, async |table| table.record(&sessions).await.is_ok(), 150)
        .await;
}

#[tokio::test]
async fn killed_deletion_leaves_counts_right() {
    let sessions = history("room01", 150, 700);
    let keys: Vec<SessionKey> = sessions[20..].iter().map(session_key).collect();
    assert_survives_kills(
        async |database| database.record(&sessions).await,
        async |table| table.delete("room01", &keys).await.is_ok(),
        20,
    )
    .await;
}

#[tokio::test]
async fn killed_tallying_leaves_counts_right() {
    let sessions = history("room01", 40, 5000);
    assert_survives_kills(
        async |database| {
            database.put_foreign(&sessions[..30]).await;
            database.record(&sessions[30..]).await;
        },
        async |table| table.tally("room01").await.is_ok(),
        40,
    )
    .await;
}

#[tokio::test]
async fn deleting_unknown_sessions_changes_nothing() {
    let database = Database::start().await;
    let sessions = history("room01", 5, 60);
    database.record(&sessions).await;
    let keys = [
        session_key(&sessions[0]),
        SessionKey::parse("2030-01-01T00:00:00.000Z#nobody").expect("a key"),
        session_key(&sessions[0]),
    ];
    assert_eq!(database.past_rooms.delete("room01", &keys).await.expect("deleted"), 1);
    assert_eq!(database.past_rooms.delete("room01", &keys).await.expect("deleted"), 0);
    assert_eq!(assert_agreement(&database).await, 4);
}

#[tokio::test]
async fn deleting_does_not_begin_a_tally() {
    let database = Database::start().await;
    let sessions = history("room01", 5, 60);
    database.put_foreign(&sessions).await;
    let keys = [session_key(&sessions[0])];
    assert_eq!(database.past_rooms.delete("room01", &keys).await.expect("deleted"), 1);
    assert_eq!(database.all_items().await.len(), 4);
}

#[tokio::test]
async fn tallies_are_built_while_others_record() {
    let database = Database::start().await;
    let sessions = history("room01", 400, 300);
    let (foreign, recorded) = sessions.split_at(200);
    database.put_foreign(foreign).await;
    let writer = {
        let (table, recorded) = (database.past_rooms.clone(), recorded.to_vec());
        tokio::spawn(async move {
            // Back and forth, so that months before and behind the builder change.
            for number in 0..recorded.len() {
                let number =
                    if number % 2 == 0 { number / 2 } else { recorded.len() - 1 - number / 2 };
                table.record(std::slice::from_ref(&recorded[number])).await.expect("recorded");
            }
        })
    };
    while !writer.is_finished() {
        // Where the writer is faster than the count, the builder gives up and says so.
        match database.past_rooms.tally("room01").await {
            Ok(_) | Err(WriteError::Conflict) => {}
            Err(error) => panic!("{error}"),
        }
    }
    writer.await.expect("the writer ended");
    let report = database.past_rooms.tally("room01").await.expect("built");
    assert!(report.is_consistent() || report.untallied, "{report:?}");
    assert!(database.past_rooms.check_tally("room01").await.expect("checked").is_consistent());
    assert_eq!(assert_agreement(&database).await, 400);
}

/// Runs `work` while another writer records a session between two of its requests, for each pair of requests.
async fn with_a_session_between_any_two_requests(
    prepare: impl AsyncFn(&Database),
    work: impl AsyncFn(&past_rooms::PastRooms),
    done: impl AsyncFn(&Database),
) {
    for held in 0.. {
        let database = Database::start().await;
        prepare(&database).await;
        let (until, (reached, mut at_it)) =
            (Arc::new(Semaphore::new(0)), mpsc::unbounded_channel());
        let hold = Arc::clone(&until);
        let proxy = Proxy::start(&database.endpoint, move |number, _| {
            if number != held {
                return Fault::Pass;
            }
            let _ = reached.send(());
            Fault::Hold(Arc::clone(&hold))
        })
        .await;
        let recorder = async {
            if at_it.recv().await.is_some() {
                let between = session("room01", "2024-01-02T03:04:05Z", "SID_between");
                database.record(&[between]).await;
                until.add_permits(1);
            }
            std::future::pending::<()>().await;
        };
        let table = database.at(&proxy.endpoint);
        tokio::select! {
            () = work(&table) => {}
            () = recorder => {}
        }
        done(&database).await;
        if proxy.requests() <= held {
            break;
        }
    }
}

#[tokio::test]
async fn check_beside_a_recorder_finds_nothing() {
    with_a_session_between_any_two_requests(
        async |database| database.record(&history("room01", 40, 600)).await,
        async |table| {
            let report = table.check_tally("room01").await;
            assert_eq!(report.expect("checked").differences, []);
        },
        async |_| {},
    )
    .await;
}

#[tokio::test]
async fn tallies_built_beside_a_recorder_agree() {
    with_a_session_between_any_two_requests(
        async |database| database.put_foreign(&history("room01", 40, 600)).await,
        async |table| {
            let report = table.tally("room01").await;
            report.expect("built");
        },
        async |database| {
            assert!(assert_agreement(database).await >= 40);
        },
    )
    .await;
}

#[tokio::test]
async fn build_repairs_what_a_check_lists() {
    let database = Database::start().await;
    database.record(&history("room01", 50, 1000)).await;
    assert!(database.past_rooms.check_tally("room01").await.expect("checked").is_consistent());
    // One writer bypasses the tallies, another corrupts one.
    database.put_foreign(&[session("room01", "2024-01-01T07:00:00Z", "SID_late")]).await;
    database.put_foreign(&[session("room01", "2031-01-01T07:00:00Z", "SID_future")]).await;
    let mut tally = database.item("room01", "#2024-01").await.expect("a tally");
    tally.insert("701".to_owned(), AttributeValue::N("9".to_owned()));
    database.put_item(tally).await;
    let report = database.past_rooms.check_tally("room01").await.expect("checked");
    assert_eq!(report.sessions, 52);
    let buckets: Vec<_> = report
        .differences
        .iter()
        .map(|difference| (difference.bucket, difference.tallied, difference.sessions))
        .collect();
    let bucket = |prefix| Bucket::parse(prefix).expect("a bucket");
    assert_eq!(
        buckets,
        [
            (bucket("2024-01"), Some(45), 46),
            (bucket("2024-01-01T07"), Some(0), 1),
            (bucket("2024-01-30T05"), Some(9), 0),
            (bucket("2031-01"), Some(0), 1),
            (bucket("2031-01-01T07"), Some(0), 1),
        ]
    );
    assert_eq!(
        database.past_rooms.tally("room01").await.expect("built").differences,
        report.differences
    );
    assert!(database.past_rooms.check_tally("room01").await.expect("checked").is_consistent());
    assert_eq!(assert_agreement(&database).await, 52);
}
