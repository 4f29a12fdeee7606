//! Reads the definition of a column: `name type attributes`.
//!
//! Strict: an attribute that is not known here is a fault, because the one that is skipped could be the one that copies the table.

use super::action::{Column, DefaultValue, Generated, IndexKey};
use crate::tokens::{Cursor, Kind, list};

/// A definition, up to the comma or the placing (`FIRST`, `AFTER`); None: the cursor stands on what cannot be read.
pub(crate) fn column(cursor: &mut Cursor<'_>) -> Option<Column> {
    let name = cursor.identifier()?;
    let type_name = type_name(cursor)?;
    let mut column = Column {
        name,
        auto_increment: type_name == "serial",
        not_null: type_name == "serial",
        key: (type_name == "serial").then_some(IndexKey::Unique),
        type_name,
        ..Column::default()
    };
    while !cursor.at_end() && !cursor.sees(",") && !cursor.sees("FIRST") && !cursor.sees("AFTER") {
        attribute(cursor, &mut column)?;
        column.attributes = true;
    }
    Some(column)
}

/// Types of two words.
const PAIRS: &[&[&str]] = &[
    &["double", "precision"],
    &["character", "varying"],
    &["char", "varying"],
    &["national", "char"],
    &["national", "character"],
    &["national", "varchar"],
    &["long", "varchar"],
    &["long", "varbinary"],
];

fn type_name(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut name = match PAIRS.iter().find(|pair| cursor.eat_all(pair)) {
        Some(pair) => pair.join(" "),
        None => {
            let token = cursor.peek().filter(|token| token.kind == Kind::Word)?;
            cursor.next();
            token.text.to_ascii_lowercase()
        }
    };
    if let Some(arguments) = cursor.group() {
        let parts: Vec<_> = list(arguments)
            .into_iter()
            .map(|part| cursor.text(part))
            .collect();
        name = format!("{name}({})", parts.join(","));
    }
    loop {
        if let Some(word) = cursor.eat_any(&["unsigned", "signed", "zerofill", "binary"]) {
            if word != "signed" {
                name = format!("{name} {word}");
            }
        } else if cursor.eat_all(&["CHARACTER", "SET"]) || cursor.eat("CHARSET") {
            let charset = cursor.identifier()?;
            name = format!("{name} charset {}", charset.to_ascii_lowercase());
        } else {
            return Some(name);
        }
    }
}

fn attribute(cursor: &mut Cursor<'_>, column: &mut Column) -> Option<()> {
    if cursor.eat_all(&["NOT", "NULL"]) {
        column.not_null = true;
    } else if cursor.eat("NULL") || visibility(cursor) {
        // What a column is without being told.
    } else if cursor.eat("DEFAULT") {
        column.default = default(cursor)?;
    } else if cursor.eat_all(&["ON", "UPDATE"]) {
        cursor.value()?;
    } else if cursor.eat("AUTO_INCREMENT") {
        column.auto_increment = true;
    } else if cursor.eat("PRIMARY") || cursor.sees("KEY") {
        let _key = cursor.eat("KEY");
        column.key = Some(IndexKey::Primary);
    } else if cursor.eat("UNIQUE") {
        let _key = cursor.eat("KEY");
        column.key = Some(IndexKey::Unique);
    } else if cursor.eat("COMMENT")
        || cursor.eat("COLLATE")
        || cursor.eat("COLUMN_FORMAT")
        || cursor.eat("STORAGE")
    {
        cursor.next()?;
    } else if cursor.eat("SRID") {
        cursor.value()?;
    } else if cursor.eat_all(&["GENERATED", "ALWAYS", "AS"]) || cursor.eat("AS") {
        cursor.group()?;
        column.generated = Some(Generated::Virtual);
    } else if cursor.eat("STORED") || cursor.eat("PERSISTENT") {
        column
            .generated
            .as_mut()
            .map(|generated| *generated = Generated::Stored)?;
    } else if cursor.eat("VIRTUAL") {
        column.generated?;
    } else if cursor.eat("REFERENCES") {
        column.references = Some(cursor.name()?);
        let _columns = cursor.group();
        while reference_option(cursor)? {}
    } else {
        if cursor.eat("CONSTRAINT") && !cursor.sees("CHECK") {
            cursor.identifier()?;
        }
        if !cursor.eat("CHECK") {
            return None;
        }
        cursor.group()?;
        let _enforced = cursor.eat_all(&["NOT", "ENFORCED"]) || cursor.eat("ENFORCED");
        column.check = true;
    }
    Some(())
}

fn visibility(cursor: &mut Cursor<'_>) -> bool {
    cursor.eat("VISIBLE") || cursor.eat("INVISIBLE") || cursor.eat_all(&["WITHOUT", "SYSTEM", "VERSIONING"])
}

/// A literal is one value for all rows; the time of the statement is, too.
fn default(cursor: &mut Cursor<'_>) -> Option<DefaultValue> {
    let value = cursor.value()?;
    let first = value.first()?;
    let literal = match first.kind {
        Kind::Text | Kind::Number => true,
        Kind::Symbol => !first.is("("),
        Kind::Quoted => return None,
        Kind::Word => {
            let clock = [
                "CURRENT_TIMESTAMP",
                "NOW",
                "LOCALTIME",
                "LOCALTIMESTAMP",
                "CURDATE",
                "CURRENT_DATE",
            ];
            let named = ["NULL", "TRUE", "FALSE"]
                .iter()
                .chain(&clock)
                .any(|word| first.is(word));
            named || value.last().is_some_and(|last| last.kind == Kind::Text)
        }
    };
    // MariaDB writes literals in parentheses, too.
    let wrapped =
        matches!(value, [_, inside, _] if first.is("(") && matches!(inside.kind, Kind::Text | Kind::Number));
    Some(if literal || wrapped {
        DefaultValue::Constant
    } else {
        DefaultValue::Expression
    })
}

/// One option behind REFERENCES; whether there was one.
pub(crate) fn reference_option(cursor: &mut Cursor<'_>) -> Option<bool> {
    if cursor.eat("MATCH") {
        cursor.eat_any(&["FULL", "PARTIAL", "SIMPLE"])?;
        return Some(true);
    }
    if !(cursor.eat_all(&["ON", "DELETE"]) || cursor.eat_all(&["ON", "UPDATE"])) {
        return Some(false);
    }
    let known = cursor.eat("RESTRICT")
        || cursor.eat("CASCADE")
        || cursor.eat_all(&["SET", "NULL"])
        || cursor.eat_all(&["SET", "DEFAULT"])
        || cursor.eat_all(&["NO", "ACTION"]);
    known.then_some(true)
}
