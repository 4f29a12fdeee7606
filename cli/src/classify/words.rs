//! The words of scripts, so that a database is asked for no more tables than they may mean.
//!
//! A word is what could be a name, wherever it stands: no parser has to agree with the server about what is one. It is kept as it is written and in
//! lower case, because the one is how a quoted name is spelled in the catalog and the other how any other is.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};

use super::record::Unreadable;
use super::walk::{Input, Source};

/// More different words than this are a dump's rows.
const MOST: usize = 50_000;

/// The words of every file; None: too many to ask by, or what can be read only once. A file that cannot be read has none, and is told of when it is judged.
#[must_use]
pub fn of(sources: &[Result<Source, Unreadable>]) -> Option<Vec<String>> {
    let mut words = BTreeSet::new();
    for source in sources.iter().flatten() {
        let read = match &source.input {
            Input::Stdin => return None,
            Input::Text(text) => read(&text[..], &mut words),
            Input::Path(path) => File::open(path).and_then(|file| read(BufReader::new(file), &mut words)),
        };
        match read {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => tracing::debug!(file = source.name, %error, "its words are not read"),
        }
    }
    Some(words.into_iter().collect())
}

/// False: too many.
fn read(mut reader: impl BufRead, words: &mut BTreeSet<String>) -> io::Result<bool> {
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')) {
            let is_name = word.chars().next().is_some_and(|c| !c.is_ascii_digit());
            if is_name && !words.contains(word) {
                words.insert(word.to_lowercase());
                words.insert(word.to_owned());
            }
        }
        // A name in quotes may hold anything.
        for quoted in text.split('"').skip(1).step_by(2) {
            words.insert(quoted.to_owned());
        }
        if words.len() > MOST {
            return Ok(false);
        }
        line.clear();
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_kept_as_the_catalog_may_spell_it() {
        let mut words = BTreeSet::new();
        let text = "ALTER TABLE app.\"Order lines\" ADD Größe int DEFAULT 5e3; -- a_1$\n";
        assert!(read(text.as_bytes(), &mut words).unwrap());
        for word in ["alter", "app", "Order lines", "Größe", "größe", "a_1$"] {
            assert!(words.contains(word), "{word} of {words:?}");
        }
        assert!(!words.iter().any(|word| word.starts_with('5')), "{words:?}");
    }

    #[test]
    fn a_dump_has_too_many() {
        let rows: String = (0..=MOST).map(|n| format!("w{n}\n")).collect();
        assert!(!read(rows.as_bytes(), &mut BTreeSet::new()).unwrap());
    }
}
