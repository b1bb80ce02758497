//! The operator's tool says what it did, and what it would do.

use std::process::Output;

use past_rooms::PageQuery;
use serde_json::Value;

use crate::admin::{File, admin, run, text};
use crate::record::assert_agreement;
use crate::support::{Database, history};

fn summary(output: &Output) -> Value {
    let last = text(&output.stdout).lines().last().expect("a line");
    serde_json::from_str(last).expect("JSON")
}

#[tokio::test]
async fn ignored_columns_are_named_once() {
    let database = Database::start().await;
    let csv = "roomId,roomSid,created,room_titel,joinedParticipants,joined_participant\n\
               room01,a,2026-11-22T10:00:00Z,x,3,4\n\
               room01,b,2026-11-22T11:00:00Z,x,3,4\n";
    let file = File::new("history.csv", csv);
    let output = run(&database, &["import", file.path()]).await;
    assert!(output.status.success());
    let said = text(&output.stderr);
    assert_eq!(said.matches("columns ignored").count(), 1, "{said}");
    assert!(said.contains("columns ignored: joined_participant, room_titel"), "{said}");
    let items = database.all_items().await;
    let participants = items.iter().filter_map(|item| item.get("joined_participants"));
    let participants: Vec<_> = participants.filter_map(|value| value.as_n().ok()).collect();
    assert_eq!(participants, ["3", "3"]);
}

#[tokio::test]
async fn delete_dry_run_deletes_nothing() {
    let database = Database::start().await;
    database.record(&history("room01", 3, 60)).await;
    let before = database.all_items().await;
    let output = run(&database, &["delete", "--room", "room01", "--dry-run"]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("3 sessions of room01") && said.contains("would be deleted"), "{said}");
    assert!(database.all_items().await == before);
    let one = ["delete", "--room", "room01", "--sid", "SID_000001", "--dry-run", "--json"];
    let output = run(&database, &one).await;
    let summary = summary(&output);
    assert_eq!((&summary["sessions"], &summary["deleted"]), (&1.into(), &0.into()));
    assert_eq!(assert_agreement(&database).await, 3);
}

#[tokio::test]
async fn delete_of_an_unknown_sid_is_an_error() {
    let database = Database::start().await;
    database.record(&history("room01", 3, 60)).await;
    let delete = ["delete", "--room", "room01", "--yes", "--sid"];
    let output = run(&database, &[&delete[..], &["TYPO"]].concat()).await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("no session with the room_sid \"TYPO\""), "{said}");
    let output = run(&database, &[&delete[..], &[""]].concat()).await;
    assert_eq!(output.status.code(), Some(2));
    let before = [&delete[..], &["SID_000001", "--before", "2020-01-01T00:00:00Z"]].concat();
    let output = run(&database, &before).await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(
        said.contains(
            "\"SID_000001\" was created at 2024-01-01T01:00:00.000Z, which is not before"
        ),
        "{said}"
    );
    assert_eq!(assert_agreement(&database).await, 3);
    let elsewhere = ["delete", "--room", "room02", "--yes", "--sid", "SID_000001"];
    database.record(&history("room02", 1, 60)).await;
    let output = run(&database, &elsewhere).await;
    assert!(text(&output.stdout).contains("but the room room01 has one"), "{output:?}");
}

#[tokio::test]
async fn delete_of_an_unknown_sort_key_is_an_error() {
    let database = Database::start().await;
    database.record(&history("room01", 3, 60)).await;
    let (typo, key) = ("2024-01-01T00:00:00.000Z#TYPO", "2024-01-01T01:00:00.000Z#SID_000001");
    let delete = ["delete", "--room", "room01", "--yes", "--sort-key", typo];
    for more in [&["--dry-run"][..], &[], &["--sort-key", key]] {
        let output = run(&database, &[&delete[..], more].concat()).await;
        assert_eq!(output.status.code(), Some(1), "{more:?}");
        let said = text(&output.stdout);
        assert!(said.contains(&format!("room01: no row with the sort key {typo:?}")), "{said}");
    }
    assert_eq!(assert_agreement(&database).await, 2);
    let output = run(&database, &[&delete[..], &["--json"]].concat()).await;
    assert_eq!(summary(&output)["missing"], serde_json::json!([typo]));
}

#[tokio::test]
async fn import_dry_run_counts_what_a_move_would_change() {
    let database = Database::start().await;
    let csv = |hour: u32| {
        format!(
            "room_id,room_sid,created\nroom01,a,2026-11-22T{hour}:00:00Z\n\
             room01,b,2026-11-22T12:00:00Z\n"
        )
    };
    let file = File::new("history.csv", csv(10));
    assert!(run(&database, &["import", file.path()]).await.status.success());
    let before = database.all_items().await;
    let later = File::new("later.csv", csv(11) + "room02,c,2026-11-22T12:00:00Z\n");
    let preview = ["import", "--dry-run", "--move", "--json", later.path()];
    let previewed = summary(&run(&database, &preview).await);
    assert!(database.all_items().await == before);
    let done = summary(&run(&database, &["import", "--move", "--json", later.path()]).await);
    for key in ["new", "changed", "unchanged", "moved", "rejected"] {
        assert_eq!(previewed[key], done[key], "{key}");
    }
    assert_eq!(
        (&done["new"], &done["moved"], &done["unchanged"]),
        (&1.into(), &1.into(), &1.into())
    );
}

#[tokio::test]
async fn empty_variables_count_as_unset() {
    let database = Database::start().await;
    let file = File::new("history.csv", "room_id,room_sid,created\nroom01,a,1795341600\n");
    let arguments = ["import", "--dry-run", file.path()];
    let mut import = admin(&database, &database.endpoint, &arguments);
    let output = import.env("RETENTION_DAYS", " ").env("TABLE_NAME", "").output().await;
    let output = output.expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("1 row in"), "{}", text(&output.stdout));
    let mut import = admin(&database, &database.endpoint, &arguments);
    let output = import.env("RETENTION_DAYS", "ten").output().await.expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("RETENTION_DAYS"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn wrong_profile_is_named() {
    let database = Database::start().await;
    let profile = |removed: &[&str]| {
        let mut tally = admin(&database, &database.endpoint, &["tally", "--all"]);
        for name in removed {
            tally.env_remove(name);
        }
        tally.env("AWS_PROFILE", "prodd").output()
    };
    for removed in [&["AWS_REGION"][..], &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]] {
        let output = profile(removed).await.expect("it runs");
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains("the profile \"prodd\" (AWS_PROFILE) is not in"), "{said}");
    }
}

#[tokio::test]
async fn endpoint_without_a_scheme_is_named() {
    let database = Database::start().await;
    let output = admin(&database, "127.0.0.1:8000", &["list"]).output().await.expect("it runs");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("expected a URL, such as http://127.0.0.1:8000\n"), "{said}");
}

#[tokio::test]
async fn blank_table_names_are_not_used() {
    let database = Database::start().await;
    let mut list = admin(&database, &database.endpoint, &["list"]);
    let output = list.env("TABLE_NAME", " ").output().await.expect("it runs");
    let said = text(&output.stderr);
    assert!(output.status.success() || said.contains("no table \"past-rooms\""), "{said}");
    let output = run(&database, &["list", "--table", " "]).await;
    assert!(text(&output.stderr).contains("expected a table's name"), "{output:?}");
}

#[tokio::test]
async fn missing_history_table_is_named() {
    let database = Database::start().await;
    database.record(&history("room01", 3, 60)).await;
    for check in [&["--check"][..], &[]] {
        let history = ["history", "--history-table", "typo"];
        let output = run(&database, &[&history[..], check].concat()).await;
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains("the table \"typo\" does not exist"), "{said}");
        assert!(said.contains("--history-table or HISTORY_TABLE"), "{said}");
    }
    // So the functions' log lines name it, too.
    let past_rooms = database.past_rooms.with_history("typo");
    let error = past_rooms.page(&PageQuery::all_rooms()).await.expect_err("no table");
    assert!(error.to_string().contains("the table \"typo\" does not exist"), "{error}");
}

#[tokio::test]
async fn export_of_an_unknown_room_leaves_no_file() {
    let database = Database::start().await;
    database.record(&history("room01", 3, 60)).await;
    let delete = ["delete", "--room", "room01", "--yes"];
    assert!(run(&database, &delete).await.status.success());
    let folder = File::new("beside", "");
    let place = folder.beside("history.jsonl");
    for room in ["romo01", "room01"] {
        let output = run(&database, &["export", "--room", room, "--output", &place]).await;
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stderr);
        assert!(said.contains(&format!("error: no sessions in {room}, so no file")), "{said}");
        assert!(!std::fs::exists(&place).expect("a folder"));
    }
}

#[tokio::test]
async fn full_disk_error_names_the_file_as_given() {
    let database = Database::start().await;
    database.record(&history("room01", 100, 60)).await;
    let file = File::new("history.csv", "room_id,room_sid,created\nroom01,x,never\n");
    let (place, rejects) = (file.beside("history.jsonl"), file.beside("rejects.jsonl"));
    let limited = |blocks: u64, arguments: &[&str]| {
        let mut limited = tokio::process::Command::new("sh");
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        limited.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_past-rooms-admin")]);
        limited.args(arguments).env_clear().envs(database.variables(&database.endpoint)).output()
    };
    let output = limited(1, &["export", "--all", "--output", &place]).await.expect("it runs");
    let said = text(&output.stderr);
    assert!(said.contains(&format!("error: {place}: File too large (os error 27)\n")), "{said}");
    // Not even one row.
    let output = limited(0, &["import", file.path(), "--rejects", &rejects]).await;
    let said = output.expect("it runs").stderr;
    let said = text(&said);
    assert!(said.contains(&format!("error: {rejects}: File too large (os error 27)\n")), "{said}");
    assert!(!said.contains("rejected so far"), "{said}");
}
