//! The text of one statement, read into an [`Action`].
//!
//! The syntax tree is squawk's, which keeps positions and goes on after an error. We do not go on: a statement with any error is
//! [`Action::Unread`], for what is left of the tree then is a guess. A tree without a part that the grammar demands (none is known)
//! is [`Action::Opaque`]. The parser calls itself for what is nested, so what is nested absurdly deep is refused before it sees it.
//! What would break it: a new version of the parser under which a node is named or nested in another way; the tests of the lock model would say.

mod alter;
mod columns;
mod constraints;
mod depth;
mod drops;
mod expressions;
mod indexes;
mod objects;
mod privileges;
mod queries;
mod rows;
mod rows_of_literals;
mod settings;
mod statement;
mod tables;
mod tree;
mod triggers;
mod types;
mod views;

use std::borrow::Cow;

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{Parse, SourceFile, SyntaxKind, SyntaxNode};

use super::action::Action;

/// Reads one statement, with or without its semicolon, with or without comments around it.
pub(crate) fn parse(text: &str) -> Action {
    match rows_of_literals::shortened(text) {
        Cow::Borrowed(text) => whole(text),
        Cow::Owned(short) => match whole(&short) {
            // Once more, for where the error is.
            Action::Unread { .. } => whole(text),
            action => action,
        },
    }
}

fn whole(text: &str) -> Action {
    if let Some(why) = depth::refused(text) {
        return unread(text, 0, why);
    }
    let parsed = SourceFile::parse(text);
    if let Some((offset, message)) = first_error(&parsed) {
        return unread(text, offset, &message);
    }
    let Some(file) = SourceFile::cast(parsed.syntax_node()) else {
        return unread(text, 0, "no statement");
    };
    let mut statements = file.stmts().filter(|it| !matches!(it, ast::Stmt::EmptyStmt(_)));
    let (Some(statement), second) = (statements.next(), statements.next()) else {
        return Action::Nothing;
    };
    if let Some(second) = second {
        let offset = second.syntax().text_range().start().into();
        return unread(
            text,
            offset,
            "one statement was expected, and here a second one begins",
        );
    }
    statement::action(&statement).unwrap_or_else(|| opaque(statement.syntax()))
}

/// A constraint as `pg_get_constraintdef` spells it.
pub(crate) fn constraint(definition: &str) -> Option<super::action::Constraint> {
    match parse(&format!("ALTER TABLE t ADD {definition}")) {
        Action::AlterTable(table) => table.changes.into_iter().find_map(|change| match change {
            super::action::Alter::AddConstraint(constraint) => Some(constraint),
            _ => None,
        }),
        _ => None,
    }
}

/// The syntax tree of a text without errors.
pub(crate) fn tree(text: &str) -> Option<Parse<SourceFile>> {
    if depth::refused(text).is_some() {
        return None;
    }
    let parsed = SourceFile::parse(text);
    first_error(&parsed).is_none().then_some(parsed)
}

/// A statement that is run, not read, by its first word.
fn opaque(node: &SyntaxNode) -> Action {
    let word = node.first_token().map(|token| token.text().to_uppercase());
    Action::Opaque {
        what: word.unwrap_or_default(),
    }
}

/// Where the first error is; those inside the body of a function do not count: a body is stored, and not run now.
fn first_error(parsed: &Parse<SourceFile>) -> Option<(usize, String)> {
    let errors = parsed.errors();
    if errors.is_empty() {
        return None;
    }
    let bodies: Vec<_> = parsed
        .syntax_node()
        .descendants()
        .filter(|node| node.kind() == SyntaxKind::AS_DEFINITION)
        .map(|node| node.text_range())
        .collect();
    let error = errors
        .iter()
        .find(|error| !bodies.iter().any(|body| body.contains_range(error.range())))?;
    Some((error.range().start().into(), error.message().to_owned()))
}

/// What did not parse, with the line and the token at the byte `offset`.
fn unread(text: &str, offset: usize, message: &str) -> Action {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let rest = text.get(offset..).unwrap_or_default().trim_start();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let token = match rest.chars().next() {
        Some(first) if is_word(first) => rest.chars().take_while(|c| is_word(*c)).take(60).collect(),
        Some(first) => first.to_string(),
        None => String::new(),
    };
    Action::Unread {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        token,
        message: message.to_owned(),
    }
}
