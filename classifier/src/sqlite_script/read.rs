//! Reads one statement: definitions by a reader of our own, queries by `sqlparser`.
//!
//! SQLite's grammar of definitions is small, and `sqlparser` lacks parts of it (STRICT, WITHOUT ROWID, VACUUM INTO, most pragmas), so
//! it is read here, strictly; a query is judged by few of its words, but only once `sqlparser` has read all of it.

mod alter;
mod table;

use sqlparser::dialect::SQLiteDialect;

use super::action::{Action, Change};
use crate::query::{self, Unread};
use crate::tokens::{Cursor, Quoting, lex};

/// The statement, with or without a semicolon behind it; None: there is nothing but comments.
pub(crate) fn read(sql: &str) -> Result<Option<Action>, Unread> {
    let tokens = lex(sql, Quoting::Sqlite).map_err(|fault| Unread::fault(sql, fault))?;
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
            let read = query::read(sql, tokens, &SQLiteDialect {})?;
            Ok(Some(match read {
                query::Query::Insert { table, selects } => Action::Insert { table, selects },
                query::Query::Update { table, whole, set } => Action::Update(Change { table, whole, set }),
                query::Query::Delete { table, whole } => Action::Delete(Change {
                    table,
                    whole,
                    set: Vec::new(),
                }),
                query::Query::Select { .. } => Action::Select,
                query::Query::Load(_) => return Err(Unread::token(sql, tokens.first())),
            }))
        }
        _ => Err(Unread::token(sql, cursor.peek())),
    }
}

fn definition(cursor: &mut Cursor<'_>) -> Option<Action> {
    if cursor.eat_all(&["ALTER", "TABLE"]) {
        return alter::alter(cursor);
    }
    if cursor.eat("CREATE") {
        return table::create(cursor);
    }
    if cursor.eat("DROP") {
        return drop(cursor);
    }
    if cursor.eat("VACUUM") {
        let _schema = if cursor.sees("INTO") {
            None
        } else {
            cursor.identifier()
        };
        let into = cursor.eat("INTO");
        return match into {
            true => cursor.value().map(|_| Action::Vacuum { into }),
            false => Some(Action::Vacuum { into }),
        };
    }
    if cursor.eat("REINDEX") {
        let name = if cursor.at_end() {
            None
        } else {
            Some(cursor.name()?.to_string())
        };
        return Some(Action::Reindex { name });
    }
    if cursor.eat("ANALYZE") {
        let _name = cursor.name();
        return Some(Action::Analyze);
    }
    if cursor.eat("PRAGMA") {
        return pragma(cursor);
    }
    if cursor.eat_any(&["ATTACH", "DETACH"]).is_some() {
        return rest(cursor, Action::Attach);
    }
    if cursor.eat("EXPLAIN") {
        return rest(cursor, Action::Explain);
    }
    transaction(cursor)
}

fn transaction(cursor: &mut Cursor<'_>) -> Option<Action> {
    if cursor.eat("BEGIN") {
        let kind = cursor.eat_any(&["DEFERRED", "IMMEDIATE", "EXCLUSIVE"]);
        let _word = cursor.eat("TRANSACTION");
        return Some(Action::Begin {
            immediate: matches!(kind, Some("IMMEDIATE" | "EXCLUSIVE")),
        });
    }
    if cursor.eat_any(&["COMMIT", "END"]).is_some() {
        let _word = cursor.eat("TRANSACTION");
        return Some(Action::End);
    }
    if cursor.eat("ROLLBACK") {
        let _word = cursor.eat("TRANSACTION");
        if !cursor.eat("TO") {
            return Some(Action::End);
        }
        let _word = cursor.eat("SAVEPOINT");
        return cursor.identifier().map(|_| Action::Savepoint);
    }
    let word = cursor.eat_any(&["SAVEPOINT", "RELEASE"])?;
    let _word = word == "RELEASE" && cursor.eat("SAVEPOINT");
    cursor.identifier().map(|_| Action::Savepoint)
}

/// `PRAGMA schema.name = value` or `(value)`.
fn pragma(cursor: &mut Cursor<'_>) -> Option<Action> {
    let name = cursor.name()?.name.to_ascii_lowercase();
    let value = if cursor.eat("=") {
        let value = cursor.value()?;
        Some(cursor.text(value).to_owned())
    } else if cursor.sees("(") {
        let value = cursor.group()?;
        Some(cursor.text(value).to_owned())
    } else {
        None
    };
    Some(Action::Pragma { name, value })
}

fn drop(cursor: &mut Cursor<'_>) -> Option<Action> {
    let what = cursor.eat_any(&["TABLE", "INDEX", "VIEW", "TRIGGER"])?;
    let _if_exists = cursor.eat_all(&["IF", "EXISTS"]);
    let name = cursor.name()?;
    Some(match what {
        "TABLE" => Action::DropTable(name),
        "INDEX" => Action::DropIndex,
        what => Action::Drop {
            what,
            name: name.to_string(),
        },
    })
}

/// The action, whatever else is written: the rest changes nothing about it.
pub(super) fn rest(cursor: &mut Cursor<'_>, action: Action) -> Option<Action> {
    while cursor.next().is_some() {}
    Some(action)
}
