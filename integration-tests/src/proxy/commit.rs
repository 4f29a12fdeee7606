//! The COMMIT of a transaction in a stream of PostgreSQL messages.
//!
//! A driver sends it as a message of its own and waits for the answer, so the first bytes that come back after it are its reply.

use std::collections::VecDeque;

/// A simple query that is the one word.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// Looks for a text in bytes that come in any pieces.
#[derive(Debug)]
struct Search {
    text: Vec<u8>,
    tail: VecDeque<u8>,
}

impl Search {
    fn new(text: &[u8]) -> Self {
        Self {
            text: text.to_vec(),
            tail: VecDeque::new(),
        }
    }

    fn is_in(&mut self, bytes: &[u8]) -> bool {
        let mut found = false;
        for byte in bytes {
            if self.tail.len() == self.text.len() {
                self.tail.pop_front();
            }
            self.tail.push_back(*byte);
            found |= self.tail == self.text;
        }
        found
    }
}

/// Which transactions are meant.
#[derive(Debug)]
pub(super) struct Commits {
    commit: Search,
    mark: Search,
    marked: bool,
}

impl Commits {
    /// Those that hold a text before their COMMIT.
    pub(super) fn of(mark: &str) -> Self {
        Self {
            commit: Search::new(COMMIT),
            mark: Search::new(mark.as_bytes()),
            marked: false,
        }
    }

    /// Whether these bytes to the server end such a transaction.
    pub(super) fn ends(&mut self, bytes: &[u8]) -> bool {
        self.marked |= self.mark.is_in(bytes);
        self.commit.is_in(bytes) && std::mem::take(&mut self.marked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_counts_only_after_its_mark_and_in_any_pieces() {
        let mut commits = Commits::of("sluice:batch");
        assert!(!commits.ends(COMMIT), "not marked");
        assert!(!commits.ends(b"P..../* sluice:ba"));
        assert!(!commits.ends(b"tch lease=1 */ UPDATE"));
        assert!(!commits.ends(&COMMIT[..5]));
        assert!(commits.ends(&COMMIT[5..]));
        assert!(!commits.ends(COMMIT), "the mark was of the one before");
    }
}
