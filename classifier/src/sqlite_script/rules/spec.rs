//! Sluice specs and the twelve-step copy, made from the names of a statement.

use super::{part, sql};
use crate::tokens::Name;

/// A text of TOML in single quotes where it can be, so that SQL stays readable.
pub(super) fn toml(text: &str) -> String {
    let literal = !text.contains(['\'', '\n', '\r']) && !text.chars().any(char::is_control);
    if literal {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A name of a spec: lower-case letters, digits, `-` and `_`, at most 63.
pub(super) fn job(words: &[&str]) -> String {
    let text = words.join("-").to_lowercase();
    let mut name: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect();
    name.truncate(63);
    toml(&name)
}

/// The copy that SQLite's documentation describes, for a table whose new shape is up to the reader.
pub(super) fn copy(table: &Name, to_do: &str) -> String {
    let new = Name {
        schema: table.schema.clone(),
        name: format!("{}_new", table.name),
    };
    format!(
        "PRAGMA foreign_keys = OFF;\nBEGIN IMMEDIATE;\nSELECT sql FROM sqlite_schema WHERE tbl_name = {text};\n\
         -- the same with {to_do}\nCREATE TABLE {new} (/* columns */);\nINSERT INTO {new} SELECT /* columns */ FROM {old};\nDROP TABLE {old};\n\
         ALTER TABLE {new} RENAME TO {name};\n-- its indexes, triggers and views again\nPRAGMA foreign_key_check;\nCOMMIT;\nPRAGMA foreign_keys = ON;",
        text = format_args!("'{}'", table.name.replace('\'', "''")),
        new = sql(&new),
        old = sql(table),
        name = part(&table.name),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_leave_its_quotes() {
        assert_eq!(toml("lower(a)"), "'lower(a)'");
        assert_eq!(toml("a || 'x' || \"b\\\""), r#""a || 'x' || \"b\\\"""#);
        assert_eq!(toml("a\nb'"), r#""a\u000Ab'""#);
    }
}
