//! SL2111: a type whose change writes every row anew.

use super::Rule;
use super::help::{by_size, changes};
use super::sql;
use crate::Safer;
use crate::postgres::Assumption;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter};
use crate::rule::spec::Fill;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2111),
    title: "Every row is written anew in another type",
    risk: Risk::Critical,
    why: "Only a change that keeps each value's bytes is instant: a longer varchar, varchar to text, a larger numeric of \
          the same scale. Any other, from integer to bigint already, writes the table and all its indexes anew under an \
          AccessExclusiveLock, and checks foreign keys again. A Sluice spec adds a column of the new type, fills it a few \
          rows at a time, keeps both the same in both directions while the application moves, and drops the old one.",
    example: "SET lock_timeout = '2s';\nALTER TABLE orders ALTER COLUMN quantity TYPE bigint;",
    safer: "name = 'orders-quantity'\n\n[[change]]\nkind = 'add_column'\ntable = 'orders'\ncolumn = 'quantity_new'\ntype = \
            'bigint'\nup = 'quantity'\ndown = 'quantity_new'\nreplaces = 'quantity'",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    if !effect.rewrites_table {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (table, change) in changes(action, context) {
        let Alter::SetType {
            column, to, using, ..
        } = change
        else {
            continue;
        };
        let now = context.table(table).and_then(|table| table.columns.get(column));
        if now.is_some_and(|now| now.type_name == to.text) {
            continue;
        }
        let unknown = |assumption: &Assumption| matches!(assumption, Assumption::OldTypeUnknown { column: of, .. } if of == column);
        let doubt = match context.assumed.iter().any(unknown) {
            true => ", unless its type only gets longer, which only the database can tell",
            false => "",
        };
        let new = format!("{column}_new");
        let up = using.as_ref().map_or_else(
            || format!("{}::{}", sql::ident(column), to.text),
            |using| using.text.clone(),
        );
        // The way back is known only where the way there is a cast.
        let down = now
            .filter(|_| using.is_none())
            .map(|now| format!("{}::{}", sql::ident(&new), now.type_name));
        let spec = Fill {
            name: &["retype", &table.name, column],
            table: &sql::name(table),
            column: &new,
            type_name: &to.text,
            up: &up,
            down: down.as_deref(),
            replaces: Some(column),
        };
        let message = format!(
            "writes every row of {table} and its indexes anew, {column} as {}, while reads and writes wait{doubt}",
            to.text
        );
        findings.push(by_size(PAGE.found(message), context, table).with(Safer::Spec(spec.spec())));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &[
                "ALTER TABLE t ALTER c TYPE int USING c::int;",
                "ALTER TABLE t ALTER COLUMN c SET DATA TYPE numeric(10,2);",
            ],
            &[
                "CREATE TABLE n (c int); ALTER TABLE n ALTER c TYPE bigint;",
                "ALTER TABLE t ALTER c SET DEFAULT 1;",
            ],
        );
    }
}
