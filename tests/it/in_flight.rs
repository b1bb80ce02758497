//! The number of requests in flight while commands work on whole tables.

use past_rooms::table::schema::{EXPIRES, ROOM_SID};

use crate::admin::{File, admin, text};
use crate::record::assert_agreement;
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, history};

const ROOMS: usize = 40;

async fn rooms() -> Database {
    let database = Database::start().await;
    for room in 0..ROOMS {
        let room_id = format!("room{room:02}");
        let mut sessions = history(&room_id, 3, 60_000);
        sessions.iter_mut().for_each(|session| session.room_sid.push_str(&room_id));
        database.put_foreign(&sessions).await;
    }
    database
}

#[tokio::test]
async fn commands_respect_maximum_in_flight() {
    let database = rooms().await;
    let rows =
        (0..ROOMS).map(|room| format!("room{room:02},SID_{room},{}\n", 1_795_341_600 + room));
    let file =
        File::new("more.csv", format!("room_id,room_sid,created\n{}", rows.collect::<String>()));
    for command in [
        &["tally", "--all"][..],
        &["tally", "--all", "--check"],
        &["retention", "--all", "--days", "36500"],
        &["import", file.path()],
    ] {
        let proxy = Proxy::start(&database.endpoint, |_, _| Fault::Pass).await;
        let arguments = [command, &["--in-flight", "2"]].concat();
        let output = admin(&database, &proxy.endpoint, &arguments).output().await.expect("it runs");
        assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
        assert_eq!(proxy.most_in_flight(), 2, "{command:?}");
    }
    assert_eq!(assert_agreement(&database).await, 4 * ROOMS);
}

#[tokio::test]
async fn whole_table_work_survives_faults() {
    let database = rooms().await;
    for command in [
        &["tally", "--all"][..],
        &["tally", "--all", "--check"],
        &["retention", "--all", "--days", "36500"],
    ] {
        let proxy = Proxy::start(&database.endpoint, |number, operation| match number % 29 {
            0 => Fault::Refuse(400, "ProvisionedThroughputExceededException"),
            3 => Fault::Refuse(400, "ThrottlingException"),
            5 => Fault::CutBefore,
            7 => Fault::CutAfter,
            8 => Fault::Refuse(500, "InternalServerError"),
            9 if operation == "BatchGetItem" => Fault::LeaveUnprocessed(1),
            9 if operation == "TransactWriteItems" => Fault::Cancel(&["ThrottlingError", "None"]),
            10 if operation == "TransactWriteItems" => Fault::Cancel(&["TransactionConflict"]),
            _ => Fault::Pass,
        })
        .await;
        let output = admin(&database, &proxy.endpoint, command).output().await.expect("it runs");
        assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    }
    let rows = database.all_items().await.into_iter();
    let sessions = rows.filter(|row| row.contains_key(ROOM_SID));
    assert!(sessions.filter(|row| row.contains_key(EXPIRES)).count() == 3 * ROOMS);
    assert_eq!(assert_agreement(&database).await, 3 * ROOMS);
}
