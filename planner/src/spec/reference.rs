//! The reference page of every key, printed from the tables that the reader obeys.

use std::fmt::Write as _;

use super::keys::{Form, Key, Presence, TOP};
use super::sections::{BACKFILL, CONTRACT, FLIP, VERIFY};
use super::throttle::THROTTLE;
use crate::kinds::Kind;

const INTRODUCTION: &str = r#"# The spec file

A spec is one TOML file that declares a migration. This page is generated from the types that read it
(`UPDATE_DOCS=1 cargo test -p planner` writes it anew); do not edit it by hand. Keys that are not listed here are errors.
Names of columns are taken as they are, with no quoting: `column = "Odd Name"`. A table is written as in SQL: `table` or
`schema.table`, folded to lower case unless in double quotes: `table = 'music."Odd Name"'`.

"#;

/// The page as Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    chapter(&mut page, "Top of the file", "", TOP);
    for kind in Kind::ALL {
        chapter(
            &mut page,
            &format!("`[[change]]` of kind `{}`", kind.as_str()),
            kind.story(),
            kind.keys(),
        );
    }
    chapter(&mut page, "`[backfill]`", "", BACKFILL);
    chapter(&mut page, "`[throttle]`", "", THROTTLE);
    chapter(&mut page, "`[flip]`", "", FLIP);
    chapter(&mut page, "`[contract]`", "", CONTRACT);
    chapter(&mut page, "`[verify]`", "", VERIFY);
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn chapter(page: &mut String, title: &str, story: &str, keys: &[Key]) {
    let _ = writeln!(page, "## {title}\n");
    if !story.is_empty() {
        let _ = writeln!(page, "{story}\n");
    }
    page.push_str("| key | takes | unit | default | meaning |\n| --- | --- | --- | --- | --- |\n");
    for key in keys {
        let default = match key.presence {
            Presence::Required => "required".to_owned(),
            Presence::Optional => "none".to_owned(),
            Presence::Default(text) => format!("`{text}`"),
        };
        let takes = key.form.expected();
        let _ = writeln!(
            page,
            "| `{}` | {takes} | {} | {default} | {} |",
            key.name,
            unit(key),
            key.meaning
        );
    }
    page.push('\n');
}

fn unit(key: &Key) -> &'static str {
    match (key.form, key.name) {
        (Form::Time(..), _) => "time",
        (Form::Percentages, _) => "percent",
        (Form::Whole(..), "max_rows_per_second") => "rows/s",
        (Form::Whole(..), "max_wal_bytes_per_second") => "bytes/s",
        (Form::Whole(..), "max_parallel") => "chunks",
        (Form::Whole(..), "max_server_wal_bytes_per_second") => "bytes/s",
        (Form::Whole(..), "max_slot_wal_bytes") => "bytes",
        (Form::Whole(..), "max_archive_backlog") => "files",
        (Form::Whole(..), "max_blocked_sessions" | "max_lock_waits" | "max_active_sessions") => "sessions",
        (Form::Whole(..), "max_requested_checkpoints") => "checkpoints",
        (Form::Whole(..), "max_dead_percent") => "percent",
        (Form::Whole(..), "max_autovacuums") => "workers",
        (Form::Text | Form::Texts | Form::Whole(..) | Form::Boolean | Form::Section | Form::Sections, _) => {
            ""
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_reference_page_is_what_the_types_say() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/spec.md");
        let expected = super::markdown();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &expected).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            found, expected,
            "docs/spec.md is stale: UPDATE_DOCS=1 cargo test -p planner"
        );
    }
}
