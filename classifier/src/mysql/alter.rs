//! Reads ALTER TABLE, CREATE INDEX and DROP INDEX, clause by clause.
//!
//! Strict: None means that the cursor stands on something that is not known here.

mod option;
mod partition;

use super::action::{Algorithm, Alter, Clause, IndexKind, LockClause};
use super::column::{column, reference_option};
use crate::tokens::{Cursor, Token, list};

/// What is written behind `ALTER TABLE`.
pub(crate) fn alter(cursor: &mut Cursor<'_>) -> Option<Alter> {
    let _if_exists = cursor.eat_all(&["IF", "EXISTS"]);
    let table = cursor.name()?;
    let _wait = cursor.eat("NOWAIT") || (cursor.eat("WAIT") && cursor.next().is_some());
    let mut read = Alter {
        table,
        clauses: Vec::new(),
        text: String::new(),
        algorithm: None,
        lock: None,
        index_statement: false,
    };
    let mut texts = Vec::new();
    loop {
        let before = cursor.rest();
        if !how(cursor, &mut read)? {
            clauses(cursor, &mut read.clauses)?;
            let length = before.len() - cursor.rest().len();
            texts.push(cursor.text(&before[..length]));
        }
        if cursor.at_end() {
            read.text = texts.join(", ");
            return Some(read);
        }
        // Options of the table may follow each other without a comma.
        let _comma = cursor.eat(",");
    }
}

/// `ALGORITHM=` or `LOCK=`; whether it was one.
pub(crate) fn how(cursor: &mut Cursor<'_>, read: &mut Alter) -> Option<bool> {
    if cursor.eat("ALGORITHM") {
        let _equals = cursor.eat("=");
        read.algorithm = match cursor.eat_any(&["DEFAULT", "INSTANT", "NOCOPY", "INPLACE", "COPY"])? {
            "INSTANT" => Some(Algorithm::Instant),
            "NOCOPY" => Some(Algorithm::NoCopy),
            "INPLACE" => Some(Algorithm::Inplace),
            "COPY" => Some(Algorithm::Copy),
            _ => None,
        };
        return Some(true);
    }
    if cursor.eat("LOCK") {
        let _equals = cursor.eat("=");
        read.lock = match cursor.eat_any(&["DEFAULT", "NONE", "SHARED", "EXCLUSIVE"])? {
            "NONE" => Some(LockClause::None),
            "SHARED" => Some(LockClause::Shared),
            "EXCLUSIVE" => Some(LockClause::Exclusive),
            _ => None,
        };
        return Some(true);
    }
    Some(cursor.eat_all(&["WITHOUT", "VALIDATION"]) || cursor.eat_all(&["WITH", "VALIDATION"]))
}

fn clauses(cursor: &mut Cursor<'_>, into: &mut Vec<Clause>) -> Option<()> {
    if let Some(partition) = partition::clause(cursor)? {
        into.push(partition);
    } else if cursor.eat("ADD") {
        add(cursor, into)?;
    } else if cursor.eat("DROP") {
        into.push(drop(cursor)?);
    } else if cursor.eat("MODIFY") {
        let _column = cursor.eat("COLUMN");
        let _if_exists = cursor.eat_all(&["IF", "EXISTS"]);
        let column = column(cursor)?;
        let placed = placed(cursor)?;
        into.push(Clause::ModifyColumn {
            from: column.name.clone(),
            column,
            placed,
        });
    } else if cursor.eat("CHANGE") {
        change(cursor, into)?;
    } else if cursor.eat("ALTER") {
        into.push(alter_part(cursor)?);
    } else if cursor.eat("RENAME") {
        into.push(rename(cursor)?);
    } else if cursor.eat_all(&["ORDER", "BY"]) {
        while !cursor.at_end() {
            cursor.next();
        }
        into.push(Clause::Order);
    } else {
        into.push(option::clause(cursor)?);
    }
    Some(())
}

fn add(cursor: &mut Cursor<'_>, into: &mut Vec<Clause>) -> Option<()> {
    if let Some(constraint) = constraint(cursor)? {
        into.push(constraint);
        return Some(());
    }
    let _column = cursor.eat("COLUMN");
    let _if_not_exists = cursor.eat_all(&["IF", "NOT", "EXISTS"]);
    if let Some(several) = cursor.group() {
        for one in list(several) {
            let mut cursor = cursor.over(one);
            let column = column(&mut cursor)?;
            into.push(Clause::AddColumn {
                column,
                placed: false,
            });
        }
        return Some(());
    }
    let column = column(cursor)?;
    let placed = placed(cursor)?;
    into.push(Clause::AddColumn { column, placed });
    Some(())
}

/// An index or constraint, as in ADD and in CREATE TABLE; Some(None): something else stands here.
pub(crate) fn constraint(cursor: &mut Cursor<'_>) -> Option<Option<Clause>> {
    let mut named = None;
    let declared = cursor.eat("CONSTRAINT");
    if declared
        && !["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"]
            .iter()
            .any(|word| cursor.sees(word))
    {
        named = Some(cursor.identifier()?);
    }
    let clause = if cursor.eat_all(&["PRIMARY", "KEY"]) {
        index(cursor)?;
        Clause::AddPrimaryKey
    } else if cursor.eat_all(&["FOREIGN", "KEY"]) {
        let _name = if cursor.sees("(") {
            None
        } else {
            cursor.identifier()
        };
        cursor.group()?;
        if !cursor.eat("REFERENCES") {
            return None;
        }
        let references = cursor.name()?;
        let _columns = cursor.group();
        while reference_option(cursor)? {}
        Clause::AddForeignKey { references }
    } else if cursor.eat("CHECK") {
        cursor.group()?;
        let _enforced = cursor.eat_all(&["NOT", "ENFORCED"]) || cursor.eat("ENFORCED");
        Clause::AddCheck
    } else if let Some(kind) = index_kind(cursor) {
        let (name, parts) = index(cursor)?;
        Clause::AddIndex {
            kind,
            name: name.or(named),
            parts: cursor.text(parts).to_owned(),
        }
    } else if declared {
        return None;
    } else {
        return Some(None);
    };
    Some(Some(clause))
}

fn index_kind(cursor: &mut Cursor<'_>) -> Option<IndexKind> {
    let kind = match cursor.eat_any(&["INDEX", "KEY", "UNIQUE", "FULLTEXT", "SPATIAL"])? {
        "UNIQUE" => IndexKind::Unique,
        "FULLTEXT" => IndexKind::Fulltext,
        "SPATIAL" => IndexKind::Spatial,
        _ => return Some(IndexKind::Plain),
    };
    let _word = cursor.eat_any(&["INDEX", "KEY"]);
    Some(kind)
}

/// `name USING type (parts) options`.
fn index<'a>(cursor: &mut Cursor<'a>) -> Option<(Option<String>, &'a [Token<'a>])> {
    let _if_not_exists = cursor.eat_all(&["IF", "NOT", "EXISTS"]);
    let name = if cursor.sees("(") || cursor.sees("USING") {
        None
    } else {
        cursor.identifier()
    };
    let _using = cursor.eat("USING") && cursor.next().is_some();
    let parts = cursor.group()?;
    while index_option(cursor)? {}
    Some((name, parts))
}

/// One option of an index; whether there was one.
pub(crate) fn index_option(cursor: &mut Cursor<'_>) -> Option<bool> {
    if cursor.eat("USING") || cursor.eat("COMMENT") || cursor.eat_all(&["WITH", "PARSER"]) {
        cursor.next()?;
        return Some(true);
    }
    if cursor.eat("KEY_BLOCK_SIZE") {
        let _equals = cursor.eat("=");
        cursor.next()?;
        return Some(true);
    }
    Some(
        cursor.eat_any(&["VISIBLE", "INVISIBLE", "IGNORED"]).is_some() || cursor.eat_all(&["NOT", "IGNORED"]),
    )
}

fn placed(cursor: &mut Cursor<'_>) -> Option<bool> {
    if cursor.eat("AFTER") {
        cursor.identifier()?;
        return Some(true);
    }
    Some(cursor.eat("FIRST"))
}

fn drop(cursor: &mut Cursor<'_>) -> Option<Clause> {
    if cursor.eat_all(&["PRIMARY", "KEY"]) {
        return Some(Clause::DropPrimaryKey);
    }
    let kind = if cursor.eat_all(&["FOREIGN", "KEY"]) {
        "FOREIGN"
    } else {
        cursor
            .eat_any(&["INDEX", "KEY", "CHECK", "CONSTRAINT", "COLUMN"])
            .unwrap_or("COLUMN")
    };
    let _if_exists = cursor.eat_all(&["IF", "EXISTS"]);
    let name = cursor.identifier()?;
    let _behavior = cursor.eat_any(&["RESTRICT", "CASCADE"]);
    Some(match kind {
        "FOREIGN" => Clause::DropForeignKey(name),
        "INDEX" | "KEY" => Clause::DropIndex(name),
        "COLUMN" => Clause::DropColumn(name),
        _ => Clause::DropConstraint(name),
    })
}

fn change(cursor: &mut Cursor<'_>, into: &mut Vec<Clause>) -> Option<()> {
    let _column = cursor.eat("COLUMN");
    let _if_exists = cursor.eat_all(&["IF", "EXISTS"]);
    let from = cursor.identifier()?;
    let column = column(cursor)?;
    let placed = placed(cursor)?;
    if !from.eq_ignore_ascii_case(&column.name) {
        into.push(Clause::RenameColumn {
            from: from.clone(),
            to: column.name.clone(),
        });
    }
    into.push(Clause::ModifyColumn { from, column, placed });
    Some(())
}

fn alter_part(cursor: &mut Cursor<'_>) -> Option<Clause> {
    if cursor.eat_any(&["INDEX", "KEY"]).is_some() {
        let _if_exists = cursor.eat_all(&["IF", "EXISTS"]);
        cursor.identifier()?;
        let known = cursor.eat_any(&["VISIBLE", "INVISIBLE", "IGNORED"]).is_some()
            || cursor.eat_all(&["NOT", "IGNORED"]);
        return known.then_some(Clause::IndexVisibility);
    }
    if cursor.eat_any(&["CHECK", "CONSTRAINT"]).is_some() {
        cursor.identifier()?;
        let enforced = !cursor.eat("NOT");
        return cursor
            .eat("ENFORCED")
            .then_some(Clause::EnforceCheck { enforced });
    }
    let _column = cursor.eat("COLUMN");
    let column = cursor.identifier()?;
    if cursor.eat_all(&["DROP", "DEFAULT"]) {
        return Some(Clause::Default { column, drops: true });
    }
    if cursor.eat_all(&["SET", "DEFAULT"]) {
        cursor.value()?;
        return Some(Clause::Default { column, drops: false });
    }
    (cursor.eat("SET") && cursor.eat_any(&["VISIBLE", "INVISIBLE"]).is_some()).then_some(Clause::Visibility)
}

fn rename(cursor: &mut Cursor<'_>) -> Option<Clause> {
    if cursor.eat("COLUMN") {
        let _if_exists = cursor.eat_all(&["IF", "EXISTS"]);
        let from = cursor.identifier()?;
        return match cursor.eat("TO") {
            true => cursor.identifier().map(|to| Clause::RenameColumn { from, to }),
            false => None,
        };
    }
    if cursor.eat_any(&["INDEX", "KEY"]).is_some() {
        let _if_exists = cursor.eat_all(&["IF", "EXISTS"]);
        cursor.identifier()?;
        return match cursor.eat("TO") {
            true => cursor.identifier().map(|_| Clause::RenameIndex),
            false => None,
        };
    }
    let _to = cursor.eat_any(&["TO", "AS", "="]);
    cursor.name().map(Clause::Rename)
}
