//! The first line of a CSV or TSV file: the columns' names.

use std::borrow::Cow;
use std::io;

use serde_json::Value;

use super::{Row, Unreadable, wrong};
use crate::columns::Column;

/// Characters of a wrong first line that a message shows.
const SHOWN: usize = 200;

pub struct Header {
    names: Vec<String>,
}

impl Header {
    /// # Errors
    /// If a required column is missing, or if a column appears twice, under any of its names.
    pub fn new<'a>(fields: impl Iterator<Item = &'a [u8]>) -> io::Result<Self> {
        let names = fields
            .map(|name| Ok(std::str::from_utf8(name)?.trim().to_owned()))
            .collect::<Result<Vec<_>, std::str::Utf8Error>>()
            .map_err(|_| wrong("the first line, which must name the columns, is not UTF-8"))?;
        for (number, name) in names.iter().enumerate() {
            if names[..number].contains(name) {
                return Err(wrong(format!(
                    "the first line has the column {name:?} twice; each can be there once"
                )));
            }
        }
        for column in Column::ALL {
            let has = |name: &&str| names.iter().any(|there| there == name);
            let found: Vec<&str> = column.names().iter().copied().filter(has).collect();
            if found.is_empty() && Column::REQUIRED.contains(&column) {
                return Err(wrong(missing(column, &names)));
            }
            if found.len() > 1 {
                return Err(wrong(format!(
                    "the first line has both {}, which are the same column",
                    found.join(" and ")
                )));
            }
        }
        Ok(Header { names })
    }

    /// The row that these fields are; `None` is NULL. `raw` is the row as the file has it.
    pub fn row(&self, fields: &[Option<Cow<'_, [u8]>>], raw: &[u8]) -> Result<Row, Unreadable> {
        let unreadable = |reason, columns| Unreadable { reason, columns, raw: raw.to_vec() };
        if fields.len() != self.names.len() {
            let reason = format!(
                "it has {} columns, the first line has {}: {}",
                fields.len(),
                self.names.len(),
                self.names.join(", ")
            );
            return Err(unreadable(reason, Row::new()));
        }
        let mut row = Row::new();
        let mut not_text = None;
        for (name, field) in self.names.iter().zip(fields) {
            let value = match field {
                None => Value::Null,
                Some(bytes) => {
                    if std::str::from_utf8(bytes).is_err() {
                        not_text.get_or_insert(name);
                    }
                    Value::String(String::from_utf8_lossy(bytes).into_owned())
                }
            };
            row.insert(name.clone(), value);
        }
        match not_text {
            Some(name) => Err(unreadable(format!("{name} is not UTF-8"), row)),
            None => Ok(row),
        }
    }
}

/// Describes a first line without a required column: the names in it, and the likely reason.
fn missing(column: Column, names: &[String]) -> String {
    let expected = column.names().join(" or ");
    let seen: String = names.join(", ").chars().take(SHOWN).collect();
    let is_separated_by = |delimiter| names.len() == 1 && names[0].contains(delimiter);
    let is_expected =
        |name: &&String| column.names().iter().any(|expected| expected.eq_ignore_ascii_case(name));
    let hint = match names.iter().find(is_expected) {
        Some(name) => format!("; names are case-sensitive, so {name} is another column"),
        None if is_separated_by(';') => {
            "; it is separated by semicolons, expected commas in CSV and tabs in TSV".to_owned()
        }
        None if is_separated_by('\t') => "; it is separated by tabs: pass --format tsv".to_owned(),
        None if is_separated_by(',') => "; it is separated by commas: pass --format csv".to_owned(),
        None => String::new(),
    };
    format!(
        "the first line has no column {expected}; it must name the columns, and it is {seen:?}{hint}"
    )
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{refusal, rows};

    #[test]
    fn file_without_the_columns_is_refused() {
        let refusal = refusal(b"room_id,created\n", Format::Csv);
        assert!(refusal.contains("no column room_sid or roomSid or sid"), "{refusal}");
    }

    #[test]
    fn wrong_first_line_has_a_likely_reason() {
        for (header, format, hint) in [
            ("room_id;room_sid;created", Format::Csv, "separated by semicolons"),
            ("room_id\troom_sid\tcreated", Format::Csv, "pass --format tsv"),
            ("room_id,room_sid,created", Format::Tsv, "pass --format csv"),
            ("ROOM_ID,ROOM_SID,CREATED", Format::Csv, "ROOM_ID is another column"),
        ] {
            let refusal = refusal(header.as_bytes(), format);
            assert!(refusal.contains(hint), "{refusal}");
        }
        let refusal = refusal(b"a,b", Format::Csv);
        assert!(refusal.ends_with("it is \"a, b\""), "{refusal}");
    }

    #[test]
    fn repeated_column_is_refused_by_name() {
        for (header, named) in [
            ("room_id,room_sid,created,id,id", "the column \"id\" twice"),
            ("room_id,room_sid,created,ended, ended ", "\"ended\" twice"),
            ("room_id,roomId,room_sid,created", "both room_id and roomId"),
        ] {
            let csv = refusal(header.as_bytes(), Format::Csv);
            assert!(csv.contains(named), "{csv}");
            assert_eq!(refusal(header.replace(',', "\t").as_bytes(), Format::Tsv), csv);
        }
    }

    #[test]
    fn unreadable_row_keeps_its_readable_fields() {
        let csv = b"room_id,room_sid,created,room_title\na,b,c\nd,e,f,M\xfcller\n";
        let lines: Vec<_> = super::super::read(&csv[..], Format::Csv)
            .expect("a header")
            .map(|line| line.expect("a row").row.expect_err("unreadable"))
            .collect();
        assert_eq!(
            lines[0].reason,
            "it has 3 columns, the first line has 4: room_id, room_sid, created, room_title"
        );
        assert!(lines[0].columns.is_empty());
        assert_eq!(lines[0].raw, b"a,b,c");
        assert_eq!(lines[1].reason, "room_title is not UTF-8");
        assert_eq!(lines[1].columns["room_id"], "d");
        assert_eq!(lines[1].columns["room_title"], "M\u{fffd}ller");
        assert_eq!(lines[1].raw, b"d,e,f,M\xfcller");
        assert_eq!(rows(csv, Format::Csv).len(), 2);
    }
}
