//! Files that an import reads, as the tool's users have them: what is rejected, what comes of it,
//! what is told.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use past_rooms::PastRoom;
use past_rooms::table::rows::past_room::SessionRow;
use past_rooms::table::schema::EXPIRES;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::admin::{File, admin, objects, run, text};
use crate::record::assert_agreement;
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, history};

/// The sessions of the table by room_sid.
pub async fn stored(database: &Database) -> BTreeMap<String, PastRoom> {
    let items = database.all_items().await;
    let rooms = items
        .into_iter()
        .filter_map(SessionRow::from_item)
        .map(|row| row.into_past_room().expect("a session"));
    rooms.map(|room| (room.room_sid.clone(), room)).collect()
}

/// Imports, and returns the exit status, the summary and what was said.
pub async fn import(database: &Database, arguments: &[&str]) -> (i32, Value, String) {
    let arguments = [&["import", "--json"], arguments].concat();
    let output = run(database, &arguments).await;
    let said = text(&output.stderr).to_owned();
    let summary = objects(&output.stdout).pop().unwrap_or_else(|| panic!("no summary: {said}"));
    (output.status.code().expect("a status"), summary, said)
}

pub fn counts(summary: &Value) -> [u64; 4] {
    ["new", "changed", "unchanged", "rejected"].map(|name| summary[name].as_u64().expect(name))
}

pub fn lines(path: &str) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("a file");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn assert_refused(output: &Output, named: &str) {
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains(named), "{}", text(&output.stderr));
}

#[tokio::test]
async fn empty_export_imports_no_rows() {
    let database = Database::start().await;
    for (name, content) in [
        ("history.tsv", ""),
        ("history.csv", "\u{feff}"),
        ("history.jsonl", "\n"),
        ("history.tsv", "roomId\tsid\tcreated\n"),
    ] {
        let file = File::new(name, content);
        let (status, summary, said) = import(&database, &[file.path()]).await;
        assert_eq!((status, counts(&summary)), (0, [0; 4]));
        assert!(said.contains(&format!("{name} has no rows")), "{said}");
    }
}

#[tokio::test]
async fn titles_are_imported_unchanged() {
    let database = Database::start().await;
    let tsv = b"roomId\tsid\tcreated\troom_title\n\
        room01\ta\t1795341600\tone\rtwo\\nthree\\tfour \\\\N\r\n\
        room01\tb\t1795341600\t\\N\n\
        room01\tc\t1795341600\t\xf0\x9f\x98\x80 \"\n";
    let json = json!({"room_id": "room01", "room_sid": "d", "created": 1795341600, "room_title": "NULL\r\n\t\\N",
        "joined_participants": 7.0});
    let (tsv, json) =
        (File::new("history.tsv", tsv), File::new("history.jsonl", format!("\u{feff}{json}\r\n")));
    let (status, summary, said) = import(&database, &[tsv.path(), json.path()]).await;
    assert_eq!((status, counts(&summary)), (0, [4, 0, 0, 0]), "{said}");
    let stored = stored(&database).await;
    let titles: Vec<_> = stored.values().map(|room| room.room_title.as_str()).collect();
    assert_eq!(titles, ["one\rtwo\nthree\tfour \\N\r", "", "😀 \"", "NULL\r\n\t\\N"]);
    assert_eq!(stored["d"].joined_participants, 7);
}

/// Every way in which a row can be wrong, and the line that it is on.
const WRONG: &[u8] = b"room_id,room_sid,created,room_title\r\n\
    \r\n\
    room01,good,1795341600,good\r\n\
    room01,date,20240101,\"a \"\"date\"\"\"\r\n\
    room01,few,1795341600\r\n\
    room01,latin,1795341600,M\xfcller \\\r\n\
    room01,good,1795341600,another title\r\n\
    room01,good,1795341600,good\r\n";

#[tokio::test]
async fn rejects_have_whole_rows_to_correct() {
    let database = Database::start().await;
    let file = File::new("history.csv", WRONG);
    let rejects = file.beside("rejects.jsonl");
    let (status, summary, said) = import(&database, &[file.path(), "--rejects", &rejects]).await;
    assert_eq!((status, counts(&summary)), (1, [1, 0, 0, 3]), "{said}");
    assert_eq!(summary["repeated"], 2);
    for reported in [
        "history.csv:4: created: \"20240101\" seems to be a date",
        "history.csv:5: it has 3 columns, the first line has 4: room_id, room_sid, created, room_title",
        "history.csv:6: room_title is not UTF-8",
    ] {
        assert!(said.contains(reported), "{said}");
    }
    let mut rows = lines(&rejects);
    let numbers: Vec<_> = rows.iter().map(|row| row["rejected_line"].clone()).collect();
    assert_eq!(numbers, [4, 5, 6]);
    assert_eq!(
        (&rows[0]["created"], &rows[0]["room_title"]),
        (&json!("20240101"), &json!("a \"date\""))
    );
    assert_eq!(rows[1]["rejected_text"], "room01,few,1795341600");
    assert_eq!(rows[2]["rejected_escaped"], "room01,latin,1795341600,M\\xfcller \\\\");
    assert_eq!(rows[2]["room_title"], "M\u{fffd}ller \\");

    // As they are, they are rejected again, and nothing of them is lost on the way.
    let again = file.beside("again.jsonl");
    let (status, summary, said) = import(&database, &[&rejects, "--rejects", &again]).await;
    assert_eq!((status, counts(&summary)), (1, [0, 0, 0, 3]), "{said}");
    assert!(said.contains("not corrected yet"), "{said}");
    let kept = lines(&again);
    for (kept, row) in kept.iter().zip(&rows) {
        for (key, value) in row.as_object().expect("an object") {
            assert!(key == "rejected_reason" || &kept[key] == value, "{key} of {kept}");
        }
    }

    rows[0]["created"] = json!("2024-01-01");
    rows[1] = json!({"room_id": "room01", "room_sid": "few", "created": 1795341600});
    rows[2]["room_title"] = json!("Müller \\");
    rows[2].as_object_mut().expect("an object").remove("rejected_escaped");
    let mended: String = rows.iter().map(|row| format!("{row}\n")).collect();
    fs::write(&rejects, mended).expect("mended");
    let (status, summary, said) = import(&database, &[&rejects]).await;
    assert_eq!((status, counts(&summary)), (0, [3, 0, 0, 0]), "{said}");
    let stored = stored(&database).await;
    assert_eq!(stored["latin"].room_title, "Müller \\");
    assert_eq!(stored["good"].room_title, "good");
    assert_eq!(assert_agreement(&database).await, 4);
}

#[tokio::test]
async fn wrong_json_is_rejected_unchanged() {
    let database = Database::start().await;
    let bad = r#"{"room_id":"room01","room_id":"room02"}"#;
    let good = json!({"room_id": "room01", "room_sid": "a", "created": 1795341600});
    let file = File::new("history.jsonl", format!("{good}\n\n{bad}\n{{\"room_id\n"));
    let rejects = file.beside("rejects.jsonl");
    let (status, summary, said) = import(&database, &[file.path(), "--rejects", &rejects]).await;
    assert_eq!((status, counts(&summary)), (1, [1, 0, 0, 2]), "{said}");
    assert!(
        said.contains("history.jsonl:3: it is no JSON object: it has the key \"room_id\" twice"),
        "{said}"
    );
    let rows = lines(&rejects);
    assert_eq!(rows[0]["rejected_text"], bad);
    assert_eq!(
        (&rows[1]["rejected_text"], &rows[1]["rejected_line"]),
        (&json!("{\"room_id"), &json!(4))
    );
}

#[tokio::test]
async fn rejects_never_overwrite_the_input() {
    let database = Database::start().await;
    let good = "room_id,room_sid,created\nroom01,a,1795341600\n";
    let file = File::new("history.csv", good);
    let (soft, hard) = (file.beside("soft.csv"), file.beside("hard.csv"));
    std::os::unix::fs::symlink(file.path(), &soft).expect("a link");
    fs::hard_link(file.path(), &hard).expect("a link");
    let dotted = file.beside("./history.csv");
    for (input, rejects) in [
        (file.path(), file.path()),
        (file.path(), soft.as_str()),
        (soft.as_str(), file.path()),
        (file.path(), hard.as_str()),
        (file.path(), dotted.as_str()),
    ] {
        let arguments = ["import", "--format", "csv", input, "--rejects", rejects];
        assert_refused(&run(&database, &arguments).await, "to be imported");
        assert_eq!(fs::read_to_string(input).expect("there"), good);
    }
    let stdin = fs::File::open(file.path()).expect("opened");
    let arguments = ["import", "-", "--format", "csv", "--rejects", file.path()];
    let output =
        admin(&database, &database.endpoint, &arguments).stdin(Stdio::from(stdin)).output().await;
    assert_refused(&output.expect("it runs"), "to be imported");
    assert_eq!(fs::read_to_string(file.path()).expect("there"), good);
    assert!(database.all_items().await.is_empty(), "nothing was touched");
}

#[tokio::test]
async fn rejects_replace_older_ones_at_the_end() {
    let database = Database::start().await;
    let file =
        File::new("history.csv", "room_id,room_sid,created\nroom01,a,never\nroom01,b,1795341600\n");
    let (place, link) = (file.beside("place"), file.beside("rejects.jsonl"));
    fs::write(&place, "of the last import\n").expect("written");
    std::os::unix::fs::symlink(&place, &link).expect("a link");

    // DynamoDB refuses to write.
    let refuse = |_, _: &str| Fault::Refuse(400, "AccessDeniedException");
    let proxy = Proxy::start(&database.endpoint, refuse).await;
    let arguments = ["import", file.path(), "--rejects", &link];
    let output = admin(&database, &proxy.endpoint, &arguments).output().await.expect("it runs");
    assert_refused(&output, "No row was imported.");
    let said = text(&output.stderr);
    let kept = said.split("The rows rejected so far are in ").nth(1).expect("named");
    let kept = lines(kept.trim_end().trim_end_matches('.'));
    assert_eq!((kept.len(), &kept[0]["room_sid"]), (1, &json!("a")));
    assert_eq!(fs::read_to_string(&place).expect("there"), "of the last import\n");

    let (status, _, said) = import(&database, &[file.path(), "--rejects", &link]).await;
    assert_eq!(status, 1, "{said}");
    assert_eq!(lines(&place).len(), 1);
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());

    let special = ["import", file.path(), "--rejects", "/dev/null"];
    assert_eq!(run(&database, &special).await.status.code(), Some(1));
    assert!(!fs::metadata("/dev/null").expect("there").is_file());
}

#[tokio::test]
async fn unreadable_file_does_not_hide_the_outcome() {
    let database = Database::start().await;
    let row = |sid: &str| format!("room_id,room_sid,created\nroom01,{sid},1795341600\n");
    let (first, last) = (File::new("first.csv", row("a")), File::new("last.csv", row("b")));
    let headless = File::new("headless.csv", "room_id,room_sid\nroom01,c\n");
    // One that breaks off in a row has those before it.
    let broken = format!("{}room01,d,\"1795341600\n{}", row("c"), "x".repeat(5_000_000));
    let broken = File::new("broken.csv", broken);
    let files = [first.path(), "/nowhere.csv", headless.path(), broken.path(), last.path()];
    let (status, summary, said) = import(&database, &files).await;
    assert_eq!((status, counts(&summary)), (2, [3, 0, 0, 0]), "{said}");
    assert_eq!(summary["complete"], false);
    for named in [
        "error: /nowhere.csv: No such file",
        "headless.csv: the first line has no column created",
        "broken.csv: the row that begins on line 3 is longer than 4 MB",
    ] {
        assert!(said.contains(named), "{said}");
    }
    assert_eq!(assert_agreement(&database).await, 3);
}

#[tokio::test]
async fn stopped_import_reports_its_progress() {
    let database = Database::start().await;
    let rows = |from: usize, to: usize| -> String {
        let row = |number| format!("room{number},s,1795341600\n");
        "room_id,room_sid,created\n".to_owned() + &(from..to).map(row).collect::<String>()
    };
    let (first, second) =
        (File::new("first.csv", rows(0, 10)), File::new("second.csv", rows(10, 20)));
    let written = AtomicBool::new(false);
    let proxy = Proxy::start(&database.endpoint, move |_, operation| match operation {
        "TransactWriteItems" if written.swap(true, Ordering::SeqCst) => {
            Fault::Refuse(400, "AccessDeniedException")
        }
        _ => Fault::Pass,
    })
    .await;
    let output = admin(&database, &proxy.endpoint, &["import", first.path(), second.path()])
        .output()
        .await
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains(&format!("All rows up to {}:11 are done", first.path())), "{said}");
    assert!(said.contains("start the same command again"), "{said}");
    assert!(said.contains("may not do that to the table"), "{said}");
    assert!(
        text(&output.stdout).contains("10 new, 0 changed, 0 unchanged, 0 rejected; incomplete")
    );
    let (_, summary, _) = import(&database, &[first.path(), second.path()]).await;
    assert_eq!(counts(&summary), [10, 0, 10, 0]);
}

#[tokio::test]
async fn last_row_of_a_session_wins() {
    let database = Database::start().await;
    let row = |number: usize, title: &str| {
        json!({"room_id": "room01", "room_sid": format!("{number:05}"), "room_title": title,
            "created": 1795341600 + number})
    };
    let mut rows: Vec<String> = (0..300).map(|number| row(number, "first").to_string()).collect();
    rows.push(row(3, "second").to_string());
    rows.push(row(4, "first").to_string());
    // Its row is rejected, so the one before it is the last.
    rows.push(json!({"room_id": "room01", "room_sid": "00005", "created": "never"}).to_string());
    let one = File::new("one.jsonl", rows.join("\n"));
    let moved = json!({"room_id": "room01", "room_sid": "00006", "created": 1795351600});
    let other = File::new("other.jsonl", moved.to_string());
    for expected in [[300, 0, 0, 1], [0, 0, 300, 1]] {
        let (status, summary, said) = import(&database, &[one.path(), other.path()]).await;
        assert_eq!((status, counts(&summary)), (1, expected), "{said}");
        assert_eq!(summary["repeated"], 3);
    }
    let stored = stored(&database).await;
    assert_eq!((stored.len(), &*stored["00003"].room_title), (300, "second"));
    assert_eq!(stored["00005"].room_title, "first");
    assert_eq!(stored["00006"].created, "2026-11-22T12:46:40.000Z");
}

#[tokio::test]
async fn repetition_of_a_reject_is_not_unchanged() {
    let database = Database::start().await;
    database.record(&[crate::support::session("r", "2026-11-22T10:00:00Z", "a")]).await;
    let row = "r,a,2026-11-22T11:00:00Z\n";
    let file = File::new("history.csv", format!("room_id,room_sid,created\n{row}{row}"));
    let (status, summary, said) = import(&database, &[file.path()]).await;
    assert_eq!((status, counts(&summary)), (1, [0, 0, 0, 1]), "{said}");
    assert_eq!(summary["repeated"], 1);
    assert!(said.contains("history.csv:3: the session \"a\" is in the table"), "{said}");
}

#[tokio::test]
async fn standard_input_is_read_twice() {
    let database = Database::start().await;
    let row = |title: &str| format!("room01,a,1795341600,{title}\n");
    let csv = format!("room_id,room_sid,created,room_title\n{}{}", row("one"), row("two"));
    let import = ["import", "-", "--format", "csv"];
    let mut import = admin(&database, &database.endpoint, &import);
    let mut import = import.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
    let mut stdin = import.stdin.take().expect("piped");
    stdin.write_all(csv.as_bytes()).await.expect("written");
    drop(stdin);
    let output = import.wait_with_output().await.expect("it ends");
    let printed = text(&output.stdout);
    assert!(printed.contains("1 new, 0 changed, 0 unchanged, 1 repeated"), "{printed}");
    assert_eq!(stored(&database).await["a"].room_title, "two");
}

#[tokio::test]
async fn full_disk_keeps_written_rejects() {
    let database = Database::start().await;
    let rows: String = (0..2000).map(|number| format!("room01,s{number},never\n")).collect();
    let file = File::new("history.csv", format!("room_id,room_sid,created\n{rows}"));
    let rejects = file.beside("rejects.jsonl");
    let output = run(&database, &["import", file.path(), "--rejects", "/dev/full"]).await;
    assert_refused(&output, "error: /dev/full: No space left on device");

    let tool = env!("CARGO_BIN_EXE_past-rooms-admin");
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh", tool]);
    limited.args(["import", file.path(), "--rejects", &rejects]).env_clear();
    let output = limited.envs(database.variables(&database.endpoint)).output().await;
    let output = output.expect("it runs");
    assert_refused(&output, &format!("error: {rejects}: File too large"));
    let said = text(&output.stderr);
    let kept = said.split("The rows rejected so far are in ").nth(1).expect("named");
    let kept = lines(kept.trim_end().trim_end_matches('.'));
    assert!((50..2000).contains(&kept.len()), "{}", kept.len());
    let rejected = format!(" {} rejected; incomplete", kept.len());
    assert!(text(&output.stdout).contains(&rejected), "{output:?}");
    assert_eq!(kept[49]["room_sid"], "s49");
    assert!(!fs::exists(&rejects).expect("a folder"));
}

#[tokio::test]
async fn row_beyond_400_kb_is_rejected_unsent() {
    let database = Database::start().await;
    let row = |sid: &str, bytes: usize| json!({"room_id": "room01", "room_sid": sid, "created": 1795341600, "room_title": "x".repeat(bytes)});
    // The largest that is let through must fit, and so must twenty of them together.
    let largest = 400 * 1024 - 1024 - "room01".len() - 2 * "00".len() - 24;
    let mut rows: Vec<String> =
        (0..20).map(|sid| row(&format!("{sid:02}"), largest).to_string()).collect();
    rows.insert(1, row("too large", largest).to_string());
    let file = File::new("history.jsonl", rows.join("\n"));
    let (status, summary, said) = import(&database, &[file.path()]).await;
    assert_eq!((status, counts(&summary)), (1, [20, 0, 0, 1]), "{said}");
    assert!(said.contains("history.jsonl:2: it takes "), "{said}");
}

#[tokio::test]
async fn closed_output_does_not_panic() {
    let database = Database::start().await;
    database.record(&history("room01", 3, 60)).await;
    let arguments = ["tally", "--all", "--check"];
    let mut tally = admin(&database, &database.endpoint, &arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(tally.stdout.take());
    let mut said = String::new();
    let mut stderr = tally.stderr.take().expect("piped");
    stderr.read_to_string(&mut said).await.expect("read");
    assert_eq!(tally.wait().await.expect("ended").code(), Some(141));
    assert_eq!(said, "");
}

#[tokio::test]
async fn missing_argument_is_named_with_advice() {
    let database = Database::start().await;
    let file = File::new("history.csv", "room_id,room_sid,created\nroom01,a,1795341600\n");
    let arguments = ["--table", "nowhere", "import", file.path()];
    assert_refused(&run(&database, &arguments).await, "--table or TABLE_NAME");

    let import = ["import", file.path()];
    let mut without_region = admin(&database, &database.endpoint, &import);
    without_region.env("AWS_EC2_METADATA_DISABLED", "true");
    for region in [None, Some("")] {
        match region {
            None => without_region.env_remove("AWS_REGION"),
            Some(empty) => without_region.env("AWS_REGION", empty),
        };
        assert_refused(&without_region.output().await.expect("it runs"), "set AWS_REGION");
    }

    let mut without_credentials = admin(&database, &database.endpoint, &import);
    let without_credentials = without_credentials
        .env_remove("AWS_ACCESS_KEY_ID")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    assert_refused(&without_credentials.output().await.expect("it runs"), "no AWS credentials");

    // A dry run needs nothing of AWS.
    let mut dry_run = admin(&database, &database.endpoint, &["import", "--dry-run", file.path()]);
    let dry_run = dry_run.env_remove("AWS_REGION").env_remove("AWS_ACCESS_KEY_ID");
    let dry_run = dry_run.env("AWS_EC2_METADATA_DISABLED", "true").output().await.expect("it runs");
    assert!(dry_run.status.success(), "{}", text(&dry_run.stderr));
}

#[tokio::test]
async fn end_before_beginning_is_a_warning() {
    let database = Database::start().await;
    // The clocks go back in between.
    let csv = "room_id,room_sid,created,ended\n\
               r,a,2026-10-25T00:50:00Z,2026-10-25T00:10:00Z\n\
               r,b,2026-10-25T00:50:00Z,0001-01-01T00:00:00Z\n\
               r,c,2026-10-25T00:50:00Z,2001-01-01T00:00:00Z\n";
    let file = File::new("history.csv", csv);
    for (options, expected) in [
        (&[][..], [3, 0, 0, 0]),
        (&["--move"], [0, 0, 3, 0]),
        (&["--move", "--dry-run"], [0, 0, 3, 0]),
        // The end is impossible, and is no reason to take the session for an expired one.
        (&["--retention-days", "36500"], [0, 3, 0, 0]),
        (&["--dry-run"], [0; 4]),
    ] {
        let (status, summary, said) = import(&database, &[&[file.path()], options].concat()).await;
        assert_eq!((status, counts(&summary)), (0, expected), "{options:?} {said}");
        assert_eq!(summary["expired"], 0);
        for (line, warnings) in [(2, 1), (3, 0), (4, 1)] {
            let warning = format!("history.csv:{line}: ended is before created");
            assert_eq!(said.matches(&warning).count(), warnings, "{options:?} {said}");
        }
    }
    assert_eq!(stored(&database).await["b"].ended, "");
}

#[tokio::test]
async fn ancient_end_does_not_expire_a_session() {
    let database = Database::start().await;
    let created = Timestamp::now() - jiff::SignedDuration::from_hours(24);
    let ends = [
        "0001-01-01",
        "0001-01-01T00:00:00+01:00",
        "0001-01-02T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "0000-00-00 00:00:00",
        "0",
        "2001-01-01T00:00:00Z",
    ];
    let rows = ends.iter().enumerate().map(|(sid, ended)| format!("r,{sid},{created},{ended}\n"));
    let csv = format!("room_id,room_sid,created,ended\n{}", rows.collect::<String>());
    let file = File::new("history.csv", csv);
    for expected in [[7, 0, 0, 0], [0, 0, 7, 0]] {
        let arguments = [file.path(), "--retention-days", "30"];
        let (status, summary, said) = import(&database, &arguments).await;
        assert_eq!((status, counts(&summary)), (0, expected), "{said}");
        assert_eq!(summary["expired"], 0, "{said}");
    }
    let now = Timestamp::now().as_second();
    for row in database.all_items().await {
        if let Some(expires) = row.get(EXPIRES).and_then(|expires| expires.as_n().ok()) {
            assert!(expires.parse::<i64>().expect("seconds") > now, "{row:?}");
        }
    }
    // The command counts from the same time.
    let retention = run(&database, &["retention", "--all", "--days", "30", "--json"]).await;
    let summary = objects(&retention.stdout).pop().expect("a summary");
    assert_eq!((&summary["sessions"], &summary["overdue"]), (&json!(7), &json!(0)), "{summary}");
}

#[tokio::test]
async fn stored_end_before_a_new_beginning_is_a_warning() {
    let database = Database::start().await;
    let first = File::new(
        "first.csv",
        "room_id,room_sid,created,ended\n\
         r,a,2026-11-22T10:00:00Z,2026-11-22T11:00:00Z\n",
    );
    let (status, _, said) = import(&database, &[first.path()]).await;
    assert_eq!((status, said.contains("warning")), (0, false), "{said}");
    let later = File::new("later.csv", "room_id,room_sid,created\nr,a,2026-11-22T12:00:00Z\n");
    let (_, summary, said) = import(&database, &[later.path(), "--move"]).await;
    assert_eq!(summary["moved"], 1, "{said}");
    let warning = "later.csv:2: the stored ended is before created";
    assert_eq!(said.matches(warning).count(), 1, "{said}");
}
