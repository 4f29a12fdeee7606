//! SL2212: CASCADE, which takes along what the statement does not name.

use super::Rule;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter, Name, ObjectChange};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2212),
    title: "CASCADE takes along what the statement does not name",
    risk: Risk::High,
    why: "Views, foreign keys, functions and columns of other tables go away with it, without being listed beforehand, and \
          what they are in production can differ from what they are here. Without CASCADE the statement fails and names \
          each of them: drop those one by one that are to go. TRUNCATE ... CASCADE empties every table that refers to the \
          one named.",
    example: "SET lock_timeout = '2s';\nDROP TYPE mood CASCADE;",
    safer: "SET lock_timeout = '2s';\nALTER TABLE people ADD COLUMN feeling text;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let cascades = match action {
        Action::DropRelations(drop) => drop.cascade && drop.names.iter().any(|name| !context.is_new(name)),
        Action::DropObjects(drop) => drop.cascade,
        Action::OnTable {
            change: ObjectChange::Drop { cascade, .. },
            table,
            ..
        } => *cascade && !context.is_new(table),
        Action::AlterTable(alter) if !context.is_new(&alter.table) => alter.changes.iter().any(|change| {
            matches!(
                change,
                Alter::DropColumn { cascade: true, .. } | Alter::DropConstraint { cascade: true, .. }
            )
        }),
        Action::Truncate {
            cascade: true,
            tables,
        } => return truncated(tables, context),
        _ => false,
    };
    match cascades {
        true => {
            let known = dependents(action, context);
            let what = if known.is_empty() {
                "whatever depends on it".to_owned()
            } else {
                known.join(", ")
            };
            let without = without_cascade(context.statement);
            let finding = PAGE.found(format!("takes along {what}, which the statement does not name"));
            vec![match without {
                Some(sql) => finding.instead(format!("-- fails, and names what depends on it\n{sql};")),
                None => finding,
            }]
        }
        false => Vec::new(),
    }
}

/// What the database says would go along.
fn dependents(action: &Action, context: &Context<'_>) -> Vec<String> {
    let names: Vec<&Name> = match action {
        Action::DropRelations(drop) => drop.names.iter().collect(),
        Action::AlterTable(alter) => vec![&alter.table],
        _ => Vec::new(),
    };
    let tables = names.into_iter().filter_map(|name| context.table(name));
    tables
        .flat_map(|table| table.dependents.iter().cloned())
        .collect()
}

fn without_cascade(statement: &str) -> Option<String> {
    let at = statement.to_ascii_lowercase().rfind("cascade")?;
    let (before, after) = (statement.get(..at)?, statement.get(at + "cascade".len()..)?);
    Some(format!("{}{after}", before.trim_end()))
}

fn truncated(tables: &[Name], context: &Context<'_>) -> Vec<Finding> {
    let known = tables
        .iter()
        .filter_map(|name| context.table(name))
        .flat_map(|table| table.referenced_by.iter().cloned());
    let known: Vec<_> = known.collect();
    let others = if known.is_empty() {
        "every table that refers to it".to_owned()
    } else {
        known.join(", ")
    };
    let names: Vec<_> = tables.iter().map(sql::name).collect();
    let message = format!("empties {others} too, which the statement does not name");
    vec![PAGE.found(message).of(Risk::Critical).instead(format!(
        "-- fails, and names what refers to it\nTRUNCATE {};",
        names.join(", ")
    ))]
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &[
                "DROP TABLE t CASCADE;",
                "ALTER TABLE t DROP COLUMN c CASCADE;",
                "TRUNCATE t CASCADE;",
                "DROP SCHEMA s CASCADE;",
            ],
            &[
                "DROP TABLE t;",
                "CREATE TABLE n (a int); DROP TABLE n CASCADE;",
                "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p ON DELETE CASCADE NOT VALID;",
            ],
        );
    }
}
