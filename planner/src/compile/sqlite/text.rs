//! Edits of the texts that SQLite keeps of a table, its indexes and its triggers, beyond those of [`engine::sqlite::definition`].
//!
//! A table is rebuilt from its own text, so that whatever this build does not know of (a collation, a conflict clause, a comment) is
//! in the new one too. Where a column's name could stand for something else the edit is refused: a refusal costs a sentence in the
//! plan, a wrong substitution costs data.

use engine::sqlite::definition::{self, ClauseKind, Definition};
use engine::sqlite::ident::{self, IdentError};
use engine::sqlite::tokens::{self, Token, column_names, tokens};

/// Why a text cannot be edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::compile) enum Unsafe {
    /// It cannot be read.
    #[error(transparent)]
    Definition(#[from] definition::Error),
    /// It cannot be read.
    #[error(transparent)]
    Tokens(#[from] tokens::Error),
    /// A name that cannot be quoted.
    #[error(transparent)]
    Ident(#[from] IdentError),
    /// It is not what the file would hold.
    #[error("it has a form that this build does not know")]
    Form,
    /// The name stands where it may mean something else.
    #[error("`{0}` stands where it may mean something else")]
    Ambiguous(String),
    /// Something names the column together with others.
    #[error("`{0}` names it together with other columns")]
    Shared(String),
    /// RENAME would leave that name behind.
    #[error(
        "an expression of it names the table itself (`{0}.`), which a copy cannot follow; leave the table's name out there"
    )]
    NamesItself(String),
}

/// The same table under another name, at its head only: what it says of itself elsewhere is said of the name that it gets back.
pub(super) fn named(text: &str, quoted: &str) -> Result<String, Unsafe> {
    let definition = Definition::parse(text)?;
    let own = |t: &Token<'_>| t.is_name(&definition.name);
    let itself = definition
        .tokens
        .windows(2)
        .find(|pair| own(&pair[0]) && pair[1].is_symbol("."));
    if itself.is_some() {
        return Err(Unsafe::NamesItself(definition.name));
    }
    let span = definition.name_span;
    Ok(format!("{}{quoted}{}", &text[..span.start], &text[span.end..]))
}

/// Without the column, and without the constraints that name it alone.
pub(super) fn without_column(text: &str, column: &str) -> Result<String, Unsafe> {
    let definition = Definition::parse(text)?;
    let names = |columns: &[String]| columns.iter().any(|c| c.eq_ignore_ascii_case(column));
    for other in definition
        .columns
        .iter()
        .filter(|c| !c.name.eq_ignore_ascii_case(column))
    {
        for clause in &other.clauses {
            let reads = matches!(clause.kind, ClauseKind::Check | ClauseKind::Generated)
                && names(&definition.columns_in(&definition.within_brackets(&clause.tokens)));
            if reads {
                return Err(Unsafe::Shared(on_one_line(&text[clause.span.clone()])));
            }
        }
    }
    let mut changed = text.to_owned();
    for constraint in definition.constraints.iter().rev().filter(|c| names(&c.columns)) {
        if constraint.columns.iter().any(|c| !c.eq_ignore_ascii_case(column)) {
            return Err(Unsafe::Shared(on_one_line(&text[constraint.span.clone()])));
        }
        // With the comma before it, if there is one: SQLite reads constraints without commas between them, too.
        let before = definition
            .tokens
            .iter()
            .rev()
            .find(|t| t.start < constraint.span.start);
        let start = before
            .filter(|t| t.is_symbol(","))
            .map_or(constraint.span.start, |comma| comma.start);
        changed.replace_range(start..constraint.span.end, "");
    }
    Ok(definition::without_column(&changed, column)?)
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a word can be in an expression beside a column.
fn is_keyword(token: &Token<'_>) -> bool {
    const WORDS: &[&str] = &[
        "AND", "AS", "ASC", "BETWEEN", "CASE", "CAST", "COLLATE", "DESC", "ELSE", "END", "ESCAPE", "GLOB",
        "IN", "IS", "ISNULL", "LIKE", "MATCH", "NOT", "NOTNULL", "NULL", "OR", "REGEXP", "THEN", "WHEN",
        "WHERE",
    ];
    token.is_any_word(WORDS)
}

fn replaced(text: &str, tokens: &[Token<'_>], places: &[usize], by: &str) -> String {
    let mut changed = text.to_owned();
    for place in places.iter().rev() {
        changed.replace_range(tokens[*place].span(), by);
    }
    changed
}

/// An index's text with another name for the column.
pub(super) fn renamed_index(text: &str, from: &str, to: &str) -> Result<String, Unsafe> {
    let tokens = tokens(text)?;
    // CREATE [UNIQUE] INDEX name ON table (: what comes before the bracket names no column.
    let on = tokens.iter().position(|t| t.is_word("ON")).ok_or(Unsafe::Form)?;
    let open = tokens[on..]
        .iter()
        .position(|t| t.is_symbol("("))
        .ok_or(Unsafe::Form)?
        + on;
    let rest = &tokens[open..];
    let places: Vec<usize> = column_names(rest)
        .into_iter()
        .filter(|i| rest[*i].is_name(from) && !is_keyword(&rest[*i]))
        .map(|i| i + open)
        .collect();
    Ok(replaced(text, &tokens, &places, &ident::quote(to)?))
}

/// What an index's text says from `ON` on: the table, what is indexed, and of which rows.
pub(super) fn on_of(text: &str) -> Result<String, Unsafe> {
    let tokens = tokens(text)?;
    let on = tokens.iter().find(|t| t.is_word("ON")).ok_or(Unsafe::Form)?;
    Ok(text[on.start..].to_owned())
}

/// `on` is `ON table(...)` and what follows.
pub(super) fn create_index(name: &str, unique: bool, on: &str) -> String {
    let unique = if unique { "UNIQUE " } else { "" };
    format!("CREATE {unique}INDEX IF NOT EXISTS \"{name}\" {on}")
}

/// A trigger's text with another name for the column. Its body may name other tables' columns, so only what NEW and OLD qualify, and what
/// stands in UPDATE OF, is known to be ours.
pub(super) fn renamed_trigger(text: &str, from: &str, to: &str) -> Result<String, Unsafe> {
    let tokens = tokens(text)?;
    let places = of_trigger(&tokens, from)?;
    Ok(replaced(text, &tokens, &places, &ident::quote(to)?))
}

/// Whether a trigger names the column, or something of its name.
pub(super) fn trigger_names(text: &str, column: &str) -> bool {
    let Ok(tokens) = tokens(text) else { return true };
    of_trigger(&tokens, column).map_or(true, |places| !places.is_empty())
}

fn of_trigger(tokens: &[Token<'_>], column: &str) -> Result<Vec<usize>, Unsafe> {
    // CREATE TRIGGER name: the name may be anything.
    const AFTER_NAME: usize = 3;
    let rest = tokens.get(AFTER_NAME..).ok_or(Unsafe::Form)?;
    let on = rest.iter().position(|t| t.is_word("ON")).ok_or(Unsafe::Form)? + AFTER_NAME;
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate().skip(AFTER_NAME) {
        let is_text = token.kind == tokens::TokenKind::Text;
        if is_text || !token.is_name(column) || at == on + 1 {
            continue;
        }
        let row = &tokens[at - 2];
        let of_row = tokens[at - 1].is_symbol(".") && (row.is_name("new") || row.is_name("old"));
        if at < on || of_row {
            found.push(at);
        } else {
            return Err(Unsafe::Ambiguous(column.to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_s_name_stands_at_its_head_only() {
        assert_eq!(
            named("CREATE TABLE [t](a REFERENCES t(a))", "\"u\"").unwrap(),
            "CREATE TABLE \"u\"(a REFERENCES t(a))"
        );
        assert!(matches!(
            named("CREATE TABLE t(a CHECK (t.a > 0))", "\"u\""),
            Err(Unsafe::NamesItself(_))
        ));
    }

    #[test]
    fn a_column_goes_with_what_names_it_alone() {
        let check = |text: &str, column: &str, expected: &str| {
            assert_eq!(without_column(text, column).unwrap(), expected);
        };
        check(
            "CREATE TABLE t(a, b, c, UNIQUE (b), CHECK (c > 0), CHECK (b > 0))",
            "B",
            "CREATE TABLE t(a, c, CHECK (c > 0))",
        );
        check(
            "CREATE TABLE t(a, b UNIQUE, FOREIGN KEY (b) REFERENCES u(a))",
            "b",
            "CREATE TABLE t(a)",
        );
        for shared in [
            "CREATE TABLE t(a, b, UNIQUE (a, b))",
            "CREATE TABLE t(a, b CHECK (a > b))",
            "CREATE TABLE t(a, b AS (a + 1))",
        ] {
            assert!(
                matches!(without_column(shared, "a"), Err(Unsafe::Shared(_))),
                "{shared}"
            );
        }
    }

    #[test]
    fn indexes_and_triggers_follow() {
        assert_eq!(
            renamed_index(
                "CREATE INDEX fax ON customer(lower(fax), \"Fax\" DESC) WHERE fax NOT NULL",
                "fax",
                "n"
            )
            .unwrap(),
            "CREATE INDEX fax ON customer(lower(\"n\"), \"n\" DESC) WHERE \"n\" NOT NULL"
        );
        let on = on_of("CREATE unique INDEX [a ON b] ON t(x) WHERE x > 0").unwrap();
        assert_eq!(
            create_index("sluice_1_2", true, &on),
            "CREATE UNIQUE INDEX IF NOT EXISTS \"sluice_1_2\" ON t(x) WHERE x > 0"
        );
        let trigger = "CREATE TRIGGER fax AFTER UPDATE OF fax ON customer WHEN OLD.fax IS NOT NEW.Fax BEGIN INSERT INTO log VALUES (new.[fax], 'fax'); END";
        assert_eq!(
            renamed_trigger(trigger, "fax", "n").unwrap(),
            "CREATE TRIGGER fax AFTER UPDATE OF \"n\" ON customer WHEN OLD.\"n\" IS NOT NEW.\"n\" BEGIN INSERT INTO log VALUES (new.\"n\", 'fax'); END"
        );
        assert!(trigger_names(trigger, "fax") && !trigger_names(trigger, "email"));
        let other =
            "CREATE TRIGGER a AFTER INSERT ON customer BEGIN INSERT INTO log (fax) VALUES (NEW.fax); END";
        assert!(matches!(
            renamed_trigger(other, "fax", "n"),
            Err(Unsafe::Ambiguous(_))
        ));
    }
}
