//! Changes to a CREATE TABLE statement: each takes its text and returns another.

use std::ops::Range;

use super::read::list_items;
use super::{ClauseKind, ColumnDefinition, Definition, Error, Reference};
use crate::catalog::ConstraintKind;
use crate::sqlite::ident;
use crate::sqlite::tokens::{self, Token, TokenKind};

/// Words that are read as keywords within an expression even though a column may be called so.
const OPERATORS: [&str; 29] = [
    "AND",
    "AS",
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "DISTINCT",
    "ELSE",
    "END",
    "ESCAPE",
    "EXISTS",
    "FROM",
    "GLOB",
    "IN",
    "IS",
    "ISNULL",
    "LIKE",
    "MATCH",
    "NOT",
    "NOTNULL",
    "NULL",
    "OR",
    "RAISE",
    "REGEXP",
    "THEN",
    "WHEN",
];

/// Without the NOT NULL of a column, its name and its ON CONFLICT included; unchanged if it has none. A primary key of a table WITHOUT ROWID, or any in a
/// STRICT table but an INTEGER one, refuses NULL all the same.
///
/// # Errors
/// [`Error`] for a text that cannot be read, or a column that is not there.
pub fn without_not_null(text: &str, column: &str) -> Result<String, Error> {
    let definition = Definition::parse(text)?;
    let clauses = &the_column(&definition, column)?.clauses;
    let edits = clauses
        .iter()
        .filter(|clause| clause.kind == ClauseKind::NotNull)
        .map(|clause| {
            let start = text[..clause.span.start].trim_end_matches([' ', '\t']).len();
            // Nothing may grow together that was two tokens.
            let apart =
                text[clause.span.end..].starts_with(|c: char| !c.is_whitespace() && c != ',' && c != ')');
            (start..clause.span.end, if apart { " " } else { "" }.to_owned())
        })
        .collect();
    Ok(edited(text, edits))
}

/// Without a column and its comma. What else names the column stays, so SQLite will refuse the text if something does, unless it is
/// named in double quotes: what is no column is then a string.
///
/// # Errors
/// [`Error`] for a text that cannot be read, or a column that is not there or the only one.
pub fn without_column(text: &str, column: &str) -> Result<String, Error> {
    let definition = Definition::parse(text)?;
    let column = the_column(&definition, column)?;
    if definition.columns.len() == 1 {
        return Err(Error::OnlyColumn {
            column: column.name.clone(),
        });
    }
    let spaces = |c: char| c.is_ascii_whitespace();
    let after = &definition.tokens[column.tokens.end];
    if after.is_symbol(",") {
        let rest = &text[after.span().end..];
        let end = text.len() - rest.trim_start_matches(spaces).len();
        // White space before the column stays: a line break there may end a comment.
        return Ok(edited(text, vec![(column.span.start..end, String::new())]));
    }
    let comma = definition.tokens[column.tokens.start - 1].span();
    let between = &text[comma.end..column.span.start];
    if between.chars().all(spaces) {
        return Ok(edited(text, vec![(comma.start..column.span.end, String::new())]));
    }
    // A comment stands between them, and stays.
    Ok(edited(
        text,
        vec![(comma, String::new()), (column.span.clone(), String::new())],
    ))
}

/// With one more column after the last one: `definition` is its name, type and clauses, `"genre" TEXT COLLATE NOCASE`.
///
/// # Errors
/// [`Error`] for a text that cannot be read, or a definition that is not of one column, or of one that is there.
pub fn with_column(text: &str, definition: &str) -> Result<String, Error> {
    let before = Definition::parse(text)?;
    let Some(last) = before.columns.last() else {
        return Err(Error::NotATable {
            found: text.to_owned(),
        });
    };
    let end = last.span.end;
    let not_one = || Error::NotAColumn {
        found: definition.to_owned(),
    };
    if tokens::with_comments(definition)?
        .iter()
        .any(|t| t.kind == TokenKind::Comment)
    {
        return Err(not_one());
    }
    let changed = edited(text, vec![(end..end, format!(", {}", definition.trim()))]);
    let after = Definition::parse(&changed).map_err(|_| not_one())?;
    let same = |a: &[super::TableConstraint], b: &[super::TableConstraint]| a.len() == b.len();
    match after.columns.last() {
        Some(added)
            if after.columns.len() == before.columns.len() + 1
                && same(&before.constraints, &after.constraints)
                && after.tokens.len() == before.tokens.len() + 1 + added.tokens.len() =>
        {
            if before.column(&added.name).is_some() {
                return Err(exists(&before, &added.name));
            }
            Ok(changed)
        }
        _ => Err(not_one()),
    }
}

/// With another name for a column, wherever the table itself names it: constraints, generated columns, foreign keys to itself.
/// Indexes, triggers, views and other tables have texts of their own.
///
/// # Errors
/// [`Error`] for a text that cannot be read, a column that is not there, or a name that another column has.
pub fn with_column_renamed(text: &str, column: &str, to: &str) -> Result<String, Error> {
    let definition = Definition::parse(text)?;
    let renamed = the_column(&definition, column)?;
    if definition.column(to).is_some_and(|other| other != renamed) {
        return Err(exists(&definition, to));
    }
    let to = ident::quote(to)?;
    let tokens = &definition.tokens;
    let mut places = vec![renamed.tokens.start];
    for expression in expressions(&definition) {
        let within = &tokens[expression.clone()];
        places.extend(
            tokens::column_names(within)
                .into_iter()
                .map(|i| i + expression.start)
                .filter(|i| tokens[*i].is_name(column) && !tokens[*i].is_any_word(&OPERATORS)),
        );
    }
    for list in own_lists(&definition) {
        places.extend(
            list_items(tokens, &list)
                .into_iter()
                .filter(|i| tokens[*i].is_name(column)),
        );
    }
    Ok(replaced(text, tokens, places, &to))
}

/// With another name for the table, wherever it names itself: at its head, before a column in an expression, and in foreign keys to
/// itself, so that the text means the same table as before.
///
/// # Errors
/// [`Error`] for a text that cannot be read, or a name that cannot be quoted.
pub fn with_name(text: &str, name: &str) -> Result<String, Error> {
    let definition = Definition::parse(text)?;
    let to = ident::quote(name)?;
    let tokens = &definition.tokens;
    let head = tokens.iter().position(|t| t.span() == definition.name_span);
    let mut places: Vec<usize> = head.into_iter().collect();
    for expression in expressions(&definition) {
        places.extend(expression.filter(|i| {
            tokens[*i].is_name(&definition.name) && tokens.get(i + 1).is_some_and(|t| t.is_symbol("."))
        }));
    }
    let own = references(&definition).filter(|r| r.table.eq_ignore_ascii_case(&definition.name));
    places.extend(own.map(|r| r.table_token));
    Ok(replaced(text, tokens, places, &to))
}

/// The token ranges in which columns are named by expressions.
fn expressions(definition: &Definition<'_>) -> Vec<Range<usize>> {
    let clauses = definition.columns.iter().flat_map(|c| &c.clauses);
    let of_columns = clauses
        .filter(|c| matches!(c.kind, ClauseKind::Check | ClauseKind::Generated))
        .map(|c| definition.within_brackets(&c.tokens));
    let of_table = definition
        .constraints
        .iter()
        .filter(|c| c.kind == ConstraintKind::Check)
        .map(|c| definition.within_brackets(&c.tokens));
    of_columns.chain(of_table).collect()
}

/// The token ranges that list columns of this table.
fn own_lists(definition: &Definition<'_>) -> Vec<Range<usize>> {
    let of_constraints = definition
        .constraints
        .iter()
        .filter(|c| c.kind != ConstraintKind::Check)
        .map(|c| first_list(&definition.tokens, &c.tokens));
    let of_references = references(definition)
        .filter(|r| r.table.eq_ignore_ascii_case(&definition.name))
        .map(|r| r.list.clone());
    of_constraints.chain(of_references).collect()
}

fn references<'d>(definition: &'d Definition<'_>) -> impl Iterator<Item = &'d Reference> {
    let of_columns = definition
        .columns
        .iter()
        .flat_map(|c| &c.clauses)
        .filter_map(|c| c.references.as_ref());
    of_columns.chain(
        definition
            .constraints
            .iter()
            .filter_map(|c| c.references.as_ref()),
    )
}

/// What stands between the first brackets, not those of REFERENCES. They hold no others: a list is of names.
fn first_list(tokens: &[Token<'_>], range: &Range<usize>) -> Range<usize> {
    let place = |symbol| {
        range
            .clone()
            .find(|i| tokens[*i].is_symbol(symbol))
            .unwrap_or(range.end)
    };
    let open = (place("(") + 1).min(range.end);
    open..place(")").max(open)
}

fn the_column<'d>(definition: &'d Definition<'_>, name: &str) -> Result<&'d ColumnDefinition, Error> {
    definition.column(name).ok_or_else(|| Error::NoSuchColumn {
        column: name.to_owned(),
        table: definition.name.clone(),
    })
}

fn exists(definition: &Definition<'_>, column: &str) -> Error {
    Error::ColumnExists {
        column: column.to_owned(),
        table: definition.name.clone(),
    }
}

fn replaced(text: &str, tokens: &[Token<'_>], mut places: Vec<usize>, by: &str) -> String {
    places.sort_unstable();
    places.dedup();
    edited(
        text,
        places
            .into_iter()
            .map(|i| (tokens[i].span(), by.to_owned()))
            .collect(),
    )
}

/// The text with some spans replaced; they do not overlap.
fn edited(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(span, _)| span.start);
    let mut changed = text.to_owned();
    for (span, by) in edits.into_iter().rev() {
        changed.replace_range(span, &by);
    }
    changed
}
