//! SL2128: a domain whose every use is checked.

use super::Rule;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, DomainChange};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2128),
    title: "Every column of the domain is read while its table is locked",
    risk: Risk::High,
    why: "A constraint or NOT NULL of a domain is checked on each column of that type, in every table, under a ShareLock: \
          writes to all of them wait. Add the constraint as NOT VALID and validate it afterwards; better, put the rule \
          into a CHECK of each table.",
    example: "ALTER DOMAIN email ADD CONSTRAINT email_at CHECK (VALUE LIKE '%@%');",
    safer: "ALTER DOMAIN email ADD CONSTRAINT email_at CHECK (VALUE LIKE '%@%') NOT VALID;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, _: &Context<'_>) -> Vec<Finding> {
    let Action::AlterDomain { name, change } = action else {
        return Vec::new();
    };
    let finding = PAGE.found(format!(
        "reads each table that has a column of {name} while writes to it wait"
    ));
    match change {
        DomainChange::AddConstraint(constraint) if !constraint.not_valid => {
            let validate = constraint.name.as_ref().map(|constraint| {
                format!("-- first with NOT VALID, then, in a transaction of its own\nALTER DOMAIN {} VALIDATE CONSTRAINT {};", sql::name(name), sql::ident(constraint))
            });
            vec![match validate {
                Some(validate) => finding.instead(validate),
                None => finding,
            }]
        }
        DomainChange::SetNotNull => vec![finding],
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
            &["ALTER DOMAIN d SET NOT NULL;"],
            &["ALTER DOMAIN d DROP NOT NULL;", "ALTER DOMAIN d SET DEFAULT 1;"],
        );
    }
}
