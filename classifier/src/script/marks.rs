//! What comments say to migration tools: which direction of the migration begins, and that no transaction is opened around it.
//!
//! goose, dbmate and sql-migrate write both directions into one file; sqlx has one mark. Marks that only say where a statement ends
//! (`StatementBegin`) are not needed: bodies are understood.

use super::Side;

/// What a line comment means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// This direction begins.
    Begins(Side),
    /// The tool opens no transaction around this file.
    NoTransaction,
}

/// The mark in a comment, if it is one.
pub(super) fn read(comment: &str) -> Option<Mark> {
    let comment = comment.trim().to_ascii_lowercase();
    if comment == "no-transaction" {
        return Some(Mark::NoTransaction);
    }
    let mut words = comment.split_whitespace();
    match (words.next()?, words.next()) {
        ("+goose" | "+migrate", Some("up")) => Some(if words.any(|word| word == "notransaction") {
            Mark::NoTransaction
        } else {
            Mark::Begins(Side::Up)
        }),
        ("migrate:up", option) => Some(if option == Some("transaction:false") {
            Mark::NoTransaction
        } else {
            Mark::Begins(Side::Up)
        }),
        ("+goose" | "+migrate", Some("down")) | ("migrate:down", _) => Some(Mark::Begins(Side::Down)),
        ("+goose", Some("no")) if words.next() == Some("transaction") => Some(Mark::NoTransaction),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_of_each_tool_are_known() {
        for (comment, mark) in [
            (" +goose Up", Some(Mark::Begins(Side::Up))),
            (" +goose Down", Some(Mark::Begins(Side::Down))),
            (" +goose NO TRANSACTION", Some(Mark::NoTransaction)),
            (" +goose StatementBegin", None),
            (" +migrate Up notransaction", Some(Mark::NoTransaction)),
            (" migrate:up", Some(Mark::Begins(Side::Up))),
            (" migrate:up transaction:false", Some(Mark::NoTransaction)),
            (" migrate:down", Some(Mark::Begins(Side::Down))),
            (" no-transaction", Some(Mark::NoTransaction)),
            (" this goes up", None),
            ("", None),
        ] {
            assert_eq!(read(comment), mark, "{comment:?}");
        }
    }
}
