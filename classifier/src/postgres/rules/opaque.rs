//! SL2002 in this dialect: its body is run, and cannot be read here.

use super::Rule;
use crate::postgres::Context;
use crate::postgres::action::Action;
use crate::rule::opaque;
use crate::{Effect, Finding, Page};

pub(super) const RULE: Rule = Rule {
    page: Page {
        example: "DO $$ BEGIN PERFORM 1 END $$;",
        safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN note text;",
        ..opaque::PAGE
    },
    judge,
};

fn judge(action: &Action, _: &Effect, _: &Context<'_>) -> Vec<Finding> {
    match action {
        Action::Opaque { what } => vec![opaque::finding(what)],
        _ => Vec::new(),
    }
}
