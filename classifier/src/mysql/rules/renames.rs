//! SL2611: the old name is gone in the same instant in which the new one appears.

use super::{Rule, Seen, part, sql};
use crate::mysql::action::{Action, Clause};
use crate::tokens::Name;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2611),
    title: "What still uses the old name fails",
    risk: Risk::High,
    why: "An application is never replaced in one instant: as long as one instance uses the old name, it fails. Give a table's old name to a \
          view; add a column under the new name (one that is generated from the old is instant), move the readers, then the writers.",
    example: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE customers RENAME COLUMN fax TO fax_number, ALGORITHM=INSTANT;",
    safer: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE customers ADD COLUMN fax_number varchar(24) AS (fax) VIRTUAL, ALGORITHM=INSTANT;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    if let Action::RenameTable(pairs) = seen.action {
        // `a TO b, b TO a` swaps two tables, as the online tools do: both names go on.
        let (from, to) = pairs
            .iter()
            .find(|(from, _)| !(seen.created)(from) && !pairs.iter().any(|(_, to)| to == from))?;
        return Some(table(from, to));
    }
    let (alter, _) = seen.carried_out()?;
    alter.clauses.iter().find_map(|clause| match clause {
        Clause::Rename(to) => Some(table(&alter.table, to)),
        Clause::RenameColumn { from, to } => {
            let message = format!("what still uses {}.{from} fails from the instant in which it is {to}", alter.table);
            Some(PAGE.found(message).instead(format!(
                "SHOW CREATE TABLE {table};\n-- with the type of {from}, for readers: writers can move once it is an ordinary column\n-- ALTER TABLE {table} ADD COLUMN {} ... AS ({}) VIRTUAL, ALGORITHM=INSTANT",
                part(to),
                part(from),
                table = sql(&alter.table)
            )))
        }
        _ => None,
    })
}

fn table(from: &Name, to: &Name) -> Finding {
    let message = format!("what still uses {from} fails from the instant in which it is {to}");
    PAGE.found(message)
        .instead(format!("CREATE VIEW {} AS SELECT * FROM {};", sql(to), sql(from)))
}
