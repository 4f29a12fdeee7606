//! What makes an expression change with time or session: the server only says *that* it does, the author wants to know what.

use sqlx::postgres::PgConnection;

use super::{PROBE, database};
use crate::postgres::expression::Fault;
use crate::postgres::expression::lexer::{TokenKind, tokens};
use crate::sql;

/// `'now'::timestamp` is a constant to the server, but another one each time it is parsed: the literal is then
/// gone from the stored form.
pub(super) async fn frozen_time(conn: &mut PgConnection, twin: &str, text: &str) -> Result<(), Fault> {
    let suspects = time_words(text);
    if suspects.is_empty() {
        return Ok(());
    }
    const SQL: &str = "/* sluice:engine.expression_stored */ \
        SELECT pg_get_expr(ad.adbin, ad.adrelid) FROM pg_catalog.pg_attrdef AS ad \
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = ad.adrelid AND a.attnum = ad.adnum \
        WHERE a.attrelid = $1::regclass AND a.attname = $2";
    let stored: String = sql::scalar(SQL)
        .bind(twin)
        .bind(PROBE)
        .fetch_one(conn)
        .await
        .map_err(database("read the expression back"))?;
    if time_words(&stored).len() < suspects.len() {
        let literal = suspects.into_iter().next().unwrap_or_default();
        return Err(Fault::ChangesWithTime { literal });
    }
    Ok(())
}

/// String literals that the date and time types read as the current time.
fn time_words(text: &str) -> Vec<String> {
    let words = ["now", "today", "tomorrow", "yesterday"];
    let is_time = |literal: &str| {
        let inner = literal
            .trim_start_matches(['e', 'E', 'n', 'N'])
            .trim_matches(['\'', '$'])
            .trim()
            .to_lowercase();
        inner
            .split(|c: char| !c.is_alphabetic())
            .any(|word| words.contains(&word))
    };
    tokens(text)
        .unwrap_or_default()
        .into_iter()
        .filter(|t| t.kind == TokenKind::Text && is_time(t.text))
        .map(|t| t.text.to_owned())
        .collect()
}

/// Names in the text that are functions of which some variant is not immutable.
pub(super) async fn functions_to_blame(conn: &mut PgConnection, text: &str) -> Result<Vec<String>, Fault> {
    const SQL: &str = "/* sluice:engine.expression_functions */ \
        SELECT DISTINCT p.proname || '() (' || CASE p.provolatile WHEN 'v' THEN 'volatile' ELSE 'stable' END || ')' \
        FROM pg_catalog.pg_proc AS p \
        WHERE p.proname = ANY ($1::text[]) AND p.provolatile <> 'i' AND pg_function_is_visible(p.oid) \
        ORDER BY 1";
    let mut found: Vec<String> = sql::scalar(SQL)
        .bind(called(text))
        .fetch_all(conn)
        .await
        .map_err(database("see which functions are not immutable"))?;
    found.extend(clock_keywords(text));
    Ok(found)
}

/// Words directly before an opening parenthesis, as the server folds them.
fn called(text: &str) -> Vec<String> {
    let tokens = tokens(text).unwrap_or_default();
    tokens
        .windows(2)
        .filter(|pair| pair[1].text == "(")
        .filter_map(|pair| match pair[0].kind {
            TokenKind::Word => Some(pair[0].text.to_lowercase()),
            TokenKind::QuotedName => Some(pair[0].text.trim_matches('"').replace("\"\"", "\"")),
            TokenKind::Text | TokenKind::Number | TokenKind::Symbol => None,
        })
        .collect()
}

/// Keywords that read the clock or the session without looking like a function.
fn clock_keywords(text: &str) -> Vec<String> {
    let keywords = [
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "current_user",
        "session_user",
        "user",
        "current_role",
        "current_schema",
        "current_catalog",
    ];
    tokens(text)
        .unwrap_or_default()
        .into_iter()
        .filter(|t| t.kind == TokenKind::Word && keywords.contains(&t.text.to_lowercase().as_str()))
        .map(|t| format!("{} (stable)", t.text.to_uppercase()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_literals_that_mean_the_current_time_are_suspects() {
        assert_eq!(
            time_words("a || 'now' || E'Today ' || 'nowhere' || now"),
            ["'now'", "E'Today '"]
        );
        assert_eq!(time_words("'now + 1 day'::timestamp"), ["'now + 1 day'"]);
    }

    #[test]
    fn called_names_are_folded_as_the_server_folds_them() {
        assert_eq!(called("Now() + \"My F\"(a) + b (c)"), ["now", "My F", "b"]);
        assert_eq!(clock_keywords("Current_Date - d"), ["CURRENT_DATE (stable)"]);
    }
}
