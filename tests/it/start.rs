//! The function's start: without its configuration it says which variable is missing, and does not start.

use std::process::Command;

#[test]
fn a_missing_variable_stops_the_start_and_is_named() {
    let all = [
        ("TABLE_NAME", "table"),
        ("API_KEY", "key"),
        ("API_SECRET", "a-secret"),
        ("AWS_REGION", "us-east-1"),
    ];
    for (missing, _) in all {
        for empty in [false, true] {
            let mut function = Command::new(env!("CARGO_BIN_EXE_past-rooms"));
            function.env_clear().envs(all.into_iter().filter(|(name, _)| *name != missing));
            if empty {
                function.env(missing, "");
            }
            let output = function.output().expect("it runs");
            assert!(!output.status.success());
            let log = String::from_utf8_lossy(&output.stdout);
            assert!(log.contains(missing), "{missing}: {log}");
            assert!(!log.contains("a-secret"), "{log}");
        }
    }
}

#[test]
fn an_unknown_dialect_stops_the_start_and_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_past-rooms"))
        .env_clear()
        .envs([("TABLE_NAME", "table"), ("API_KEY", "key"), ("API_SECRET", "a-secret")])
        .envs([("AWS_REGION", "us-east-1"), ("ANSWERS", "Plugnmeet")])
        .output()
        .expect("it runs");
    assert!(!output.status.success());
    let log = String::from_utf8_lossy(&output.stdout);
    assert!(log.contains("ANSWERS") && log.contains("documented or plugnmeet"), "{log}");
}
