//! A place in a row of tokens, for readers that go on word by word.

use super::{Kind, Token};

/// What is left to read.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    sql: &'a str,
    tokens: &'a [Token<'a>],
    at: usize,
}

/// The name of a table, view or index, without quotes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    /// What stands before the point.
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.name)
    }
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(sql: &'a str, tokens: &'a [Token<'a>]) -> Self {
        Self { sql, tokens, at: 0 }
    }

    /// A cursor over other tokens of the same text.
    pub(crate) fn over(&self, tokens: &'a [Token<'a>]) -> Self {
        Self::new(self.sql, tokens)
    }

    pub(crate) fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at)
    }

    pub(crate) fn next(&mut self) -> Option<&'a Token<'a>> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    pub(crate) fn rest(&self) -> &'a [Token<'a>] {
        &self.tokens[self.at..]
    }

    pub(crate) fn at_end(&self) -> bool {
        self.at == self.tokens.len()
    }

    /// The next token is this word or symbol.
    pub(crate) fn sees(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| token.is(word))
    }

    /// Goes past the word, if it stands here.
    pub(crate) fn eat(&mut self, word: &str) -> bool {
        let found = self.sees(word);
        self.at += usize::from(found);
        found
    }

    /// Goes past all the words, or stays.
    pub(crate) fn eat_all(&mut self, words: &[&str]) -> bool {
        let rest = self.rest();
        let found = rest.len() >= words.len() && rest.iter().zip(words).all(|(token, word)| token.is(word));
        if found {
            self.at += words.len();
        }
        found
    }

    /// Goes past whichever of the words stands here.
    pub(crate) fn eat_any(&mut self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().copied().find(|word| self.eat(word))
    }

    /// One name, quoted or not.
    pub(crate) fn identifier(&mut self) -> Option<String> {
        let token = self.peek()?;
        let name = match token.kind {
            Kind::Word if !token.text.starts_with('@') => token.text.to_owned(),
            Kind::Quoted => unquote(token.text),
            Kind::Word | Kind::Text | Kind::Number | Kind::Symbol => return None,
        };
        self.at += 1;
        Some(name)
    }

    /// `name` or `schema.name`.
    pub(crate) fn name(&mut self) -> Option<Name> {
        let first = self.identifier()?;
        if !self.eat(".") {
            return Some(Name {
                schema: None,
                name: first,
            });
        }
        Some(Name {
            schema: Some(first),
            name: self.identifier()?,
        })
    }

    /// What stands in the parentheses that open here.
    pub(crate) fn group(&mut self) -> Option<&'a [Token<'a>]> {
        if !self.sees("(") {
            return None;
        }
        let mut depth = 0_usize;
        for (offset, token) in self.rest().iter().enumerate() {
            depth += usize::from(token.is("("));
            depth -= usize::from(token.is(")"));
            if depth == 0 {
                let inside = &self.tokens[self.at + 1..self.at + offset];
                self.at += offset + 1;
                return Some(inside);
            }
        }
        None
    }

    /// One value: a word, string or number with a sign, or a group; with the group behind a word, as of a function.
    pub(crate) fn value(&mut self) -> Option<&'a [Token<'a>]> {
        let from = self.at;
        if self.group().is_some() {
            return Some(&self.tokens[from..self.at]);
        }
        let _signed = self.eat("-") || self.eat("+");
        let token = self.next()?;
        match token.kind {
            Kind::Symbol => {
                self.at = from;
                return None;
            }
            Kind::Word => {
                let _arguments = self.group();
                // `_utf8mb4'x'`, `b'1'`, `TIMESTAMP '2020-01-01'`.
                if self.peek().is_some_and(|token| token.kind == Kind::Text) {
                    self.at += 1;
                }
            }
            Kind::Quoted | Kind::Text | Kind::Number => {}
        }
        Some(&self.tokens[from..self.at])
    }

    /// The text from the first to the last of the tokens.
    pub(crate) fn text(&self, tokens: &[Token<'a>]) -> &'a str {
        match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => &self.sql[first.start..last.end()],
            _ => "",
        }
    }
}

/// Cut at the commas that stand in no parentheses.
pub(crate) fn list<'a>(tokens: &'a [Token<'a>]) -> Vec<&'a [Token<'a>]> {
    let mut depth = 0_usize;
    tokens
        .split(|token| {
            depth += usize::from(token.is("("));
            depth = depth.saturating_sub(usize::from(token.is(")")));
            depth == 0 && token.is(",")
        })
        .collect()
}

fn unquote(quoted: &str) -> String {
    let mut characters = quoted.chars();
    let Some(opening) = characters.next() else {
        return String::new();
    };
    characters.next_back();
    let inside = characters.as_str();
    if opening == '[' {
        return inside.to_owned();
    }
    let one = String::from(opening);
    inside.replace(&one.repeat(2), &one)
}

/// The name in quotes, those inside doubled.
pub(crate) fn quote(name: &Name, quote: char) -> String {
    let one = |part: &str| {
        format!(
            "{quote}{}{quote}",
            part.replace(quote, &String::from(quote).repeat(2))
        )
    };
    match &name.schema {
        Some(schema) => format!("{}.{}", one(schema), one(&name.name)),
        None => one(&name.name),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Quoting, lex};
    use super::*;

    #[test]
    fn a_name_loses_its_quotes_and_gets_them_back() {
        let sql = "`a``b`.`c d`";
        let tokens = lex(sql, Quoting::MySql).unwrap();
        let name = Cursor::new(sql, &tokens).name().unwrap();
        assert_eq!(name.to_string(), "a`b.c d");
        assert_eq!(quote(&name, '`'), sql);
    }

    #[test]
    fn a_list_is_cut_outside_of_parentheses_only() {
        let sql = "a, f(b, c), d)";
        let tokens = lex(sql, Quoting::Sqlite).unwrap();
        let cursor = Cursor::new(sql, &tokens);
        let parts: Vec<_> = list(&tokens).into_iter().map(|part| cursor.text(part)).collect();
        assert_eq!(parts, ["a", "f(b, c)", "d)"]);
    }

    #[test]
    fn a_group_that_does_not_close_is_none() {
        let sql = "(a (b)";
        let tokens = lex(sql, Quoting::Sqlite).unwrap();
        assert!(Cursor::new(sql, &tokens).group().is_none());
    }
}
