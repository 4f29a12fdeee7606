//! The scripts: one a paragraph, read of a file that is SQL itself.

/// Every script, as its statements.
pub(super) fn all() -> Vec<Vec<&'static str>> {
    let paragraphs = include_str!("scripts.sql").split("\n\n").skip(1);
    paragraphs
        .map(|paragraph| {
            let lines = paragraph
                .split(";\n")
                .map(|line| line.trim().trim_end_matches(';'));
            lines.filter(|line| !line.is_empty()).collect()
        })
        .collect()
}

/// The names in a text, as far as a word can be one.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}
