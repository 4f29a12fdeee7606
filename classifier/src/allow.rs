//! Comments by which an author accepts a finding: `-- sluice: allow SL2101 the table is small`.
//!
//! One stands before its statement, in it, or behind it on the same line. The reason is required: it is what the next reader looks for.
//! A comment that cannot be meant as it is written accepts nothing and is a finding itself, and so is one that matches nothing: it would
//! hide the next finding of its code.

use crate::{Code, Page, Risk, Verdict, rule};

/// A comment that begins with `sluice:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Where it stands, from 1.
    pub line: u64,
    /// What it says, or what is wrong with it.
    pub said: Result<Allow, String>,
}

/// What an author accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// The finding.
    pub code: Code,
    /// Why.
    pub reason: String,
}

/// A comment that accepts nothing because of how it is written.
pub const MISWRITTEN: Page = Page {
    code: Code(2003),
    title: "A comment for Sluice that cannot be understood",
    risk: Risk::Low,
    why: "A comment that begins with `sluice:` accepts a finding: `-- sluice: allow CODE reason`, before the statement, in it, or behind it \
on the same line. This one has no code, a code that no rule has, or no reason, so it accepts nothing. The reason is required: whoever reads \
the migration next must be able to see why it was safe.",
    example: "-- sluice: allow SL2101\nSELECT 1;",
    safer: "-- sluice: allow SL2101 the table has 50 rows\nCREATE INDEX i ON kind (name);",
    needs_facts: false,
};

/// A comment that accepts what nobody found.
pub const UNUSED: Page = Page {
    code: Code(2004),
    title: "An accepted finding that is not there",
    risk: Risk::None,
    why: "The comment accepts a finding that its statement does not have. It may have been left behind when the statement changed, or stands \
at another statement than was meant. Take it away: it would hide the finding on the day it comes back.",
    example: "-- sluice: allow SL2101 the table has 50 rows\nSELECT 1;",
    safer: "SELECT 1;",
    needs_facts: false,
};

/// What a comment accepts, if it is for us. The text is what is between the comment's marks.
#[must_use]
pub fn read(comment: &str, line: u64) -> Option<Comment> {
    const NAME: &str = "sluice:";
    let comment = comment.trim_start_matches('-').trim();
    let rest = match comment.get(..NAME.len()) {
        Some(name) if name.eq_ignore_ascii_case(NAME) => comment[NAME.len()..].trim(),
        _ => return None,
    };
    Some(Comment {
        line,
        said: said(rest),
    })
}

fn said(text: &str) -> Result<Allow, String> {
    let (verb, rest) = first_word(text);
    if verb != "allow" {
        return Err(format!("{verb:?} is not known, only `allow CODE reason` is"));
    }
    let (code, reason) = first_word(rest);
    let code = code.trim_end_matches([':', ',']);
    if code.is_empty() {
        return Err("the code is missing: `allow CODE reason`".to_owned());
    }
    let code: Code = code.parse()?;
    let reason = reason.trim_start_matches(['-', ':', ' ']);
    if reason.is_empty() {
        return Err(format!("the reason is missing: `allow {code} reason`"));
    }
    Ok(Allow {
        code,
        reason: reason.to_owned(),
    })
}

fn first_word(text: &str) -> (&str, &str) {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_start())
}

/// Why a finding is accepted, if one of the comments says so.
#[must_use]
pub fn reason(comments: &[Comment], code: Code) -> Option<String> {
    let said = comments.iter().filter_map(|comment| comment.said.as_ref().ok());
    said.filter(|allow| allow.code == code)
        .map(|allow| allow.reason.clone())
        .next()
}

/// Accepts the findings of a statement that its comments name (a session may have done so before), and adds a finding for each
/// comment that does nothing. `is_known` says whether any rule has a code.
pub fn apply(verdict: &mut Verdict, comments: &[Comment], is_known: impl Fn(Code) -> bool) {
    for comment in comments {
        let own = match &comment.said {
            Err(wrong) => MISWRITTEN.found(format!("line {}: {wrong}", comment.line)),
            Ok(allow) if !is_known(allow.code) => MISWRITTEN.found(format!(
                "line {}: no rule has the code {}",
                comment.line, allow.code
            )),
            Ok(allow) if accept(verdict, allow) => continue,
            Ok(allow) => UNUSED.found(format!(
                "line {}: {} is accepted, and was not found here",
                comment.line, allow.code
            )),
        };
        verdict.risk = verdict.risk.max(own.risk);
        verdict.findings.push(own);
    }
}

/// False: there is no such finding.
fn accept(verdict: &mut Verdict, allow: &Allow) -> bool {
    let mut is_there = false;
    let mut is_new = false;
    for finding in &mut verdict.findings {
        if finding.code == allow.code {
            is_there = true;
            is_new |= finding.allowed.is_none();
            finding.allowed.get_or_insert_with(|| allow.reason.clone());
        }
    }
    if is_new {
        verdict.risk = rule::risk(&verdict.effect, &verdict.findings);
    }
    is_there
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Effect, Finding, Phase};

    fn found(code: u16, risk: Risk) -> Finding {
        Finding {
            code: Code(code),
            risk,
            message: String::new(),
            safer: None,
            allowed: None,
        }
    }

    fn applied(comments: &[&str]) -> Verdict {
        let mut verdict = Verdict {
            effect: Effect::nothing(Phase::Contract),
            risk: Risk::High,
            expected_lock_seconds: None,
            findings: vec![found(2101, Risk::High), found(2102, Risk::Medium)],
        };
        let comments: Vec<Comment> = comments.iter().filter_map(|text| read(text, 7)).collect();
        apply(&mut verdict, &comments, |code| code.0 < 2200);
        verdict
    }

    fn codes(verdict: &Verdict) -> Vec<u16> {
        verdict.findings.iter().map(|finding| finding.code.0).collect()
    }

    #[test]
    fn an_accepted_finding_stays_with_its_reason_and_no_longer_counts() {
        for comment in [
            " sluice: allow SL2101 the table is small",
            "sluice:allow SL2101: the table is small",
            "- SLUICE: allow SL2101 - the table is small",
        ] {
            let verdict = applied(&[comment]);
            assert_eq!(
                verdict.findings[0].allowed.as_deref(),
                Some("the table is small"),
                "{comment}"
            );
            assert_eq!((verdict.risk, codes(&verdict)), (Risk::Medium, vec![2101, 2102]));
        }
    }

    #[test]
    fn a_comment_that_is_not_understood_accepts_nothing() {
        for (comment, word) in [
            ("sluice: allow SL2101", "reason is missing"),
            ("sluice: allow SL2101 - ", "reason is missing"),
            ("sluice: allow", "code is missing"),
            ("sluice: allow everything here", "\"everything\" is not a code"),
            ("sluice: allow SL9999 no such rule", "no rule has the code SL9999"),
            ("sluice: ignore SL2101 why", "\"ignore\" is not known"),
        ] {
            let verdict = applied(&[comment]);
            assert_eq!(
                (verdict.risk, codes(&verdict)),
                (Risk::High, vec![2101, 2102, 2003]),
                "{comment}"
            );
            let message = &verdict.findings[2].message;
            assert!(message.contains(word) && message.contains("line 7"), "{message}");
            assert!(verdict.findings[0].allowed.is_none());
        }
    }

    #[test]
    fn a_comment_that_matches_nothing_is_told_and_costs_nothing() {
        let verdict = applied(&[
            "sluice: allow SL2103 was here once",
            "an ordinary comment",
            "sluicegate: x",
        ]);
        assert_eq!(
            (verdict.risk, codes(&verdict)),
            (Risk::High, vec![2101, 2102, 2004])
        );
        assert_eq!(verdict.findings[2].risk, Risk::None);
    }
}
