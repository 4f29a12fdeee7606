//! The mirrors that histories are run on, once as SQL and once as functions.

use super::super::oracle::{Back, Row, Rule, Value};
use super::super::pairs::{derived, mail, mirror, not_null, pair, partial, rename, seconds, with_down};
use crate::mirror::{Mirror, OnDownError, Pair};

pub(super) const TABLE: &str = "CREATE TABLE track (
    id INTEGER PRIMARY KEY, milliseconds INTEGER, title TEXT, email TEXT COLLATE NOCASE, bytes INTEGER, other INTEGER,
    seconds INTEGER, name TEXT, mail TEXT COLLATE NOCASE, kb INTEGER, label TEXT, touched INTEGER)";

pub(super) const COLUMNS: &[&str] = &[
    "milliseconds",
    "seconds",
    "title",
    "name",
    "email",
    "mail",
    "bytes",
    "kb",
    "label",
    "other",
];

/// What bears another name once it is hidden, in some variant.
pub(super) const OLD: &[&str] = &["milliseconds", "title", "email"];

/// Which pairs, and what the old column of `seconds` refuses.
#[derive(Clone, Copy, Debug)]
pub(super) enum Variant {
    /// Pairs that know nothing of each other.
    Apart,
    /// The same; negative seconds close the way back.
    Close,
    /// The same; negative seconds fail.
    Fail,
    /// `label` is made of a column that `seconds` restores, too.
    Together,
    /// The same; a label without a slash closes the way back.
    TogetherClose,
    /// The same, and the way back of `label` reads what that of `seconds` restores.
    TogetherBack,
}

impl Variant {
    pub(super) const ALL: &[Self] = &[
        Self::Apart,
        Self::Close,
        Self::Fail,
        Self::Together,
        Self::TogetherClose,
        Self::TogetherBack,
    ];

    pub(super) fn is_together(self) -> bool {
        match self {
            Self::Apart | Self::Close | Self::Fail => false,
            Self::Together | Self::TogetherClose | Self::TogetherBack => true,
        }
    }

    fn seconds(self) -> Pair {
        match self {
            Self::Apart | Self::Together | Self::TogetherBack => seconds(),
            Self::Close | Self::TogetherClose => partial(OnDownError::Close),
            Self::Fail => partial(OnDownError::Fail),
        }
    }

    fn second(self) -> Pair {
        let label = pair(
            "label",
            "title || '/' || milliseconds",
            &["title", "milliseconds"],
        );
        let until_slash = "CASE WHEN instr(label, '/') > 0 THEN substr(label, 1, instr(label, '/') - 1) END";
        match self {
            Self::Apart | Self::Close | Self::Fail => rename(),
            Self::Together => with_down(label, "title", until_slash),
            Self::TogetherClose => not_null(with_down(label, "title", until_slash), OnDownError::Close),
            Self::TogetherBack => with_down(label, "title", "substr(label, 1, 1) || (milliseconds / 5000)"),
        }
    }

    pub(super) fn mirror(self) -> Mirror {
        mirror(vec![self.seconds(), self.second(), mail(), derived()])
    }

    pub(super) fn rules(self) -> Vec<Rule> {
        let of = |pair: Pair| pair.down.unwrap();
        let (first, second) = (of(self.seconds()), of(self.second()));
        let seconds = Rule {
            new: "seconds",
            reads: &["milliseconds"],
            up: |row| int(&row["milliseconds"], |n| Some(n / 1000)),
            back: Some(Back {
                column: "milliseconds",
                down: if first.not_null {
                    |row| int(&row["seconds"], |n| (n >= 0).then_some(n * 1000))
                } else {
                    |row| int(&row["seconds"], |n| Some(n * 1000))
                },
                not_null: first.not_null,
                on_error: first.on_error,
            }),
        };
        let back = |down| {
            Some(Back {
                column: "title",
                down,
                not_null: second.not_null,
                on_error: second.on_error,
            })
        };
        let label = |down| Rule {
            new: "label",
            reads: &["title", "milliseconds"],
            up: |row| joined(&row["title"], "/", &row["milliseconds"]),
            back: back(down),
        };
        let second = match self {
            Self::Apart | Self::Close | Self::Fail => Rule {
                new: "name",
                reads: &["title"],
                up: |row| row["title"].clone(),
                back: back(|row| row["name"].clone()),
            },
            Self::Together | Self::TogetherClose => {
                label(|row| text(&row["label"], |t| Some(t.split_once('/')?.0.into())))
            }
            Self::TogetherBack => label(|row| {
                let first = text(&row["label"], |t| Some(t[..1].into()));
                joined(&first, "", &int(&row["milliseconds"], |n| Some(n / 5000)))
            }),
        };
        vec![seconds, second, mail_rule(), derived_rule()]
    }
}

fn mail_rule() -> Rule {
    Rule {
        new: "mail",
        reads: &["email"],
        up: |row| text(&row["email"], |t| Some(t.to_lowercase())),
        back: Some(Back {
            column: "email",
            down: |row| row["mail"].clone(),
            not_null: false,
            on_error: OnDownError::Close,
        }),
    }
}

fn derived_rule() -> Rule {
    Rule {
        new: "kb",
        reads: &["bytes"],
        up: |row: &Row| int(&row["bytes"], |n| Some(n / 1024)),
        back: None,
    }
}

fn int(value: &Value, of: impl Fn(i64) -> Option<i64>) -> Value {
    match value {
        Value::Int(n) => of(*n).map_or(Value::Null, Value::Int),
        Value::Null => Value::Null,
        Value::Text(_) => unreachable!("the column holds numbers"),
    }
}

fn text(value: &Value, of: impl Fn(&str) -> Option<String>) -> Value {
    match value {
        Value::Text(t) => of(t).map_or(Value::Null, Value::Text),
        Value::Null => Value::Null,
        Value::Int(_) => unreachable!("the column holds text"),
    }
}

fn joined(left: &Value, between: &str, right: &Value) -> Value {
    match (left, right) {
        (Value::Text(left), Value::Int(right)) => Value::Text(format!("{left}{between}{right}")),
        _ => Value::Null,
    }
}
