//! Reads the definition of a column, strictly: None means that the cursor stands on something that is not known here.

use super::action::{Column, DefaultValue, Generated};
use crate::tokens::{Cursor, Kind};

/// Words that begin an attribute, so that a type ends before them.
const ATTRIBUTES: &[&str] = &[
    "CONSTRAINT",
    "PRIMARY",
    "NOT",
    "NULL",
    "UNIQUE",
    "CHECK",
    "DEFAULT",
    "COLLATE",
    "REFERENCES",
    "GENERATED",
    "AS",
];

/// A definition, up to a comma or the end.
pub(crate) fn column(cursor: &mut Cursor<'_>) -> Option<Column> {
    let mut column = Column {
        name: cursor.identifier()?,
        type_name: type_name(cursor)?,
        ..Column::default()
    };
    while !cursor.at_end() && !cursor.sees(",") {
        attribute(cursor, &mut column)?;
    }
    Some(column)
}

/// Any words at all, or none.
fn type_name(cursor: &mut Cursor<'_>) -> Option<String> {
    let start = cursor.rest();
    while let Some(token) = cursor.peek() {
        let name =
            matches!(token.kind, Kind::Word | Kind::Quoted) && !ATTRIBUTES.iter().any(|word| token.is(word));
        if !name {
            break;
        }
        cursor.next();
    }
    if cursor.sees("(") {
        cursor.group()?;
    }
    let length = start.len() - cursor.rest().len();
    Some(cursor.text(&start[..length]).to_owned())
}

fn attribute(cursor: &mut Cursor<'_>, column: &mut Column) -> Option<()> {
    if cursor.eat("CONSTRAINT") {
        cursor.identifier()?;
    }
    if cursor.eat_all(&["PRIMARY", "KEY"]) {
        column.primary = true;
        let _order = cursor.eat_any(&["ASC", "DESC"]);
        conflict(cursor)?;
        let _autoincrement = cursor.eat("AUTOINCREMENT");
    } else if cursor.eat_all(&["NOT", "NULL"]) {
        column.not_null = true;
        conflict(cursor)?;
    } else if cursor.eat("NULL") {
        conflict(cursor)?;
    } else if cursor.eat("UNIQUE") {
        column.unique = true;
        conflict(cursor)?;
    } else if cursor.eat("CHECK") {
        cursor.group()?;
        column.check = true;
    } else if cursor.eat("DEFAULT") {
        column.default = default(cursor)?;
    } else if cursor.eat("COLLATE") {
        cursor.identifier()?;
    } else if cursor.eat("REFERENCES") {
        column.references = true;
        references(cursor)?;
    } else if cursor.eat_all(&["GENERATED", "ALWAYS", "AS"]) || cursor.eat("AS") {
        cursor.group()?;
        column.generated = Some(match cursor.eat_any(&["STORED", "VIRTUAL"]) {
            Some("STORED") => Generated::Stored,
            _ => Generated::Virtual,
        });
    } else {
        return None;
    }
    Some(())
}

fn conflict(cursor: &mut Cursor<'_>) -> Option<()> {
    if cursor.eat_all(&["ON", "CONFLICT"]) {
        cursor.eat_any(&["ROLLBACK", "ABORT", "FAIL", "IGNORE", "REPLACE"])?;
    }
    Some(())
}

fn default(cursor: &mut Cursor<'_>) -> Option<DefaultValue> {
    let value = cursor.value()?;
    let first = value.first()?;
    let current = ["CURRENT_TIME", "CURRENT_DATE", "CURRENT_TIMESTAMP"]
        .iter()
        .any(|word| first.is(word));
    Some(if first.is("NULL") {
        DefaultValue::Null
    } else if current || first.is("(") {
        DefaultValue::Changing
    } else {
        DefaultValue::Constant
    })
}

/// What is written behind REFERENCES.
pub(crate) fn references(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.name()?;
    let _columns = cursor.group();
    loop {
        if cursor.eat("MATCH") {
            cursor.identifier()?;
        } else if cursor.eat_all(&["ON", "DELETE"]) || cursor.eat_all(&["ON", "UPDATE"]) {
            let known = cursor.eat_all(&["SET", "NULL"])
                || cursor.eat_all(&["SET", "DEFAULT"])
                || cursor.eat_all(&["NO", "ACTION"])
                || cursor.eat_any(&["CASCADE", "RESTRICT"]).is_some();
            known.then_some(())?;
        } else if cursor.eat_all(&["NOT", "DEFERRABLE"])
            || cursor.eat("DEFERRABLE")
            || cursor.eat("INITIALLY")
        {
            let _initially = cursor.eat_any(&["DEFERRED", "IMMEDIATE"]);
        } else {
            return Some(());
        }
    }
}
