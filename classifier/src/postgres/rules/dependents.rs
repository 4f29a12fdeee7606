//! SL2504: what depends on it makes the statement fail.

use super::Rule;
use super::help::changes;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter, DropRelations, Relation};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2504),
    title: "Something depends on it, so the statement fails",
    risk: Risk::Medium,
    why: "The server refuses to change the type of a column that a view, a policy or a rule uses, and to drop what others \
          depend on. Drop and create those again in the same transaction, from their definition in the catalog; do not \
          reach for CASCADE, which drops them for good.",
    example: "SET lock_timeout = '2s';\nALTER TABLE t ALTER COLUMN a TYPE bigint;",
    safer: "SELECT pg_get_viewdef('public.v'::regclass);",
    needs_facts: true,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    if let Action::DropRelations(drop) = action {
        return dropped(drop, context);
    }
    let mut findings = Vec::new();
    for (name, change) in changes(action, context) {
        let (Alter::SetType { column, .. }
        | Alter::DropColumn {
            column,
            cascade: false,
            ..
        }) = change
        else {
            continue;
        };
        let used_by = context
            .table(name)
            .and_then(|table| table.columns.get(column))
            .map(|column| column.used_by.as_slice());
        if let Some(used_by @ [_, ..]) = used_by {
            findings.push(PAGE.found(format!(
                "fails: {name}.{column} is used by {}",
                used_by.join(", ")
            )));
        }
    }
    findings
}

fn dropped(drop: &DropRelations, context: &Context<'_>) -> Vec<Finding> {
    if drop.cascade || matches!(drop.relation, Relation::Index | Relation::Sequence) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for name in &drop.names {
        let Some(table) = context.table(name) else {
            continue;
        };
        let own = |other: &&String| {
            !drop
                .names
                .iter()
                .any(|dropped| context.catalog_name(dropped) == Some(other.as_str()))
        };
        // Policies go with their table.
        let others = table
            .dependents
            .iter()
            .filter(|dependent| !dependent.starts_with("policy"));
        let keys = table
            .referenced_by
            .iter()
            .filter(own)
            .map(|other| format!("a foreign key of {other}"));
        let others: Vec<_> = others.cloned().chain(keys).collect();
        if !others.is_empty() {
            findings.push(PAGE.found(format!("fails: {} depends on {name}", others.join(", "))));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, risks};
    use super::*;

    #[test]
    fn finds_it_where_the_server_would_refuse() {
        let used = facts(|_, table| {
            table.dependents = vec!["view public.v".to_owned(), "policy p".to_owned()];
            table.referenced_by = vec!["public.child".to_owned()];
        });
        for script in [
            "ALTER TABLE t ALTER a TYPE bigint;",
            "ALTER TABLE t DROP a;",
            "DROP TABLE t;",
        ] {
            assert_eq!(risks(&RULE, &used, script), [Risk::Medium], "{script}");
        }
        assert!(
            risks(
                &RULE,
                &used,
                "ALTER TABLE t DROP a CASCADE; ALTER TABLE t ADD c int;"
            )
            .is_empty()
        );
        assert!(risks(&RULE, &facts(|_, _| {}), "DROP TABLE t;").is_empty());
    }
}
