//! The bytes around the place where a script is read: as many ahead as are asked for, and none behind.
//!
//! Everything that is let through is valid UTF-8. Where it ends to be, or reading fails, the script ends here, and the fault is kept.

use std::io::{BufRead, ErrorKind};

use super::Fault;

/// How much that was read already may lie around before it is dropped.
const BEHIND: usize = 64 << 10;

/// See the module.
pub(super) struct Window<R> {
    reader: R,
    bytes: Vec<u8>,
    /// The next byte.
    at: usize,
    /// How far `bytes` is known to be UTF-8.
    valid: usize,
    /// Of the next byte, from 1.
    line: u64,
    /// Bytes of this line before the next one.
    column: u64,
    over: bool,
    fault: Option<Fault>,
}

impl<R: BufRead> Window<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            bytes: Vec::new(),
            at: 0,
            valid: 0,
            line: 1,
            column: 0,
            over: false,
            fault: None,
        }
    }

    /// Line of the next byte, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Nothing of this line was taken yet.
    pub(super) fn is_at_line_start(&self) -> bool {
        self.column == 0
    }

    /// What ended the script before its end.
    pub(super) fn fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// It has ended by a fault that nobody took yet.
    pub(super) fn is_faulty(&self) -> bool {
        self.fault.is_some()
    }

    /// The byte `ahead` of the next one; None past the end.
    pub(super) fn peek(&mut self, ahead: usize) -> Option<u8> {
        while self.at + ahead >= self.valid && self.fill() {}
        self.bytes[..self.valid].get(self.at + ahead).copied()
    }

    /// Whether this comes next.
    pub(super) fn is_next(&mut self, text: &[u8]) -> bool {
        text.iter()
            .enumerate()
            .all(|(ahead, byte)| self.peek(ahead) == Some(*byte))
    }

    /// The next byte, which is then behind.
    pub(super) fn take(&mut self) -> Option<u8> {
        let byte = self.peek(0)?;
        self.at += 1;
        if byte == b'\n' {
            self.line += 1;
            self.column = 0;
        } else {
            self.column += 1;
        }
        Some(byte)
    }

    /// Takes what is left of this line, its end too; false at the end of the script.
    pub(super) fn skip_line(&mut self) -> bool {
        while self.peek(0).is_some() {
            let ahead = &self.bytes[self.at..self.valid];
            if let Some(end) = ahead.iter().position(|byte| *byte == b'\n') {
                self.at += end + 1;
                self.line += 1;
                self.column = 0;
                return true;
            }
            self.column += ahead.len() as u64;
            self.at = self.valid;
        }
        false
    }

    /// Reads on; false at the end.
    fn fill(&mut self) -> bool {
        if self.over {
            return false;
        }
        if self.at > BEHIND {
            self.bytes.drain(..self.at);
            self.valid -= self.at;
            self.at = 0;
        }
        let read = match self.reader.fill_buf() {
            Ok(chunk) => {
                self.bytes.extend_from_slice(chunk);
                chunk.len()
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            Err(source) => {
                let (line, _) = self.reached();
                self.end(Some(Fault::Read { line, source }));
                return false;
            }
        };
        self.reader.consume(read);
        self.validate(read == 0);
        !self.over
    }

    /// A character may lie across two reads: only at the end of the script is half of one wrong.
    fn validate(&mut self, is_last: bool) {
        match std::str::from_utf8(&self.bytes[self.valid..]) {
            Ok(_) => {
                self.valid = self.bytes.len();
                self.over = is_last;
            }
            Err(error) => {
                self.valid += error.valid_up_to();
                if is_last || error.error_len().is_some() {
                    let fault = self.not_utf8();
                    self.end(Some(fault));
                }
            }
        }
    }

    /// The line of the first byte that is not valid, from 1, and how many bytes of it are before.
    fn reached(&self) -> (u64, u64) {
        let before = &self.bytes[self.at..self.valid];
        let lines = before.iter().filter(|byte| **byte == b'\n').count() as u64;
        let in_line = match before.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => (before.len() - end - 1) as u64,
            None => self.column + before.len() as u64,
        };
        (self.line + lines, in_line)
    }

    fn not_utf8(&self) -> Fault {
        let (line, before) = self.reached();
        Fault::NotUtf8 {
            line,
            byte: before + 1,
            found: self.bytes.get(self.valid).copied().unwrap_or_default(),
            first: line == 1 && before == 0,
        }
    }

    fn end(&mut self, fault: Option<Fault>) {
        self.over = true;
        self.bytes.truncate(self.valid);
        self.fault = fault;
    }
}
