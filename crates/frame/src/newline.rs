//! Line ends made one: `\r\n` and `\r` become `\n`, so that lines count the same in every file.

use std::io::{self, Read};

/// A text whose lines end in `\n`.
pub(super) struct Newlines<R> {
    inner: R,
    after_return: bool,
}

impl<R: Read> Newlines<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self {
            inner,
            after_return: false,
        }
    }
}

impl<R: Read> Read for Newlines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let filled = self.inner.read(buffer)?;
            let mut kept = 0;
            for position in 0..filled {
                let byte = buffer[position];
                if !(self.after_return && byte == b'\n') {
                    buffer[kept] = if byte == b'\r' { b'\n' } else { byte };
                    kept += 1;
                }
                self.after_return = byte == b'\r';
            }
            // Nothing kept is not the end, unless nothing was filled.
            if kept > 0 || filled == 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn every_line_end_becomes_one_byte() {
        for capacity in [1, 2, 3, 64] {
            let inner = BufReader::with_capacity(capacity, &b"a\r\nb\rc\n\r\n\r\rd\r\n"[..]);
            let mut text = String::new();
            Newlines::new(inner).read_to_string(&mut text).unwrap();
            assert_eq!(
                text, "a\nb\nc\n\n\n\nd\n",
                "read {capacity} bytes at a time"
            );
        }
    }
}
