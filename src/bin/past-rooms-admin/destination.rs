//! Where an export goes: to standard output, or to a file that is there only when it is complete.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::output;

pub enum Destination {
    Standard,
    File { writer: BufWriter<File>, part: PathBuf, place: PathBuf },
}

impl Destination {
    /// # Errors
    /// If the file is there already, or cannot be made.
    pub fn open(place: Option<&Path>) -> Result<Self, String> {
        let Some(place) = place else {
            return Ok(Destination::Standard);
        };
        let named = |error: io::Error| format!("{}: {error}", place.display());
        if place.symlink_metadata().is_ok() {
            return Err(format!("{} is there already; choose another file", place.display()));
        }
        let mut part = place.to_owned().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let writer = BufWriter::new(File::create(&part).map_err(named)?);
        Ok(Destination::File { writer, part, place: place.to_owned() })
    }

    pub fn line(&mut self, text: &str) -> io::Result<()> {
        match self {
            Destination::Standard => output::line(text),
            Destination::File { writer, .. } => writeln!(writer, "{text}")?,
        }
        Ok(())
    }

    /// Moves the file to its place.
    pub fn finish(self) -> Result<(), Box<dyn Error>> {
        let Destination::File { mut writer, part, place } = self else {
            return Ok(());
        };
        writer.flush()?;
        writer.get_ref().sync_all()?;
        Ok(fs::rename(part, place)?)
    }
}
