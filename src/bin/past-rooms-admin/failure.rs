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
