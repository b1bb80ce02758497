//! The inputs of an import. Each is read twice: first to find the last row of each session, then to import.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use past_rooms::Session;

use crate::files::{self, Format, Lines};

/// A file, or a temporary copy of an input that can be read only once.
pub struct Input {
    pub name: String,
    format: Option<Format>,
    source: io::Result<Source>,
}

enum Source {
    File(PathBuf),
    Copy(File),
}

impl Input {
    /// Opens the input at `path`, or standard input for `-`. An error is returned when it is read.
    pub fn new(path: &Path, format: Option<Format>) -> Self {
        let name = path.to_string_lossy().into_owned();
        Input { name, format, source: Source::of(path) }
    }

    /// Returns the rows, from the first.
    ///
    /// # Errors
    /// A text that says what is wrong with the input.
    pub fn lines(&self) -> Result<Lines<'static>, String> {
        let format = self
            .format
            .or_else(|| Format::of_file(&self.name))
            .ok_or("the name does not tell the format: say --format csv, tsv or jsonl")?;
        let file = match &self.source {
            Ok(Source::File(path)) => File::open(path),
            Ok(Source::Copy(file)) => file.try_clone(),
            Err(error) => return Err(error.to_string()),
        };
        let lines = file.and_then(|mut file| {
            file.rewind()?;
            files::read(file, format)
        });
        lines.map_err(|error| error.to_string())
    }
}

impl Source {
    fn of(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Source::copy(io::stdin().lock());
        }
        let file = File::open(path)?;
        if file.metadata()?.is_file() {
            return Ok(Source::File(path.to_owned()));
        }
        Source::copy(file)
    }

    fn copy(mut input: impl io::Read) -> io::Result<Self> {
        let mut copy = tempfile::tempfile()?;
        io::copy(&mut input, &mut copy)?;
        Ok(Source::Copy(copy))
    }
}

/// The number of the last row of each session, in 17 bytes and a half-empty table: 36 MB for up to 1.8 million
/// sessions, 71 MB for up to 3.6 million, and so on.
///
/// A session is remembered by 64 bits of a hash. Among three million sessions, two have the same hash with a
/// probability of one in four million; the earlier would be left out.
#[derive(Default)]
pub struct LastRows {
    hasher: RandomState,
    rows: std::collections::HashMap<u64, u32>,
}

impl LastRows {
    /// Notes a row, by its number over all inputs.
    pub fn note(&mut self, session: &Session, number: u64) {
        self.rows.insert(self.hash(session), u32::try_from(number).unwrap_or(u32::MAX));
    }

    /// Returns whether a later row has the same session.
    pub fn supersede(&self, session: &Session, number: u64) -> bool {
        let last = self.rows.get(&self.hash(session));
        last.is_some_and(|last| u64::from(*last) > number)
    }

    fn hash(&self, session: &Session) -> u64 {
        self.hasher.hash_one((&session.room_id, &session.room_sid))
    }
}
