//! Triggers, from their text: SQLite has no pragma for them.

use super::Object;
use crate::catalog::Trigger;
use crate::postgres::error::Error;
use crate::sqlite::tokens::Token;

/// How the names of Sluice's own triggers begin.
const OURS: &str = "sluice_";

/// What stands before BEGIN, and where the body is.
pub(super) struct Head {
    before: bool,
    insert: bool,
    update: bool,
    pub(super) update_of: Vec<String>,
    /// The first token after BEGIN.
    pub(super) body: usize,
}

/// A trigger of a user, on whatever table.
pub(super) fn is_users(object: &Object) -> bool {
    let ours = object
        .name
        .get(..OURS.len())
        .is_some_and(|begin| begin.eq_ignore_ascii_case(OURS));
    object.kind == "trigger" && !ours
}

/// The users' triggers on a table or a view, in the order of their names.
pub(super) fn on(objects: &[Object], table: &Object) -> Result<Vec<Trigger>, Error> {
    let mut found = Vec::new();
    for object in objects
        .iter()
        .filter(|o| is_users(o) && o.of.eq_ignore_ascii_case(&table.name))
    {
        let head = head(&object.tokens()?);
        found.push(Trigger {
            name: object.name.clone(),
            definition: object.text.clone(),
            before_row: head.before,
            on_update: head.update,
            on_insert: head.insert,
            enabled: 'O',
            update_of: head.update_of,
        });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// `CREATE TRIGGER name [BEFORE | AFTER | INSTEAD OF] {DELETE | INSERT | UPDATE [OF columns]} ON table ... BEGIN`, as the file keeps it:
/// without TEMP, IF NOT EXISTS and schema.
pub(super) fn head(tokens: &[Token<'_>]) -> Head {
    let is = |at: usize, words: &[&str]| tokens.get(at).is_some_and(|t| t.is_any_word(words));
    let time = 3;
    let (before, event) = if is(time, &["INSTEAD"]) {
        (false, time + 2)
    } else if is(time, &["BEFORE", "AFTER"]) {
        (is(time, &["BEFORE"]), time + 1)
    } else {
        // Without a word, SQLite takes BEFORE.
        (true, time)
    };
    let on = (event..tokens.len())
        .find(|i| is(*i, &["ON"]))
        .unwrap_or(tokens.len());
    let update_of = tokens.get(event + 2..on).unwrap_or_default();
    let begin = (on..tokens.len()).find(|i| is(*i, &["BEGIN"]) && !tokens[*i - 1].is_symbol("."));
    Head {
        before,
        insert: is(event, &["INSERT"]),
        update: is(event, &["UPDATE"]),
        update_of: update_of.iter().filter_map(Token::name).collect(),
        body: begin.map_or(tokens.len(), |i| i + 1),
    }
}

/// A body inserts into, updates or deletes from the table.
pub(super) fn writes(body: &[Token<'_>], table: &str) -> bool {
    // DO UPDATE SET names no table.
    let is_target = |at: usize| {
        body.get(at)
            .is_some_and(|t| t.is_name(table) && !t.is_word("SET"))
    };
    body.iter().enumerate().any(|(i, token)| {
        let deletes = token.is_word("FROM") && i > 0 && body[i - 1].is_word("DELETE");
        if token.is_word("INTO") || deletes {
            return is_target(i + 1);
        }
        // UPDATE OR IGNORE track
        let or = body.get(i + 1).is_some_and(|t| t.is_word("OR"));
        token.is_word("UPDATE") && is_target(if or { i + 3 } else { i + 1 })
    })
}
