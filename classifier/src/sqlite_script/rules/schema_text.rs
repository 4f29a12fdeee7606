//! SL2712: pragmas that can ruin the file.

use super::{Rule, Seen};
use crate::sqlite_script::action::Action;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2712),
    title: "A pragma that can ruin the file",
    risk: Risk::Critical,
    why: "With writable_schema a wrong character in sqlite_schema makes the file unreadable; with synchronous = OFF or journal_mode = OFF a loss \
          of power does. What they save is time; copy the table instead, and leave the journal as it is.",
    example: "PRAGMA writable_schema = ON;",
    safer: "PRAGMA foreign_keys = OFF;\nBEGIN IMMEDIATE;\nCOMMIT;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let Action::Pragma {
        name,
        value: Some(value),
    } = seen.action
    else {
        return None;
    };
    let off = ["0", "off", "false", "no"].contains(&value.to_ascii_lowercase().as_str());
    let dangerous = match name.as_str() {
        "writable_schema" => !off && !value.eq_ignore_ascii_case("reset"),
        "synchronous" | "journal_mode" => off,
        _ => false,
    };
    dangerous.then(|| {
        PAGE.found(format!(
            "{name} = {value}: a mistake or a loss of power from here on can make the file unreadable"
        ))
    })
}
