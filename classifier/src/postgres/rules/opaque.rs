//! SL2002 in this dialect: its body is run, and cannot be read here.

use super::Rule;
use crate::postgres::Context;
use crate::postgres::action::Action;
use crate::rule::opaque;
use crate::{Effect, Finding, Page, Phase};

pub(super) const RULE: Rule = Rule {
    page: Page {
        example: "DO $$ BEGIN PERFORM 1 END $$;",
        safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN note text;",
        ..opaque::PAGE
    },
    judge,
};

fn judge(action: &Action, effect: &Effect, context: &Context<'_>) -> Vec<Finding> {
    match action {
        Action::Opaque { what } => vec![opaque::finding(what)],
        Action::Unread { .. } => Vec::new(),
        // A function that is called, what an extension's update runs: nothing unknown goes without a word.
        _ if effect.phase == Phase::Unknown => {
            let words: Vec<&str> = context.statement.split_whitespace().take(2).collect();
            vec![opaque::finding(&words.join(" "))]
        }
        _ => Vec::new(),
    }
}
