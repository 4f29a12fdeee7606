//! A page that grows line by line, at most 100 columns wide except where SQL has longer words.

use std::fmt::Write as _;

use super::Length;

/// The widest line.
const WIDTH: usize = 100;

/// Text that grows line by line.
#[derive(Default)]
pub(super) struct Page {
    pub(super) text: String,
    pub(super) length: Length,
}

impl Page {
    pub(super) fn title(&mut self, title: &str) {
        let _ = writeln!(self.text, "\n{title}");
    }

    /// A statement of a step. The body of a function is as long as the rest of a plan, and the same in every plan of its kind.
    pub(super) fn statement(&mut self, text: &str) {
        let head = text.lines().next().unwrap_or_default();
        let is_function = head.starts_with("CREATE OR REPLACE FUNCTION");
        let is_mirror = head.starts_with("CREATE TRIGGER \"sluice_") && text.contains('\n');
        if (is_function || is_mirror) && self.length == Length::Short {
            self.sql(7, head);
            let lines = text.lines().count() - 1;
            self.paragraph(9, &format!("... {lines} lines: `sluice plan --full` shows them"));
        } else {
            self.sql(7, text);
        }
    }

    /// A line as it is.
    pub(super) fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{}", text.trim_end());
    }

    /// Words, broken at the width and indented alike.
    pub(super) fn paragraph(&mut self, indent: usize, text: &str) {
        for line in broken(text, WIDTH - indent) {
            let _ = writeln!(self.text, "{:indent$}{line}", "");
        }
    }

    /// SQL: its own lines stay, and long ones go on with two more columns.
    pub(super) fn sql(&mut self, indent: usize, text: &str) {
        for line in text.trim_matches('\n').lines() {
            let own = line.len() - line.trim_start().len();
            let mut room = indent + own;
            for piece in broken_sql(line.trim(), WIDTH.saturating_sub(room + 2)) {
                let _ = writeln!(self.text, "{:room$}{piece}", "");
                room = indent + own + 2;
            }
        }
    }
}

/// Lines no wider than `width`, broken between words.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The same, but never inside quotes, where a space counts.
fn broken_sql(text: &str, width: usize) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (None, ' ') => {
                words.push(String::new());
                continue;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None | Some(_), _) => {}
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_functions_are_shown_only_in_full() {
        let shown = |length| {
            let mut page = Page {
                length,
                ..Page::default()
            };
            page.statement("CREATE OR REPLACE FUNCTION f() RETURNS trigger\nAS $$\nBEGIN\nEND\n$$");
            page.statement("SELECT 1");
            page.text
        };
        let short = shown(Length::Short);
        assert!(
            !short.contains("BEGIN") && short.contains("4 lines") && short.contains("SELECT 1"),
            "{short}"
        );
        assert!(shown(Length::Full).contains("BEGIN"));
    }

    #[test]
    fn lines_break_between_words_and_never_inside_quotes() {
        assert_eq!(broken("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(broken_sql("a = 'x y z' AND b", 5), ["a =", "'x y z'", "AND b"]);
    }
}
