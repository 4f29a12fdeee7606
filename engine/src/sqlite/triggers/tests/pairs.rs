//! The pairs that the tests mirror.

use super::super::{Down, Hidden, Mirror, OnDownError, Pair};
use crate::catalog::TableName;

/// `seconds` from `milliseconds`, a rename of `title`, a mail address in lower case, and a derived size.
pub(super) const TRACK: &str = "CREATE TABLE track (
    id INTEGER PRIMARY KEY, milliseconds INTEGER, title TEXT, email TEXT COLLATE NOCASE, bytes INTEGER, other INTEGER,
    seconds INTEGER, name TEXT, mail TEXT COLLATE NOCASE, kb INTEGER)";

pub(super) fn mirror(pairs: Vec<Pair>) -> Mirror {
    let hidden = pairs.iter().filter_map(|p| p.down.as_ref()).enumerate();
    Mirror {
        table: TableName {
            schema: "main".into(),
            name: "track".into(),
        },
        function: "sluice_0123456789_1".into(),
        trigger: "sluice_0123456789_1".into(),
        counter: "sluice_0123456789_c1".into(),
        key: vec!["id".into()],
        search_path: vec![],
        hidden: hidden
            .map(|(n, down)| Hidden {
                column: down.column.clone(),
                name: format!("sluice_0123456789_h{n}"),
            })
            .collect(),
        pairs,
    }
}

pub(super) fn pair(new: &str, up: &str, reads: &[&str]) -> Pair {
    Pair {
        new: new.into(),
        new_type: "any".into(),
        up: up.into(),
        reads: reads.iter().map(|&c| c.to_owned()).collect(),
        down: None,
        cannot_raise: true,
    }
}

pub(super) fn with_down(mut pair: Pair, column: &str, expression: &str) -> Pair {
    pair.down = Some(Down {
        column: column.into(),
        column_type: "any".into(),
        expression: expression.into(),
        on_error: OnDownError::Close,
        has_default: false,
        not_null: false,
    });
    pair
}

/// The old column was NOT NULL, and the spec says this about what cannot be carried back.
pub(super) fn not_null(mut pair: Pair, on_error: OnDownError) -> Pair {
    let down = pair.down.as_mut().unwrap();
    (down.not_null, down.on_error) = (true, on_error);
    pair
}

pub(super) fn seconds() -> Pair {
    with_down(
        pair("seconds", "milliseconds / 1000", &["milliseconds"]),
        "milliseconds",
        "seconds * 1000",
    )
}

/// Negative seconds cannot be carried back.
pub(super) fn partial(on_error: OnDownError) -> Pair {
    let pair = pair("seconds", "milliseconds / 1000", &["milliseconds"]);
    not_null(
        with_down(
            pair,
            "milliseconds",
            "CASE WHEN seconds >= 0 THEN seconds * 1000 END",
        ),
        on_error,
    )
}

pub(super) fn mail() -> Pair {
    with_down(pair("mail", "lower(email)", &["email"]), "email", "mail")
}

pub(super) fn rename() -> Pair {
    with_down(pair("name", "\"title\"", &["title"]), "title", "\"name\"")
}

pub(super) fn derived() -> Pair {
    pair("kb", "bytes / 1024", &["bytes"])
}

/// `name` is title and milliseconds together, and restores the title.
pub(super) fn label() -> Pair {
    with_down(
        pair("name", "title || '/' || milliseconds", &["title", "milliseconds"]),
        "title",
        "CASE WHEN instr(name, '/') > 0 THEN substr(name, 1, instr(name, '/') - 1) END",
    )
}
