//! Compiles `sql`: the author's own statements, which nobody has classified.

use ledger::plan::StepMode;

use super::draft::{Added, Draft, RawStep};
use super::lexer::{Kind, Token, significant, tokens};
use crate::kinds::RawSql;
use crate::kinds::sql::Transaction;
use crate::spec::Code;

/// Adds the step to the draft, or its faults.
pub(super) fn compile(draft: &mut Draft<'_>, index: usize, change: &RawSql) {
    let before = draft.faults.len();
    for (key, texts) in [("run", Some(&change.run)), ("undo", change.undo.as_ref())] {
        if let Some(texts) = texts {
            check(draft, index, key, (texts, change.transaction));
        }
    }
    if let Some(done) = &change.done {
        let statements = statements(done);
        let first = statements.first().filter(|_| statements.len() == 1);
        ask(draft, index, first.map(|statement| statement[0].text));
    }
    if draft.faults.len() > before {
        return;
    }
    remark(draft, index, change);
    let mode = match change.transaction {
        Transaction::Together => StepMode::Short,
        Transaction::Outside => StepMode::Watched,
    };
    let table = draft.table_of[index].map(|at| draft.tables[at].table.name.clone());
    draft.expand.push(Added::Raw(RawStep {
        title: format!("run raw SQL of change {}", index + 1),
        table,
        mode,
        run: change.run.clone(),
        undo: change.undo.clone(),
        done: change.done.as_deref().map(without_semicolon),
    }));
}

/// Whoever approves has to know that there is raw SQL, and whoever rolls back what stays of it.
pub(super) fn remark(draft: &mut Draft<'_>, index: usize, change: &RawSql) {
    let number = index + 1;
    draft.reasons.push(format!(
        "change {number} is raw SQL: nobody has classified what it locks, rewrites or breaks ({})",
        shortened(&change.run[0])
    ));
    if change.undo.is_none() {
        let message = format!(
            "Change {number} is raw SQL without `undo`: `rollback --discard` leaves what it did in place. Give `undo` if it should go."
        );
        draft.notice("SL-NO-UNDO", message);
    }
}

/// A step is one transaction, or one statement outside of any: text that says otherwise would break that.
fn check(draft: &mut Draft<'_>, index: usize, key: &str, (texts, transaction): (&[String], Transaction)) {
    const CONTROL: &[&str] = &[
        "BEGIN",
        "START",
        "COMMIT",
        "END",
        "ROLLBACK",
        "ABORT",
        "SAVEPOINT",
        "RELEASE",
        "PREPARE",
    ];
    let statements: Vec<Vec<Token<'_>>> = texts.iter().flat_map(|text| statements(text)).collect();
    if statements.is_empty() {
        draft.fault(index, key, Code::RawSql, "there is no statement, only comments");
    }
    for statement in &statements {
        let first = statement[0];
        if first.is("\\") {
            draft.fault(
                index,
                key,
                Code::RawSql,
                "psql's own commands (`\\...`) are not SQL; leave them out",
            );
        } else if CONTROL.iter().any(|word| first.is_word(word)) {
            let message = format!(
                "`{}` controls a transaction, but Sluice does that: all statements run in one; leave it out",
                first.text.to_uppercase()
            );
            draft.fault(index, key, Code::RawSql, message);
        }
    }
    if transaction == Transaction::Outside && statements.len() > 1 {
        let message = format!(
            "found {} statements, but outside a transaction a change is one statement, so that it either happened or did not; \
             make each its own `[[change]]`",
            statements.len()
        );
        draft.fault(index, key, Code::RawSql, message);
    }
}

/// A question begins like a query; None: it is not one statement.
pub(super) fn ask(draft: &mut Draft<'_>, index: usize, first: Option<&str>) {
    let words = ["SELECT", "WITH", "VALUES"];
    if !first.is_some_and(|first| words.iter().any(|word| first.eq_ignore_ascii_case(word))) {
        draft.fault(
            index,
            "done",
            Code::RawSql,
            "expected one query that answers one boolean, such as `SELECT EXISTS (...)`",
        );
    }
}

/// The statements of a text. A body in SQL's own words (`BEGIN ATOMIC ... END`) belongs to its statement.
fn statements(text: &str) -> Vec<Vec<Token<'_>>> {
    let mut statements = vec![Vec::new()];
    let mut open = 0_u32;
    for token in significant(text) {
        let current = statements
            .last_mut()
            .expect("there is always a statement under way");
        let body_begins =
            token.is_word("ATOMIC") && current.last().is_some_and(|t: &Token<'_>| t.is_word("BEGIN"));
        if body_begins || (open > 0 && token.is_word("CASE")) {
            open += 1;
        } else if open > 0 && token.is_word("END") {
            open -= 1;
        }
        if open == 0 && token.is(";") {
            statements.push(Vec::new());
        } else {
            current.push(token);
        }
    }
    statements.retain(|statement| !statement.is_empty());
    statements
}

/// So that a question can stand inside another: no last semicolon, and no comment after it.
fn without_semicolon(text: &str) -> String {
    let mut all = tokens(text);
    while all
        .last()
        .is_some_and(|token| token.kind == Kind::Space || token.is(";"))
    {
        all.pop();
    }
    all.iter().map(|token| token.text).collect()
}

/// Enough of a statement to recognize it, on one line.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(50) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_where_the_server_ends_them() {
        let check = |text: &str, expected: usize| assert_eq!(statements(text).len(), expected, "{text}");
        check("SELECT 1; ; SELECT ';' -- ;\n", 2);
        check(
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3",
            2,
        );
        check("DO $$ BEGIN NULL; END $$", 1);
        check("-- nothing", 0);
    }

    #[test]
    fn a_question_loses_its_last_semicolon_only() {
        assert_eq!(without_semicolon("SELECT ';' = 'x' ; -- ok;"), "SELECT ';' = 'x'");
        assert_eq!(without_semicolon("SELECT ';'"), "SELECT ';'");
    }
}
