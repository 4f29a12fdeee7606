//! Reads one statement: definitions by readers of our own, queries by `sqlparser`.
//!
//! Of the ALTERs that MySQL and MariaDB know, `sqlparser` reads half, so those are read here, strictly; a query is judged by few of its
//! words, but only once `sqlparser` has read all of it. What neither reads is an [`Unread`], never a guess.

mod table;

use sqlparser::dialect::MySqlDialect;

use super::action::{Action, Change};
use super::alter;
use crate::query::{self, Query, Unread};
use crate::tokens::{Cursor, Kind, Quoting, lex};

/// The statement, with or without a semicolon behind it; None: there is nothing but comments.
pub(crate) fn read(sql: &str) -> Result<Option<Action>, Unread> {
    let tokens = lex(sql, Quoting::MySql).map_err(|fault| Unread::fault(sql, fault))?;
    let end = tokens
        .iter()
        .rposition(|token| !token.is(";"))
        .map_or(0, |last| last + 1);
    let tokens = &tokens[..end];
    if tokens.is_empty() {
        return Ok(None);
    }
    let mut cursor = Cursor::new(sql, tokens);
    match definition(&mut cursor) {
        Some(action) if cursor.at_end() => Ok(Some(action)),
        _ if query::is_query(tokens) => {
            query::read(sql, tokens, &MySqlDialect {}).map(|query| Some(queried(query)))
        }
        _ => Err(Unread::token(sql, cursor.peek())),
    }
}

fn queried(query: Query) -> Action {
    match query {
        Query::Insert { table, selects } => Action::Insert { table, selects },
        Query::Update { table, whole, set } => Action::Update(Change { table, whole, set }),
        Query::Delete { table, whole } => Action::Delete(Change {
            table,
            whole,
            set: Vec::new(),
        }),
        Query::Load(table) => Action::Load(table),
        Query::Select { locking } => Action::Select { locking },
    }
}

fn definition(cursor: &mut Cursor<'_>) -> Option<Action> {
    if let Some(word) = cursor.eat_any(&["CALL", "EXECUTE", "PREPARE", "HANDLER", "SOURCE"]) {
        return rest(cursor, Action::Opaque(word));
    }
    if cursor.eat("ALTER") {
        return altered(cursor);
    }
    if cursor.eat("CREATE") {
        return table::create(cursor);
    }
    if cursor.eat("DROP") {
        return table::drop(cursor);
    }
    if cursor.eat_any(&["RENAME", "TRUNCATE"]).is_some() || maintenance(cursor) {
        return table::other(cursor);
    }
    session(cursor)
}

/// The words that [`table::other`] reads itself.
fn maintenance(cursor: &Cursor<'_>) -> bool {
    ["OPTIMIZE", "ANALYZE", "CHECK", "REPAIR", "LOCK"]
        .iter()
        .any(|word| cursor.sees(word))
}

fn altered(cursor: &mut Cursor<'_>) -> Option<Action> {
    let _online = cursor.eat_any(&["ONLINE", "IGNORE"]);
    if cursor.eat("TABLE") {
        return alter::alter(cursor).map(Action::Alter);
    }
    let what = cursor.eat_any(&[
        "DATABASE",
        "SCHEMA",
        "EVENT",
        "FUNCTION",
        "PROCEDURE",
        "USER",
        "VIEW",
        "SEQUENCE",
        "SERVER",
        "ROLE",
    ]);
    let what = what.or_else(|| table::viewed(cursor))?;
    rest(cursor, Action::Create { what, replace: true })
}

/// Statements about the session and the transaction, and those that only look.
fn session(cursor: &mut Cursor<'_>) -> Option<Action> {
    if cursor.eat_all(&["START", "TRANSACTION"])
        || cursor.eat_all(&["XA", "BEGIN"])
        || cursor.eat_all(&["XA", "START"])
    {
        return rest(cursor, Action::Begin);
    }
    if cursor.eat("BEGIN") {
        let _work = cursor.eat("WORK");
        return cursor.at_end().then_some(Action::Begin);
    }
    if cursor.eat_all(&["ROLLBACK", "TO"])
        || cursor.eat_all(&["ROLLBACK", "WORK", "TO"])
        || cursor.eat_any(&["SAVEPOINT", "RELEASE"]).is_some()
    {
        return rest(cursor, Action::Neutral);
    }
    if cursor.eat_any(&["COMMIT", "ROLLBACK"]).is_some() {
        return rest(cursor, Action::End);
    }
    if cursor.eat_all(&["UNLOCK", "TABLES"]) || cursor.eat_all(&["UNLOCK", "TABLE"]) {
        return Some(Action::Neutral);
    }
    if cursor.eat("SET") {
        return set(cursor);
    }
    let looks = [
        "USE",
        "SHOW",
        "DESCRIBE",
        "DESC",
        "EXPLAIN",
        "HELP",
        "DEALLOCATE",
        "GRANT",
        "REVOKE",
        "FLUSH",
        "KILL",
        "DELIMITER",
        "DO",
    ];
    match cursor.eat_any(&looks)? {
        "EXPLAIN" if cursor.sees("ANALYZE") => rest(cursor, Action::Opaque("EXPLAIN ANALYZE")),
        "DO" => rest(cursor, Action::Opaque("DO")),
        "FLUSH" if cursor.sees("TABLES") || cursor.sees("TABLE") => {
            rest(cursor, Action::Opaque("FLUSH TABLES"))
        }
        _ => rest(cursor, Action::Neutral),
    }
}

/// `SET a = 1, SESSION b = 2`; `SET NAMES` and the like are of no interest.
fn set(cursor: &mut Cursor<'_>) -> Option<Action> {
    let mut ahead = cursor.clone();
    let _scope = ahead.eat_any(&["SESSION", "LOCAL", "GLOBAL"]);
    if ahead.eat_all(&["TRANSACTION", "ISOLATION", "LEVEL"]) {
        let level = cursor.text(ahead.rest()).to_owned();
        return rest(
            cursor,
            Action::Set(vec![("transaction_isolation".to_owned(), level)]),
        );
    }
    let mut values = Vec::new();
    for part in crate::tokens::list(cursor.rest()) {
        let words: Vec<_> = part
            .iter()
            .take_while(|token| !token.is("=") && !token.is(":"))
            .collect();
        let named = words.iter().rev().find(|token| token.kind != Kind::Symbol);
        let value = part.get(words.len()..).unwrap_or_default();
        let value: Vec<_> = value
            .iter()
            .skip_while(|token| token.is("=") || token.is(":"))
            .copied()
            .collect();
        if let Some(name) = named {
            let name = name.text.trim_start_matches('@').to_ascii_lowercase();
            values.push((name, cursor.text(&value).to_owned()));
        }
    }
    rest(cursor, Action::Set(values))
}

/// The action, whatever else is written: the rest changes nothing about it.
fn rest(cursor: &mut Cursor<'_>, action: Action) -> Option<Action> {
    while cursor.next().is_some() {}
    Some(action)
}
