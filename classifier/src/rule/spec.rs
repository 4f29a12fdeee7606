//! Sluice specs, made from the names of a statement. What is written here is what `docs/spec.md` declares.

/// A text of TOML in single quotes where it can be, so that SQL stays readable.
pub(crate) fn toml(text: &str) -> String {
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
pub(crate) fn job(words: &[&str]) -> String {
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

/// A column that is filled from the others of its row, and kept right.
pub(crate) struct Fill<'a> {
    /// What the job is called, in words.
    pub(crate) name: &'a [&'a str],
    /// As SQL writes it.
    pub(crate) table: &'a str,
    pub(crate) column: &'a str,
    pub(crate) type_name: &'a str,
    pub(crate) up: &'a str,
    pub(crate) down: Option<&'a str>,
    pub(crate) replaces: Option<&'a str>,
}

impl Fill<'_> {
    /// The spec.
    pub(crate) fn spec(&self) -> String {
        let mut spec = format!(
            "name = {}\n\n[[change]]\nkind = 'add_column'\ntable = {}\ncolumn = {}\ntype = {}\nup = {}",
            job(self.name),
            toml(self.table),
            toml(self.column),
            toml(self.type_name),
            toml(self.up)
        );
        for (key, value) in [("down", self.down), ("replaces", self.replaces)] {
            if let Some(value) = value {
                spec.push_str(&format!("\n{key} = {}", toml(value)));
            }
        }
        spec
    }
}

/// A column under another name; the table as SQL writes it.
pub(crate) fn rename(name: &[&str], table: &str, from: &str, to: &str) -> String {
    format!(
        "name = {}\n\n[[change]]\nkind = 'rename_column'\ntable = {}\nfrom = {}\nto = {}",
        job(name),
        toml(table),
        toml(from),
        toml(to)
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
