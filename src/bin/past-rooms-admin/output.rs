//! Printing of results, on standard output, and of messages, on standard error.
//!
//! A result has a text and, with `--json`, an object with a `type`. The last one is of the type `summary`.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::progress;

/// Exit status after SIGPIPE, as a shell reports it: 128 and the signal's number.
const BROKEN_PIPE: i32 = 141;

static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Chooses between text and JSON.
pub fn use_json(is_json: bool) {
    IS_JSON.store(is_json, Ordering::Relaxed);
}

/// Prints a result: its text, if it has one, or with `--json` its fields as an object of the type `kind`.
pub fn result(kind: &str, mut fields: Value, text: impl Display) {
    let text = match IS_JSON.load(Ordering::Relaxed) {
        true => {
            fields["type"] = kind.into();
            fields.to_string()
        }
        false => text.to_string(),
    };
    if !text.is_empty() {
        line(text);
    }
}

/// Prints a line of the result. If standard output is closed, the program ends here, without a message.
#[expect(clippy::exit, reason = "a program whose output is not read has nothing left to do")]
pub fn line(text: impl Display) {
    match progress::above(|| writeln!(io::stdout().lock(), "{text}")) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(BROKEN_PIPE),
        Err(error) => {
            note(format_args!("error: the result could not be printed: {error}"));
            exit(2);
        }
    }
}

/// Prints a message for the user. Work goes on if standard error is closed.
pub fn note(text: impl Display) {
    let _ = progress::above(|| writeln!(io::stderr().lock(), "{text}"));
}

/// Returns a number with its noun, which gets an `s` unless the number is 1.
pub fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
