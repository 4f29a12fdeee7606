//! SL2608: a foreign key that nobody has checked.

use super::{Rule, Seen, sql};
use crate::mysql::action::Clause;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2608),
    title: "A foreign key is added without a look at the rows",
    risk: Risk::Medium,
    why: "With foreign_key_checks = 0 the key is added at once and no row is compared, neither now nor later: rows without a parent stay, and \
          the constraint claims that there are none. Count them right after it, and remove them.",
    example: "SET SESSION lock_wait_timeout = 5;\nSET foreign_key_checks = 0;\nALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id);",
    safer: "pt-online-schema-change --alter 'ADD CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id)' \
            --alter-foreign-keys-method auto --set-vars lock_wait_timeout=5 --max-lag 1 --execute D=shop,t=orders",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let (alter, _) = seen.carried_out()?;
    let parent = alter.clauses.iter().find_map(|clause| match clause {
        Clause::AddForeignKey { references } => Some(references),
        _ => None,
    })?;
    (!seen.foreign_key_checks).then(|| {
        let message = format!(
            "rows of {} without a parent in {} stay, and the key says that there are none",
            alter.table,
            sql(parent)
        );
        PAGE.found(message)
            .with(super::shell::online_tool(alter, seen.flavor))
    })
}
