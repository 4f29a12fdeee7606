//! CREATE, DROP and what else names whole tables.

use super::super::action::{Action, Alter, Clause, IndexKind};
use super::super::alter::{constraint, how, index_option};
use super::super::column::column;
use super::rest;
use crate::tokens::{Cursor, Name, list};

/// What is written behind CREATE.
pub(super) fn create(cursor: &mut Cursor<'_>) -> Option<Action> {
    let replace = cursor.eat_all(&["OR", "REPLACE"]);
    let temporary = cursor.eat("TEMPORARY");
    if cursor.eat("TABLE") {
        return create_table(cursor, temporary);
    }
    let _online = cursor.eat_any(&["ONLINE", "OFFLINE"]);
    if let Some(kind) = index_head(cursor) {
        return create_index(cursor, kind);
    }
    if let Some(what) = viewed(cursor) {
        return rest(cursor, Action::Create { what, replace });
    }
    let _definer = definer(cursor);
    let _aggregate = cursor.eat("AGGREGATE");
    if cursor.eat("TRIGGER") {
        return trigger(cursor);
    }
    let words = [
        "PROCEDURE",
        "FUNCTION",
        "EVENT",
        "DATABASE",
        "SCHEMA",
        "USER",
        "ROLE",
        "SEQUENCE",
        "SERVER",
    ];
    let what = cursor.eat_any(&words)?;
    rest(cursor, Action::Create { what, replace })
}

fn definer(cursor: &mut Cursor<'_>) -> Option<()> {
    if !cursor.eat_all(&["DEFINER", "="]) {
        return Some(());
    }
    // `user@host`: one word, or two names around an @.
    cursor.next()?;
    while cursor.peek().is_some_and(|token| token.text.starts_with('@')) {
        let alone = cursor.next()?.text == "@";
        if alone {
            cursor.next()?;
        }
    }
    let _arguments = cursor.group();
    let _security = cursor.eat_all(&["SQL", "SECURITY"]) && cursor.next().is_some();
    Some(())
}

/// A view's head: `ALGORITHM = x DEFINER = y SQL SECURITY z VIEW`.
pub(super) fn viewed(cursor: &mut Cursor<'_>) -> Option<&'static str> {
    let mut ahead = cursor.clone();
    let _algorithm = ahead.eat_all(&["ALGORITHM", "="]) && ahead.next().is_some();
    definer(&mut ahead)?;
    let _security = ahead.eat_all(&["SQL", "SECURITY"]) && ahead.next().is_some();
    let found = ahead.eat("VIEW");
    if found {
        *cursor = ahead;
    }
    found.then_some("VIEW")
}

fn index_head(cursor: &mut Cursor<'_>) -> Option<IndexKind> {
    let mut ahead = cursor.clone();
    let kind = match ahead.eat_any(&["UNIQUE", "FULLTEXT", "SPATIAL"]) {
        None => IndexKind::Plain,
        Some("UNIQUE") => IndexKind::Unique,
        Some("FULLTEXT") => IndexKind::Fulltext,
        Some(_) => IndexKind::Spatial,
    };
    let found = ahead.eat("INDEX");
    if found {
        *cursor = ahead;
    }
    found.then_some(kind)
}

fn create_index(cursor: &mut Cursor<'_>, kind: IndexKind) -> Option<Action> {
    let _if_not_exists = cursor.eat_all(&["IF", "NOT", "EXISTS"]);
    let name = cursor.identifier()?;
    let _using = cursor.eat("USING") && cursor.next().is_some();
    if !cursor.eat("ON") {
        return None;
    }
    let table = cursor.name()?;
    let parts = cursor.group()?;
    let parts = cursor.text(parts).to_owned();
    let word = match kind {
        IndexKind::Plain => "",
        IndexKind::Unique => "UNIQUE ",
        IndexKind::Fulltext => "FULLTEXT ",
        IndexKind::Spatial => "SPATIAL ",
    };
    let text = format!("ADD {word}INDEX `{}` ({parts})", name.replace('`', "``"));
    let clause = Clause::AddIndex {
        kind,
        name: Some(name),
        parts,
    };
    index_statement(cursor, table, clause, text)
}

fn index_statement(cursor: &mut Cursor<'_>, table: Name, clause: Clause, text: String) -> Option<Action> {
    let mut read = Alter {
        table,
        clauses: vec![clause],
        text,
        algorithm: None,
        lock: None,
        index_statement: true,
    };
    while !cursor.at_end() {
        if !(index_option(cursor)? || how(cursor, &mut read)?) {
            return None;
        }
    }
    Some(Action::Alter(read))
}

fn trigger(cursor: &mut Cursor<'_>) -> Option<Action> {
    let _if_not_exists = cursor.eat_all(&["IF", "NOT", "EXISTS"]);
    cursor.name()?;
    cursor.eat_any(&["BEFORE", "AFTER"])?;
    cursor.eat_any(&["INSERT", "UPDATE", "DELETE"])?;
    if !cursor.eat("ON") {
        return None;
    }
    let table = cursor.name()?;
    rest(cursor, Action::CreateTrigger(table))
}

fn create_table(cursor: &mut Cursor<'_>, temporary: bool) -> Option<Action> {
    let _if_not_exists = cursor.eat_all(&["IF", "NOT", "EXISTS"]);
    let table = cursor.name()?;
    let mut references = Vec::new();
    if cursor.eat("LIKE") {
        cursor.name()?;
        return Some(Action::CreateTable {
            table,
            temporary,
            filled: false,
            references,
        });
    }
    let mut ahead = cursor.clone();
    if let Some(items) = ahead.group() {
        let like = items
            .first()
            .is_some_and(|first| first.is("LIKE") || first.is("SELECT"));
        if !like {
            for item in list(items) {
                references.extend(item_references(&mut cursor.over(item))?);
            }
        }
    }
    let filled = cursor.rest().iter().any(|token| token.is("SELECT"));
    let any = !cursor.at_end();
    any.then(|| {
        rest(
            cursor,
            Action::CreateTable {
                table,
                temporary,
                filled,
                references,
            },
        )
    })?
}

/// Where one item of a table's definition points; None: it cannot be read.
fn item_references(cursor: &mut Cursor<'_>) -> Option<Option<Name>> {
    let references = match constraint(cursor)? {
        Some(Clause::AddForeignKey { references }) => Some(references),
        Some(_) => None,
        None => column(cursor)?.references,
    };
    cursor.at_end().then_some(references)
}

/// What is written behind DROP.
pub(super) fn drop(cursor: &mut Cursor<'_>) -> Option<Action> {
    let temporary = cursor.eat("TEMPORARY");
    if cursor.eat("TABLE") || cursor.eat("TABLES") {
        let _if_exists = cursor.eat_all(&["IF", "EXISTS"]);
        let tables = names(cursor)?;
        let _behavior = cursor.eat_any(&["RESTRICT", "CASCADE"]);
        return Some(Action::DropTable { tables, temporary });
    }
    if cursor.eat("INDEX") {
        let _if_exists = cursor.eat_all(&["IF", "EXISTS"]);
        let name = cursor.identifier()?;
        if !cursor.eat("ON") {
            return None;
        }
        let table = cursor.name()?;
        let text = format!("DROP INDEX `{}`", name.replace('`', "``"));
        return index_statement(cursor, table, Clause::DropIndex(name), text);
    }
    if cursor.eat("TRIGGER") {
        return rest(cursor, Action::DropTrigger);
    }
    let words = [
        "VIEW",
        "PROCEDURE",
        "FUNCTION",
        "EVENT",
        "DATABASE",
        "SCHEMA",
        "USER",
        "ROLE",
        "SEQUENCE",
        "SERVER",
    ];
    let what = cursor.eat_any(&words)?;
    let _if_exists = cursor.eat_all(&["IF", "EXISTS"]);
    let name = cursor.name()?.to_string();
    rest(cursor, Action::Drop { what, name })
}

/// RENAME and TRUNCATE, whose word is past, and the statements of maintenance, whose word is not.
pub(super) fn other(cursor: &mut Cursor<'_>) -> Option<Action> {
    let Some(word) = cursor.eat_any(&["OPTIMIZE", "ANALYZE", "CHECK", "REPAIR", "LOCK"]) else {
        return renamed_or_truncated(cursor);
    };
    if word == "LOCK" {
        return lock(cursor);
    }
    let _log = cursor.eat_any(&["LOCAL", "NO_WRITE_TO_BINLOG"]);
    cursor.eat_any(&["TABLE", "TABLES"])?;
    let tables = names(cursor)?;
    let action = match word {
        "OPTIMIZE" => Action::Optimize(tables),
        "REPAIR" => Action::Repair(tables),
        _ => Action::Inspect(tables),
    };
    rest(cursor, action)
}

fn renamed_or_truncated(cursor: &mut Cursor<'_>) -> Option<Action> {
    if cursor.eat("USER") {
        return rest(
            cursor,
            Action::Create {
                what: "USER",
                replace: true,
            },
        );
    }
    let renames = cursor.eat_any(&["TABLE", "TABLES"]);
    let first = cursor.name()?;
    if cursor.at_end() {
        return Some(Action::Truncate(first));
    }
    renames?;
    let mut pairs = Vec::new();
    let mut from = first;
    loop {
        if !cursor.eat("TO") {
            return None;
        }
        pairs.push((from, cursor.name()?));
        if !cursor.eat(",") {
            return Some(Action::RenameTable(pairs));
        }
        from = cursor.name()?;
    }
}

fn lock(cursor: &mut Cursor<'_>) -> Option<Action> {
    cursor.eat_any(&["TABLES", "TABLE"])?;
    let mut locked = Vec::new();
    loop {
        let table = cursor.name()?;
        if !cursor.sees("READ") && !cursor.sees("WRITE") && !cursor.sees("LOW_PRIORITY") {
            let _as = cursor.eat("AS");
            cursor.identifier()?;
        }
        let _priority = cursor.eat("LOW_PRIORITY");
        let writes = cursor.eat_any(&["READ", "WRITE"])? == "WRITE";
        let _local = cursor.eat_any(&["LOCAL", "CONCURRENT"]);
        locked.push((table, writes));
        if !cursor.eat(",") {
            return Some(Action::LockTables(locked));
        }
    }
}

fn names(cursor: &mut Cursor<'_>) -> Option<Vec<Name>> {
    let mut names = vec![cursor.name()?];
    while cursor.eat(",") {
        names.push(cursor.name()?);
    }
    Some(names)
}
