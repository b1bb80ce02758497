//! Numbered lines of bounded length.

use std::io::{self, BufRead, Read};

use super::MAX_ROW_BYTES;

/// The lines of a file, which end with `\n` and with nothing else: `mysql --batch` writes a `\r` in
/// a title as it is.
pub struct NumberedLines<R> {
    input: R,
    number: u64,
}

/// A line of a file.
pub struct NumberedLine {
    /// Counted from 1.
    pub number: u64,
    /// The line without its end.
    pub bytes: Vec<u8>,
    /// Whether the line is longer than a row may be; then only its beginning is kept.
    pub is_cut: bool,
}

/// Bytes that are kept of a line that is too long.
const KEPT_BYTES: usize = 1000;

impl<R: BufRead> NumberedLines<R> {
    pub fn new(input: R) -> Self {
        NumberedLines { input, number: 0 }
    }
}

impl<R: BufRead> Iterator for NumberedLines<R> {
    type Item = io::Result<NumberedLine>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        let limit = MAX_ROW_BYTES as u64 + 1;
        match self.input.by_ref().take(limit).read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(Err(error)),
        }
        self.number += 1;
        let is_cut = line.last() != Some(&b'\n') && line.len() > MAX_ROW_BYTES;
        if is_cut {
            line.truncate(KEPT_BYTES);
            if let Err(error) = self.input.skip_until(b'\n') {
                return Some(Err(error));
            }
        } else if line.last() == Some(&b'\n') {
            line.pop();
        }
        Some(Ok(NumberedLine { number: self.number, bytes: line, is_cut }))
    }
}
