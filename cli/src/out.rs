//! What a command answers goes to standard output, everything else to standard error.
//!
//! A reader that goes away (`sluice status | head -1`) is not an error: what could not be written is dropped.

use std::io::{IsTerminal, Write};

use jiff::Timestamp;
use serde::Serialize;

/// Writes one answer, with a line end.
pub fn answer(text: &str) {
    let mut out = std::io::stdout().lock();
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

/// Tells the person at the terminal something that is not the answer.
pub fn note(text: &str) {
    let mut err = std::io::stderr().lock();
    let _gone = writeln!(err, "{text}");
}

/// Whether a person watches standard error.
#[must_use]
pub fn is_watched() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
