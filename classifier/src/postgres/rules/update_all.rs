//! SL2301: a backfill in disguise.

use super::Rule;
use super::help::by_size;
use super::sql;
use crate::Safer;
use crate::postgres::Context;
use crate::postgres::action::{Action, Name, Update};
use crate::rule::spec::Fill;
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2301),
    title: "Every row is updated in one transaction: a backfill in disguise",
    risk: Risk::High,
    why: "One UPDATE over a whole table holds the lock of each row that it has passed until the end: the application's \
          updates wait, all of them for the last part. The table doubles, no vacuum can help before it commits, replicas \
          fall behind, and a failure at the end begins again at the first row. A Sluice spec fills the column a few rows \
          at a time, keeps it right while the application writes, pauses when replicas or the application suffer, and \
          proves the result.",
    example: "UPDATE customer SET email_lower = lower(email);",
    safer: "name = 'fill-customer-email_lower'\n\n[[change]]\nkind = 'add_column'\ntable = 'customer'\ncolumn = \
            'email_lower'\ntype = 'text'\nup = 'lower(email)'",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let Action::Update(update) = action else {
        return Vec::new();
    };
    let every = update.condition.as_deref().is_none_or(is_always);
    let joined = update.query.reads.iter().any(|read| *read != update.table) && update.condition.is_some();
    if !every || joined || context.is_new(&update.table) {
        return Vec::new();
    }
    let finding = by_size(
        PAGE.found(format!(
            "updates every row of {} in one transaction: a backfill in disguise",
            update.table
        )),
        context,
        &update.table,
    );
    vec![match spec(update, context) {
        Some(safer) => finding.with(safer),
        None => finding,
    }]
}

/// `WHERE true`, `WHERE 1 = 1`.
pub(super) fn is_always(condition: &str) -> bool {
    let bare: String = condition
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '(' && *c != ')')
        .collect();
    let lower = bare.to_ascii_lowercase();
    lower == "true"
        || lower
            .split_once('=')
            .is_some_and(|(left, right)| left == right && !left.is_empty())
}

/// A spec, where one column gets a value from the others of its row.
fn spec(update: &Update, context: &Context<'_>) -> Option<Safer> {
    let [column] = update.columns.as_slice() else {
        return None;
    };
    let up = value(context.statement, column)?;
    let selects = up.to_ascii_lowercase().contains("select");
    if mentions(up, column) || selects {
        return None;
    }
    let type_name = type_name(&update.table, column, context);
    let told = if type_name.is_some() {
        ""
    } else {
        ", of the type that it is to have"
    };
    let fill = Fill {
        name: &["fill", &update.table.name, column],
        table: &sql::name(&update.table),
        column,
        type_name: type_name.as_deref().unwrap_or("text"),
        up,
        down: None,
        replaces: None,
    };
    Some(Safer::Spec(format!(
        "# adds the column{told}, and fills it: instead of ADD COLUMN and UPDATE\n{}",
        fill.spec()
    )))
}

fn type_name(table: &Name, column: &str, context: &Context<'_>) -> Option<String> {
    context
        .table(table)
        .and_then(|table| table.columns.get(column))
        .map(|column| column.type_name.clone())
}

/// What stands behind `SET column =`, up to a WHERE or RETURNING, as written.
fn value<'a>(statement: &'a str, column: &str) -> Option<&'a str> {
    let lower = statement.to_ascii_lowercase();
    let set = lower.find(" set ").or_else(|| lower.find("\nset "))?;
    let equals = set + lower.get(set..)?.find('=')?;
    let named = lower.get(set..equals)?.contains(&column.to_ascii_lowercase());
    let rest = statement.get(equals + 1..)?;
    let ends = [
        " where ",
        "\nwhere ",
        " returning ",
        "\nreturning ",
        " from ",
        "\nfrom ",
    ];
    let lower_rest = rest.to_ascii_lowercase();
    let end = ends
        .iter()
        .filter_map(|word| lower_rest.find(word))
        .min()
        .unwrap_or(rest.len());
    rest.get(..end)
        .map(str::trim)
        .filter(|value| named && !value.is_empty())
}

/// The name stands in the expression as a word.
fn mentions(expression: &str, column: &str) -> bool {
    let lower = expression.to_lowercase();
    let word = |c: char| !(c.is_alphanumeric() || c == '_');
    lower.split(word).any(|part| part == column.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, safer};
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &[
                "UPDATE t SET a = 1, b = 2;",
                "UPDATE t SET a = b WHERE true;",
                "UPDATE t SET a = b WHERE 1 = 1;",
            ],
            &[
                "UPDATE t SET a = 1 WHERE id = 5;",
                "CREATE TABLE n (a int); UPDATE n SET a = 1;",
                "UPDATE t SET a = u.b FROM u WHERE t.id = u.id;",
            ],
        );
    }

    #[test]
    fn a_fill_becomes_a_spec_and_nothing_else_does() {
        let crate::Safer::Spec(spec) = safer(&RULE, "UPDATE \"Odd\" SET b = 'x' || c WHERE true;") else {
            panic!("a spec was expected");
        };
        assert!(
            spec.contains("table = '\"Odd\"'\ncolumn = 'b'") && spec.contains("up = \"'x' || c\""),
            "{spec}"
        );
        for script in [
            "UPDATE t SET n = n + 1;",
            "UPDATE t SET n = (SELECT 1);",
            "UPDATE t SET a = 1, b = 2;",
        ] {
            assert!(
                super::super::testing::of(&RULE, None, script)[0].safer.is_none(),
                "{script}"
            );
        }
    }
}
