//! Tab-separated values as `mysql --batch` writes them.

use std::borrow::Cow;
use std::io::{self, BufRead};

use super::header::Header;
use super::lines::{NumberedLine, NumberedLines};
use super::{Line, Lines, too_long};

pub fn read<'a>(input: impl BufRead + 'a) -> io::Result<Lines<'a>> {
    let mut lines = NumberedLines::new(input).filter(|line| {
        // No row is blank: it has three columns at the least.
        !matches!(line, Ok(line) if matches!(line.bytes.as_slice(), b"" | b"\r"))
    });
    let Some(first) = lines.next().transpose()? else {
        return Ok(Box::new(std::iter::empty()));
    };
    let first = whole(first)?.1;
    // A file has `\r\n` at all its line ends or at none. At none, a `\r` before the `\n` is the
    // last field's.
    let line_end: &[u8] = if first.ends_with(b"\r") { b"\r" } else { b"" };
    let without_end = move |line: Vec<u8>| match line.strip_suffix(line_end) {
        Some(line) => line.to_vec(),
        None => line,
    };
    let header = Header::new(without_end(first).split(|byte| *byte == b'\t'))?;
    Ok(Box::new(lines.map(move |line| {
        let (number, line) = whole(line?)?;
        let line = without_end(line);
        let fields: Vec<_> = line.split(|byte| *byte == b'\t').map(value).collect();
        let row = header.row(&fields, &line);
        Ok(Line { number, bytes: line.len(), row })
    })))
}

/// Returns a line's number and bytes.
///
/// # Errors
/// If the line is longer than a row may be, which a file of another format has.
fn whole(line: NumberedLine) -> io::Result<(u64, Vec<u8>)> {
    if line.is_cut { Err(too_long(line.number)) } else { Ok((line.number, line.bytes)) }
}

/// A field's value. `None`: NULL, as `mysql --batch` or as `SELECT … INTO OUTFILE` writes it.
fn value(field: &[u8]) -> Option<Cow<'_, [u8]>> {
    match field {
        b"NULL" | b"\\N" => None,
        field => Some(unescape(field)),
    }
}

/// Undoes what `mysql --batch` does to values.
///
/// Source: MySQL Reference Manual, "mysql Client Options", `--batch` and `--raw`.
fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    if !field.contains(&b'\\') {
        return Cow::Borrowed(field);
    }
    let mut value = Vec::with_capacity(field.len());
    let mut bytes = field.iter();
    while let Some(byte) = bytes.next() {
        value.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'0') => b'\0',
                Some(other) => *other,
                None => b'\\',
            },
            other => *other,
        });
    }
    Cow::Owned(value)
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::rows;
    use serde_json::{Value, json};

    /// The titles in a file whose other columns are right.
    fn titles(lines: &[&[u8]], line_end: &[u8]) -> Vec<Value> {
        let mut file = [b"room_title\troomId\tsid\tcreated\troom_title2", line_end].concat();
        for title in lines {
            file.extend_from_slice(title);
            file.extend_from_slice(b"\ta\tb\tc\t");
            file.extend_from_slice(title);
            file.extend_from_slice(line_end);
        }
        rows(&file, Format::Tsv)
            .into_iter()
            .map(|(_, row)| {
                let row = row.expect("a row");
                assert_eq!(row["room_title"], row["room_title2"], "the last field is as the first");
                row["room_title"].clone()
            })
            .collect()
    }

    #[test]
    fn only_the_clients_escapes_are_undone() {
        let written: [&[u8]; 8] = [
            b"tab \\t, newline \\n, backslash \\\\, zero \\0",
            b"a path: C:\\\\new",
            b"carriage\rreturn\r",
            b"\"quoted",
            b"NULL",
            b"\\N",
            b"\\\\N",
            b"",
        ];
        let expected = [
            json!("tab \t, newline \n, backslash \\, zero \0"),
            json!("a path: C:\\new"),
            json!("carriage\rreturn\r"),
            json!("\"quoted"),
            json!(null),
            json!(null),
            json!("\\N"),
            json!(""),
        ];
        assert_eq!(titles(&written, b"\n"), expected);
        assert_eq!(titles(&written, b"\r\n"), expected);
    }

    #[test]
    fn row_with_another_column_count_is_rejected() {
        let tsv = b"roomId\tsid\tcreated\na\tb\nc\td\te\tf\ng\th\ti\n";
        let rows = rows(tsv, Format::Tsv);
        assert_eq!(rows.iter().map(|row| row.1.is_ok()).collect::<Vec<_>>(), [false, false, true]);
    }
}
