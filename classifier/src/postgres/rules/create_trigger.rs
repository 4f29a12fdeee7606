//! SL2122: a trigger that runs for each row from now on.

use super::Rule;
use crate::postgres::Context;
use crate::postgres::action::{Action, Object, ObjectChange};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2122),
    title: "Every write runs the trigger from now on",
    risk: Risk::Low,
    why: "CREATE TRIGGER blocks writes for an instant only, but from then on each row that is written calls the function: \
          measured, a PL/pgSQL trigger takes a third of the throughput of plain updates, and an error in it fails the \
          writes. A WHEN condition that is false for most rows costs little. A rule rewrites every query on the table and \
          is better not used at all.",
    example: "SET lock_timeout = '2s';\nCREATE TRIGGER orders_audit AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION \
              audit();",
    safer: "SET lock_timeout = '2s';\nCREATE TRIGGER orders_audit AFTER UPDATE ON orders FOR EACH ROW WHEN (OLD.status IS \
            DISTINCT FROM NEW.status) EXECUTE FUNCTION audit();",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    match action {
        Action::CreateTrigger(trigger) if trigger.for_each_row && !context.is_new(&trigger.table) => {
            let conditional = context.statement.to_ascii_lowercase().contains("when (")
                || context.statement.to_ascii_lowercase().contains("when(");
            match conditional {
                true => Vec::new(),
                false => vec![PAGE.found(format!(
                    "calls {} for each row that is written to {} from now on",
                    trigger.function, trigger.table
                ))],
            }
        }
        Action::OnTable {
            object: Object::Rule,
            table,
            change: ObjectChange::Create { .. },
            ..
        } if !context.is_new(table) => {
            vec![
                PAGE.found(format!("rewrites the queries on {table} from now on"))
                    .of(Risk::Medium),
            ]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn finds_it_and_nothing_else() {
        check(
            &RULE,
            &["CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING;"],
            &[
                "CREATE TABLE n (a int); CREATE TRIGGER x AFTER UPDATE ON n FOR EACH ROW EXECUTE FUNCTION f();",
                "CREATE TRIGGER x AFTER UPDATE ON t FOR EACH STATEMENT EXECUTE FUNCTION f();",
            ],
        );
    }
}
