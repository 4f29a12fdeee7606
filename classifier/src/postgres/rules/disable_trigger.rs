//! SL2123: triggers that do not fire, those of foreign keys among them.

use super::Rule;
use super::help::changes;
use crate::postgres::Context;
use crate::postgres::action::{Action, Alter, TriggerState, Triggers};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2123),
    title: "Triggers do not fire until they are enabled again",
    risk: Risk::High,
    why: "DISABLE TRIGGER ALL turns off the triggers that check foreign keys too: rows without a parent can be written by \
          everybody, not only by this script, and nothing checks them later. DISABLE TRIGGER of one stops what it keeps \
          right, for all sessions. Let the trigger's function look at a setting of the session instead, which only the \
          script sets.",
    example: "SET lock_timeout = '2s';\nALTER TABLE orders DISABLE TRIGGER ALL;",
    safer: "SELECT set_config('app.skip_audit', 'on', true);",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let disabled = changes(action, context)
        .into_iter()
        .filter_map(|(table, change)| match change {
            Alter::SetTrigger {
                triggers,
                state: TriggerState::Disabled,
            } => Some((table, triggers)),
            _ => None,
        });
    disabled
        .map(|(table, triggers)| match triggers {
            Triggers::All => PAGE.found(format!(
                "no trigger of {table} fires, for anybody: foreign keys are not checked either"
            )),
            Triggers::User => PAGE.found(format!(
                "no trigger of {table} fires, for anybody, but those of its constraints"
            )),
            Triggers::Named(trigger) => PAGE
                .found(format!("{trigger} does not fire on {table}, for anybody"))
                .of(Risk::Medium),
        })
        .collect()
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
                "ALTER TABLE t DISABLE TRIGGER USER;",
                "ALTER TABLE t DISABLE TRIGGER audit;",
            ],
            &["ALTER TABLE t ENABLE TRIGGER audit;"],
        );
    }
}
