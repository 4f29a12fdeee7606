//! PostgreSQL's words, as far as the compiler needs them: where a name ends and a string begins.
//!
//! It never fails: what is not closed runs to the end of the text. Nothing here decides whether SQL is
//! right; the server does.

/// A piece of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// What it is.
    pub(crate) kind: Kind,
    /// As it is written.
    pub(crate) text: &'a str,
}

/// What a piece of SQL is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// White space or a comment.
    Space,
    /// A keyword or a name without quotes.
    Word,
    /// A name in double quotes.
    Quoted,
    /// A string of any spelling.
    Text,
    /// A number.
    Number,
    /// Any other single character.
    Symbol,
}

impl Token<'_> {
    /// The name it is as the server understands it: folded, or without its quotes.
    pub(crate) fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_ascii_lowercase()),
            Kind::Quoted => {
                let inner = self.text.strip_prefix('"')?;
                Some(inner.strip_suffix('"').unwrap_or(inner).replace("\"\"", "\""))
            }
            Kind::Space | Kind::Text | Kind::Number | Kind::Symbol => None,
        }
    }

    /// It is this keyword, in any case.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// It is this character.
    pub(crate) fn is(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }
}

/// The pieces of a text, none left out: put together again they are the text.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = piece(rest, first);
        let (token, after) = rest.split_at(length);
        tokens.push(Token { kind, text: token });
        rest = after;
    }
    tokens
}

/// Without white space and comments.
pub(crate) fn significant(text: &str) -> Vec<Token<'_>> {
    tokens(text)
        .into_iter()
        .filter(|token| token.kind != Kind::Space)
        .collect()
}

fn piece(rest: &str, first: char) -> (Kind, usize) {
    if first.is_whitespace() {
        return (Kind::Space, while_(rest, char::is_whitespace));
    }
    if rest.starts_with("--") {
        return (Kind::Space, rest.find('\n').map_or(rest.len(), |at| at + 1));
    }
    if rest.starts_with("/*") {
        return (Kind::Space, comment(rest));
    }
    match first {
        '"' => (Kind::Quoted, closed(rest, 1, '"')),
        '\'' => (Kind::Text, closed(rest, 1, '\'')),
        '$' => dollar(rest).map_or((Kind::Symbol, 1), |length| (Kind::Text, length)),
        c if c.is_ascii_digit() => (
            Kind::Number,
            while_(rest, |c| c.is_ascii_alphanumeric() || c == '.' || c == '_'),
        ),
        c if begins_word(c) => word(rest),
        c => (Kind::Symbol, c.len_utf8()),
    }
}

fn begins_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn while_(text: &str, holds: impl Fn(char) -> bool) -> usize {
    text.find(|c| !holds(c)).unwrap_or(text.len())
}

/// A word, or a string with a letter before it (`E'...'`, `B'...'`, `X'...'`, `N'...'`, `U&'...'`).
fn word(rest: &str) -> (Kind, usize) {
    let length = while_(rest, |c| begins_word(c) || c.is_ascii_digit() || c == '$');
    let (word, after) = rest.split_at(length);
    if after.starts_with('\'') && length == 1 {
        match word {
            "e" | "E" => return (Kind::Text, escaped(rest, 2)),
            "b" | "B" | "x" | "X" | "n" | "N" => return (Kind::Text, closed(rest, 2, '\'')),
            _ => {}
        }
    }
    if word.eq_ignore_ascii_case("u") {
        if after.starts_with("&'") {
            return (Kind::Text, closed(rest, 3, '\''));
        }
        if after.starts_with("&\"") {
            return (Kind::Quoted, closed(rest, 3, '"'));
        }
    }
    (Kind::Word, length)
}

/// Where a string with doubled quotes ends.
fn closed(text: &str, from: usize, quote: char) -> usize {
    let mut at = from;
    while let Some(found) = text[at..].find(quote) {
        at += found + 1;
        if !text[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// Where an `E'...'` string ends, in which a backslash protects the next character.
fn escaped(text: &str, from: usize) -> usize {
    let mut chars = text[from..].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' || (c == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'')) {
            chars.next();
        } else if c == '\'' {
            return from + at + 1;
        }
    }
    text.len()
}

/// Where a dollar-quoted string ends; None if it is not one.
fn dollar(text: &str) -> Option<usize> {
    let tag = &text[1..];
    let length = while_(tag, |c| begins_word(c) || c.is_ascii_digit());
    if !tag[length..].starts_with('$') || tag.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let quote = &text[..length + 2];
    let body = &text[quote.len()..];
    Some(
        body.find(quote)
            .map_or(text.len(), |at| quote.len() + at + quote.len()),
    )
}

/// Where a comment ends; they nest.
fn comment(text: &str) -> usize {
    let mut depth = 0_u32;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[(Kind, &str)]) {
        let found: Vec<(Kind, &str)> = significant(text).iter().map(|t| (t.kind, t.text)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn names_and_strings_of_every_spelling_are_told_apart() {
        check(
            "a.\"B \"\"c\"",
            &[
                (Kind::Word, "a"),
                (Kind::Symbol, "."),
                (Kind::Quoted, "\"B \"\"c\""),
            ],
        );
        check("'it''s'x", &[(Kind::Text, "'it''s'"), (Kind::Word, "x")]);
        check(
            "e'a\\'b' 'c\\'",
            &[(Kind::Text, "e'a\\'b'"), (Kind::Text, "'c\\'")],
        );
        check(
            "$a$ ; $b$ $a$;",
            &[(Kind::Text, "$a$ ; $b$ $a$"), (Kind::Symbol, ";")],
        );
        check("$1", &[(Kind::Symbol, "$"), (Kind::Number, "1")]);
        check(
            "a/* x /* y */ ' */b--c\nd",
            &[(Kind::Word, "a"), (Kind::Word, "b"), (Kind::Word, "d")],
        );
        check("a$b é1", &[(Kind::Word, "a$b"), (Kind::Word, "é1")]);
        check(
            "1e10-.5",
            &[
                (Kind::Number, "1e10"),
                (Kind::Symbol, "-"),
                (Kind::Symbol, "."),
                (Kind::Number, "5"),
            ],
        );
    }

    proptest! {
        #[test]
        fn the_pieces_of_any_text_are_the_text(text in "\\PC*|[eE'\"$/*a\\\\; \n-]{0,30}") {
            let whole: String = tokens(&text).iter().map(|t| t.text).collect();
            prop_assert_eq!(whole, text);
        }
    }
}
