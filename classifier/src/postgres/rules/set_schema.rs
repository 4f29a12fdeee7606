//! SL2208: a table that is no longer where it was.

use super::Rule;
use super::help::changes;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter, Name, Object, ObjectChange};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2208),
    title: "What still looks for it in the old schema fails",
    risk: Risk::High,
    why: "Another schema is another name: code that names the old schema, or finds the table along its search_path, fails. \
          Make a view in the new schema first, move the application to it, and the table when nobody uses the old place \
          any more.",
    example: "SET lock_timeout = '2s';\nALTER TABLE customer SET SCHEMA crm;",
    safer: "CREATE VIEW crm.customer AS SELECT * FROM customer;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    if let Action::AlterObject {
        object: Object::Schema,
        name,
        change: ObjectChange::Rename { to },
        ..
    } = action
    {
        return vec![PAGE.found(format!(
            "what still names the schema {name} fails from the instant in which it is {to}"
        ))];
    }
    let moved = changes(action, context)
        .into_iter()
        .filter_map(|(table, change)| match change {
            Alter::SetSchema { schema } => Some((table, schema)),
            _ => None,
        });
    moved
        .map(|(table, schema)| {
            let view = Name::qualified(schema, &table.name);
            PAGE.found(format!("what still looks for {table} outside of {schema} fails"))
                .instead(format!(
                    "CREATE VIEW {} AS SELECT * FROM {};",
                    sql::name(&view),
                    sql::name(table)
                ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["ALTER VIEW v SET SCHEMA s;", "ALTER SCHEMA a RENAME TO b;"],
            &["CREATE TABLE n (a int); ALTER TABLE n SET SCHEMA s;"],
        );
    }
}
