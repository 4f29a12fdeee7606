//! The name of our trigger: BEFORE triggers fire in the order of their names' bytes, and ours must be last.
//!
//! A user's trigger that fires after ours may change the old side behind us, and new would be stale on
//! every such write. One that is disabled does not fire; should somebody enable it, the
//! fingerprint changes and the job stops.

use super::draft::Draft;
use crate::spec::Code;

/// Names function and trigger of each table that is mirrored; refuses a table where none would be last.
pub(super) fn choose(draft: &mut Draft<'_>) {
    for at in 0..draft.tables.len() {
        if draft.tables[at].pairs.is_empty() {
            continue;
        }
        let function = draft.object();
        draft.tables[at].counter = draft.object();
        let table = draft.tables[at].table;
        let last = table
            .triggers
            .iter()
            .filter(|t| t.before_row && t.enabled != 'D')
            .map(|t| t.name.as_str())
            .max();
        match name_after(&function, last) {
            Some(trigger) => draft.tables[at].trigger = trigger,
            None => {
                let last = last.unwrap_or_default();
                let message = format!(
                    "trigger `{last}` on {} sorts after any name that Sluice gives its own (`~{function}`): it would fire last and could change \
                     a row behind the mirror; rename it (ALTER TRIGGER ... RENAME TO) to something that sorts before `~`",
                    draft.tables[at].shown
                );
                let index = draft.tables[at].first_change;
                draft.fault(index, "table", Code::TriggerOrder, message);
            }
        }
        draft.tables[at].function = function;
    }
}

/// The function's own name if it sorts last, or one that begins with `~`, the last character of ASCII.
fn name_after(function: &str, last: Option<&str>) -> Option<String> {
    let later = |name: &String| last.is_none_or(|last| name.as_bytes() > last.as_bytes());
    Some(function.to_owned())
        .filter(later)
        .or_else(|| Some(format!("~{function}")).filter(later))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_trigger_sorts_after_every_other_or_has_no_name() {
        let check = |last: Option<&str>, expected: Option<&str>| {
            assert_eq!(name_after("sluice_0a_1", last).as_deref(), expected, "{last:?}");
        };
        check(None, Some("sluice_0a_1"));
        check(Some("audit"), Some("sluice_0a_1"));
        check(Some("Zulu"), Some("sluice_0a_1"));
        check(Some("touch"), Some("~sluice_0a_1"));
        check(Some("été"), None);
        check(Some("~~"), None);
    }
}
