//! Files of past sessions, row by row: CSV, TSV as `mysql --batch` writes it, and JSON Lines.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Read};

use clap::ValueEnum;
use jiff::tz::TimeZone;
use past_rooms::Session;

use crate::times;

/// A file's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Comma-separated, quoted with "
    Csv,
    /// Tab-separated, as `mysql --batch` writes it: \t, \n, \\ and NULL
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

/// A row's values by column name; absent where the column is, or where the value is NULL.
pub type Row = BTreeMap<String, String>;

/// A row, or why it cannot be read, and the line that it begins on.
pub struct Line {
    pub number: u64,
    pub row: Result<Row, String>,
}

/// The rows of a file.
pub type Lines<'a> = Box<dyn Iterator<Item = Line> + 'a>;

/// The columns of a session: the API's name, then plugNmeet's own where it differs.
const ROOM_ID: &[&str] = &["room_id", "roomId"];
const ROOM_SID: &[&str] = &["room_sid", "sid"];
const ROOM_TITLE: &[&str] = &["room_title"];
const JOINED_PARTICIPANTS: &[&str] = &["joined_participants"];
const WEBHOOK_URL: &[&str] = &["webhook_url"];
const CREATED: &[&str] = &["created"];
const ENDED: &[&str] = &["ended"];
const ANALYTICS_FILE_ID: &[&str] = &["analytics_file_id", "file_id"];

/// Opens a file of rows.
pub fn read<'a>(input: impl Read + 'a, format: Format) -> Result<Lines<'a>, Box<dyn Error>> {
    match format {
        Format::Csv => separated(input, b',', format),
        Format::Tsv => separated(input, b'\t', format),
        Format::Jsonl => Ok(json_lines(input)),
    }
}

fn separated<'a>(
    input: impl Read + 'a,
    delimiter: u8,
    format: Format,
) -> Result<Lines<'a>, Box<dyn Error>> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .quoting(format == Format::Csv)
        .flexible(true)
        .from_reader(input);
    let names: Vec<String> = reader.headers()?.iter().map(|name| name.trim().to_owned()).collect();
    for required in [ROOM_ID, ROOM_SID, CREATED] {
        if !required.iter().any(|name| names.iter().any(|column| column == name)) {
            return Err(format!(
                "the first line has no column {}; it must name the columns",
                required.join(" or ")
            )
            .into());
        }
    }
    let mut last_line = 1;
    Ok(Box::new(reader.into_byte_records().map(move |record| match record {
        Ok(record) => {
            last_line = record.position().map_or(last_line, csv::Position::line);
            let row = if record.len() == names.len() {
                let values = record.iter().zip(&names);
                values.filter_map(|(value, name)| column(name, value, format).transpose()).collect()
            } else {
                Err(format!("it has {} columns, the first line has {}", record.len(), names.len()))
            };
            Line { number: last_line, row }
        }
        Err(error) => Line {
            number: error.position().map_or(last_line, csv::Position::line),
            row: Err(error.to_string()),
        },
    })))
}

/// A column's value. `None`: NULL.
fn column(name: &str, value: &[u8], format: Format) -> Result<Option<(String, String)>, String> {
    let value = std::str::from_utf8(value).map_err(|_| format!("{name} is not UTF-8"))?;
    if format == Format::Csv {
        return Ok(Some((name.to_owned(), value.to_owned())));
    }
    if value == "NULL" {
        return Ok(None);
    }
    Ok(Some((name.to_owned(), unescape(value))))
}

/// Undoes what `mysql --batch` does to values.
///
/// Source: MySQL Reference Manual, "mysql Client Options", `--batch` and `--raw`.
fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('0') => text.push('\0'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    text
}

fn json_lines<'a>(input: impl Read + 'a) -> Lines<'a> {
    let lines = BufReader::new(input).split(b'\n').zip(1..);
    Box::new(lines.filter_map(|(line, number)| {
        let row = match line {
            Ok(line) if line.iter().all(u8::is_ascii_whitespace) => return None,
            Ok(line) => json_row(&line),
            Err(error) => Err(error.to_string()),
        };
        Some(Line { number, row })
    }))
}

fn json_row(line: &[u8]) -> Result<Row, String> {
    use serde_json::Value;
    let values: BTreeMap<String, Value> =
        serde_json::from_slice(line).map_err(|error| format!("it is no JSON object: {error}"))?;
    let values = values.into_iter().filter_map(|(name, value)| match value {
        Value::Null => None,
        Value::String(text) => Some((name, text)),
        other => Some((name, other.to_string())),
    });
    Ok(values.collect())
}

/// Makes a row a session. `Err` says which column is wrong and what was expected.
pub fn session(row: &Row, zone: &TimeZone) -> Result<Session, String> {
    let time = |names: &[&str]| match value(row, names)? {
        Some(text) => times::parse(text, zone).map_err(|error| format!("{}: {error}", names[0])),
        None => Ok(None),
    };
    let text = |names| Ok::<_, String>(value(row, names)?.unwrap_or_default().to_owned());
    let participants = text(JOINED_PARTICIPANTS)?;
    let created = time(CREATED)?.ok_or("created is missing")?;
    let mut session = Session::new(text(ROOM_ID)?, text(ROOM_SID)?, created);
    session.room_title = text(ROOM_TITLE)?;
    session.joined_participants = match participants.trim() {
        "" => 0,
        number => number.parse().map_err(|_| {
            format!("joined_participants: {number:?} is no whole number from 0 to {}", u32::MAX)
        })?,
    };
    session.webhook_url = text(WEBHOOK_URL)?;
    session.ended = time(ENDED)?;
    session.analytics_file_id = Some(text(ANALYTICS_FILE_ID)?).filter(|id| !id.is_empty());
    session.key().map_err(|error| error.to_string())?;
    Ok(session)
}

/// A column's value under any of its names.
fn value<'a>(row: &'a Row, names: &[&str]) -> Result<Option<&'a str>, String> {
    let mut values = names.iter().filter_map(|name| row.get(*name));
    let value = values.next();
    match values.next() {
        Some(_) => Err(format!("it has both {}: only one is possible", names.join(" and "))),
        None => Ok(value.map(String::as_str)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(text: &str, format: Format) -> Vec<Result<Session, (u64, String)>> {
        let lines = read(text.as_bytes(), format).expect("a header");
        lines
            .map(|line| {
                let session = line.row.and_then(|row| session(&row, &TimeZone::UTC));
                session.map_err(|reason| (line.number, reason))
            })
            .collect()
    }

    #[test]
    fn the_three_formats_and_both_sets_of_names_say_the_same() {
        let csv = "room_id,room_sid,room_title,joined_participants,webhook_url,created,ended,analytics_file_id\n\
                   room01,SID_a,\"A, \"\"b\"\"\nc\",5,https://x,2026-11-22T10:00:00Z,,f1\n";
        let tsv = "roomId\tsid\troom_title\tjoined_participants\twebhook_url\tcreated\tended\tfile_id\n\
                   room01\tSID_a\tA, \"b\"\\nc\t5\thttps://x\t2026-11-22 10:00:00\tNULL\tf1\n";
        let jsonl = "\n{\"roomId\":\"room01\",\"room_sid\":\"SID_a\",\"room_title\":\"A, \\\"b\\\"\\nc\",\
                     \"joined_participants\":5,\"webhook_url\":\"https://x\",\"created\":1795341600,\"ended\":null,\
                     \"file_id\":\"f1\",\"other\":[1]}\n";
        let expected = sessions(csv, Format::Csv);
        assert_eq!(expected.len(), 1);
        assert_eq!(
            expected[0].as_ref().map(|session| session.room_title.as_str()),
            Ok("A, \"b\"\nc")
        );
        assert_eq!(sessions(tsv, Format::Tsv), expected);
        assert_eq!(sessions(jsonl, Format::Jsonl), expected);
    }

    #[test]
    fn a_wrong_row_says_where_and_why_and_the_rest_goes_on() {
        let csv = "room_id,sid,created,joined_participants\n\
                   room01,a,2026-11-22T10:00:00Z,1\n\
                   ,b,2026-11-22T10:00:00Z,1\n\
                   room01,c,never,1\n\
                   room01,d,,1\n\
                   room01,e,2026-11-22T10:00:00Z,-1\n\
                   room01,f,2026-11-22T10:00:00Z\n\
                   room01,g,2026-11-22T10:00:00Z,1\n";
        let sessions = sessions(csv, Format::Csv);
        let errors: Vec<_> = sessions.iter().filter_map(|session| session.as_ref().err()).collect();
        assert_eq!(errors.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
        for (error, named) in
            errors.iter().zip(["room_id", "created", "created", "joined_participants", "columns"])
        {
            assert!(error.1.contains(named), "{error:?}");
        }
        assert_eq!(sessions.len(), 7);
    }

    #[test]
    fn a_file_without_the_columns_is_refused() {
        let error =
            read(&b"room_id,created\n"[..], Format::Csv).err().expect("refused").to_string();
        assert!(error.contains("room_sid or sid"), "{error}");
    }
}
