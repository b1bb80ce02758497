//! Lines, numbered, of which none fills the memory.

use std::io::{self, BufRead, Read};

use super::{MAX_ROW_BYTES, too_long};

/// The lines of a file, which end with `\n` and with nothing else: `mysql --batch` writes a `\r` in
/// a title as it is.
pub struct NumberedLines<R> {
    input: R,
    number: u64,
}

impl<R: BufRead> NumberedLines<R> {
    pub fn new(input: R) -> Self {
        NumberedLines { input, number: 0 }
    }
}

impl<R: BufRead> Iterator for NumberedLines<R> {
    type Item = io::Result<(u64, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        let limit = MAX_ROW_BYTES as u64 + 1;
        match self.input.by_ref().take(limit).read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(Err(error)),
        }
        self.number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() > MAX_ROW_BYTES {
            return Some(Err(too_long(self.number)));
        }
        Some(Ok((self.number, line)))
    }
}
