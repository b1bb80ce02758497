//! Printing, also where nobody reads on, as behind `| head`.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::exit;

use crate::progress;

/// What a shell says of a program that was ended because nobody read its output: 128 and the number
/// of SIGPIPE.
const NOBODY_READS: i32 = 141;

/// Prints a line of the result. If nobody reads on, the program ends here, quietly.
#[expect(clippy::exit, reason = "a program whose output nobody reads has nothing left to do")]
pub fn line(text: impl Display) {
    match progress::above(|| writeln!(io::stdout().lock(), "{text}")) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(NOBODY_READS),
        Err(error) => {
            note(format_args!("error: the result could not be printed: {error}"));
            exit(2);
        }
    }
}

/// Tells the user something. Work does not end because nobody hears of it.
pub fn note(text: impl Display) {
    let _ = progress::above(|| writeln!(io::stderr().lock(), "{text}"));
}

/// A number with its noun, which gets an `s` unless the number is 1.
pub fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
