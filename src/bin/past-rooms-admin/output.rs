//! Printing, also where nobody reads on, as behind `| head`.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::process::exit;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What a shell says of a program that was ended because nobody read its output: 128 and the number
/// of SIGPIPE.
const NOBODY_READS: i32 = 141;

/// Prints a line of the result. If nobody reads on, the program ends here, quietly.
#[expect(clippy::exit, reason = "a program whose output nobody reads has nothing left to do")]
pub fn line(text: impl Display) {
    match writeln!(io::stdout().lock(), "{text}") {
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
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A number with its noun, which gets an `s` unless the number is 1.
pub fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A bar over the files' bytes; hidden where nobody looks.
pub fn progress(files: &[PathBuf]) -> Result<ProgressBar, Box<dyn Error>> {
    let bytes = files
        .iter()
        .map(|path| std::fs::metadata(path).map(|file| file.len()))
        .sum::<io::Result<u64>>();
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    Ok(match bytes {
        Ok(bytes) => ProgressBar::with_draw_target(Some(bytes), target)
            .with_style(ProgressStyle::with_template("{bar:30} {percent}%  {msg}  {eta} left")?),
        Err(_) => ProgressBar::with_draw_target(None, target)
            .with_style(ProgressStyle::with_template("{spinner} {msg}")?),
    })
}
