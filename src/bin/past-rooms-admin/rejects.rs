//! The file of rejected rows: JSON Lines with all of each row. Once corrected, the file can be imported.
//!
//! It is written beside its place and moved there at the end of the import. If the import stops before, the
//! rows rejected so far are kept in a file of their own.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tempfile::NamedTempFile;

use crate::files::{Row, Unreadable};
use crate::new_file::{beside, naming};

pub struct Rejects {
    /// The path as the user gave it.
    name: PathBuf,
    place: PathBuf,
    output: Output,
    /// Bytes of the rows written so far.
    bytes: u64,
}

enum Output {
    /// A device or a pipe, such as `/dev/stderr`, which no file replaces.
    Special(File),
    New(NamedTempFile),
}

/// A rejected row: its columns, and its text if they could not all be read.
#[derive(Default)]
pub struct Reject {
    columns: Row,
    raw: Option<Vec<u8>>,
}

impl From<Row> for Reject {
    fn from(columns: Row) -> Self {
        Reject { columns, raw: None }
    }
}

impl From<Unreadable> for Reject {
    fn from(row: Unreadable) -> Self {
        Reject { columns: row.columns, raw: Some(row.raw) }
    }
}

impl Rejects {
    /// Begins a file of rejects at `path`, which must not be one of the inputs.
    ///
    /// # Errors
    /// A text that names the path. Nothing has been changed then.
    pub fn create(path: &Path, inputs: &[PathBuf]) -> Result<Self, String> {
        if is_special(path) {
            let output = OpenOptions::new().write(true).open(path).map_err(naming(path))?;
            return Ok(Rejects {
                name: path.to_owned(),
                place: path.to_owned(),
                output: Output::Special(output),
                bytes: 0,
            });
        }
        if path.is_dir() {
            return Err(format!("{}: --rejects needs a file, this is a directory", path.display()));
        }
        // A link stays, and the file that it leads to is replaced.
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if inputs.iter().any(|input| is_same(&place, input)) {
            return Err(format!(
                "--rejects would overwrite {}, which is to be imported; choose another file",
                path.display()
            ));
        }
        let file = beside(&place, path)?;
        if let Ok(old) = fs::metadata(&place) {
            file.as_file().set_permissions(old.permissions()).map_err(naming(path))?;
        }
        Ok(Rejects { name: path.to_owned(), place, output: Output::New(file), bytes: 0 })
    }

    /// Adds a row. A row of an earlier file of rejects keeps the file and line of its origin.
    ///
    /// # Errors
    /// A text that names the file. The rows before stay.
    pub fn add(
        &mut self,
        file: &str,
        line: u64,
        reason: &str,
        reject: Reject,
    ) -> Result<(), String> {
        let mut object = Map::new();
        object.insert("rejected_file".to_owned(), file.into());
        object.insert("rejected_line".to_owned(), line.into());
        if let Some(raw) = reject.raw {
            let (key, text) = match String::from_utf8(raw) {
                Ok(text) => ("rejected_text", text),
                Err(error) => ("rejected_escaped", escaped(error.as_bytes())),
            };
            object.insert(key.to_owned(), text.into());
        }
        object.extend(reject.columns);
        object.insert("rejected_reason".to_owned(), reason.into());
        let row = format!("{}\n", Value::Object(object));
        let output = match &mut self.output {
            Output::Special(file) => file,
            Output::New(file) => file.as_file_mut(),
        };
        let written = output.write_all(row.as_bytes());
        match written {
            Ok(()) => self.bytes += row.len() as u64,
            // On a full disk, a part of the row may be there.
            Err(_) => drop(output.set_len(self.bytes)),
        }
        written.map_err(naming(&self.name))
    }

    /// Moves the file to its place.
    ///
    /// # Errors
    /// A text that names the file.
    pub fn finish(self) -> Result<(), String> {
        let Output::New(file) = self.output else { return Ok(()) };
        file.as_file().sync_all().map_err(naming(&self.name))?;
        file.persist(&self.place).map(drop).map_err(|error| naming(&self.name)(error.error))
    }

    /// Keeps the rows written so far, if any, and returns the path of their file.
    pub fn keep(self) -> Option<PathBuf> {
        match self.output {
            Output::New(file) if self.bytes > 0 => Some(file.into_temp_path().keep().ok()?),
            _ => None,
        }
    }
}

/// Returns text with `\xNN` for each byte that is not UTF-8 and `\\` for each backslash, so that nothing is
/// lost.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text += &chunk.valid().replace('\\', "\\\\");
        for byte in chunk.invalid() {
            text += &format!("\\x{byte:02x}");
        }
    }
    text
}

/// Returns whether the path leads to something other than a file or a folder.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir())
}

/// Returns whether an input is this file, also under another name.
fn is_same(file: &Path, input: &Path) -> bool {
    let input = if input == Path::new("-") { Path::new("/dev/stdin") } else { input };
    let (Ok(one), Ok(other)) = (fs::metadata(file), fs::metadata(input)) else {
        return false;
    };
    is_same_file(&one, &other)
        || matches!((fs::canonicalize(file), fs::canonicalize(input)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(unix)]
fn is_same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Returns whether two files are the same, which here only their paths tell.
#[cfg(not(unix))]
fn is_same_file(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_text_shows_all_bytes() {
        assert_eq!(escaped(b"M\xfcller \\x \xe2\x82"), "M\\xfcller \\\\x \\xe2\\x82");
        assert_eq!(escaped("Müller 😀".as_bytes()), "Müller 😀");
    }
}
