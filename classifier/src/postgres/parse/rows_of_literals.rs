//! An INSERT of very many rows is read as one of two: those between are literals, and say nothing of what the statement does.
//!
//! A dump is mostly such statements, and the syntax tree of one is a hundred times as large as its text. Nothing is guessed: what is left out
//! was looked at, character by character, and is strings, numbers and the like. With anything else in it the statement is read whole.

use std::borrow::Cow;

/// Below this, in bytes, it is not worth the look.
const LONG: usize = 8 << 10;

/// The statement without the rows between the first and the last, if that can be told.
pub(super) fn shortened(text: &str) -> Cow<'_, str> {
    match (text.len() > LONG).then(|| middle(text)).flatten() {
        Some((from, to)) => Cow::Owned([text.get(..from), text.get(to..)].into_iter().flatten().collect()),
        None => Cow::Borrowed(text),
    }
}

/// Where the rows between begin and end, each with its comma.
fn middle(text: &str) -> Option<(usize, usize)> {
    let head = text
        .get(..LONG.min(text.len()))
        .or_else(|| text.get(..LONG - 3))?;
    let upper = head.to_ascii_uppercase();
    if !upper.trim_start().starts_with("INSERT") {
        return None;
    }
    let bytes = text.as_bytes();
    let first = after_row(bytes, blank(bytes, upper.find("VALUES")? + "VALUES".len()))?;
    let mut at = first;
    loop {
        let next = comma(bytes, at).and_then(|row| after_row(bytes, row))?;
        if comma(bytes, next).is_none() {
            return Some((first, at));
        }
        at = next;
    }
}

/// Behind white space.
fn blank(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Where the next row begins, behind a comma.
fn comma(bytes: &[u8], at: usize) -> Option<usize> {
    let at = blank(bytes, at);
    (bytes.get(at) == Some(&b',')).then(|| blank(bytes, at + 1))
}

/// Behind a row of literals in parentheses.
fn after_row(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'(') {
        return None;
    }
    let mut at = at + 1;
    loop {
        at = match bytes.get(at)? {
            b')' => return Some(at + 1),
            b'\'' => after_string(bytes, at + 1)?,
            b',' | b'.' | b'+' | b'0'..=b'9' => at + 1,
            // Two make a comment.
            b'-' if bytes.get(at + 1) != Some(&b'-') => at + 1,
            byte if byte.is_ascii_whitespace() => at + 1,
            byte if byte.is_ascii_alphabetic() => after_word(bytes, at)?,
            _ => return None,
        }
    }
}

/// Behind a string that has no backslash, which may or may not mean something.
fn after_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return Some(at + 1),
            b'\\' => return None,
            _ => at += 1,
        }
    }
}

/// Behind NULL, TRUE, FALSE or DEFAULT.
fn after_word(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let length = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count();
    let word = rest.get(..length)?.to_ascii_uppercase();
    let known = matches!(word.as_slice(), b"NULL" | b"TRUE" | b"FALSE" | b"DEFAULT" | b"E");
    // `1e5` is a number; `E'...'` is a string with an escape, which is not followed.
    (known && rest.get(length) != Some(&b'\'')).then_some(at + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(middle: &str) -> String {
        let rows = vec!["(1, -2.5, 'it''s; (a)', NULL, true)"; 1_000].join(", ");
        format!("INSERT INTO t (a) VALUES {rows}, {middle}, {rows} ON CONFLICT DO NOTHING")
    }

    #[test]
    fn rows_of_literals_are_left_out_but_the_first_and_the_last() {
        let text = insert("(1)");
        let expected = "INSERT INTO t (a) VALUES (1, -2.5, 'it''s; (a)', NULL, true), (1, -2.5, 'it''s; (a)', NULL, true) ON CONFLICT DO NOTHING";
        assert_eq!(shortened(&text), expected);
    }

    #[test]
    fn anything_else_is_read_whole() {
        for row in [
            "(f(1))",
            "((SELECT 1))",
            "(a)",
            "(E'\\'')",
            "('\\')",
            "(1 -- 2)",
            "(1",
            "($1)",
            "('é' || 'x')",
            "DEFAULT",
        ] {
            let text = insert(row);
            assert_eq!(shortened(&text), text, "{row}");
        }
        assert_eq!(
            shortened("INSERT INTO t VALUES (1), (2), (3)"),
            "INSERT INTO t VALUES (1), (2), (3)"
        );
        let copied = insert("(1)").replace("INSERT INTO t (a) VALUES", "UPDATE t SET a = 'VALUES' FROM");
        assert_eq!(shortened(&copied), copied);
    }
}
