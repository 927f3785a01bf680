//! The conversion of line ends: `\r\n` and `\r` become `\n`, so that line numbers agree in every
//! file.

use std::io::{self, Read};

/// A reader that converts line ends to `\n`.
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
            let mut n_kept = 0;
            for position in 0..filled {
                let byte = buffer[position];
                if !(self.after_return && byte == b'\n') {
                    buffer[n_kept] = if byte == b'\r' { b'\n' } else { byte };
                    n_kept += 1;
                }
                self.after_return = byte == b'\r';
            }
            // Returning 0 would mean the end of the text.
            if n_kept > 0 || filled == 0 {
                return Ok(n_kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn every_line_end_is_one_byte() {
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
