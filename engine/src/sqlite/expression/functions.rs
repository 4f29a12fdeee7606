//! Functions by name: those that give the same value each time and one for any input, and why others do not.
//!
//! Read from SQLite's source (`func.c`, `date.c`, `json.c`): a function is allowed if no call of `sqlite3_result_error` in it can be reached by
//! the values of a row, those for memory and for the size limit of a value aside.

use super::Fault;
use crate::sqlite::tokens::{self, Token, TokenKind, character};

/// Allowed, with the version it came in where that is after 3.35.
pub(super) const ALLOWED: [(&str, Option<&str>); 33] = [
    ("char", None),
    ("coalesce", None),
    ("concat", Some("3.44")),
    ("concat_ws", Some("3.44")),
    ("format", Some("3.38")),
    ("hex", None),
    ("if", Some("3.48")),
    ("ifnull", None),
    ("iif", None),
    ("instr", None),
    ("json_valid", Some("3.38")),
    ("length", None),
    ("likely", None),
    ("lower", None),
    ("ltrim", None),
    ("max", None),
    ("min", None),
    ("nullif", None),
    ("octet_length", Some("3.43")),
    ("printf", None),
    ("quote", None),
    ("replace", None),
    ("round", None),
    ("rtrim", None),
    ("sign", None),
    ("substr", None),
    ("substring", None),
    ("trim", None),
    ("typeof", None),
    ("unhex", Some("3.41")),
    ("unicode", None),
    ("unlikely", None),
    ("upper", None),
];

/// Words that may stand before a bracket without calling anything.
const OPERATORS: [&str; 15] = [
    "AND", "OR", "NOT", "IN", "IS", "CASE", "WHEN", "THEN", "ELSE", "BETWEEN", "CAST", "FROM", "DISTINCT",
    "LIKE", "GLOB",
];

const CLOCK: &str = "it reads the clock: without an argument, and for the text 'now' in a column";
const RAISES_JSON: &str = "it raises an error on what is not JSON, which no trigger can catch, so the application's own write would fail";
const RAISES: &str = "it raises an error for some values, which no trigger can catch, so the application's own write would fail";
const CHANGES: &str = "it gives another value each time";
const SESSION: &str = "it tells of the connection, not of the row";
const AGGREGATE: &str = "it computes over many rows, and a trigger sees one";
const UNKNOWN: &str =
    "it is not among the functions that are known to give the same value each time and never to fail";

const DO_CLOCK: &str = "cut the text with substr, or convert it in the application";
const DO_JSON: &str = "take JSON apart in the application";
const DO_CONSTANT: &str = "write a value that depends on the row's columns only";
const DO_ROW: &str = "write a value of the row itself";
const DO_OTHERS: &str = "use coalesce, CASE, CAST, substr, replace, round, trim, printf and the like";

/// Why the better known others are not allowed, and what to do instead.
fn refusal(name: &str) -> (&'static str, &'static str) {
    match name {
        "date" | "time" | "datetime" | "julianday" | "strftime" | "unixepoch" | "timediff" => {
            (CLOCK, DO_CLOCK)
        }
        "abs" => (
            "it raises an error for the smallest integer, which no trigger can catch, so the application's own write would fail",
            "write CASE WHEN x < 0 THEN -x ELSE x END",
        ),
        _ if name.starts_with("json") => (RAISES_JSON, DO_JSON),
        "random" | "randomblob" => (CHANGES, DO_CONSTANT),
        "changes" | "total_changes" | "last_insert_rowid" | "sqlite_version" | "sqlite_source_id" => {
            (SESSION, DO_CONSTANT)
        }
        "count" | "sum" | "total" | "avg" | "group_concat" | "string_agg" | "median" => (AGGREGATE, DO_ROW),
        "zeroblob" | "unistr" | "like" | "glob" | "load_extension" => (RAISES, DO_OTHERS),
        _ => (UNKNOWN, DO_OTHERS),
    }
}

/// Every function called is allowed; returns those that an older SQLite does not know.
pub(super) fn allowed(text: &str, tokens: &[Token<'_>]) -> Result<Vec<String>, Fault> {
    let types = tokens::cast_types(tokens);
    let mut newer = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let is_name = matches!(token.kind, TokenKind::Word | TokenKind::QuotedName);
        let called = tokens.get(i + 1).is_some_and(|t| t.is_symbol("("));
        if !is_name || !called || types[i] || token.is_any_word(&OPERATORS) {
            continue;
        }
        let name = token.name().unwrap_or_default().to_ascii_lowercase();
        let fault = |(why, todo)| Fault::Function {
            name: name.clone(),
            at: character(text, token.start),
            why,
            todo,
        };
        let Some((_, since)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            return Err(fault(refusal(&name)));
        };
        if let Some(why) = wrong_arguments(&name, &arguments(&tokens[i + 2..])) {
            return Err(fault(why));
        }
        newer.extend(since.map(|since| format!("{name} ({since})")));
    }
    Ok(newer)
}

/// What some functions must not be given.
fn wrong_arguments(name: &str, arguments: &[&[Token<'_>]]) -> Option<(&'static str, &'static str)> {
    match (name, arguments) {
        ("min" | "max", [_]) => Some((AGGREGATE, "give it two values or more")),
        ("json_valid", [_, ..]) if arguments.len() > 1 => Some((
            "its second argument raises an error for some values, which no trigger can catch",
            "leave that argument out",
        )),
        ("printf" | "format", [[format], ..]) if is_bounded(format) => None,
        ("printf" | "format", _) => Some((
            "a width from elsewhere, or a large one, raises an error, which no trigger can catch, so the application's own write would fail",
            "write the format itself in single quotes, without * and with widths below 10000",
        )),
        _ => None,
    }
}

/// A format that is there to be read, and asks for no size that a value or a slip could make huge.
fn is_bounded(format: &Token<'_>) -> bool {
    let long = |run: &str| run.len() > 4;
    let sizes = format.text.split(|c: char| !c.is_ascii_digit());
    format.kind == TokenKind::Text && !format.text.contains('*') && !sizes.into_iter().any(long)
}

/// The arguments of a call whose opening bracket stands before the tokens.
fn arguments<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (i, token) in tokens.iter().enumerate() {
        if token.is_symbol("(") {
            depth += 1;
        } else if depth == 0 && (token.is_symbol(")") || token.is_symbol(",")) {
            if i > start {
                found.push(&tokens[start..i]);
            }
            start = i + 1;
            if token.is_symbol(")") {
                break;
            }
        } else if token.is_symbol(")") {
            depth -= 1;
        }
    }
    found
}
