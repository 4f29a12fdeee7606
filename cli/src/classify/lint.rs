//! Matters of style, by squawk's rules: the types of new columns, names that are cut off.
//!
//! Only those that say nothing about locks, time or what breaks: these the lock model judges, which knows more. squawk's own comments
//! (`-- squawk-ignore RULE`) inside of a statement are honored. What it has to say is never a risk.

use classifier::{Finding, Phase, Risk, Verdict, script};
use squawk_linter::{Linter, Rule};
use squawk_syntax::SourceFile;

/// The longest statement that is looked at, in bytes: a longer one is data.
const LONGEST: usize = 256 << 10;

const RULES: [Rule; 9] = [
    Rule::BanCharField,
    Rule::BanDuplicateColumnAssignments,
    Rule::IdentifierTooLong,
    Rule::PreferBigintOverInt,
    Rule::PreferBigintOverSmallint,
    Rule::PreferIdentity,
    Rule::PreferTextField,
    Rule::PreferTimestampTz,
    Rule::RequireEnumValueOrdering,
];

/// Adds what there is to say of a statement that the model could read.
pub(super) fn add(verdict: &mut Verdict, statement: &str) {
    if verdict.effect.phase == Phase::Unknown || statement.len() > LONGEST {
        return;
    }
    let mut linter = Linter::from(RULES);
    let violations = linter.lint(&SourceFile::parse(statement), statement);
    let said = violations.into_iter().map(|violation| Finding {
        code: script::STYLE.code,
        risk: Risk::None,
        message: match violation.help {
            Some(help) => format!(
                "{} ({}). {help}",
                violation.message.trim_end_matches('.'),
                violation.code
            ),
            None => format!("{} ({})", violation.message.trim_end_matches('.'), violation.code),
        },
        safer: None,
        allowed: None,
    });
    verdict.findings.extend(said);
}

#[cfg(test)]
mod tests {
    use classifier::Effect;

    use super::*;

    fn said(phase: Phase, statement: &str) -> Vec<String> {
        let mut verdict = Verdict {
            effect: Effect::nothing(phase),
            risk: Risk::None,
            expected_lock_seconds: None,
            findings: Vec::new(),
        };
        add(&mut verdict, statement);
        assert_eq!(verdict.risk, Risk::None);
        verdict
            .findings
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn style_is_told_and_locks_are_not() {
        let found = said(Phase::Expand, "CREATE TABLE t (a char(3), b timestamp)");
        assert!(
            found.iter().any(|text| text.contains("(ban-char-field)")),
            "{found:?}"
        );
        assert!(
            found.iter().any(|text| text.contains("(prefer-timestamp-tz)")),
            "{found:?}"
        );
        assert_eq!(
            said(Phase::Expand, "CREATE INDEX i ON t (a)"),
            Vec::<String>::new()
        );
        assert_eq!(
            said(Phase::Unknown, "CREATE TABLE t (a char(3)"),
            Vec::<String>::new()
        );
    }
}
