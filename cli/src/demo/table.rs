//! The answer for people: at most 80 columns. Pure.

use std::time::Duration;

use shared::units::{format_count, format_duration};

use super::verdict::{Answer, Percentiles, Promise, Writes};
use crate::checklist::Item;
use crate::paint::{Tone, painted};

/// Columns of a terminal that nobody has made wider.
const WIDTH: usize = 80;
/// Where the right side begins.
const RIGHT: usize = 20;

/// The closing table, with the verdict as its last line.
#[must_use]
pub fn text(answer: &Answer) -> String {
    let mut out = String::from("\n");
    let mut row = |left: &str, right: &str| {
        for (at, line) in wrapped(right, WIDTH - RIGHT).iter().enumerate() {
            let left = if at == 0 { left } else { "" };
            out.push_str(format!("{left:<RIGHT$}{line}").trim_end());
            out.push('\n');
        }
    };
    row("rows", &format_count(answer.rows));
    row("mismatches", &format_count(answer.mismatches));
    row("writes", &writes(answer.writes));
    row("latency, ms", &format!("{:>10}{:>10}", "p50", "p99"));
    let latency = answer.latency_ms;
    for (name, at) in [
        ("  before", latency.before),
        ("  during", latency.during),
        ("  after", latency.after),
    ] {
        row(name, &percentiles(at));
    }
    row("stages", "");
    for stage in &answer.stages {
        row(&format!("  {}", stage.name.as_str()), &took(stage.seconds));
    }
    let second = &answer.second;
    let schema = if second.schema_equal {
        "as before"
    } else {
        "NOT as before"
    };
    row(
        "second migration",
        &format!("{}, schema {schema}; {}", second.state, writes(second.writes)),
    );
    out.push_str("checklist\n");
    for item in &answer.checklist {
        checked(&mut out, item);
    }
    out.push_str("promises\n");
    for promise in &answer.promises {
        kept(&mut out, promise);
    }
    let all = format_duration(Duration::from_secs_f64(answer.seconds.max(0.0)));
    let tone = if answer.promises.iter().all(|promise| promise.holds) {
        Tone::Good
    } else {
        Tone::Bad
    };
    let verdict = painted(tone, answer.verdict);
    out.push_str(&format!("\nverdict: {verdict}, in {all}\n"));
    out
}

fn writes(writes: Writes) -> String {
    format!(
        "{} made, {} found again",
        format_count(writes.made),
        format_count(writes.found)
    )
}

fn percentiles(at: Percentiles) -> String {
    let shown = |value: Option<f64>| value.map_or("-".to_owned(), |ms| format!("{ms:.1}"));
    format!("{:>10}{:>10}", shown(at.p50), shown(at.p99))
}

fn took(seconds: Option<f64>) -> String {
    let shown = seconds.map_or("not ended".to_owned(), |s| format!("{s:.1} s"));
    format!("{shown:>10}")
}

/// One line if it holds; with its evidence if not, because that is what a reader asks then.
fn checked(out: &mut String, item: &Item) {
    let mark = if item.holds {
        painted(Tone::Good, "holds  ")
    } else {
        painted(Tone::Waits, "not    ")
    };
    out.push_str(&format!("  {mark}{}\n", item.item));
    if !item.holds {
        indented(out, &item.evidence);
    }
}

fn kept(out: &mut String, promise: &Promise) {
    let mark = if promise.holds {
        painted(Tone::Good, "held   ")
    } else {
        painted(Tone::Bad, "BROKEN ")
    };
    out.push_str(&format!("  {mark}{}\n", promise.promise));
    indented(out, &promise.evidence);
}

fn indented(out: &mut String, text: &str) {
    const DEPTH: usize = 11;
    for line in wrapped(text, WIDTH - DEPTH) {
        out.push_str(&format!("{:DEPTH$}{line}\n", ""));
    }
}

/// Broken between words; a word that is longer than the line is cut.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let lines = textwrap::wrap(
        text,
        textwrap::Options::new(width).word_splitter(textwrap::WordSplitter::NoHyphenation),
    );
    lines.iter().map(|line| line.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::verdict::answer;
    use super::super::verdict::tests::findings;
    use super::*;

    fn plain(answer: &Answer) -> String {
        anstream::adapter::strip_str(&text(answer)).to_string()
    }

    #[test]
    fn the_table_fits_a_terminal_and_ends_with_the_verdict() {
        let mut found = findings();
        found.first.application.failed = vec![format!("update of 7: {}", "x".repeat(200))];
        for (found, verdict) in [
            (findings(), "verdict: every promise held, in 41.2s"),
            (found, "verdict: not every promise held, in 41.2s"),
        ] {
            let text = plain(&answer(&found));
            for line in text.lines() {
                assert!(line.chars().count() <= WIDTH, "{line:?}");
                assert_eq!(line, line.trim_end());
            }
            assert_eq!(text.lines().last(), Some(verdict));
        }
    }

    #[test]
    fn what_does_not_hold_says_why() {
        let mut found = findings();
        found.second.schema_equal = false;
        let text = plain(&answer(&found));
        for line in [
            "rows                10,000",
            "mismatches          0",
            "writes              1,000 made, 1,000 found again",
            "  not    contract only after references are gone",
            "  BROKEN the way back leads to where it began",
            "second migration    rolled-back, schema NOT as before; 1,000 made, 1,000 found",
        ] {
            assert!(text.lines().any(|l| l == line), "{line:?} is missing:\n{text}");
        }
    }
}
