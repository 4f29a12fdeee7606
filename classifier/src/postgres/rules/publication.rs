//! SL2503: a published table that changes here and not there.

use super::Rule;
use super::help::table_changes;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2503),
    title: "The table is published, and its subscribers do not get the change",
    risk: Risk::High,
    why: "Logical replication carries rows, not definitions. A column that a subscriber lacks, has under another name or \
          cannot store stops its apply worker until somebody makes it, and the log that is kept for it fills the disk. Add \
          a column on the subscribers first; drop one there last; a renamed table is published on, under its new name.",
    example: "SET lock_timeout = '2s';\nALTER TABLE t ADD COLUMN note text;",
    safer: "SELECT pubname FROM pg_publication_tables WHERE tablename = 't';",
    needs_facts: true,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    if let Action::Truncate { tables, .. } = action {
        let published = tables.iter().find(|name| {
            context
                .table(name)
                .is_some_and(|table| !table.publications.is_empty())
        });
        return published
            .map(|name| PAGE.found(format!("{name} is published: its subscribers are emptied too")))
            .into_iter()
            .collect();
    }
    for (name, change) in table_changes(action, context) {
        let Some(table) = context.table(name).filter(|table| !table.publications.is_empty()) else {
            continue;
        };
        let when = match change {
            Alter::AddColumn { .. } => "the subscribers need the column first",
            Alter::RenameColumn { .. }
            | Alter::Rename { .. }
            | Alter::SetType { .. }
            | Alter::SetSchema { .. } => "the subscribers need the same in the same instant",
            Alter::DropColumn { .. } => "the subscribers drop it afterwards, and need no value for it before",
            _ => continue,
        };
        let message = format!(
            "{name} is published ({}), and definitions are not replicated: {when}",
            table.publications.join(", ")
        );
        return vec![
            PAGE.found(message)
                .instead(format!("-- on each subscriber\n{};", context.statement)),
        ];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, risks};
    use super::*;

    #[test]
    fn finds_it_on_what_is_published() {
        let published = facts(|_, table| table.publications = vec!["all".to_owned()]);
        for script in [
            "ALTER TABLE t ADD c int;",
            "ALTER TABLE t DROP a;",
            "ALTER TABLE t RENAME a TO b;",
            "TRUNCATE t;",
        ] {
            assert_eq!(risks(&RULE, &published, script), [Risk::High], "{script}");
        }
        assert!(
            risks(
                &RULE,
                &published,
                "ALTER TABLE t ALTER a SET DEFAULT 1; CREATE INDEX CONCURRENTLY i ON t (a);"
            )
            .is_empty()
        );
        assert!(risks(&RULE, &facts(|_, _| {}), "ALTER TABLE t ADD c int;").is_empty());
    }
}
