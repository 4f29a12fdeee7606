//! What a command answers goes to standard output, everything else to standard error.
//!
//! A reader that goes away (`sluice status | head -1`) is not an error: what could not be written is dropped. Colors
//! ([`crate::paint`]) are for terminals, and go without with `NO_COLOR`.

use std::io::{IsTerminal, Write};

use jiff::Timestamp;
use serde::Serialize;

/// Writes one answer, with a line end.
pub fn answer(text: &str) {
    let mut out = anstream::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let _gone = out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(end.as_bytes()))
        .and_then(|()| out.flush());
}

/// Writes one answer as JSON.
///
/// # Panics
/// Never: our answers serialise to JSON.
pub fn json(value: &impl Serialize) {
    answer(&pretty(value));
}

/// As it is written to a file or to standard output.
///
/// # Panics
/// Never: our answers serialise to JSON.
#[must_use]
pub fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("an answer serialises to JSON")
}

/// Wall time to the second, in UTC, as people read it.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Tells the person at the terminal something that is not the answer. One line in a log; on a terminal it is broken between words.
pub fn note(text: &str) {
    let mut err = anstream::stderr().lock();
    let _gone = match columns() {
        Some(columns) => writeln!(err, "{}", broken(text, columns)),
        None => writeln!(err, "{text}"),
    };
}

/// Width of the terminal that standard error is, if it is one.
fn columns() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(std::io::stderr())?;
    Some(width.0.into())
}

/// Broken between words, what follows the first line is set in; never narrower than it can be read.
fn broken(text: &str, columns: usize) -> String {
    const NARROWEST: usize = 40;
    textwrap::fill(
        text,
        textwrap::Options::new(columns.max(NARROWEST))
            .subsequent_indent("      ")
            // A time has hyphens, and is read in one piece.
            .word_splitter(textwrap::WordSplitter::NoHyphenation),
    )
}

/// Whether a person watches standard error.
#[must_use]
pub fn is_watched() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_broken_between_words_and_set_in() {
        let text = "demo: an application writes to it: a release that follows flags, and an older one";
        let lines =
            "demo: an application writes to it: a release that\n      follows flags, and an older one";
        assert_eq!(broken(text, 50), lines);
        assert_eq!(broken(text, 3), broken(text, 40));
        let time = "demo: the stage goes on at the moment 2026-11-26T00:05:06Z";
        assert!(broken(time, 50).ends_with("\n      2026-11-26T00:05:06Z"));
    }
}
