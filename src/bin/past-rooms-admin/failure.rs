//! Why an import does not come to the end of a file, and how large its files are.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::stop::Reason;

/// Why a file was not imported to its end.
pub enum Failure {
    /// The file cannot be read on; the next one may be.
    File(String),
    /// Nothing can be written any more.
    Stop(Box<dyn Error>),
    /// The command has to stop.
    Interrupted(Reason),
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Stop(error.into())
    }
}

/// Returns the size of the files together, if all of them have one.
pub fn bytes(files: &[PathBuf]) -> Option<u64> {
    let sizes = files.iter().map(|path| std::fs::metadata(path).map(|file| file.len()));
    sizes.sum::<io::Result<u64>>().ok().filter(|bytes| *bytes > 0)
}

/// Returns how far a stopped import came, to the row `imported_to` at least, and how to go on.
pub fn how_to_go_on(imported_to: Option<&str>, keeps_rejects: bool) -> String {
    let done = match imported_to {
        Some(row) => format!("All rows up to {row} are done, and some after it may be."),
        None => "A part of its first rows may be imported.".to_owned(),
    };
    let rejects = if keeps_rejects { " The file of rejects is as it was before." } else { "" };
    format!(
        "The import has stopped. {done} To go on, start the same command again, which is safe: rows \
         that are in the table are found unchanged, none is counted twice.{rejects}"
    )
}
