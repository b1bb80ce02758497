//! CSV: comma-separated, quoted with `"`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::header::Header;
use super::{Line, Lines, MAX_ROW_BYTES, Row, Unreadable, too_long};

/// How NULL is written by MySQL's `SELECT … INTO OUTFILE`. CSV itself has no NULL.
const NULL: &[u8] = b"\\N";

pub fn read<'a>(input: impl Read + 'a) -> io::Result<Lines<'a>> {
    let mut records = Records::new(input);
    let Some(header) = records.next().transpose()? else {
        return Ok(Box::new(std::iter::empty()));
    };
    let header = Header::new(header.fields.iter())?;
    Ok(Box::new(records.map(move |record| {
        let Record { number, fields, raw } = record?;
        let fields: Vec<_> =
            fields.iter().map(|field| (field != NULL).then_some(Cow::Borrowed(field))).collect();
        let row = match misquoted(&raw) {
            None => header.row(&fields, &raw),
            Some(reason) => Err(Unreadable { reason: reason.to_owned(), columns: Row::new(), raw }),
        };
        Ok(Line { number, row })
    })))
}

/// What is wrong with a record's quotes. The parser takes all that comes after an open one for a part
/// of the value, which would be the rows behind it.
fn misquoted(raw: &[u8]) -> Option<&'static str> {
    enum At {
        Start,
        Unquoted,
        Quoted,
        /// Behind a quote in a quoted value: its end, or the first half of a doubled one.
        Quote,
    }
    let mut at = At::Start;
    for byte in raw {
        at = match (at, byte) {
            (At::Quoted, b'"') => At::Quote,
            (At::Quoted, _) | (At::Start | At::Quote, b'"') => At::Quoted,
            (_, b',') => At::Start,
            (At::Start | At::Unquoted, _) => At::Unquoted,
            (At::Quote, _) => {
                return Some(
                    "a quoted value goes on behind its closing quote; a quote in it must be doubled, \
                     and one before it may not be closed",
                );
            }
        };
    }
    matches!(at, At::Quoted)
        .then_some("a quote is not closed, so the row goes on to the end of the file")
}

struct Record {
    number: u64,
    fields: ByteRecord,
    raw: Vec<u8>,
}

/// The records, with what the parser does not tell: their bytes, and the line that they begin on.
struct Records<R> {
    parser: Reader<Kept<R>>,
    recent: Rc<RefCell<Recent>>,
}

impl<R: Read> Records<R> {
    fn new(input: R) -> Self {
        let recent = Rc::new(RefCell::new(Recent { start: 0, line: 1, bytes: Vec::new() }));
        let kept = Kept { input, recent: Rc::clone(&recent) };
        let parser = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(kept);
        Records { parser, recent }
    }
}

impl<R: Read> Iterator for Records<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut fields = ByteRecord::new();
        match self.parser.read_byte_record(&mut fields) {
            Ok(false) => None,
            Ok(true) => {
                let end = self.parser.position().byte();
                let (number, raw) = self.recent.borrow_mut().take_until(end);
                Some(Ok(Record { number, fields, raw }))
            }
            Err(error) => Some(Err(io::Error::from(error))),
        }
    }
}

/// What the parser was given and has not made a record of.
struct Recent {
    /// The first byte's place in the file.
    start: u64,
    /// The line that it is on.
    line: u64,
    bytes: Vec<u8>,
}

impl Recent {
    /// The record that ends before the byte `end`, and its line. In front of it are blank lines,
    /// and the rest of a `\r\n` of which the parser took the `\r` for the end of the record before.
    fn take_until(&mut self, end: u64) -> (u64, Vec<u8>) {
        let length = usize::try_from(end - self.start).unwrap_or(usize::MAX);
        let taken: Vec<u8> = self.bytes.drain(..length.min(self.bytes.len())).collect();
        self.start = end;
        let begin = blank(&taken);
        let number = self.line + newlines(&taken[..begin]);
        self.line += newlines(&taken);
        let mut raw = taken[begin..].to_vec();
        while raw.last().is_some_and(is_line_end) {
            raw.pop();
        }
        (number, raw)
    }
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// How many bytes are in front of the first row.
fn blank(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_line_end(byte)).count()
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// The input, which keeps what was read of it.
struct Kept<R> {
    input: R,
    recent: Rc<RefCell<Recent>>,
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut recent = self.recent.borrow_mut();
        if recent.bytes.len() > MAX_ROW_BYTES {
            let line = recent.line + newlines(&recent.bytes[..blank(&recent.bytes)]);
            return Err(too_long(line));
        }
        let length = self.input.read(buffer)?;
        recent.bytes.extend_from_slice(&buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::rows;
    use serde_json::json;

    #[test]
    fn quotes_and_line_ends_in_fields_are_kept() {
        let csv = b"room_id,room_sid,created,room_title,ended\r\n\
                    a,b,c,\"x, \"\"y\"\"\r\nz\",\\N\r\n\
                    d,e,f,NULL,\r\n";
        let rows = rows(csv, Format::Csv);
        let row = rows[0].1.as_ref().expect("a row");
        assert_eq!((&row["room_title"], &row["ended"]), (&json!("x, \"y\"\r\nz"), &json!(null)));
        let row = rows[1].1.as_ref().expect("a row");
        assert_eq!((&row["room_title"], &row["ended"]), (&json!("NULL"), &json!("")));
        assert_eq!((rows[0].0, rows[1].0), (2, 4));
    }

    #[test]
    fn a_quote_that_is_not_closed_swallows_no_rows_in_silence() {
        let header = "room_id,room_sid,created,room_title\n";
        let rows = |rest: &str| rows(format!("{header}{rest}").as_bytes(), Format::Csv);
        for (rest, is_right) in [
            ("a,b,c,\"open\na,d,e,next\n", false),
            ("a,b,c,\"open\na,d,e,\"closed\"\n", false),
            ("a,b,c,\"open\na,d,e,closed\"\n", true),
            ("a,b,c,\"a \\\"name\\\" as MySQL escapes it\"\n", false),
            ("a,b,c,\"Geom\"etry\n", false),
            ("a,b,c,\"\"\"\"\n", true),
            ("a,b,c,\"\"\n", true),
            ("a,b,c,\"x\"\"\n\"\",\"\"y\"\r\n", true),
            ("\"a\",b,\"c\",a \"title\", unquoted\n", true),
            ("a,b,c,12\" of snow\n", true),
            ("a,b,\"c,d\n", false),
        ] {
            let rows = rows(rest);
            // Whether the columns are as many as the first line has is another question.
            let is_misquoted = rows[0].1.as_ref().is_err_and(|reason| reason.contains("quote"));
            assert_eq!(!is_misquoted, is_right, "{rest:?}: {:?}", rows[0].1);
        }
    }

    #[test]
    fn unreadable_rows_are_kept_as_they_are_in_the_file() {
        // Rows longer than what is read at once, with line ends of all kinds between them.
        let long = "x".repeat(10_000);
        let bad: Vec<String> = (0..50).map(|number| format!("\"{number}\n{long}\",b")).collect();
        for end in ["\n", "\r\n", "\r\n\r\n\n"] {
            let csv = format!("room_id,room_sid,created\n{}", bad.join(end));
            let lines = super::super::read(csv.as_bytes(), Format::Csv).expect("a header");
            for (line, bad) in lines.zip(&bad) {
                let line = line.expect("a row");
                assert_eq!(line.row.expect_err("short").raw, bad.as_bytes());
                let lines_before = csv.split(bad).next().expect("a part").matches('\n').count();
                assert_eq!(line.number, lines_before as u64 + 1);
            }
        }
    }
}
