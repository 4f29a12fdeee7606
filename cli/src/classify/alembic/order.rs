//! The order of Alembic's migrations: each names the one before it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::python::{Kind, Token, tokens};

/// What the beginning of a migration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its name.
    pub revision: String,
    /// Those before it; none of the first, several of a merge.
    pub after: Vec<String>,
}

/// The head of a migration; None: the file is something else.
#[must_use]
pub fn head(source: &str) -> Option<Head> {
    let tokens = tokens(source);
    let revision = assigned(&tokens, "revision")?.into_iter().next()?;
    let after = assigned(&tokens, "down_revision")?;
    Some(Head { revision, after })
}

/// The strings that a module gives to a name.
fn assigned(tokens: &[Token], name: &str) -> Option<Vec<String>> {
    let at = tokens
        .windows(2)
        .position(|pair| pair[0].kind == Kind::Line(0) && pair[1].kind == Kind::Name(name.to_owned()))?;
    let line = tokens[at + 2..]
        .iter()
        .take_while(|token| !matches!(token.kind, Kind::Line(_)));
    let strings = line.skip_while(|token| token.kind != Kind::Mark('='));
    let strings = strings.filter_map(|token| match &token.kind {
        Kind::Text { text } => text.clone(),
        Kind::Name(_) | Kind::Mark(_) | Kind::Line(_) | Kind::Comment(_) => None,
    });
    Some(strings.collect())
}

/// Each behind those that it comes after, otherwise as they came in. In a circle, which Alembic would refuse, too.
#[must_use]
pub fn in_order(files: Vec<(PathBuf, Head)>) -> Vec<PathBuf> {
    let known: BTreeSet<String> = files.iter().map(|(_, head)| head.revision.clone()).collect();
    let mut waiting: BTreeMap<usize, (PathBuf, Head)> = files.into_iter().enumerate().collect();
    let mut done = BTreeSet::new();
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let is_ready = |head: &Head| {
            head.after
                .iter()
                .all(|name| done.contains(name) || !known.contains(name))
        };
        let ready: Vec<usize> = waiting
            .iter()
            .filter(|(_, (_, head))| is_ready(head))
            .map(|(at, _)| *at)
            .collect();
        let next = if ready.is_empty() {
            waiting.keys().copied().collect()
        } else {
            ready
        };
        for at in next {
            if let Some((path, head)) = waiting.remove(&at) {
                ordered.push(path);
                done.insert(head.revision);
            }
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, source: &str) -> (PathBuf, Head) {
        (PathBuf::from(name), head(source).unwrap())
    }

    #[test]
    fn migrations_follow_what_they_name() {
        let files = vec![
            file(
                "a",
                "revision: str = 'r3'\ndown_revision: Union[str, None] = ('r2', \"x\")\n",
            ),
            file("b", "revision = \"r1\"\ndown_revision = None\n"),
            file("c", "revision = 'r2'\ndown_revision = 'r1'\n"),
            file("d", "revision = 'x'\ndown_revision = 'elsewhere'\n"),
        ];
        let names: Vec<String> = in_order(files)
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        assert_eq!(names, ["b", "d", "c", "a"]);
        let circle = vec![
            file("a", "revision = 'r1'\ndown_revision = 'r2'\n"),
            file("b", "revision = 'r2'\ndown_revision = 'r1'\n"),
        ];
        assert_eq!(in_order(circle).len(), 2);
        assert_eq!(head("import os\nrevision = 1"), None);
    }
}
