//! The file of rejected rows: JSON Lines that hold all of each row, and can be imported once
//! mended.
//!
//! It is written beside its place and moved there at the end, so that an import that did not come
//! to its end leaves the file of the last one as it was.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::files::{Row, Unreadable};

pub struct Rejects {
    output: BufWriter<File>,
    /// Where the rows are, and where they go at the end; `None` if they are written to their place
    /// at once.
    moving: Option<(PathBuf, PathBuf)>,
}

/// A row as it goes into the file: its columns, and its text if they could not all be read.
pub struct Reject {
    columns: Row,
    raw: Option<Vec<u8>>,
}

impl Reject {
    /// A row that was kept as [`kept`](Self::kept).
    pub fn of_kept(kept: &str) -> Self {
        Reject { columns: serde_json::from_str(kept).unwrap_or_default(), raw: None }
    }

    /// A row as one piece of text, which takes a fraction of the memory.
    pub fn kept(row: &Row) -> Box<str> {
        serde_json::to_string(row).unwrap_or_default().into()
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        let columns = self
            .columns
            .iter()
            .map(|(name, value)| 100 + name.len() + value.as_str().map_or(0, str::len));
        columns.sum::<usize>() + self.raw.as_ref().map_or(0, Vec::len)
    }
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
    /// Begins a file of rejects at `path`, which must be none of the inputs.
    ///
    /// # Errors
    /// A text that names the path. Nothing has been changed then.
    pub fn create(path: &Path, inputs: &[PathBuf]) -> Result<Self, String> {
        let named = |error: io::Error| format!("{}: {error}", path.display());
        if is_special(path) {
            // A device or a pipe, such as /dev/stderr: not to be replaced by a file.
            let output = OpenOptions::new().write(true).open(path).map_err(named)?;
            return Ok(Rejects { output: BufWriter::new(output), moving: None });
        }
        if path.is_dir() {
            return Err(format!("{}: --rejects needs a file, this is a directory", path.display()));
        }
        // Through a link, the file that it leads to is the one to replace.
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut part = place.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        for input in inputs {
            if let Some(file) = [&place, &part].into_iter().find(|file| is_same(file, input)) {
                return Err(format!(
                    "--rejects would overwrite {}, which is to be imported; choose another file",
                    file.display()
                ));
            }
        }
        // What an import that was killed has left.
        let _ = fs::remove_file(&part);
        let output = OpenOptions::new().write(true).create_new(true).open(&part).map_err(named)?;
        if let Ok(old) = fs::metadata(&place) {
            output.set_permissions(old.permissions()).map_err(named)?;
        }
        Ok(Rejects { output: BufWriter::new(output), moving: Some((part, place)) })
    }

    /// Adds a row. A row of an earlier file of rejects keeps the file and line that it first came
    /// from.
    pub fn add(&mut self, file: &str, line: u64, reason: &str, reject: Reject) -> io::Result<()> {
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
        writeln!(self.output, "{}", Value::Object(object))
    }

    /// Moves the file to its place.
    pub fn finish(mut self) -> io::Result<()> {
        self.output.flush()?;
        if let Some((part, place)) = &self.moving {
            self.output.get_ref().sync_all()?;
            fs::rename(part, place)?;
        }
        self.moving = None;
        Ok(())
    }
}

impl Drop for Rejects {
    fn drop(&mut self) {
        if let Some((part, _)) = &self.moving {
            let _ = fs::remove_file(part);
        }
    }
}

/// Text with `\xNN` for each byte that is not UTF-8, and `\\` for each backslash, so that nothing
/// is lost.
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

/// Whether something other than a file is there.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir())
}

/// Whether an input is this very file, under whatever name.
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

/// Paths tell, as far as they can.
#[cfg(not(unix))]
fn is_same_file(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_text_shows_the_bytes_and_loses_none() {
        assert_eq!(escaped(b"M\xfcller \\x \xe2\x82"), "M\\xfcller \\\\x \\xe2\\x82");
        assert_eq!(escaped("Müller 😀".as_bytes()), "Müller 😀");
    }
}
