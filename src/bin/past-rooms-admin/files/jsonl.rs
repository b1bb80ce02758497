//! JSON Lines: one JSON object a line.

use std::fmt;
use std::io::{self, BufRead};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::lines::{NumberedLine, NumberedLines};
use super::{Line, Lines, MAX_ROW_BYTES, Row, Unreadable, wrong};
use crate::columns::Column;

pub fn read<'a>(input: impl BufRead + 'a) -> io::Result<Lines<'a>> {
    let mut lines = NumberedLines::new(input)
        .filter(|line| !matches!(line, Ok(line) if line.bytes.trim_ascii().is_empty()))
        .peekable();
    if let Some(Ok(first)) = lines.peek()
        && first.bytes.trim_ascii_start().starts_with(b"[")
    {
        return Err(wrong(
            "it is a JSON array; expected one object a line, as `jq -c '.[]' FILE` makes of it",
        ));
    }
    Ok(Box::new(lines.map(|line| {
        let NumberedLine { number, bytes: mut line, is_cut } = line?;
        if is_cut {
            let reason = format!(
                "the line is longer than {} MB; its first bytes are kept",
                MAX_ROW_BYTES >> 20
            );
            let row = Err(Unreadable { reason, columns: Row::new(), raw: line });
            return Ok(Line { number, bytes: 0, row });
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        let bytes = line.len();
        let row = match serde_json::from_slice::<UniqueKeys>(&line) {
            Ok(UniqueKeys(row)) => Ok(row),
            Err(error) => {
                Err(Unreadable { reason: reason(&error), columns: Row::new(), raw: line })
            }
        };
        Ok(Line { number, bytes, row })
    })))
}

fn reason(error: &serde_json::Error) -> String {
    // Its line is that within the text which it was given.
    let error = error.to_string().replace(" at line 1 column ", " at column ");
    format!("it is no JSON object: {error}")
}

/// Reads a value. A number that would lose digits keeps its text, unless it is an id, which is rejected.
fn parsed(key: &str, json: &str) -> serde_json::Result<Value> {
    let is_number = json.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let is_text = is_number && !Column::is_id(key);
    match serde_json::from_str(json) {
        Ok(Value::Number(number)) if is_text && number.is_f64() => Ok(json.into()),
        Err(_) if is_text => Ok(json.into()),
        value => value,
    }
}

/// An object with unique keys. JSON does not say which of two equal keys counts.
struct UniqueKeys(Row);

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = UniqueKeys;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueKeys, A::Error> {
                let mut row = Row::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    if row.contains_key(&key) {
                        return Err(A::Error::custom(format!("it has the key {key:?} twice")));
                    }
                    let value = parsed(&key, value.get()).map_err(A::Error::custom)?;
                    row.insert(key, value);
                }
                Ok(UniqueKeys(row))
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refusal, rows};
    use super::super::{Format, MAX_ROW_BYTES};

    #[test]
    fn line_without_an_object_says_why() {
        for (line, named) in [
            (&b"{\"room_id\":1,\"room_id\":2}"[..], "the key \"room_id\" twice"),
            (b"7", "expected an object"),
            (b"{\"room_id\":1}{}", "trailing characters at column 14"),
            (b"{\"room_id\":", "EOF"),
            (b"{\"room_id\":\"\xfc\"}", "unicode"),
        ] {
            let file = [b"{\"a\":1}\n", line, b"\r\n{\"b\":2}\n"].concat();
            let rows = rows(&file, Format::Jsonl);
            let reason = rows[1].1.as_ref().expect_err("unreadable");
            assert!(reason.contains(named), "{reason}");
            assert!(!reason.contains("line 1"), "{reason}");
            assert_eq!((rows[2].0, rows[2].1.is_ok()), (3, true));
        }
    }

    #[test]
    fn too_long_line_is_one_reject() {
        let long = format!("{{\"room_title\":\"{}\"}}", "x".repeat(MAX_ROW_BYTES));
        let rows = rows(format!("{{}}\n{long}\n{{}}\n{long}").as_bytes(), Format::Jsonl);
        let found: Vec<_> = rows.iter().map(|(number, row)| (*number, row.is_ok())).collect();
        assert_eq!(found, [(1, true), (2, false), (3, true), (4, false)]);
        let reason = rows[1].1.as_ref().expect_err("too long");
        assert!(reason.contains("longer than 4 MB"), "{reason}");
    }

    #[test]
    fn array_is_refused_with_advice() {
        assert!(refusal(b"\n [\n{\"room_id\":1}\n]\n", Format::Jsonl).contains("jq -c '.[]'"));
    }
}
