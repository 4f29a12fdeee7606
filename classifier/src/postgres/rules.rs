//! What to know about a statement: the findings of all rules.
//!
//! One rule a file: its page, with an example and the safer form, and the function that looks for it. A rule looks at what the statement asks
//! for, at what the lock model says that it does, and at what came before it. It says something only where there is something to
//! do: a statement that is safe has no finding. What would break it: a rule that repeats the lock model; the model says what
//! happens, a rule why that matters here.

mod help;
mod sql;
#[cfg(test)]
mod testing;

// SL20: in general.
mod opaque;
mod unreadable;

// SL21: locks, and what is done under them.
mod add_check;
mod add_column_check;
mod add_column_key;
mod add_column_reference;
mod add_column_rewrites;
mod add_exclusion;
mod add_foreign_key;
mod add_key;
mod alter_type_rewrites;
mod attach_partition;
mod collation;
mod concurrently_in_transaction;
mod create_index;
mod create_partition;
mod create_trigger;
mod detach_partition;
mod disable_trigger;
mod drop_index;
mod held_long;
mod lock_table;
mod lock_timeout;
mod move_storage;
mod refresh;
mod reindex;
mod set_not_null;
mod several_tables;
mod validate_at_once;
mod validate_domain;

// SL22: what running code loses.
mod add_column_required;
mod cascade;
mod drop_column;
mod drop_constraint;
mod drop_default;
mod drop_object;
mod drop_table;
mod drop_view;
mod enum_value;
mod rename_column;
mod rename_table;
mod rename_value;
mod row_security;
mod set_schema;
mod type_seen;

// SL23: rows.
mod copy_rows;
mod create_table_as;
mod delete_all;
mod truncate;
mod update_all;

// SL25: what only the database can tell.
mod dependents;
mod old_transaction;
mod prepared;
mod publication;
mod replicas;

use super::{Action, Context};
use crate::{Effect, Finding, Page, Risk};

/// One rule.
#[derive(Clone, Copy)]
pub struct Rule {
    /// What it says about itself.
    pub page: Page,
    /// What it finds.
    pub judge: fn(&Action, &Effect, &Context<'_>) -> Vec<Finding>,
}

/// Every rule, by its code.
#[must_use]
pub fn all() -> &'static [Rule] {
    &[
        unreadable::RULE,
        opaque::RULE,
        lock_timeout::RULE,
        create_index::RULE,
        drop_index::RULE,
        reindex::RULE,
        concurrently_in_transaction::RULE,
        move_storage::RULE,
        add_column_rewrites::RULE,
        add_column_check::RULE,
        add_column_key::RULE,
        add_column_reference::RULE,
        alter_type_rewrites::RULE,
        collation::RULE,
        set_not_null::RULE,
        add_check::RULE,
        add_foreign_key::RULE,
        add_key::RULE,
        add_exclusion::RULE,
        refresh::RULE,
        attach_partition::RULE,
        detach_partition::RULE,
        create_partition::RULE,
        create_trigger::RULE,
        disable_trigger::RULE,
        lock_table::RULE,
        validate_at_once::RULE,
        held_long::RULE,
        several_tables::RULE,
        validate_domain::RULE,
        drop_column::RULE,
        drop_table::RULE,
        drop_view::RULE,
        drop_object::RULE,
        drop_constraint::RULE,
        rename_column::RULE,
        rename_table::RULE,
        set_schema::RULE,
        type_seen::RULE,
        add_column_required::RULE,
        drop_default::RULE,
        cascade::RULE,
        enum_value::RULE,
        rename_value::RULE,
        row_security::RULE,
        update_all::RULE,
        delete_all::RULE,
        truncate::RULE,
        copy_rows::RULE,
        create_table_as::RULE,
        prepared::RULE,
        old_transaction::RULE,
        publication::RULE,
        dependents::RULE,
        replicas::RULE,
    ]
}

/// Every finding on the statement, worst first.
#[must_use]
pub fn findings(action: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    let mut findings: Vec<_> = all()
        .iter()
        .flat_map(|rule| (rule.judge)(action, effect, context))
        .collect();
    findings.sort_by(|a, b| b.risk.cmp(&a.risk).then(a.code.cmp(&b.code)));
    // Beside another way, the same statement with a limit is no advice.
    let has_a_way = |finding: &Finding| finding.risk > Risk::Medium && finding.safer.is_some();
    if findings.iter().any(has_a_way) {
        let limits = findings
            .iter_mut()
            .filter(|it| it.code == lock_timeout::RULE.page.code);
        limits.for_each(|limit| limit.safer = None);
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::testing::run;
    use super::*;
    use crate::rule::tests::prove;

    #[test]
    fn every_rule_finds_its_example_and_its_safer_form_has_no_finding_of_its_own() {
        let pages = all()
            .iter()
            .map(|rule| &rule.page)
            .filter(|page| !page.needs_facts);
        prove(pages, |script| {
            (!script.starts_with("name = ")).then(|| run(None, script))
        });
    }
}
