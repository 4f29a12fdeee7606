//! What the test harness said, added up.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::Context;

/// Counts of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Passed.
    pub passed: u64,
    /// Failed; a harness that died counts as one.
    pub failed: u64,
    /// Ignored by the source, left out by the caller, or lacking what they need.
    pub skipped: u64,
}

impl Tally {
    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// From a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; ...`.
    fn of_line(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let count = |word: &str| {
            let part = counts
                .split("; ")
                .find_map(|part| part.trim().strip_suffix(word))?;
            part.trim().parse::<u64>().ok()
        };
        Some(Self {
            passed: count("passed")?,
            failed: count("failed")?,
            skipped: count("ignored")?,
        })
    }
}

/// Runs a test command, passes its output on, and counts.
///
/// # Errors
/// It cannot be run.
pub fn run(mut command: Command) -> anyhow::Result<Tally> {
    let shown = crate::command::show(&command);
    eprintln!("$ {shown:.160}");
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {shown}"))?;
    let output = child.stdout.take().context("the test command has no output")?;
    let mut tally = Tally::default();
    for line in BufReader::new(output).lines() {
        let line = line?;
        eprintln!("{line}");
        tally.add(Tally::of_line(&line).unwrap_or_default());
    }
    let status = child.wait()?;
    if !status.success() && tally.failed == 0 {
        eprintln!("`{shown:.160}` failed without naming a test: {status}");
        tally.failed += 1;
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_counted_and_others_are_not() {
        let line = "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 9 filtered out; finished in 0.01s";
        assert_eq!(
            Tally::of_line(line),
            Some(Tally {
                passed: 3,
                failed: 1,
                skipped: 2
            })
        );
        assert_eq!(Tally::of_line("test bus::a ... ok"), None);
        assert_eq!(Tally::of_line("test result: ok. gibberish"), None);
    }

    #[test]
    fn a_command_that_dies_without_a_result_counts_as_a_failure() {
        assert_eq!(
            run(Command::new("false")).unwrap(),
            Tally {
                failed: 1,
                ..Tally::default()
            }
        );
    }
}
