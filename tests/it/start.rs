//! A function's start. A configuration error or a start outside Lambda ends it with a message.

use std::process::Command;

/// The way to try the project, at the end of these messages.
const LOCAL_RUN: &str = "cargo run --example local";
/// A runtime API that no function reaches before its configuration is read.
const RUNTIME_API: (&str, &str) = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1");

#[test]
fn start_outside_lambda_names_the_local_run() {
    let variables = [
        ("TABLE_NAME", "table"),
        ("API_KEY", "key"),
        ("API_SECRET", "secret"),
        ("AWS_REGION", "us-east-1"),
    ];
    for path in [
        env!("CARGO_BIN_EXE_past-rooms"),
        env!("CARGO_BIN_EXE_past-rooms-stream"),
        env!("CARGO_BIN_EXE_past-rooms-webhook"),
    ] {
        // As `cargo run` starts it, and completely configured.
        for variables in [&[][..], &variables] {
            let mut function = Command::new(path);
            let output =
                function.env_clear().envs(variables.iter().copied()).output().expect("it runs");
            assert_eq!(output.status.code(), Some(1), "{path}");
            let printed = String::from_utf8_lossy(&output.stdout);
            assert!(printed.contains(RUNTIME_API.0) && printed.contains(LOCAL_RUN), "{printed}");
            assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn missing_variable_stops_the_start_and_is_named() {
    let all = [
        ("TABLE_NAME", "table"),
        ("API_KEY", "key"),
        ("API_SECRET", "a-secret"),
        ("AWS_REGION", "us-east-1"),
    ];
    for (missing, _) in all {
        for empty in [false, true] {
            let mut function = Command::new(env!("CARGO_BIN_EXE_past-rooms"));
            function
                .env_clear()
                .envs([RUNTIME_API])
                .envs(all.into_iter().filter(|(name, _)| *name != missing));
            if empty {
                function.env(missing, "");
            }
            let output = function.output().expect("it runs");
            assert!(!output.status.success());
            let log = String::from_utf8_lossy(&output.stdout);
            assert!(log.contains(missing) && log.contains(LOCAL_RUN), "{missing}: {log}");
            assert!(!log.contains("a-secret"), "{log}");
        }
    }
}

#[test]
fn unknown_dialect_stops_the_start_and_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_past-rooms"))
        .env_clear()
        .envs([("TABLE_NAME", "table"), ("API_KEY", "key"), ("API_SECRET", "a-secret")])
        .envs([("AWS_REGION", "us-east-1"), ("ANSWERS", "Plugnmeet"), RUNTIME_API])
        .output()
        .expect("it runs");
    assert!(!output.status.success());
    let log = String::from_utf8_lossy(&output.stdout);
    assert!(log.contains("ANSWERS") && log.contains("documented or plugnmeet"), "{log}");
}
