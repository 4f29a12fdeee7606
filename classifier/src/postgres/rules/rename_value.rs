//! SL2214: a type that running code knows under another name.

use super::Rule;
use super::sql;
use crate::postgres::Context;
use crate::postgres::action::{Action, AlterType};
use crate::{Code, Effect, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2214),
    title: "Code that still uses the old label, name or attribute of a type fails",
    risk: Risk::High,
    why: "A label of an enum is a value in code: as long as one instance writes or compares the old one, it fails. Add the \
          new label, let the code know both, change the rows a few thousand at a time, and leave the old label, which \
          cannot be removed, unused.",
    example: "ALTER TYPE mood RENAME VALUE 'sad' TO 'low';",
    safer: "ALTER TYPE mood ADD VALUE 'low';",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(action: &Action, _: &Effect, _: &Context<'_>) -> Vec<Finding> {
    let Action::AlterType { name, change } = action else {
        return Vec::new();
    };
    match change {
        AlterType::RenameValue { from, to } => {
            let message = format!(
                "what still uses the label {from} of {name} fails from the instant in which it is {to}"
            );
            let add = format!(
                "ALTER TYPE {} ADD VALUE {} AFTER {};",
                sql::name(name),
                sql::literal(to),
                sql::literal(from)
            );
            vec![PAGE.found(message).instead(add)]
        }
        AlterType::Rename { to } => vec![PAGE.found(format!(
            "what still names the type {name} fails from the instant in which it is {to}"
        ))],
        AlterType::SetSchema { schema } => vec![PAGE.found(format!(
            "what still looks for the type {name} outside of {schema} fails"
        ))],
        AlterType::Attributes { breaking: true, .. } => {
            vec![PAGE.found(format!("what still uses the old attributes of {name} fails"))]
        }
        AlterType::AddValue { .. }
        | AlterType::Owner
        | AlterType::Attributes { breaking: false, .. }
        | AlterType::SetProperties => Vec::new(),
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
            &["ALTER TYPE m RENAME TO n;", "ALTER TYPE c DROP ATTRIBUTE a;"],
            &["ALTER TYPE m ADD VALUE 'x';", "ALTER TYPE m OWNER TO r;"],
        );
    }
}
