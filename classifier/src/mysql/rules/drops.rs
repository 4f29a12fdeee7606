//! SL2610: what is dropped is gone, and what still uses it fails.

use super::{Rule, Seen, part, sql};
use crate::mysql::action::{Action, Clause};
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2610),
    title: "Rows or values are lost, and running code that uses them fails",
    risk: Risk::Critical,
    why: "There is no rollback: what a drop takes away is in the last backup only. Code that still names it fails at once, and `SELECT *` \
          gets another shape. Take it out of the code first; make a column invisible or rename a table for a while, which can be undone; and \
          drop it when nobody has missed it.",
    example: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders DROP COLUMN note, ALGORITHM=INSTANT;",
    safer: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders ALTER COLUMN note SET INVISIBLE, ALGORITHM=INSTANT;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    match seen.action {
        Action::Alter(_) => column(seen),
        Action::DropTable {
            tables,
            temporary: false,
        } => {
            let table = tables.iter().find(|table| !(seen.created)(table))?;
            let kept = crate::tokens::Name {
                name: format!("{}_dropped", table.name),
                ..table.clone()
            };
            let message = format!("drops {table} with its rows, which no rollback brings back");
            Some(PAGE.found(message).instead(format!(
                "-- keep it under another name until nobody has missed it\nRENAME TABLE {} TO {};",
                sql(table),
                sql(&kept)
            )))
        }
        Action::Drop {
            what: "DATABASE" | "SCHEMA",
            name,
        } => Some(PAGE.found(format!(
            "drops every table of {name}, which no rollback brings back"
        ))),
        Action::Drop {
            what: what @ ("VIEW" | "FUNCTION" | "PROCEDURE"),
            name,
        } => {
            let message = format!("what still uses the {} {name} fails", what.to_ascii_lowercase());
            Some(PAGE.found(message).of(Risk::High))
        }
        _ => None,
    }
}

fn column(seen: &Seen<'_>) -> Option<Finding> {
    let (alter, _) = seen.carried_out()?;
    let column = alter.clauses.iter().find_map(|clause| match clause {
        Clause::DropColumn(column) => Some(column),
        _ => None,
    })?;
    let message = format!(
        "drops {}.{column} with its values, and what still names it fails",
        alter.table
    );
    Some(PAGE.found(message).instead(format!(
        "-- hidden from SELECT *, until nobody has missed it (MySQL 8.0.23, on MariaDB: MODIFY ... INVISIBLE)\nALTER TABLE {} ALTER COLUMN {} SET INVISIBLE;",
        sql(&alter.table),
        part(column)
    )))
}
