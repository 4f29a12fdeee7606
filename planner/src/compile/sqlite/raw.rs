//! Compiles `sql` for SQLite: the author's own statements, in one short transaction.

use ledger::plan::StepMode;

use engine::sqlite::tokens::{Error, Token, tokens};

use super::shape::Shape;
use crate::compile::draft::{Added, Draft, RawStep};
use crate::compile::raw::{ask, remark};
use crate::kinds::sql::Transaction;
use crate::kinds::{Change, RawSql};
use crate::spec::Code;

/// Adds the step to the draft, or its faults.
pub(super) fn compile(draft: &mut Draft<'_>, index: usize, change: &RawSql) {
    let before = draft.faults.len();
    for (key, texts) in [("run", Some(&change.run)), ("undo", change.undo.as_ref())] {
        if let Some(texts) = texts {
            check(draft, index, key, texts);
        }
    }
    if change.transaction == Transaction::Outside {
        draft.fault(
            index,
            "transaction",
            Code::RawSql,
            "nothing runs beside the application's writes on SQLite, watched or not; leave `transaction` out",
        );
    }
    if let Some(done) = &change.done {
        let statements = statements(done).unwrap_or_default();
        let first = statements.first().filter(|_| statements.len() == 1);
        ask(draft, index, first.map(|statement| statement[0].text));
    }
    if draft.faults.len() > before {
        return;
    }
    remark(draft, index, change);
    let table = draft.table_of[index].map(|at| draft.tables[at].table.name.clone());
    let split = |texts: &[String]| texts.iter().flat_map(|text| split(text)).collect();
    draft.expand.push(Added::Raw(RawStep {
        title: format!("run raw SQL of change {}", index + 1),
        table,
        mode: StepMode::Short,
        run: split(&change.run),
        undo: change.undo.as_deref().map(split),
        done: change
            .done
            .as_deref()
            .and_then(|done| self::split(done).into_iter().next()),
    }));
}

/// A step is one transaction, on a connection that is set up for it: text that says otherwise would break that.
fn check(draft: &mut Draft<'_>, index: usize, key: &str, texts: &[String]) {
    const CONTROL: &[&str] = &["BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"];
    const OUTSIDE: &[&str] = &["PRAGMA", "VACUUM", "ATTACH", "DETACH"];
    let read: Result<Vec<_>, Error> = texts.iter().map(|text| statements(text)).collect();
    let statements = match read {
        Ok(read) => read.concat(),
        Err(error) => return draft.fault(index, key, Code::RawSql, error.to_string()),
    };
    if statements.is_empty() {
        draft.fault(index, key, Code::RawSql, "there is no statement, only comments");
    }
    for statement in &statements {
        let first = statement[0];
        let word = first.text.to_uppercase();
        if first.is_symbol(".") {
            let message = "the shell's own commands (`.read` and the like) are not SQL; leave them out";
            draft.fault(index, key, Code::RawSql, message);
        } else if CONTROL.iter().any(|known| first.is_word(known)) {
            let message = format!(
                "`{word}` controls a transaction, but Sluice does that: all statements run in one; leave it out"
            );
            draft.fault(index, key, Code::RawSql, message);
        } else if OUTSIDE.iter().any(|known| first.is_word(known)) {
            let message = format!(
                "`{word}` has no effect in a transaction, or is refused there, and a step is one; run it by hand before or after the job"
            );
            draft.fault(index, key, Code::RawSql, message);
        }
    }
}

/// A table that is rebuilt is rebuilt from the texts that it has now: what raw SQL adds to it would be lost.
pub(super) fn refuse_rebuilt(draft: &mut Draft<'_>) {
    let is_rebuilt = |shape: &Option<Shape>| shape.as_ref().is_some_and(Shape::is_rebuilt);
    let rebuilt: Vec<(String, String)> = draft
        .tables
        .iter()
        .filter(|table| is_rebuilt(&table.shape))
        .map(|table| (table.table.name.name.clone(), table.shown.clone()))
        .collect();
    for (index, declared) in draft.spec.changes.iter().enumerate() {
        let Change::Sql(change) = &declared.change else {
            continue;
        };
        let words: Vec<String> = change
            .run
            .iter()
            .flat_map(|text| super::words::all(text))
            .collect();
        for (name, shown) in &rebuilt {
            if words.iter().any(|word| word.eq_ignore_ascii_case(name)) {
                let message = format!(
                    "it names {shown}, which this plan rebuilds from the text that it has now: what the statements add to it would be lost; \
                     run them in a job of their own, before this one"
                );
                draft.fault(index, "run", Code::RawSql, message);
            }
        }
    }
}

/// The statements of a text. The body of a trigger belongs to its statement.
fn statements(text: &str) -> Result<Vec<Vec<Token<'_>>>, Error> {
    let mut statements = vec![Vec::new()];
    let mut open = 0_u32;
    for token in tokens(text)? {
        let current: &mut Vec<Token<'_>> = statements
            .last_mut()
            .expect("there is always a statement under way");
        let is_trigger = is_trigger(current);
        if is_trigger && (token.is_word("BEGIN") || (open > 0 && token.is_word("CASE"))) {
            open += 1;
        } else if open > 0 && token.is_word("END") {
            open -= 1;
        }
        if open == 0 && token.is_symbol(";") {
            statements.push(Vec::new());
        } else {
            current.push(token);
        }
    }
    statements.retain(|statement| !statement.is_empty());
    Ok(statements)
}

/// `CREATE [TEMP | TEMPORARY] TRIGGER ...`
fn is_trigger(statement: &[Token<'_>]) -> bool {
    let mut words = statement.iter();
    words.next().is_some_and(|first| first.is_word("CREATE"))
        && words
            .find(|token| !token.is_any_word(&["TEMP", "TEMPORARY"]))
            .is_some_and(|token| token.is_word("TRIGGER"))
}

/// The statements as texts, each as it is written.
fn split(text: &str) -> Vec<String> {
    let statements = statements(text).unwrap_or_default();
    statements
        .iter()
        .filter_map(|statement| {
            let (first, last) = (statement.first()?, statement.last()?);
            text.get(first.start..last.span().end).map(str::to_owned)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_where_sqlite_ends_them() {
        let check = |text: &str, expected: &[&str]| assert_eq!(split(text), expected, "{text}");
        check("SELECT 1; ; SELECT ';' -- ;\n", &["SELECT 1", "SELECT ';'"]);
        let trigger = "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 3; END";
        check(
            &format!("{trigger}; DROP TABLE [a;b]"),
            &[trigger, "DROP TABLE [a;b]"],
        );
        check("-- nothing", &[]);
    }
}
