//! SL2703: every row is written anew while the file is locked for writing.

use super::{Rule, Seen};
use crate::sqlite_script::action::Action;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2703),
    title: "Every row is written anew while nobody can write to the file",
    risk: Risk::High,
    why: "DROP COLUMN takes the value out of every row, and VACUUM copies the whole file; both hold the write lock until they are done, and VACUUM \
          needs the space of a second file. To leave the column there, unused, costs nothing; VACUUM INTO writes a copy and locks nobody out.",
    example: "VACUUM;",
    safer: "VACUUM INTO 'copy.db';",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let long = "while nobody can write to the file; a writer whose busy timeout is shorter fails";
    match seen.action {
        Action::DropColumn { table, .. } if !(seen.created)(table) => {
            Some(PAGE.found(format!("writes every row of {table} anew {long}")))
        }
        Action::Vacuum { into: false } => Some(
            PAGE.found(format!("copies the whole file {long}"))
                .instead("VACUUM INTO 'copy.db';"),
        ),
        _ => None,
    }
}
