//! SL2701: what the engine refuses.

use super::copy::copy;
use super::{Rule, Seen};
use crate::sqlite_script::action::{Action, DefaultValue};
use crate::sqlite_script::effect::refused;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2701),
    title: "SQLite refuses this ALTER",
    risk: Risk::Medium,
    why: "SQLite adds a column by changing the text of the schema, so it takes only what needs no value in the rows that are there, and of \
          columns and constraints that exist it can change little. The statement fails and nothing happens. Add the column nullable or with a \
          constant default, or copy the table.",
    example: "ALTER TABLE orders ADD COLUMN created text NOT NULL;",
    safer: "ALTER TABLE orders ADD COLUMN created text NOT NULL DEFAULT '';",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    match seen.action {
        Action::AddColumn { table, column } => {
            let reason = refused(column)?;
            let nullable =
                column.default == DefaultValue::Null && column.not_null && !column.primary && !column.unique;
            let finding = PAGE.found(format!("fails: {reason}"));
            Some(if nullable || column.default == DefaultValue::Changing {
                let type_name = if column.type_name.is_empty() {
                    String::new()
                } else {
                    format!(" {}", column.type_name)
                };
                finding.instead(format!(
                    "ALTER TABLE {} ADD COLUMN {}{type_name};\n-- fill it, and let the application give it",
                    super::sql(table),
                    super::part(&column.name)
                ))
            } else {
                finding.instead(copy(table, &format!("the column {}", column.name)))
            })
        }
        Action::Unsupported { table, words, since } => {
            let known = since.map_or_else(
                || "no version of SQLite knows it".to_owned(),
                |since| format!("SQLite knows it from {since} only"),
            );
            Some(
                PAGE.found(format!("fails: {words}: {known}"))
                    .instead(copy(table, "what is to change")),
            )
        }
        _ => None,
    }
}
