//! The questions: has it already happened? Each is one boolean query that any role may ask, because the catalog's own tables
//! are readable by all, and that waits for no lock on the user's table.
//!
//! Whoever runs a swap asks before and after, so an answer must see through a half: a replaced body, a trigger that somebody
//! disabled, a partition where it was disabled alone, a column that bears the other name.

use sha2::{Digest, Sha256};

use super::alone::SPELLED;
use super::{Mirror, SCHEMA};
use crate::postgres::ident;

fn trigger_query(mirror: &Mirror) -> String {
    format!(
        "SELECT FROM pg_catalog.pg_trigger AS t \
         JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid \
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {} AND t.tgname = {}",
        ident::literal(&mirror.table.schema),
        ident::literal(&mirror.table.name),
        ident::literal(&mirror.trigger),
    )
}

fn function_query(mirror: &Mirror) -> String {
    format!(
        "SELECT FROM pg_catalog.pg_proc AS p \
         JOIN pg_catalog.pg_namespace AS s ON s.oid = p.pronamespace \
         WHERE s.nspname = {} AND p.proname = {} AND p.pronargs = 0",
        ident::literal(SCHEMA),
        ident::literal(&mirror.function),
    )
}

fn counter_query(mirror: &Mirror) -> String {
    format!(
        "SELECT FROM pg_catalog.pg_class AS q \
         JOIN pg_catalog.pg_namespace AS s ON s.oid = q.relnamespace \
         WHERE s.nspname = {} AND q.relname = {} AND q.relkind = 'S'",
        ident::literal(SCHEMA),
        ident::literal(&mirror.counter),
    )
}

/// Rows for those of the names that are columns of the table now.
fn column_query<'a>(mirror: &Mirror, names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.map(|name| ident::literal(name)).collect();
    format!(
        "SELECT FROM pg_catalog.pg_attribute AS a \
         JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid \
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {} AND a.attname IN ({}) AND NOT a.attisdropped",
        ident::literal(&mirror.table.schema),
        ident::literal(&mirror.table.name),
        names.join(", "),
    )
}

/// Every one of `there` is a column, and none of `gone` is.
fn columns<'a>(
    mirror: &Mirror,
    there: impl Iterator<Item = &'a String>,
    gone: impl Iterator<Item = &'a String>,
) -> String {
    let there: Vec<String> = there
        .map(|name| format!("EXISTS ({})", column_query(mirror, std::iter::once(name))))
        .collect();
    format!(
        "{} AND NOT EXISTS ({})",
        there.join(" AND "),
        column_query(mirror, gone)
    )
}

/// Trigger enabled ALWAYS, as we install it ('O' tells that somebody disabled and enabled it; 7: each row, before,
/// insert; 16: update), for all but a declared batch, on our function, whose body is exactly ours; on every partition too, where it can be disabled
/// alone; and nowhere a trigger that fires after it (3: each row, before; 20: insert, update; names compare as bytes)
/// and could change a row behind the mirror. Asks the catalog's own tables only: `pg_partition_tree` would wait for
/// whoever has locked a partition.
pub(super) fn installed(mirror: &Mirror, body: &str) -> String {
    let digest: String = Sha256::digest(body.as_bytes())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let function = function_query(mirror);
    let spelled = SPELLED.map(ident::literal).join(", ");
    // Without a relation, deparsing opens none, and so waits for nobody; a condition on columns is not ours, and would need one.
    let when = format!(
        "CASE WHEN t.tgqual IS NULL OR t.tgqual::text LIKE '%{{VAR %' THEN false \
         ELSE pg_catalog.pg_get_expr(t.tgqual, 0) IN ({spelled}) END"
    );
    format!(
        "SELECT EXISTS ({} AND t.tgenabled = 'A' AND t.tgtype = 23 AND t.tgattr = '' \
         AND ({when}) \
         AND EXISTS ({function} AND p.oid = t.tgfoid AND p.prosecdef \
         AND pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p.prosrc, 'UTF8')), 'hex') = '{digest}') \
         AND NOT EXISTS (WITH RECURSIVE family AS (SELECT t.tgrelid AS relid UNION \
         SELECT i.inhrelid FROM family AS f JOIN pg_catalog.pg_inherits AS i ON i.inhparent = f.relid) \
         SELECT FROM family AS f WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS own \
         WHERE own.tgrelid = f.relid AND own.tgname = t.tgname AND own.tgfoid = t.tgfoid AND own.tgenabled = 'A') \
         OR EXISTS (SELECT FROM pg_catalog.pg_trigger AS later \
         WHERE later.tgrelid = f.relid AND later.tgname > t.tgname AND later.tgtype & 3 = 3 \
         AND later.tgtype & 20 <> 0 AND later.tgenabled <> 'D'))) \
         AND EXISTS ({})",
        trigger_query(mirror),
        counter_query(mirror),
    )
}

/// Trigger, function and counter are gone. The function is looked for by its name alone, so a mirror on a table that
/// somebody renamed is not overlooked.
pub(super) fn removed(mirror: &Mirror) -> String {
    format!(
        "SELECT NOT EXISTS ({}) AND NOT EXISTS ({}) AND NOT EXISTS ({})",
        trigger_query(mirror),
        function_query(mirror),
        counter_query(mirror),
    )
}

/// [`installed`] with the body that reads hidden names, and the columns bear them.
pub(super) fn hidden(mirror: &Mirror, body: &str) -> String {
    let (names, old) = (
        mirror.hidden.iter().map(|h| &h.name),
        mirror.hidden.iter().map(|h| &h.column),
    );
    format!("{} AND {}", installed(mirror, body), columns(mirror, names, old))
}

/// [`installed`] with the body that reads the old names, and the columns bear them again.
pub(super) fn unhidden(mirror: &Mirror, body: &str) -> String {
    let (names, old) = (
        mirror.hidden.iter().map(|h| &h.name),
        mirror.hidden.iter().map(|h| &h.column),
    );
    format!("{} AND {}", installed(mirror, body), columns(mirror, old, names))
}

/// [`removed`], and the hidden columns are gone.
pub(super) fn dropped(mirror: &Mirror) -> String {
    let names = mirror.hidden.iter().map(|h| &h.name);
    format!(
        "{} AND NOT EXISTS ({})",
        removed(mirror),
        column_query(mirror, names)
    )
}
