//! Files of past sessions, row by row.
//!
//! A reader yields either a [`Row`], or an [`Unreadable`] row with all that is known of it,
//! so that nothing of a wrong row is lost. Only what makes the rest of the file unreadable is an
//! error.

mod csv;
mod header;
mod jsonl;
mod lines;
mod tsv;

use std::io::{self, BufRead, BufReader, Cursor, Read};

use clap::ValueEnum;
use serde_json::{Map, Value};

/// Maximum size of a row. An unclosed quote must not read the rest of a file into memory.
const MAX_ROW_BYTES: usize = 4 << 20;

/// A file's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Comma-separated, quoted with "; \N is NULL
    Csv,
    /// Tab-separated, as `mysql --batch` writes it: \t, \n, \\ and \0; NULL or \N is NULL
    Tsv,
    /// One JSON object a line
    Jsonl,
}

impl Format {
    /// By the file's name. `None`: the name does not tell.
    pub fn of_file(name: &str) -> Option<Self> {
        match name.rsplit('.').next()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Format::Csv),
            "tsv" | "tab" | "txt" => Some(Format::Tsv),
            "jsonl" | "ndjson" | "json" => Some(Format::Jsonl),
            _ => None,
        }
    }
}

/// A row's values by column name. A column that the file does not have is not in it; one that is
/// NULL is.
pub type Row = Map<String, Value>;

/// A row of a file.
#[derive(Debug)]
pub struct Line {
    /// The line that it begins on, from 1.
    pub number: u64,
    /// Its size in the file.
    pub bytes: usize,
    pub row: Result<Row, Unreadable>,
}

/// A row whose columns could not all be read.
#[derive(Debug)]
pub struct Unreadable {
    pub reason: String,
    /// The columns that are known, with U+FFFD for what is not UTF-8.
    pub columns: Row,
    /// The row as it is in the file, without its line end.
    pub raw: Vec<u8>,
}

/// The rows of a file. After an error there are no more.
pub type Lines<'a> = Box<dyn Iterator<Item = io::Result<Line>> + 'a>;

/// Reads the rows of a file. An empty file has no rows and needs no header.
///
/// # Errors
/// If it cannot be read, or its first line is not what the format needs.
pub fn read<'a>(input: impl Read + 'a, format: Format) -> io::Result<Lines<'a>> {
    let mut input = without_byte_order_mark(BufReader::new(input))?;
    if input.fill_buf()?.is_empty() {
        return Ok(Box::new(std::iter::empty()));
    }
    match format {
        Format::Csv => csv::read(input),
        Format::Tsv => tsv::read(input),
        Format::Jsonl => jsonl::read(input),
    }
}

/// Skips the byte order mark that some editors and databases put in front of UTF-8.
fn without_byte_order_mark<'a>(mut input: impl BufRead + 'a) -> io::Result<impl BufRead + 'a> {
    const UTF_8: &[u8] = b"\xef\xbb\xbf";
    let mut start = Vec::with_capacity(UTF_8.len());
    input.by_ref().take(UTF_8.len() as u64).read_to_end(&mut start)?;
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Err(wrong("it is UTF-16; save it as UTF-8"));
    }
    if start == UTF_8 {
        start.clear();
    }
    Ok(Cursor::new(start).chain(input))
}

/// Returns the error of an unreadable file.
fn wrong(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

fn too_long(line: u64) -> io::Error {
    wrong(format!(
        "the row that begins on line {line} is longer than {} MB; is a quote not closed, or is \
         this another format?",
        MAX_ROW_BYTES >> 20
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows with their line numbers, and the reasons of the unreadable ones.
    pub fn rows(bytes: &[u8], format: Format) -> Vec<(u64, Result<Row, String>)> {
        read(bytes, format)
            .expect("a header")
            .map(|line| {
                let line = line.expect("a row");
                (line.number, line.row.map_err(|wrong| wrong.reason))
            })
            .collect()
    }

    /// Why a file is refused.
    pub fn refusal(bytes: &[u8], format: Format) -> String {
        let outcome = read(bytes, format).map(|mut lines| lines.find_map(Result::err));
        let error = outcome.unwrap_or_else(Some).expect("refused");
        error.to_string()
    }

    #[test]
    fn byte_order_mark_is_removed() {
        let csv = b"\xef\xbb\xbfroom_id,room_sid,created\na,b,c\n";
        let tsv = b"\xef\xbb\xbfroom_id\troom_sid\tcreated\na\tb\tc\n";
        let json = b"\xef\xbb\xbf{\"room_id\":\"a\",\"room_sid\":\"b\",\"created\":\"c\"}\n";
        let expected = rows(&json[3..], Format::Jsonl);
        assert!(expected[0].1.is_ok());
        assert_eq!(rows(json, Format::Jsonl), expected);
        for (bytes, format) in [(&csv[..], Format::Csv), (tsv, Format::Tsv)] {
            assert_eq!(rows(bytes, format)[0].1, expected[0].1);
        }
        assert!(refusal(b"\xff\xfer\0o\0", Format::Csv).contains("UTF-16"));
    }

    #[test]
    fn file_without_rows_is_empty() {
        for format in [Format::Csv, Format::Tsv, Format::Jsonl] {
            assert_eq!(rows(b"", format), []);
            assert_eq!(rows(b"\xef\xbb\xbf", format), []);
            assert_eq!(rows(b"\n\r\n", format), []);
        }
        assert_eq!(rows(b"roomId,sid,created", Format::Csv), []);
        assert_eq!(rows(b"roomId\tsid\tcreated\r\n", Format::Tsv), []);
    }

    #[test]
    fn line_numbers_are_those_of_an_editor() {
        let csv = b"\r\n\nroom_id,room_sid,created\r\n\r\na,\"b\r\nc\",d\r\n\n\ne,f,g\r\nh,i,j";
        let tsv = b"\r\n\nroom_id\troom_sid\tcreated\r\n\r\na\tb\td\r\n\n\n\ne\tf\tg\r\nh\ti\tj";
        let json = b"\r\n\n\r\n\r\n{}\r\n\n\n\n{}\r\n{}";
        for (bytes, format) in [(&csv[..], Format::Csv), (tsv, Format::Tsv), (json, Format::Jsonl)]
        {
            let numbers: Vec<_> = rows(bytes, format).iter().map(|row| row.0).collect();
            assert_eq!(numbers, [5, 9, 10], "{format:?}");
        }
    }

    #[test]
    fn endless_row_does_not_fill_the_memory() {
        let mut csv = b"room_id,room_sid,created\na,b,c\na,\"b,".to_vec();
        csv.resize(csv.len() + MAX_ROW_BYTES + 100_000, b'x');
        let mut tsv = b"room_id\troom_sid\tcreated\na\tb\tc\n".to_vec();
        tsv.resize(tsv.len() + MAX_ROW_BYTES + 100_000, b'x');
        for (bytes, format) in [(csv, Format::Csv), (tsv, Format::Tsv)] {
            let refusal = refusal(&bytes, format);
            assert!(refusal.contains("line 3 is longer than 4 MB"), "{refusal}");
        }
    }
}
