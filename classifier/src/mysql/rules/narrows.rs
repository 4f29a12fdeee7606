//! SL2612: the table takes less than before.

use super::{Rule, Seen, part, sql};
use crate::mysql::action::{Clause, DefaultValue, IndexKind};
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2612),
    title: "What running code writes may be refused from now on",
    risk: Risk::Medium,
    why: "A column that must be given, a value that must be unique or in range: code that was written before does not know. Give the column a \
          default, and let the code that obeys the new rule run before the rule does.",
    example: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders ADD COLUMN channel varchar(10) NOT NULL, ALGORITHM=INSTANT;",
    safer: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders ADD COLUMN channel varchar(10) NOT NULL DEFAULT 'web', ALGORITHM=INSTANT;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let (alter, _) = seen.carried_out()?;
    let table = &alter.table;
    alter.clauses.iter().find_map(|clause| match clause {
        Clause::AddColumn { column, .. } => {
            let filled = column.default != DefaultValue::None || column.auto_increment || column.generated.is_some();
            let missing = column.not_null && !filled;
            missing.then(|| {
                PAGE.found(format!("an INSERT that does not name {table}.{} fails in strict mode, and the rows there get an empty value", column.name))
                    .instead(format!("ALTER TABLE {} ADD COLUMN {} {}, ALGORITHM=INSTANT;", sql(table), part(&column.name), column.type_name))
                    .of(Risk::High)
            })
        }
        Clause::Default { column, drops: true } => {
            Some(PAGE.found(format!("an INSERT that does not name {table}.{column} fails in strict mode, if the column is NOT NULL")))
        }
        Clause::AddIndex { kind: IndexKind::Unique, parts, .. } => {
            let count = format!("SELECT {parts}, count(*) FROM {} GROUP BY {parts} HAVING count(*) > 1;", sql(table));
            Some(PAGE.found(format!("a second row of {table} with the same ({parts}) is refused; it fails if there is one already")).instead(format!("-- none may be left\n{count}")))
        }
        Clause::AddCheck | Clause::EnforceCheck { enforced: true } => {
            Some(PAGE.found(format!("a row of {table} that the check refuses cannot be written any more; it fails if there is one already")))
        }
        Clause::AddForeignKey { references } => {
            Some(PAGE.found(format!("a row of {table} without a parent in {references} cannot be written any more, nor its parent be deleted")))
        }
        _ => None,
    })
}
