//! The operator's tool, run as its users run it.

use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::record::assert_agreement;
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, ask, history, sample};

/// The tool against a database at `endpoint`, in an environment of its own.
pub fn admin(database: &Database, endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_past-rooms-admin"));
    command
        .args(arguments)
        .env_clear()
        .envs(database.variables(endpoint))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

pub async fn run(database: &Database, arguments: &[&str]) -> Output {
    admin(database, &database.endpoint, arguments).output().await.expect("it runs")
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Returns the objects that a command with `--json` prints, one a line.
pub fn objects(bytes: &[u8]) -> Vec<Value> {
    let lines = text(bytes).lines();
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// A file in a folder of its own that goes away with it.
pub struct File(PathBuf);

impl File {
    pub fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let number = fastrand::u64(..);
        let folder =
            std::env::temp_dir().join(format!("past-rooms-{}-{number:x}", std::process::id()));
        std::fs::create_dir(&folder).expect("a folder");
        let path = folder.join(name);
        std::fs::write(&path, content).expect("a file");
        File(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().expect("a path")
    }

    pub fn beside(&self, name: &str) -> String {
        self.0.with_file_name(name).to_str().expect("a path").to_owned()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if let Some(folder) = self.0.parent() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// The sample history as `mysql --batch` exports it from plugNmeet.
fn exported() -> String {
    let mut tsv =
        "roomId\tsid\troom_title\tjoined_participants\twebhook_url\tcreated\tended\tfile_id\n"
            .to_owned();
    for session in sample::sessions() {
        let time = |time: jiff::Timestamp| time.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
        tsv += &[
            session.room_id,
            session.room_sid,
            session.room_title,
            session.joined_participants.to_string(),
            session.webhook_url,
            time(session.created),
            session.ended.map_or("NULL".to_owned(), time),
            session.analytics_file_id.unwrap_or("NULL".to_owned()),
        ]
        .join("\t");
        tsv.push('\n');
    }
    tsv
}

#[tokio::test]
async fn import_equals_recording_and_repeats_safely() {
    let (imported, recorded) = (Database::start().await, Database::start().await);
    recorded.record(&sample::sessions()).await;
    let file = File::new("history.tsv", exported());
    let output = run(&imported, &["import", file.path()]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("4107 new, 0 changed, 0 unchanged, 0 rejected"),
        "{}",
        text(&output.stdout)
    );
    assert!(text(&output.stdout).contains("/s)"), "the rate is printed");
    assert_eq!(assert_agreement(&imported).await, 4107);
    for body in [
        r#"{"room_ids":["math-101"],"from":777,"limit":100}"#,
        r#"{"room_ids":["room01","english-b2"]}"#,
    ] {
        assert_eq!(ask(&imported.app(), body).await.body, ask(&recorded.app(), body).await.body);
    }
    let before = imported.all_items().await;
    let output = run(&imported, &["import", "--json", file.path()]).await;
    let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&summary["unchanged"], &summary["new"]), (&4107.into(), &0.into()));
    assert!(imported.all_items().await == before);
}

#[tokio::test]
async fn corrected_rejects_can_be_imported() {
    let database = Database::start().await;
    let csv = "room_id,room_sid,created,room_title\n\
               room01,a,2026-11-22T10:00:00Z,good\n\
               room01,b,tomorrow,wrong\n\
               room01,c,1795341600,good\n";
    let file = File::new("history.csv", csv);
    let rejects = file.beside("rejects.jsonl");
    let output = run(&database, &["import", file.path(), "--rejects", &rejects]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("2 new, 0 changed, 0 unchanged, 1 rejected"),
        "{}",
        text(&output.stdout)
    );
    let reported = text(&output.stderr);
    assert!(reported.contains("history.csv:3: created: \"tomorrow\" is no time"), "{reported}");
    let rejected = std::fs::read_to_string(&rejects).expect("rejects");
    assert_eq!(rejected.lines().count(), 1);
    std::fs::write(&rejects, rejected.replace("tomorrow", "2026-11-23 10:00:00")).expect("mended");
    let output = run(&database, &["import", &rejects]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(assert_agreement(&database).await, 3);
}

#[tokio::test]
async fn dry_run_writes_nothing() {
    let database = Database::start().await;
    let file = File::new("history.tsv", exported());
    let output = run(&database, &["import", "--dry-run", file.path()]).await;
    assert!(output.status.success());
    assert!(database.all_items().await.is_empty());
}

#[tokio::test]
async fn impossible_commands_say_why() {
    let database = Database::start().await;
    let nameless = File::new("history", "room_id,room_sid,created\n");
    let headless = File::new("history.csv", "room01,a,2026\n");
    for (arguments, named) in [
        (&["import", "/nowhere.csv"][..], "/nowhere.csv"),
        (&["import", nameless.path()], "--format"),
        (&["import", headless.path()], "must name the columns"),
        (&["import", "--time-zone", "Mars/Olympus", headless.path()], "time zone"),
        (&["tally"], "--all"),
        (&["delete", "--room", "room01", "--before", "soon"], "RFC 3339"),
    ] {
        let output = run(&database, arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(named), "{}", text(&output.stderr));
    }
    let mut tally =
        admin(&database, "http://127.0.0.1:9", &["tally", "--room", "room01", "--patience", "1"]);
    let output = tally.output().await.expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("DynamoDB"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn import_killed_at_any_request_resumes() {
    let file = File::new(
        "history.tsv",
        exported().lines().take(400).map(|line| format!("{line}\n")).collect::<String>(),
    );
    for killed_at in [0, 1, 2, 3, 5, 8] {
        let database = Database::start().await;
        let (reached, mut at_it) = mpsc::unbounded_channel();
        let proxy = Proxy::start(&database.endpoint, move |number, _| {
            if number < killed_at {
                return Fault::Pass;
            }
            let _ = reached.send(());
            Fault::Stall
        })
        .await;
        let mut import =
            admin(&database, &proxy.endpoint, &["import", file.path()]).spawn().expect("it runs");
        at_it.recv().await.expect("it comes to that request");
        import.kill().await.expect("killed");
        let output = run(&database, &["import", file.path()]).await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(assert_agreement(&database).await, 399);
    }
}

#[tokio::test]
async fn tally_builds_what_check_reports() {
    let database = Database::start().await;
    database.put_foreign(&history("foreign", 30, 600)).await;
    database.record(&history("recorded", 30, 600)).await;
    let check = run(&database, &["tally", "--all", "--check"]).await;
    assert_eq!(check.status.code(), Some(1), "{}", text(&check.stderr));
    assert!(
        text(&check.stdout).contains("foreign: 30 sessions, not tallied"),
        "{}",
        text(&check.stdout)
    );
    assert!(
        text(&check.stdout).contains("recorded: 30 sessions, the tallies agree"),
        "{}",
        text(&check.stdout)
    );
    let build = run(&database, &["tally", "--all"]).await;
    assert_eq!(build.status.code(), Some(0), "{}", text(&build.stderr));
    assert_eq!(assert_agreement(&database).await, 60);
    let check =
        run(&database, &["tally", "--room", "foreign", "--room", "recorded", "--check", "--json"])
            .await;
    assert_eq!(check.status.code(), Some(0));
    for report in &objects(&check.stdout)[..2] {
        assert_eq!((&report["agrees"], &report["sessions"]), (&true.into(), &30.into()));
    }
}

#[tokio::test]
async fn check_lists_differences() {
    let database = Database::start().await;
    database.record(&history("room01", 30, 600)).await;
    database
        .put_foreign(&[crate::support::session(
            "room01",
            "2024-05-01T10:00:00Z",
            "past the tallies",
        )])
        .await;
    let check = run(&database, &["tally", "--room", "room01", "--check"]).await;
    assert_eq!(check.status.code(), Some(1));
    assert!(
        text(&check.stdout).contains("2024-05-01T10: tallied 0, there are 1"),
        "{}",
        text(&check.stdout)
    );
}

#[tokio::test]
async fn delete_asks_and_updates_counts() {
    let database = Database::start().await;
    database.record(&history("room01", 30, 60)).await;
    let output = run(&database, &["delete", "--room", "room01"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("Delete 30 sessions of room01"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(assert_agreement(&database).await, 30);
    for (more, left) in [
        (&["--sid", "SID_000029"][..], 29),
        (&["--before", "2024-01-01T10:00:00Z"], 19),
        (&["--before", "2024-01-01T20:00:00Z", "--sid", "SID_000015"], 18),
        (&[], 0),
    ] {
        let arguments = [&["delete", "--room", "room01", "--yes"], more].concat();
        let output = run(&database, &arguments).await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(assert_agreement(&database).await, left, "{more:?}");
    }
}
