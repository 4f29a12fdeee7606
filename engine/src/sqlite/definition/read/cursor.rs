//! A place among tokens that moves forward.

use crate::sqlite::definition::Error;
use crate::sqlite::tokens::{self, Token};

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: Vec<Token<'a>>,
    pub(super) at: usize,
}

impl Reader<'_> {
    /// One token, or a whole group in brackets.
    pub(super) fn skip(&mut self) -> Result<(), Error> {
        let mut depth = 0_usize;
        loop {
            let Some(token) = self.tokens.get(self.at) else {
                return Err(self.unexpected());
            };
            if token.is_symbol("(") {
                depth += 1;
            } else if token.is_symbol(")") {
                depth = depth.checked_sub(1).ok_or_else(|| self.unexpected())?;
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    pub(super) fn name(&mut self) -> Result<String, Error> {
        match self.tokens.get(self.at).and_then(Token::name) {
            Some(name) => {
                self.at += 1;
                Ok(name)
            }
            None => Err(self.unexpected()),
        }
    }

    pub(super) fn word(&mut self, word: &str) -> Result<(), Error> {
        if self.eat_word(word) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    pub(super) fn symbol(&mut self, symbol: &str) -> Result<(), Error> {
        if self.eat_symbol(symbol) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let there = self.peek_word(word);
        self.at += usize::from(there);
        there
    }

    pub(super) fn eat_symbol(&mut self, symbol: &str) -> bool {
        let there = self.peek_symbol(symbol);
        self.at += usize::from(there);
        there
    }

    pub(super) fn peek_word(&self, word: &str) -> bool {
        self.peek_any(&[word])
    }

    pub(super) fn peek_any(&self, words: &[&str]) -> bool {
        self.tokens.get(self.at).is_some_and(|t| t.is_any_word(words))
    }

    pub(super) fn peek_symbol(&self, symbol: &str) -> bool {
        self.tokens.get(self.at).is_some_and(|t| t.is_symbol(symbol))
    }

    pub(super) fn unexpected(&self) -> Error {
        let token = self.tokens.get(self.at);
        Error::Unexpected {
            found: token.map_or("the end", |t| t.text).to_owned(),
            at: tokens::character(self.text, token.map_or(self.text.len(), |t| t.start)),
        }
    }
}
