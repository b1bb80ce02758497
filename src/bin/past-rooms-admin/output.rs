//! Printing of results, on standard output, and of messages, on standard error.
//!
//! A result has a text and, with `--json`, an object with a `type`. A problem has a text on standard error and, with
//! `--json`, an object among the results. The last object is of the type `summary`.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::exit;
use std::sync::OnceLock;

use serde::Serialize;
use serde_json::{Value, json};

use crate::progress;

/// Exit status after SIGPIPE, as a shell reports it: 128 and the signal's number.
const BROKEN_PIPE: i32 = 141;

static FORMAT: OnceLock<Format> = OnceLock::new();

/// The form of the results, and the stream that they go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    pub is_json: bool,
    /// Standard output has exported sessions, so results go to standard error.
    pub is_data_on_stdout: bool,
}

const TEXT: Format = Format { is_json: false, is_data_on_stdout: false };

/// Sets the form of all results, once.
pub fn set_format(format: Format) {
    let _ = FORMAT.set(format);
}

fn format() -> Format {
    FORMAT.get().copied().unwrap_or(TEXT)
}

/// Prints a result: its text, if it has one, or with `--json` its fields as an object of the type `kind`.
pub fn result(kind: &str, fields: Value, text: impl Display) {
    let format = format();
    let text = match format.is_json {
        true => object(kind, fields),
        false => text.to_string(),
    };
    match (text.is_empty(), format.is_data_on_stdout) {
        (true, _) => {}
        (false, true) => note(text),
        (false, false) => line(text),
    }
}

/// Prints the last result.
pub fn summary(fields: Value, text: impl Display) {
    result("summary", fields, text);
}

/// Reports a problem: its text and, with `--json`, an object of the type `kind`.
pub fn problem(kind: &str, fields: Value, text: impl Display) {
    let format = format();
    if !(format.is_json && format.is_data_on_stdout) {
        note(text);
    }
    if format.is_json {
        result(kind, fields, "");
    }
}

/// Reports a warning.
pub fn warning(mut fields: Value, text: impl Display) {
    fields["warning"] = text.to_string().into();
    problem("warning", fields, format_args!("warning: {text}"));
}

/// Number of problems of one kind. Only the first of them are reported, because there may be millions.
#[derive(Default)]
pub struct Few(pub u64);

impl Few {
    /// Number of problems that are reported.
    const REPORTED: u64 = 20;

    /// Counts a problem. `report` reports it, and `more` says that more exist.
    pub fn add(&mut self, report: impl FnOnce(), more: &str) {
        self.0 += 1;
        match self.0 {
            ..=Few::REPORTED => report(),
            number if number == Few::REPORTED + 1 => warning(json!({}), more),
            _ => {}
        }
    }
}

/// Reports an error, what to do about it, and how far a stopped command came. `about` is a field that names its
/// subject.
pub fn error(
    error: &str,
    advice: Option<&str>,
    reached: Option<&str>,
    about: Option<(&str, &str)>,
) {
    let mut fields = json!({ "error": error });
    let mut text = "error: ".to_owned();
    if let Some((name, value)) = about {
        fields[name] = value.into();
        text += &format!("{value}: ");
    }
    text += error;
    for (name, value) in [("advice", advice), ("reached", reached)] {
        if let Some(value) = value {
            fields[name] = value.into();
            text += &format!("\n{value}");
        }
    }
    problem("error", fields, text);
}

fn object(kind: &str, fields: Value) -> String {
    #[derive(Serialize)]
    struct Object<'a> {
        r#type: &'a str,
        #[serde(flatten)]
        fields: Value,
    }
    serde_json::to_string(&Object { r#type: kind, fields }).unwrap_or_default()
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
