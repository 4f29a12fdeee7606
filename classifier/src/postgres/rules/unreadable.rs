//! SL2001 in this dialect: what cannot be parsed cannot be judged.

use super::Rule;
use crate::postgres::Context;
use crate::postgres::action::Action;
use crate::rule::unreadable;
use crate::{Effect, Finding, Page};

pub(super) const RULE: Rule = Rule {
    page: Page {
        example: "ALTER TABLE orders ADD COLUM note text;",
        safer: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN note text;",
        ..unreadable::PAGE
    },
    judge,
};

fn judge(action: &Action, _: &Effect, _: &Context<'_>) -> Vec<Finding> {
    let Action::Unread { line, token, message } = action else {
        return Vec::new();
    };
    let at = match token.as_str() {
        "" => "at the end".to_owned(),
        token => format!("at {token:?}"),
    };
    vec![unreadable::finding(
        usize::try_from(*line).unwrap_or(usize::MAX),
        &format!("{message} {at}"),
    )]
}
