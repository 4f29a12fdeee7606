//! How a statement that is written for PostgreSQL is spelled for SQLite.
//!
//! A closed list, applied outside of literals, quoted names and comments, so that a statement has one text and one meaning. Whoever writes
//! a statement keeps to what stands here; the ledger's tests run every one of them on both engines, and what is missing here is a syntax
//! error there, never another meaning. Quoted names are left alone in every form that SQLite knows, because the author's own expressions come
//! by here as well, in the statements of a check: `[it's]` opens no literal, and `"a--b"` no comment.
//!
//! | written | on SQLite |
//! |---|---|
//! | `sluice.job` | `sluice_job`: there are no schemas |
//! | `now()`, `clock_timestamp()` | UTC as text with milliseconds, which sorts and compares as text |
//! | `... + $1 * interval '1 second'`, `... - interval '1 day'` | a modifier of the same function |
//! | `extract(epoch FROM a - b)` | seconds between two such texts |
//! | `= ANY ($1)` | a search in the JSON array that is bound there |
//! | `FOR UPDATE`, `FOR NO KEY UPDATE` | nothing: whoever writes holds the one write lock |
//! | `::type` | nothing: values have types, columns do not |
//! | `greatest(a, b)` | `max(a, b)` |
//! | `SELECT FROM` | `SELECT 1 FROM` |

use std::fmt::Write as _;

/// The present moment on SQLite, with an optional modifier.
fn now(modifier: &str) -> String {
    format!("strftime('%Y-%m-%dT%H:%M:%fZ', 'now'{modifier})")
}

/// The statement as SQLite spells it.
pub(super) fn sqlite(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        // A comment may hold an apostrophe.
        if rest.starts_with("--") {
            rest = rest.split_once('\n').map_or("", |(_, left)| left);
            continue;
        }
        if let Some(end) = kept(rest) {
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let word = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if let Some((spelled, length)) = (!word).then(|| spelled(rest)).flatten() {
            out.push_str(&spelled);
            rest = &rest[length..];
        } else if let Some(cast) = rest.strip_prefix("::") {
            rest = after_type(cast);
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// What the beginning of `rest` becomes, and how much of it that was.
fn spelled(rest: &str) -> Option<(String, usize)> {
    const PLAIN: [(&str, &str); 5] = [
        ("FOR NO KEY UPDATE", ""),
        ("FOR UPDATE", ""),
        ("greatest(", "max("),
        ("SELECT FROM", "SELECT 1 FROM"),
        ("sluice.", "sluice_"),
    ];
    for (written, spelled) in PLAIN {
        if rest.starts_with(written) {
            return Some((spelled.to_owned(), written.len()));
        }
    }
    moment(rest)
        .or_else(|| seconds_between(rest))
        .or_else(|| any_of(rest))
}

fn moment(rest: &str) -> Option<(String, usize)> {
    let written = ["clock_timestamp()", "now()"]
        .into_iter()
        .find(|written| rest.starts_with(written))?;
    let after = &rest[written.len()..];
    let (modifier, length) = shift(after).unwrap_or_default();
    Some((now(&modifier), written.len() + length))
}

/// ` + $1 * interval '1 second'` or ` - interval '1 day'`, as a modifier.
fn shift(after: &str) -> Option<(String, usize)> {
    let sign = after.strip_prefix(" + ").map(|rest| ('+', rest));
    let (sign, rest) = sign.or_else(|| after.strip_prefix(" - ").map(|rest| ('-', rest)))?;
    let left = if let Some(by) = rest.strip_prefix('$') {
        let (number, left) = by.split_once(" * interval '1 second'")?;
        if !number.chars().all(|c| c.is_ascii_digit()) {
            return None;
        }
        return Some((
            format!(", '{sign}' || ${number} || ' seconds'"),
            after.len() - left.len(),
        ));
    } else {
        rest.strip_prefix("interval '")?
    };
    let (interval, left) = left.split_once('\'')?;
    Some((format!(", '{sign}{interval}'"), after.len() - left.len()))
}

fn seconds_between(rest: &str) -> Option<(String, usize)> {
    const WRITTEN: &str = "extract(epoch FROM ";
    let inside = rest.strip_prefix(WRITTEN)?;
    let mut depth = 0;
    let end = inside.find(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth < 0
    })?;
    let (later, earlier) = inside[..end].split_once(" - ")?;
    let mut spelled = String::new();
    let _ = write!(
        spelled,
        "((julianday({}) - julianday({})) * 86400.0)",
        sqlite(later),
        sqlite(earlier)
    );
    Some((spelled, WRITTEN.len() + end + 1))
}

fn any_of(rest: &str) -> Option<(String, usize)> {
    let number = rest.strip_prefix("= ANY ($")?;
    let end = number.find(')')?;
    let spelled = format!("IN (SELECT value FROM json_each(${}))", &number[..end]);
    Some((spelled, rest.len() - number.len() + end + 1))
}

/// A type's name after `::`, with its second word if it has one.
fn after_type(cast: &str) -> &str {
    let end = cast
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(cast.len());
    let left = &cast[end..];
    left.strip_prefix(" precision").unwrap_or(left)
}

/// How much of the beginning is a literal, a quoted name or a comment. A doubled quote ends one and begins the next.
fn kept(rest: &str) -> Option<usize> {
    let (open, close) = [("'", "'"), ("\"", "\""), ("`", "`"), ("[", "]"), ("/*", "*/")]
        .into_iter()
        .find(|(open, _)| rest.starts_with(open))?;
    let inside = &rest[open.len()..];
    Some(
        inside
            .find(close)
            .map_or(rest.len(), |at| open.len() + at + close.len()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_of_the_list_is_found_outside_of_literals() {
        const NOW: &str = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now'";
        for (written, expected) in [
            (
                "SELECT * FROM sluice.job WHERE x = 'sluice.job'",
                "SELECT * FROM sluice_job WHERE x = 'sluice.job'".to_owned(),
            ),
            (
                "SET a = now(), b = clock_timestamp()",
                format!("SET a = {NOW}), b = {NOW})"),
            ),
            (
                "until = clock_timestamp() + $4 * interval '1 second')",
                format!("until = {NOW}, '+' || $4 || ' seconds'))"),
            ),
            (
                "at < clock_timestamp() - $1 * interval '1 second'",
                format!("at < {NOW}, '-' || $1 || ' seconds')"),
            ),
            ("at > now() - interval '1 day'", format!("at > {NOW}, '-1 day')")),
            (
                "extract(epoch FROM clock_timestamp() - t.beat_at)::double precision AS age",
                format!("((julianday({NOW})) - julianday(t.beat_at)) * 86400.0) AS age"),
            ),
            (
                "WHERE id = ANY ($12) AND k",
                "WHERE id IN (SELECT value FROM json_each($12)) AND k".to_owned(),
            ),
            ("lag(e, 1, 0::bigint) OVER w", "lag(e, 1, 0) OVER w".to_owned()),
            (
                "EXISTS (SELECT FROM a) FOR UPDATE",
                "EXISTS (SELECT 1 FROM a) ".to_owned(),
            ),
            ("sum(greatest(a, b))", "sum(max(a, b))".to_owned()),
            ("it''s 'it''s ::x' y::text", "it''s 'it''s ::x' y".to_owned()),
            ("a -- a sweep's\nAND b::text", "a AND b".to_owned()),
            ("/* it's */ a::text", "/* it's */ a".to_owned()),
            (
                r#""it's" "a::b--c" "d ""sluice.e" `now()` [f's::g] h::text"#,
                r#""it's" "a::b--c" "d ""sluice.e" `now()` [f's::g] h"#.to_owned(),
            ),
        ] {
            assert_eq!(sqlite(written), expected, "{written}");
        }
    }
}
