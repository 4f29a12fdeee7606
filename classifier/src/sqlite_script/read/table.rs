//! CREATE.

use super::super::action::Action;
use super::super::column::{column, references};
use super::rest;
use crate::tokens::{Cursor, Name, list};

/// What is written behind CREATE.
pub(super) fn create(cursor: &mut Cursor<'_>) -> Option<Action> {
    let temporary = cursor.eat_any(&["TEMP", "TEMPORARY"]).is_some();
    if cursor.eat("TABLE") {
        let _if_not_exists = cursor.eat_all(&["IF", "NOT", "EXISTS"]);
        let table = cursor.name()?;
        return create_table(cursor, &table, temporary);
    }
    if cursor.sees("UNIQUE") || cursor.sees("INDEX") {
        return create_index(cursor);
    }
    if cursor.eat_all(&["VIRTUAL", "TABLE"]) {
        return rest(
            cursor,
            Action::Create {
                what: "VIRTUAL TABLE",
                temporary,
            },
        );
    }
    let what = cursor.eat_any(&["VIEW", "TRIGGER"])?;
    let _if_not_exists = cursor.eat_all(&["IF", "NOT", "EXISTS"]);
    cursor.name()?;
    rest(cursor, Action::Create { what, temporary })
}

fn create_table(cursor: &mut Cursor<'_>, table: &Name, temporary: bool) -> Option<Action> {
    let action = |filled, without_rowid, strict| Action::CreateTable {
        table: table.clone(),
        temporary,
        filled,
        without_rowid,
        strict,
    };
    if cursor.eat("AS") {
        return rest(cursor, action(true, false, false));
    }
    for item in list(cursor.group()?) {
        let mut item = cursor.over(item);
        constraint_or_column(&mut item)?;
        item.at_end().then_some(())?;
    }
    let (mut without_rowid, mut strict) = (false, false);
    loop {
        if cursor.eat_all(&["WITHOUT", "ROWID"]) {
            without_rowid = true;
        } else if cursor.eat("STRICT") {
            strict = true;
        } else {
            return Some(action(false, without_rowid, strict));
        }
        let _comma = cursor.eat(",");
    }
}

fn constraint_or_column(item: &mut Cursor<'_>) -> Option<()> {
    let mut ahead = item.clone();
    let named = ahead.eat("CONSTRAINT");
    if named {
        ahead.identifier()?;
    }
    if ahead.eat_all(&["PRIMARY", "KEY"]) || ahead.eat("UNIQUE") || ahead.eat("CHECK") {
        ahead.group()?;
        let _conflict = ahead.eat_all(&["ON", "CONFLICT"]) && ahead.next().is_some();
    } else if ahead.eat_all(&["FOREIGN", "KEY"]) {
        ahead.group()?;
        ahead.eat("REFERENCES").then_some(())?;
        references(&mut ahead)?;
    } else if named {
        return None;
    } else {
        return column(item).map(|_| ());
    }
    *item = ahead;
    Some(())
}

fn create_index(cursor: &mut Cursor<'_>) -> Option<Action> {
    let unique = cursor.eat("UNIQUE");
    cursor.eat("INDEX").then_some(())?;
    let _if_not_exists = cursor.eat_all(&["IF", "NOT", "EXISTS"]);
    cursor.name()?;
    cursor.eat("ON").then_some(())?;
    let table = cursor.name()?;
    let columns = cursor.group()?;
    let columns = cursor.text(columns).to_owned();
    let partial = cursor.eat("WHERE");
    if !partial {
        return Some(Action::CreateIndex {
            table,
            unique,
            partial,
            columns,
        });
    }
    rest(
        cursor,
        Action::CreateIndex {
            table,
            unique,
            partial,
            columns,
        },
    )
}
