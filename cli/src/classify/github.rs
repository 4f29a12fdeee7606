//! Annotations of a GitHub workflow: `::error file=...,line=...,title=...::message`, which show in the diff of a pull request.
//!
//! Percent signs and line ends are escaped everywhere, colons and commas in properties as well:
//! <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>.

use std::io::{self, Write};

use classifier::{Code, Risk};

use super::record::{Record, Unreadable};

pub(super) fn statement(out: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    let lines = record.statement.lines().count().max(1) as u64;
    let place = Place {
        file: record.file,
        lines: Some((record.line, record.line + lines - 1)),
    };
    for finding in record.findings.iter().filter(|finding| finding.allowed.is_none()) {
        let message = match finding.safer {
            Some(safer) => format!("{}\n\nInstead:\n{safer}", finding.message),
            None => finding.message.to_owned(),
        };
        annotate(out, place, finding.code, finding.risk, &message)?;
    }
    Ok(())
}

pub(super) fn fault(out: &mut impl Write, fault: &Unreadable) -> io::Result<()> {
    let place = Place {
        file: &fault.file,
        lines: fault.line.map(|line| (line, line)),
    };
    annotate(out, place, fault.code, Risk::Critical, &fault.message)
}

#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a str,
    lines: Option<(u64, u64)>,
}

fn annotate(out: &mut impl Write, place: Place<'_>, code: Code, risk: Risk, message: &str) -> io::Result<()> {
    let level = match risk {
        Risk::Critical | Risk::High => "error",
        Risk::Medium => "warning",
        Risk::Low | Risk::None => "notice",
    };
    write!(out, "::{level} file={}", property(place.file))?;
    if let Some((first, last)) = place.lines {
        write!(out, ",line={first},endLine={last}")?;
    }
    let title = property(&format!("{code} {}", risk.as_str()));
    writeln!(out, ",title={title}::{}", data(message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_or_message_ends_the_command() {
        assert_eq!(property("a:b,c%\r\n"), "a%3Ab%2Cc%25%0D%0A");
        assert_eq!(data("a:b,c%\r\n::error::x"), "a:b,c%25%0D%0A::error::x");
    }
}
