//! SL2501: prepared statements that fail once.

use super::Rule;
use super::help::table_changes;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2501),
    title: "A prepared SELECT * fails once in each session",
    risk: Risk::Low,
    why: "A statement that was prepared before the columns changed and returns all of them fails once with \"cached plan \
          must not change result type\", in each session that has it; inside a transaction the whole transaction fails. \
          Drivers and poolers that prepare by themselves do this unasked. Name the columns in queries, or let sessions \
          reconnect after the change.",
    example: "ALTER TABLE t ADD COLUMN note text;",
    safer: "DEALLOCATE ALL;",
    needs_facts: true,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let changes = table_changes(action, context).into_iter();
    let mut shapes = changes.filter_map(|(table, change)| {
        context.table(table)?;
        match change {
            Alter::AddColumn { .. } => Some((table, Risk::Low)),
            Alter::DropColumn { .. } | Alter::SetType { .. } | Alter::RenameColumn { .. } => {
                Some((table, Risk::Medium))
            }
            _ => None,
        }
    });
    let first = shapes.next();
    let worst = shapes.chain(first).max_by_key(|(_, risk)| *risk);
    let found = worst.map(|(table, risk)| {
        PAGE.found(format!("a session that has prepared SELECT * FROM {table} fails once: cached plan must not change result type")).of(risk)
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, of, risks};
    use super::*;

    #[test]
    fn finds_it_once_a_statement_where_the_database_has_the_table() {
        let facts = facts(|_, _| {});
        assert_eq!(
            risks(&RULE, &facts, "ALTER TABLE t ADD c int, ADD d int;"),
            [Risk::Low]
        );
        assert_eq!(
            risks(&RULE, &facts, "ALTER TABLE t ADD c int, DROP a;"),
            [Risk::Medium]
        );
        assert!(
            risks(
                &RULE,
                &facts,
                "ALTER TABLE t ALTER a SET DEFAULT 1; ALTER TABLE unknown ADD c int;"
            )
            .is_empty()
        );
        assert!(of(&RULE, None, PAGE.example).is_empty());
    }
}
