//! CSV: comma-separated, quoted with `"`.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::header::Header;
use super::lines::NumberedLines;
use super::{Line, Lines, MAX_ROW_BYTES, Row, Unreadable, too_long};

/// NULL as MySQL's `SELECT … INTO OUTFILE` writes it. CSV itself has no NULL.
const NULL: &[u8] = b"\\N";

pub fn read<'a>(input: impl BufRead + 'a) -> io::Result<Lines<'a>> {
    let records = Records { lines: NumberedLines::new(input), current: Current::default() };
    let mut parser = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(records);
    let mut fields = ByteRecord::new();
    if !parser.read_byte_record(&mut fields)? {
        return Ok(Box::new(std::iter::empty()));
    }
    let header = Header::new(fields.iter())?;
    Ok(Box::new(std::iter::from_fn(move || next(&mut parser, &header).transpose())))
}

/// Reads the next row.
fn next<R: BufRead>(parser: &mut Reader<Records<R>>, header: &Header) -> io::Result<Option<Line>> {
    let mut fields = ByteRecord::new();
    if !parser.read_byte_record(&mut fields)? {
        return Ok(None);
    }
    // The parser asks for the next record only when it needs more bytes, so this one is the current.
    let Current { number, bytes: raw, quotes, .. } = &parser.get_ref().current;
    let bytes = raw.len();
    let end = raw.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
    let raw = raw.get(..=end.unwrap_or_default()).unwrap_or_default();
    let row = match quotes.problem() {
        None => {
            let fields = fields.iter();
            let fields = fields.map(|field| (field != NULL).then_some(Cow::Borrowed(field)));
            header.row(&fields.collect::<Vec<_>>(), raw)
        }
        Some(reason) => {
            let reason = reason.to_owned();
            Err(Unreadable { reason, columns: Row::new(), raw: raw.to_vec() })
        }
    };
    Ok(Some(Line { number: *number, bytes, row }))
}

/// The input of the parser. Each read returns bytes of one record only, so the record's text, line and quotes
/// are known when the parser returns its fields.
struct Records<R> {
    lines: NumberedLines<R>,
    current: Current,
}

/// A record, with its line ends.
#[derive(Default)]
struct Current {
    number: u64,
    bytes: Vec<u8>,
    /// Number of bytes that the parser has read.
    read: usize,
    quotes: Quotes,
}

impl<R: BufRead> Read for Records<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.current.read == self.current.bytes.len() {
            self.advance()?;
        }
        let current = &mut self.current;
        let length = current.bytes.get(current.read..).unwrap_or_default().read(buffer)?;
        current.read += length;
        Ok(length)
    }
}

impl<R: BufRead> Records<R> {
    /// Reads the lines of the next record, if there is one. Blank lines before it are skipped.
    fn advance(&mut self) -> io::Result<()> {
        let mut next = Current::default();
        for line in self.lines.by_ref() {
            let line = line?;
            if next.bytes.is_empty() {
                if matches!(&*line.bytes, b"" | b"\r") {
                    continue;
                }
                next.number = line.number;
            }
            next.bytes.extend_from_slice(&line.bytes);
            next.bytes.push(b'\n');
            if line.is_cut || next.bytes.len() > MAX_ROW_BYTES {
                return Err(too_long(next.number));
            }
            next.quotes.read(&line.bytes);
            if !next.quotes.are_open() {
                break;
            }
        }
        if !next.bytes.is_empty() {
            self.current = next;
        }
        Ok(())
    }
}

/// The quotes of a record. The parser takes everything after an open quote as a part of the value, also the
/// rows after it.
#[derive(Default)]
struct Quotes {
    at: At,
    is_misplaced: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum At {
    #[default]
    Start,
    Unquoted,
    Quoted,
    /// After a quote in a quoted value: its end, or the first half of a doubled one.
    Quote,
}

impl Quotes {
    fn read(&mut self, line: &[u8]) {
        for byte in line {
            self.at = match (self.at, byte) {
                (At::Quoted, b'"') => At::Quote,
                (At::Quoted, _) | (At::Start | At::Quote, b'"') => At::Quoted,
                (_, b',' | b'\r') => At::Start,
                (At::Start | At::Unquoted, _) => At::Unquoted,
                (At::Quote, _) => {
                    self.is_misplaced = true;
                    At::Unquoted
                }
            };
        }
    }

    fn are_open(&self) -> bool {
        self.at == At::Quoted
    }

    fn problem(&self) -> Option<&'static str> {
        if self.is_misplaced {
            return Some(
                "a quoted value goes on after its closing quote; a quote in it must be doubled, and one \
                 before it may not be closed",
            );
        }
        self.are_open()
            .then_some("a quote is not closed, so the row goes on to the end of the file")
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
    fn unclosed_quote_swallows_no_rows() {
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
    fn unreadable_rows_keep_their_bytes() {
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
