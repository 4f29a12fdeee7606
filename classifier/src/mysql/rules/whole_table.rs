//! SL2620: a backfill in disguise.

use super::{Rule, Seen, part, shell};
use crate::mysql::action::{Action, Change};
use crate::tokens::Name;
use crate::{Code, Finding, Page, Risk, Safer};

const PAGE: Page = Page {
    code: Code(2620),
    title: "Every row is written in one transaction",
    risk: Risk::High,
    why: "One statement over a whole table is a backfill in disguise: each row that it has passed stays locked until the end, undo logs grow, \
          a failure takes as long again to roll back, and replicas apply it as one transaction. Write a few thousand rows at a time, each \
          time in a transaction of its own.",
    example: "UPDATE customers SET email_lower = lower(email);",
    safer: "UPDATE customers SET email_lower = lower(email) WHERE NOT (email_lower <=> lower(email)) LIMIT 5000;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    match seen.action {
        Action::Update(change) if change.whole && !(seen.created)(&change.table) => {
            let finding = PAGE.found(format!(
                "updates every row of {} in one transaction: a backfill in disguise",
                change.table
            ));
            Some(match batches(seen.statement, change) {
                Some(sql) => finding.instead(sql),
                None => finding,
            })
        }
        Action::Delete(change) if change.whole && !(seen.created)(&change.table) => {
            let message = format!("deletes every row of {} in one transaction", change.table);
            Some(PAGE.found(message).with(Safer::Command(archiver(&change.table))))
        }
        _ => None,
    }
}

/// A condition that a row no longer meets once it is written makes the statement end by itself; but not where the new value is made from
/// the old one, which would be changed again and again.
fn batches(statement: &str, change: &Change) -> Option<String> {
    let names_itself = |(column, expression): &(String, String)| {
        let lower = expression.to_lowercase();
        change
            .set
            .iter()
            .any(|(other, _)| lower.contains(&other.to_lowercase()))
            || column.is_empty()
    };
    if change.set.is_empty() || change.set.iter().any(names_itself) {
        return None;
    }
    let same: Vec<_> = change
        .set
        .iter()
        .map(|(column, expression)| format!("{} <=> ({expression})", part(column)))
        .collect();
    Some(format!(
        "-- again and again, until it changes no row\n{statement} WHERE NOT ({}) LIMIT 5000;",
        same.join(" AND ")
    ))
}

fn archiver(table: &Name) -> String {
    let schema = table
        .schema
        .as_deref()
        .map_or_else(|| "DATABASE".to_owned(), shell::word);
    format!(
        "pt-archiver --source D={schema},t={} --purge --where '1=1' --limit 1000 --txn-size 1000 --max-lag 1",
        shell::word(&table.name)
    )
}
