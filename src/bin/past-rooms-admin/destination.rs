//! Where an export goes: to standard output, or to a file that is there only when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::output;

#[derive(Debug)]
pub enum Destination {
    Standard,
    File(Unfinished),
}

/// A file that is being written beside its place. Unless it is finished, it goes away again.
#[derive(Debug)]
pub struct Unfinished {
    writer: BufWriter<File>,
    part: PathBuf,
    place: PathBuf,
    is_moved: bool,
}

impl Destination {
    /// `-` is standard output.
    ///
    /// # Errors
    /// If the file is there already, is being written by another export, or cannot be made.
    pub fn open(place: Option<&Path>) -> Result<Self, String> {
        match place {
            None => Ok(Destination::Standard),
            Some(place) if place == Path::new("-") => Ok(Destination::Standard),
            Some(place) => Unfinished::open(place).map(Destination::File),
        }
    }

    /// # Errors
    /// A text that names the file.
    pub fn line(&mut self, text: &str) -> Result<(), String> {
        match self {
            Destination::Standard => output::line(text),
            Destination::File(file) => {
                writeln!(file.writer, "{text}").map_err(naming(&file.part))?;
            }
        }
        Ok(())
    }

    /// Moves the file to its place.
    ///
    /// # Errors
    /// A text that names the file.
    pub fn finish(self) -> Result<(), String> {
        match self {
            Destination::Standard => Ok(()),
            Destination::File(file) => file.finish(),
        }
    }
}

impl Unfinished {
    fn open(place: &Path) -> Result<Self, String> {
        let mut part = place.to_owned().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        // Only a new file: no other export writes it, and it is no link to somebody's file.
        let file = File::create_new(&part).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => format!(
                "{} is there: another export is running, or left it; delete it, or name another file",
                part.display()
            ),
            _ => naming(&part)(error),
        })?;
        let unfinished = Unfinished {
            writer: BufWriter::new(file),
            part,
            place: place.to_owned(),
            is_moved: false,
        };
        // Only now, when no other export can put it there any more.
        if place.symlink_metadata().is_ok() {
            return Err(format!("{} is there already; choose another file", place.display()));
        }
        Ok(unfinished)
    }

    fn finish(mut self) -> Result<(), String> {
        let written = self.writer.flush().and_then(|()| self.writer.get_ref().sync_all());
        written.map_err(naming(&self.part))?;
        fs::rename(&self.part, &self.place).map_err(naming(&self.place))?;
        self.is_moved = true;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_moved {
            let _ = fs::remove_file(&self.part);
        }
    }
}

fn naming(path: &Path) -> impl Fn(io::Error) -> String + '_ {
    move |error| format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes away with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("past-rooms-{:x}", fastrand::u64(..)));
            fs::create_dir(&path).expect("a folder");
            Folder(path)
        }

        fn names(&self) -> Vec<String> {
            let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
            let names = fs::read_dir(&self.0).expect("a folder").map(name);
            names.map(|name| name.to_string_lossy().into_owned()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_that_cannot_be_moved_to_its_place_is_named_and_its_part_goes() {
        let folder = Folder::new();
        let place = folder.0.join("history.jsonl");
        let mut destination = Destination::open(Some(&place)).expect("a new file");
        destination.line("{}").expect("written");
        fs::create_dir(&place).expect("a folder in its place");
        let error = destination.finish().expect_err("it cannot be moved");
        assert!(error.starts_with(&format!("{}: ", place.display())), "{error}");
        assert_eq!(folder.names(), ["history.jsonl"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let part = PathBuf::from("a-folder-that-is-not-there/history.jsonl.part");
        let full = File::options().write(true).open("/dev/full").expect("a full device");
        let file = |capacity| Unfinished {
            writer: BufWriter::with_capacity(capacity, full.try_clone().expect("a file")),
            part: part.clone(),
            place: "history.jsonl".into(),
            is_moved: false,
        };
        let said = format!("{}: No space left on device", part.display());
        // At a line, or what is still in the buffer at the end.
        let error = Destination::File(file(1)).line("{}").expect_err("it is full");
        assert!(error.starts_with(&said), "{error}");
        let mut unwritten = Destination::File(file(100));
        unwritten.line("{}").expect("it is in the buffer");
        let error = unwritten.finish().expect_err("it is full");
        assert!(error.starts_with(&said), "{error}");
    }
}
