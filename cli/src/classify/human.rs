//! For people: the statement with its line, what is wrong with it, which locks it takes, and what to write instead.
//!
//! A statement without any risk is not shown: a folder of good migrations is one line. What a script holds can be hostile to a terminal,
//! so control characters are not passed on.

use std::io::{self, Write};

use classifier::{Phase, Risk, TableLock};

use super::record::{Found, Record, Unreadable, phase};
use crate::paint::{Tone, painted};

/// As much of a line as is shown, in characters.
const WIDEST: usize = 120;

pub(super) fn statement(out: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    let is_accepted = record.findings.iter().all(|finding| finding.allowed.is_some());
    let differs = record
        .observed
        .as_ref()
        .is_some_and(|seen| !seen.differences.is_empty());
    if record.risk == Risk::None && is_accepted && !differs {
        return Ok(());
    }
    let mut findings = record.findings.iter();
    match findings.next() {
        Some(first) => {
            writeln!(out, "{}", header(first))?;
            place(out, record)?;
            instead(out, record, first)?;
        }
        None => {
            writeln!(
                out,
                "{}: {}",
                colored(record.risk, record.risk.as_str()),
                only_locks(record)
            )?;
            place(out, record)?;
        }
    }
    for finding in findings {
        writeln!(out, "{}", header(finding))?;
        instead(out, record, finding)?;
    }
    writeln!(out)
}

pub(super) fn fault(out: &mut impl Write, fault: &Unreadable) -> io::Result<()> {
    let head = format!("{}[{}]", Risk::Critical.as_str(), fault.code);
    writeln!(
        out,
        "{}: {}",
        colored(Risk::Critical, &head),
        plain(&fault.message)
    )?;
    match fault.line {
        Some(line) => writeln!(out, "  --> {}:{line}\n", plain(&fault.file)),
        None => writeln!(out, "  --> {}\n", plain(&fault.file)),
    }
}

fn header(finding: &Found<'_>) -> String {
    let message = plain(finding.message);
    match finding.allowed {
        Some(reason) => {
            let head = painted(Tone::Good, &format!("allowed[{}]", finding.code));
            format!("{head}: {message} (because: {})", plain(reason))
        }
        None => {
            let head = format!("{}[{}]", finding.risk.as_str(), finding.code);
            format!("{}: {message}", colored(finding.risk, &head))
        }
    }
}

/// The place, the line, and under it what the statement does.
fn place(out: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    let number = record.line.to_string();
    let margin = " ".repeat(number.len());
    let first = record.statement.lines().next().unwrap_or_default();
    let mut shown: String = plain(first).chars().take(WIDEST).collect();
    let underline = "^".repeat(shown.trim_end().chars().count());
    if first.chars().count() > WIDEST {
        shown.push_str(" ...");
    }
    writeln!(out, "{margin} --> {}:{number}", plain(record.file))?;
    writeln!(out, "{margin} |")?;
    writeln!(out, "{number} | {shown}")?;
    writeln!(out, "{margin} | {}", colored(record.risk, &underline))?;
    for lock in record.locks {
        writeln!(out, "{margin} = {}", plain(&lock_line(lock)))?;
    }
    writeln!(out, "{margin} = {}", effects(record))?;
    let Some(seen) = &record.observed else {
        return Ok(());
    };
    if seen.differences.is_empty() {
        return writeln!(out, "{margin} = observed: as the rules say");
    }
    for difference in &seen.differences {
        writeln!(out, "{margin} = {}", painted(Tone::Waits, &plain(difference)))?;
    }
    Ok(())
}

fn lock_line(lock: &TableLock) -> String {
    let blocks = match (lock.mode.blocks_reads(), lock.mode.blocks_writes()) {
        (true, _) => ", blocks reads and writes",
        (false, true) => ", blocks writes",
        (false, false) => "",
    };
    format!("locks {}: {}{blocks}", lock.table, lock.mode.as_str())
}

fn effects(record: &Record<'_>) -> String {
    let risk = record.risk.as_str();
    let mut said = vec![format!(
        "{}, risk {}",
        phase(record.phase),
        colored(record.risk, risk)
    )];
    if record.rewrites_table {
        said.push("rewrites the table".to_owned());
    }
    if record.scans_table {
        said.push("reads every row".to_owned());
    }
    if !record.transactional {
        said.push("not in a transaction".to_owned());
    }
    if let Some(seconds) = record.expected_lock_seconds {
        said.push(format!(
            "holds its lock for {:.1} to {:.1} s",
            seconds.low, seconds.high
        ));
    }
    said.join("; ")
}

fn only_locks(record: &Record<'_>) -> &'static str {
    if record.phase == Phase::Unknown {
        return "what it does is unknown";
    }
    let works = record.rewrites_table || record.scans_table;
    match (record.blocks_reads, record.blocks_writes, works) {
        (true, _, true) => "blocks reads and writes for as long as it works",
        (true, _, false) => "blocks reads and writes for an instant, and while it waits for its lock",
        (false, true, true) => "blocks writes for as long as it works",
        (false, true, false) => "blocks writes for an instant, and while it waits for its lock",
        (false, false, _) => "works on the table without blocking",
    }
}

fn instead(out: &mut impl Write, record: &Record<'_>, finding: &Found<'_>) -> io::Result<()> {
    let Some(safer) = finding.safer.filter(|_| finding.allowed.is_none()) else {
        return Ok(());
    };
    let margin = " ".repeat(record.line.to_string().len());
    writeln!(out, "{margin} = instead:")?;
    for line in safer.lines() {
        writeln!(out, "{margin}     {}", plain(line))?;
    }
    Ok(())
}

/// Nothing that a terminal would obey.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn colored(risk: Risk, text: &str) -> String {
    match risk {
        Risk::Critical | Risk::High => painted(Tone::Bad, text),
        Risk::Medium => painted(Tone::Waits, text),
        Risk::Low | Risk::None => text.to_owned(),
    }
}
