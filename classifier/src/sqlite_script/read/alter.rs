//! The four ALTERs that SQLite knows, and those that people try because other databases know them.

use super::super::action::Action;
use super::super::column::column;
use super::rest;
use crate::tokens::Cursor;

/// What is written behind ALTER TABLE.
pub(super) fn alter(cursor: &mut Cursor<'_>) -> Option<Action> {
    let table = cursor.name()?;
    if let Some((_, words, since)) = UNSUPPORTED.iter().find(|(tokens, ..)| cursor.eat_all(tokens)) {
        return rest(
            cursor,
            Action::Unsupported {
                table,
                words,
                since: *since,
            },
        );
    }
    if cursor.eat("ALTER") {
        return alter_column(cursor, table);
    }
    if cursor.eat("ADD") {
        let _column = cursor.eat("COLUMN");
        let column = column(cursor)?;
        // `ADD a, ADD b`: one change a statement.
        if cursor.sees(",") {
            return rest(
                cursor,
                Action::Unsupported {
                    table,
                    words: "several changes in one statement",
                    since: None,
                },
            );
        }
        return Some(Action::AddColumn { table, column });
    }
    if cursor.eat("DROP") {
        let _column = cursor.eat("COLUMN");
        let column = cursor.identifier()?;
        return Some(Action::DropColumn { table, column });
    }
    if !cursor.eat("RENAME") {
        return None;
    }
    if cursor.eat("TO") {
        return cursor.identifier().map(|to| Action::RenameTable { table, to });
    }
    let _column = cursor.eat("COLUMN");
    let from = cursor.identifier()?;
    if !cursor.eat("TO") {
        return None;
    }
    cursor
        .identifier()
        .map(|to| Action::RenameColumn { table, from, to })
}

/// SQLite 3.53 learned a few.
const CHECKS: Option<&str> = Some("3.53.0");

const UNSUPPORTED: &[(&[&str], &str, Option<&str>)] = &[
    (&["ADD", "CHECK"], "ADD CHECK", CHECKS),
    (&["ADD", "CONSTRAINT"], "ADD CONSTRAINT", CHECKS),
    (&["ADD", "PRIMARY", "KEY"], "ADD PRIMARY KEY", None),
    (&["ADD", "UNIQUE"], "ADD UNIQUE", None),
    (&["ADD", "FOREIGN", "KEY"], "ADD FOREIGN KEY", None),
    (&["DROP", "CONSTRAINT"], "DROP CONSTRAINT", CHECKS),
    (&["DROP", "PRIMARY", "KEY"], "DROP PRIMARY KEY", None),
    (&["DROP", "FOREIGN", "KEY"], "DROP FOREIGN KEY", None),
    (&["MODIFY"], "MODIFY", None),
    (&["CHANGE"], "CHANGE", None),
];

fn alter_column(cursor: &mut Cursor<'_>, table: crate::tokens::Name) -> Option<Action> {
    let _column = cursor.eat("COLUMN");
    cursor.identifier()?;
    let not_null = cursor.eat_all(&["SET", "NOT", "NULL"]) || cursor.eat_all(&["DROP", "NOT", "NULL"]);
    let (words, since) = match not_null {
        true => ("ALTER COLUMN ... NOT NULL", CHECKS),
        false => ("ALTER COLUMN", None),
    };
    rest(cursor, Action::Unsupported { table, words, since })
}
