//! The gate of words: the text is one expression over one row, and nothing in it but functions can raise an error.

use super::Fault;
use crate::sqlite::tokens::{self, Token, TokenKind, character};

/// Words and operators that are refused wherever they stand, with what they are and what to do.
const REFUSED: [(&str, &str, &str); 14] = [
    ("SELECT", "a query", ONE_ROW),
    ("WITH", "a query", ONE_ROW),
    ("VALUES", "a query", ONE_ROW),
    ("EXISTS", "a query", ONE_ROW),
    ("OVER", "a window function", ONE_ROW),
    ("FILTER", "an aggregate", ONE_ROW),
    (
        "RAISE",
        "RAISE",
        "leave it out: the application's own write would fail",
    ),
    ("CURRENT_TIME", "the clock", CLOCK),
    ("CURRENT_DATE", "the clock", CLOCK),
    ("CURRENT_TIMESTAMP", "the clock", CLOCK),
    (
        "REGEXP",
        "REGEXP",
        "it needs a function that only some applications define; use LIKE, GLOB or instr",
    ),
    (
        "MATCH",
        "MATCH",
        "it works on full-text tables only; use LIKE, GLOB or instr",
    ),
    ("->", "the operator ->", JSON),
    ("->>", "the operator ->>", JSON),
];

const ONE_ROW: &str = "it may read the columns of its own row only, because triggers compute it for one row; quote the word if it is a column";
const CLOCK: &str = "each run would give another value, and the fill would never end; write a fixed time";
const JSON: &str = "it raises an error on text that is not JSON, and the application's own write would fail; take JSON apart in the application";

/// The tokens of a text that is one expression, which can be pasted between parentheses and stays there.
pub(super) fn words_of(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let tokens = tokens::with_comments(text)?;
    if tokens.is_empty() {
        return Err(Fault::Empty);
    }
    let mut open: Vec<usize> = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let refuse = |what: &str, todo| Err(not_allowed(text, token, what, todo));
        match (token.kind, token.text) {
            (TokenKind::Comment, _) => {
                return refuse("a comment", "remove it, or put a space between the operators");
            }
            (TokenKind::Parameter, name) => {
                return refuse(
                    &format!("the parameter {name}"),
                    "write a value or a column instead",
                );
            }
            (TokenKind::Symbol, "(") => open.push(token.start),
            (TokenKind::Symbol, ")") if open.pop().is_none() => {
                let at = character(text, token.start);
                return Err(Fault::Unbalanced { bracket: ')', at });
            }
            (TokenKind::Symbol, ";") => return refuse("a semicolon", "write a single expression without it"),
            (TokenKind::Symbol, ",") if open.is_empty() => {
                return refuse("a comma", "write one value; several need several changes");
            }
            _ => words(text, &tokens, i)?,
        }
    }
    match open.first() {
        Some(start) => Err(Fault::Unbalanced {
            bracket: '(',
            at: character(text, *start),
        }),
        None => Ok(tokens),
    }
}

/// What a word or an operator may be.
fn words(text: &str, tokens: &[Token<'_>], i: usize) -> Result<(), Fault> {
    let token = tokens[i];
    let before = i.checked_sub(1).map(|before| tokens[before]);
    let after = tokens.get(i + 1);
    let qualified = before.is_some_and(|t| t.is_symbol("."));
    if token.is_symbol(".")
        && [before.as_ref(), after]
            .into_iter()
            .flatten()
            .any(|t| t.kind == TokenKind::Text)
    {
        return Err(not_allowed(
            text,
            &token,
            "a name in single quotes",
            "write it in double quotes",
        ));
    }
    if qualified {
        return Ok(());
    }
    if let Some((_, what, todo)) = REFUSED
        .iter()
        .find(|(word, ..)| token.is_word(word) || token.is_symbol(word))
    {
        return Err(not_allowed(text, &token, what, todo));
    }
    if token.is_word("IN") && !after.is_some_and(|t| t.is_symbol("(")) {
        return Err(not_allowed(
            text,
            &token,
            "IN with a table",
            "write the values in brackets",
        ));
    }
    if token.is_any_word(&["LIKE", "GLOB"]) {
        pattern(text, tokens, i)?;
    }
    if token.is_word("ESCAPE") && !after.is_some_and(|t| t.kind == TokenKind::Text && escapes(t)) {
        let todo = "anything but one character in single quotes raises an error, and the application's own write would fail";
        return Err(not_allowed(text, &token, "such an ESCAPE", todo));
    }
    Ok(())
}

/// The pattern is a string that is there to be read: a long one from elsewhere raises an error.
fn pattern(text: &str, tokens: &[Token<'_>], i: usize) -> Result<(), Fault> {
    let literal = tokens
        .get(i + 1)
        .is_some_and(|t| t.kind == TokenKind::Text && t.text.len() < 1_000);
    let joined = tokens.get(i + 2).is_some_and(|t| t.is_symbol("||"));
    if literal && !joined {
        return Ok(());
    }
    let what = format!(
        "{} with anything but a pattern in single quotes",
        tokens[i].text.to_uppercase()
    );
    let todo = "a long pattern raises an error, and the application's own write would fail; write the pattern itself, or use instr";
    Err(not_allowed(text, &tokens[i], &what, todo))
}

fn escapes(token: &Token<'_>) -> bool {
    token.name().is_some_and(|text| text.chars().count() == 1)
}

pub(super) fn not_allowed(text: &str, token: &Token<'_>, what: &str, todo: &'static str) -> Fault {
    Fault::NotAllowed {
        what: what.to_owned(),
        at: character(text, token.start),
        todo,
    }
}
