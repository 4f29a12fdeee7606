//! SL2709: foreign keys that are on, or cannot be turned off, while a table is replaced.

use super::{Rule, Seen};
use crate::sqlite_script::action::Action;
use crate::sqlite_script::session::Transaction;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2709),
    title: "Foreign keys act while a table is dropped",
    risk: Risk::High,
    why: "With foreign_keys ON a DROP TABLE deletes the rows first: rows of other tables that point there are deleted too (ON DELETE CASCADE) or \
          make it fail. The pragma does nothing inside a transaction, so it has to be turned off before BEGIN, and `PRAGMA foreign_key_check` \
          must be empty before COMMIT.",
    example: "BEGIN IMMEDIATE;\nPRAGMA foreign_keys = OFF;",
    safer: "PRAGMA foreign_keys = OFF;\nBEGIN IMMEDIATE;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    match seen.action {
        Action::Pragma { name, value: Some(_) }
            if name == "foreign_keys" && seen.transaction != Transaction::None =>
        {
            Some(
                PAGE.found("does nothing: foreign_keys cannot be changed inside a transaction")
                    .instead(format!("-- before BEGIN\n{};", seen.statement)),
            )
        }
        Action::DropTable(table) if seen.foreign_keys == Some(true) && !(seen.created)(table) => Some(
            PAGE.found(format!(
                "foreign_keys is ON: rows that point to {table} are deleted with it, or make this fail"
            ))
            .instead(format!(
                "PRAGMA foreign_keys = OFF;\n{};\nPRAGMA foreign_key_check;",
                seen.statement
            )),
        ),
        _ => None,
    }
}
