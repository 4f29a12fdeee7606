//! What would make the parser run out of stack is refused before it is parsed.
//!
//! The parser calls itself for each level of nesting, and its tree is freed the same way. Nesting comes from parentheses, from
//! operators that stand in a row without a comma between them (`1 + 1 + 1` is a tree as deep as it has signs), and from words like CASE and NOT. An upper
//! bound is counted without parsing: on each level of parentheses, the tokens since the last comma. A list of a million rows is flat.
//! What would break it: a smaller stack than the one measured (2 MiB, that of a thread).

/// Tokens that one part of a statement may have on all its levels together. Measured: the parser, built without optimization,
/// needs less than 2 MiB for twice as many parentheses.
const DEEPEST: usize = 2_000;

/// Parentheses inside one another; each costs more than an operator does.
const MOST_PARENTHESES: usize = 200;

/// The parser counts bytes in 32 bits; and a statement as long as this is data.
const LONGEST: usize = 256 << 20;

/// Why it is not parsed, if so.
pub(super) fn refused(text: &str) -> Option<&'static str> {
    if text.len() > LONGEST {
        return Some("longer than 256 MiB, which is not read");
    }
    let mut levels = vec![0usize];
    let mut depth = 0usize;
    let mut in_word = false;
    for byte in text.bytes() {
        let word = byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        match byte {
            b'(' | b'[' => levels.push(0),
            b')' | b']' if levels.len() > 1 => {
                depth -= levels.pop().unwrap_or(0);
            }
            b',' | b';' => depth -= levels.last_mut().map(std::mem::take).unwrap_or(0),
            _ if word && in_word => {}
            _ if byte.is_ascii_whitespace() => {}
            _ => {
                depth += 1;
                if let Some(level) = levels.last_mut() {
                    *level += 1;
                }
            }
        }
        in_word = word;
        if depth > DEEPEST || levels.len() > MOST_PARENTHESES {
            return Some("nested too deep to be read");
        }
    }
    None
}
