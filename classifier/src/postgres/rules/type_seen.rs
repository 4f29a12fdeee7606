//! SL2209: a type that running code sees change, though no row is written.

use super::Rule;
use super::help::changes;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2209),
    title: "Running code gets values of another type",
    risk: Risk::Medium,
    why: "The rows stay as they are, but what an application reads is of another type from the next query on: a prepared \
          statement fails once, and a driver hands out another class. A Sluice spec adds a column of the new type beside \
          the old one.",
    example: "SET lock_timeout = '2s';\nALTER TABLE events ALTER COLUMN at TYPE timestamptz;",
    safer: "name = 'retype-events-at'\n\n[[change]]\nkind = 'add_column'\ntable = 'events'\ncolumn = 'at_new'\ntype = \
            'timestamptz'\nup = \"at AT TIME ZONE 'UTC'\"\nreplaces = 'at'",
    needs_facts: true,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

/// Types whose values look the same to an application.
const ALIKE: &[&[&str]] = &[
    &["character varying", "text", "character"],
    &["numeric"],
    &["bit varying", "bit"],
];

fn judge(action: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    if effect.rewrites_table {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (table, change) in changes(action, context) {
        let Alter::SetType { column, to, .. } = change else {
            continue;
        };
        let Some(now) = context.table(table).and_then(|table| table.columns.get(column)) else {
            continue;
        };
        let base = now.type_name.split('(').next().unwrap_or_default().trim();
        let alike = base == to.base
            || ALIKE
                .iter()
                .any(|kind| kind.contains(&base) && kind.contains(&to.base.as_str()));
        if !alike && !now.type_name.starts_with(to.base.as_str()) {
            findings.push(PAGE.found(format!(
                "{table}.{column} is read as {} instead of {} from the next query on",
                to.text, now.type_name
            )));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::testing::of;
    use super::*;

    fn facts() -> crate::Facts {
        let column = |type_name: &str| crate::facts::Column {
            type_name: type_name.to_owned(),
            not_null: false,
            used_by: Vec::new(),
        };
        let columns = [
            ("at", column("timestamp without time zone")),
            ("name", column("character varying(50)")),
        ];
        let table = crate::facts::Table {
            columns: columns
                .into_iter()
                .map(|(name, column)| (name.to_owned(), column))
                .collect(),
            ..crate::facts::Table::default()
        };
        crate::Facts {
            timezone: "UTC".to_owned(),
            search_path: vec!["public".to_owned()],
            tables: [("public.events".to_owned(), table)].into(),
            ..crate::Facts::default()
        }
    }

    #[test]
    fn finds_it_where_the_class_of_the_value_changes() {
        assert_eq!(of(&RULE, Some(facts()), PAGE.example).len(), 1);
        assert!(of(&RULE, Some(facts()), "ALTER TABLE events ALTER name TYPE text;").is_empty());
    }
}
