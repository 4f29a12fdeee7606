//! SARIF 2.1.0, the format of code scanning services: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.
//!
//! The rules come first, so that results can be written as they are found.

use std::io::{self, Write};

use classifier::{Code, Page, Risk};
use serde_json::{Value, json};

use super::json::next;
use super::pages;
use super::record::{Record, Unreadable, phase};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

pub(super) fn begin(out: &mut impl Write) -> io::Result<()> {
    let driver = json!({
        "name": "sluice",
        "version": env!("CARGO_PKG_VERSION"),
        "rules": classifier::pages::all().iter().map(rule).collect::<Vec<_>>(),
    });
    write!(
        out,
        "{{\n\"$schema\": \"{SCHEMA}\",\n\"version\": \"2.1.0\",\n\"runs\": [{{\n\"tool\": {},\n\"columnKind\": \"unicodeCodePoints\",\n\"results\": [",
        json!({ "driver": driver })
    )
}

pub(super) fn statement(out: &mut impl Write, record: &Record<'_>, is_first: &mut bool) -> io::Result<()> {
    let lines = record.statement.lines().count().max(1) as u64;
    let region = json!({
        "startLine": record.line,
        "endLine": record.line + lines - 1,
        "snippet": { "text": record.statement },
    });
    for finding in &record.findings {
        let text = match finding.safer {
            Some(safer) => format!("{}\n\nInstead:\n\n{safer}", finding.message),
            None => finding.message.to_owned(),
        };
        let mut result = result(
            finding.code,
            finding.risk,
            &text,
            &location(record.file, Some(region.clone())),
        );
        result["properties"] = json!({
            "risk": finding.risk,
            "phase": phase(record.phase),
            "locks": record.locks,
            "rewrites_table": record.rewrites_table,
            "scans_table": record.scans_table,
        });
        if let Some(reason) = finding.allowed {
            result["suppressions"] = json!([{ "kind": "inSource", "justification": reason }]);
        }
        next(out, is_first)?;
        write!(out, "{result}")?;
    }
    Ok(())
}

pub(super) fn fault(out: &mut impl Write, fault: &Unreadable, is_first: &mut bool) -> io::Result<()> {
    let region = fault.line.map(|line| json!({ "startLine": line }));
    next(out, is_first)?;
    let result = result(
        fault.code,
        Risk::Critical,
        &fault.message,
        &location(&fault.file, region),
    );
    write!(out, "{result}")
}

pub(super) fn end(out: &mut impl Write, faults: &[Unreadable]) -> io::Result<()> {
    let notifications: Vec<Value> = faults
        .iter()
        .map(|fault| {
            json!({
                "level": "error",
                "message": { "text": format!("{}: {}", fault.file, fault.message) },
                "locations": [location(&fault.file, None)],
            })
        })
        .collect();
    let invocation = json!({
        "executionSuccessful": faults.is_empty(),
        "toolExecutionNotifications": notifications,
    });
    writeln!(out, "\n],\n\"invocations\": [{invocation}]\n}}]\n}}")
}

fn rule(page: &Page) -> Value {
    json!({
        "id": page.code,
        "shortDescription": { "text": page.title },
        "fullDescription": { "text": page.why },
        "help": { "text": page.why, "markdown": pages::markdown(page) },
        "defaultConfiguration": { "level": level(page.risk) },
    })
}

fn result(code: Code, risk: Risk, text: &str, location: &Value) -> Value {
    let mut result = json!({
        "ruleId": code,
        "level": level(risk),
        "message": { "text": text },
        "locations": [location],
    });
    if let Some(index) = classifier::pages::all().iter().position(|page| page.code == code) {
        result["ruleIndex"] = index.into();
    }
    result
}

fn location(file: &str, region: Option<Value>) -> Value {
    let mut place = json!({ "artifactLocation": { "uri": uri(file) } });
    if let Some(region) = region {
        place["region"] = region;
    }
    json!({ "physicalLocation": place })
}

fn level(risk: Risk) -> &'static str {
    match risk {
        Risk::Critical | Risk::High => "error",
        Risk::Medium => "warning",
        Risk::Low | Risk::None => "note",
    }
}

/// A path as a relative reference; an absolute one needs its scheme. A colon in the first segment would begin a scheme as well.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.trim_start_matches("./").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte.into());
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        assert_eq!(uri("./db/V1__a b.sql"), "db/V1__a%20b.sql");
        assert_eq!(uri("/tmp/é#1.sql"), "file:///tmp/%C3%A9%231.sql");
        assert_eq!(uri("<stdin>"), "%3Cstdin%3E");
        assert_eq!(uri("c:x.sql"), "c%3Ax.sql");
    }
}
