//! What would make the parser run out of stack is refused before it is parsed.
//!
//! The parser calls itself for each level of nesting, and its tree is freed the same way. Nesting comes from parentheses, from
//! operators that stand in a row without a comma between them (`1 + 1 + 1` is a tree as deep as it has signs), and from words like CASE and
//! NOT. An upper bound is counted without parsing, on the parser's own tokens: on each level of parentheses, those since the last comma, each with
//! the stack it can cost. A list of a million rows is flat. The bodies of SQL functions are parsed with the statement, so they are counted, too.
//!
//! Measured without optimization on 2 MiB, the stack of a thread: 400 subqueries or calls inside one another are parsed and 600 are not; 1,200
//! NOTs or signs, and not 1,600; 600 CASEs, and not 800; 400 BETWEENs, and not 600. We stop at about half of each.
//! What would break it: a thread with less stack.

use squawk_lexer::{LiteralKind, TokenKind, tokenize};

/// What all that is open at one place may cost together.
const DEEPEST: usize = 2_800;

/// A parenthesis that is open. Closed again, it is an operand, or the operator that calls or subscripts what stands before.
const OPEN: usize = 12;

/// An operator, or a word that works like one.
const OPERATOR: usize = 4;

/// The parser counts bytes in 32 bits; and a statement as long as this is data.
const LONGEST: usize = 256 << 20;

/// Why it is not parsed, if so.
pub(super) fn refused(text: &str) -> Option<&'static str> {
    if text.len() > LONGEST {
        return Some("longer than 256 MiB, which is not read");
    }
    if is_deep(text) || bodies(text).into_iter().any(is_deep) {
        return Some("nested too deep to be read");
    }
    None
}

fn is_deep(text: &str) -> bool {
    let mut outer: Vec<usize> = Vec::new();
    // Of the innermost parentheses, and of all that are open.
    let (mut here, mut total, mut at) = (0usize, 0usize, 0usize);
    for token in tokenize(text) {
        let end = at + token.len as usize;
        let cost = match token.kind {
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. } => 0,
            TokenKind::OpenParen | TokenKind::OpenBracket => {
                outer.push(here);
                total += OPEN;
                here = 0;
                0
            }
            TokenKind::CloseParen | TokenKind::CloseBracket => match outer.pop() {
                Some(before) => {
                    total -= here + OPEN;
                    here = before;
                    OPERATOR
                }
                None => OPERATOR,
            },
            TokenKind::Comma | TokenKind::Semi => {
                total -= here;
                here = 0;
                0
            }
            TokenKind::Ident => word(text.get(at..end).unwrap_or_default()),
            TokenKind::Literal { .. } | TokenKind::Dot | TokenKind::Eq | TokenKind::QuotedIdent { .. } => 1,
            _ => OPERATOR,
        };
        here += cost;
        total += cost;
        at = end;
        if total > DEEPEST {
            return true;
        }
    }
    false
}

/// What a name or a keyword costs. AND, OR, UNION and JOIN stand between two operands, and are as cheap as those: the parser goes on with them
/// in a loop, and only the tree gets deeper.
fn word(word: &str) -> usize {
    match word.to_ascii_lowercase().as_str() {
        "case" | "between" => 2 * OPERATOR,
        "at" | "begin" | "collate" | "escape" | "ilike" | "in" | "is" | "isnull" | "like" | "not"
        | "notnull" | "operator" | "overlaps" | "similar" => OPERATOR,
        _ => 1,
    }
}

/// What stands in strings, where a function or a procedure is created.
fn bodies(text: &str) -> Vec<&str> {
    let mut at = 0;
    let mut strings = Vec::new();
    let mut is_routine = false;
    for (i, token) in tokenize(text).enumerate() {
        let end = at + token.len as usize;
        let word = text.get(at..end).unwrap_or_default();
        at = end;
        match token.kind {
            TokenKind::Ident if i < 40 => {
                is_routine |= word.eq_ignore_ascii_case("function") || word.eq_ignore_ascii_case("procedure");
            }
            TokenKind::Literal { kind } if is_routine && is_string(kind) => strings.push(inside(word)),
            TokenKind::Semi if !is_routine => break,
            _ => {}
        }
    }
    strings
}

fn is_string(kind: LiteralKind) -> bool {
    !matches!(kind, LiteralKind::Int { .. } | LiteralKind::Numeric { .. })
}

/// Without the quotes: the tag of a dollar quote, or one character.
fn inside(string: &str) -> &str {
    let tag = match string.strip_prefix('$').and_then(|rest| rest.find('$')) {
        Some(end) => end + 2,
        None => string.find('\'').map_or(0, |at| at + 1),
    };
    let rest = string.get(tag..).unwrap_or_default();
    let end = rest.rfind(['\'', '$']).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}
