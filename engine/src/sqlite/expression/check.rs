//! The whole check: words and functions here, names and grammar by SQLite.

use sqlx::sqlite::SqliteConnection;

use super::gate::{not_allowed, words_of};
use super::{Expression, Fault, functions};
use crate::catalog::Table;
use crate::postgres::error::{Error, message};
use crate::sqlite::error::classify;
use crate::sqlite::tokens::{Token, TokenKind, column_names};
use crate::sqlite::{ident, text};

/// What can be said without a database: the text is one expression over one row, of functions and operators that never fail and give the same result
/// each time. Whether its names exist is left to [`check`].
///
/// # Errors
/// [`Fault`], worded for the author of a spec.
pub fn one_expression(up: &str) -> Result<(), Fault> {
    let tokens = words_of(up)?;
    functions::allowed(up, &tokens).map(|_| ())
}

/// The expression can be computed by a trigger over a row of the table and of `extra` (columns that will have been added, with their types), never
/// fails, and gives the same result tomorrow.
///
/// # Errors
/// [`Fault`], worded for the author of a spec.
pub async fn check(
    conn: &mut SqliteConnection,
    table: &Table,
    up: &str,
    extra: &[(String, String)],
) -> Result<Expression, Fault> {
    let tokens = words_of(up)?;
    let mut newer = functions::allowed(up, &tokens)?;
    newer.extend(newer_syntax(&tokens));
    let added = extra
        .iter()
        .map(|(name, _)| name)
        .filter(|name| table.column(name).is_none());
    let names: Vec<String> = table
        .columns
        .iter()
        .map(|c| &c.name)
        .chain(added)
        .cloned()
        .collect();
    let reads = reads(up, &tokens, &names)?;
    ask(conn, table, up, &names).await?;
    Ok(Expression { reads, newer })
}

/// What of the grammar came after 3.35.
fn newer_syntax(tokens: &[Token<'_>]) -> Vec<String> {
    let distinct = |w: &[Token<'_>]| w[0].is_word("DISTINCT") && w[1].is_word("FROM");
    let separated = |t: &Token<'_>| t.kind == TokenKind::Number && t.text.contains('_');
    let mut newer = Vec::new();
    if tokens.windows(2).any(distinct) {
        newer.push("IS DISTINCT FROM (3.39)".to_owned());
    }
    if tokens.iter().any(separated) {
        newer.push("_ within numbers (3.46)".to_owned());
    }
    newer
}

/// The columns named, in the order of `names`. A quoted name must be one, because SQLite would take it for a string otherwise; a rowid must not
/// be named, because it is another one after a VACUUM. Other words are SQLite's to judge.
fn reads(up: &str, tokens: &[Token<'_>], names: &[String]) -> Result<Vec<String>, Fault> {
    let named: Vec<&Token<'_>> = column_names(tokens).into_iter().map(|i| &tokens[i]).collect();
    for token in &named {
        if names.iter().any(|name| token.is_name(name)) {
            continue;
        }
        if ["rowid", "oid", "_rowid_"]
            .iter()
            .any(|alias| token.is_name(alias))
        {
            let todo = "VACUUM may give the row another one; name the column of the key";
            return Err(not_allowed(up, token, "the rowid", todo));
        }
        if token.kind == TokenKind::QuotedName {
            return Err(Fault::UnknownColumn {
                name: token.text.to_owned(),
                columns: names.to_vec(),
            });
        }
    }
    let read = |name: &&String| named.iter().any(|token| token.is_name(name));
    Ok(names.iter().filter(read).cloned().collect())
}

/// Lets SQLite compile it, over a query that has the table's name and its columns, those to be added among them. EXPLAIN runs nothing. It is compared
/// with something, because SQLite looks for a collation only then.
async fn ask(conn: &mut SqliteConnection, table: &Table, up: &str, names: &[String]) -> Result<(), Fault> {
    let quoted = |name: &String| ident::quote(name).map_err(|e| Fault::Database(Error::Ident(e)));
    let source = ident::table(&table.name).map_err(|e| Fault::Database(Error::Ident(e)))?;
    let mut columns = vec!["of.*".to_owned()];
    for name in names.iter().filter(|name| table.column(name).is_none()) {
        columns.push(format!("NULL AS {}", quoted(name)?));
    }
    let question = format!(
        "/* sluice:engine.expression_check */ EXPLAIN SELECT ({up}) = '' FROM (SELECT {} FROM main.{source} AS of) AS {source}",
        columns.join(", ")
    );
    match text::query(question).fetch_all(conn).await {
        Ok(_) => Ok(()),
        Err(error) => Err(refusal(error, names)),
    }
}

fn refusal(error: sqlx::Error, names: &[String]) -> Fault {
    if classify(&error).is_retryable() || error.as_database_error().is_none() {
        return Fault::Database(Error::query("let SQLite read the expression")(error));
    }
    match message(&error).strip_prefix("no such column: ") {
        Some(name) => Fault::UnknownColumn {
            name: name.to_owned(),
            columns: names.to_vec(),
        },
        None => Fault::Refused { source: error },
    }
}
