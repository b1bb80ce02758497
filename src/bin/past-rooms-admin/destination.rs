//! The destination of an export: standard output, or a file that appears when it is complete.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::new_file::{beside, naming};
use crate::output;

#[derive(Debug)]
pub enum Destination {
    Standard,
    File { writer: BufWriter<NamedTempFile>, place: PathBuf },
}

impl Destination {
    /// Opens standard output for `-` or `None`, otherwise a new file.
    ///
    /// # Errors
    /// If the file exists or cannot be created.
    pub fn open(place: Option<&Path>) -> Result<Self, String> {
        let Some(place) = place.filter(|place| *place != Path::new("-")) else {
            return Ok(Destination::Standard);
        };
        if place.symlink_metadata().is_ok() {
            return Err(format!("{} already exists; choose another file", place.display()));
        }
        let writer = BufWriter::new(beside(place, place)?);
        Ok(Destination::File { writer, place: place.to_owned() })
    }

    /// Writes a line.
    ///
    /// # Errors
    /// A text that names the file.
    pub fn line(&mut self, text: &str) -> Result<(), String> {
        match self {
            Destination::Standard => output::line(text),
            Destination::File { writer, place } => {
                writeln!(writer, "{text}").map_err(naming(place))?;
            }
        }
        Ok(())
    }

    /// Moves the file to its place, if nothing exists there.
    ///
    /// # Errors
    /// A text that names the file.
    pub fn finish(self) -> Result<(), String> {
        let Destination::File { writer, place } = self else { return Ok(()) };
        let file = writer.into_inner().map_err(|error| naming(&place)(error.into_error()))?;
        file.as_file().sync_all().map_err(naming(&place))?;
        file.persist_noclobber(&place).map_err(|error| naming(&place)(error.error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn existing_destination_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("history.jsonl");
        let mut destination = Destination::open(Some(&place)).expect("a new file");
        destination.line("{}").expect("written");
        fs::write(&place, "another's").expect("a file in its place");
        let error = destination.finish().expect_err("the place is taken");
        assert!(error.starts_with(&format!("{}: ", place.display())), "{error}");
        assert_eq!(fs::read_to_string(&place).expect("the file"), "another's");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
