//! SL2204: a function, type, schema or extension that is dropped.

use super::Rule;
use crate::postgres::Context;
use crate::postgres::action::{Action, Object};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2204),
    title: "Running code that uses it fails, and what depends on it may be lost",
    risk: Risk::High,
    why: "A schema or an extension takes what it holds along; a function or a type is called or named by code that the \
          database does not know. Look at who uses it, and drop it when nobody does.",
    example: "DROP FUNCTION total(integer);",
    safer: "CREATE OR REPLACE FUNCTION total(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1';",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, _: &Context<'_>) -> Vec<Finding> {
    let Action::DropObjects(drop) = action else {
        return Vec::new();
    };
    let (what, risk) = match drop.object {
        Object::Function | Object::Procedure | Object::Routine | Object::Aggregate => {
            ("function", Risk::High)
        }
        Object::Type | Object::Domain => ("type", Risk::High),
        Object::Extension => ("extension", Risk::High),
        Object::Server | Object::ForeignDataWrapper => ("foreign server", Risk::High),
        Object::Schema => ("schema", if drop.cascade { Risk::Critical } else { Risk::High }),
        Object::Database => ("database", Risk::Critical),
        Object::Owned => ("what a role owns", Risk::Critical),
        Object::Publication | Object::Subscription => ("replication", Risk::High),
        _ => return Vec::new(),
    };
    let names: Vec<_> = drop.names.iter().map(ToString::to_string).collect();
    vec![
        PAGE.found(format!("what still uses the {what} {} fails", names.join(", ")))
            .of(risk),
    ]
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
                "DROP TYPE mood;",
                "DROP SCHEMA s CASCADE;",
                "DROP EXTENSION pgcrypto;",
            ],
            &["DROP ROLE r;", "DROP STATISTICS s;"],
        );
    }
}
